"""What follows when an instrument or the market enters a state: auctions, cancels, due stops.

Used by INSTRUMENT_STATE and by TIMER, which reopens what was halted until a time.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, InstrumentState, Reject, StateReason, TradeReason
from exchange.engine.book.stops import look_for_due_stops
from exchange.engine.orders.auction import is_crossed, uncross
from exchange.engine.orders.checks import instrument_defined
from exchange.engine.orders.mass_cancel import ANY_SIDE, IMMEDIATE, MARKET_HOURS, select_and_cancel
from exchange.engine.state.layout import INSTRUMENT_FLAGS, INSTRUMENT_WORDS, MAX_INSTRUMENTS
from exchange.engine.state.memory import get
from exchange.engine.state.trading_states import change_state
from ringbuffer.jit import jit_internal

_OPEN = int(InstrumentState.OPEN)
_HALTED = int(InstrumentState.HALTED)
_CANCEL_ONLY = int(InstrumentState.CANCEL_ONLY)
_CLOSED = int(InstrumentState.CLOSED)
_COMMAND = int(StateReason.COMMAND)
_OPENING = int(TradeReason.OPENING_AUCTION)
_CLOSING = int(TradeReason.CLOSING_AUCTION)
_IMMEDIATE_OR_CANCEL = int(CancelReason.IMMEDIATE_OR_CANCEL)
_TIMEOUT = int(CancelReason.TIMEOUT)
_INVALID_STATE = int(Reject.INVALID_STATE)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)


@jit_internal
def enter_state(v: Any, instrument: int, state: int, until_ns: int, reason: int) -> int:
    """Change an instrument's state, with all that follows from it; how many orders it cancelled."""
    change_state(v, instrument, state, until_ns, reason)
    cancelled = 0
    if state in (_OPEN, _CLOSED):
        if is_crossed(v, instrument):
            uncross(v, instrument, _OPENING if state == _OPEN else _CLOSING)
        cancelled = select_and_cancel(
            v, 0, 0, instrument, ANY_SIDE, IMMEDIATE, _IMMEDIATE_OR_CANCEL
        )
    if state == _CLOSED:
        cancelled += select_and_cancel(v, 0, 0, instrument, ANY_SIDE, MARKET_HOURS, _TIMEOUT)
    if state == _OPEN:
        look_for_due_stops(v, instrument)
    return cancelled


@jit_internal
def enter_market_state(v: Any, state: int, until_ns: int, reason: int) -> None:
    """Change the market's state; once it is open every instrument may have stops that are due."""
    change_state(v, 0, state, until_ns, reason)
    if state == _OPEN:
        for instrument in range(1, get(v.scalars, MAX_INSTRUMENTS)):
            if instrument_defined(v, instrument):
                look_for_due_stops(v, instrument)


@jit_internal
def set_state(v: Any, instrument: int, group: int, state: int, until_ns: int) -> int:
    """INSTRUMENT_STATE: how many orders it cancelled, or minus the reject."""
    if state > _CLOSED or until_ns < 0 or (until_ns != 0 and state != _HALTED):
        return -_INVALID_STATE
    if instrument != 0:
        if not instrument_defined(v, instrument):
            return -_UNKNOWN_INSTRUMENT
        return enter_state(v, instrument, state, until_ns, _COMMAND)
    if group != 0:
        cancelled = 0
        for number in range(1, get(v.scalars, MAX_INSTRUMENTS)):
            flags = get(v.instruments, number * INSTRUMENT_WORDS + INSTRUMENT_FLAGS)
            if flags != 0 and (flags >> 24) & 0xFF == group:
                cancelled += enter_state(v, number, state, until_ns, _COMMAND)
        return cancelled
    if state not in (_OPEN, _HALTED, _CANCEL_ONLY):
        return -_INVALID_STATE
    enter_market_state(v, state, until_ns, _COMMAND)
    return 0
