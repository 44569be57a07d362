"""What follows when an instrument or the market enters a state: auctions, cancels, due stops.

Used by INSTRUMENT_STATE and by TIMER, which reopens what was halted until a time.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CancelReason, InstrumentState, Reject, StateReason, TradeReason
from exchange.engine.book.stops import look_for_due_stops
from exchange.engine.orders.auction import is_crossed, uncross
from exchange.engine.orders.mass_cancel import (
    ANY_SIDE,
    IMMEDIATE,
    MARKET_HOURS,
    Wanted,
    select_and_cancel,
)
from exchange.engine.state.defined import instrument_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import INSTRUMENT_WORDS, MAX_INSTRUMENTS
from exchange.engine.state.memory import get
from exchange.engine.state.rows import instrument_group
from exchange.engine.state.trading_states import change_state


@engine_function
def enter_state(view: Any, instrument: int, state: int, until_ns: int, reason: int) -> int:
    """Change an instrument's state, with all that follows from it; how many orders it cancelled."""
    change_state(view, instrument, state, until_ns, reason)
    cancelled = 0
    if state in (InstrumentState.OPEN, InstrumentState.CLOSED):
        if is_crossed(view, instrument):
            opening = state == InstrumentState.OPEN
            uncross(
                view, instrument,
                TradeReason.OPENING_AUCTION if opening else TradeReason.CLOSING_AUCTION,
            )  # fmt: skip
        wanted = Wanted(0, 0, ANY_SIDE, IMMEDIATE)
        cancelled = select_and_cancel(view, instrument, wanted, CancelReason.IMMEDIATE_OR_CANCEL)
    if state == InstrumentState.CLOSED:
        wanted = Wanted(0, 0, ANY_SIDE, MARKET_HOURS)
        cancelled += select_and_cancel(view, instrument, wanted, CancelReason.TIMEOUT)
    if state == InstrumentState.OPEN:
        look_for_due_stops(view, instrument)
    return cancelled


@engine_function
def enter_market_state(view: Any, state: int, until_ns: int, reason: int) -> None:
    """Change the market's state; once it is open every instrument may have stops that are due."""
    change_state(view, 0, state, until_ns, reason)
    if state == InstrumentState.OPEN:
        for instrument in range(1, get(view.scalars, MAX_INSTRUMENTS)):
            if instrument_defined(view, instrument):
                look_for_due_stops(view, instrument)


@engine_function
def set_state(view: Any, instrument: int, group: int, state: int, until_ns: int) -> int:
    """INSTRUMENT_STATE: how many orders it cancelled, or minus the reject."""
    if (
        state > InstrumentState.CLOSED
        or until_ns < 0
        or (until_ns != 0 and state != InstrumentState.HALTED)
    ):
        return -Reject.INVALID_STATE
    if instrument != 0:
        if not instrument_defined(view, instrument):
            return -Reject.UNKNOWN_INSTRUMENT
        return enter_state(view, instrument, state, until_ns, StateReason.COMMAND)
    if group != 0:
        cancelled = 0
        for number in range(1, get(view.scalars, MAX_INSTRUMENTS)):
            if (
                instrument_defined(view, number)
                and instrument_group(view, number * INSTRUMENT_WORDS) == group
            ):
                cancelled += enter_state(view, number, state, until_ns, StateReason.COMMAND)
        return cancelled
    if state not in (InstrumentState.OPEN, InstrumentState.HALTED, InstrumentState.CANCEL_ONLY):
        return -Reject.INVALID_STATE
    enter_market_state(view, state, until_ns, StateReason.COMMAND)
    return 0
