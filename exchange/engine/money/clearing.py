"""Clearing: what orders freeze, what is returned, and how money and stock move with a trade.

The rules are in docs/matching.md, "Money and stock". Functions ending in ``_at`` are for callers
that know the rows already: ``i`` is the first word of the instrument, ``a`` of the account, ``p``
of the position. What an aggressor will never rest with is never frozen: nothing looks at frozen
amounts between its checks and its end, so ENTER freezes once, what is left of it.

Decisions ENG-10 and ENG-11.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Side
from exchange.engine.money.positions import (
    POSITION_FROZEN,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    position_change,
    position_find,
)
from exchange.engine.state.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_LIVE,
    ACCOUNT_WORDS,
    COLD_WORDS,
    CURRENCY_WORDS,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_LIVE_ORDERS,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_WORDS,
    ORDER_ICEBERG,
    ORDER_WORDS,
    SESSION_WORDS,
)
from exchange.engine.state.memory import divide, get, put
from ringbuffer.jit import jit_inline, jit_inline_internal

MILLION = 1_000_000
_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_ICEBERG_FLAG = ORDER_ICEBERG << 40
_PRODUCT_FITS = 1 << 42  # times a rate of at most 10^6


@jit_inline_internal
def account_of_session(v: Any, session: int) -> int:
    return get(v.sessions, session * SESSION_WORDS + 2)


@jit_inline_internal
def account_of_order(v: Any, slot: int) -> int:
    return account_of_session(v, get(v.orders, slot * ORDER_WORDS + 7) & 0xFFFF)


@jit_inline_internal
def instrument_of_order(v: Any, slot: int) -> int:
    return (get(v.orders, slot * ORDER_WORDS + 4) >> 48) & 0xFFFF


@jit_inline_internal
def side_of_order(v: Any, slot: int) -> int:
    return (get(v.orders, slot * ORDER_WORDS + 7) >> 24) & 0xFF


@jit_inline_internal
def hidden_of(v: Any, slot: int) -> int:
    """What an iceberg has behind the part that its level shows; 0 for all others."""
    if get(v.orders, slot * ORDER_WORDS + 7) & _ICEBERG_FLAG:
        return get(v.orders_cold, slot * COLD_WORDS + 3)
    return 0


@jit_inline_internal
def whole_open(v: Any, slot: int) -> int:
    """The order's open quantity, shown and hidden."""
    return get(v.orders, slot * ORDER_WORDS) + hidden_of(v, slot)


@jit_inline_internal
def balance_at(v: Any, i: int, a: int) -> int:
    """Where the balance of the account is in the instrument's currency; `frozen` follows it."""
    return a + ACCOUNT_BALANCES + ((get(v.instruments, i) >> 31) & 0x1FFFE)


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
def need(v: Any, i: int, price: int, open_quantity: int) -> int:
    """What a BUY order of ``open_quantity`` at ``price`` freezes."""
    value = price * open_quantity * get(v.instruments, i + INSTRUMENT_MULTIPLIER)
    rate = get(v.instruments, i + INSTRUMENT_FREEZE_RATE)
    return value if rate == 0 else value + ppm_of(value, rate)


@jit_inline_internal
def adjust_at(
    v: Any, i: int, a: int, p: int, side: int, price: int, before: int, after: int
) -> None:
    """Freeze or return what the order's open quantity needs when it goes from before to after."""
    if side == _BUY:
        frozen = balance_at(v, i, a) + 1
        change = need(v, i, price, after) - need(v, i, price, before)
        put(v.accounts, frozen, get(v.accounts, frozen) + change)
        word = p + POSITION_OPEN_BUYS
    elif side == _SELL:
        word = p + POSITION_FROZEN
    else:
        word = p + POSITION_OPEN_SHORTS
    put(v.positions, word, get(v.positions, word) + (after - before))


@jit_inline_internal
def count_live_at(v: Any, i: int, a: int, change: int) -> None:
    """One order more (1) or less (-1) lives."""
    put(v.accounts, a + ACCOUNT_LIVE, get(v.accounts, a + ACCOUNT_LIVE) + change)
    put(
        v.instruments,
        i + INSTRUMENT_LIVE_ORDERS,
        get(v.instruments, i + INSTRUMENT_LIVE_ORDERS) + change,
    )


@jit_inline_internal
def freeze_at(v: Any, i: int, a: int, p: int, side: int, price: int, quantity: int) -> None:
    """A new live order: freeze what it needs and count it."""
    adjust_at(v, i, a, p, side, price, 0, quantity)
    count_live_at(v, i, a, 1)


@jit_inline_internal
def release_at(
    v: Any, i: int, a: int, p: int, side: int, price: int, before: int, after: int
) -> None:
    """A live order's open quantity shrinks: return what it no longer needs; at 0 it is gone."""
    adjust_at(v, i, a, p, side, price, before, after)
    if after == 0:
        count_live_at(v, i, a, -1)


@jit_inline_internal
def release_order(v: Any, slot: int, before: int, after: int) -> None:
    """As ``release``, of the live order in ``slot``."""
    account = account_of_order(v, slot)
    instrument = instrument_of_order(v, slot)
    release_at(
        v, instrument * INSTRUMENT_WORDS, account * ACCOUNT_WORDS,
        position_find(v, account, instrument), side_of_order(v, slot),
        get(v.orders, slot * ORDER_WORDS + 1), before, after,
    )  # fmt: skip


@jit_inline_internal
def settle_at(
    v: Any,
    i: int,
    buyer: int,
    buyer_position: int,
    seller: int,
    seller_position: int,
    price: int,
    quantity: int,
    buyer_rate: int,
    seller_rate: int,
) -> None:
    """Money, fees and stock of one trade; ``buyer``, ``seller``: first words of the accounts."""
    multiplier = get(v.instruments, i + INSTRUMENT_MULTIPLIER)
    value = price * quantity * multiplier
    buyer_fee = mul_ppm(value, buyer_rate)
    seller_fee = mul_ppm(value, seller_rate)
    currency = (get(v.instruments, i) >> 32) & 0xFFFF
    fee_account = get(v.currencies, currency * CURRENCY_WORDS + 3)
    accounts = v.accounts
    # one after the other: the three may be the same account
    at = balance_at(v, i, buyer)
    put(accounts, at, get(accounts, at) - value - buyer_fee)
    at = balance_at(v, i, seller)
    put(accounts, at, get(accounts, at) + value - seller_fee)
    at = balance_at(v, i, fee_account * ACCOUNT_WORDS)
    put(accounts, at, get(accounts, at) + buyer_fee + seller_fee)
    position_change(v, buyer_position, quantity, price, multiplier)
    position_change(v, seller_position, -quantity, price, multiplier)
