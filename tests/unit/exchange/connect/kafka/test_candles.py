"""Candles: the same closed ones however events are divided, also after a restart."""

from __future__ import annotations

import json
import random

import jsonschema
import numpy as np
import pytest
from market_events import MarketEvents
from store_world import MemoryArchive

from exchange.codes import EventKind
from exchange.connect.directory import Directory
from exchange.connect.kafka.candles import CLOSED, MINUTE_NS, Candles
from exchange.connect.schemas import schema_text


def minutes_of_trading(seed: int) -> np.ndarray:
    """Trades of two instruments over some minutes, with other events between them."""
    draws = random.Random(seed)
    world = MarketEvents()
    world.open_market()
    for _ in range(200):
        world.now_ns += draws.randrange(MINUTE_NS // 8)
        if draws.random() < 0.3:
            world.add(EventKind.ACCEPTED, instrument=1)
            continue
        price, quantity = draws.randrange(90, 110), draws.randrange(1, 9)
        instrument = draws.randrange(1, 3)
        world.add(EventKind.TRADE, instrument=instrument, price=price, quantity=quantity)
    return world.take()


def naive(events: np.ndarray) -> dict[tuple[int, int], list[int]]:
    """(instrument, minute) -> open, high, low, close, volume, trades."""
    found: dict[tuple[int, int], list[int]] = {}
    for event in events[events["kind"] == EventKind.TRADE]:
        key = int(event["instrument"]), int(event["timestamp_ns"]) // MINUTE_NS
        price, quantity = int(event["price"]), int(event["quantity"])
        line = found.setdefault(key, [price, price, price, price, 0, 0])
        line[1], line[2] = max(line[1], price), min(line[2], price)
        line[3:] = [price, line[4] + quantity, line[5] + 1]
    return found


@pytest.mark.parametrize("seed", range(5))
def test_divided_anyhow_and_restarted(seed: int) -> None:
    events = minutes_of_trading(seed)
    directory = Directory()
    directory.learn(events)
    archive = MemoryArchive(events)
    draws = random.Random(seed)
    candles, texts, at = Candles(directory), [], 0
    while at < len(events):
        if draws.random() < 0.3:  # a new process
            candles = Candles(directory)
            candles.begin(archive, at)
        end = at + draws.randrange(1, 40)
        texts += [record.text for record in candles.take(events[at:end])]
        at = end
    whole = Candles(directory)
    whole.begin(archive, 0)
    at_once = [record.text for record in whole.take(events)]
    closed = [text for text in texts if text.endswith(CLOSED)]
    assert closed == [text for text in at_once if text.endswith(CLOSED)]
    wanted = naive(events)
    last = max(minute for _, minute in wanted)
    by_symbol = {directory.symbol(1): 1, directory.symbol(2): 2}
    assert len(closed) == sum(minute < last for _, minute in wanted) > 5
    schema = json.loads(schema_text("klines"))
    expected = [line for (_, minute), line in wanted.items() if minute < last]
    found = []
    for text in closed:
        value = json.loads(text)
        jsonschema.validate(value, schema)
        assert by_symbol[value["symbol"]] and value["price_decimals"] == 2
        names = ("open", "high", "low", "close", "volume", "trade_count")
        found.append([value[name] for name in names])
    assert sorted(found) == sorted(expected)
