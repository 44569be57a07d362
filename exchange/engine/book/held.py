"""The list of held orders, oldest first: orders that wait for an operator's review.

A leaf, so that ``enter.py`` can put orders in and ``book.remove_order`` can take them out. A held
order is on no level (its level is 0); ``next`` and ``previous`` are the list's links. What becomes
of it is in review.py.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.layout import HELD_HEAD, HELD_ORDERS, HELD_TAIL, ORDER_HELD, ORDER_WORDS
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

_HELD = int(EventKind.HELD)
_HELD_FLAG = ORDER_HELD << 40


@jit_internal
def held_leave(v: Any, slot: int) -> None:
    """Take the held order in ``slot`` out of the list."""
    s = v.scalars
    half = slot * (ORDER_WORDS * 2)
    following = get(v.orders_half, half + 10)
    previous = get(v.orders_half, half + 11)
    if following != 0:
        put(v.orders_half, following * (ORDER_WORDS * 2) + 11, previous)
    else:
        put(s, HELD_TAIL, previous)
    if previous != 0:
        put(v.orders_half, previous * (ORDER_WORDS * 2) + 10, following)
    else:
        put(s, HELD_HEAD, following)
    put(s, HELD_ORDERS, get(s, HELD_ORDERS) - 1)
    word = slot * ORDER_WORDS + 7
    put(v.orders, word, get(v.orders, word) & ~_HELD_FLAG)


@jit_internal
def hold_order(v: Any, slot: int) -> None:
    """Put a new order, which has its slot and all its words, at the tail of the list: HELD.

    Word 0 is its whole open quantity (an iceberg hides nothing yet); what it still needs once it is
    released is in its cold words: minimum quantity, display quantity, stop price.
    """
    s = v.scalars
    half = slot * (ORDER_WORDS * 2)
    tail = get(s, HELD_TAIL)
    put(v.orders_half, half + 10, 0)
    put(v.orders_half, half + 11, tail)
    put(v.orders_half, half + 12, 0)
    if tail != 0:
        put(v.orders_half, tail * (ORDER_WORDS * 2) + 10, slot)
    else:
        put(s, HELD_HEAD, slot)
    put(s, HELD_TAIL, slot)
    put(s, HELD_ORDERS, get(s, HELD_ORDERS) + 1)
    word = slot * ORDER_WORDS + 7
    put(v.orders, word, get(v.orders, word) | _HELD_FLAG)
    whole = get(v.orders, slot * ORDER_WORDS)
    emit_order_event(v, slot, 0, _HELD, 0, whole, whole, 0)
