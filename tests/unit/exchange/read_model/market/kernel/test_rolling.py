"""The figures of 24 hours are those of every trade in them, wherever the window begins."""

from __future__ import annotations

import random
from typing import NamedTuple

import pytest

from exchange.codes import EventKind, Side
from exchange.read_model.market import layout
from exchange.read_model.market.changes import sum_of
from exchange.read_model.market.model import MarketModel
from tests.harness.market_events import MarketEvents

MINUTE_NS = layout.MINUTE_NS
DAY_NS = 1440 * MINUTE_NS


class Traded(NamedTuple):
    time_ns: int
    price: int
    quantity: int


def trade(events: MarketEvents, traded: Traded) -> None:
    events.now_ns = traded.time_ns
    events.add(
        EventKind.TRADE,
        instrument=1,
        price=traded.price,
        quantity=traded.quantity,
        contra_side=int(Side.BUY),
    )


def check(model: MarketModel, trades: list[Traded], from_ns: int) -> None:
    found = model.rolling_rows(from_ns, 0, 1)[0].tolist()
    inside = [each for each in trades if each.time_ns >= from_ns]
    prices = [each.price for each in inside] or [0]
    assert found[layout.ROLLING_OPEN] == prices[0]
    assert found[layout.ROLLING_HIGH] == max(prices)
    assert found[layout.ROLLING_LOW] == min(prices)
    assert found[layout.ROLLING_TRADES] == len(inside)
    assert sum_of(found, layout.ROLLING_VOLUME) == sum(each.quantity for each in inside)
    assert sum_of(found, layout.ROLLING_TURNOVER) == sum(e.price * e.quantity for e in inside)
    assert found[layout.ROLLING_LAST] == (trades[-1].price if trades else 0)


@pytest.mark.parametrize("seed", range(6))
def test_every_trade_of_the_window_counts(seed: int) -> None:
    print(f"seed {seed}")
    draw = random.Random(seed)
    events = MarketEvents()
    events.open_market()
    model = MarketModel(4)
    model.apply(events.take())
    begin_ns = events.now_ns
    largest = 1 << (50 if seed % 2 else 10)  # sums beyond 62 bits, too
    trades: list[Traded] = []
    check(model, trades, begin_ns // MINUTE_NS * MINUTE_NS)
    now_ns = begin_ns
    while now_ns < begin_ns + 3 * DAY_NS:
        now_ns += draw.choice([1, 10, 40, 700]) * MINUTE_NS * draw.randrange(1000) // 1000
        trades.append(Traded(now_ns, draw.randrange(1, 1000), draw.randrange(1, largest)))
        trade(events, trades[-1])
        if draw.random() < 0.2:
            model.apply(events.take())
            this_minute_ns = now_ns // MINUTE_NS * MINUTE_NS
            check(model, trades, this_minute_ns - DAY_NS + MINUTE_NS)
            check(model, trades, this_minute_ns - draw.randrange(1440) * MINUTE_NS)
            check(model, trades, this_minute_ns + MINUTE_NS)
    assert len(trades) > 30


def test_best_levels_and_places() -> None:
    events = MarketEvents()
    events.open_market()
    model = MarketModel(4)
    model.apply(events.take())
    for i in range(200):  # several blocks
        events.level(Side.BUY, 100 + i, 10 + i)
        events.level(Side.SELL, 1000 - i, 20 + i)
    model.apply(events.take())
    rows = model.rolling_rows(0, 0, 10)
    assert len(rows) == 2
    best = rows[0, layout.ROLLING_BID :].tolist()
    assert best == [299, 209, 801, 219]
    assert not rows[1].any() and len(model.rolling_rows(0, 2, 5)) == 0
    assert (model.rolling_rows(0, 1, 1) == rows[1:]).all()
