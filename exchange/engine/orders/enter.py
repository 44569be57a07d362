"""ENTER: a new order.

The order of the checks and of the events is that of docs/matching.md.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Reject
from exchange.engine.book.tokens import token_insert, token_key, token_probe
from exchange.engine.orders.checks import (
    check_access,
    check_instrument,
    checked,
    open_order_limit_reached,
    token_form_reject,
    token_space_reject,
)
from exchange.engine.orders.placing import (
    holding_if_any,
    incoming_of,
    limit_of,
    place_order,
    place_reject,
    with_position,
)
from exchange.engine.orders.risk import NOTHING_REPLACED, afforded
from exchange.engine.orders.terms import Terms, enter_terms, identity_of
from exchange.engine.state.commands import command_session
from exchange.engine.state.defined import session_defined
from exchange.engine.state.events import Subject, emit_rejected
from exchange.engine.state.layout import ACCOUNT_WORDS, COMMAND_SEQUENCE, SHARES
from exchange.engine.state.memory import get
from exchange.engine.state.rows import session_account
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def _enter_checked(view: Any, terms: Terms, subject: Subject, account: int, entry: int) -> None:
    """ENTER of an order that has passed the checks of its terms."""
    holding = holding_if_any(view, account, terms.instrument)
    limit = limit_of(view, terms)
    reject = afforded(view, terms, holding, limit, NOTHING_REPLACED)
    if reject != 0:
        emit_rejected(view, subject, reject)
        return
    order = incoming_of(view, terms, holding, account, limit)
    reject = place_reject(view, terms, order, True)
    if reject != 0:
        emit_rejected(view, subject, reject)
        return
    if holding.position_at < 0:
        order = with_position(view, order, terms.instrument)
    place_order(view, EventKind.ACCEPTED, terms, order, entry, NOTHING_REPLACED)


@jit_inline_internal
def apply_enter(view: Any, command_at: int, continuation_at: int, hashed: int) -> None:
    """ENTER at word ``command_at`` of the command ring, its continuation, if it is long, behind.

    ``hashed``: its token's hash.
    """
    session = command_session(view, command_at)
    if not session_defined(view, session):
        return
    terms = enter_terms(view, command_at, continuation_at)
    key_1 = token_key(terms.token_word, session)
    place = token_probe(view, hashed, terms.token_0, key_1)
    if place > 0:
        return
    subject = Subject(
        get(view.scalars, COMMAND_SEQUENCE), terms.price, terms.quantity, terms.token_0,
        terms.token_word, identity_of(terms),
    )  # fmt: skip
    account = session_account(view, session)
    # While the rules of shares hold, what a limit refuses takes no token; without them the token
    # was taken first, and journals from then say so.
    limits_first = get(view.scalars, SHARES.word) != 0
    reject = token_form_reject(terms)
    if reject == 0 and not limits_first:
        reject = token_space_reject(view, session)
    limited = 0
    if reject == 0 and (limits_first or terms.reject == 0):
        limited = check_access(view, session, account * ACCOUNT_WORDS)
    if reject == 0 and limits_first:
        reject = limited
        if reject == 0 and open_order_limit_reached(view, account * ACCOUNT_WORDS):
            reject = Reject.OPEN_ORDER_LIMIT
        if reject == 0:
            reject = token_space_reject(view, session)
    if reject != 0:
        emit_rejected(view, subject, reject)
        return
    entry = token_insert(view, -1 - place, hashed, terms.token_0, key_1)
    reject = terms.reject
    if reject == 0:
        reject = limited
    if reject == 0:
        reject = check_instrument(view, terms.instrument)
    if reject == 0:
        reject = checked(view, terms)
    if reject != 0:
        emit_rejected(view, subject, reject)
        return
    _enter_checked(view, terms, subject, account, entry)
