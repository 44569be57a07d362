"""What each topic has: trades, events of orders, one-minute candles.

Who uses it: the sink, in its main thread. A stream takes every event once and in order, and makes
records only of those from ``begins_at`` on: a topic that was switched on later, or whose records
end later, is given exactly what it lacks.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

from exchange.connect.directory import Directory
from exchange.connect.kafka.candles import CLOSED, Candles
from exchange.connect.kafka.order_events import order_event_records
from exchange.connect.trades import TradeRecord, trade_records
from exchange.core.event_archive import EventArchive
from exchange.settings.sections import KafkaSection
from exchange.store.rows.event_rows import trades_of


class TopicRecords(NamedTuple):
    """Records for one topic, in order: each with the sequence of its event, key and JSON text."""

    topic: str
    records: list[TradeRecord]


class Stream(Protocol):
    """One topic's records."""

    topic: str

    def begin(self, archive: EventArchive, next_event: int) -> None:
        """Be as after the event before ``next_event``."""

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        """The records of ``events`` (EVENT[n]) with a sequence of at least ``begins_at``."""

    def is_final(self, text: bytes) -> bool:
        """Whether the record is there however events are divided into batches."""


def from_sequence(events: np.ndarray, begins_at: int) -> np.ndarray:
    """Those of ``events`` with a sequence of at least ``begins_at``."""
    if len(events) == 0 or int(events[0]["sequence"]) >= begins_at:
        return events
    return events[events["sequence"] >= begins_at]


class _EveryRecord:
    """What streams without a state have in common."""

    def __init__(self, topic: str, directory: Directory) -> None:
        self.topic = topic
        self._directory = directory

    def begin(self, archive: EventArchive, next_event: int) -> None:
        """Nothing is remembered."""

    def is_final(self, text: bytes) -> bool:
        return True


class TradeStream(_EveryRecord):
    """Every trade (``exchange/connect/trades.py``)."""

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        events = from_sequence(events, begins_at)
        return trade_records(trades_of(events), self._directory)


class OrderEventStream(_EveryRecord):
    """Every event of an order."""

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        return list(order_event_records(from_sequence(events, begins_at), self._directory))


class CandleStream:
    """One-minute candles: how often one is told before it closes follows from the batches."""

    def __init__(self, topic: str, directory: Directory) -> None:
        self.topic = topic
        self._candles = Candles(directory)

    def begin(self, archive: EventArchive, next_event: int) -> None:
        self._candles.begin(archive, next_event)

    def records(self, events: np.ndarray, begins_at: int) -> list[TradeRecord]:
        later = from_sequence(events, begins_at)
        self._candles.take(events[: len(events) - len(later)])
        return self._candles.take(later)

    def is_final(self, text: bytes) -> bool:
        return text.endswith(CLOSED)


def streams_of(section: KafkaSection, directory: Directory) -> list[Stream]:
    """One for each topic that is asked for, that of trades first."""
    found: list[Stream] = [TradeStream(section.trades_topic, directory)]
    if section.order_events_topic:
        found.append(OrderEventStream(section.order_events_topic, directory))
    if section.klines_topic:
        found.append(CandleStream(section.klines_topic, directory))
    return found
