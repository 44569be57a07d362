"""An order that has lived already enters the market: a stop that triggers, a held order approved.

It has its slot, its place in the table of order ids, its expiry and its frozen funds, and is in no
list. It trades as the aggressor under its own order id and token; then it rests or ends.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import DISPLAY_POST_ONLY, CancelReason, EventKind, OrderType
from exchange.engine.book.book import book_of, forget_order, join_book, key_of
from exchange.engine.book.levels import can_rest
from exchange.engine.book.live_order import account_of_order, add_executed
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.stops import look_for_due_stops
from exchange.engine.money.clearing import unfreeze_order
from exchange.engine.orders.matching import PREVENTED, TRIPPED, could_trade, match
from exchange.engine.state.events import aggressor_of, emit_order_event, emit_order_report
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ASK_MIRROR,
    INSTRUMENT_WORDS,
    MATCH_END,
    MATCH_TRADED,
    ORDER_IMMEDIATE,
)
from exchange.engine.state.memory import get
from exchange.engine.state.rows import (
    book_best,
    instrument_tick,
    order_display,
    order_flags,
    order_instrument,
    order_minimum_quantity,
    order_open,
    order_price,
    order_side,
    order_type_of,
)
from exchange.engine.state.trading_states import in_auction
from ringbuffer.jit import jit_inline_internal


@engine_function
def end_order(view: Any, slot: int, whole: int, left: int, reason: int) -> None:
    """Cancel what is ``left`` of an order in no list whose funds are frozen for ``whole``."""
    unfreeze_order(view, slot, whole, 0)
    emit_order_report(view, EventKind.CANCELED, reason, slot, 0, left, 0)
    forget_order(view, slot)
    give_back_slot(view, slot)


@engine_function
def _rest(view: Any, slot: int, book: int, key: int, whole: int, left: int) -> None:
    """Let what is ``left`` of the order join its level, if there is a level block for it."""
    if not can_rest(view, book, key):
        end_order(view, slot, whole, left, CancelReason.SYSTEM)
        return
    if left != whole:
        unfreeze_order(view, slot, whole, left)
    level = join_book(view, slot, book, key, left)
    emit_order_event(view, EventKind.RESTED, slot, level, order_open(view, slot), left)


@jit_inline_internal
def _may_trade(view: Any, slot: int, book: int, key: int, whole: int) -> bool:
    """Whether an approved order goes on to match; if not, it has rested or ended here."""
    limit_key = ASK_MIRROR - key
    minimum = order_minimum_quantity(view, slot)
    if in_auction(view, order_instrument(view, slot) * INSTRUMENT_WORDS):
        if minimum > 0:
            end_order(view, slot, whole, whole, CancelReason.SYSTEM)
        else:
            _rest(view, slot, book, key, whole, whole)
        return False
    would_trade = book_best(view, book ^ 1) >= limit_key
    if would_trade and order_display(view, slot) == DISPLAY_POST_ONLY:
        end_order(view, slot, whole, whole, CancelReason.SYSTEM)
        return False
    account = account_of_order(view, slot)
    if minimum > 0 and not could_trade(view, book ^ 1, limit_key, minimum, account):
        end_order(view, slot, whole, whole, CancelReason.IMMEDIATE_OR_CANCEL)
        return False
    return True


@jit_inline_internal
def _rests(view: Any, slot: int) -> bool:
    """Whether what is left of the order after it has traded rests."""
    if order_flags(view, slot) & ORDER_IMMEDIATE:
        return False
    return order_type_of(view, slot) not in (OrderType.MARKET, OrderType.STOP)


@engine_function
def re_enter(view: Any, slot: int, triggered: bool) -> None:
    """A stop that has ``triggered``, from Rule continuous-matching on, or a held order approved.

    The approved order goes on from Rule auction-rest.
    """
    instrument = order_instrument(view, slot)
    whole = order_open(view, slot)
    tick = instrument_tick(view, instrument * INSTRUMENT_WORDS)
    book = book_of(instrument, order_side(view, slot))
    key = key_of(order_price(view, slot), tick, book)
    if not triggered and not _may_trade(view, slot, book, key, whole):
        return
    left = match(
        view, book ^ 1, ASK_MIRROR - key, whole, aggressor_of(view, slot),
        account_of_order(view, slot),
    )  # fmt: skip
    end = get(view.scalars, MATCH_END)
    traded = get(view.scalars, MATCH_TRADED)
    if left == 0 or end == PREVENTED:
        unfreeze_order(view, slot, whole, 0)
        forget_order(view, slot)
        give_back_slot(view, slot)
    elif end == TRIPPED:
        end_order(view, slot, whole, left, CancelReason.REGULATORY)
    elif not _rests(view, slot):
        end_order(view, slot, whole, left, CancelReason.IMMEDIATE_OR_CANCEL)
    else:
        if traded != 0:
            add_executed(view, slot, traded)
        _rest(view, slot, book, key, whole, left)
    if traded != 0:
        look_for_due_stops(view, instrument)
