"""Books of many levels, sums beyond 64 bits, and days: the market model on events made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exchange.codes import FLAG_LEVEL, EventKind, InstrumentState, Parameter, Side
from exchange.read_model.market import layout
from exchange.read_model.market.model import EventsMissing, MarketModel
from exchange.records import EVENT
from ringbuffer.jit import JIT_DISABLED

MINUTE_NS = 60_000_000_000


class Market:
    """A model with instruments 1 and 2, and a hand that writes its events."""

    def __init__(self, *, capacity: int = 4, maximum_price: int = 1 << 40, **options: Any) -> None:
        self.model = MarketModel(capacity, **options)
        self.now_ns = 1_700_000_000 * 10**9
        self.next = 0
        self.say(EventKind.CURRENCY_DEFINED, currency=1, token_0=_word("TWD"), display=2)
        for instrument in (1, 2):
            self.define(instrument, maximum_price)

    def define(self, instrument: int, maximum_price: int = 1 << 40) -> None:
        self.say(
            EventKind.INSTRUMENT_DEFINED,
            instrument=instrument,
            token_0=_word(f"SYM{instrument}"),
            price=1,
            quantity=1,
            display=1,
            level_quantity=1,
            contra_order_id=maximum_price,
            remaining=1 << 40,
            currency=1,
            group=7,
        )

    def events(self, count: int) -> np.ndarray:
        """Events, empty but for their sequences and times."""
        events = np.zeros(count, EVENT)
        events["sequence"] = np.arange(self.next, self.next + count)
        events["timestamp_ns"] = self.now_ns
        self.next += count
        return events

    def say(self, kind: EventKind, **fields: int) -> None:
        event = self.events(1)
        event["kind"] = kind
        for name, value in fields.items():
            event[name] = value
        self.model.apply(event)

    def level(self, side: int, price: int, quantity: int, orders: int = 1) -> None:
        self.say(
            EventKind.LEVEL,
            instrument=1,
            side=side,
            price=price,
            level_quantity=quantity,
            level_orders=orders if quantity else 0,
            flags=FLAG_LEVEL,
        )

    def trade(self, price: int, quantity: int, instrument: int = 1) -> None:
        self.say(EventKind.TRADE, instrument=instrument, price=price, quantity=quantity)


def _word(text: str) -> int:
    return int.from_bytes(text.encode().ljust(8), "little")


def level_events(market: Market, random: np.random.Generator, count: int, spread: int) -> Any:
    """Levels of both sides and instruments set and taken away, near and far from the best."""
    events = market.events(count)
    events["kind"] = EventKind.LEVEL
    events["flags"] = FLAG_LEVEL
    events["instrument"] = random.integers(1, 3, count)
    events["side"] = random.choice([Side.BUY, Side.SELL, Side.SELL_SHORT], count)
    events["price"] = random.integers(1, spread, count) + random.integers(0, 2) * spread
    gone = random.random(count) < random.choice([0.1, 0.5, 0.9])
    events["level_quantity"] = np.where(gone, 0, random.integers(1, 1 << 40, count))
    events["level_orders"] = np.where(gone, 0, random.integers(1, 1 << 20, count))
    return events


@pytest.mark.parametrize("seed, spread", [(1, 50), (2, 3_000), (3, 1 << 35)])
def test_books_of_many_levels(seed: int, spread: int) -> None:
    """Blocks are split, joined and given back, directories and pools grow; nothing is lost."""
    rounds, count = (6, 300) if JIT_DISABLED else (40, 3_000)
    market, random = Market(), np.random.default_rng(seed)
    naive: dict[tuple[int, int], dict[int, tuple[int, int]]] = {
        (instrument, side): {} for instrument in (1, 2) for side in (0, 1)
    }
    for _ in range(rounds):
        events = level_events(market, random, count, spread)
        market.model.apply(events)
        names = ("instrument", "side", "price", "level_quantity", "level_orders")
        for instrument, side, price, quantity, orders in zip(
            *(events[name].tolist() for name in names), strict=True
        ):
            levels = naive[instrument, min(side, 1)]
            levels[price] = (quantity, orders)
            if not quantity:
                del levels[price]
        compare(market.model, naive)
        changed = market.model.take_changes()
        for change in changed:
            for side, price, quantity, orders in change.levels:
                expected = naive[change.instrument, side].get(price, (0, 0))
                assert (quantity, orders) == expected
    for levels in naive.values():  # take everything away, in any order
        for price in levels:
            levels[price] = (0, 0)
    events = market.events(sum(len(levels) for levels in naive.values()))
    rows = [
        (instrument, side, price)
        for (instrument, side), levels in naive.items()
        for price in levels
    ]
    random.shuffle(rows)
    events["kind"], events["flags"] = EventKind.LEVEL, FLAG_LEVEL
    for name, column in zip(("instrument", "side", "price"), zip(*rows, strict=True), strict=True):
        events[name] = column
    market.model.apply(events)
    compare(market.model, {key: {} for key in naive})
    assert market.model.dump()["market_level_counts"].tolist() == [0] * 4


def compare(model: MarketModel, naive: dict[tuple[int, int], dict[int, tuple[int, int]]]) -> None:
    for (instrument, side), levels in naive.items():
        found = model.depth(instrument, None)[2 + side]
        assert found == sorted(((p, *totals) for p, totals in levels.items()), reverse=side == 0)


def test_memory_of_a_book_is_given_back() -> None:
    """A price that runs away leaves no blocks behind."""
    market = Market(track_changes=False)
    count = 1_000 if JIT_DISABLED else 50_000
    events = market.events(2 * count)
    events["kind"], events["flags"], events["instrument"] = EventKind.LEVEL, FLAG_LEVEL, 1
    prices = np.arange(1, count + 1)
    events["price"][0::2] = prices
    events["level_quantity"][0::2] = events["level_orders"][0::2] = 1
    events["price"][1::2] = np.maximum(prices - 100, 1)  # what lies 100 below is taken away
    market.model.apply(events)
    assert len(market.model.depth(1, None).bids) == 100
    assert len(market.model._arrays.block_sizes) == 64  # never more than at the beginning


def test_sums_beyond_64_bits() -> None:
    """Turnover of the largest trades, and a volume that has come near the limit of its word."""
    market = Market(maximum_price=1 << 16)
    price, quantity = 1 << 13, 1 << 39  # multiplier 10
    for _ in range(300):
        market.trade(price, quantity)
    turnover = 300 * price * quantity * 10
    assert turnover > 1 << 63
    ticker = market.model.ticker(1)
    assert (ticker.turnover, ticker.volume) == (turnover, 300 * quantity)
    assert market.model.klines(1, "1d")[0].turnover == turnover
    at = layout.DAY_VOLUME
    market.model._arrays.rows[at : at + 2] = [(1 << 62) - 1, 5]
    market.trade(price, quantity)
    assert market.model.ticker(1).volume == 6 * (1 << 62) - 1 + quantity


def test_days() -> None:
    """A day's figures stand until the next begins; then its last price is the previous close."""
    market = Market()
    market.say(EventKind.DAY_STARTED, price=20260105)
    assert (market.model.day_number, market.model.day_open) == (20260105, True)
    market.say(EventKind.PARAMETER_SET, parameter=Parameter.REFERENCE_PRICE, instrument=1, price=90)
    market.say(EventKind.PARAMETER_SET, parameter=Parameter.FEES, instrument=1, price=1)
    market.say(EventKind.PARAMETER_SET, parameter=Parameter.REFERENCE_PRICE, instrument=0)
    for price in (100, 90, 120, 110):
        market.trade(price, 2)
    market.say(EventKind.AUCTION, instrument=1, price=110, quantity=5, remaining=-3)
    market.say(EventKind.DAY_ENDED)
    ticker = market.model.ticker(1)
    assert not market.model.day_open
    assert ticker[:6] == (110, 2, market.now_ns, 100, 120, 90)
    assert (ticker.volume, ticker.trade_count, ticker.turnover) == (8, 4, 8400)
    assert (ticker.previous_close, ticker.reference_price) == (None, 90)
    assert (ticker.auction_price, ticker.auction_volume, ticker.auction_imbalance) == (110, 5, -3)
    market.model.take_changes()
    market.say(EventKind.DAY_STARTED, price=20260106)
    changes = market.model.take_changes()
    assert [(change.instrument, change.ticker_changed) for change in changes] == [
        (1, True),
        (2, True),
    ]
    ticker = market.model.ticker(1)
    assert ticker[:9] == (None,) * 6 + (0, 0, 0)
    assert (ticker.previous_close, ticker.reference_price) == (110, 90)
    assert (ticker.auction_price, ticker.auction_ns) == (None, None)
    assert len(market.model.trades(1, 10)) == 4  # the tape goes on
    market.say(EventKind.DAY_STARTED, price=20260107)
    assert market.model.ticker(1).previous_close == 110


def test_the_market_state_counts_in_place_of_the_instruments() -> None:
    market = Market()
    market.say(EventKind.STATE_CHANGED, instrument=1, display=InstrumentState.AUCTION)
    market.say(EventKind.STATE_CHANGED, instrument=0, display=InstrumentState.HALTED, quantity=77)
    assert market.model.market_state == InstrumentState.HALTED
    assert market.model.ticker(1).state == InstrumentState.HALTED
    assert (market.model.state(2), market.model.until_ns(2)) == (InstrumentState.HALTED, 77)
    assert all(change.state_changed for change in market.model.take_changes())
    market.say(EventKind.STATE_CHANGED, instrument=0, display=InstrumentState.OPEN)
    assert (market.model.state(1), market.model.until_ns(1)) == (InstrumentState.AUCTION, 0)
    assert market.model.state(2) == InstrumentState.OPEN


def test_klines_that_close_between_two_looks() -> None:
    market = Market(klines_kept=3)
    start = market.now_ns // (60 * MINUTE_NS) * 60 * MINUTE_NS
    for minute in (0, 1, 5):
        market.now_ns = start + minute * MINUTE_NS
        market.trade(10 + minute, 1)
    (change,) = [each for each in market.model.take_changes() if each.trades]
    assert [kline.start_ns - start for kline in change.closed_klines["1m"]] == [0, MINUTE_NS]
    assert change.klines["1m"].start_ns == start + 5 * MINUTE_NS
    assert [kline.close for kline in change.closed_klines["5m"]] == [11]
    assert "1h" not in change.closed_klines and change.klines["1h"].trade_count == 3
    market.trade(9, 1)
    (change,) = market.model.take_changes()
    assert change.closed_klines == {} and change.klines["1m"].low == 9
    for minute in (6, 7, 8, 9):
        market.now_ns = start + minute * MINUTE_NS
        market.trade(1, 1)
    (change,) = market.model.take_changes()
    # only three are kept
    assert [k.start_ns - start for k in change.closed_klines["1m"]] == [
        7 * MINUTE_NS,
        8 * MINUTE_NS,
    ]


def test_an_instrument_too_many() -> None:
    market = Market(capacity=4)
    market.define(3)
    with pytest.raises(EventsMissing, match="no room for more than 3 instruments"):
        market.define(4)


def test_unknown_instruments_are_not_answered() -> None:
    market = Market()
    for ask in (market.model.ticker, market.model.state, market.model.sequence):
        with pytest.raises(KeyError):
            ask(3)
    with pytest.raises(KeyError):
        market.model.klines(1, "2m")
