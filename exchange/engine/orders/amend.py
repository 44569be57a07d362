"""Reducing, changing and ending live orders: CANCEL, MODIFY, and what cancels whole orders."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, Reject, Side
from exchange.engine.book.book import (
    NO_LEVEL_FLAGS,
    executed_of,
    reduce_open,
    remove_order,
    told_level,
)
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.tokens import token_key, token_probe
from exchange.engine.money.cancel_ratio import count_cancel
from exchange.engine.money.clearing import (
    account_of_order,
    adjust_at,
    instrument_of_order,
    release_order,
    whole_open,
)
from exchange.engine.money.positions import (
    POSITION_FROZEN,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    position_find,
)
from exchange.engine.orders.risk import may_short, position_limit
from exchange.engine.state.events import emit_cancel_rejected, emit_order_event
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    INSTRUMENT_LOT,
    INSTRUMENT_WORDS,
    ORDER_WORDS,
    TOKEN_WORDS,
)
from exchange.engine.state.memory import get, put, remainder
from exchange.engine.state.trading_states import cancel_refused
from ringbuffer.jit import jit_inline_internal, jit_internal

_CANCELED = int(EventKind.CANCELED)
_MODIFIED = int(EventKind.MODIFIED)
_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_LAST_SIDE = int(Side.SELL_SHORT_EXEMPT)
_USER = int(CancelReason.USER)
_INSTRUMENT_HALTED = int(Reject.INSTRUMENT_HALTED)
_ORDER_WAITING = int(Reject.ORDER_WAITING)


@jit_inline_internal
def live_order(v: Any, hashed: int, token_0: int, tail: int, session: int) -> int:
    """The slot of the live order that (session, token) names; 0 if there is none."""
    entry = token_probe(v, hashed, token_0, token_key(tail, session))
    if entry <= 0:
        return 0
    slot = get(v.token_log, entry * TOKEN_WORDS + 2)
    order_id = get(v.token_log, entry * TOKEN_WORDS + 3)
    if order_id == 0 or get(v.orders, slot * ORDER_WORDS + 2) != order_id:
        return 0
    return slot


@jit_inline_internal
def _cancel_at_once(v: Any, slot: int, reason: int) -> None:
    whole = whole_open(v, slot)
    release_order(v, slot, whole, 0)
    level = remove_order(v, slot)
    emit_order_event(v, slot, level, _CANCELED, reason, whole, 0, 1)
    give_back_slot(v, slot)


@jit_internal
def cancel_whole(v: Any, slot: int, reason: int) -> None:
    """Cancel a live order of any kind, return what it has frozen, and say so."""
    _cancel_at_once(v, slot, reason)


@jit_inline_internal
def intended_open(v: Any, slot: int, total: int) -> int:
    """What an order keeps open when its chain's intended total is ``total``: whole lots, >= 0."""
    if total <= 0:
        return 0
    rest = total - executed_of(v, slot)
    if rest <= 0:
        return 0
    lot = get(v.instruments, instrument_of_order(v, slot) * INSTRUMENT_WORDS + INSTRUMENT_LOT)
    return rest if lot == 1 else rest - remainder(rest, lot)


@jit_inline_internal
def apply_cancel(v: Any, slot: int, total: int, is_user: bool) -> None:
    """CANCEL and CANCEL_BY_ORDER_ID of the live order in ``slot`` (0 = none).

    ``is_user``: a client asked, not an operator; it may ask for this order.
    """
    if slot == 0:
        return
    if is_user and cancel_refused(v, instrument_of_order(v, slot) * INSTRUMENT_WORDS):
        emit_cancel_rejected(v, slot, _INSTRUMENT_HALTED)
        return
    kept = intended_open(v, slot, total)
    before = whole_open(v, slot)
    if kept >= before:
        return
    if kept == 0:
        account = account_of_order(v, slot)
        _cancel_at_once(v, slot, _USER)
        if is_user:
            count_cancel(v, account)
        return
    reduce_open(v, slot, before - kept)
    release_order(v, slot, before, kept)
    emit_order_event(v, slot, told_level(v, slot), _CANCELED, _USER, before - kept, kept, 1)


@jit_inline_internal
def _may_change_side(v: Any, i: int, a: int, p: int, old: int, new: int, own: int, q: int) -> bool:
    """Whether an order with ``own`` open on side ``old`` may sell ``q`` on side ``new`` instead."""
    if old == _SELL:
        # the order itself has frozen `own` of the stock
        frozen = get(v.positions, p + POSITION_FROZEN) - own
    else:
        frozen = get(v.positions, p + POSITION_FROZEN)
    left = get(v.positions, p + POSITION_QUANTITY) - frozen - q
    if new == _SELL:
        return left >= 0
    if not may_short(v, a):
        return False
    if old != _SELL:
        return True
    return get(v.positions, p + POSITION_OPEN_SHORTS) - left <= position_limit(v, i, a)


@jit_internal
def apply_modify(v: Any, slot: int, side: int, total: int) -> None:
    """MODIFY and MODIFY_BY_ORDER_ID of the live order in ``slot`` to ``side`` and ``total``."""
    o = slot * ORDER_WORDS
    instrument = instrument_of_order(v, slot)
    i = instrument * INSTRUMENT_WORDS
    if cancel_refused(v, i):
        emit_cancel_rejected(v, slot, _INSTRUMENT_HALTED)
        return
    word = get(v.orders, o + 7)
    if word & NO_LEVEL_FLAGS:
        emit_cancel_rejected(v, slot, _ORDER_WAITING)
        return
    old_side = (word >> 24) & 0xFF
    if side > _LAST_SIDE or (side == _BUY) != (old_side == _BUY):
        return
    kept = intended_open(v, slot, total)
    before = whole_open(v, slot)
    if kept <= 0 or kept > before or (kept == before and side == old_side):
        return
    account = account_of_order(v, slot)
    a = account * ACCOUNT_WORDS
    p = position_find(v, account, instrument)
    if side != old_side and not _may_change_side(v, i, a, p, old_side, side, before, kept):
        return
    price = get(v.orders, o + 1)
    adjust_at(v, i, a, p, old_side, price, before, 0)
    adjust_at(v, i, a, p, side, price, 0, kept)
    put(v.orders, o + 7, (word & ~(0xFF << 24)) | (side << 24))
    level = 0
    if kept != before:
        reduce_open(v, slot, before - kept)
        level = told_level(v, slot)
    emit_order_event(v, slot, level, _MODIFIED, 0, kept, kept, 1)
