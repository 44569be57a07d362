"""REPLACE: an order leaves and another takes its place, in one command.

Decision GTW-2.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import OPTION_AMEND, CancelReason, EventKind
from exchange.engine.book.book import remove_order
from exchange.engine.book.live_order import whole_open
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.tokens import token_hash, token_insert, token_key, token_probe
from exchange.engine.money.clearing import unfreeze_order
from exchange.engine.orders.amend import apply_cancel, cancel_whole
from exchange.engine.orders.checks import (
    check_access,
    check_instrument,
    checked,
    token_form_reject,
    token_space_reject,
)
from exchange.engine.orders.placing import (
    holding_if_any,
    incoming_of,
    limit_of,
    place_order,
    place_reject,
)
from exchange.engine.orders.risk import Replaced, afforded
from exchange.engine.orders.terms import Terms, identity_of, replace_terms
from exchange.engine.state.commands import (
    command_price,
    command_quantity,
    continuation_options,
)
from exchange.engine.state.events import (
    Subject,
    emit_cancel_rejected,
    emit_order_event,
    emit_rejected,
)
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import ACCOUNT_WORDS, COMMAND_SEQUENCE
from exchange.engine.state.memory import get
from exchange.engine.state.rows import (
    order_id_of,
    order_price,
    order_token_0,
    order_token_tail,
    session_account,
)
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def replaced_of(view: Any, slot: int) -> Replaced:
    """What the replacement of the live order in ``slot`` needs of it once its slot is free."""
    return Replaced(
        order_id_of(view, slot),
        order_price(view, slot),
        whole_open(view, slot),
        order_token_0(view, slot),
        order_token_tail(view, slot),
    )


@jit_inline_internal
def _take_out(view: Any, slot: int, whole: int) -> None:
    """REMOVED: the order in ``slot``, ``whole`` open, leaves its place to another."""
    unfreeze_order(view, slot, whole, 0)
    level = remove_order(view, slot)
    emit_order_event(view, EventKind.REMOVED, slot, level, whole, 0)
    give_back_slot(view, slot)


@jit_inline_internal
def _reject_token(view: Any, command_at: int, terms: Terms, reject: int) -> None:
    """Rule replacement-token: REJECTED with the replacement token; the order stays."""
    subject = Subject(
        get(view.scalars, COMMAND_SEQUENCE), command_price(view, command_at),
        command_quantity(view, command_at), terms.token_0, terms.token_word, identity_of(terms),
    )  # fmt: skip
    emit_rejected(view, subject, reject)


@jit_inline_internal
def _check_details(view: Any, terms: Terms) -> int:
    """Rule replace-details."""
    return terms.reject if terms.reject != 0 else checked(view, terms)


@jit_inline_internal
def _refuse(view: Any, slot: int, amends: bool, reject: int) -> None:
    """A replacement that may not be: an amendment leaves the order, a Replace of OUCH ends it."""
    if amends:
        emit_cancel_rejected(view, slot, reject)
    else:
        cancel_whole(view, slot, CancelReason.USER)


@engine_function
def apply_replace(view: Any, command_at: int, continuation_at: int, slot: int) -> None:
    """REPLACE and REPLACE_BY_ORDER_ID of the live order in ``slot`` (0 = none)."""
    if slot == 0:
        return
    amends = continuation_options(view, continuation_at) & OPTION_AMEND != 0
    terms = replace_terms(view, command_at, continuation_at, slot)
    if amends and command_quantity(view, command_at) <= terms.executed:
        apply_cancel(view, slot, 0, True)
        return
    key_1 = token_key(terms.token_word, terms.session)
    hashed = token_hash(view, terms.token_0, key_1)
    place = token_probe(view, hashed, terms.token_0, key_1)
    # the token of an amended order is that of its replacement, any other must be new
    if (place > 0) != amends:
        return
    reject = 0 if amends else token_form_reject(terms)
    if reject == 0 and not amends:
        reject = token_space_reject(view, terms.session)
    if reject != 0:
        _reject_token(view, command_at, terms, reject)
        return
    account = session_account(view, terms.session)
    reject = check_access(view, terms.session, account * ACCOUNT_WORDS)
    if reject == 0:
        reject = check_instrument(view, terms.instrument)
    if reject != 0:
        emit_cancel_rejected(view, slot, reject)
        return
    reject = _check_details(view, terms)
    if reject != 0:
        _refuse(view, slot, amends, reject)
        return
    old = replaced_of(view, slot)
    holding = holding_if_any(view, account, terms.instrument)
    limit = limit_of(view, terms)
    reject = afforded(view, terms, holding, limit, old)
    if reject != 0:
        emit_cancel_rejected(view, slot, reject)
        return
    order = incoming_of(view, terms, holding, account, limit)
    reject = place_reject(view, terms, order, False)
    if reject != 0:
        _refuse(view, slot, amends, reject)
        return
    _take_out(view, slot, old.open)
    entry = place
    if not amends:
        entry = token_insert(view, -1 - place, hashed, terms.token_0, key_1)
    place_order(view, EventKind.REPLACED, terms, order, entry, old)
