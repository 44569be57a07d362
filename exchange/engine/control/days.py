"""The trading day: START_OF_DAY and END_OF_DAY."""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, EventKind, Parameter, Reject, SystemEvent
from exchange.engine.book.tokens import forget_tokens
from exchange.engine.control.parameters import set_instrument_parameter
from exchange.engine.money.accounts import account_row
from exchange.engine.orders.breaker import breaker_clear
from exchange.engine.orders.checks import instrument_defined, session_defined
from exchange.engine.orders.mass_cancel import ANY_SIDE, EVERY, select_and_cancel
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.events import emit_control_rejected, emit_plain, emit_system
from exchange.engine.state.layout import (
    ACCOUNT_TODAY,
    DAY_NUMBER,
    DAY_OPEN,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_REFERENCE,
    INSTRUMENT_WORDS,
    MAX_ACCOUNTS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    MIDNIGHT_NS,
    SESSION_WORDS,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

_DAY_STARTED = int(EventKind.DAY_STARTED)
_DAY_ENDED = int(EventKind.DAY_ENDED)
_PARAMETER_SET = int(EventKind.PARAMETER_SET)
_REFERENCE_PRICE = int(Parameter.REFERENCE_PRICE)
_TIMEOUT = int(CancelReason.TIMEOUT)
_START = int(SystemEvent.START_OF_DAY)
_END = int(SystemEvent.END_OF_DAY)
_DAY_ALREADY_OPEN = int(Reject.DAY_ALREADY_OPEN)
_DAY_NOT_OPEN = int(Reject.DAY_NOT_OPEN)


@jit_internal
def _tell_sessions(v: Any, reason: int) -> None:
    """SYSTEM to every defined session, by id."""
    s = v.scalars
    for session in range(1, get(s, MAX_SESSIONS)):
        if session_defined(v, session):
            emit_system(v, session, reason, get(s, MIDNIGHT_NS), get(s, DAY_NUMBER))


@jit_internal
def start_of_day(v: Any, midnight_ns: int, day_number: int) -> None:
    """START_OF_DAY: what is counted by the day begins anew."""
    s = v.scalars
    if get(s, DAY_OPEN) != 0:
        emit_control_rejected(v, 0, 0, _DAY_ALREADY_OPEN)
        return
    forget_tokens(v)
    for session in range(1, get(s, MAX_SESSIONS)):
        put(v.sessions, session * SESSION_WORDS + 3, 0)
    for account in range(1, get(s, MAX_ACCOUNTS)):
        put(v.accounts_half, (account_row(account) + ACCOUNT_TODAY) * 2, 0)
    for instrument in range(1, get(s, MAX_INSTRUMENTS)):
        if instrument_defined(v, instrument):
            put(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_LAST_PRICE, 0)
            breaker_clear(v, instrument)
    put(s, DAY_OPEN, 1)
    put(s, MIDNIGHT_NS, midnight_ns)
    put(s, DAY_NUMBER, day_number)
    emit_plain(v, _DAY_STARTED, day_number, midnight_ns, 0, 0, 0, 0)
    _tell_sessions(v, _START)


@jit_internal
def _keep_last_prices(v: Any) -> None:
    """What an instrument traded at last becomes its reference price."""
    for instrument in range(1, get(v.scalars, MAX_INSTRUMENTS)):
        i = instrument * INSTRUMENT_WORDS
        last = get(v.instruments, i + INSTRUMENT_LAST_PRICE)
        if last not in (0, get(v.instruments, i + INSTRUMENT_REFERENCE)):
            set_instrument_parameter(v, instrument, _REFERENCE_PRICE, last, 0, 0)
            emit_control(
                v, _PARAMETER_SET, instrument, 0, 0, 0, last, 0, 0, 0, 0, 0, 0,
                _REFERENCE_PRICE, 0,
            )  # fmt: skip


@jit_internal
def end_of_day(v: Any) -> None:
    """END_OF_DAY: every order is cancelled, the last prices become reference prices."""
    s = v.scalars
    if get(s, DAY_OPEN) == 0:
        emit_control_rejected(v, 0, 0, _DAY_NOT_OPEN)
        return
    select_and_cancel(v, 0, 0, 0, ANY_SIDE, EVERY, _TIMEOUT)
    _keep_last_prices(v)
    _tell_sessions(v, _END)
    put(s, DAY_OPEN, 0)
    emit_plain(v, _DAY_ENDED, get(s, DAY_NUMBER), get(s, MIDNIGHT_NS), 0, 0, 0, 0)
