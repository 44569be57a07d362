"""Stop books, and the queue of instruments with stops that are due.

A waiting stop is on a level of its stop book, as a resting order is on one of its book, so finding
the stop that is due first costs what finding the best price costs. A leaf, so that ``book.py`` and
``enter.py`` can use it; what happens to a stop that is due is in triggers.py.

Invariants: a waiting stop's word 0 is its whole open quantity (an iceberg hides nothing yet). An
instrument is in the queue at most once; one with a due stop whose state is OPEN is in it between
commands.

Decision ENG-8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Side
from exchange.engine.book.levels import join_level, leave_level
from exchange.engine.state.layout import (
    ASK_MIRROR,
    BOOK_WORDS,
    COLD_WORDS,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_PENDING_NEXT,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    MAX_INSTRUMENTS,
    ORDER_WAITING,
    ORDER_WORDS,
    PENDING_HEAD,
    PENDING_TAIL,
    WAITING_ORDERS,
)
from exchange.engine.state.memory import divide, get, put
from exchange.engine.state.trading_states import is_open
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

_BUY = int(Side.BUY)
_WAITING_FLAG = ORDER_WAITING << 40


@jit_inline_internal
def stop_book_of(v: Any, instrument: int, side: int) -> int:
    """The stop book in which an order of ``side`` waits."""
    return (get(v.scalars, MAX_INSTRUMENTS) + instrument) * 2 + (1 if side == _BUY else 0)


@jit_inline
def stop_key(price: int, tick: int, stop_book: int) -> int:
    """The key of a valid stop price (see ``books`` in state.py)."""
    number = price if tick == 1 else divide(price, tick)
    return ASK_MIRROR - number if stop_book & 1 else number


@jit_internal
def due_level(v: Any, instrument: int) -> int:
    """The level of the stop that triggers next; 0 if none is due."""
    i = instrument * INSTRUMENT_WORDS
    last = get(v.instruments, i + INSTRUMENT_LAST_PRICE)
    if last == 0:
        return 0
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    sells = stop_book_of(v, instrument, _BUY + 1) * BOOK_WORDS
    buys = stop_book_of(v, instrument, _BUY) * BOOK_WORDS
    key = get(v.books, buys)
    if key != 0 and (ASK_MIRROR - key) * tick <= last:
        return get(v.books, buys + 1)
    key = get(v.books, sells)
    if key != 0 and key * tick >= last:
        return get(v.books, sells + 1)
    return 0


@jit_internal
def _join_queue(v: Any, instrument: int) -> None:
    """Put the instrument at the tail of the pending queue if a stop is due and may trigger."""
    s = v.scalars
    half = (instrument * INSTRUMENT_WORDS + INSTRUMENT_PENDING_NEXT) * 2
    if (
        get(v.instruments_half, half + 1) != 0
        or not is_open(v, instrument * INSTRUMENT_WORDS)
        or due_level(v, instrument) == 0
    ):
        return
    put(v.instruments_half, half, 0)
    put(v.instruments_half, half + 1, 1)
    tail = get(s, PENDING_TAIL)
    if tail != 0:
        put(v.instruments_half, (tail * INSTRUMENT_WORDS + INSTRUMENT_PENDING_NEXT) * 2, instrument)
    else:
        put(s, PENDING_HEAD, instrument)
    put(s, PENDING_TAIL, instrument)


@jit_inline_internal
def look_for_due_stops(v: Any, instrument: int) -> None:
    """Let the instrument become pending if it must.

    To be called after a stop joined, after an order traded, and when the instrument or the market
    became OPEN. Costs two loads while the instrument has no stops.
    """
    books = stop_book_of(v, instrument, _BUY + 1) * BOOK_WORDS
    if get(v.books, books) | get(v.books, books + BOOK_WORDS) != 0:
        _join_queue(v, instrument)


@jit_internal
def leave_queue(v: Any) -> None:
    """Take the first instrument out of the pending queue."""
    s = v.scalars
    word = get(s, PENDING_HEAD) * INSTRUMENT_WORDS + INSTRUMENT_PENDING_NEXT
    following = get(v.instruments_half, word * 2)
    put(v.instruments, word, 0)
    put(s, PENDING_HEAD, following)
    if following == 0:
        put(s, PENDING_TAIL, 0)


@jit_internal
def wait_for_stop(v: Any, slot: int, stop_price: int) -> None:
    """Let the order in ``slot`` (complete, in no list) wait at ``stop_price``.

    There must be a level block for it in its stop book (``can_rest``). It may be due at once.
    """
    o = slot * ORDER_WORDS
    instrument = (get(v.orders, o + 4) >> 48) & 0xFFFF
    word = get(v.orders, o + 7)
    book = stop_book_of(v, instrument, (word >> 24) & 0xFF)
    tick = get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_TICK)
    put(v.orders, o + 7, word | _WAITING_FLAG)
    put(v.orders_cold, slot * COLD_WORDS + 5, stop_price)
    put(v.scalars, WAITING_ORDERS, get(v.scalars, WAITING_ORDERS) + 1)
    join_level(v, slot, book, stop_key(stop_price, tick, book), get(v.orders, o))
    look_for_due_stops(v, instrument)


@jit_internal
def stop_leave(v: Any, slot: int) -> None:
    """Take the waiting stop in ``slot`` out of its stop book."""
    o = slot * ORDER_WORDS
    level = get(v.orders_half, o * 2 + 12)
    leave_level(v, slot, level, get(v.orders, o))
    put(v.orders_half, o * 2 + 12, 0)
    put(v.orders, o + 7, get(v.orders, o + 7) & ~_WAITING_FLAG)
    put(v.scalars, WAITING_ORDERS, get(v.scalars, WAITING_ORDERS) - 1)
