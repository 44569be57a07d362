"""The order book's verbs: match, rest, reduce, take out. Events are emitted by who calls them.

An incoming order is a handful of integers until it rests; only then it gets a slot.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Side
from exchange.engine.events import IDENTITY_MASK, emit_trade
from exchange.engine.expiry import expiry_add, expiry_remove
from exchange.engine.levels import find_leaf, join_level, leave_level, next_worse_key
from exchange.engine.memory import divide, get, put
from exchange.engine.orders import give_back_slot, order_id_insert, order_id_remove, take_slot
from exchange.engine.state import (
    ASK_MIRROR,
    BOOK_WORDS,
    COLD_WORDS,
    LEVEL_WORDS,
    ORDER_HAS_EXECUTED,
    ORDER_HAS_EXPIRY,
    ORDER_WORDS,
)
from ringbuffer.jit import jit, jit_inline

_BUY = int(Side.BUY)
_FLAGS_SHIFT = 40
_EXECUTED_FLAG = ORDER_HAS_EXECUTED << _FLAGS_SHIFT
_EXPIRY_FLAG = ORDER_HAS_EXPIRY << _FLAGS_SHIFT


@jit_inline
def book_of(instrument: int, side: int) -> int:
    """The book on which an order of ``side`` rests; the opposite one is this ^ 1."""
    return instrument * 2 + (1 if side != _BUY else 0)


@jit_inline
def key_of(price: int, tick: int, book: int) -> int:
    """The key of a valid price in ``book`` (see state.py)."""
    number = price if tick == 1 else divide(price, tick)
    return ASK_MIRROR - number if book & 1 else number


@jit_inline
def executed_of(v: Any, slot: int) -> int:
    """What the order's whole replace chain has traded."""
    if get(v.orders, slot * ORDER_WORDS + 7) & _EXECUTED_FLAG:
        return get(v.orders_cold, slot * COLD_WORDS)
    return 0


@jit_inline
def add_executed(v: Any, slot: int, quantity: int) -> None:
    """The order in ``slot`` has traded ``quantity`` more and lives on."""
    o = slot * ORDER_WORDS + 7
    word = get(v.orders, o)
    if word & _EXECUTED_FLAG:
        quantity += get(v.orders_cold, slot * COLD_WORDS)
    else:
        put(v.orders, o, word | _EXECUTED_FLAG)
    put(v.orders_cold, slot * COLD_WORDS, quantity)


@jit_inline
def remove_order(v: Any, slot: int) -> int:
    """Take a live order out of the book and all tables; the level it was on.

    Its slot is free afterwards, but its words (except order_id) stay readable until the next order.
    """
    o = slot * ORDER_WORDS
    level = get(v.orders_half, slot * (ORDER_WORDS * 2) + 12)
    leave_level(v, slot, level, get(v.orders, o))
    order_id_remove(v, get(v.orders, o + 2), slot)
    if get(v.orders, o + 7) & _EXPIRY_FLAG:
        expiry_remove(v, slot)
    return level


@jit_inline
def match(
    v: Any,
    opposite: int,
    limit_key: int,
    quantity: int,
    order_id: int,
    token_0: int,
    token_tail: int,
    session: int,
    side: int,
) -> int:
    """Trade up to ``quantity`` against book ``opposite`` down to ``limit_key``; what is left."""
    best = opposite * BOOK_WORDS
    while quantity > 0 and get(v.books, best) >= limit_key:
        level = get(v.books, best + 1)
        maker = get(v.levels_half, level * (LEVEL_WORDS * 2) + 2)
        o = maker * ORDER_WORDS
        maker_open = get(v.orders, o)
        if maker_open > quantity:
            traded = quantity
            at = level * LEVEL_WORDS
            put(v.levels, at, get(v.levels, at) - traded)
            put(v.orders, o, maker_open - traded)
            add_executed(v, maker, traded)
            emit_trade(
                v, maker, level, traded, maker_open - traded,
                order_id, token_0, token_tail, session, side,
            )  # fmt: skip
            return 0
        quantity -= maker_open
        remove_order(v, maker)
        emit_trade(
            v, maker, level, maker_open, 0, order_id, token_0, token_tail, session, side
        )  # fmt: skip
        give_back_slot(v, maker)
    return quantity


@jit
def could_trade(v: Any, opposite: int, limit_key: int, wanted: int) -> bool:
    """Whether at least ``wanted`` rests in book ``opposite`` at ``limit_key`` or better."""
    key = get(v.books, opposite * BOOK_WORDS)
    while key >= limit_key and key > 0:
        level = (find_leaf(v, opposite, key) << 6) | (key & 63)
        wanted -= get(v.levels, level * LEVEL_WORDS)
        if wanted <= 0:
            return True
        key = next_worse_key(v, opposite, key)
    return False


@jit_inline
def rest_order(
    v: Any,
    book: int,
    key: int,
    order_id: int,
    price: int,
    quantity: int,
    token_0: int,
    token_tail: int,
    identity: int,
    firm: int,
    capacity: int,
    cross_type: int,
    executed: int,
    expiry_second: int,
) -> int:
    """Let an order join its level (room has been checked); its slot. 0 = none for the last two."""
    slot = take_slot(v)
    o = slot * ORDER_WORDS
    put(v.orders, o, quantity)
    put(v.orders, o + 1, price)
    put(v.orders, o + 2, order_id)
    put(v.orders, o + 3, token_0)
    put(v.orders, o + 4, token_tail)
    word = (identity & IDENTITY_MASK) | (capacity << 16) | (cross_type << 32)
    if executed != 0:
        word |= _EXECUTED_FLAG
        put(v.orders_cold, slot * COLD_WORDS, executed)
    if expiry_second != 0:
        word |= _EXPIRY_FLAG
        expiry_add(v, slot, expiry_second)
    put(v.orders, o + 7, word)
    put(v.orders_half, slot * (ORDER_WORDS * 2) + 13, firm)
    join_level(v, slot, book, key, quantity)
    order_id_insert(v, order_id, slot)
    return slot


@jit_inline
def level_of_order(v: Any, slot: int) -> int:
    return get(v.orders_half, slot * (ORDER_WORDS * 2) + 12)
