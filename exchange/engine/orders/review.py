"""REVIEW: an operator approves or refuses a held order."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, OrderType, Reject
from exchange.engine.book.held import held_leave
from exchange.engine.book.levels import can_rest
from exchange.engine.book.order_pool import order_id_find
from exchange.engine.book.stops import stop_book_of, stop_key, wait_for_stop
from exchange.engine.orders.re_enter import end_order, resume_order
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.layout import (
    COLD_WORDS,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    ORDER_HELD,
    ORDER_WORDS,
)
from exchange.engine.state.memory import get
from exchange.engine.state.trading_states import state_reject
from ringbuffer.jit import jit_internal

_RELEASED = int(EventKind.RELEASED)
_STOP = int(OrderType.STOP)
_STOP_LIMIT = int(OrderType.STOP_LIMIT)
_SUPERVISORY = int(CancelReason.SUPERVISORY)
_SYSTEM = int(CancelReason.SYSTEM)
_UNKNOWN_ORDER = int(Reject.UNKNOWN_ORDER)
_HELD_FLAG = ORDER_HELD << 40


@jit_internal
def review(v: Any, order_id: int, choice: int) -> int:
    """Approve (1) or refuse (0) the held order ``order_id``; the reject, 0 when carried out."""
    if choice not in (0, 1) or order_id <= 0:
        return _UNKNOWN_ORDER
    slot = order_id_find(v, order_id)
    if slot == 0 or get(v.orders, slot * ORDER_WORDS + 7) & _HELD_FLAG == 0:
        return _UNKNOWN_ORDER
    o = slot * ORDER_WORDS
    whole = get(v.orders, o)
    if choice == 0:
        held_leave(v, slot)
        end_order(v, slot, whole, whole, _SUPERVISORY)
        return 0
    instrument = (get(v.orders, o + 4) >> 48) & 0xFFFF
    i = instrument * INSTRUMENT_WORDS
    reject = state_reject(v, i)
    if reject != 0:
        return reject
    held_leave(v, slot)
    emit_order_event(v, slot, 0, _RELEASED, 0, whole, whole, 0)
    word = get(v.orders, o + 7)
    if (word >> 56) & 0xFF in (_STOP, _STOP_LIMIT):
        stop_price = get(v.orders_cold, slot * COLD_WORDS + 5)
        book = stop_book_of(v, instrument, (word >> 24) & 0xFF)
        tick = get(v.instruments, i + INSTRUMENT_TICK)
        if can_rest(v, book, stop_key(stop_price, tick, book)):
            wait_for_stop(v, slot, stop_price)
        else:
            end_order(v, slot, whole, whole, _SYSTEM)
        return 0
    resume_order(v, slot, False)
    return 0
