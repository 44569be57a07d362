"""What an order may cost and what its account may do; prices.

The rules from short-sale-permission to post-only-reprice of docs/matching.md.

The functions take first words (``Holding``); a ``position_at`` of -1 is a position that does not
exist yet. They change nothing.

Decision ENG-12.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import OrderType, Reject, Side
from exchange.engine.money.clearing import Holding, balance_at, need, ppm_of
from exchange.engine.money.positions import (
    position_may_make,
)
from exchange.engine.orders.checks import daily_limit_reached, in_range, open_order_limit_reached
from exchange.engine.orders.terms import Terms, has_limit
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_SHORT_FLAG,
)
from exchange.engine.state.memory import remainder
from exchange.engine.state.rows import (
    account_flags,
    account_position_limit,
    balance_amount,
    balance_frozen,
    instrument_band_high,
    instrument_band_low,
    instrument_collar_ppm,
    instrument_last_price,
    instrument_maximum_price,
    instrument_minimum_price,
    instrument_position_bound,
    instrument_reference,
    instrument_tick,
    position_frozen,
    position_open_buys,
    position_open_shorts,
    position_quantity,
)
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def in_band(view: Any, instrument_at: int, price: int) -> bool:
    low = instrument_band_low(view, instrument_at)
    return low <= price and price <= instrument_band_high(view, instrument_at)


@engine_function
def protection_price(
    view: Any, instrument_at: int, order_type: int, side: int, stop_price: int
) -> int:
    """The worst price at which a MARKET or STOP order trades."""
    base = stop_price
    if order_type == OrderType.MARKET:
        base = instrument_last_price(view, instrument_at)
        if base == 0:
            base = instrument_reference(view, instrument_at)
    collar = instrument_collar_ppm(view, instrument_at)
    lowest = instrument_minimum_price(view, instrument_at)
    highest = instrument_maximum_price(view, instrument_at)
    tick = instrument_tick(view, instrument_at)
    if base == 0 or collar == 0:
        price = highest if side == Side.BUY else lowest
    elif side == Side.BUY:
        price = base + ppm_of(base, collar)
        price -= remainder(price, tick)
    else:
        price = base - ppm_of(base, collar)
        odd = remainder(price, tick)
        if odd != 0:
            price += tick - odd
    price = min(max(price, lowest), highest)
    # the band's bounds are tick prices (control/parameters.py)
    low = instrument_band_low(view, instrument_at)
    return min(max(price, low), instrument_band_high(view, instrument_at))


@jit_inline_internal
def may_short(view: Any, account_at: int) -> bool:
    return account_flags(view, account_at) & ACCOUNT_SHORT_FLAG != 0


@jit_inline_internal
def position_limit(view: Any, instrument_at: int, account_at: int) -> int:
    """The largest position, long or short, that the account may have in the instrument."""
    bound = instrument_position_bound(view, instrument_at)
    limit = account_position_limit(view, account_at)
    return limit if 0 < limit < bound else bound


@jit_inline_internal
def check_account(view: Any, holding: Holding, order_type: int, side: int, price: int) -> int:
    """Rules short-sale-permission, price-band and daily-order-limit."""
    account_at = holding.account_at
    if side > Side.SELL and not may_short(view, account_at):
        return Reject.SHORT_SALE_NOT_ALLOWED
    if has_limit(order_type) and not in_band(view, holding.instrument_at, price):
        return Reject.PRICE_BAND
    if daily_limit_reached(view, account_at):
        return Reject.DAILY_ORDER_LIMIT
    return 0


@jit_inline_internal
def check_new(view: Any, holding: Holding) -> int:
    """Rules open-order-limit and position-slot, of an order that replaces no other."""
    if open_order_limit_reached(view, holding.account_at):
        return Reject.OPEN_ORDER_LIMIT
    if holding.position_at < 0 and not position_may_make(view, holding.account_at):
        return Reject.POSITION_TABLE_FULL
    return 0


class Replaced(NamedTuple):
    """The order whose place a new one takes; its words are read before its slot is free.

    ``open``: what it has open, shown and hidden. NOTHING_REPLACED has 0 everywhere.
    """

    order_id: int
    price: int
    open: int
    token_0: int
    token_tail: int


NOTHING_REPLACED = Replaced(0, 0, 0, 0, 0)


@jit_inline_internal
def _check_buyer(view: Any, holding: Holding, limit: int, quantity: int, old: Replaced) -> int:
    """``check_holdings`` of an order that buys."""
    instrument_at = holding.instrument_at
    bought = quantity - old.open
    if holding.position_at >= 0:
        bought += position_quantity(view, holding.position_at)
        bought += position_open_buys(view, holding.position_at)
    if bought > position_limit(view, instrument_at, holding.account_at):
        return Reject.POSITION_LIMIT
    balance = balance_at(view, instrument_at, holding.account_at)
    available = balance_amount(view, balance) - balance_frozen(view, balance)
    if old.open != 0:
        available += need(view, instrument_at, old.price, old.open)
    if need(view, instrument_at, limit, quantity) > available:
        return Reject.INSUFFICIENT_FUNDS
    return 0


@jit_inline_internal
def check_holdings(
    view: Any, holding: Holding, side: int, limit: int, quantity: int, old: Replaced
) -> int:
    """Rules position-limit and funds-and-stock.

    ``old``: the order that will be replaced, on the same kind of side. ``limit``: at which price
    the new one would rest.
    """
    if side == Side.BUY:
        return _check_buyer(view, holding, limit, quantity, old)
    position_at = holding.position_at
    left = old.open - quantity
    if position_at >= 0:
        left += position_quantity(view, position_at) - position_frozen(view, position_at)
    if side == Side.SELL:
        return Reject.INSUFFICIENT_POSITION if left < 0 else 0
    if position_at >= 0:
        left -= position_open_shorts(view, position_at)
    if -left > position_limit(view, holding.instrument_at, holding.account_at):
        return Reject.POSITION_LIMIT
    return 0


@jit_inline_internal
def afforded(view: Any, terms: Terms, holding: Holding, limit: int, old: Replaced) -> int:
    """From Rule short-sale-permission to Rule funds-and-stock, of ENTER and REPLACE alike."""
    reject = check_account(view, holding, terms.order_type, terms.side, terms.price)
    if reject == 0 and old.order_id == 0:
        reject = check_new(view, holding)
    if reject == 0:
        reject = check_holdings(view, holding, terms.side, limit, terms.quantity, old)
    return reject


@engine_function
def reprice(view: Any, instrument_at: int, best_opposite: int, side: int) -> int:
    """The price one tick behind the best opposite one; 0 where a post-only order may not be."""
    tick = instrument_tick(view, instrument_at)
    price = best_opposite - tick if side == Side.BUY else best_opposite + tick
    return (
        price if in_range(view, instrument_at, price) and in_band(view, instrument_at, price) else 0
    )
