"""Reducing, changing and ending live orders: CANCEL, MODIFY, and what cancels whole orders."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, Reject, Side
from exchange.engine.book.book import NOT_RESTING, reduce_open, remove_order, told_level
from exchange.engine.book.live_order import account_of_order, executed_of, whole_open
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.tokens import token_key, token_probe
from exchange.engine.money.cancel_ratio import count_cancel
from exchange.engine.money.clearing import Holding, adjust_at, holding_of, unfreeze_order
from exchange.engine.orders.risk import may_short, position_limit
from exchange.engine.state.events import emit_cancel_rejected, emit_order_report
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    INSTRUMENT_WORDS,
)
from exchange.engine.state.memory import remainder
from exchange.engine.state.rows import (
    instrument_lot,
    order_flags,
    order_id_of,
    order_instrument,
    order_price,
    order_side,
    position_frozen,
    position_open_shorts,
    position_quantity,
    set_order_side,
    token_order_id,
    token_slot,
)
from exchange.engine.state.trading_states import cancel_refused
from ringbuffer.jit import jit_inline_internal

_LAST_SIDE = int(max(Side))


@jit_inline_internal
def live_order(view: Any, hashed: int, token_0: int, tail: int, session: int) -> int:
    """The slot of the live order that (session, token) names; 0 if there is none."""
    entry = token_probe(view, hashed, token_0, token_key(tail, session))
    if entry <= 0:
        return 0
    slot = token_slot(view, entry)
    order_id = token_order_id(view, entry)
    if order_id == 0 or order_id_of(view, slot) != order_id:
        return 0
    return slot


@jit_inline_internal
def _cancel_at_once(view: Any, slot: int, reason: int) -> None:
    whole = whole_open(view, slot)
    unfreeze_order(view, slot, whole, 0)
    level = remove_order(view, slot)
    emit_order_report(view, EventKind.CANCELED, reason, slot, level, whole, 0)
    give_back_slot(view, slot)


@engine_function
def cancel_whole(view: Any, slot: int, reason: int) -> None:
    """Cancel a live order of any kind, return what it has frozen, and say so."""
    _cancel_at_once(view, slot, reason)


@jit_inline_internal
def intended_open(view: Any, slot: int, total: int) -> int:
    """What an order keeps open when its chain's intended total is ``total``: whole lots, >= 0."""
    if total <= 0:
        return 0
    rest = total - executed_of(view, slot)
    if rest <= 0:
        return 0
    lot = instrument_lot(view, order_instrument(view, slot) * INSTRUMENT_WORDS)
    return rest if lot == 1 else rest - remainder(rest, lot)


@jit_inline_internal
def apply_cancel(view: Any, slot: int, total: int, is_user: bool) -> None:
    """CANCEL and CANCEL_BY_ORDER_ID of the live order in ``slot`` (0 = none).

    ``is_user``: a client asked, not an operator; it may ask for this order.
    """
    if slot == 0:
        return
    if is_user and cancel_refused(view, order_instrument(view, slot) * INSTRUMENT_WORDS):
        emit_cancel_rejected(view, slot, Reject.INSTRUMENT_HALTED)
        return
    kept = intended_open(view, slot, total)
    before = whole_open(view, slot)
    if kept >= before:
        return
    if kept == 0:
        account = account_of_order(view, slot)
        _cancel_at_once(view, slot, CancelReason.USER)
        if is_user:
            count_cancel(view, account)
        return
    reduce_open(view, slot, before - kept)
    unfreeze_order(view, slot, before, kept)
    level = told_level(view, slot)
    emit_order_report(
        view, EventKind.CANCELED, CancelReason.USER, slot, level, before - kept, kept
    )  # fmt: skip


@jit_inline_internal
def _may_change_side(
    view: Any, holding: Holding, old_side: int, side: int, own_open: int, quantity: int
) -> bool:
    """Whether an order may sell ``quantity`` on ``side``, not ``own_open`` on ``old_side``."""
    position_at = holding.position_at
    frozen = position_frozen(view, position_at)
    if old_side == Side.SELL:
        # the order itself has frozen that much of the stock
        frozen -= own_open
    left = position_quantity(view, position_at) - frozen - quantity
    if side == Side.SELL:
        return left >= 0
    if not may_short(view, holding.account_at):
        return False
    if old_side != Side.SELL:
        return True
    limit = position_limit(view, holding.instrument_at, holding.account_at)
    return position_open_shorts(view, position_at) - left <= limit


@engine_function
def apply_modify(view: Any, slot: int, side: int, total: int, ends: bool) -> None:
    """MODIFY and MODIFY_BY_ORDER_ID of the live order in ``slot`` to ``side`` and ``total``.

    ``ends``: a total of what is executed, or less, cancels the rest (FLAG_MODIFY_ENDS).
    """
    if cancel_refused(view, order_instrument(view, slot) * INSTRUMENT_WORDS):
        emit_cancel_rejected(view, slot, Reject.INSTRUMENT_HALTED)
        return
    if order_flags(view, slot) & NOT_RESTING:
        emit_cancel_rejected(view, slot, Reject.ORDER_WAITING)
        return
    old_side = order_side(view, slot)
    if side > _LAST_SIDE or (side == Side.BUY) != (old_side == Side.BUY):
        return
    kept = intended_open(view, slot, total)
    before = whole_open(view, slot)
    if kept <= 0 and ends:
        apply_cancel(view, slot, 0, True)
        return
    if kept <= 0 or kept > before or (kept == before and side == old_side):
        return
    holding = holding_of(view, slot)
    if side != old_side and not _may_change_side(view, holding, old_side, side, before, kept):
        return
    price = order_price(view, slot)
    adjust_at(view, holding, old_side, price, before, 0)
    adjust_at(view, holding, side, price, 0, kept)
    set_order_side(view, slot, side)
    level = 0
    if kept != before:
        reduce_open(view, slot, before - kept)
        level = told_level(view, slot)
    emit_order_report(view, EventKind.MODIFIED, 0, slot, level, kept, kept)
