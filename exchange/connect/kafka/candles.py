"""One-minute candles as records: one whenever a batch has changed it, the last one when it closes.

Who uses it: ``streams.py``. A candle closes with the first event of a later minute, so at any time
only those of the minute of the latest event are open, and that minute's trades make them anew.

    sequence         of the latest trade in it
    symbol, currency, price_decimals
    interval         "1m"
    timestamp        its beginning, UTC
    open, high, low, close    minor units; volume: units; trade_count
    closed           whether it will change no more
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from exchange.api.orders.json import time_text
from exchange.codes import EventKind
from exchange.connect.directory import Directory, Named
from exchange.connect.trades import SECOND_NS, TradeRecord
from exchange.core.event_archive import EventArchive

MINUTE_NS = 60 * SECOND_NS
LOOK_EVENTS = 65_536
CLOSED = b'"closed":true}'  # how the text of a closed candle ends


class Candle(NamedTuple):
    """One instrument's trades of one minute."""

    sequence: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trade_count: int

    def joined(self, later: Candle) -> Candle:
        """With later trades of the same minute."""
        return Candle(
            later.sequence,
            self.open,
            max(self.high, later.high),
            min(self.low, later.low),
            later.close,
            self.volume + later.volume,
            self.trade_count + later.trade_count,
        )


class Candles:
    """The open candles; ``take`` is given every event once and in order."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._minute = -1
        self._open: dict[int, Candle] = {}  # by instrument

    def begin(self, archive: EventArchive, next_event: int) -> None:
        """Be as after the event before ``next_event``: that minute's events are read again."""
        self._minute, self._open = -1, {}
        if next_event <= archive.oldest():
            return
        first = next_event
        minute = int(archive.view(next_event - 1, 1)["timestamp_ns"][0]) // MINUTE_NS
        while first > archive.oldest():
            start = max(archive.oldest(), first - LOOK_EVENTS)
            events = archive.view(start, first - start)
            first = start
            if int(events["timestamp_ns"][0]) // MINUTE_NS < minute:
                break
        while first < next_event:
            events = archive.view(first, min(LOOK_EVENTS, next_event - first))
            self.take(events)
            first += len(events)

    def take(self, events: np.ndarray) -> list[TradeRecord]:
        """Take in ``events`` (EVENT[n]); the candles that they have changed or closed."""
        found: list[TradeRecord] = []
        minutes = events["timestamp_ns"] // MINUTE_NS
        bounds = np.flatnonzero(np.diff(minutes)) + 1
        for part in np.split(events, bounds) if len(events) else ():
            minute = int(part["timestamp_ns"][0]) // MINUTE_NS
            if minute != self._minute:
                ended = sorted(self._open.items(), key=lambda item: item[1].sequence)
                found += [self._record(number, each, True) for number, each in ended]
                self._minute, self._open = minute, {}
            trades = part[part["kind"] == EventKind.TRADE]
            for number in np.unique(trades["instrument"]).tolist():
                found.append(self._record(number, self._joined(number, trades), False))
        return found

    def _joined(self, number: int, trades: np.ndarray) -> Candle:
        own = trades[trades["instrument"] == number]
        price = own["price"]
        candle = Candle(
            int(own["sequence"][-1]),
            int(price[0]),
            int(price.max()),
            int(price.min()),
            int(price[-1]),
            int(own["quantity"].sum()),
            len(own),
        )
        if number in self._open:
            candle = self._open[number].joined(candle)
        self._open[number] = candle
        return candle

    def _record(self, number: int, candle: Candle, closed: bool) -> TradeRecord:
        directory = self._directory
        named = directory.instruments.get(number, Named(directory.symbol(number), "", 0))
        said = {
            "sequence": candle.sequence,
            "symbol": named.symbol,
            "interval": "1m",
            "timestamp": time_text(self._minute * MINUTE_NS),
            **{name: value for name, value in candle._asdict().items() if name != "sequence"},
            "price_decimals": named.price_decimals,
            "currency": named.currency,
            "closed": closed,
        }
        return TradeRecord(candle.sequence, named.symbol, msgspec.json.encode(said))
