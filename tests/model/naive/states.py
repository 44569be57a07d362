"""States of the naive exchange's instruments and of its market as a whole."""

from __future__ import annotations

from exchange.codes import (
    CancelReason,
    EventKind,
    InstrumentState,
    Reject,
    StateReason,
    TradeReason,
)
from tests.model.naive.command import Command, Continuation
from tests.model.naive.market import Market

OPEN, AUCTION, HALTED = InstrumentState.OPEN, InstrumentState.AUCTION, InstrumentState.HALTED
CANCEL_ONLY, CLOSED = InstrumentState.CANCEL_ONLY, InstrumentState.CLOSED
STATE_REJECTS = {
    OPEN: 0,
    AUCTION: 0,
    HALTED: Reject.INSTRUMENT_HALTED,
    CANCEL_ONLY: Reject.CANCEL_ONLY,
    CLOSED: Reject.MARKET_CLOSED,
}


class States(Market):
    def state_of(self, instrument: int) -> int:
        """The state that counts: the market's while it is not OPEN."""
        return self.market_state or self.instruments[instrument].state

    def is_open(self, instrument: int) -> bool:
        return self.state_of(instrument) == OPEN

    def in_auction(self, instrument: int) -> bool:
        return self.state_of(instrument) == AUCTION

    def cancel_refused(self, instrument: int) -> bool:
        """Whether clients cannot even cancel."""
        return self.state_of(instrument) == HALTED

    def state_reject(self, instrument: int) -> int:
        """The state check of ENTER, REPLACE and REVIEW."""
        return STATE_REJECTS[InstrumentState(self.state_of(instrument))]

    def set_instrument_state(self, instrument: int, state: int, until_ns: int, reason: int) -> None:
        """The state and its event, without what follows from it."""
        row = self.instruments[instrument]
        row.state, row.until_ns = int(state), until_ns
        self.emit_state(instrument, state, until_ns, reason)

    def emit_state(self, instrument: int, state: int, until_ns: int, reason: int) -> None:
        self.emit(
            EventKind.STATE_CHANGED,
            instrument=instrument,
            display=state,
            quantity=until_ns,
            reason=reason,
        )

    def change_instrument_state(
        self, instrument: int, state: int, until_ns: int, reason: int
    ) -> None:
        """The state, its event, and the auction's end, cancels and stops that follow from it."""
        self.set_instrument_state(instrument, state, until_ns, reason)
        if state in (OPEN, CLOSED):
            if self.is_crossed(instrument):
                is_opening = state == OPEN
                self.uncross(
                    instrument,
                    TradeReason.OPENING_AUCTION if is_opening else TradeReason.CLOSING_AUCTION,
                )
            self.cancel_orders(
                [
                    order
                    for order in self.live_by_id.values()
                    if order.instrument == instrument
                    and order.is_immediate
                    and not order.waiting
                    and not order.held
                ],
                CancelReason.IMMEDIATE_OR_CANCEL,
            )
        if state == CLOSED:
            self.cancel_orders(
                [
                    order
                    for order in self.live_by_id.values()
                    if order.instrument == instrument and order.is_market_hours
                ],
                CancelReason.TIMEOUT,
            )
        if state == OPEN:
            self.look_for_due_stops(instrument)

    def change_market_state(self, state: int, until_ns: int, reason: int) -> None:
        self.market_state, self.market_until_ns = int(state), until_ns
        self.emit_state(0, state, until_ns, reason)
        if state == OPEN:
            for instrument in sorted(self.instruments):
                self.look_for_due_stops(instrument)

    def instrument_state(self, command: Command, continuation: Continuation) -> int:
        """INSTRUMENT_STATE: the reject, or 0."""
        state, until_ns = continuation.parameter, continuation.value_0
        if state > CLOSED or until_ns < 0 or (until_ns and state != HALTED):
            return Reject.INVALID_STATE
        if command.instrument:
            if command.instrument not in self.instruments:
                return Reject.UNKNOWN_INSTRUMENT
            self.change_instrument_state(command.instrument, state, until_ns, StateReason.COMMAND)
        elif continuation.group:
            for instrument, row in sorted(self.instruments.items()):
                if row.group == continuation.group:
                    self.change_instrument_state(instrument, state, until_ns, StateReason.COMMAND)
        elif state in (AUCTION, CLOSED):
            return Reject.INVALID_STATE
        else:
            self.change_market_state(state, until_ns, StateReason.COMMAND)
        return 0

    def end_halts(self) -> None:
        """Rule timer-halt-end: halts whose time has come end, by instrument, then the market's."""
        for instrument, row in sorted(self.instruments.items()):
            if row.state == HALTED and 0 < row.until_ns <= self.timestamp_ns:
                self.change_instrument_state(instrument, OPEN, 0, StateReason.TIMER)
        if self.market_state == HALTED and 0 < self.market_until_ns <= self.timestamp_ns:
            self.change_market_state(OPEN, 0, StateReason.TIMER)
