"""Control commands: instruments, sessions, and the trading day."""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Reject, SystemEvent
from exchange.engine.events import emit_control_rejected, emit_plain, emit_system, write_event
from exchange.engine.memory import get, put, remainder
from exchange.engine.state import (
    DAY_NUMBER,
    DAY_OPEN,
    INSTRUMENT_WORDS,
    KEY_BITS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    MIDNIGHT_NS,
    SESSION_WORDS,
)
from exchange.engine.tokens import forget_tokens
from ringbuffer.jit import jit

MAXIMUM_PRICE = 1 << 47
MAXIMUM_QUANTITY = 1 << 40
MAXIMUM_PRICE_DECIMALS = 8

_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_SESSION_DEFINED = int(EventKind.SESSION_DEFINED)
_DAY_STARTED = int(EventKind.DAY_STARTED)
_DAY_ENDED = int(EventKind.DAY_ENDED)
_START = int(SystemEvent.START_OF_DAY)
_END = int(SystemEvent.END_OF_DAY)
_INSTRUMENT_EXISTS = int(Reject.INSTRUMENT_EXISTS)
_INSTRUMENT_OUT_OF_RANGE = int(Reject.INSTRUMENT_OUT_OF_RANGE)
_INVALID_INSTRUMENT = int(Reject.INVALID_INSTRUMENT)
_SESSION_EXISTS = int(Reject.SESSION_EXISTS)
_SESSION_OUT_OF_RANGE = int(Reject.SESSION_OUT_OF_RANGE)
_DAY_ALREADY_OPEN = int(Reject.DAY_ALREADY_OPEN)
_DAY_NOT_OPEN = int(Reject.DAY_NOT_OPEN)


@jit
def tell_sessions(v: Any, reason: int) -> None:
    """SYSTEM to every defined session, by id."""
    s = v.scalars
    for session in range(1, get(s, MAX_SESSIONS)):
        if get(v.sessions, session * SESSION_WORDS) != 0:
            emit_system(v, session, reason, get(s, MIDNIGHT_NS), get(s, DAY_NUMBER))


@jit
def start_of_day(v: Any, midnight_ns: int, day_number: int) -> None:
    s = v.scalars
    if get(s, DAY_OPEN) != 0:
        emit_control_rejected(v, 0, 0, _DAY_ALREADY_OPEN)
        return
    forget_tokens(v)
    for session in range(1, get(s, MAX_SESSIONS)):
        put(v.sessions, session * SESSION_WORDS + 3, 0)
    put(s, DAY_OPEN, 1)
    put(s, MIDNIGHT_NS, midnight_ns)
    put(s, DAY_NUMBER, day_number)
    emit_plain(v, _DAY_STARTED, day_number, midnight_ns, 0, 0, 0, 0)
    tell_sessions(v, _START)


@jit
def day_can_end(v: Any) -> bool:
    """Whether a day is open; the reject is emitted if not."""
    if get(v.scalars, DAY_OPEN) == 0:
        emit_control_rejected(v, 0, 0, _DAY_NOT_OPEN)
        return False
    return True


@jit
def end_of_day(v: Any) -> None:
    """Close the day; every order has been cancelled."""
    s = v.scalars
    tell_sessions(v, _END)
    put(s, DAY_OPEN, 0)
    emit_plain(v, _DAY_ENDED, get(s, DAY_NUMBER), get(s, MIDNIGHT_NS), 0, 0, 0, 0)


@jit
def define_instrument(v: Any, c: int, c2: int) -> None:
    """INSTRUMENT at word ``c``, its continuation at ``c2``."""
    word_4 = get(v.commands, c + 4)
    session = get(v.commands, c + 5) & 0xFFFF
    instrument = (word_4 >> 48) & 0xFFFF
    if instrument == 0 or instrument >= get(v.scalars, MAX_INSTRUMENTS):
        emit_control_rejected(v, instrument, session, _INSTRUMENT_OUT_OF_RANGE)
        return
    i = instrument * INSTRUMENT_WORDS
    if get(v.instruments, i) != 0:
        emit_control_rejected(v, instrument, session, _INSTRUMENT_EXISTS)
        return
    tick = get(v.commands, c + 1)
    lot = get(v.commands, c + 2)
    symbol = get(v.commands, c + 3)
    decimals = get(v.commands, c + 7) & 0xFF
    minimum_price = get(v.commands, c2)
    maximum_price = get(v.commands, c2 + 1)
    maximum_quantity = get(v.commands, c2 + 2)
    if (
        tick < 1
        or lot < 1
        or minimum_price < tick
        or maximum_price < minimum_price
        or maximum_price // tick >= 1 << KEY_BITS
        or maximum_price > MAXIMUM_PRICE
        or maximum_quantity < lot
        or maximum_quantity > MAXIMUM_QUANTITY
        or decimals > MAXIMUM_PRICE_DECIMALS
        or remainder(minimum_price, tick) != 0
        or remainder(maximum_price, tick) != 0
    ):
        emit_control_rejected(v, instrument, session, _INVALID_INSTRUMENT)
        return
    put(v.instruments, i, 1 | (decimals << 8))
    put(v.instruments, i + 1, tick)
    put(v.instruments, i + 2, lot)
    put(v.instruments, i + 3, minimum_price)
    put(v.instruments, i + 4, maximum_price)
    put(v.instruments, i + 5, maximum_quantity)
    put(v.instruments, i + 6, symbol)
    write_event(
        v, 0, tick, lot, minimum_price, 0, 0, symbol, instrument << 48, decimals << 48,
        _INSTRUMENT_DEFINED, 0, 0, maximum_price, maximum_quantity, 0, 0, 0,
    )  # fmt: skip


@jit
def define_session(v: Any, c: int) -> None:
    session = get(v.commands, c + 5) & 0xFFFF
    if session == 0 or session >= get(v.scalars, MAX_SESSIONS):
        emit_control_rejected(
            v, (get(v.commands, c + 4) >> 48) & 0xFFFF, session, _SESSION_OUT_OF_RANGE
        )
        return
    at = session * SESSION_WORDS
    if get(v.sessions, at) != 0:
        emit_control_rejected(v, (get(v.commands, c + 4) >> 48) & 0xFFFF, session, _SESSION_EXISTS)
        return
    username = get(v.commands, c + 3)
    account = get(v.commands, c + 2)
    put(v.sessions, at, 1)
    put(v.sessions, at + 1, username)
    put(v.sessions, at + 2, account)
    put(v.sessions, at + 3, 0)
    s = v.scalars
    emit_plain(v, _SESSION_DEFINED, 0, account, username, 0, session, 0)
    if get(s, DAY_OPEN) != 0:
        emit_system(v, session, _START, get(s, MIDNIGHT_NS), get(s, DAY_NUMBER))
