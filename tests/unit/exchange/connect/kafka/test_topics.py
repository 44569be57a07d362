"""Topics that are missing are made, or asked for."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from memory_kafka import MemoryConsumer, MemoryKafka

from exchange.connect.kafka.client import ClientLog
from exchange.connect.kafka.topics import existing_partitions, names_of, partitions_of
from exchange.connect.sink import SinkRefused
from exchange.settings import load_settings

SECTION = msgspec.structs.replace(load_settings(None).kafka, klines_topic="candles")


def test_missing_topics_are_made(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = MemoryKafka(candles=7)
    kafka.replace(monkeypatch)
    assert names_of(SECTION) == ["trade_records", "candles"]
    assert partitions_of(SECTION, ClientLog(), 1.0) == {"trade_records": 3, "candles": 7}
    assert len(kafka.topics["trade_records.position"]) == 1


def test_where_that_is_not_allowed_a_person_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    kafka = MemoryKafka(candles=7)
    kafka.replace(monkeypatch)
    section = msgspec.structs.replace(SECTION, create_topics=False)
    with pytest.raises(SinkRefused, match=r"no topic trade_records, trade_records\.position: make"):
        partitions_of(section, ClientLog(), 1.0)
    consumer: Any = MemoryConsumer(kafka)
    with pytest.raises(SinkRefused, match="has written nothing yet"):
        existing_partitions(consumer, section, 1.0)
