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
    ORDER_WORDS,
)
from exchange.engine.state.memory import get, multiply, put, shift_right, touch
from ringbuffer.jit import jit_inline_internal

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)
_HALF = (1 << 32) - 1


@jit_inline_internal
def no_free_order(v: Any) -> bool:
    return get(v.scalars, LIVE_ORDERS) >= get(v.scalars, MAX_ORDERS)


@jit_inline_internal
def take_slot(v: Any) -> int:
    """A free slot; there is one (``no_free_order`` is checked at the door)."""
    s = v.scalars
    put(s, LIVE_ORDERS, get(s, LIVE_ORDERS) + 1)
    slot = get(s, ORDER_FREE)
    if slot != 0:
        following = get(v.orders_half, slot * (ORDER_WORDS * 2) + 10)
        put(s, ORDER_FREE, following)
        # the next order to rest will take it
        touch(v.orders, following * ORDER_WORDS)
    else:
        slot = get(s, ORDER_HIGH) + 1
        put(s, ORDER_HIGH, slot)
    return slot


@jit_inline_internal
def give_back_slot(v: Any, slot: int) -> None:
    s = v.scalars
    put(s, LIVE_ORDERS, get(s, LIVE_ORDERS) - 1)
    put(v.orders, slot * ORDER_WORDS + 2, 0)
    put(v.orders_half, slot * (ORDER_WORDS * 2) + 10, get(s, ORDER_FREE))
    put(s, ORDER_FREE, slot)


@jit_inline_internal
def order_id_place(v: Any, order_id: int) -> int:
    """Where in the table probing for ``order_id`` starts; depends on its low 32 bits only."""
    bits = get(v.scalars, ORDER_ID_BITS)
    block = (order_id & _HALF) >> 3
    return (shift_right(multiply(block, _SPREAD), 67 - bits) << 3) | (order_id & 7)


@jit_inline_internal
def order_id_insert(v: Any, order_id: int, slot: int) -> None:
    mask = (1 << get(v.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(v, order_id)
    while get(v.order_ids, place) != 0:
        place = (place + 1) & mask
    put(v.order_ids, place, (order_id << 32) | slot)


@jit_inline_internal
def order_id_find(v: Any, order_id: int) -> int:
    """The slot of the live order ``order_id``; 0 if there is none."""
    mask = (1 << get(v.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(v, order_id)
    while True:
        word = get(v.order_ids, place)
        if word == 0:
            return 0
        slot = word & _HALF
        if (word >> 32) & _HALF == order_id & _HALF and get(
            v.orders, slot * ORDER_WORDS + 2
        ) == order_id:
            return slot
        place = (place + 1) & mask


@jit_inline_internal
def order_id_remove(v: Any, order_id: int, slot: int) -> None:
    """Take the entry of ``order_id`` (which is there) out and close the gap behind it."""
    mask = (1 << get(v.scalars, ORDER_ID_BITS)) - 1
    gap = order_id_place(v, order_id)
    while get(v.order_ids, gap) & _HALF != slot:
        gap = (gap + 1) & mask
    place = gap
    while True:
        place = (place + 1) & mask
        word = get(v.order_ids, place)
        if word == 0:
            break
        home = order_id_place(v, (word >> 32) & _HALF)
        # move it back unless its home lies cyclically after the gap
        if (place - home) & mask >= (place - gap) & mask:
            put(v.order_ids, gap, word)
            gap = place
    put(v.order_ids, gap, 0)
