"""REVIEW: an operator approves or refuses a held order."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, OrderType, Reject
from exchange.engine.book.held import held_leave
from exchange.engine.book.levels import can_rest
from exchange.engine.book.order_pool import order_id_find
from exchange.engine.book.stops import stop_book_of, stop_key, wait_for_stop
from exchange.engine.orders.re_enter import end_order, re_enter
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    INSTRUMENT_WORDS,
    ORDER_HELD,
)
from exchange.engine.state.rows import (
    instrument_tick,
    order_flags,
    order_instrument,
    order_open,
    order_side,
    order_stop_price,
    order_type_of,
)
from exchange.engine.state.trading_states import state_reject


@engine_function
def review(view: Any, order_id: int, choice: int) -> int:
    """Approve (1) or refuse (0) the held order ``order_id``; the reject, 0 when carried out."""
    if choice not in (0, 1) or order_id <= 0:
        return Reject.UNKNOWN_ORDER
    slot = order_id_find(view, order_id)
    if slot == 0 or order_flags(view, slot) & ORDER_HELD == 0:
        return Reject.UNKNOWN_ORDER
    whole = order_open(view, slot)
    if choice == 0:
        held_leave(view, slot)
        end_order(view, slot, whole, whole, CancelReason.SUPERVISORY)
        return 0
    instrument = order_instrument(view, slot)
    instrument_at = instrument * INSTRUMENT_WORDS
    reject = state_reject(view, instrument_at)
    if reject != 0:
        return reject
    held_leave(view, slot)
    emit_order_event(view, EventKind.RELEASED, slot, 0, whole, whole)
    if order_type_of(view, slot) in (OrderType.STOP, OrderType.STOP_LIMIT):
        stop_price = order_stop_price(view, slot)
        book = stop_book_of(view, instrument, order_side(view, slot))
        tick = instrument_tick(view, instrument_at)
        if can_rest(view, book, stop_key(stop_price, tick, book)):
            wait_for_stop(view, slot, stop_price)
        else:
            end_order(view, slot, whole, whole, CancelReason.SYSTEM)
        return 0
    re_enter(view, slot, False)
    return 0
