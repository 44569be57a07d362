"""The names behind the numbers of a journal: symbols, user names, currencies, decimals.

Who uses it: every command of ``exchange-replay`` that prints records. Filled from CURRENCY,
INSTRUMENT and SESSION commands, or from an engine state (a snapshot's). Invariant: each of them is
defined once and never changes, so a later definition never renames what an earlier record meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from exchange.codes import CommandKind
from exchange.engine.state.layout import (
    CURRENCY_CODE,
    CURRENCY_DECIMALS,
    CURRENCY_DEFINED,
    CURRENCY_WORDS,
    INSTRUMENT_FLAGS,
    INSTRUMENT_SYMBOL,
    INSTRUMENT_WORDS,
    SESSION_FLAGS,
    SESSION_USERNAME,
    SESSION_WORDS,
    EngineState,
)
from exchange.records import ADMIN_CONTINUATION, INSTRUMENT_CONTINUATION, word_text


@dataclass
class Directory:
    """Names by number. Unknown numbers print as ``#7``."""

    symbols: dict[int, str] = field(default_factory=dict)
    decimals: dict[int, int] = field(default_factory=dict)  # of an instrument's prices
    usernames: dict[int, str] = field(default_factory=dict)
    currencies: dict[int, tuple[str, int]] = field(default_factory=dict)  # code, decimals
    currency_of_instrument: dict[int, int] = field(default_factory=dict)

    def define_instrument(
        self, instrument: int, symbol: str, decimals: int, currency: int = 0
    ) -> None:
        self.symbols.setdefault(instrument, symbol)
        self.decimals.setdefault(instrument, decimals)
        self.currency_of_instrument.setdefault(instrument, currency)

    def define_session(self, session: int, username: str) -> None:
        self.usernames.setdefault(session, username)

    def define_currency(self, currency: int, code: str, decimals: int) -> None:
        self.currencies.setdefault(currency, (code, decimals))

    def learn_command(self, command: Any, continuation: Any) -> None:
        """Take the definition out of a command, if it is one; ``continuation``: second slot, None.

        A definition that the matcher refused has no effect on one that it accepted before;
        one that it refused outright still names what its sender meant.
        """
        kind = int(command["kind"])
        if kind == CommandKind.INSTRUMENT and continuation is not None:
            second = np.frombuffer(continuation.tobytes(), INSTRUMENT_CONTINUATION)[0]
            self.define_instrument(
                int(command["instrument"]),
                word_text(command["token_0"]),
                int(command["display"]),
                int(second["currency"]),
            )
        elif kind == CommandKind.SESSION:
            self.define_session(int(command["session"]), word_text(command["token_0"]))
        elif kind == CommandKind.CURRENCY and continuation is not None:
            second = np.frombuffer(continuation.tobytes(), ADMIN_CONTINUATION)[0]
            self.define_currency(
                int(second["currency"]),
                word_text(second["value_0"]),
                int(np.clip(second["value_1"], 0, 18)),
            )

    def learn_state(self, state: EngineState) -> None:
        """Take what an engine's state knows: definitions that the matcher accepted."""
        instruments = state.instruments.reshape(-1, INSTRUMENT_WORDS)
        for instrument in np.nonzero(instruments[:, INSTRUMENT_FLAGS] & 1)[0]:
            flags = int(instruments[instrument, INSTRUMENT_FLAGS])
            symbol = word_text(instruments[instrument, INSTRUMENT_SYMBOL])
            self.define_instrument(int(instrument), symbol, flags >> 8 & 0xFF, flags >> 32 & 0xFFFF)
        sessions = state.sessions.reshape(-1, SESSION_WORDS)
        for session in np.nonzero(SESSION_FLAGS.column(sessions))[0]:
            if session:  # row 0 holds the defaults
                username = SESSION_USERNAME.of(sessions[session])
                self.define_session(int(session), word_text(username))
        currencies = state.currencies.reshape(-1, CURRENCY_WORDS)
        for currency in np.nonzero(CURRENCY_DEFINED.column(currencies))[0]:
            row = currencies[currency]
            code = word_text(CURRENCY_CODE.of(row))
            self.define_currency(int(currency), code, CURRENCY_DECIMALS.of(row))

    def symbol(self, instrument: int) -> str:
        """Symbol of an instrument id; empty for 0, which no instrument has."""
        if instrument == 0:
            return ""
        return self.symbols.get(instrument, f"#{instrument}")

    def username(self, session: int) -> str:
        """User name of a session id; empty for 0, which no session has."""
        if session == 0:
            return ""
        return self.usernames.get(session, f"#{session}")

    def currency(self, currency: int) -> str:
        """Code of a currency id; empty for 0, which no currency has."""
        if currency == 0:
            return ""
        return self.currencies.get(currency, (f"#{currency}", 0))[0]

    def currency_of(self, instrument: int) -> int:
        """Currency id of an instrument; 0 if the instrument is unknown."""
        return self.currency_of_instrument.get(instrument, 0)

    def money(self, currency: int, amount: int) -> str:
        """``amount`` in minor units of the currency, as a decimal number."""
        return decimal_text(amount, self.currencies.get(currency, ("", 0))[1])

    def instrument_of(self, text: str) -> int | None:
        """Instrument id of a symbol, or of ``#7`` or ``7``; None if it is unknown."""
        return _number_of(text, self.symbols)

    def session_of(self, text: str) -> int | None:
        """Session id of a user name, or of ``#7`` or ``7``; None if it is unknown."""
        return _number_of(text, self.usernames)

    def price(self, instrument: int, price: int) -> str:
        """``price`` in minor units of the instrument, as a decimal number."""
        return decimal_text(price, self.decimals.get(instrument, 0))


def _number_of(text: str, names: dict[int, str]) -> int | None:
    for number, name in names.items():
        if name == text:
            return number
    digits = text.removeprefix("#")
    return int(digits) if digits.isdecimal() else None


def decimal_text(minor_units: int, decimals: int) -> str:
    """``minor_units`` as a decimal number with ``decimals`` places, exact: 12345, 2 -> 123.45."""
    if decimals == 0:
        return str(minor_units)
    sign = "-" if minor_units < 0 else ""
    whole, part = divmod(abs(minor_units), 10**decimals)
    return f"{sign}{whole}.{part:0{decimals}d}"
