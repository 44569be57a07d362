"""TIMER, and the commands that give it something to do: CANCEL_AFTER; and DISCONNECT.

NEXT_DEADLINE_SECOND is no later than the first second at which a halt ends or a session's orders
are to be cancelled. It is lowered when one of these is set and computed anew by a TIMER at or after
it, so a session that keeps postponing costs one needless TIMER now and then and no search.

Decision ENG-7.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, InstrumentState, StateReason
from exchange.engine.book.expiry import first_expiring
from exchange.engine.control.transitions import enter_market_state, enter_state
from exchange.engine.orders.amend import cancel_whole
from exchange.engine.orders.checks import instrument_defined, session_defined
from exchange.engine.orders.mass_cancel import ANY_SIDE, ON_DISCONNECT, OVERDUE, select_and_cancel
from exchange.engine.state.layout import (
    INSTRUMENT_UNTIL_NS,
    INSTRUMENT_WORDS,
    MARKET_STATE,
    MARKET_UNTIL_NS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    NEXT_DEADLINE_SECOND,
    NEXT_EXPIRY_SECOND,
    SESSION_CANCEL_FLAG,
    SESSION_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.trading_states import NANOSECONDS, need_timer_at, own_state, second_of
from ringbuffer.jit import jit_internal

TIMER_CANCELS = 4096  # expired orders per TIMER command
MAXIMUM_CANCEL_AFTER_S = 99_997
CANCEL_AFTER = 7  # word of a session

_OPEN = int(InstrumentState.OPEN)
_HALTED = int(InstrumentState.HALTED)
_TIMER = int(StateReason.TIMER)
_TIMEOUT = int(CancelReason.TIMEOUT)
_SYSTEM = int(CancelReason.SYSTEM)


@jit_internal
def _expire_orders(v: Any, now_ns: int) -> None:
    """Cancel good-till-time orders whose second has come, a bounded number at a time."""
    for _ in range(TIMER_CANCELS):
        second = get(v.scalars, NEXT_EXPIRY_SECOND)
        if second == 0 or second > now_ns // NANOSECONDS:
            return
        cancel_whole(v, first_expiring(v, second), _TIMEOUT)


@jit_internal
def _reopen(v: Any, now_ns: int) -> None:
    """Open the instruments, then the market, whose halt has ended."""
    s = v.scalars
    for instrument in range(1, get(s, MAX_INSTRUMENTS)):
        i = instrument * INSTRUMENT_WORDS
        until_ns = get(v.instruments, i + INSTRUMENT_UNTIL_NS)
        if 0 < until_ns <= now_ns and own_state(v, i) == _HALTED:
            enter_state(v, instrument, _OPEN, 0, _TIMER)
    if 0 < get(s, MARKET_UNTIL_NS) <= now_ns and get(s, MARKET_STATE) == _HALTED:
        enter_market_state(v, _OPEN, 0, _TIMER)


@jit_internal
def _cancel_overdue(v: Any, now_ns: int) -> None:
    """Cancel the orders of sessions whose cancel-after second has come, by session."""
    overdue = False
    for session in range(1, get(v.scalars, MAX_SESSIONS)):
        second = get(v.sessions, session * SESSION_WORDS + CANCEL_AFTER)
        overdue = overdue or 0 < second <= now_ns // NANOSECONDS
    if not overdue:
        return
    select_and_cancel(v, 0, 0, 0, ANY_SIDE, OVERDUE, _SYSTEM)
    for session in range(1, get(v.scalars, MAX_SESSIONS)):
        at = session * SESSION_WORDS + CANCEL_AFTER
        if get(v.sessions, at) <= now_ns // NANOSECONDS:
            put(v.sessions, at, 0)


@jit_internal
def _find_deadline(v: Any) -> None:
    """Compute NEXT_DEADLINE_SECOND anew."""
    s = v.scalars
    put(s, NEXT_DEADLINE_SECOND, 0)
    for instrument in range(1, get(s, MAX_INSTRUMENTS)):
        until_ns = get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_UNTIL_NS)
        if instrument_defined(v, instrument) and until_ns > 0:
            need_timer_at(v, second_of(until_ns))
    if get(s, MARKET_UNTIL_NS) > 0:
        need_timer_at(v, second_of(get(s, MARKET_UNTIL_NS)))
    for session in range(1, get(s, MAX_SESSIONS)):
        second = get(v.sessions, session * SESSION_WORDS + CANCEL_AFTER)
        if second > 0:
            need_timer_at(v, second)


@jit_internal
def apply_timer(v: Any, now_ns: int) -> None:
    """TIMER: expire orders, end halts, cancel the orders of sessions that fell silent."""
    _expire_orders(v, now_ns)
    # A halt may end within the second before its deadline, so a deadline is looked at as soon as
    # there is one: TIMER is a command of a few a second.
    if get(v.scalars, NEXT_DEADLINE_SECOND) != 0:
        _reopen(v, now_ns)
        _cancel_overdue(v, now_ns)
        _find_deadline(v)


@jit_internal
def cancel_after(v: Any, session: int, seconds: int) -> None:
    """CANCEL_AFTER: cancel the session's orders in so many seconds, 0 = never."""
    if not session_defined(v, session) or seconds < 0 or seconds > MAXIMUM_CANCEL_AFTER_S:
        return
    second = 0
    if seconds != 0:
        second = second_of(get(v.scalars, TIMESTAMP_NS)) + seconds
        need_timer_at(v, second)
    put(v.sessions, session * SESSION_WORDS + CANCEL_AFTER, second)


@jit_internal
def disconnect(v: Any, session: int) -> None:
    """DISCONNECT of a session, or of all of them (0)."""
    if session != 0:
        if not session_defined(v, session):
            return
        if get(v.sessions, session * SESSION_WORDS) & SESSION_CANCEL_FLAG == 0:
            return
    select_and_cancel(v, 0, session, 0, ANY_SIDE, ON_DISCONNECT, _SYSTEM)
