"""Matching an aggressor against the opposite book: trades, clearing, self-trade prevention.

``match`` is the innermost loop of the exchange. It moves money and stock of both sides and returns
what makers no longer need frozen; what the aggressor has frozen is its caller's (clearing.py).
"""

from __future__ import annotations

from typing import Any

from exchange.codes import FLAG_LEVEL, EventKind, SelfTradePrevention, Side
from exchange.engine.book.book import add_executed, level_of_order, refresh, remove_order
from exchange.engine.book.levels import find_leaf, next_worse_key
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.money.clearing import (
    account_of_order,
    adjust_at,
    count_live_at,
    hidden_of,
    release_order,
    settle_at,
    whole_open,
)
from exchange.engine.money.positions import position_find
from exchange.engine.orders.breaker import breaker_trade
from exchange.engine.state.events import (
    emit_order_event,
    emit_trade,
    next_session_sequence,
    write_event,
)
from exchange.engine.state.layout import (
    ACCOUNT_FLAGS,
    ACCOUNT_WORDS,
    BOOK_WORDS,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_MAKER_FEE,
    INSTRUMENT_TAKER_FEE,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    MATCH_END,
    MATCH_TRADED,
    ORDER_WORDS,
)
from exchange.engine.state.memory import get, put, shift_right
from ringbuffer.jit import jit_inline_internal, jit_internal

# values of MATCH_END
ENDED = 0  # the aggressor is filled, or nothing acceptable is left
PREVENTED = 1  # the aggressor met an order of its own group and is gone
TRIPPED = 2  # the last trade tripped the circuit breaker

_BUY = int(Side.BUY)
_REFRESHED = int(EventKind.REFRESHED)
_SELF_TRADE_PREVENTED = int(EventKind.SELF_TRADE_PREVENTED)
_CANCEL_RESTING = int(SelfTradePrevention.CANCEL_RESTING)
_CANCEL_INCOMING = int(SelfTradePrevention.CANCEL_INCOMING)
_CANCEL_BOTH = int(SelfTradePrevention.CANCEL_BOTH)
_DECREMENT = int(SelfTradePrevention.DECREMENT)
_LIQUIDITY_RESTING = ord("A") << 40  # byte 125 of the event
_LIQUIDITY_INCOMING = ord("R") << 40


@jit_inline_internal
def prevention_mode(v: Any, a: int) -> int:
    """The SelfTradePrevention of the account whose first word is ``a``."""
    return (get(v.accounts, a + ACCOUNT_FLAGS) >> 8) & 0xFF


@jit_inline_internal
def same_group(v: Any, a: int, m: int) -> bool:
    """Whether two accounts, by their first words, must not trade with each other."""
    group = shift_right(get(v.accounts, a + ACCOUNT_FLAGS), 32)
    return a == m or (group != 0 and group == shift_right(get(v.accounts, m + ACCOUNT_FLAGS), 32))


@jit_internal
def emit_refreshed(v: Any, slot: int, shown: int) -> None:
    """REFRESHED of the iceberg in ``slot``, which shows ``shown`` now."""
    emit_order_event(v, slot, level_of_order(v, slot), _REFRESHED, 0, shown, whole_open(v, slot), 0)


@jit_internal
def _emit_prevented_maker(
    v: Any, slot: int, level: int, quantity: int, remaining: int, prevented: int, other: int
) -> None:
    o = slot * ORDER_WORDS
    identity = get(v.orders, o + 7)
    at = level * LEVEL_WORDS
    write_event(
        v, get(v.orders, o + 2), get(v.orders, o + 1), quantity, get(v.levels, at),
        get(v.levels, at + 2), next_session_sequence(v, identity & 0xFFFF),
        get(v.orders, o + 3), get(v.orders, o + 4), identity, _SELF_TRADE_PREVENTED, 0,
        FLAG_LEVEL, other, remaining, prevented, 0, _LIQUIDITY_RESTING,
    )  # fmt: skip


@jit_internal
def prevent(
    v: Any,
    mode: int,
    maker: int,
    quantity: int,
    order_id: int,
    token_0: int,
    token_tail: int,
    identity: int,
) -> int:
    """What happens instead of a trade of ``quantity`` with the order in ``maker``; what is left.

    Sets MATCH_END to PREVENTED when the aggressor is gone.
    """
    o = maker * ORDER_WORDS
    shown = get(v.orders, o)
    whole = whole_open(v, maker)
    price = get(v.orders, o + 1)
    maker_id = get(v.orders, o + 2)
    prevented = min(quantity, shown)
    level = level_of_order(v, maker)
    lost = quantity
    if mode == _DECREMENT:
        lost = prevented
        rest = whole - prevented
        release_order(v, maker, whole, rest)
        if rest == 0:
            remove_order(v, maker)
        else:
            put(v.orders, o, shown - prevented)
            put(v.levels, level * LEVEL_WORDS, get(v.levels, level * LEVEL_WORDS) - prevented)
        _emit_prevented_maker(v, maker, level, prevented, rest, prevented, order_id)
    elif mode != _CANCEL_INCOMING:
        release_order(v, maker, whole, 0)
        remove_order(v, maker)
        _emit_prevented_maker(v, maker, level, whole, 0, prevented, order_id)
        give_back_slot(v, maker)
        if mode == _CANCEL_RESTING:
            return quantity
    write_event(
        v, order_id, price, lost, 0, 0, next_session_sequence(v, identity & 0xFFFF), token_0,
        token_tail, identity, _SELF_TRADE_PREVENTED, 0, 0, maker_id, quantity - lost, prevented,
        0, _LIQUIDITY_INCOMING,
    )  # fmt: skip
    if mode != _DECREMENT:
        put(v.scalars, MATCH_END, PREVENTED)
        return quantity
    if whole == prevented:
        give_back_slot(v, maker)
    elif shown == prevented:
        emit_refreshed(v, maker, refresh(v, maker))
    return quantity - lost


@jit_inline_internal
def match(
    v: Any,
    opposite: int,
    limit_key: int,
    quantity: int,
    order_id: int,
    token_0: int,
    token_tail: int,
    identity: int,
    account: int,
) -> int:
    """Trade up to ``quantity`` against book ``opposite`` down to ``limit_key``; what is left.

    ``order_id``, token, ``identity`` and ``account`` are the aggressor's; its position exists.
    MATCH_TRADED says how much it traded (not what prevention took from it), MATCH_END why it ended.
    """
    s = v.scalars
    best = opposite * BOOK_WORDS
    instrument = opposite >> 1
    i = instrument * INSTRUMENT_WORDS
    a = account * ACCOUNT_WORDS
    p = position_find(v, account, instrument)
    mode = prevention_mode(v, a)
    buys = (identity >> 24) & 0xFF == _BUY
    maker_rate = get(v.instruments, i + INSTRUMENT_MAKER_FEE)
    taker_rate = get(v.instruments, i + INSTRUMENT_TAKER_FEE)
    buyer_rate = taker_rate if buys else maker_rate
    seller_rate = maker_rate if buys else taker_rate
    traded_before = 0
    put(s, MATCH_END, ENDED)
    while quantity > 0 and get(v.books, best) >= limit_key:
        level = get(v.books, best + 1)
        maker = get(v.levels_half, level * (LEVEL_WORDS * 2) + 2)
        o = maker * ORDER_WORDS
        maker_account = account_of_order(v, maker)
        m = maker_account * ACCOUNT_WORDS
        if mode != 0 and same_group(v, a, m):
            quantity = prevent(v, mode, maker, quantity, order_id, token_0, token_tail, identity)
            if get(s, MATCH_END) != ENDED:
                break
            continue
        shown = get(v.orders, o)
        price = get(v.orders, o + 1)
        whole = shown + hidden_of(v, maker)
        traded = min(quantity, shown)
        quantity -= traded
        traded_before += traded
        rest = whole - traded
        put(v.instruments, i + INSTRUMENT_LAST_PRICE, price)
        mp = position_find(v, maker_account, instrument)
        adjust_at(v, i, m, mp, (get(v.orders, o + 7) >> 24) & 0xFF, price, whole, rest)
        settle_at(
            v, i, a if buys else m, p if buys else mp, m if buys else a, mp if buys else p,
            price, traded, buyer_rate, seller_rate,
        )  # fmt: skip
        if rest == 0:
            count_live_at(v, i, m, -1)
            remove_order(v, maker)
        else:
            at = level * LEVEL_WORDS
            put(v.levels, at, get(v.levels, at) - traded)
            put(v.orders, o, shown - traded)
            add_executed(v, maker, traded)
        emit_trade(v, maker, level, traded, rest, order_id, token_0, token_tail, identity)
        if rest == 0:
            give_back_slot(v, maker)
        elif shown == traded:
            emit_refreshed(v, maker, refresh(v, maker))
        if breaker_trade(v, instrument, price):
            put(s, MATCH_END, TRIPPED)
            break
    put(s, MATCH_TRADED, traded_before)
    return quantity


@jit_internal
def _count_others(v: Any, a: int, level: int, stop_at_own: bool) -> int:
    """What an account may trade with on a level; -1 - that when an own order ends it there."""
    slot = get(v.levels_half, level * (LEVEL_WORDS * 2) + 2)
    shown = 0
    hidden = 0
    while slot != 0:
        if same_group(v, a, account_of_order(v, slot) * ACCOUNT_WORDS):
            if stop_at_own:
                # hidden parts are shown behind it only
                return -1 - shown
        else:
            shown += get(v.orders, slot * ORDER_WORDS)
            hidden += hidden_of(v, slot)
        slot = get(v.orders_half, slot * (ORDER_WORDS * 2) + 10)
    return shown + hidden


@jit_internal
def could_trade(v: Any, opposite: int, limit_key: int, wanted: int, account: int) -> bool:
    """Whether at least ``wanted`` rests in book ``opposite`` at ``limit_key`` or better.

    Hidden parts count, orders of the account's own group do not while it is protected from them.
    """
    a = account * ACCOUNT_WORDS
    mode = prevention_mode(v, a)
    stop_at_own = mode in (_CANCEL_INCOMING, _CANCEL_BOTH)
    key = get(v.books, opposite * BOOK_WORDS)
    while key >= limit_key and key > 0:
        level = (find_leaf(v, opposite, key) << 6) | (key & 63)
        if mode == 0:
            wanted -= get(v.levels, level * LEVEL_WORDS) + get(v.levels, level * LEVEL_WORDS + 3)
        else:
            found = _count_others(v, a, level, stop_at_own)
            if found < 0:
                return wanted <= -1 - found
            wanted -= found
        if wanted <= 0:
            return True
        key = next_worse_key(v, opposite, key)
    return False
