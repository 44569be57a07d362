"""What each topic has: trades, events of orders, one-minute candles.

Who uses it: the sink, in its main thread. A stream takes every event once and in order, and makes
records only of those from ``begins_at`` on: a topic that was switched on later, or whose records
end later, is given exactly what it lacks.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from exchange.codes import EventKind
from exchange.connect.directory import Directory
from exchange.connect.trades import TradeRecord, trade_records
from exchange.settings.sections import KafkaSection


class TopicRecords(NamedTuple):
    """Records for one topic, in order: each with the sequence of its event, key and JSON text."""

    topic: str
    records: list[TradeRecord]


class Stream(Protocol):
    """One topic's records."""

    topic: str

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        """The records of ``events`` (EVENT[n]) with a sequence of at least ``begins_at``."""


def from_sequence(events: np.ndarray, begins_at: int) -> np.ndarray:
    """Those of ``events`` with a sequence of at least ``begins_at``."""
    if len(events) == 0 or int(events[0]["sequence"]) >= begins_at:
        return events
    return events[events["sequence"] >= begins_at]


class TradeStream:
    """Every trade (``exchange/connect/trades.py``)."""

    def __init__(self, topic: str, directory: Directory) -> None:
        self.topic = topic
        self._directory = directory

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        events = from_sequence(events, begins_at)
        trades = events[events["kind"] == EventKind.TRADE]
        return list(trade_records(trades, self._directory))


def streams_of(section: KafkaSection, directory: Directory) -> list[Stream]:
    """One for each topic that is asked for, that of trades first."""
    return [TradeStream(section.trades_topic, directory)]
