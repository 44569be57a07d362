"""The sink on a broker in memory: transactions, fences, refusals, topics that begin later."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import numpy as np
import pytest
from confluent_kafka import KafkaError
from memory_kafka import MemoryKafka, trading_events
from store_world import MemoryArchive

from exchange.codes import EventKind
from exchange.connect.directory import Directory
from exchange.connect.kafka.sink import KafkaSink
from exchange.connect.sink import Batch, RecordRefused, SinkAway, SinkPosition, SinkRefused
from exchange.settings import load_settings

SECTION = load_settings(None).kafka
TRADES = SECTION.trades_topic


@pytest.fixture
def kafka(monkeypatch: pytest.MonkeyPatch) -> MemoryKafka:
    broker = MemoryKafka()
    broker.replace(monkeypatch)
    return broker


def make(events: np.ndarray, **settings: Any) -> KafkaSink:
    archive = MemoryArchive(events)
    section = msgspec.structs.replace(SECTION, **settings)
    return KafkaSink(section, Directory(), archive, lambda: len(events))


def write(sink: KafkaSink, events: np.ndarray, first: int, end: int) -> int:
    content, records = sink.encode(events[first:end])
    sink.write(Batch(first, end, content, records))
    return records


def test_a_batch_and_its_position_are_one(kafka: MemoryKafka) -> None:
    events = trading_events()
    sink = make(events)
    assert sink.open() is None
    sink.begin(0)
    assert write(sink, events, 0, len(events)) == 20
    records = kafka.records(TRADES)
    assert len(records) == 20
    value = json.loads(records[0].value())
    headers = dict(records[0].headers())
    assert headers["sequence"] == str(value["sequence"]).encode()
    assert records[0].key().decode() == value["symbol"]
    found = sink.open()
    assert found == SinkPosition(len(events), headers["exchange"].decode())


def test_what_failed_is_not_there(kafka: MemoryKafka) -> None:
    events = trading_events()
    sink = make(events)
    sink.open()
    sink.begin(0)
    kafka.fail_with(KafkaError._TIMED_OUT)
    with pytest.raises(SinkAway):
        write(sink, events, 0, len(events))
    sink.close()
    assert kafka.records(TRADES) == []
    assert sink.open() is None  # a claim is no position


def test_a_record_that_is_refused(kafka: MemoryKafka) -> None:
    events = trading_events()
    sink = make(events)
    sink.open()
    sink.begin(0)
    kafka.fail_with(KafkaError.MSG_SIZE_TOO_LARGE)
    with pytest.raises(RecordRefused):
        write(sink, events, 0, len(events))


def test_the_one_that_began_last_writes(kafka: MemoryKafka) -> None:
    events = trading_events()
    older, newer = make(events), make(events)
    older.open()
    older.begin(0)
    write(older, events, 0, 10)
    newer.open()
    newer.begin(10)
    with pytest.raises(SinkAway, match="takes nothing more"):
        write(older, events, 10, 20)
    older.close()
    with pytest.raises(SinkRefused, match="another instance has taken over"):
        older.open()
    assert write(newer, events, 10, len(events)) > 0
    newer.close()
    assert newer.open() is not None


def test_a_fence_of_the_broker_itself_is_an_outage(kafka: MemoryKafka) -> None:
    """A transaction took too long: nobody else has written."""
    events = trading_events()
    sink = make(events)
    sink.open()
    sink.begin(0)
    write(sink, events, 0, 10)
    kafka.fail_with(KafkaError.INVALID_PRODUCER_EPOCH)
    with pytest.raises(SinkAway):
        write(sink, events, 10, 20)
    sink.close()
    assert sink.open() is not None


def test_who_is_ahead_or_another_exchange_fences_nobody_off(kafka: MemoryKafka) -> None:
    events = trading_events()
    sink = make(events)
    sink.open()
    sink.begin(0)
    write(sink, events, 0, 10)
    other = trading_events(30)
    other["timestamp_ns"] += 1
    with pytest.raises(SinkRefused, match="of another exchange"):
        make(other).open()
    with pytest.raises(SinkRefused, match="only up to"):
        make(events[:5]).open()
    assert write(sink, events, 10, 20) > 0


def test_nobody_answers(kafka: MemoryKafka) -> None:
    kafka.away = True
    with pytest.raises(SinkAway, match="nobody answers"):
        make(trading_events()).open()


def test_a_topic_without_create_is_asked_for(kafka: MemoryKafka) -> None:
    with pytest.raises(SinkRefused, match="there is no topic"):
        make(trading_events(), create_topics=False).open()


def test_a_topic_that_is_switched_on_later_gets_everything(kafka: MemoryKafka) -> None:
    events = trading_events()
    sink = make(events)
    sink.open()
    sink.begin(0)
    write(sink, events, 0, 20)
    sink.close()
    more = make(events, order_events_topic="order_events")
    position = more.open()
    assert position is not None and position.next_event == 0
    more.begin(0)
    for first in range(0, len(events), 7):
        write(more, events, first, min(first + 7, len(events)))
    found = {
        name: sorted(int(dict(each.headers())["sequence"]) for each in kafka.records(name))
        for name in (TRADES, "order_events")
    }
    trades = events["sequence"][events["kind"] == EventKind.TRADE].tolist()
    assert found == {TRADES: trades, "order_events": trades}
    position = more.open()
    assert position is not None and position.next_event == len(events)
