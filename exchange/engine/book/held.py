"""The list of held orders, oldest first: orders that wait for an operator's review.

A leaf, so that ``enter.py`` can put orders in and ``book.remove_order`` can take them out. A held
order is on no level (its level is 0); ``next`` and ``previous`` are the list's links. What becomes
of it is in review.py.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import HELD_HEAD, HELD_ORDERS, HELD_TAIL, ORDER_HELD
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    order_flags,
    order_next,
    order_open,
    order_previous,
    set_order_flags,
    set_order_level,
    set_order_next,
    set_order_previous,
)


@engine_function
def held_leave(view: Any, slot: int) -> None:
    """Take the held order in ``slot`` out of the list."""
    scalars = view.scalars
    following = order_next(view, slot)
    previous = order_previous(view, slot)
    if following != 0:
        set_order_previous(view, following, previous)
    else:
        put(scalars, HELD_TAIL, previous)
    if previous != 0:
        set_order_next(view, previous, following)
    else:
        put(scalars, HELD_HEAD, following)
    put(scalars, HELD_ORDERS, get(scalars, HELD_ORDERS) - 1)
    set_order_flags(view, slot, order_flags(view, slot) & ~ORDER_HELD)


@engine_function
def hold_order(view: Any, slot: int) -> None:
    """Put a new order, which has its slot and all its words, at the tail of the list: HELD.

    What it has open is its whole open quantity (an iceberg hides nothing yet). What it still needs
    once it is approved is in its cold words: minimum quantity, display quantity, stop price.
    """
    scalars = view.scalars
    tail = get(scalars, HELD_TAIL)
    set_order_next(view, slot, 0)
    set_order_previous(view, slot, tail)
    set_order_level(view, slot, 0)
    if tail != 0:
        set_order_next(view, tail, slot)
    else:
        put(scalars, HELD_HEAD, slot)
    put(scalars, HELD_TAIL, slot)
    put(scalars, HELD_ORDERS, get(scalars, HELD_ORDERS) + 1)
    set_order_flags(view, slot, order_flags(view, slot) | ORDER_HELD)
    whole = order_open(view, slot)
    emit_order_event(view, EventKind.HELD, slot, 0, whole, whole)
