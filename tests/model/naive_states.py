"""Instruments' states: what they refuse, and how they change."""

from __future__ import annotations

from exchange.codes import InstrumentState, Reject
from tests.model.naive_market import Market

OPEN, AUCTION = int(InstrumentState.OPEN), int(InstrumentState.AUCTION)
HALTED = int(InstrumentState.HALTED)

_REJECTS = {
    int(InstrumentState.OPEN): 0,
    int(InstrumentState.AUCTION): 0,
    int(InstrumentState.HALTED): int(Reject.INSTRUMENT_HALTED),
    int(InstrumentState.CANCEL_ONLY): int(Reject.CANCEL_ONLY),
    int(InstrumentState.CLOSED): int(Reject.MARKET_CLOSED),
}


class States(Market):
    def state_of(self, instrument: int) -> int:
        """The state that counts: the market's while that is not OPEN."""
        return self.market_state or self.instruments[instrument].state

    def state_reject(self, instrument: int) -> int:
        """Why ENTER and REPLACE are refused, 0 if they are not."""
        return _REJECTS[self.state_of(instrument)]

    def is_open(self, instrument: int) -> bool:
        return self.state_of(instrument) == OPEN

    def in_auction(self, instrument: int) -> bool:
        return self.state_of(instrument) == AUCTION

    def cancel_refused(self, instrument: int) -> bool:
        return self.state_of(instrument) == HALTED
