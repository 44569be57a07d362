"""Where the records end: the position's record, and the last records when it is gone."""

from __future__ import annotations

from typing import Any

import msgspec
from memory_kafka import MemoryConsumer, MemoryKafka

from exchange.connect.kafka.position import (
    POSITION_KEY,
    Position,
    last_records,
    position_topic,
    read_position,
)

TRADES = "trade_records"
POSITION = position_topic(TRADES)


def read(kafka: MemoryKafka, **topics: int) -> Position:
    consumer: Any = MemoryConsumer(kafka)
    return read_position(consumer, TRADES, topics, 1.0)


def test_an_empty_topic_has_no_position() -> None:
    kafka = MemoryKafka(**{TRADES: 3, POSITION: 1})
    assert read(kafka, trade_records=3) == Position()


def test_the_newest_record_counts() -> None:
    kafka = MemoryKafka(**{TRADES: 3, POSITION: 1})
    for at in (10, 20, 30):
        said = Position("abc", "me", "host", {TRADES: at})
        kafka.put(POSITION, POSITION_KEY, msgspec.json.encode(said))
    # what was rolled back left markers only, more than one look takes
    kafka.topics[POSITION][0] += [None] * 1_000
    assert read(kafka, trade_records=3) == Position("abc", "me", "host", {TRADES: 30})


def test_without_its_record_the_last_trades_tell() -> None:
    kafka = MemoryKafka(**{TRADES: 3, POSITION: 1})
    for symbol, sequence in (("A", 4), ("BB", 9), ("A", 11)):
        kafka.put(TRADES, symbol, "{}", {"sequence": str(sequence), "exchange": "abc"})
    assert read(kafka, trade_records=3) == Position("abc", "", "", {TRADES: 12})


def test_a_record_that_is_newer_than_the_position_counts_too() -> None:
    kafka = MemoryKafka(**{TRADES: 1, POSITION: 1})
    kafka.put(POSITION, POSITION_KEY, msgspec.json.encode(Position("a", "", "", {TRADES: 5})))
    kafka.put(TRADES, "A", "{}", {"sequence": "7", "exchange": "b"})
    assert read(kafka, trade_records=1) == Position("a", "", "", {TRADES: 8})


def test_records_of_others_have_no_sequence() -> None:
    kafka = MemoryKafka(**{TRADES: 1, POSITION: 1})
    kafka.put(TRADES, "A", "not ours")
    assert read(kafka, trade_records=1) == Position()
    consumer: Any = MemoryConsumer(kafka)
    newest = last_records(consumer, [(TRADES, 0), (POSITION, 0)], 1.0)
    assert {place: message.value() for place, message in newest.items()} == {
        (TRADES, 0): b"not ours"
    }
