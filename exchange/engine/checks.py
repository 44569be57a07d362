"""What is checked before an order is placed: the numbered rules of ENTER in docs/matching.md.

Every function is pure: it reads the state and answers with a reject number, 0 for none.
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
from exchange.engine.events import (
    HALF,
)
from exchange.engine.memory import get, remainder
from exchange.engine.state import (
    DAY_OPEN,
    INSTRUMENT_WORDS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    SESSION_DEFINED_FLAG,
    SESSION_WORDS,
)
from ringbuffer.jit import jit_inline

_LAST_SIDE = int(Side.SELL_SHORT_EXEMPT)
_MARKET = int(OrderType.MARKET)
_MARKET_CLOSED = int(Reject.MARKET_CLOSED)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)
_INVALID_SIDE = int(Reject.INVALID_SIDE)
_INVALID_TIME_IN_FORCE = int(Reject.INVALID_TIME_IN_FORCE)
_INVALID_DISPLAY = int(Reject.INVALID_DISPLAY)
_INVALID_CAPACITY = int(Reject.INVALID_CAPACITY)
_CROSS_NOT_SUPPORTED = int(Reject.CROSS_NOT_SUPPORTED)
_INVALID_QUANTITY = int(Reject.INVALID_QUANTITY)
_QUANTITY_TOO_LARGE = int(Reject.QUANTITY_TOO_LARGE)
_INVALID_PRICE = int(Reject.INVALID_PRICE)
_PRICE_OUT_OF_RANGE = int(Reject.PRICE_OUT_OF_RANGE)
_INVALID_MINIMUM_QUANTITY = int(Reject.INVALID_MINIMUM_QUANTITY)
_DISPLAY_BITS = sum(1 << (code - 32) for code in set(DISPLAY_CODES))
_CAPACITY_BITS = sum(1 << (code - 32) for code in set(CAPACITY_CODES))
_CROSS_BITS = sum(1 << (code - 32) for code in set(CROSS_NONE))


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
def session_defined(v: Any, session: int) -> bool:
    return (
        session < get(v.scalars, MAX_SESSIONS)
        and get(v.sessions, session * SESSION_WORDS) & SESSION_DEFINED_FLAG != 0
    )


@jit_inline
def instrument_defined(v: Any, instrument: int) -> bool:
    return (
        instrument < get(v.scalars, MAX_INSTRUMENTS)
        and get(v.instruments, instrument * INSTRUMENT_WORDS) != 0
    )


@jit_inline
def check_price(v: Any, i: int, order_type: int, price: int) -> int:
    """Rule 11; ``i``: the instrument's first word."""
    if order_type == _MARKET:
        return 0 if price == 0 else _INVALID_PRICE
    tick = get(v.instruments, i + 1)
    if price <= 0 or (tick != 1 and remainder(price, tick) != 0):
        return _INVALID_PRICE
    if price < get(v.instruments, i + 3) or price > get(v.instruments, i + 4):
        return _PRICE_OUT_OF_RANGE
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


@jit_inline
def check_quantity(v: Any, i: int, quantity: int) -> int:
    """Rules 9 and 10."""
    lot = get(v.instruments, i + 2)
    if quantity <= 0 or (lot != 1 and remainder(quantity, lot) != 0):
        return _INVALID_QUANTITY
    if quantity > get(v.instruments, i + 5):
        return _QUANTITY_TOO_LARGE
    return 0


@jit_inline
def check_conditions(
    display: int, order_type: int, time_in_force: int, minimum_quantity: int, quantity: int
) -> int:
    """Rules 12 and 13."""
    if minimum_quantity > 0 and (minimum_quantity > quantity or time_in_force != 0):
        return _INVALID_MINIMUM_QUANTITY
    if display == DISPLAY_POST_ONLY and (order_type == _MARKET or time_in_force == 0):
        return _INVALID_DISPLAY
    return 0


@jit_inline
def check_enter(
    v: Any, instrument: int, side: int, price: int, quantity: int, minimum: int, w5: int, w7: int
) -> int:
    """Rules 1 to 13 of ENTER: the reject or 0."""
    time_in_force = (w5 >> 32) & HALF
    display = w7 & 0xFF
    order_type = (w7 >> 56) & 0xFF
    reject = (w7 >> 48) & 0xFF
    if reject != 0:
        return reject
    if get(v.scalars, DAY_OPEN) == 0:
        return _MARKET_CLOSED
    if not instrument_defined(v, instrument):
        return _UNKNOWN_INSTRUMENT
    if side > _LAST_SIDE:
        return _INVALID_SIDE
    if order_type > _MARKET or time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
        return _INVALID_TIME_IN_FORCE
    if not is_code(_DISPLAY_BITS, display):
        return _INVALID_DISPLAY
    if not is_code(_CAPACITY_BITS, (w7 >> 8) & 0xFF):
        return _INVALID_CAPACITY
    if not is_code(_CROSS_BITS, (w7 >> 24) & 0xFF):
        return _CROSS_NOT_SUPPORTED
    i = instrument * INSTRUMENT_WORDS
    reject = check_quantity(v, i, quantity)
    if reject != 0:
        return reject
    reject = check_price(v, i, order_type, price)
    if reject != 0:
        return reject
    return check_conditions(display, order_type, time_in_force, minimum, quantity)
