"""Which records a topic gets of some events."""

from __future__ import annotations

from memory_kafka import trading_events

from exchange.connect.directory import Directory
from exchange.connect.kafka.streams import TradeStream, from_sequence, streams_of
from exchange.settings import load_settings


def test_trades_from_where_the_topic_ends() -> None:
    events = trading_events(6)
    directory = Directory()
    directory.learn(events)
    stream = TradeStream("t", directory)
    every = stream.records(events, 0)
    assert [each.symbol for each in every] == ["2330.TW", "AAPL"] * 3
    later = stream.records(events, every[2].sequence)
    assert later == every[2:]
    assert stream.records(events, len(events)) == []
    assert from_sequence(events[5:], 3) is not events
    assert len(from_sequence(events[:0], 3)) == 0


def test_one_stream_for_each_topic() -> None:
    section = load_settings(None).kafka
    assert [each.topic for each in streams_of(section, Directory())] == ["trade_records"]
