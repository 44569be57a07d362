"""What changed in the market model since it was last asked, as objects for people.

Who uses it: MarketModel. Everything is gathered for all instruments at once, so that a change of
one instrument costs a few microseconds beside the tuples that it has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exchange.read_model import market_layout as layout
from exchange.read_model.market_layout import MarketArrays
from exchange.read_model.market_types import ChangedLevel, Kline, Trade

Klines = dict[str, Kline]
ClosedKlines = dict[str, list[Kline]]
_HEAD = np.array([layout.NUMBER, layout.FIRST_SEQUENCE, layout.SEQUENCE, layout.TIMESTAMP_NS])


class Change(NamedTuple):
    """What happened to one instrument between two calls of ``take_changes``.

    ``first_sequence``, ``last_sequence``: the first and the last event about it. ``levels``: each
    level that changed with what it shows now. ``trades``: all of them, oldest first. ``klines``: by
    interval, those that have changed, as they are now; ``closed_klines``: those before them that
    had not ended, for all that is known, when changes were last taken, oldest first.
    """

    instrument: int
    first_sequence: int
    last_sequence: int
    timestamp_ns: int
    levels: list[ChangedLevel]
    trades: list[Trade]
    klines: Klines
    closed_klines: ClosedKlines
    ticker_changed: bool
    state_changed: bool


def changes_of(
    arrays: MarketArrays, touched: np.ndarray, select: bool, intervals: Sequence[str]
) -> list[Change]:
    """The changes of the ``touched`` rows (int64). ``select``: others have changed, too."""
    rows = arrays.rows.reshape(-1, layout.ROW_WORDS)
    touches = rows[touched, layout.TOUCHES]
    traded = touched[(touches & layout.TOUCH_TRADES) != 0]
    levels, level_ends = _levels(arrays, touched, select)
    trades, trade_ends = _trades(arrays, touched, select)
    klines = iter(_klines(arrays, traded, intervals))
    changes = []
    level_start = trade_start = 0
    heads = rows[np.ix_(touched, _HEAD)].tolist()
    for (number, first, last, timestamp_ns), bits, level_end, trade_end in zip(
        heads, touches.tolist(), level_ends, trade_ends, strict=True
    ):
        current, closed = next(klines) if bits & layout.TOUCH_TRADES else ({}, {})
        changes.append(
            Change(
                number,
                first,
                last,
                timestamp_ns,
                levels[level_start:level_end],
                trades[trade_start:trade_end],
                current,
                closed,
                bool(bits & layout.TOUCH_TICKER),
                bool(bits & layout.TOUCH_STATE),
            )
        )
        level_start, trade_start = level_end, trade_end
    return changes


def _grouped(
    entries: np.ndarray, rows: np.ndarray, touched: np.ndarray, select: bool
) -> tuple[np.ndarray, list[int]]:
    """Entries sorted by the place of their row in ``touched``, and where each place ends."""
    if len(touched) == 1 and not select:
        return entries, [len(entries)]
    place_of_row = np.full(int(max(rows.max(initial=0), touched.max(initial=0))) + 1, -1)
    place_of_row[touched] = np.arange(len(touched))
    places = place_of_row[rows]
    if select:
        wanted = places >= 0
        entries, places = entries[wanted], places[wanted]
    entries = entries[np.argsort(places, kind="stable")]
    return entries, np.cumsum(np.bincount(places, minlength=len(touched))).tolist()


def _levels(
    arrays: MarketArrays, touched: np.ndarray, select: bool
) -> tuple[list[ChangedLevel], list[int]]:
    count = int(arrays.scalars[layout.CHANGED_LEVELS])
    entries = arrays.changed_levels.reshape(-1, layout.CHANGED_LEVEL_WORDS)[:count]
    entries, ends = _grouped(entries, entries[:, 0] >> 1, touched, select)
    columns = entries[:, 1:4].T.tolist()
    return list(zip((entries[:, 0] & 1).tolist(), *columns, strict=True)), ends


def _trades(
    arrays: MarketArrays, touched: np.ndarray, select: bool
) -> tuple[list[Trade], list[int]]:
    count = int(arrays.scalars[layout.CHANGED_TRADES])
    entries = arrays.changed_trades.reshape(-1, layout.CHANGED_TRADE_WORDS)[:count]
    entries, ends = _grouped(entries, entries[:, 0], touched, select)
    return [Trade._make(words) for words in entries[:, 1:].tolist()], ends


def _klines(
    arrays: MarketArrays, traded: np.ndarray, intervals: Sequence[str]
) -> list[tuple[Klines, ClosedKlines]]:
    """For each row its newest klines, and those that were open when changes were last taken."""
    kept = int(arrays.scalars[layout.KLINES_KEPT])
    counters = (traded[:, None] * layout.INTERVALS + np.arange(layout.INTERVALS)).reshape(-1)
    totals = arrays.kline_counts[counters]
    ring = arrays.klines.reshape(-1, layout.KLINE_WORDS)
    newest = [as_kline(words) for words in ring[counters * kept + (totals - 1) % kept].tolist()]
    found: list[tuple[Klines, ClosedKlines]] = [
        (dict(zip(intervals, newest[at : at + layout.INTERVALS], strict=True)), {})
        for at in range(0, len(newest), layout.INTERVALS)
    ]
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
    return (words[at + 1] << layout.WORD_BITS) + words[at]


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
