"""Who is who in a journal: symbols, user names and price decimals behind the numbers of records.

Who uses it: every command of ``exchange-replay`` that prints records. Filled from INSTRUMENT and
SESSION commands, from the events that confirm them, or from an engine state (a snapshot's).
Invariant: an instrument or session is defined once and never changes, so a later definition never
renames what an earlier record meant.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from exchange.codes import CommandKind, EventKind
from exchange.engine.state import INSTRUMENT_WORDS, SESSION_WORDS, EngineState

MASK_64 = (1 << 64) - 1


def padded_text(word: int, size_bytes: int = 8) -> str:
    """The text of ``token_0`` (a symbol or user name): little-endian bytes, padding removed."""
    octets = (int(word) & MASK_64).to_bytes(8, "little")[:size_bytes]
    return octets.rstrip(b" \0").decode("ascii", "backslashreplace")


@dataclass
class Directory:
    """Names by number. Unknown numbers print as ``#7``."""

    symbols: dict[int, str] = field(default_factory=dict)
    decimals: dict[int, int] = field(default_factory=dict)
    usernames: dict[int, str] = field(default_factory=dict)

    def define_instrument(self, instrument: int, symbol: str, decimals: int) -> None:
        self.symbols.setdefault(instrument, symbol)
        self.decimals.setdefault(instrument, decimals)

    def define_session(self, session: int, username: str) -> None:
        self.usernames.setdefault(session, username)

    def learn_commands(self, commands: np.ndarray) -> None:
        """Take the definitions out of ``commands``: COMMAND array, first slots only.

        A definition that the matcher refused has no effect on one that it accepted before;
        one that it refused outright still names what its sender meant.
        """
        for command in commands[commands["kind"] == CommandKind.INSTRUMENT]:
            self.define_instrument(
                int(command["instrument"]), padded_text(command["token_0"]), int(command["display"])
            )
        for command in commands[commands["kind"] == CommandKind.SESSION]:
            self.define_session(int(command["session"]), padded_text(command["token_0"]))

    def learn_events(self, events: np.ndarray) -> None:
        """Take the definitions out of ``events``: EVENT array."""
        for event in events[events["kind"] == EventKind.INSTRUMENT_DEFINED]:
            self.define_instrument(
                int(event["instrument"]), padded_text(event["token_0"]), int(event["display"])
            )
        for event in events[events["kind"] == EventKind.SESSION_DEFINED]:
            self.define_session(int(event["session"]), padded_text(event["token_0"]))

    def learn_state(self, state: EngineState) -> None:
        """Take what an engine's state knows: definitions that the matcher accepted."""
        instruments = state.instruments.reshape(-1, INSTRUMENT_WORDS)
        for instrument in np.nonzero(instruments[:, 0] & 1)[0]:
            flags, symbol = instruments[instrument, [0, 6]]
            self.define_instrument(int(instrument), padded_text(symbol), int(flags) >> 8 & 0xFF)
        sessions = state.sessions.reshape(-1, SESSION_WORDS)
        for session in np.nonzero(sessions[:, 0])[0]:
            self.define_session(int(session), padded_text(sessions[session, 1]))

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

    def instrument_of(self, text: str) -> int | None:
        """Instrument id of a symbol, or of ``#7`` or ``7``; ``None`` if there is no such one."""
        return _number_of(text, self.symbols)

    def session_of(self, text: str) -> int | None:
        """Session id of a user name, or of ``#7`` or ``7``; ``None`` if there is no such one."""
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
