"""An order that has lived already enters the market: a stop that triggers, a held order released.

It has its slot, its place in the table of order ids, its expiry and its frozen funds, and is in no
list. It trades as the aggressor under its own order id and token; then it rests or ends.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import DISPLAY_POST_ONLY, CancelReason, EventKind, OrderType
from exchange.engine.book.book import add_executed, book_of, forget_order, join_book, key_of
from exchange.engine.book.levels import can_rest
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.stops import look_for_due_stops
from exchange.engine.money.clearing import account_of_order, release_order
from exchange.engine.orders.matching import PREVENTED, TRIPPED, could_trade, match
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.layout import (
    BOOK_WORDS,
    COLD_WORDS,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    MATCH_END,
    MATCH_TRADED,
    ORDER_IMMEDIATE,
    ORDER_WORDS,
)
from exchange.engine.state.memory import get
from exchange.engine.state.trading_states import in_auction
from ringbuffer.jit import jit_internal

_CANCELED = int(EventKind.CANCELED)
_RESTED = int(EventKind.RESTED)
_MARKET = int(OrderType.MARKET)
_STOP = int(OrderType.STOP)
_IMMEDIATE_OR_CANCEL = int(CancelReason.IMMEDIATE_OR_CANCEL)
_REGULATORY = int(CancelReason.REGULATORY)
_SYSTEM = int(CancelReason.SYSTEM)
_IMMEDIATE_FLAG = ORDER_IMMEDIATE << 40


@jit_internal
def end_order(v: Any, slot: int, whole: int, left: int, reason: int) -> None:
    """Cancel what is ``left`` of an order in no list whose funds are frozen for ``whole``."""
    release_order(v, slot, whole, 0)
    emit_order_event(v, slot, 0, _CANCELED, reason, left, 0, 1)
    forget_order(v, slot)
    give_back_slot(v, slot)


@jit_internal
def _rest(v: Any, slot: int, book: int, key: int, whole: int, left: int) -> None:
    """Let what is ``left`` of the order join its level, if there is a level block for it."""
    if not can_rest(v, book, key):
        end_order(v, slot, whole, left, _SYSTEM)
        return
    if left != whole:
        release_order(v, slot, whole, left)
    level = join_book(v, slot, book, key, left)
    emit_order_event(v, slot, level, _RESTED, 0, get(v.orders, slot * ORDER_WORDS), left, 0)


@jit_internal
def resume_order(v: Any, slot: int, triggered: bool) -> None:
    """A stop that has ``triggered``, from Rule continuous-matching on, or a held order released.

    The released order goes on from Rule auction-rest.
    """
    o = slot * ORDER_WORDS
    word = get(v.orders, o + 7)
    tail = get(v.orders, o + 4)
    instrument = (tail >> 48) & 0xFFFF
    i = instrument * INSTRUMENT_WORDS
    whole = get(v.orders, o)
    price = get(v.orders, o + 1)
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    book = book_of(instrument, (word >> 24) & 0xFF)
    key = key_of(price, tick, book)
    limit_key = key_of(price, tick, book ^ 1)
    account = account_of_order(v, slot)
    if not triggered:
        minimum = get(v.orders_cold, slot * COLD_WORDS + 6)
        if in_auction(v, i):
            if minimum > 0:
                end_order(v, slot, whole, whole, _SYSTEM)
            else:
                _rest(v, slot, book, key, whole, whole)
            return
        would_trade = get(v.books, (book ^ 1) * BOOK_WORDS) >= limit_key
        if would_trade and (word >> 48) & 0xFF == DISPLAY_POST_ONLY:
            end_order(v, slot, whole, whole, _SYSTEM)
            return
        if minimum > 0 and not could_trade(v, book ^ 1, limit_key, minimum, account):
            end_order(v, slot, whole, whole, _IMMEDIATE_OR_CANCEL)
            return
    left = match(
        v, book ^ 1, limit_key, whole, get(v.orders, o + 2), get(v.orders, o + 3), tail, word,
        account,
    )  # fmt: skip
    end = get(v.scalars, MATCH_END)
    traded = get(v.scalars, MATCH_TRADED)
    if left == 0 or end == PREVENTED:
        release_order(v, slot, whole, 0)
        forget_order(v, slot)
        give_back_slot(v, slot)
    elif end == TRIPPED:
        end_order(v, slot, whole, left, _REGULATORY)
    else:
        order_type = (word >> 56) & 0xFF
        if word & _IMMEDIATE_FLAG or order_type in (_MARKET, _STOP):
            end_order(v, slot, whole, left, _IMMEDIATE_OR_CANCEL)
        else:
            if traded != 0:
                add_executed(v, slot, traded)
            _rest(v, slot, book, key, whole, left)
    if traded != 0:
        look_for_due_stops(v, instrument)
