"""Checks a command by itself.

The rules from decoder-reject to auction-minimum-quantity of docs/matching.md.

Every function answers with a reject number, 0 for none. What the account can afford is in risk.py.

Decisions ENG-4 and ENG-12.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    TIME_IN_FORCE_SYSTEM_HOURS,
    WIRE_PRICE_DECIMALS,
    OrderType,
    Reject,
    Side,
)
from exchange.engine.state.events import HALF
from exchange.engine.state.layout import (
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_DEFINED_FLAG,
    ACCOUNT_FLAGS,
    ACCOUNT_KILLED_FLAG,
    ACCOUNT_RATE_TIME,
    DAY_OPEN,
    EXCHANGE_KILLED,
    INSTRUMENT_LOT,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MAXIMUM_QUANTITY,
    INSTRUMENT_MINIMUM_PRICE,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    SESSION_DEFINED_FLAG,
    SESSION_KILLED_FLAG,
    SESSION_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put, remainder
from exchange.engine.state.trading_states import state_reject
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

ICEBERG_PARTS_MAXIMUM = 100  # bounds the trades of one command
_LAST_SIDE = int(Side.SELL_SHORT_EXEMPT)
_LIMIT = int(OrderType.LIMIT)
_STOP = int(OrderType.STOP)
_STOP_LIMIT = int(OrderType.STOP_LIMIT)
_MARKET_CLOSED = int(Reject.MARKET_CLOSED)
_UNKNOWN_ACCOUNT = int(Reject.UNKNOWN_ACCOUNT)
_KILL_SWITCH = int(Reject.KILL_SWITCH)
_ACCOUNT_BLOCKED = int(Reject.ACCOUNT_BLOCKED)
_RATE_LIMITED = int(Reject.RATE_LIMITED)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)
_INVALID_SIDE = int(Reject.INVALID_SIDE)
_INVALID_ORDER_TYPE = int(Reject.INVALID_ORDER_TYPE)
_INVALID_TIME_IN_FORCE = int(Reject.INVALID_TIME_IN_FORCE)
_INVALID_DISPLAY = int(Reject.INVALID_DISPLAY)
_INVALID_CAPACITY = int(Reject.INVALID_CAPACITY)
_CROSS_NOT_SUPPORTED = int(Reject.CROSS_NOT_SUPPORTED)
_INVALID_QUANTITY = int(Reject.INVALID_QUANTITY)
_QUANTITY_TOO_LARGE = int(Reject.QUANTITY_TOO_LARGE)
_INVALID_PRICE = int(Reject.INVALID_PRICE)
_PRICE_OUT_OF_RANGE = int(Reject.PRICE_OUT_OF_RANGE)
_INVALID_STOP_PRICE = int(Reject.INVALID_STOP_PRICE)
_INVALID_MINIMUM_QUANTITY = int(Reject.INVALID_MINIMUM_QUANTITY)
_INVALID_DISPLAY_QUANTITY = int(Reject.INVALID_DISPLAY_QUANTITY)
_NOT_IN_AUCTION = int(Reject.NOT_IN_AUCTION)
_DISPLAY_BITS = sum(1 << (code - 32) for code in set(DISPLAY_CODES))
_CAPACITY_BITS = sum(1 << (code - 32) for code in set(CAPACITY_CODES))
_CROSS_BITS = sum(1 << (code - 32) for code in set(CROSS_NONE))
_ACCESS_FLAGS = ACCOUNT_DEFINED_FLAG | ACCOUNT_BLOCKED_FLAG | ACCOUNT_KILLED_FLAG


@jit_inline
def is_code(bits: int, code: int) -> bool:
    """Whether ``code`` is one of the letters in ``bits``; all of them are in 32..94."""
    return 32 <= code < 95 and (bits >> (code - 32)) & 1 != 0


@jit_inline
def identity_of(word_5: int, word_7: int) -> int:
    """Session, side, display and order_type of a command, as in an event's word 10."""
    return (
        (word_5 & 0xFFFF) | (word_5 & 0xFF000000) | ((word_7 & 0xFF) << 48) | ((word_7 >> 56) << 56)
    )


@jit_inline
def has_limit(order_type: int) -> bool:
    """Whether the order says its limit; the others get a protection price."""
    return order_type in (_LIMIT, _STOP_LIMIT)


@jit_inline
def is_stop(order_type: int) -> bool:
    return order_type >= _STOP


@jit_inline_internal
def session_defined(v: Any, session: int) -> bool:
    # row 0 holds the defaults: it may have other flags, never this one
    return (
        session < get(v.scalars, MAX_SESSIONS)
        and get(v.sessions, session * SESSION_WORDS) & SESSION_DEFINED_FLAG != 0
    )


@jit_inline_internal
def instrument_defined(v: Any, instrument: int) -> bool:
    return (
        instrument < get(v.scalars, MAX_INSTRUMENTS)
        and get(v.instruments, instrument * INSTRUMENT_WORDS) & 1 != 0
    )


@jit_internal
def _access_reject(v: Any, session: int, a: int) -> int:
    """Rule account-access where something is wrong."""
    flags = get(v.accounts, a + ACCOUNT_FLAGS)
    if flags & ACCOUNT_DEFINED_FLAG == 0:
        return _UNKNOWN_ACCOUNT
    killed = get(v.sessions, session * SESSION_WORDS) & SESSION_KILLED_FLAG
    if get(v.scalars, EXCHANGE_KILLED) | killed | (flags & ACCOUNT_KILLED_FLAG) != 0:
        return _KILL_SWITCH
    return _ACCOUNT_BLOCKED


@jit_inline
def _take_token(rows: Any, at: int, now_ns: int) -> bool:
    """Take one order out of the bucket at ``rows[at]`` (time, interval, tolerance) if it can."""
    interval_ns = get(rows, at + 1)
    if interval_ns == 0:
        return True
    time_ns = max(get(rows, at), now_ns)
    if time_ns - now_ns > get(rows, at + 2):
        return False
    put(rows, at, time_ns + interval_ns)
    return True


@jit_inline_internal
def check_door(v: Any, session: int, a: int, instrument: int) -> int:
    """Rules day-open, account-access, order-rate and instrument-state; takes from the buckets."""
    s = v.scalars
    if get(s, DAY_OPEN) == 0:
        return _MARKET_CLOSED
    row = session * SESSION_WORDS
    if (
        get(v.accounts, a + ACCOUNT_FLAGS) & _ACCESS_FLAGS != ACCOUNT_DEFINED_FLAG
        or get(v.sessions, row) & SESSION_KILLED_FLAG != 0
        or get(s, EXCHANGE_KILLED) != 0
    ):
        return _access_reject(v, session, a)
    now_ns = get(s, TIMESTAMP_NS)
    if not _take_token(v.sessions, row + 4, now_ns):
        return _RATE_LIMITED
    if not _take_token(v.accounts, a + ACCOUNT_RATE_TIME, now_ns):
        return _RATE_LIMITED
    if not instrument_defined(v, instrument):
        return _UNKNOWN_INSTRUMENT
    return state_reject(v, instrument * INSTRUMENT_WORDS)


@jit_inline
def check_codes(order_type: int, time_in_force: int, display: int, is_long: bool) -> int:
    """Rules order-type and display-code."""
    if order_type > _STOP_LIMIT or (is_stop(order_type) and not is_long):
        return _INVALID_ORDER_TYPE
    if time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
        return _INVALID_TIME_IN_FORCE
    if not is_code(_DISPLAY_BITS, display):
        return _INVALID_DISPLAY
    return 0


@jit_inline
def check_enter_codes(side: int, word_5: int, word_7: int, is_long: bool) -> int:
    """Rules known-side, order-type, display-code, capacity-code and cross-type."""
    if side > _LAST_SIDE:
        return _INVALID_SIDE
    reject = check_codes((word_7 >> 56) & 0xFF, (word_5 >> 32) & HALF, word_7 & 0xFF, is_long)
    if reject != 0:
        return reject
    if not is_code(_CAPACITY_BITS, (word_7 >> 8) & 0xFF):
        return _INVALID_CAPACITY
    if not is_code(_CROSS_BITS, (word_7 >> 24) & 0xFF):
        return _CROSS_NOT_SUPPORTED
    return 0


@jit_inline_internal
def check_quantity(v: Any, i: int, quantity: int) -> int:
    """Rules lot-quantity and maximum-quantity; ``i``: the instrument's first word."""
    lot = get(v.instruments, i + INSTRUMENT_LOT)
    if quantity <= 0 or (lot != 1 and remainder(quantity, lot) != 0):
        return _INVALID_QUANTITY
    if quantity > get(v.instruments, i + INSTRUMENT_MAXIMUM_QUANTITY):
        return _QUANTITY_TOO_LARGE
    return 0


@jit_inline_internal
def _on_tick(v: Any, i: int, price: int) -> bool:
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    return price > 0 and (tick == 1 or remainder(price, tick) == 0)


@jit_inline_internal
def in_range(v: Any, i: int, price: int) -> bool:
    return get(v.instruments, i + INSTRUMENT_MINIMUM_PRICE) <= price and price <= get(
        v.instruments, i + INSTRUMENT_MAXIMUM_PRICE
    )


@jit_inline_internal
def check_price(v: Any, i: int, order_type: int, price: int) -> int:
    """Rule limit-price."""
    if not has_limit(order_type):
        return 0 if price == 0 else _INVALID_PRICE
    if not _on_tick(v, i, price):
        return _INVALID_PRICE
    return 0 if in_range(v, i, price) else _PRICE_OUT_OF_RANGE


@jit_inline_internal
def _check_display_quantity(
    v: Any, i: int, order_type: int, time_in_force: int, quantity: int, display_quantity: int
) -> int:
    """Rule iceberg-terms of an order that has a display quantity."""
    lot = get(v.instruments, i + INSTRUMENT_LOT)
    if (
        display_quantity < 0
        or display_quantity > quantity
        or display_quantity * ICEBERG_PARTS_MAXIMUM < quantity
        or (lot != 1 and remainder(display_quantity, lot) != 0)
        or not has_limit(order_type)
        or time_in_force == 0
    ):
        return _INVALID_DISPLAY_QUANTITY
    return 0


@jit_inline_internal
def check_terms(
    v: Any,
    i: int,
    auction: bool,
    order_type: int,
    time_in_force: int,
    display: int,
    quantity: int,
    stop_price: int,
    minimum: int,
    display_quantity: int,
) -> int:
    """From Rule stop-price to Rule auction-minimum-quantity.

    ``auction``: whether the instrument is in AUCTION.
    """
    if is_stop(order_type) and not (_on_tick(v, i, stop_price) and in_range(v, i, stop_price)):
        return _INVALID_STOP_PRICE
    if minimum > 0 and (minimum > quantity or time_in_force != 0 or is_stop(order_type)):
        return _INVALID_MINIMUM_QUANTITY
    if display == DISPLAY_POST_ONLY and (order_type != _LIMIT or time_in_force == 0):
        return _INVALID_DISPLAY
    if display_quantity != 0:
        reject = _check_display_quantity(
            v, i, order_type, time_in_force, quantity, display_quantity
        )
        if reject != 0:
            return reject
    if minimum > 0 and auction:
        return _NOT_IN_AUCTION
    return 0


@jit_inline
def price_from_wire(decimals: int, wire: int) -> int:
    """A price in 1/10,000 as minor units of 10^-decimals; 0, no price, if it is none."""
    for _ in range(decimals - WIRE_PRICE_DECIMALS):
        wire *= 10
    for _ in range(WIRE_PRICE_DECIMALS - decimals):
        if wire <= 0 or remainder(wire, 10) != 0:
            return 0
        wire //= 10
    return wire
