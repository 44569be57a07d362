"""The answer of ``GET /tickers``: all instruments at a glance, made at most four times a second.

Who uses it: market.py. The list of a thousand instruments takes some 2 ms to make and anybody may
ask for it, so it is made in slices between which the event loop turns, and whoever asks while it is
young or being made shares it. Nobody asks: nothing is made.

Invariants: a list is at most KEPT_NS older than the request; of every instrument all fields are of
one moment.

Decision API-21.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from exchange.api.errors import success_body
from exchange.api.orders.json import time_text, time_text_or_none
from exchange.api.rest.instrument_list import STATES
from exchange.api.rest.row_json import Column, RowWriter, quoted
from exchange.api.rest.row_text import NUMBER_OR_NULL, TEXT, TIME_OR_NULL
from exchange.read_model.market.layout import (
    MINUTE_NS,
    ROLLING_ASK,
    ROLLING_BID,
    ROLLING_HIGH,
    ROLLING_LAST,
    ROLLING_LOW,
    ROLLING_OPEN,
    ROLLING_TRADES,
    ROLLING_TURNOVER,
    ROLLING_VOLUME,
    SUM_HIGH,
    WORD_BITS,
)

if TYPE_CHECKING:
    from exchange.read_model.market.model import MarketModel

WINDOW_NS = 24 * 60 * MINUTE_NS
KEPT_NS = 250_000_000
SLICE = 128  # instruments between two turns of the event loop
_FIGURES = {
    "last_price": ROLLING_LAST,
    "open_24h": ROLLING_OPEN,
    "high_24h": ROLLING_HIGH,
    "low_24h": ROLLING_LOW,
    "volume_24h": ROLLING_VOLUME,
    "turnover_24h": ROLLING_TURNOVER,
    "trade_count_24h": ROLLING_TRADES,
    "best_bid": ROLLING_BID,
    "best_bid_quantity": ROLLING_BID + 1,
    "best_ask": ROLLING_ASK,
    "best_ask_quantity": ROLLING_ASK + 1,
}
_PRICES = ("last_price", "open_24h", "high_24h", "low_24h", "best_bid", "best_ask")
_SUMS = {"volume_24h": ROLLING_VOLUME, "turnover_24h": ROLLING_TURNOVER}


def window_start_ns(now_ns: int) -> int:
    """Where the 1,440 minutes that end with the present one begin."""
    return now_ns // MINUTE_NS * MINUTE_NS + MINUTE_NS - WINDOW_NS


class TickerList:
    """``market``: the model that it is made from; ``clock_ns``: UTC."""

    def __init__(self, market: MarketModel, clock_ns: Callable[[], int]) -> None:
        self._market = market
        self._clock_ns = clock_ns
        self._writer: RowWriter | None = None
        self._symbols: list[str] = []  # in the order of their definition
        self._body = b""
        self._made_ns = 0
        self._making: asyncio.Task[bytes] | None = None

    async def look(self) -> bytes:
        """The whole answer."""
        now_ns = self._clock_ns()
        if self._body and 0 <= now_ns - self._made_ns < KEPT_NS:
            return self._body
        if self._making is None:
            self._making = asyncio.get_running_loop().create_task(self._make(now_ns))
        # its client may go away; others wait for the same list
        return await asyncio.shield(self._making)

    def one(self, symbol: str) -> list[Any]:
        """The entry of an instrument as of now, in a list; none when it is not defined."""
        self._learn_instruments()
        if symbol not in self._symbols:
            return []
        place = self._symbols.index(symbol)
        return [orjson.Fragment(self._slice(place, 1, window_start_ns(self._clock_ns()))[1:-1])]

    async def _make(self, now_ns: int) -> bytes:
        try:
            from_ns = window_start_ns(now_ns)
            self._learn_instruments()
            parts = []
            for first in range(0, len(self._symbols), SLICE):
                if first:
                    await asyncio.sleep(0)
                parts.append(self._slice(first, SLICE, from_ns)[1:-1])
            rows = orjson.Fragment(b"[" + b",".join(parts) + b"]")
            self._body = success_body({"since": time_text(from_ns), "tickers": rows})
            self._made_ns = now_ns
            return self._body
        finally:
            self._making = None

    def _learn_instruments(self) -> None:
        instruments = self._market.instruments
        if self._writer is not None and len(instruments) == len(self._symbols):
            return
        self._symbols = [terms.symbol for terms in instruments.values()]
        names = [b'"symbol":' + orjson.dumps(symbol) for symbol in self._symbols]
        self._writer = RowWriter(
            [
                Column("", TEXT, names),
                Column("state", TEXT, quoted(STATES)),
                Column("state_until", TIME_OR_NULL),
                *(
                    Column(name, NUMBER_OR_NULL) if name in _PRICES else Column(name)
                    for name in _FIGURES
                ),
                Column("sequence"),
                Column("timestamp", TIME_OR_NULL),
            ]
        )

    def _slice(self, first: int, count: int, from_ns: int) -> bytes:
        """The JSON array of the instruments from place ``first`` on."""
        assert self._writer is not None
        figures = self._market.rolling_rows(from_ns, first, count)
        glance = self._market.glance_rows(first, count)
        if figures[:, [at + SUM_HIGH for at in _SUMS.values()]].any():
            return self._large(first, figures, glance)
        places = np.arange(first, first + len(figures))
        shown = figures[:, list(_FIGURES.values())]
        return self._writer.make(np.column_stack([places, glance[:, :2], shown, glance[:, 2:]]))

    def _large(self, first: int, figures: np.ndarray, glance: np.ndarray) -> bytes:
        """As ``_slice``, with sums beyond 62 bits, which the writer does not know."""
        entries = []
        for place, (words, (state, until_ns, sequence, timestamp_ns)) in enumerate(
            zip(figures.tolist(), glance.tolist(), strict=True), first
        ):
            shown = {name: words[at] for name, at in _FIGURES.items()}
            shown |= {name: shown[name] or None for name in _PRICES}
            for name, at in _SUMS.items():
                shown[name] += words[at + SUM_HIGH] << WORD_BITS
            entries.append(
                {"symbol": self._symbols[place]}
                | {"state": STATES[state], "state_until": time_text_or_none(until_ns)}
                | shown
                | {"sequence": sequence, "timestamp": time_text_or_none(timestamp_ns)}
            )
        return json.dumps(entries, separators=(",", ":")).encode()
