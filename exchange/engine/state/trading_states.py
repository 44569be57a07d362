"""States of instruments and of the market: what they allow, and how they change.

The market's state, while it is not OPEN, counts in place of the instrument's. What follows from a
change (auctions, cancels, stops) is in transitions.py; the circuit breaker, which halts an
instrument in the middle of a match, needs nothing of that.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import InstrumentState, Reject
from exchange.engine.state.control_events import emit_state_changed
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    INSTRUMENT_WORDS,
    MARKET_STATE,
    MARKET_UNTIL_NS,
    NEXT_DEADLINE_SECOND,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    instrument_state,
    set_instrument_state,
    set_instrument_until_ns,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

NANOSECONDS = 1_000_000_000


@jit_inline_internal
def own_state(view: Any, instrument_at: int) -> int:
    """The instrument's own state; ``instrument_at``: its first word."""
    return instrument_state(view, instrument_at)


@jit_inline_internal
def effective_state(view: Any, instrument_at: int) -> int:
    """The state that counts for commands about the instrument."""
    market = get(view.scalars, MARKET_STATE)
    return market if market != InstrumentState.OPEN else own_state(view, instrument_at)


@jit_inline_internal
def is_open(view: Any, instrument_at: int) -> bool:
    return effective_state(view, instrument_at) == InstrumentState.OPEN


@jit_inline_internal
def in_auction(view: Any, instrument_at: int) -> bool:
    return effective_state(view, instrument_at) == InstrumentState.AUCTION


@jit_inline_internal
def cancel_refused(view: Any, instrument_at: int) -> bool:
    """Whether clients cannot even cancel."""
    return effective_state(view, instrument_at) == InstrumentState.HALTED


@jit_inline_internal
def state_reject(view: Any, instrument_at: int) -> int:
    """The state check of ENTER and REPLACE: a reject, 0 for none."""
    state = effective_state(view, instrument_at)
    if state <= InstrumentState.AUCTION:
        return 0
    if state == InstrumentState.HALTED:
        return Reject.INSTRUMENT_HALTED
    if state == InstrumentState.CANCEL_ONLY:
        return Reject.CANCEL_ONLY
    return Reject.MARKET_CLOSED


@jit_inline
def second_of(time_ns: int) -> int:
    """The first full second that is not before ``time_ns``."""
    second = time_ns // NANOSECONDS
    return second if second * NANOSECONDS == time_ns else second + 1


@engine_function
def need_timer_at(view: Any, second: int) -> None:
    """A TIMER is needed no later than ``second``."""
    known = get(view.scalars, NEXT_DEADLINE_SECOND)
    if known == 0 or second < known:
        put(view.scalars, NEXT_DEADLINE_SECOND, second)


@engine_function
def change_state(view: Any, instrument: int, state: int, until_ns: int, reason: int) -> None:
    """Give the instrument (0: the market) a state, and say so; nothing follows from it here."""
    if instrument == 0:
        put(view.scalars, MARKET_STATE, state)
        put(view.scalars, MARKET_UNTIL_NS, until_ns)
    else:
        instrument_at = instrument * INSTRUMENT_WORDS
        set_instrument_state(view, instrument_at, state)
        set_instrument_until_ns(view, instrument_at, until_ns)
    if until_ns != 0:
        need_timer_at(view, second_of(until_ns))
    emit_state_changed(view, instrument, state, until_ns, reason)
