"""Changes of the market model since they were last taken, as objects.

Who uses it: MarketModel. Everything is gathered for all instruments at once, so that a change of
one instrument costs a few microseconds; its levels, trades and klines become objects only when
they are asked for.

Decision RDM-2.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from exchange.read_model.market import layout
from exchange.read_model.market.layout import MarketArrays
from exchange.read_model.market.types import ChangedLevel, Kline, Trade

Klines = dict[str, Kline]
ClosedKlines = dict[str, list[Kline]]
_LEVEL = [layout.CHANGED_LEVEL_PRICE, layout.CHANGED_LEVEL_QUANTITY, layout.CHANGED_LEVEL_ORDERS]
_HEAD = np.array([layout.NUMBER, layout.FIRST_SEQUENCE, layout.SEQUENCE, layout.TIMESTAMP_NS])


class Change:
    """The change of one instrument between two calls of ``take_changes``.

    ``first_sequence``, ``last_sequence``: the first and the last event about it. ``level_words``,
    ``trade_words``: as the arrays have them (see ``layout.py``); ``levels``, ``trades`` and
    ``klines`` are made of such words when they are asked for, since most are wanted by nobody.
    """

    __slots__ = (
        "_intervals",
        "_kline_words",
        "closed_klines",
        "first_sequence",
        "instrument",
        "last_sequence",
        "level_words",
        "state_changed",
        "ticker_changed",
        "timestamp_ns",
        "trade_words",
    )

    def __init__(
        self,
        head: Sequence[int],
        touches: int,
        level_words: np.ndarray,
        trade_words: np.ndarray,
        intervals: Sequence[str],
        kline_words: np.ndarray,
        closed_klines: ClosedKlines,
    ) -> None:
        self.instrument, self.first_sequence, self.last_sequence, self.timestamp_ns = head
        self.ticker_changed = bool(touches & layout.TOUCH_TICKER)
        self.state_changed = bool(touches & layout.TOUCH_STATE)
        self.level_words = level_words
        self.trade_words = trade_words
        # by interval, those before the newest that had not ended, for all that is known, when
        # changes were last taken, oldest first
        self.closed_klines = closed_klines
        self._intervals = intervals
        self._kline_words = kline_words

    @property
    def levels(self) -> list[ChangedLevel]:
        """Each level that changed with what it shows now, in no order."""
        words = self.level_words
        sides = (words[:, layout.CHANGED_LEVEL_BOOK] & 1).tolist()
        columns = words[:, _LEVEL]
        return list(zip(sides, *columns.T.tolist(), strict=True))

    @property
    def trades(self) -> list[Trade]:
        """All of them, oldest first."""
        return [Trade._make(words) for words in self.trade_words.tolist()]

    @property
    def klines(self) -> Klines:
        """By interval, as they were then; empty when there was no trade."""
        newest = [as_kline(words) for words in self._kline_words.tolist()]
        return dict(zip(self._intervals, newest, strict=True)) if newest else {}


def changes_of(
    arrays: MarketArrays, touched: np.ndarray, select: bool, intervals: Sequence[str]
) -> list[Change]:
    """The changes of the ``touched`` rows (int64). ``select``: others have changed, too."""
    scalars = arrays.scalars
    rows = arrays.rows.reshape(-1, layout.ROW_WORDS)
    touches = rows[touched, layout.TOUCHES]
    entries = arrays.changed_levels.reshape(-1, layout.CHANGED_LEVEL_WORDS)
    entries = entries[: int(scalars[layout.CHANGED_LEVELS])]
    levels, level_ends = _grouped(
        entries, entries[:, layout.CHANGED_LEVEL_BOOK] >> 1, touched, select
    )
    entries = arrays.changed_trades.reshape(-1, layout.CHANGED_TRADE_WORDS)
    entries = entries[: int(scalars[layout.CHANGED_TRADES])]
    trades, trade_ends = _grouped(entries, entries[:, layout.CHANGED_TRADE_ROW], touched, select)
    traded = touched[(touches & layout.TOUCH_TRADES) != 0]
    klines = iter(_klines(arrays, traded, intervals))
    untraded: tuple[np.ndarray, ClosedKlines] = np.zeros((0, layout.KLINE_WORDS), np.int64), {}
    heads = rows[np.ix_(touched, _HEAD)].tolist()
    changes = []
    level_start = trade_start = 0
    for head, bits, level_end, trade_end in zip(
        heads, touches.tolist(), level_ends, trade_ends, strict=True
    ):
        kline_words, closed = next(klines) if bits & layout.TOUCH_TRADES else untraded
        changes.append(
            Change(
                head,
                bits,
                levels[level_start:level_end],
                trades[trade_start:trade_end, layout.CHANGED_TRADE_WORDS_BEFORE :],
                intervals,
                kline_words,
                closed,
            )
        )
        level_start, trade_start = level_end, trade_end
    return changes


def _grouped(
    entries: np.ndarray, rows: np.ndarray, touched: np.ndarray, select: bool
) -> tuple[np.ndarray, list[int]]:
    """A copy of the entries by the place of their row in ``touched``; where each place ends."""
    if len(touched) == 1 and not select:
        return entries.copy(), [len(entries)]
    place_of_row = np.full(int(max(rows.max(initial=0), touched.max(initial=0))) + 1, -1)
    place_of_row[touched] = np.arange(len(touched))
    places = place_of_row[rows]
    if select:
        wanted = places >= 0
        entries, places = entries[wanted], places[wanted]
    entries = entries[np.argsort(places, kind="stable")]
    return entries, np.cumsum(np.bincount(places, minlength=len(touched))).tolist()


def _klines(
    arrays: MarketArrays, traded: np.ndarray, intervals: Sequence[str]
) -> list[tuple[np.ndarray, ClosedKlines]]:
    """For each row the words of its newest klines, and those that were open at the last look."""
    kept = int(arrays.scalars[layout.KLINES_KEPT])
    counters = (traded[:, None] * layout.INTERVALS + np.arange(layout.INTERVALS)).reshape(-1)
    totals = arrays.kline_counts[counters]
    ring = arrays.klines.reshape(-1, layout.KLINE_WORDS)
    newest = ring[counters * kept + (totals - 1) % kept]
    newest = newest.reshape(-1, layout.INTERVALS, layout.KLINE_WORDS)
    found: list[tuple[np.ndarray, ClosedKlines]] = [(words, {}) for words in newest]
    taken = arrays.kline_taken[counters]
    for at in np.flatnonzero((totals != taken) & (totals > 1)).tolist():
        total = int(totals[at])
        numbers = np.arange(max(int(taken[at]) - 1, 0, total - kept), total - 1)
        if len(numbers):
            earlier = ring[int(counters[at]) * kept + numbers % kept].tolist()
            closed = found[at // layout.INTERVALS][1]
            closed[intervals[at % layout.INTERVALS]] = [as_kline(words) for words in earlier]
    return found


def sum_of(words: Sequence[int], at: int) -> int:
    """A sum of two words."""
    return (words[at + layout.SUM_HIGH] << layout.WORD_BITS) + words[at]


def as_kline(words: Sequence[int]) -> Kline:
    """The kline of KLINE_WORDS words."""
    return Kline(
        words[layout.KLINE_START],
        words[layout.KLINE_OPEN],
        words[layout.KLINE_HIGH],
        words[layout.KLINE_LOW],
        words[layout.KLINE_CLOSE],
        sum_of(words, layout.KLINE_VOLUME),
        sum_of(words, layout.KLINE_TURNOVER),
        words[layout.KLINE_TRADES],
    )
