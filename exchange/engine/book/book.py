"""The order book's verbs: make an order, let it join, reduce it, take it out.

Events and money are the business of who calls them. An incoming order is a handful of integers
until it rests, waits or is held; only then it gets a slot.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import Side
from exchange.engine.book.expiry import expiry_add, expiry_remove
from exchange.engine.book.held import held_leave
from exchange.engine.book.levels import join_level, leave_level
from exchange.engine.book.live_order import hidden_of
from exchange.engine.book.order_pool import order_id_insert, order_id_remove, take_slot
from exchange.engine.book.stops import stop_leave
from exchange.engine.state.events import IDENTITY_MASK
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ASK_MIRROR,
    ORDER_CAPACITY,
    ORDER_CROSS_TYPE,
    ORDER_DISPLAY,
    ORDER_FLAGS,
    ORDER_HAS_EXECUTED,
    ORDER_HAS_EXPIRY,
    ORDER_HELD,
    ORDER_ICEBERG,
    ORDER_IDENTITY,
    ORDER_SESSION,
    ORDER_SIDE,
    ORDER_TYPE,
    ORDER_WAITING,
)
from exchange.engine.state.memory import divide
from exchange.engine.state.rows import (
    add_to_level_hidden,
    add_to_level_quantity,
    add_to_order_open,
    level_tail,
    order_display_quantity,
    order_flags,
    order_hidden,
    order_id_of,
    order_level,
    order_next,
    order_open,
    order_previous,
    set_level_head,
    set_level_tail,
    set_order_executed,
    set_order_firm,
    set_order_hidden,
    set_order_id,
    set_order_identity,
    set_order_next,
    set_order_open,
    set_order_previous,
    set_order_price,
    set_order_token_0,
    set_order_token_word,
)
from exchange.records import (
    EVENT_DISPLAY,
    EVENT_FLAGS,
    EVENT_KIND,
    EVENT_ORDER_TYPE,
    EVENT_REASON,
    EVENT_SESSION,
    EVENT_SIDE,
    part,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

# an order's identity is copied into its events as it is
assert tuple(
    part(ORDER_IDENTITY.word, field.shift, field.mask.bit_length())
    for field in (EVENT_SESSION, EVENT_SIDE, EVENT_DISPLAY, EVENT_ORDER_TYPE)
) == (ORDER_SESSION, ORDER_SIDE, ORDER_DISPLAY, ORDER_TYPE)
assert (EVENT_KIND.shift, EVENT_REASON.shift, EVENT_FLAGS.shift) == (
    ORDER_CAPACITY.shift,
    ORDER_CROSS_TYPE.shift,
    ORDER_FLAGS.shift,
)

NOT_RESTING = ORDER_WAITING | ORDER_HELD  # flags of a live order that is on no level of its book


@jit_inline
def book_of(instrument: int, side: int) -> int:
    """The book on which an order of ``side`` rests; the opposite one is this ^ 1."""
    return instrument * 2 + (1 if side != Side.BUY else 0)


@jit_inline
def key_of(price: int, tick: int, book: int) -> int:
    """The key of a valid price in ``book`` (state/layout.py); in ``book ^ 1`` it is its mirror."""
    number = price if tick == 1 else divide(price, tick)
    return ASK_MIRROR - number if book & 1 else number


@jit_inline
def price_of(key: int, tick: int, book: int) -> int:
    """The price of a key in ``book``."""
    return (ASK_MIRROR - key if book & 1 else key) * tick


class NewOrder(NamedTuple):
    """All words of an order that gets a slot, int64 each.

    ``flags``: its ORDER_ICEBERG, ORDER_IMMEDIATE, ... bits; those of ``executed`` and
    ``expiry_second`` (0 = none) are added. The cold words of what ``flags`` names are not here.
    """

    order_id: int
    price: int
    quantity: int
    token_0: int
    token_word: int
    identity: int
    firm: int
    capacity: int
    cross_type: int
    executed: int
    expiry_second: int
    flags: int


@jit_inline_internal
def make_order(view: Any, order: NewOrder) -> int:
    """Give an order a slot (there is one free) and all its words; it is in no list yet."""
    slot = take_slot(view)
    set_order_open(view, slot, order.quantity)
    set_order_price(view, slot, order.price)
    set_order_id(view, slot, order.order_id)
    set_order_token_0(view, slot, order.token_0)
    set_order_token_word(view, slot, order.token_word)
    flags = order.flags
    if order.executed != 0:
        flags |= ORDER_HAS_EXECUTED
        set_order_executed(view, slot, order.executed)
    if order.expiry_second != 0:
        flags |= ORDER_HAS_EXPIRY
        expiry_add(view, slot, order.expiry_second)
    set_order_identity(
        view,
        slot,
        (order.identity & IDENTITY_MASK)
        | (order.capacity << ORDER_CAPACITY.shift)
        | (order.cross_type << ORDER_CROSS_TYPE.shift)
        | (flags << ORDER_FLAGS.shift),
    )
    set_order_firm(view, slot, order.firm)
    order_id_insert(view, order.order_id, slot)
    return slot


@engine_function
def _join_iceberg(view: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """``join_book`` of an iceberg: it shows its display quantity at most."""
    shown = min(quantity, order_display_quantity(view, slot))
    set_order_open(view, slot, shown)
    set_order_hidden(view, slot, quantity - shown)
    level = join_level(view, slot, book, key, shown)
    add_to_level_hidden(view, level, quantity - shown)
    return level


@jit_inline_internal
def join_book(view: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """Let the order in ``slot``, whole open ``quantity``, join its level; the level.

    There must be a level block for it (``can_rest``).
    """
    if order_flags(view, slot) & ORDER_ICEBERG:
        return _join_iceberg(view, slot, book, key, quantity)
    set_order_open(view, slot, quantity)
    return join_level(view, slot, book, key, quantity)


@jit_inline_internal
def told_level(view: Any, slot: int) -> int:
    """The level whose totals an event about the live order carries; 0 while it waits or is held."""
    if order_flags(view, slot) & NOT_RESTING:
        return 0
    return order_level(view, slot)


@engine_function
def _leave_list(view: Any, slot: int) -> None:
    """Take an order that waits for its stop or is held out of there."""
    if order_flags(view, slot) & ORDER_HELD:
        held_leave(view, slot)
    else:
        stop_leave(view, slot)


@jit_inline_internal
def leave_places(view: Any, slot: int) -> int:
    """Take a live order out of its level, stop book or list of held orders.

    The level whose totals its event carries, 0 if it was on none. It keeps its slot and words.
    """
    if order_flags(view, slot) & NOT_RESTING:
        _leave_list(view, slot)
        return 0
    level = order_level(view, slot)
    hidden = hidden_of(view, slot)
    if hidden != 0:
        # before the level may be found empty, because an empty level is all zero
        add_to_level_hidden(view, level, -hidden)
    leave_level(view, slot, level, order_open(view, slot))
    return level


@jit_inline_internal
def forget_order(view: Any, slot: int) -> None:
    """Take a live order, which is in no list any more, out of the tables that find it."""
    order_id_remove(view, order_id_of(view, slot), slot)
    if order_flags(view, slot) & ORDER_HAS_EXPIRY:
        expiry_remove(view, slot)


@jit_inline_internal
def remove_order(view: Any, slot: int) -> int:
    """Take a live order out of wherever it is and of all tables; the level as in leave_places.

    Its slot is still taken, and its words stay readable until ``give_back_slot`` and the next
    order. What it has frozen is the caller's.
    """
    level = leave_places(view, slot)
    forget_order(view, slot)
    return level


@jit_inline_internal
def reduce_open(view: Any, slot: int, cut: int) -> None:
    """Take ``cut`` (less than its whole open) from a live order: its hidden part goes first."""
    level = order_level(view, slot)
    hidden = hidden_of(view, slot)
    if hidden != 0:
        from_hidden = min(hidden, cut)
        set_order_hidden(view, slot, hidden - from_hidden)
        add_to_level_hidden(view, level, -from_hidden)
        cut -= from_hidden
    add_to_order_open(view, slot, -cut)
    if level != 0:
        add_to_level_quantity(view, level, -cut)


@engine_function
def refresh(view: Any, slot: int) -> int:
    """An iceberg that shows nothing shows its next part, at the tail of its level; how much.

    It is on its level, with a hidden part; both totals of the level are brought up to date.
    """
    level = order_level(view, slot)
    hidden = order_hidden(view, slot)
    shown = min(hidden, order_display_quantity(view, slot))
    set_order_open(view, slot, shown)
    set_order_hidden(view, slot, hidden - shown)
    add_to_level_quantity(view, level, shown)
    add_to_level_hidden(view, level, -shown)
    following = order_next(view, slot)
    if following != 0:
        # it is not the last one: unlink it (it stays counted) and link it behind the tail
        previous = order_previous(view, slot)
        set_order_previous(view, following, previous)
        if previous != 0:
            set_order_next(view, previous, following)
        else:
            set_level_head(view, level, following)
        tail = level_tail(view, level)
        set_order_next(view, tail, slot)
        set_order_next(view, slot, 0)
        set_order_previous(view, slot, tail)
        set_level_tail(view, level, slot)
    return shown
