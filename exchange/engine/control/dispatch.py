"""Every command that is not about one order: which function carries it out, keys, refusals.

An operator's command is refused with CONTROL_REJECTED, or carried out; if it has an idempotency key
it then ends with CONTROL_DONE and its key is remembered.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, CommandKind, Reject, Scope, Side
from exchange.engine.control.days import end_of_day, start_of_day
from exchange.engine.control.definitions import define_instrument, define_session
from exchange.engine.control.deposits import Transfer, move_balance
from exchange.engine.control.idempotency_keys import key_used, remember_key
from exchange.engine.control.parameters import set_parameter
from exchange.engine.control.timer import apply_timer, cancel_after, disconnect
from exchange.engine.control.transitions import set_state
from exchange.engine.money.accounts import account_row, define_account, define_currency
from exchange.engine.orders.mass_cancel import (
    ANY_SIDE,
    EVERY,
    NOT_HALTED,
    Wanted,
    select_and_cancel,
)
from exchange.engine.orders.review import review
from exchange.engine.state.commands import (
    admin_account,
    admin_currency,
    admin_group,
    admin_parameter,
    admin_scope,
    admin_value_0,
    admin_value_1,
    admin_value_2,
    command_instrument,
    command_price,
    command_quantity,
    command_session,
    command_side,
    command_token_0,
    command_token_tail,
)
from exchange.engine.state.control_events import (
    Target,
    Values,
    emit_control_rejected,
    emit_done,
    emit_kill_switched,
    emit_noted,
    refuse,
)
from exchange.engine.state.defined import account_defined, session_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_KILLED_FLAG,
    EXCHANGE_KILLED,
    SESSION_KILLED_FLAG,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    account_flags,
    session_account,
    session_flags,
    set_account_flags,
    set_session_flags,
)


@engine_function
def mass_cancel(view: Any, command_at: int) -> int:
    """MASS_CANCEL, a client's or the operator's: how many orders it cancelled."""
    session = command_session(view, command_at)
    side = command_side(view, command_at)
    account = command_quantity(view, command_at)
    session_filter = command_price(view, command_at)
    instrument = command_instrument(view, command_at)
    if side > Side.SELL and side != ANY_SIDE:
        return 0
    if session == 0:
        wanted = Wanted(account, session_filter, side, EVERY)
        return select_and_cancel(view, instrument, wanted, CancelReason.SUPERVISORY)
    if not session_defined(view, session):
        return 0
    wanted = Wanted(session_account(view, session), session_filter, side, NOT_HALTED)
    return select_and_cancel(view, instrument, wanted, CancelReason.USER)


@engine_function
def switch(view: Any, scope: int, account: int, session: int, on: int) -> int:
    """KILL: how many orders it cancelled, or minus the reject."""
    if scope < Scope.EXCHANGE or scope > Scope.SESSION or on < 0 or on > 1:
        return -Reject.INVALID_SCOPE
    if scope == Scope.ACCOUNT:
        if not account_defined(view, account):
            return -Reject.UNKNOWN_ACCOUNT
        session = 0
        account_at = account_row(account)
        others = account_flags(view, account_at) & ~ACCOUNT_KILLED_FLAG
        set_account_flags(view, account_at, others | (on * ACCOUNT_KILLED_FLAG))
    elif scope == Scope.SESSION:
        if not session_defined(view, session):
            return -Reject.UNKNOWN_SESSION
        account = 0
        others = session_flags(view, session) & ~SESSION_KILLED_FLAG
        set_session_flags(view, session, others | (on * SESSION_KILLED_FLAG))
    else:
        account = 0
        session = 0
        put(view.scalars, EXCHANGE_KILLED, on)
    emit_kill_switched(view, scope, account, session, on)
    if on == 0:
        return 0
    wanted = Wanted(account, session, ANY_SIDE, EVERY)
    return select_and_cancel(view, 0, wanted, CancelReason.SUPERVISORY)


@engine_function
def _carry_out(view: Any, kind: int, command_at: int, continuation_at: int) -> int:
    """Do what the operator's command says: how many orders it cancelled, or minus the reject."""
    if kind == CommandKind.MASS_CANCEL:
        return mass_cancel(view, command_at)
    price = command_price(view, command_at)
    quantity = command_quantity(view, command_at)
    instrument = command_instrument(view, command_at)
    session = command_session(view, command_at)
    value_0 = admin_value_0(view, continuation_at)
    value_1 = admin_value_1(view, continuation_at)
    account = admin_account(view, continuation_at)
    currency = admin_currency(view, continuation_at)
    number = admin_parameter(view, continuation_at)
    if kind == CommandKind.CURRENCY:
        return define_currency(view, currency, value_0, value_1, account)
    if kind == CommandKind.ACCOUNT:
        return define_account(view, account)
    if kind in (CommandKind.DEPOSIT, CommandKind.WITHDRAW):
        sign = 1 if kind == CommandKind.DEPOSIT else -1
        return move_balance(view, Transfer(account, currency, instrument, quantity, price, sign))
    if kind == CommandKind.PARAMETER:
        values = Values(value_0, value_1, admin_value_2(view, continuation_at))
        return set_parameter(view, number, Target(instrument, account, session), values)
    if kind == CommandKind.INSTRUMENT_STATE:
        return set_state(view, instrument, admin_group(view, continuation_at), number, value_0)
    if kind == CommandKind.REVIEW:
        reject = review(view, price, quantity)
        return -reject if reject != 0 else 1 - quantity
    return switch(view, admin_scope(view, continuation_at), account, session, value_0)


@engine_function
def apply_operator(
    view: Any, kind: int, command_at: int, continuation_at: int, is_long: bool
) -> None:
    """An operator's command, with or without an idempotency key."""
    account = 0
    currency = 0
    if is_long:
        account = admin_account(view, continuation_at)
        currency = admin_currency(view, continuation_at)
    key_0 = command_token_0(view, command_at)
    key_1 = command_token_tail(view, command_at)
    has_key = key_0 | key_1 != 0
    if has_key and key_used(view, key_0, key_1):
        refuse(view, command_at, account, currency, Reject.DUPLICATE_KEY)
        return
    cancelled = _carry_out(view, kind, command_at, continuation_at)
    if cancelled < 0:
        refuse(view, command_at, account, currency, -cancelled)
    elif has_key:
        remember_key(view, key_0, key_1)
        emit_done(view, command_at, cancelled)


@engine_function
def apply_control(
    view: Any, kind: int, command_at: int, continuation_at: int, is_long: bool
) -> None:
    """The command at word ``command_at``; its continuation, if ``is_long``, is behind it."""
    session = command_session(view, command_at)
    if kind == CommandKind.TIMER:
        apply_timer(view, get(view.scalars, TIMESTAMP_NS))
    elif kind == CommandKind.START_OF_DAY:
        start_of_day(view, command_quantity(view, command_at), command_price(view, command_at))
    elif kind == CommandKind.END_OF_DAY:
        end_of_day(view, command_quantity(view, command_at))
    elif kind == CommandKind.INSTRUMENT and is_long:
        define_instrument(view, command_at, continuation_at)
    elif kind == CommandKind.SESSION:
        define_session(view, command_at)
    elif kind == CommandKind.DISCONNECT:
        disconnect(view, session)
    elif kind == CommandKind.CANCEL_AFTER:
        cancel_after(view, session, command_quantity(view, command_at))
    elif kind == CommandKind.NOTE and is_long:
        emit_noted(view, command_at, continuation_at)
    elif kind == CommandKind.MASS_CANCEL and session != 0:
        mass_cancel(view, command_at)
    elif kind == CommandKind.MASS_CANCEL or (
        is_long and CommandKind.CURRENCY <= kind <= CommandKind.REVIEW
    ):
        apply_operator(view, kind, command_at, continuation_at, is_long)
    else:
        instrument = command_instrument(view, command_at)
        emit_control_rejected(view, instrument, session, Reject.UNKNOWN_COMMAND)
