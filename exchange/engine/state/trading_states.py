"""States of instruments and of the market: what they allow, and how they change.

The market's state, while it is not OPEN, counts in place of the instrument's. What follows from a
change (auctions, cancels, stops) is in transitions.py; the circuit breaker, which halts an
instrument in the middle of a match, needs nothing of that.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, InstrumentState, Reject
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.layout import (
    INSTRUMENT_FLAGS,
    INSTRUMENT_UNTIL_NS,
    INSTRUMENT_WORDS,
    MARKET_STATE,
    MARKET_UNTIL_NS,
    NEXT_DEADLINE_SECOND,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

NANOSECONDS = 1_000_000_000
STATE_SHIFT = 16  # of the state in INSTRUMENT_FLAGS

_OPEN = int(InstrumentState.OPEN)
_AUCTION = int(InstrumentState.AUCTION)
_HALTED = int(InstrumentState.HALTED)
_CANCEL_ONLY = int(InstrumentState.CANCEL_ONLY)
_STATE_CHANGED = int(EventKind.STATE_CHANGED)
_INSTRUMENT_HALTED = int(Reject.INSTRUMENT_HALTED)
_REJECT_CANCEL_ONLY = int(Reject.CANCEL_ONLY)
_MARKET_CLOSED = int(Reject.MARKET_CLOSED)


@jit_inline_internal
def own_state(v: Any, i: int) -> int:
    """The instrument's own state; ``i``: its first word."""
    return (get(v.instruments, i + INSTRUMENT_FLAGS) >> STATE_SHIFT) & 0xFF


@jit_inline_internal
def effective_state(v: Any, i: int) -> int:
    """The state that counts for commands about the instrument."""
    market = get(v.scalars, MARKET_STATE)
    return market if market != _OPEN else own_state(v, i)


@jit_inline_internal
def is_open(v: Any, i: int) -> bool:
    return effective_state(v, i) == _OPEN


@jit_inline_internal
def in_auction(v: Any, i: int) -> bool:
    return effective_state(v, i) == _AUCTION


@jit_inline_internal
def cancel_refused(v: Any, i: int) -> bool:
    """Whether clients cannot even cancel."""
    return effective_state(v, i) == _HALTED


@jit_inline_internal
def state_reject(v: Any, i: int) -> int:
    """The state check of ENTER and REPLACE: a reject, 0 for none."""
    state = effective_state(v, i)
    if state <= _AUCTION:
        return 0
    if state == _HALTED:
        return _INSTRUMENT_HALTED
    if state == _CANCEL_ONLY:
        return _REJECT_CANCEL_ONLY
    return _MARKET_CLOSED


@jit_inline
def second_of(time_ns: int) -> int:
    """The first full second that is not before ``time_ns``."""
    second = time_ns // NANOSECONDS
    return second if second * NANOSECONDS == time_ns else second + 1


@jit_internal
def need_timer_at(v: Any, second: int) -> None:
    """A TIMER is needed no later than ``second``."""
    known = get(v.scalars, NEXT_DEADLINE_SECOND)
    if known == 0 or second < known:
        put(v.scalars, NEXT_DEADLINE_SECOND, second)


@jit_internal
def change_state(v: Any, instrument: int, state: int, until_ns: int, reason: int) -> None:
    """Give the instrument (0: the market) a state, and say so; nothing follows from it here."""
    if instrument == 0:
        put(v.scalars, MARKET_STATE, state)
        put(v.scalars, MARKET_UNTIL_NS, until_ns)
    else:
        i = instrument * INSTRUMENT_WORDS
        flags = get(v.instruments, i + INSTRUMENT_FLAGS) & ~(0xFF << STATE_SHIFT)
        put(v.instruments, i + INSTRUMENT_FLAGS, flags | (state << STATE_SHIFT))
        put(v.instruments, i + INSTRUMENT_UNTIL_NS, until_ns)
    if until_ns != 0:
        need_timer_at(v, second_of(until_ns))
    emit_control(
        v, _STATE_CHANGED, instrument, 0, state, reason, 0, until_ns, 0, 0, 0, 0, 0, 0, 0
    )  # fmt: skip
