"""The order pool and the table that finds a live order by its order id.

The pool is a last-in-first-out free list over slots 1 to ORDER_HIGH, so the slot that is given out
is the one that was touched last. A free slot has order_id 0 (no order has: command 0 cannot enter
one, because a session must be defined before).

The order-id table is open addressing with linear probing and backward-shift deletion, at most
half full. Its hash scatters *blocks* of eight ids and keeps the low three bits, so that orders
entered one after the other share a cache line. The slot's own order_id decides whether an entry is
the right one.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import (
    LIVE_ORDERS,
    MAX_ORDERS,
    ORDER_FREE,
    ORDER_HIGH,
    ORDER_ID_BITS,
    ORDER_IDS_LOW_ID,
    ORDER_IDS_SLOT,
    ORDER_WORDS,
    SHARES,
)
from exchange.engine.state.memory import get, multiply, put, shift_right, touch
from exchange.engine.state.rows import (
    account_live_orders,
    order_id_of,
    order_ids_slot,
    order_next,
    set_order_id,
    set_order_next,
)
from ringbuffer.jit import jit_inline_internal

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, as a signed number
_BLOCK_BITS = 3
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
_LOW_ID_MASK = ORDER_IDS_LOW_ID.mask


@jit_inline_internal
def no_free_order(view: Any, account_at: int) -> bool:
    """Whether the account may have no further live order: it is to leave as many as it has."""
    left = get(view.scalars, MAX_ORDERS) - get(view.scalars, LIVE_ORDERS)
    if get(view.scalars, SHARES.word) == 0:
        return left <= 0
    return account_live_orders(view, account_at) >= left


@jit_inline_internal
def take_slot(view: Any) -> int:
    """A free slot; there is one (``no_free_order`` is checked at the door)."""
    scalars = view.scalars
    put(scalars, LIVE_ORDERS, get(scalars, LIVE_ORDERS) + 1)
    slot = get(scalars, ORDER_FREE)
    if slot != 0:
        following = order_next(view, slot)
        put(scalars, ORDER_FREE, following)
        # the next order to rest will take it
        touch(view.orders, following * ORDER_WORDS)
    else:
        slot = get(scalars, ORDER_HIGH) + 1
        put(scalars, ORDER_HIGH, slot)
    return slot


@jit_inline_internal
def give_back_slot(view: Any, slot: int) -> None:
    scalars = view.scalars
    put(scalars, LIVE_ORDERS, get(scalars, LIVE_ORDERS) - 1)
    set_order_id(view, slot, 0)
    set_order_next(view, slot, get(scalars, ORDER_FREE))
    put(scalars, ORDER_FREE, slot)


@jit_inline_internal
def order_id_place(view: Any, order_id: int) -> int:
    """Where in the table probing for ``order_id`` starts; depends on its low 32 bits only."""
    bits = get(view.scalars, ORDER_ID_BITS)
    block = (order_id & _LOW_ID_MASK) >> _BLOCK_BITS
    blocks = shift_right(multiply(block, _SPREAD), 64 + _BLOCK_BITS - bits)
    return (blocks << _BLOCK_BITS) | (order_id & _BLOCK_MASK)


@jit_inline_internal
def low_id_in(word: int) -> int:
    """The low half of the order id that a word of the table has."""
    return (word >> ORDER_IDS_LOW_ID.shift) & ORDER_IDS_LOW_ID.mask


@jit_inline_internal
def order_id_insert(view: Any, order_id: int, slot: int) -> None:
    mask = (1 << get(view.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(view, order_id)
    while get(view.order_ids, place) != 0:
        place = (place + 1) & mask
    put(view.order_ids, place, (order_id << ORDER_IDS_LOW_ID.shift) | slot)


@jit_inline_internal
def order_id_find(view: Any, order_id: int) -> int:
    """The slot of the live order ``order_id``; 0 if there is none."""
    mask = (1 << get(view.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(view, order_id)
    while True:
        word = get(view.order_ids, place)
        if word == 0:
            return 0
        slot = word & ORDER_IDS_SLOT.mask
        if low_id_in(word) == order_id & _LOW_ID_MASK and order_id_of(view, slot) == order_id:
            return slot
        place = (place + 1) & mask


@jit_inline_internal
def order_id_remove(view: Any, order_id: int, slot: int) -> None:
    """Take the entry of ``order_id`` (which is there) out and close the gap behind it."""
    mask = (1 << get(view.scalars, ORDER_ID_BITS)) - 1
    gap = order_id_place(view, order_id)
    while order_ids_slot(view, gap) != slot:
        gap = (gap + 1) & mask
    place = gap
    while True:
        place = (place + 1) & mask
        word = get(view.order_ids, place)
        if word == 0:
            break
        home = order_id_place(view, low_id_in(word))
        # move it back unless its home lies cyclically after the gap
        if (place - home) & mask >= (place - gap) & mask:
            put(view.order_ids, gap, word)
            gap = place
    put(view.order_ids, gap, 0)
