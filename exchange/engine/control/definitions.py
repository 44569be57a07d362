"""INSTRUMENT and SESSION: defining what orders are about and who sends them."""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Reject, SystemEvent
from exchange.engine.control.parameters import default_instrument, default_session
from exchange.engine.money.accounts import MAXIMUM_DECIMALS, currency_defined
from exchange.engine.orders.checks import instrument_defined, session_defined
from exchange.engine.state.events import emit_control_rejected, emit_plain, emit_system, write_event
from exchange.engine.state.layout import (
    CURRENCY_WORDS,
    DAY_NUMBER,
    DAY_OPEN,
    INSTRUMENT_FLAGS,
    INSTRUMENT_LOT,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MAXIMUM_QUANTITY,
    INSTRUMENT_MINIMUM_PRICE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_POSITION_BOUND,
    INSTRUMENT_SYMBOL,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    KEY_BITS,
    MAX_ACCOUNTS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    MIDNIGHT_NS,
    SESSION_DEFINED_FLAG,
    SESSION_WORDS,
)
from exchange.engine.state.memory import get, put, remainder
from ringbuffer.jit import jit, jit_inline, jit_internal

MAXIMUM_PRICE = 1 << 47
MAXIMUM_QUANTITY = 1 << 40
MAXIMUM_VALUE = 1 << 56  # of an order: maximum price x multiplier x maximum quantity
MAXIMUM_TOTAL = 1 << 61  # of a position at the maximum price

_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_SESSION_DEFINED = int(EventKind.SESSION_DEFINED)
_START = int(SystemEvent.START_OF_DAY)
_INSTRUMENT_EXISTS = int(Reject.INSTRUMENT_EXISTS)
_INSTRUMENT_OUT_OF_RANGE = int(Reject.INSTRUMENT_OUT_OF_RANGE)
_INVALID_INSTRUMENT = int(Reject.INVALID_INSTRUMENT)
_UNKNOWN_CURRENCY = int(Reject.UNKNOWN_CURRENCY)
_SESSION_EXISTS = int(Reject.SESSION_EXISTS)
_SESSION_OUT_OF_RANGE = int(Reject.SESSION_OUT_OF_RANGE)
_ACCOUNT_OUT_OF_RANGE = int(Reject.ACCOUNT_OUT_OF_RANGE)


@jit_inline
def power_of_ten(exponent: int) -> int:
    result = 1
    for _ in range(exponent):
        result *= 10
    return result


@jit
def specification_valid(
    tick: int,
    lot: int,
    decimals: int,
    currency_decimals: int,
    minimum_price: int,
    maximum_price: int,
    maximum_quantity: int,
) -> bool:
    """Whether an instrument can be traded so that no amount leaves an int64."""
    return (
        tick >= 1
        and lot >= 1
        and minimum_price >= tick
        and maximum_price >= minimum_price
        and maximum_price // tick < 1 << KEY_BITS
        and maximum_price <= MAXIMUM_PRICE
        and maximum_quantity >= lot
        and maximum_quantity <= MAXIMUM_QUANTITY
        and decimals <= MAXIMUM_DECIMALS
        and decimals <= currency_decimals
        and remainder(minimum_price, tick) == 0
        and remainder(maximum_price, tick) == 0
        # by division: the product itself may not fit
        and maximum_quantity
        <= MAXIMUM_VALUE // power_of_ten(currency_decimals - decimals) // maximum_price
    )


@jit_internal
def _instrument_reject(v: Any, c: int, c2: int, instrument: int, currency: int) -> int:
    """Why INSTRUMENT cannot be carried out; 0 if it can."""
    if instrument == 0 or instrument >= get(v.scalars, MAX_INSTRUMENTS):
        return _INSTRUMENT_OUT_OF_RANGE
    if instrument_defined(v, instrument):
        return _INSTRUMENT_EXISTS
    if not currency_defined(v, currency):
        return _UNKNOWN_CURRENCY
    if not specification_valid(
        get(v.commands, c + 1),
        get(v.commands, c + 2),
        get(v.commands, c + 7) & 0xFF,
        get(v.currencies, currency * CURRENCY_WORDS + 2),
        get(v.commands, c2),
        get(v.commands, c2 + 1),
        get(v.commands, c2 + 2),
    ):
        return _INVALID_INSTRUMENT
    return 0


@jit_internal
def define_instrument(v: Any, c: int, c2: int) -> None:
    """INSTRUMENT at word ``c``, its continuation at ``c2``."""
    instrument = (get(v.commands, c + 4) >> 48) & 0xFFFF
    word_6 = get(v.commands, c2 + 6)
    currency = word_6 & 0xFFFF
    group = (word_6 >> 32) & 0xFF
    reject = _instrument_reject(v, c, c2, instrument, currency)
    if reject != 0:
        emit_control_rejected(v, instrument, get(v.commands, c + 5) & 0xFFFF, reject)
        return
    tick = get(v.commands, c + 1)
    lot = get(v.commands, c + 2)
    symbol = get(v.commands, c + 3)
    decimals = get(v.commands, c + 7) & 0xFF
    minimum_price = get(v.commands, c2)
    maximum_price = get(v.commands, c2 + 1)
    maximum_quantity = get(v.commands, c2 + 2)
    multiplier = power_of_ten(get(v.currencies, currency * CURRENCY_WORDS + 2) - decimals)
    i = instrument * INSTRUMENT_WORDS
    flags = 1 | (decimals << 8) | (group << 24) | (currency << 32)
    put(v.instruments, i + INSTRUMENT_FLAGS, flags)
    put(v.instruments, i + INSTRUMENT_TICK, tick)
    put(v.instruments, i + INSTRUMENT_LOT, lot)
    put(v.instruments, i + INSTRUMENT_MINIMUM_PRICE, minimum_price)
    put(v.instruments, i + INSTRUMENT_MAXIMUM_PRICE, maximum_price)
    put(v.instruments, i + INSTRUMENT_MAXIMUM_QUANTITY, maximum_quantity)
    put(v.instruments, i + INSTRUMENT_SYMBOL, symbol)
    put(v.instruments, i + INSTRUMENT_MULTIPLIER, multiplier)
    bound = min(MAXIMUM_QUANTITY, MAXIMUM_TOTAL // (maximum_price * multiplier))
    put(v.instruments, i + INSTRUMENT_POSITION_BOUND, bound)
    default_instrument(v, i)
    write_event(
        v, 0, tick, lot, minimum_price, 0, 0, symbol, instrument << 48, decimals << 48,
        _INSTRUMENT_DEFINED, 0, 0, maximum_price, maximum_quantity, 0, currency << 48,
        group << 40,
    )  # fmt: skip


@jit_internal
def _session_reject(v: Any, session: int, account: int) -> int:
    """Why SESSION cannot be carried out; 0 if it can."""
    if session == 0 or session >= get(v.scalars, MAX_SESSIONS):
        return _SESSION_OUT_OF_RANGE
    if session_defined(v, session):
        return _SESSION_EXISTS
    if account <= 0 or account >= get(v.scalars, MAX_ACCOUNTS):
        return _ACCOUNT_OUT_OF_RANGE
    return 0


@jit_internal
def define_session(v: Any, c: int) -> None:
    """SESSION at word ``c``."""
    session = get(v.commands, c + 5) & 0xFFFF
    account = get(v.commands, c + 2)
    reject = _session_reject(v, session, account)
    if reject != 0:
        emit_control_rejected(v, (get(v.commands, c + 4) >> 48) & 0xFFFF, session, reject)
        return
    username = get(v.commands, c + 3)
    at = session * SESSION_WORDS
    put(v.sessions, at, SESSION_DEFINED_FLAG)
    put(v.sessions, at + 1, username)
    put(v.sessions, at + 2, account)
    default_session(v, at)
    s = v.scalars
    emit_plain(v, _SESSION_DEFINED, 0, account, username, 0, session, 0)
    if get(s, DAY_OPEN) != 0:
        emit_system(v, session, _START, get(s, MIDNIGHT_NS), get(s, DAY_NUMBER))
