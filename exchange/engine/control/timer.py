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
from exchange.engine.orders.mass_cancel import (
    ANY_SIDE,
    ON_DISCONNECT,
    OVERDUE,
    Wanted,
    select_and_cancel,
)
from exchange.engine.state.defined import instrument_defined, session_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    INSTRUMENT_WORDS,
    MARKET_STATE,
    MARKET_UNTIL_NS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    NEXT_DEADLINE_SECOND,
    NEXT_EXPIRY_SECOND,
    SESSION_CANCEL_FLAG,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    instrument_until_ns,
    session_cancel_after,
    session_flags,
    set_session_cancel_after,
)
from exchange.engine.state.trading_states import NANOSECONDS, need_timer_at, own_state, second_of

TIMER_CANCELS = 4096  # expired orders per TIMER command
MAXIMUM_CANCEL_AFTER_S = 99_997


@engine_function
def _expire_orders(view: Any, now_ns: int) -> None:
    """Cancel good-till-time orders whose second has come, a bounded number at a time."""
    for _ in range(TIMER_CANCELS):
        second = get(view.scalars, NEXT_EXPIRY_SECOND)
        if second == 0 or second > now_ns // NANOSECONDS:
            return
        cancel_whole(view, first_expiring(view, second), CancelReason.TIMEOUT)


@engine_function
def _reopen(view: Any, now_ns: int) -> None:
    """Open the instruments, then the market, whose halt has ended."""
    scalars = view.scalars
    for instrument in range(1, get(scalars, MAX_INSTRUMENTS)):
        instrument_at = instrument * INSTRUMENT_WORDS
        until_ns = instrument_until_ns(view, instrument_at)
        if 0 < until_ns <= now_ns and own_state(view, instrument_at) == InstrumentState.HALTED:
            enter_state(view, instrument, InstrumentState.OPEN, 0, StateReason.TIMER)
    if (
        0 < get(scalars, MARKET_UNTIL_NS) <= now_ns
        and get(scalars, MARKET_STATE) == InstrumentState.HALTED
    ):
        enter_market_state(view, InstrumentState.OPEN, 0, StateReason.TIMER)


@engine_function
def _cancel_overdue(view: Any, now_ns: int) -> None:
    """Cancel the orders of sessions whose cancel-after second has come, by session."""
    overdue = False
    for session in range(1, get(view.scalars, MAX_SESSIONS)):
        second = session_cancel_after(view, session)
        overdue = overdue or 0 < second <= now_ns // NANOSECONDS
    if not overdue:
        return
    select_and_cancel(view, 0, Wanted(0, 0, ANY_SIDE, OVERDUE), CancelReason.SYSTEM)
    for session in range(1, get(view.scalars, MAX_SESSIONS)):
        if session_cancel_after(view, session) <= now_ns // NANOSECONDS:
            set_session_cancel_after(view, session, 0)


@engine_function
def _find_deadline(view: Any) -> None:
    """Compute NEXT_DEADLINE_SECOND anew."""
    scalars = view.scalars
    put(scalars, NEXT_DEADLINE_SECOND, 0)
    for instrument in range(1, get(scalars, MAX_INSTRUMENTS)):
        until_ns = instrument_until_ns(view, instrument * INSTRUMENT_WORDS)
        if instrument_defined(view, instrument) and until_ns > 0:
            need_timer_at(view, second_of(until_ns))
    if get(scalars, MARKET_UNTIL_NS) > 0:
        need_timer_at(view, second_of(get(scalars, MARKET_UNTIL_NS)))
    for session in range(1, get(scalars, MAX_SESSIONS)):
        second = session_cancel_after(view, session)
        if second > 0:
            need_timer_at(view, second)


@engine_function
def apply_timer(view: Any, now_ns: int) -> None:
    """TIMER: expire orders, end halts, cancel the orders of sessions that fell silent."""
    _expire_orders(view, now_ns)
    # A halt may end within the second before its deadline, so a deadline is looked at as soon as
    # there is one: TIMER is a command of a few a second.
    if get(view.scalars, NEXT_DEADLINE_SECOND) != 0:
        _reopen(view, now_ns)
        _cancel_overdue(view, now_ns)
        _find_deadline(view)


@engine_function
def cancel_after(view: Any, session: int, seconds: int) -> None:
    """CANCEL_AFTER: cancel the session's orders in so many seconds, 0 = never."""
    if not session_defined(view, session) or seconds < 0 or seconds > MAXIMUM_CANCEL_AFTER_S:
        return
    second = 0
    if seconds != 0:
        second = second_of(get(view.scalars, TIMESTAMP_NS)) + seconds
        need_timer_at(view, second)
    set_session_cancel_after(view, session, second)


@engine_function
def disconnect(view: Any, session: int) -> None:
    """DISCONNECT of a session, or of all of them (0)."""
    if session != 0:
        if not session_defined(view, session):
            return
        if session_flags(view, session) & SESSION_CANCEL_FLAG == 0:
            return
    wanted = Wanted(0, session, ANY_SIDE, ON_DISCONNECT)
    select_and_cancel(view, 0, wanted, CancelReason.SYSTEM)
