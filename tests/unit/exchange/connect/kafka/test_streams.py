"""Which records a topic gets of some events."""

from __future__ import annotations

import json

import msgspec
from memory_kafka import trading_events

from exchange.connect.directory import Directory
from exchange.connect.kafka.streams import CandleStream, TradeStream, from_sequence, streams_of
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
    more = msgspec.structs.replace(section, order_events_topic="o", klines_topic="k")
    assert [each.topic for each in streams_of(more, Directory())] == ["trade_records", "o", "k"]


def test_a_candle_counts_what_is_before_the_topic_begins() -> None:
    events = trading_events(6)
    directory = Directory()
    directory.learn(events)
    stream = CandleStream("k", directory)
    found = stream.records(events, len(events) - 2)
    assert [json.loads(each.text)["trade_count"] for each in found] == [3, 3]
    assert not any(stream.is_final(each.text) for each in found)
