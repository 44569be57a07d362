"""Clearing: what orders freeze, what is returned, and how money and stock move with a trade.

The rules are in docs/matching.md, "Money and stock". Functions ending in ``_at`` are for callers
that know the rows already: ``instrument_at``, ``account_at`` and ``position_at`` are their first
words. What an aggressor will never rest with is never frozen: nothing looks at frozen amounts
between its checks and its end, so ENTER freezes once, what is left of it.

Decisions ENG-10 and ENG-11.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import Side
from exchange.engine.book.live_order import account_of_order
from exchange.engine.money.accounts import balance_row
from exchange.engine.money.positions import (
    note_empty,
    position_change,
    position_find,
)
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    INSTRUMENT_WORDS,
)
from exchange.engine.state.memory import divide
from exchange.engine.state.rows import (
    add_to_account_live_orders,
    add_to_balance_amount,
    add_to_balance_frozen,
    add_to_instrument_live_orders,
    add_to_position_frozen,
    add_to_position_open_buys,
    add_to_position_open_shorts,
    currency_fee_account,
    instrument_currency,
    instrument_freeze_rate,
    instrument_multiplier,
    order_instrument,
    order_price,
    order_side,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

MILLION = 1_000_000
_PRODUCT_FITS = 1 << 42  # times a rate of at most 10^6


class Holding(NamedTuple):
    """First words of what an order is about: its instrument, its account, the position of both."""

    instrument_at: int
    account_at: int
    position_at: int


class Party(NamedTuple):
    """One side of a trade: first words of its account and position, and the rate of its fee."""

    account_at: int
    position_at: int
    fee_ppm: int


@jit_inline_internal
def balance_at(view: Any, instrument_at: int, account_at: int) -> int:
    """First word of the account's balance in the instrument's currency."""
    return balance_row(account_at, instrument_currency(view, instrument_at))


@jit_inline
def ppm_of(amount: int, rate: int) -> int:
    """amount x rate / 1,000,000, truncated; ``amount`` 0 .. 2^61, ``rate`` 0 .. 1,000,000."""
    if amount < _PRODUCT_FITS:
        return divide(amount * rate, MILLION)
    millions = divide(amount, MILLION)
    return millions * rate + divide((amount - millions * MILLION) * rate, MILLION)


@jit_inline
def mul_ppm(amount: int, rate: int) -> int:
    """amount x rate / 1,000,000, truncated towards zero; ``rate`` may be negative."""
    if rate >= 0:
        return ppm_of(amount, rate)
    return -ppm_of(amount, -rate)


@jit_inline_internal
def need(view: Any, instrument_at: int, price: int, open_quantity: int) -> int:
    """What a BUY order of ``open_quantity`` at ``price`` freezes."""
    value = price * open_quantity * instrument_multiplier(view, instrument_at)
    rate = instrument_freeze_rate(view, instrument_at)
    return value if rate == 0 else value + ppm_of(value, rate)


@jit_inline_internal
def adjust_at(view: Any, holding: Holding, side: int, price: int, before: int, after: int) -> None:
    """Freeze or return what the order's open quantity needs when it goes from before to after."""
    position_at = holding.position_at
    if side == Side.BUY:
        instrument_at = holding.instrument_at
        balance = balance_at(view, instrument_at, holding.account_at)
        change = need(view, instrument_at, price, after) - need(view, instrument_at, price, before)
        add_to_balance_frozen(view, balance, change)
        add_to_position_open_buys(view, position_at, after - before)
    elif side == Side.SELL:
        add_to_position_frozen(view, position_at, after - before)
    else:
        add_to_position_open_shorts(view, position_at, after - before)
    note_empty(view, position_at)


@jit_inline_internal
def count_live_at(view: Any, holding: Holding, change: int) -> None:
    """One order more (1) or less (-1) lives."""
    add_to_account_live_orders(view, holding.account_at, change)
    add_to_instrument_live_orders(view, holding.instrument_at, change)


@jit_inline_internal
def freeze_at(view: Any, holding: Holding, side: int, price: int, quantity: int) -> None:
    """A new live order: freeze what it needs and count it."""
    adjust_at(view, holding, side, price, 0, quantity)
    count_live_at(view, holding, 1)


@jit_inline_internal
def unfreeze_at(
    view: Any, holding: Holding, side: int, price: int, before: int, after: int
) -> None:
    """A live order's open quantity shrinks: return what it no longer needs; at 0 it is gone."""
    adjust_at(view, holding, side, price, before, after)
    if after == 0:
        count_live_at(view, holding, -1)


@jit_inline_internal
def holding_of(view: Any, slot: int) -> Holding:
    """Of the live order in ``slot``, whose position exists because it lives."""
    account = account_of_order(view, slot)
    instrument = order_instrument(view, slot)
    position_at = position_find(view, account, instrument)
    return Holding(instrument * INSTRUMENT_WORDS, account * ACCOUNT_WORDS, position_at)


@jit_inline_internal
def unfreeze_order(view: Any, slot: int, before: int, after: int) -> None:
    """As ``unfreeze_at``, of the live order in ``slot``."""
    holding = holding_of(view, slot)
    unfreeze_at(view, holding, order_side(view, slot), order_price(view, slot), before, after)


@jit_inline_internal
def settle_at(
    view: Any, instrument_at: int, buyer: Party, seller: Party, price: int, quantity: int
) -> None:
    """Money, fees and stock of one trade."""
    multiplier = instrument_multiplier(view, instrument_at)
    value = price * quantity * multiplier
    buyer_fee = mul_ppm(value, buyer.fee_ppm)
    seller_fee = mul_ppm(value, seller.fee_ppm)
    currency = instrument_currency(view, instrument_at)
    fee_account_at = currency_fee_account(view, currency) * ACCOUNT_WORDS
    # one after the other: the three may be the same account
    add_to_balance_amount(view, balance_row(buyer.account_at, currency), -value - buyer_fee)
    add_to_balance_amount(view, balance_row(seller.account_at, currency), value - seller_fee)
    add_to_balance_amount(view, balance_row(fee_account_at, currency), buyer_fee + seller_fee)
    position_change(view, buyer.position_at, quantity, price, multiplier)
    position_change(view, seller.position_at, -quantity, price, multiplier)
