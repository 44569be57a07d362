"""Events that are about no order: what operators' commands, days and states emit.

Fields that are not named are 0 (docs/matching.md).
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import EventKind, WarningReason
from exchange.engine.state.commands import (
    admin_operator_0,
    admin_operator_1,
    admin_operator_uid,
    admin_scope,
    admin_value_0,
    admin_value_1,
    admin_value_2,
    command_kind,
    command_order_type,
    command_price,
    command_quantity,
    command_session,
    command_token_0,
    command_token_tail,
    command_token_word,
)
from exchange.engine.state.events import (
    NO_DETAIL,
    NO_LEVEL,
    Detail,
    LevelTotals,
    Subject,
    emit_plain,
    next_session_sequence,
    remaining_only,
    write_event,
)
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import DAY_NUMBER, MIDNIGHT_NS, REJECTS
from exchange.engine.state.memory import get, put
from exchange.records import (
    EVENT_CURRENCY,
    EVENT_DISPLAY,
    EVENT_INSTRUMENT,
    EVENT_ORDER_TYPE,
    EVENT_PARAMETER,
    EVENT_SCOPE,
)
from ringbuffer.jit import jit_inline_internal


class Values(NamedTuple):
    """Up to three values of a parameter, int64 each; what it does not have is 0."""

    value_0: int
    value_1: int
    value_2: int


class Target(NamedTuple):
    """What a parameter is of: an instrument, an account or a session; the others are 0."""

    instrument: int
    account: int
    session: int


@engine_function
def _emit(
    view: Any, kind: int, reason: int, subject: Subject, level_quantity: int, detail: Detail
) -> None:
    """One event about the exchange itself; ``level_quantity`` is no level's but one more value."""
    write_event(view, kind, reason, subject, LevelTotals(level_quantity, 0, 0), 0, detail)


@jit_inline_internal
def _about(instrument: int, session: int, price: int, quantity: int) -> Subject:
    """A subject that is an instrument or a session."""
    return Subject(0, price, quantity, 0, instrument << EVENT_INSTRUMENT.shift, session)


@jit_inline_internal
def _account_detail(account: int, currency: int, remaining: int) -> Detail:
    return Detail(0, remaining, 0, currency << EVENT_CURRENCY.shift, account)


@engine_function
def emit_control_rejected(view: Any, instrument: int, session: int, reason: int) -> None:
    """CONTROL_REJECTED of the running command."""
    put(view.scalars, REJECTS, get(view.scalars, REJECTS) + 1)
    emit_plain(view, EventKind.CONTROL_REJECTED, reason, _about(instrument, session, 0, 0))


@engine_function
def emit_system(view: Any, session: int, reason: int) -> None:
    """SYSTEM to one session: the running day begins or ends."""
    scalars = view.scalars
    number = next_session_sequence(view, session)
    subject = _about(0, session, get(scalars, DAY_NUMBER), get(scalars, MIDNIGHT_NS))
    write_event(view, EventKind.SYSTEM, reason, subject, NO_LEVEL, number, NO_DETAIL)


@engine_function
def emit_day(view: Any, kind: int) -> None:
    """DAY_STARTED, DAY_ENDED of the running day."""
    scalars = view.scalars
    emit_plain(view, kind, 0, _about(0, 0, get(scalars, DAY_NUMBER), get(scalars, MIDNIGHT_NS)))


@engine_function
def emit_session_defined(view: Any, session: int, username: int, account: int) -> None:
    emit_plain(view, EventKind.SESSION_DEFINED, 0, Subject(0, 0, account, username, 0, session))


@engine_function
def emit_currency_defined(
    view: Any, currency: int, code: int, decimals: int, fee_account: int
) -> None:
    subject = Subject(0, 0, 0, code, 0, decimals << EVENT_DISPLAY.shift)
    detail = _account_detail(fee_account, currency, 0)
    _emit(view, EventKind.CURRENCY_DEFINED, 0, subject, 0, detail)


@engine_function
def emit_account_defined(view: Any, account: int) -> None:
    subject = Subject(0, 0, 0, 0, 0, 0)
    _emit(view, EventKind.ACCOUNT_DEFINED, 0, subject, 0, _account_detail(account, 0, 0))


@engine_function
def emit_money_changed(view: Any, account: int, currency: int, change: int, balance: int) -> None:
    """BALANCE_CHANGED of money: ``change`` minor units in (negative: out), ``balance`` after it."""
    detail = _account_detail(account, currency, balance)
    _emit(view, EventKind.BALANCE_CHANGED, 0, _about(0, 0, 0, change), 0, detail)


@engine_function
def emit_stock_changed(
    view: Any, account: int, instrument: int, change: int, price: int, position: int
) -> None:
    """BALANCE_CHANGED of stock: ``change`` units at ``price`` each, ``position`` after it."""
    detail = _account_detail(account, 0, position)
    _emit(view, EventKind.BALANCE_CHANGED, 0, _about(instrument, 0, price, change), 0, detail)


@engine_function
def emit_parameter_set(view: Any, parameter: int, target: Target, values: Values) -> None:
    subject = _about(target.instrument, target.session, values.value_0, values.value_1)
    detail = Detail(0, 0, 0, 0, target.account | (parameter << EVENT_PARAMETER.shift))
    _emit(view, EventKind.PARAMETER_SET, 0, subject, values.value_2, detail)


@engine_function
def emit_state_changed(view: Any, instrument: int, state: int, until_ns: int, reason: int) -> None:
    """STATE_CHANGED of an instrument, or of the market (0); ``until_ns`` 0: until told."""
    subject = Subject(
        0, 0, until_ns, 0, instrument << EVENT_INSTRUMENT.shift, state << EVENT_DISPLAY.shift
    )  # fmt: skip
    _emit(view, EventKind.STATE_CHANGED, reason, subject, 0, NO_DETAIL)


@engine_function
def emit_kill_switched(view: Any, scope: int, account: int, session: int, on: int) -> None:
    detail = Detail(0, 0, 0, 0, account | (scope << EVENT_SCOPE.shift))
    _emit(view, EventKind.KILL_SWITCHED, 0, _about(0, session, 0, on), 0, detail)


@engine_function
def emit_auction(view: Any, instrument: int, price: int, volume: int, imbalance: int) -> None:
    """AUCTION; ``imbalance``: what bids at ``price`` exceed asks by."""
    subject = _about(instrument, 0, price, volume)
    _emit(view, EventKind.AUCTION, 0, subject, 0, remaining_only(imbalance))


@engine_function
def emit_warning(view: Any, account: int, cancels: int, orders: int, window_s: int) -> None:
    """WARNING: the account's cancel ratio in its window of ``window_s`` seconds."""
    subject = Subject(0, orders, cancels, 0, 0, 0)
    detail = _account_detail(account, 0, 0)
    _emit(view, EventKind.WARNING, WarningReason.CANCEL_RATIO, subject, window_s, detail)


@engine_function
def refuse(view: Any, command_at: int, account: int, currency: int, reason: int) -> None:
    """CONTROL_REJECTED of the operator's command at word ``command_at``."""
    put(view.scalars, REJECTS, get(view.scalars, REJECTS) + 1)
    identity = command_session(view, command_at) | (
        command_kind(view, command_at) << EVENT_ORDER_TYPE.shift
    )
    token_0 = command_token_0(view, command_at)
    subject = Subject(0, 0, 0, token_0, command_token_word(view, command_at), identity)
    detail = _account_detail(account, currency, 0)
    _emit(view, EventKind.CONTROL_REJECTED, reason, subject, 0, detail)


@engine_function
def emit_done(view: Any, command_at: int, cancelled: int) -> None:
    """CONTROL_DONE of the operator's command at word ``command_at``, which has a key."""
    identity = command_kind(view, command_at) << EVENT_ORDER_TYPE.shift
    token_0 = command_token_0(view, command_at)
    subject = Subject(0, 0, cancelled, token_0, command_token_tail(view, command_at), identity)
    emit_plain(view, EventKind.CONTROL_DONE, 0, subject)


@engine_function
def emit_noted(view: Any, command_at: int, continuation_at: int) -> None:
    """NOTED: what the NOTE at word ``command_at`` says, as it is."""
    subject = Subject(
        admin_operator_1(view, continuation_at),
        admin_value_0(view, continuation_at),
        admin_value_1(view, continuation_at),
        command_token_0(view, command_at),
        command_token_tail(view, command_at),
        command_order_type(view, command_at) << EVENT_ORDER_TYPE.shift,
    )
    part = admin_scope(view, continuation_at)
    detail = Detail(
        command_price(view, command_at),
        command_quantity(view, command_at),
        admin_operator_0(view, continuation_at),
        0,
        admin_operator_uid(view, continuation_at) | (part << EVENT_SCOPE.shift),
    )
    _emit(view, EventKind.NOTED, 0, subject, admin_value_2(view, continuation_at), detail)
