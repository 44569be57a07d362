"""Stop books, and the queue of instruments with stops that are due.

A waiting stop is on a level of its stop book, as a resting order is on one of its book, so finding
the stop that is due first costs what finding the best price costs. A leaf, so that ``book.py`` and
``enter.py`` can use it; what happens to a stop that is due is in triggers.py.

Invariants: what a waiting stop shows is its whole open quantity (an iceberg hides nothing yet). An
instrument is in the queue at most once; one with a due stop whose state is OPEN is in it between
commands.

Decision ENG-8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Side
from exchange.engine.book.levels import join_level, leave_level
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ASK_MIRROR,
    INSTRUMENT_WORDS,
    MAX_INSTRUMENTS,
    ORDER_WAITING,
    PENDING_HEAD,
    PENDING_TAIL,
    WAITING_ORDERS,
)
from exchange.engine.state.memory import divide, get, put
from exchange.engine.state.rows import (
    book_best,
    book_level,
    instrument_last_price,
    instrument_pending_link,
    instrument_pending_mark,
    instrument_tick,
    order_flags,
    order_instrument,
    order_level,
    order_open,
    order_side,
    set_instrument_pending_link,
    set_instrument_pending_mark,
    set_order_flags,
    set_order_level,
    set_order_stop_price,
)
from exchange.engine.state.trading_states import is_open
from ringbuffer.jit import jit_inline, jit_inline_internal


@jit_inline_internal
def stop_book_of(view: Any, instrument: int, side: int) -> int:
    """The stop book in which an order of ``side`` waits."""
    return (get(view.scalars, MAX_INSTRUMENTS) + instrument) * 2 + (1 if side == Side.BUY else 0)


@jit_inline
def stop_key(price: int, tick: int, stop_book: int) -> int:
    """The key of a valid stop price (``books`` in state/layout.py)."""
    number = price if tick == 1 else divide(price, tick)
    return ASK_MIRROR - number if stop_book & 1 else number


@engine_function
def due_level(view: Any, instrument: int) -> int:
    """The level of the stop that triggers next; 0 if none is due."""
    instrument_at = instrument * INSTRUMENT_WORDS
    last = instrument_last_price(view, instrument_at)
    if last == 0:
        return 0
    tick = instrument_tick(view, instrument_at)
    sells = stop_book_of(view, instrument, Side.SELL)
    buys = stop_book_of(view, instrument, Side.BUY)
    key = book_best(view, buys)
    if key != 0 and (ASK_MIRROR - key) * tick <= last:
        return book_level(view, buys)
    key = book_best(view, sells)
    if key != 0 and key * tick >= last:
        return book_level(view, sells)
    return 0


@engine_function
def _join_queue(view: Any, instrument: int) -> None:
    """Put the instrument at the tail of the pending queue if a stop is due and may trigger."""
    scalars = view.scalars
    instrument_at = instrument * INSTRUMENT_WORDS
    if (
        instrument_pending_mark(view, instrument_at) != 0
        or not is_open(view, instrument_at)
        or due_level(view, instrument) == 0
    ):
        return
    set_instrument_pending_link(view, instrument_at, 0)
    set_instrument_pending_mark(view, instrument_at, 1)
    tail = get(scalars, PENDING_TAIL)
    if tail != 0:
        set_instrument_pending_link(view, tail * INSTRUMENT_WORDS, instrument)
    else:
        put(scalars, PENDING_HEAD, instrument)
    put(scalars, PENDING_TAIL, instrument)


@jit_inline_internal
def look_for_due_stops(view: Any, instrument: int) -> None:
    """Let the instrument become pending if it must.

    To be called after a stop joined, after an order traded, and when the instrument or the market
    became OPEN. Costs two loads while the instrument has no stops.
    """
    sells = stop_book_of(view, instrument, Side.SELL)
    buys = stop_book_of(view, instrument, Side.BUY)
    if book_best(view, sells) | book_best(view, buys) != 0:
        _join_queue(view, instrument)


@engine_function
def leave_queue(view: Any) -> None:
    """Take the first instrument out of the pending queue."""
    scalars = view.scalars
    instrument_at = get(scalars, PENDING_HEAD) * INSTRUMENT_WORDS
    following = instrument_pending_link(view, instrument_at)
    set_instrument_pending_link(view, instrument_at, 0)
    set_instrument_pending_mark(view, instrument_at, 0)
    put(scalars, PENDING_HEAD, following)
    if following == 0:
        put(scalars, PENDING_TAIL, 0)


@engine_function
def wait_for_stop(view: Any, slot: int, stop_price: int) -> None:
    """Let the order in ``slot`` (complete, in no list) wait at ``stop_price``.

    There must be a level block for it in its stop book (``can_rest``). It may be due at once.
    """
    instrument = order_instrument(view, slot)
    book = stop_book_of(view, instrument, order_side(view, slot))
    tick = instrument_tick(view, instrument * INSTRUMENT_WORDS)
    set_order_flags(view, slot, order_flags(view, slot) | ORDER_WAITING)
    set_order_stop_price(view, slot, stop_price)
    put(view.scalars, WAITING_ORDERS, get(view.scalars, WAITING_ORDERS) + 1)
    join_level(view, slot, book, stop_key(stop_price, tick, book), order_open(view, slot))
    look_for_due_stops(view, instrument)


@engine_function
def stop_leave(view: Any, slot: int) -> None:
    """Take the waiting stop in ``slot`` out of its stop book."""
    level = order_level(view, slot)
    leave_level(view, slot, level, order_open(view, slot))
    set_order_level(view, slot, 0)
    set_order_flags(view, slot, order_flags(view, slot) & ~ORDER_WAITING)
    put(view.scalars, WAITING_ORDERS, get(view.scalars, WAITING_ORDERS) - 1)
