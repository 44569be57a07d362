"""The market model on the model tests' random streams, beside two twins.

The naive exchange's own book is what depth must be at every command boundary; the naive market
(``tests/model/naive/figures.py``) sums up the trades anew. Events come in random pieces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from exchange.codes import EventKind, InstrumentState, TradeReason
from exchange.read_model.market.model import (
    INTERVALS,
    Change,
    Depth,
    EventsMissing,
    MarketModel,
    Ticker,
)
from ringbuffer.jit import JIT_DISABLED
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, commands_of
from tests.model.naive.book import Book
from tests.model.naive.exchange import NaiveExchange
from tests.model.naive.figures import NaiveFigures, NaiveInstrument

COMMANDS = 3_000 if JIT_DISABLED else 40_000
CAPACITY = 64


def commands(seed: int, count: int) -> Iterator[tuple[NaiveExchange, bytes]]:
    """The naive exchange after each command that had events, and their bytes."""
    episode = EPISODES[seed % len(EPISODES)]._replace(day_commands=count // 3)
    exchange, sequence = NaiveExchange(episode.capacities), 0
    for slots in Generator(seed, episode).chunks(count, 500):
        for number, command, continuation in commands_of(slots, sequence):
            events = b"".join(exchange.apply(number, command, continuation))
            if events:
                yield exchange, events
        sequence += len(slots)


@pytest.fixture(scope="module", params=[31, 33])
def stream(request: pytest.FixtureRequest) -> np.ndarray:
    """All events of a stream."""
    return as_events(b"".join(events for _, events in commands(request.param, COMMANDS)))


def levels_of(book: Book, side: int) -> list[tuple[int, int, int]]:
    found = [(price, *book.level(side, price)) for price in book.prices[side]]
    return found[::-1] if side == 0 else found


@pytest.mark.parametrize("seed", [41, 42, 43])
def test_book_at_every_command_boundary(seed: int) -> None:
    """Levels, states, last and reference prices are the exchange's own."""
    print(f"seed {seed}")
    model = MarketModel(CAPACITY, track_changes=False)
    compared = 0
    for exchange, events in commands(seed, COMMANDS):
        batch = as_events(events)
        model.apply(batch)
        kinds = set(batch["kind"].tolist())
        touched = set(batch["instrument"].tolist())
        if kinds & {EventKind.DAY_STARTED, EventKind.DAY_ENDED, EventKind.STATE_CHANGED}:
            touched = set(exchange.instruments)
        for instrument in touched & exchange.instruments.keys():
            compared += 1
            book, row = exchange.books[instrument], exchange.instruments[instrument]
            depth = model.depth(instrument, None)
            assert depth.bids == levels_of(book, 0)
            assert depth.asks == levels_of(book, 1)
            assert model.depth(instrument, 2) == Depth(*depth[:2], depth.bids[:2], depth.asks[:2])
            assert model.last_price(instrument) == (row.last_price or None)
            assert model.reference_price(instrument) == (row.reference_price or None)
            state, until = exchange.market_state, exchange.market_until_ns
            if state == InstrumentState.OPEN:
                state, until = row.state, row.until_ns
            assert (model.state(instrument), model.until_ns(instrument)) == (state, until)
    assert compared > COMMANDS // 3


def cuts(events: np.ndarray, seed: int) -> Iterator[np.ndarray]:
    """``events`` in pieces of random sizes, with overlaps."""
    random = np.random.default_rng(seed)
    position = 0
    while position < len(events):
        end = (
            position
            + int(random.choice([1, 3, 20, 200, len(events) // 20]))
            + int(random.integers(0, 5))
        )
        yield events[max(0, position - int(random.integers(0, 3))) : end]
        position = end


def check_instrument(model: MarketModel, of: NaiveInstrument, seed: int) -> None:
    """Everything that can be asked about one instrument."""
    number = of.definition.instrument
    ticker = model.ticker(number)
    expected = of.ticker()
    assert {name: getattr(ticker, name) for name in expected} == expected
    depth = model.depth(number, None)
    assert (depth.bids, depth.asks) == (of.side(0), of.side(1))
    newest_first = of.trades[::-1]
    assert model.trades(number, 1 << 20) == newest_first[: model.trades_kept]
    random = np.random.default_rng(seed)
    for _ in range(5):
        before = int(random.integers(0, model.next_event + 2))
        limit = int(random.integers(0, 9))
        kept = newest_first[: model.trades_kept]
        wanted = [trade for trade in kept if trade[0] < before]
        assert model.trades(number, limit, before) == wanted[:limit]
    for interval, length in INTERVALS.items():
        klines = of.klines(interval)[-model.klines_kept :]
        found = model.klines(number, interval, limit=1 << 20)
        assert [kline._asdict() for kline in found] == klines
        newest = model.newest_kline(number, interval)
        assert newest == (found[-1] if found else None)
        if found:
            middle = found[len(found) // 2].start_ns
            later = [kline for kline in found if kline.start_ns >= middle]
            earlier = [kline for kline in found if kline.start_ns < middle]
            assert model.klines(number, interval, middle, limit=2) == later[:2]
            assert model.klines(number, interval, None, middle, 2) == earlier[-2:]
            assert model.klines(number, interval, middle, middle + length) == later[:1]


def check_all(model: MarketModel, figures: NaiveFigures) -> None:
    assert model.instruments.keys() == figures.instruments.keys()
    for number, of in figures.instruments.items():
        check_instrument(model, of, number)


def check_equal(model: MarketModel, other: MarketModel) -> None:
    """Both have the same dumps, array by array."""
    ours, theirs = model.dump(), other.dump()
    assert ours.keys() == theirs.keys()
    for name, array in ours.items():
        assert np.array_equal(array, theirs[name]), name


@pytest.mark.parametrize("trades_kept, klines_kept", [(1 << 16, 1 << 10), (7, 3)])
def test_figures_in_random_pieces(stream: np.ndarray, trades_kept: int, klines_kept: int) -> None:
    """Also where the rings are far too small for all, and after a dump in the middle."""

    def make() -> MarketModel:
        return MarketModel(CAPACITY, trades_kept=trades_kept, klines_kept=klines_kept)

    model, loaded, whole, figures = make(), make(), make(), NaiveFigures()
    for piece in cuts(stream, trades_kept):
        seen = model.next_event
        model.apply(piece)
        figures.read(piece[piece["sequence"] >= seen])
        model.take_changes()
        if loaded.next_event:
            loaded.apply(piece)
        elif model.next_event > len(stream) // 2:
            check_all(model, figures)
            loaded.load(model.dump())
            check_equal(loaded, model)
    check_all(model, figures)
    assert loaded.instruments == model.instruments and loaded.by_symbol == model.by_symbol
    assert loaded.take_changes() != []  # what came after it was loaded
    whole.apply(stream)
    for other in (loaded, whole):
        assert other.next_event == len(stream)
        check_equal(other, model)
        check_all(other, figures)
    reasons = {trade[5] for of in figures.instruments.values() for trade in of.trades}
    assert JIT_DISABLED or reasons == {int(reason) for reason in TradeReason}


def test_definitions(stream: np.ndarray) -> None:
    model = MarketModel(CAPACITY)
    model.apply(stream)
    defined = stream[stream["kind"] == EventKind.INSTRUMENT_DEFINED]
    assert len(defined) == len(model.instruments) >= 6
    for event in defined:
        instrument = model.instruments[int(event["instrument"])]
        assert instrument.symbol == f"SYM{instrument.number:05d}"
        assert model.by_symbol[instrument.symbol] == instrument.number
        assert instrument.currency == f"CUR{instrument.currency_number:03d}"
        terms = (instrument.tick, instrument.lot, instrument.price_decimals, instrument.group)
        assert terms == tuple(
            int(event[name]) for name in ("price", "quantity", "display", "group")
        )
        limits = ("level_quantity", "contra_order_id", "remaining")
        assert (
            instrument.minimum_price,
            instrument.maximum_price,
            instrument.maximum_quantity,
        ) == tuple(int(event[name]) for name in limits)


class Follower:
    """A client that knows one instrument by its changes alone."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, Any], dict[int, Any]] = ({}, {})
        self.trades: list[Any] = []
        self.klines: dict[tuple[str, int], Any] = {}
        self.last_sequence = -1
        self.ticker: dict[str, Any] = {}
        self.state = 0, 0

    def learn(self, change: Change, model: MarketModel) -> None:
        assert self.last_sequence < change.first_sequence <= change.last_sequence
        self.last_sequence = change.last_sequence
        assert len({level[:2] for level in change.levels}) == len(change.levels)
        for side, price, quantity, orders in change.levels:
            if quantity:
                self.levels[side][price] = (quantity, orders)
            else:
                assert orders == 0
                self.levels[side].pop(price, None)
        self.trades += change.trades
        assert bool(change.trades) == bool(change.klines) == bool(len(change.trade_words))
        for interval, kline in change.klines.items():
            closed = change.closed_klines.get(interval, [])
            starts = [each.start_ns for each in (*closed, kline)]
            assert starts == sorted(set(starts))
            for each in (*closed, kline):
                self.klines[interval, each.start_ns] = each
        for name in ("ticker", "state"):
            assert (
                getattr(change, f"{name}_changed")
                or getattr(self, name) == said(model, change)[name == "state"]
            )
        self.ticker, self.state = said(model, change)


def said(model: MarketModel, change: Change) -> tuple[dict[str, Any], tuple[int, int]]:
    ticker = model.ticker(change.instrument)
    assert ticker.sequence == change.last_sequence == model.sequence(change.instrument)
    assert ticker.timestamp_ns == change.timestamp_ns
    skipped = {"sequence", "timestamp_ns"}
    figures = {name: getattr(ticker, name) for name in Ticker._fields if name not in skipped}
    return figures, (ticker.state, ticker.until_ns)


def test_changes_are_all_that_a_client_needs(stream: np.ndarray) -> None:
    """The book, the trades, the klines and the ticker of one that only sees changes."""
    model, figures = MarketModel(CAPACITY), NaiveFigures()
    clients: dict[int, Follower] = defaultdict(Follower)
    sequences: list[int] = []
    for piece in cuts(stream, 5):
        model.apply(piece)
        changes = model.take_changes()
        assert model.take_changes() == []
        firsts = [change.first_sequence for change in changes]
        assert firsts == sorted(firsts)
        for change in changes:
            clients[change.instrument].learn(change, model)
        sequences += [change.last_sequence for change in changes]
        silent = model.instruments.keys() - {change.instrument for change in changes}
        for number in silent & clients.keys():
            assert model.sequence(number) == clients[number].last_sequence
    figures.read(stream)
    assert clients.keys() == figures.instruments.keys()
    for number, client in clients.items():
        of = figures.instruments[number]
        assert client.levels == of.levels
        assert client.trades == of.trades
        for interval in INTERVALS:
            mine = [each for (name, _), each in client.klines.items() if name == interval]
            assert [kline._asdict() for kline in mine] == of.klines(interval)


def all_of(change: Change) -> dict[str, Any]:
    names = ("instrument", "first_sequence", "last_sequence", "timestamp_ns", "levels", "trades",
             "klines", "closed_klines", "ticker_changed", "state_changed")  # fmt: skip
    return {name: getattr(change, name) for name in names}


def test_changes_of_some_instruments(stream: np.ndarray) -> None:
    """What nobody wants is discarded; what is wanted is the same as without a choice."""
    model, chosen = MarketModel(CAPACITY), MarketModel(CAPACITY)
    wanted = {1, 4, 63}
    looks = 0
    for piece in cuts(stream, 6):
        model.apply(piece)
        chosen.apply(piece)
        changes = [change for change in model.take_changes() if change.instrument in wanted]
        looks += len(changes)
        found = chosen.take_changes(wanted)
        assert [all_of(change) for change in found] == [all_of(change) for change in changes]
        assert chosen.take_changes() == []
    assert looks > 5
    chosen = MarketModel(CAPACITY)
    chosen.apply(stream)
    assert chosen.take_changes(()) == []
    check_equal(chosen, model)


def test_a_gap_is_noticed(stream: np.ndarray) -> None:
    model = MarketModel(CAPACITY)
    model.apply(stream[:10])
    with pytest.raises(EventsMissing, match="event 10 is missing before event 11"):
        model.apply(stream[11:])
    assert model.next_event == 10
    model.apply(stream[:0])
    model.apply(stream[:10])
    model.apply(stream[3:20])
    assert model.next_event == 20
    assert model.timestamp_ns == int(stream["timestamp_ns"][19])


def test_another_market_is_not_loaded(stream: np.ndarray) -> None:
    model = MarketModel(CAPACITY)
    model.apply(stream)
    dump = model.dump()
    with pytest.raises(ValueError, match="format, trades and klines"):
        MarketModel(CAPACITY, trades_kept=9).load(dump)
    with pytest.raises(ValueError, match="more than there is room for"):
        MarketModel(3).load(dump)


def test_no_changes_are_noted_without_tracking(stream: np.ndarray) -> None:
    model, tracking = MarketModel(CAPACITY, track_changes=False), MarketModel(CAPACITY)
    model.apply(stream)
    tracking.apply(stream)
    assert model.take_changes() == []
    check_equal(model, tracking)
