"""Every command that is not about one order: which function carries it out, keys, refusals.

An operator's command is refused with CONTROL_REJECTED, or carried out; if it has an idempotency key
it then ends with CONTROL_DONE and its key is remembered.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import FLAG_LONG, CancelReason, CommandKind, EventKind, Reject, Scope
from exchange.engine.control.days import end_of_day, start_of_day
from exchange.engine.control.definitions import define_instrument, define_session
from exchange.engine.control.deposits import move_balance
from exchange.engine.control.idempotency_keys import key_used, remember_key
from exchange.engine.control.parameters import set_parameter
from exchange.engine.control.timer import apply_timer, cancel_after, disconnect
from exchange.engine.control.transitions import set_state
from exchange.engine.money.accounts import (
    account_defined,
    account_row,
    define_account,
    define_currency,
)
from exchange.engine.money.clearing import account_of_session
from exchange.engine.orders.checks import session_defined
from exchange.engine.orders.mass_cancel import ANY_SIDE, EVERY, NOT_HALTED, select_and_cancel
from exchange.engine.orders.review import review
from exchange.engine.state.control_events import emit_control, emit_done, refuse
from exchange.engine.state.events import emit_control_rejected
from exchange.engine.state.layout import (
    ACCOUNT_FLAGS,
    ACCOUNT_KILLED_FLAG,
    EXCHANGE_KILLED,
    SESSION_KILLED_FLAG,
    SESSION_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

_TIMER = int(CommandKind.TIMER)
_START_OF_DAY = int(CommandKind.START_OF_DAY)
_END_OF_DAY = int(CommandKind.END_OF_DAY)
_INSTRUMENT = int(CommandKind.INSTRUMENT)
_SESSION = int(CommandKind.SESSION)
_CURRENCY = int(CommandKind.CURRENCY)
_ACCOUNT = int(CommandKind.ACCOUNT)
_DEPOSIT = int(CommandKind.DEPOSIT)
_WITHDRAW = int(CommandKind.WITHDRAW)
_PARAMETER = int(CommandKind.PARAMETER)
_INSTRUMENT_STATE = int(CommandKind.INSTRUMENT_STATE)
_KILL = int(CommandKind.KILL)
_REVIEW = int(CommandKind.REVIEW)
_MASS_CANCEL = int(CommandKind.MASS_CANCEL)
_DISCONNECT = int(CommandKind.DISCONNECT)
_CANCEL_AFTER = int(CommandKind.CANCEL_AFTER)

_UNKNOWN_COMMAND = int(Reject.UNKNOWN_COMMAND)
_DUPLICATE_KEY = int(Reject.DUPLICATE_KEY)
_INVALID_SCOPE = int(Reject.INVALID_SCOPE)
_UNKNOWN_ACCOUNT = int(Reject.UNKNOWN_ACCOUNT)
_UNKNOWN_SESSION = int(Reject.UNKNOWN_SESSION)
_EXCHANGE_SCOPE = int(Scope.EXCHANGE)
_ACCOUNT_SCOPE = int(Scope.ACCOUNT)
_SESSION_SCOPE = int(Scope.SESSION)
_KILL_SWITCHED = int(EventKind.KILL_SWITCHED)
_USER = int(CancelReason.USER)
_SUPERVISORY = int(CancelReason.SUPERVISORY)

_TAIL_48 = (1 << 48) - 1
_HALF = (1 << 32) - 1
_LONG = FLAG_LONG << 40  # of a command's last word


@jit_internal
def mass_cancel(v: Any, c: int) -> int:
    """MASS_CANCEL at word ``c``, a client's or the operator's: how many orders it cancelled."""
    word_5 = get(v.commands, c + 5)
    session = word_5 & 0xFFFF
    side = (word_5 >> 24) & 0xFF
    account = get(v.commands, c + 2)
    session_filter = get(v.commands, c + 1)
    instrument = (get(v.commands, c + 4) >> 48) & 0xFFFF
    if side not in (0, 1, ANY_SIDE):
        return 0
    if session == 0:
        return select_and_cancel(v, account, session_filter, instrument, side, EVERY, _SUPERVISORY)
    if not session_defined(v, session):
        return 0
    return select_and_cancel(
        v, account_of_session(v, session), session_filter, instrument, side, NOT_HALTED, _USER
    )


@jit_internal
def switch(v: Any, scope: int, account: int, session: int, on: int) -> int:
    """KILL: how many orders it cancelled, or minus the reject."""
    if scope < _EXCHANGE_SCOPE or scope > _SESSION_SCOPE or on < 0 or on > 1:
        return -_INVALID_SCOPE
    if scope == _ACCOUNT_SCOPE:
        if not account_defined(v, account):
            return -_UNKNOWN_ACCOUNT
        session = 0
        word = account_row(account) + ACCOUNT_FLAGS
        flags = get(v.accounts, word) & ~ACCOUNT_KILLED_FLAG
        put(v.accounts, word, flags | (on * ACCOUNT_KILLED_FLAG))
    elif scope == _SESSION_SCOPE:
        if not session_defined(v, session):
            return -_UNKNOWN_SESSION
        account = 0
        word = session * SESSION_WORDS
        flags = get(v.sessions, word) & ~SESSION_KILLED_FLAG
        put(v.sessions, word, flags | (on * SESSION_KILLED_FLAG))
    else:
        account = 0
        session = 0
        put(v.scalars, EXCHANGE_KILLED, on)
    emit_control(v, _KILL_SWITCHED, 0, session, 0, 0, 0, on, 0, 0, 0, 0, account, 0, scope)
    if on == 0:
        return 0
    return select_and_cancel(v, account, session, 0, ANY_SIDE, EVERY, _SUPERVISORY)


@jit_internal
def _carry_out(v: Any, kind: int, c: int, c2: int) -> int:
    """Do what the operator's command says: how many orders it cancelled, or minus the reject."""
    if kind == _MASS_CANCEL:
        return mass_cancel(v, c)
    price = get(v.commands, c + 1)
    quantity = get(v.commands, c + 2)
    instrument = (get(v.commands, c + 4) >> 48) & 0xFFFF
    session = get(v.commands, c + 5) & 0xFFFF
    value_0 = get(v.commands, c2)
    value_1 = get(v.commands, c2 + 1)
    account = (get(v.commands, c2 + 5) >> 32) & _HALF
    word_6 = get(v.commands, c2 + 6)
    currency = word_6 & 0xFFFF
    number = (word_6 >> 16) & 0xFF
    if kind == _CURRENCY:
        return define_currency(v, currency, value_0, value_1, account)
    if kind == _ACCOUNT:
        return define_account(v, account)
    if kind == _DEPOSIT:
        return move_balance(v, account, currency, instrument, quantity, price, 1)
    if kind == _WITHDRAW:
        return move_balance(v, account, currency, instrument, quantity, price, -1)
    if kind == _PARAMETER:
        return set_parameter(
            v, number, instrument, account, session, value_0, value_1, get(v.commands, c2 + 2)
        )
    if kind == _INSTRUMENT_STATE:
        return set_state(v, instrument, (word_6 >> 32) & 0xFF, number, value_0)
    if kind == _REVIEW:
        reject = review(v, price, quantity)
        return -reject if reject != 0 else 1 - quantity
    return switch(v, (word_6 >> 24) & 0xFF, account, session, value_0)


@jit_internal
def apply_operator(v: Any, kind: int, c: int, c2: int, is_long: bool) -> None:
    """An operator's command, with or without an idempotency key."""
    account = 0
    currency = 0
    if is_long:
        account = (get(v.commands, c2 + 5) >> 32) & _HALF
        currency = get(v.commands, c2 + 6) & 0xFFFF
    key_0 = get(v.commands, c + 3)
    key_1 = get(v.commands, c + 4) & _TAIL_48
    has_key = key_0 | key_1 != 0
    if has_key and key_used(v, key_0, key_1):
        refuse(v, c, account, currency, _DUPLICATE_KEY)
        return
    cancelled = _carry_out(v, kind, c, c2)
    if cancelled < 0:
        refuse(v, c, account, currency, -cancelled)
    elif has_key:
        remember_key(v, key_0, key_1)
        emit_done(v, c, cancelled)


@jit_internal
def apply_control(v: Any, kind: int, c: int, c2: int, is_long: bool) -> None:
    """The command at word ``c``, its continuation (if ``is_long``) at ``c2``."""
    session = get(v.commands, c + 5) & 0xFFFF
    if kind == _TIMER:
        apply_timer(v, get(v.scalars, TIMESTAMP_NS))
    elif kind == _START_OF_DAY:
        start_of_day(v, get(v.commands, c + 2), get(v.commands, c + 1))
    elif kind == _END_OF_DAY:
        end_of_day(v)
    elif kind == _INSTRUMENT and is_long:
        define_instrument(v, c, c2)
    elif kind == _SESSION:
        define_session(v, c)
    elif kind == _DISCONNECT:
        disconnect(v, session)
    elif kind == _CANCEL_AFTER:
        cancel_after(v, session, get(v.commands, c + 2))
    elif kind == _MASS_CANCEL and session != 0:
        mass_cancel(v, c)
    elif kind == _MASS_CANCEL or (is_long and _CURRENCY <= kind <= _REVIEW):
        apply_operator(v, kind, c, c2, is_long)
    else:
        instrument = (get(v.commands, c + 4) >> 48) & 0xFFFF
        emit_control_rejected(v, instrument, session, _UNKNOWN_COMMAND)
