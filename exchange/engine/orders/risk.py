"""What an order may cost and what its account may do; prices.

The rules from short-sale-permission to post-only-reprice of docs/matching.md.

The functions take first words: ``i`` of the instrument, ``a`` of the account, ``p`` of the position
(-1: it does not exist yet). They change nothing.

Decision ENG-12.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import OrderType, Reject, Side
from exchange.engine.money.clearing import balance_at, need, ppm_of
from exchange.engine.money.positions import (
    POSITION_FROZEN,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    position_can_make,
)
from exchange.engine.orders.checks import has_limit, in_range
from exchange.engine.state.events import HALF
from exchange.engine.state.layout import (
    ACCOUNT_FLAGS,
    ACCOUNT_LIVE,
    ACCOUNT_POSITION_LIMIT,
    ACCOUNT_SHORT_FLAG,
    ACCOUNT_TODAY,
    INSTRUMENT_BAND_HIGH,
    INSTRUMENT_BAND_LOW,
    INSTRUMENT_COLLAR_PPM,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MINIMUM_PRICE,
    INSTRUMENT_POSITION_BOUND,
    INSTRUMENT_REFERENCE,
    INSTRUMENT_TICK,
)
from exchange.engine.state.memory import get, remainder, shift_right
from ringbuffer.jit import jit_inline_internal, jit_internal

_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_MARKET = int(OrderType.MARKET)
_SHORT_SALE_NOT_ALLOWED = int(Reject.SHORT_SALE_NOT_ALLOWED)
_PRICE_BAND = int(Reject.PRICE_BAND)
_DAILY_ORDER_LIMIT = int(Reject.DAILY_ORDER_LIMIT)
_OPEN_ORDER_LIMIT = int(Reject.OPEN_ORDER_LIMIT)
_POSITION_TABLE_FULL = int(Reject.POSITION_TABLE_FULL)
_POSITION_LIMIT = int(Reject.POSITION_LIMIT)
_INSUFFICIENT_FUNDS = int(Reject.INSUFFICIENT_FUNDS)
_INSUFFICIENT_POSITION = int(Reject.INSUFFICIENT_POSITION)


@jit_inline_internal
def in_band(v: Any, i: int, price: int) -> bool:
    return get(v.instruments, i + INSTRUMENT_BAND_LOW) <= price and price <= get(
        v.instruments, i + INSTRUMENT_BAND_HIGH
    )


@jit_internal
def protection_price(v: Any, i: int, order_type: int, side: int, stop_price: int) -> int:
    """The worst price at which a MARKET or STOP order trades."""
    base = stop_price
    if order_type == _MARKET:
        base = get(v.instruments, i + INSTRUMENT_LAST_PRICE)
        if base == 0:
            base = get(v.instruments, i + INSTRUMENT_REFERENCE)
    collar = get(v.instruments, i + INSTRUMENT_COLLAR_PPM)
    lowest = get(v.instruments, i + INSTRUMENT_MINIMUM_PRICE)
    highest = get(v.instruments, i + INSTRUMENT_MAXIMUM_PRICE)
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    if base == 0 or collar == 0:
        price = highest if side == _BUY else lowest
    elif side == _BUY:
        price = base + ppm_of(base, collar)
        price -= remainder(price, tick)
    else:
        price = base - ppm_of(base, collar)
        odd = remainder(price, tick)
        if odd != 0:
            price += tick - odd
    price = min(max(price, lowest), highest)
    # the band's bounds are tick prices (parameters.py)
    low = get(v.instruments, i + INSTRUMENT_BAND_LOW)
    return min(max(price, low), get(v.instruments, i + INSTRUMENT_BAND_HIGH))


@jit_inline_internal
def may_short(v: Any, a: int) -> bool:
    return get(v.accounts, a + ACCOUNT_FLAGS) & ACCOUNT_SHORT_FLAG != 0


@jit_inline_internal
def position_limit(v: Any, i: int, a: int) -> int:
    """The largest position, long or short, that the account may have in the instrument."""
    bound = get(v.instruments, i + INSTRUMENT_POSITION_BOUND)
    limit = get(v.accounts, a + ACCOUNT_POSITION_LIMIT)
    return limit if 0 < limit < bound else bound


@jit_inline_internal
def check_account(v: Any, i: int, a: int, order_type: int, side: int, price: int) -> int:
    """Rules short-sale-permission, price-band and daily-order-limit."""
    if side > _SELL and not may_short(v, a):
        return _SHORT_SALE_NOT_ALLOWED
    if has_limit(order_type) and not in_band(v, i, price):
        return _PRICE_BAND
    today = get(v.accounts, a + ACCOUNT_TODAY)
    limit = shift_right(today, 32)
    if limit != 0 and today & HALF >= limit:
        return _DAILY_ORDER_LIMIT
    return 0


@jit_inline_internal
def check_new(v: Any, a: int, p: int) -> int:
    """Rules open-order-limit and position-slot, of an order that replaces no other."""
    live = get(v.accounts, a + ACCOUNT_LIVE)
    limit = shift_right(live, 32)
    if limit != 0 and live & HALF >= limit:
        return _OPEN_ORDER_LIMIT
    if p < 0 and not position_can_make(v):
        return _POSITION_TABLE_FULL
    return 0


@jit_inline_internal
def check_holdings(
    v: Any,
    i: int,
    a: int,
    p: int,
    side: int,
    price: int,
    quantity: int,
    own_price: int,
    own_open: int,
) -> int:
    """Rules position-limit and funds-and-stock.

    ``own_open`` at ``own_price`` is what the order that will be replaced (of the same kind of side)
    has open; 0 for a new one. A ``p`` of -1 is a position without anything.
    """
    if side == _BUY:
        bought = quantity - own_open
        if p >= 0:
            bought += get(v.positions, p + POSITION_QUANTITY)
            bought += get(v.positions, p + POSITION_OPEN_BUYS)
        if bought > position_limit(v, i, a):
            return _POSITION_LIMIT
        at = balance_at(v, i, a)
        available = get(v.accounts, at) - get(v.accounts, at + 1)
        if own_open != 0:
            available += need(v, i, own_price, own_open)
        return _INSUFFICIENT_FUNDS if need(v, i, price, quantity) > available else 0
    left = own_open - quantity
    if p >= 0:
        left += get(v.positions, p + POSITION_QUANTITY) - get(v.positions, p + POSITION_FROZEN)
    if side == _SELL:
        return _INSUFFICIENT_POSITION if left < 0 else 0
    if p >= 0:
        left -= get(v.positions, p + POSITION_OPEN_SHORTS)
    return _POSITION_LIMIT if -left > position_limit(v, i, a) else 0


@jit_internal
def reprice(v: Any, i: int, best_opposite: int, side: int) -> int:
    """The price one tick behind the best opposite one; 0 where a post-only order may not be."""
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    price = best_opposite - tick if side == _BUY else best_opposite + tick
    return price if in_range(v, i, price) and in_band(v, i, price) else 0
