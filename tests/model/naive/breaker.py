"""The naive exchange's circuit breaker: the trades of the window in a list, all looked at."""

from __future__ import annotations

from exchange.codes import InstrumentState, StateReason
from tests.model.naive.data import ppm
from tests.model.naive.market import Market

SECOND_NS = 1_000_000_000

WINDOW_BUCKETS = 16


class Breaker(Market):
    def breaker_bucket(self, instrument: int) -> int:
        length_ns = self.instruments[instrument].breaker_window_s * SECOND_NS // WINDOW_BUCKETS
        return self.timestamp_ns // length_ns

    def breaker_clear(self, instrument: int) -> None:
        self.instruments[instrument].breaker_trades = []

    def breaker_auction(self, instrument: int, price: int) -> None:
        """An auction's price empties the window and is then its only price."""
        self.breaker_clear(instrument)
        if self.instruments[instrument].breaker_ppm:
            bucket = self.breaker_bucket(instrument)
            self.instruments[instrument].breaker_trades.append((bucket, price))

    def breaker_trade(self, instrument: int, price: int) -> bool:
        """Note a continuous trade; True if it halts the instrument (the event is out by then)."""
        row = self.instruments[instrument]
        if row.breaker_ppm == 0:
            return False
        now = self.breaker_bucket(instrument)
        row.breaker_trades = [
            (bucket, other) for bucket, other in row.breaker_trades if bucket >= now - 15
        ]
        row.breaker_trades.append((now, price))
        low = min(other for _, other in row.breaker_trades)
        high = max(other for _, other in row.breaker_trades)
        up = low + ppm(low, row.breaker_ppm)
        down = high - ppm(high, row.breaker_ppm)
        if down <= price <= up:
            return False
        until_ns = self.timestamp_ns + row.breaker_halt_s * SECOND_NS
        self.set_instrument_state(instrument, InstrumentState.HALTED, until_ns, StateReason.BREAKER)
        self.breaker_clear(instrument)
        return True
