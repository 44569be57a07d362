"""Symbols, user names and currency codes behind numbers, on the operator's side.

They come from the daemon (a request) or from a rebuilt state. A number may stand for any name:
``#7``.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from exchange.control.socket import Request, ask
from exchange.errors import ConfigurationError, Refused
from exchange.settings.exact import scaled, unscaled

if TYPE_CHECKING:
    # every command of the command line reads this module, and few need the compiler's packages
    from exchange.recovery.facts import EngineFacts

NANOSECONDS = 1_000_000_000  # in a second


def time_text(time_ns: int) -> str:
    """UTC, to the second."""
    moment = datetime.datetime.fromtimestamp(time_ns // NANOSECONDS, datetime.UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


class KnownInstrument(NamedTuple):
    symbol: str
    price_decimals: int
    currency: int
    group: int


class Names:
    """Currencies: number -> (code, decimals); sessions: number -> (user name, account).

    ``time_ns``: the exchange's time, ns since 1970 (UTC), which need not be the wall clock's.
    """

    def __init__(
        self,
        currencies: Mapping[int, Sequence[Any]],
        instruments: Mapping[int, Sequence[Any]],
        sessions: Mapping[int, Sequence[Any]],
        time_ns: int = 0,
    ) -> None:
        self.currencies = {int(n): (str(c[0]), int(c[1])) for n, c in currencies.items()}
        self.instruments = {int(n): KnownInstrument(*i) for n, i in instruments.items()}
        self.sessions = {int(n): (str(s[0]), int(s[1])) for n, s in sessions.items()}
        self.time_ns = time_ns or time.time_ns()

    @classmethod
    def of_daemon(cls, data_directory: Path) -> Names:
        """The names of the running exchange. Raises NotRunning, Refused."""
        answer = ask(data_directory, Request(command="names"))
        if not answer.get("ok"):
            raise Refused(str(answer.get("error")))
        return cls(
            answer["currencies"],
            answer["instruments"],
            answer["sessions"],
            int(answer.get("time_ns", 0)),
        )

    @classmethod
    def of_facts(cls, facts: EngineFacts) -> Names:
        """The names of a rebuilt state."""
        return cls(
            {n: c[:2] for n, c in facts.currencies.items()},
            {
                n: (i.terms.symbol, i.terms.price_decimals, i.terms.currency, i.terms.group)
                for n, i in facts.instruments.items()
            },
            {n: (s.username, s.account) for n, s in facts.sessions.items()},
        )

    def instrument(self, text: str) -> int:
        """The number of a symbol. Raises ConfigurationError."""
        return _find(text, {n: i.symbol for n, i in self.instruments.items()}, "instrument")

    def session(self, text: str) -> int:
        """The number of a user name. Raises ConfigurationError."""
        return _find(text, {n: s[0] for n, s in self.sessions.items()}, "session")

    def currency(self, text: str) -> int:
        """The number of a code. Raises ConfigurationError."""
        return _find(text, {n: c[0] for n, c in self.currencies.items()}, "currency")

    def has_currency(self, text: str) -> bool:
        """Whether ``text`` is the code of a currency."""
        return any(code == text for code, _ in self.currencies.values())

    def symbol(self, instrument: int) -> str:
        """The symbol of an instrument, ``#7`` when number 7 has none."""
        known = self.instruments.get(instrument)
        return known.symbol if known else f"#{instrument}"

    def username(self, session: int) -> str:
        """The user name of a session, ``#7`` when number 7 has none."""
        return self.sessions.get(session, (f"#{session}", 0))[0]

    def code(self, currency: int) -> str:
        """The code of a currency, ``#7`` when number 7 has none."""
        return self.currencies.get(currency, (f"#{currency}", 0))[0]

    def currency_decimals(self, currency: int) -> int:
        """The decimals of a currency, 0 when there is no such currency."""
        return self.currencies.get(currency, ("", 0))[1]

    def money(self, currency: int, minor: int) -> str:
        """Minor units as currency units."""
        return str(unscaled(minor, self.currency_decimals(currency)))

    def price(self, instrument: int, minor: int) -> str:
        """Minor units as a price."""
        known = self.instruments.get(instrument)
        return str(unscaled(minor, known.price_decimals if known else 0))


def _find(text: str, names: Mapping[int, str], what: str) -> int:
    for number, name in names.items():
        if name == text:
            return number
    digits = text.removeprefix("#")
    if text.startswith("#") and digits.isdecimal():
        return int(digits)
    known = ", ".join(sorted(names.values())[:20]) or "none is defined"
    raise ConfigurationError(f"no {what} {text!r} (there are: {known})")


def exact(text: str, decimals: int, what: str) -> int:
    """A decimal number on the command line as minor units. Raises ConfigurationError."""
    try:
        return scaled(Decimal(text), decimals)
    except (ArithmeticError, ValueError) as error:
        reason = str(error) if isinstance(error, ValueError) else "not a number"
        raise ConfigurationError(f"{what} {text!r}: {reason}") from None
