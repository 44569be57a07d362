"""The order book's verbs: make an order, let it join, reduce it, take it out.

Events and money are the business of who calls them. An incoming order is a handful of integers
until it rests, waits or is held; only then it gets a slot.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Side
from exchange.engine.book.expiry import expiry_add, expiry_remove
from exchange.engine.book.held import held_leave
from exchange.engine.book.levels import join_level, leave_level
from exchange.engine.book.order_pool import order_id_insert, order_id_remove, take_slot
from exchange.engine.book.stops import stop_leave
from exchange.engine.money.clearing import hidden_of
from exchange.engine.state.events import IDENTITY_MASK
from exchange.engine.state.layout import (
    ASK_MIRROR,
    COLD_WORDS,
    LEVEL_WORDS,
    ORDER_HAS_EXECUTED,
    ORDER_HAS_EXPIRY,
    ORDER_HELD,
    ORDER_ICEBERG,
    ORDER_WAITING,
    ORDER_WORDS,
)
from exchange.engine.state.memory import divide, get, put
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

_BUY = int(Side.BUY)
FLAGS_SHIFT = 40  # of the order flags in an order's word 7
EXECUTED_FLAG = ORDER_HAS_EXECUTED << FLAGS_SHIFT
EXPIRY_FLAG = ORDER_HAS_EXPIRY << FLAGS_SHIFT
ICEBERG_FLAG = ORDER_ICEBERG << FLAGS_SHIFT
HELD_FLAG = ORDER_HELD << FLAGS_SHIFT
NO_LEVEL_FLAGS = (ORDER_WAITING | ORDER_HELD) << FLAGS_SHIFT


@jit_inline
def book_of(instrument: int, side: int) -> int:
    """The book on which an order of ``side`` rests; the opposite one is this ^ 1."""
    return instrument * 2 + (1 if side != _BUY else 0)


@jit_inline
def key_of(price: int, tick: int, book: int) -> int:
    """The key of a valid price in ``book`` (see state.py); in ``book ^ 1`` it is its mirror."""
    number = price if tick == 1 else divide(price, tick)
    return ASK_MIRROR - number if book & 1 else number


@jit_inline
def price_of(key: int, tick: int, book: int) -> int:
    """The price of a key in ``book``."""
    return (ASK_MIRROR - key if book & 1 else key) * tick


@jit_inline_internal
def executed_of(v: Any, slot: int) -> int:
    """What the order's whole replace chain has traded."""
    if get(v.orders, slot * ORDER_WORDS + 7) & EXECUTED_FLAG:
        return get(v.orders_cold, slot * COLD_WORDS)
    return 0


@jit_inline_internal
def add_executed(v: Any, slot: int, quantity: int) -> None:
    """The order in ``slot`` has traded ``quantity`` more and lives on."""
    o = slot * ORDER_WORDS + 7
    word = get(v.orders, o)
    if word & EXECUTED_FLAG:
        quantity += get(v.orders_cold, slot * COLD_WORDS)
    else:
        put(v.orders, o, word | EXECUTED_FLAG)
    put(v.orders_cold, slot * COLD_WORDS, quantity)


@jit_inline_internal
def make_order(
    v: Any,
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
    flags: int,
) -> int:
    """Give an order a slot (there is one free) and all its words; it is in no list yet.

    ``flags``: its ORDER_ICEBERG, ORDER_IMMEDIATE, ... bits; 0 = none for ``executed`` and
    ``expiry_second``. The cold words of what ``flags`` names are the caller's to write.
    """
    slot = take_slot(v)
    o = slot * ORDER_WORDS
    put(v.orders, o, quantity)
    put(v.orders, o + 1, price)
    put(v.orders, o + 2, order_id)
    put(v.orders, o + 3, token_0)
    put(v.orders, o + 4, token_tail)
    word = (
        (identity & IDENTITY_MASK) | (capacity << 16) | (cross_type << 32) | (flags << FLAGS_SHIFT)
    )
    if executed != 0:
        word |= EXECUTED_FLAG
        put(v.orders_cold, slot * COLD_WORDS, executed)
    if expiry_second != 0:
        word |= EXPIRY_FLAG
        expiry_add(v, slot, expiry_second)
    put(v.orders, o + 7, word)
    put(v.orders_half, slot * (ORDER_WORDS * 2) + 13, firm)
    order_id_insert(v, order_id, slot)
    return slot


@jit_internal
def _join_iceberg(v: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """``join_book`` of an iceberg: it shows its display quantity at most."""
    shown = min(quantity, get(v.orders_cold, slot * COLD_WORDS + 4))
    put(v.orders, slot * ORDER_WORDS, shown)
    put(v.orders_cold, slot * COLD_WORDS + 3, quantity - shown)
    level = join_level(v, slot, book, key, shown)
    at = level * LEVEL_WORDS + 3
    put(v.levels, at, get(v.levels, at) + quantity - shown)
    return level


@jit_inline_internal
def join_book(v: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """Let the order in ``slot``, whole open ``quantity``, join its level; the level.

    There must be a level block for it (``can_rest``).
    """
    if get(v.orders, slot * ORDER_WORDS + 7) & ICEBERG_FLAG:
        return _join_iceberg(v, slot, book, key, quantity)
    put(v.orders, slot * ORDER_WORDS, quantity)
    return join_level(v, slot, book, key, quantity)


@jit_inline_internal
def level_of_order(v: Any, slot: int) -> int:
    return get(v.orders_half, slot * (ORDER_WORDS * 2) + 12)


@jit_inline_internal
def told_level(v: Any, slot: int) -> int:
    """The level whose totals an event about the live order carries; 0 while it waits or is held."""
    if get(v.orders, slot * ORDER_WORDS + 7) & NO_LEVEL_FLAGS:
        return 0
    return level_of_order(v, slot)


@jit_internal
def _leave_list(v: Any, slot: int) -> None:
    """Take an order that waits for its stop or is held out of there."""
    if get(v.orders, slot * ORDER_WORDS + 7) & HELD_FLAG:
        held_leave(v, slot)
    else:
        stop_leave(v, slot)


@jit_inline_internal
def leave_places(v: Any, slot: int) -> int:
    """Take a live order out of its level, stop book or list of held orders.

    The level whose totals its event carries, 0 if it was on none. It keeps its slot and words.
    """
    o = slot * ORDER_WORDS
    if get(v.orders, o + 7) & NO_LEVEL_FLAGS:
        _leave_list(v, slot)
        return 0
    level = level_of_order(v, slot)
    hidden = hidden_of(v, slot)
    if hidden != 0:
        # before the level may be found empty, because an empty level is all zero
        at = level * LEVEL_WORDS + 3
        put(v.levels, at, get(v.levels, at) - hidden)
    leave_level(v, slot, level, get(v.orders, o))
    return level


@jit_inline_internal
def forget_order(v: Any, slot: int) -> None:
    """Take a live order, which is in no list any more, out of the tables that find it."""
    o = slot * ORDER_WORDS
    order_id_remove(v, get(v.orders, o + 2), slot)
    if get(v.orders, o + 7) & EXPIRY_FLAG:
        expiry_remove(v, slot)


@jit_inline_internal
def remove_order(v: Any, slot: int) -> int:
    """Take a live order out of wherever it is and of all tables; the level as in leave_places.

    Its slot is still taken, and its words stay readable until ``give_back_slot`` and the next
    order. What it has frozen is the caller's.
    """
    level = leave_places(v, slot)
    forget_order(v, slot)
    return level


@jit_inline_internal
def reduce_open(v: Any, slot: int, cut: int) -> None:
    """Take ``cut`` (less than its whole open) from a live order: its hidden part goes first."""
    o = slot * ORDER_WORDS
    level = level_of_order(v, slot) * LEVEL_WORDS
    hidden = hidden_of(v, slot)
    if hidden != 0:
        from_hidden = min(hidden, cut)
        put(v.orders_cold, slot * COLD_WORDS + 3, hidden - from_hidden)
        put(v.levels, level + 3, get(v.levels, level + 3) - from_hidden)
        cut -= from_hidden
    put(v.orders, o, get(v.orders, o) - cut)
    if level != 0:
        put(v.levels, level, get(v.levels, level) - cut)


@jit_internal
def refresh(v: Any, slot: int) -> int:
    """An iceberg that shows nothing shows its next part, at the tail of its level; how much.

    It is on its level, with a hidden part; both totals of the level are brought up to date.
    """
    o = slot * ORDER_WORDS
    cold = slot * COLD_WORDS
    level = level_of_order(v, slot) * LEVEL_WORDS
    hidden = get(v.orders_cold, cold + 3)
    shown = min(hidden, get(v.orders_cold, cold + 4))
    put(v.orders, o, shown)
    put(v.orders_cold, cold + 3, hidden - shown)
    put(v.levels, level, get(v.levels, level) + shown)
    put(v.levels, level + 3, get(v.levels, level + 3) - shown)
    following = get(v.orders_half, o * 2 + 10)
    if following != 0:
        # it is not the last one: unlink it (it stays counted) and link it behind the tail
        previous = get(v.orders_half, o * 2 + 11)
        put(v.orders_half, following * (ORDER_WORDS * 2) + 11, previous)
        if previous != 0:
            put(v.orders_half, previous * (ORDER_WORDS * 2) + 10, following)
        else:
            put(v.levels_half, level * 2 + 2, following)
        tail = get(v.levels_half, level * 2 + 3)
        put(v.orders_half, tail * (ORDER_WORDS * 2) + 10, slot)
        put(v.orders_half, o * 2 + 10, 0)
        put(v.orders_half, o * 2 + 11, tail)
        put(v.levels_half, level * 2 + 3, slot)
    return shown
