"""MarketModel: the public side of the market as the released events tell it.

Who uses it: the API, the feed workers and the store, each with a model of its own that it feeds
with every event in order. The work is done by ``kernel/`` on the arrays of
``layout.py``; this shell makes room for them and turns words into answers. Not to be used by two
threads at a time. Invariant: the same events give the same answers, in whatever pieces they came,
and after ``dump`` and ``load`` too.
"""

from __future__ import annotations

from collections.abc import Container

import numpy as np

from exchange.codes import InstrumentState
from exchange.read_model.market import layout
from exchange.read_model.market.changes import Change, as_kline, changes_of, sum_of
from exchange.read_model.market.dump import dumped, loaded
from exchange.read_model.market.kernel.book import best_levels
from exchange.read_model.market.kernel.follow import follow, forget_changes, index_changed_levels
from exchange.read_model.market.kernel.rolling import rolling
from exchange.read_model.market.types import Depth, Instrument, Kline, LevelRow, Ticker, Trade
from exchange.records import EVENT, word_text

__all__ = [
    "INTERVALS",
    "Change",
    "Depth",
    "EventsMissing",
    "Instrument",
    "Kline",
    "MarketModel",
    "Ticker",
    "Trade",
]

# name: length in nanoseconds; each begins at a multiple of its length (UTC)
INTERVALS: dict[str, int] = dict(
    zip(("1m", "5m", "15m", "1h", "1d"), layout.INTERVALS_NS.tolist(), strict=True)
)
_INTERVAL_NAMES = tuple(INTERVALS)
_PLACE_OF_INTERVAL = {name: place for place, name in enumerate(INTERVALS)}
_GROWING = {
    layout.NEED_BLOCKS: ("levels", "block_sizes"),
    layout.NEED_DIRECTORY: ("directory",),
    layout.NEED_CHANGED_LEVELS: ("changed_levels", "change_index"),
    layout.NEED_CHANGED_TRADES: ("changed_trades",),
}


class EventsMissing(Exception):
    """The events that were given begin after the next one, or the model has no room for one."""


class MarketModel:
    """Everything public about every instrument after the events before ``next_event``.

    ``trades_kept``: trades that are kept of each instrument; ``klines_kept``: klines of each
    instrument and interval. ``track_changes``: note what changes for ``take_changes``; whoever sets
    it must take changes regularly, since what is noted grows until then.

    Methods with an instrument raise KeyError when it is not defined.
    """

    def __init__(
        self,
        instrument_capacity: int,
        *,
        trades_kept: int = 1000,
        klines_kept: int = 1500,
        track_changes: bool = True,
    ) -> None:
        self._arrays = layout.create(
            instrument_capacity, trades_kept, klines_kept, track_changes=track_changes
        )
        self.instruments: dict[int, Instrument] = {}
        self.by_symbol: dict[str, int] = {}
        self._rows: dict[int, int] = {}  # by instrument
        self._numbers: list[int] = []  # by row
        self.trades_kept = trades_kept
        self.klines_kept = klines_kept
        self._levels = np.zeros(
            layout.COPIED_WORDS * layout.BLOCK_LEVELS, np.int64
        )  # where levels are copied to

    # --- following ----------------------------------------------------------------------------

    @property
    def next_event(self) -> int:
        """Sequence of the first event that has not been seen."""
        return int(self._arrays.scalars[layout.NEXT_EVENT])

    @property
    def timestamp_ns(self) -> int:
        """Time of the newest event; 0 before the first."""
        return int(self._arrays.scalars[layout.LAST_NS])

    def apply(self, events: np.ndarray) -> None:
        """Follow consecutive events (EVENT array); those that were seen before are passed over.

        Raises EventsMissing when they begin after ``next_event``.
        """
        if len(events) == 0:
            return
        skipped = self.next_event - int(events["sequence"][0])
        if skipped < 0:
            raise EventsMissing(
                f"event {self.next_event} is missing before event {int(events['sequence'][0])}"
            )
        if skipped >= len(events):
            return
        assert events.dtype == EVENT, "not events"
        if not (events.flags.writeable and events.flags.c_contiguous):
            # only one kind of array is compiled; as bytes, since numpy copies records by fields
            events = np.frombuffer(bytearray(events.tobytes()), EVENT)
        followed, why = follow(self._arrays, events, skipped)
        while why != layout.DONE:
            self._make_room(why)
            followed, why = follow(self._arrays, events, followed)
        assert followed == len(events) and self.next_event == int(events["sequence"][-1]) + 1
        if int(self._arrays.scalars[layout.ROWS]) != len(self._numbers):
            self._name_instruments()

    def _make_room(self, why: int) -> None:
        """Double what there is too little of."""
        if why == layout.NEED_ROWS:
            raise EventsMissing(f"no room for more than {len(self._numbers)} instruments")
        larger = {}
        for name in _GROWING[why]:
            array = getattr(self._arrays, name)
            larger[name] = np.zeros(2 * len(array), np.int64)
            larger[name][: len(array)] = array
        if why == layout.NEED_CHANGED_LEVELS:
            larger["change_index"][:] = 0
        self._arrays = self._arrays._replace(**larger)
        if why == layout.NEED_CHANGED_LEVELS:
            index_changed_levels(self._arrays)

    def _name_instruments(self) -> None:
        for row in range(len(self._numbers), int(self._arrays.scalars[layout.ROWS])):
            words = self._row(row)
            currency = words[layout.CURRENCY]
            at = currency * layout.CURRENCY_WORDS
            terms = self._arrays.currencies[at : at + layout.CURRENCY_WORDS].tolist()
            instrument = Instrument(
                number=words[layout.NUMBER],
                symbol=word_text(words[layout.SYMBOL]),
                price_decimals=words[layout.PRICE_DECIMALS],
                tick=words[layout.TICK],
                lot=words[layout.LOT],
                minimum_price=words[layout.MINIMUM_PRICE],
                maximum_price=words[layout.MAXIMUM_PRICE],
                maximum_quantity=words[layout.MAXIMUM_QUANTITY],
                currency=word_text(terms[layout.CURRENCY_CODE]),
                currency_decimals=terms[layout.CURRENCY_DECIMALS],
                group=words[layout.GROUP],
                currency_number=currency,
            )
            self._numbers.append(instrument.number)
            self._rows[instrument.number] = row
            self.instruments[instrument.number] = instrument
            self.by_symbol.setdefault(instrument.symbol, instrument.number)

    def _row(self, row: int) -> list[int]:
        at = row * layout.ROW_WORDS
        words: list[int] = self._arrays.rows[at : at + layout.ROW_WORDS].tolist()
        return words

    # --- asking -------------------------------------------------------------------------------

    @property
    def day_number(self) -> int:
        """The trading day as YYYYMMDD, 0 before the first; it may have ended (``day_open``)."""
        return int(self._arrays.scalars[layout.DAY_NUMBER])

    @property
    def day_open(self) -> bool:
        """Whether the trading day has started and not ended."""
        return bool(self._arrays.scalars[layout.DAY_OPEN])

    @property
    def market_state(self) -> InstrumentState:
        """The state of the market as a whole."""
        return InstrumentState(int(self._arrays.scalars[layout.MARKET_STATE]))

    def state(self, instrument: int) -> InstrumentState:
        """The state that counts: the market's unless it is OPEN."""
        return self._state(self._row(self._rows[instrument]))[0]

    def until_ns(self, instrument: int) -> int:
        """The time at which a halt ends by itself (UTC); 0: it ends when told, or there is none."""
        return self._state(self._row(self._rows[instrument]))[1]

    def _state(self, words: list[int]) -> tuple[InstrumentState, int]:
        market = int(self._arrays.scalars[layout.MARKET_STATE])
        if market != InstrumentState.OPEN:
            return InstrumentState(market), int(self._arrays.scalars[layout.MARKET_UNTIL_NS])
        return InstrumentState(words[layout.STATE]), words[layout.UNTIL_NS]

    def listing(self) -> np.ndarray:
        """State, time at which it ends, reference and last price (0: none) of each instrument.

        int64[n, 4], in the order of their numbers; the market's state counts unless it is OPEN.
        """
        rows = self._arrays.rows.reshape(-1, layout.ROW_WORDS)[: len(self._numbers)]
        order = np.argsort(rows[:, layout.NUMBER])
        words = [layout.STATE, layout.UNTIL_NS, layout.REFERENCE_PRICE, layout.LAST_PRICE]
        return self._with_market_state(rows[order][:, words])

    def reference_price(self, instrument: int) -> int | None:
        """The reference price; None when none is set."""
        at = self._rows[instrument] * layout.ROW_WORDS
        return int(self._arrays.rows[at + layout.REFERENCE_PRICE]) or None

    def last_price(self, instrument: int) -> int | None:
        """The price of the latest trade of the trading day; None when there is none."""
        at = self._rows[instrument] * layout.ROW_WORDS
        return int(self._arrays.rows[at + layout.LAST_PRICE]) or None

    def sequence(self, instrument: int) -> int:
        """The newest event about the instrument."""
        at = self._rows[instrument] * layout.ROW_WORDS
        return int(self._arrays.rows[at + layout.SEQUENCE])

    def depth(self, instrument: int, levels: int | None) -> Depth:
        """The best ``levels`` levels of both sides; None: all of them."""
        row = self._rows[instrument]
        at = row * layout.ROW_WORDS
        return Depth(
            int(self._arrays.rows[at + layout.SEQUENCE]),
            int(self._arrays.rows[at + layout.TIMESTAMP_NS]),
            self._side(2 * row, levels),
            self._side(2 * row + 1, levels),
        )

    def level_rows(self, instrument: int, side: int, levels: int) -> np.ndarray:
        """Price and quantity of the best ``levels`` levels of a side: int64[n, 2]."""
        found = self._copied(2 * self._rows[instrument] + side, levels)
        return found[:, [layout.COPIED_PRICE, layout.COPIED_QUANTITY]]

    def _copied(self, book: int, levels: int | None) -> np.ndarray:
        """The best levels of a book, int64[n, COPIED_WORDS]; valid until the next call."""
        count = int(self._arrays.books[book * layout.BOOK_WORDS + layout.BOOK_LEVELS])
        if levels is not None:
            count = min(count, max(0, levels))
        words = count * layout.COPIED_WORDS
        if words > len(self._levels):
            self._levels = np.zeros(2 * words, np.int64)
        best_levels(self._arrays, book, count, self._levels)
        copied: np.ndarray = self._levels[:words].reshape(-1, layout.COPIED_WORDS)
        return copied

    def _side(self, book: int, levels: int | None) -> list[LevelRow]:
        flat = iter(self._copied(book, levels).ravel().tolist())
        return list(zip(flat, flat, flat, strict=True))

    def ticker(self, instrument: int) -> Ticker:
        """The trading day so far; after its end until the next one starts too."""
        row = self._rows[instrument]
        words = self._row(row)
        bids, asks = self._side(2 * row, 1), self._side(2 * row + 1, 1)
        state, until_ns = self._state(words)
        traded = words[layout.DAY_TRADES] > 0
        return Ticker(
            last_price=words[layout.LAST_PRICE] or None,
            last_quantity=words[layout.LAST_QUANTITY] if traded else None,
            last_ns=words[layout.LAST_TRADE_NS] if traded else None,
            open=words[layout.DAY_FIRST] or None,
            high=words[layout.DAY_HIGH] or None,
            low=words[layout.DAY_LOW] or None,
            volume=sum_of(words, layout.DAY_VOLUME),
            turnover=sum_of(words, layout.DAY_TURNOVER),
            trade_count=words[layout.DAY_TRADES],
            previous_close=words[layout.PREVIOUS_CLOSE] or None,
            reference_price=words[layout.REFERENCE_PRICE] or None,
            best_bid=bids[0][0] if bids else None,
            best_bid_quantity=bids[0][1] if bids else 0,
            best_ask=asks[0][0] if asks else None,
            best_ask_quantity=asks[0][1] if asks else 0,
            state=state,
            until_ns=until_ns,
            auction_price=words[layout.AUCTION_PRICE] or None,
            auction_volume=words[layout.AUCTION_VOLUME],
            auction_imbalance=words[layout.AUCTION_IMBALANCE],
            auction_ns=words[layout.AUCTION_NS] or None,
            sequence=words[layout.SEQUENCE],
            timestamp_ns=words[layout.TIMESTAMP_NS],
        )

    def rolling_rows(self, from_ns: int, first: int, count: int) -> np.ndarray:
        """What was traded since ``from_ns``, which begins a minute, and the best levels now.

        Of up to ``count`` instruments from place ``first`` on, in the order in which they were
        defined (``instruments``): int64[n, ROLLING_WORDS]. Exact as far as the candles are kept.
        """
        assert from_ns % layout.MINUTE_NS == 0
        count = max(0, min(count, len(self._numbers) - first))
        out = np.zeros(max(1, count) * layout.ROLLING_WORDS, np.int64)
        rolling(self._arrays, first, count, from_ns, out)
        found: np.ndarray = out.reshape(-1, layout.ROLLING_WORDS)[:count]
        return found

    def glance_rows(self, first: int, count: int) -> np.ndarray:
        """State, time at which it ends, last event and its time of the same instruments.

        int64[n, 4]; the market's state counts unless it is OPEN.
        """
        rows = self._arrays.rows.reshape(-1, layout.ROW_WORDS)[first : first + count]
        rows = rows[: max(0, len(self._numbers) - first)]
        words = [layout.STATE, layout.UNTIL_NS, layout.SEQUENCE, layout.TIMESTAMP_NS]
        return self._with_market_state(rows[:, words])

    def _with_market_state(self, listed: np.ndarray) -> np.ndarray:
        """``listed``: state and time at which it ends in the first two columns, a copy."""
        scalars = self._arrays.scalars
        if scalars[layout.MARKET_STATE] != InstrumentState.OPEN:
            listed[:, 0] = scalars[layout.MARKET_STATE]
            listed[:, 1] = scalars[layout.MARKET_UNTIL_NS]
        return listed

    def trades(
        self, instrument: int, limit: int, before_sequence: int | None = None
    ) -> list[Trade]:
        """The newest ``limit`` trades before event ``before_sequence``, newest first."""
        return [
            Trade._make(words)
            for words in self.trade_rows(instrument, limit, before_sequence).tolist()
        ]

    def trade_rows(
        self,
        instrument: int,
        limit: int,
        before_sequence: int | None = None,
        to_ns: int | None = None,
    ) -> np.ndarray:
        """As ``trades``: int64[n, 6], the fields of Trade in order.

        ``to_ns``: only trades before that time.
        """
        row = self._rows[instrument]
        total = int(self._arrays.rows[row * layout.ROW_WORDS + layout.TRADES])
        held = min(total, self.trades_kept)
        ring = self._arrays.trades.reshape(-1, layout.TRADE_WORDS)
        newest = np.arange(total - 1, total - 1 - held, -1)
        at = row * self.trades_kept + newest % self.trades_kept
        if held and ring[at[-1], layout.TRADE_SEQUENCE] == 0:
            at = at[ring[at, layout.TRADE_SEQUENCE] != 0]  # a smaller ring had dropped the others
        if before_sequence is not None:
            # sequences fall from newest to oldest
            sequences = ring[at, layout.TRADE_SEQUENCE]
            at = at[int(np.searchsorted(-sequences, -before_sequence, side="right")) :]
        if to_ns is not None:
            times = ring[at, layout.TRADE_TIMESTAMP_NS]  # they fall, too
            at = at[int(np.searchsorted(-times, -to_ns, side="right")) :]
        found: np.ndarray = ring[at[: max(0, limit)]]
        return found

    def klines(
        self,
        instrument: int,
        interval: str,
        from_ns: int | None = None,
        to_ns: int | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """As ``kline_rows``."""
        rows = self.kline_rows(instrument, interval, from_ns, to_ns, limit)
        return [as_kline(words) for words in rows.tolist()]

    def kline_rows(
        self,
        instrument: int,
        interval: str,
        from_ns: int | None = None,
        to_ns: int | None = None,
        limit: int = 500,
    ) -> np.ndarray:
        """Klines that start in ``from_ns <= start < to_ns``, oldest first; without trades: none.

        When there are more than ``limit``: with ``from_ns`` the first ones, otherwise the last.
        int64[n, KLINE_WORDS]. Raises KeyError when the interval is none of INTERVALS.
        """
        counter = self._rows[instrument] * layout.INTERVALS + _PLACE_OF_INTERVAL[interval]
        total = int(self._arrays.kline_counts[counter])
        held = min(total, self.klines_kept)
        ring = self._arrays.klines.reshape(-1, layout.KLINE_WORDS)
        at = counter * self.klines_kept + np.arange(total - held, total) % self.klines_kept
        starts = ring[at, layout.KLINE_START]
        if held and starts[0] == 0:  # a smaller ring had dropped the first ones
            there = starts != 0
            at, starts = at[there], starts[there]
        if to_ns is not None:
            at = at[: int(np.searchsorted(starts, to_ns))]
        limit = max(0, limit)
        if from_ns is not None:
            at = at[int(np.searchsorted(starts, from_ns)) :][:limit]
        else:
            at = at[max(0, len(at) - limit) :]
        found: np.ndarray = ring[at]
        return found

    def newest_kline(self, instrument: int, interval: str) -> Kline | None:
        """The kline of the newest trade; None when there is none."""
        counter = self._rows[instrument] * layout.INTERVALS + _PLACE_OF_INTERVAL[interval]
        total = int(self._arrays.kline_counts[counter])
        return self._kline(counter, total - 1) if total else None

    def _kline(self, counter: int, number: int) -> Kline:
        at = counter * self.klines_kept + number % self.klines_kept
        at *= layout.KLINE_WORDS
        return as_kline(self._arrays.klines[at : at + layout.KLINE_WORDS].tolist())

    # --- changes ------------------------------------------------------------------------------

    def take_changes(self, instruments: Container[int] | None = None) -> list[Change]:
        """Take the changes since the last call, by instrument in the order of their first event.

        Of ``instruments`` only, when they are given; what others changed is discarded. Empty always
        without ``track_changes``.
        """
        arrays = self._arrays
        touched = arrays.touched[: int(arrays.scalars[layout.TOUCHED])]
        everything = instruments is None
        if instruments is not None:
            wanted = [row for row in touched.tolist() if self._numbers[row] in instruments]
            everything = len(wanted) == len(touched)
            touched = np.array(wanted, np.int64)
        changes: list[Change] = []
        if len(touched):
            changes = changes_of(arrays, touched, not everything, _INTERVAL_NAMES)
        forget_changes(arrays)
        return changes

    # --- checkpoints --------------------------------------------------------------------------

    @property
    def layout_text(self) -> str:
        """The format and the sizes, of which another needs as much to load what this dumps."""
        rows = len(self._arrays.rows) // layout.ROW_WORDS
        kept = f"trades={self.trades_kept} klines={self.klines_kept}"
        return f"market format={layout.FORMAT} instruments={rows} {kept}"

    def dump(self) -> dict[str, np.ndarray]:
        """Everything but changes that were not taken, as int64 arrays; see ``load``.

        Models that have seen the same events give equal arrays.
        """
        return dumped(self._arrays)

    def load(self, arrays: dict[str, np.ndarray]) -> None:
        """Become the model that ``dump`` described. Only of a model that has seen no event.

        Raises ValueError when it was another format, or one with larger sizes.
        """
        assert self.next_event == 0, "the model is in use"
        room = loaded(self._arrays, arrays)
        while room != layout.DONE:
            self._make_room(room)
            room = loaded(self._arrays, arrays)
        self._name_instruments()


def compile_market() -> None:
    """Compile (or read back) all that a market model calls: ``exchange/compiler/units.py``."""
    model = MarketModel(2)
    model.apply(np.zeros(1, EVENT))
    best_levels(model._arrays, 0, 0, model._levels)
    index_changed_levels(model._arrays)
    forget_changes(model._arrays)
    model.rolling_rows(0, 0, 1)
    MarketModel(2).load(model.dump())
