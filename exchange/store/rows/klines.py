"""K-lines of a batch of trades: open, high, low, close, volume per instrument and interval.

Who uses it: the encoder, which adds them to the rows that are there (open stays, high and low
widen, volumes add up), and the check. Intervals are aligned to UTC. The lines of longer intervals
are made of the one-minute lines, so a trade is looked at once.

Decision STO-4.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.store.rows.copy_format import INTERVALS_S, KLINES, Nullable, Rows, timestamps
from exchange.store.rows.event_rows import StoreNames

NS = 1_000_000_000


class Lines(NamedTuple):
    """Some K-lines of one interval, ordered by instrument and start: int64[n] each."""

    instrument: np.ndarray
    start_s: np.ndarray  # UTC seconds
    open: np.ndarray
    high: np.ndarray
    low: np.ndarray
    close: np.ndarray
    volume: np.ndarray
    trade_count: np.ndarray


def _group(instrument: np.ndarray, start_s: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order, first of each group in that order); in a group the order is that of the input."""
    order = np.lexsort((start_s, instrument))  # a stable sort
    instrument, start_s = instrument[order], start_s[order]
    new = np.ones(len(order), np.bool_)
    new[1:] = (instrument[1:] != instrument[:-1]) | (start_s[1:] != start_s[:-1])
    return order, np.flatnonzero(new)


def merge(lines: Lines, interval_s: int) -> Lines:
    """``lines`` of shorter intervals, in order of time within an instrument, as one per
    interval."""
    start_s = lines.start_s // interval_s * interval_s
    order, first = _group(lines.instrument, start_s)
    last = np.append(first[1:], len(order)) - 1
    if len(order) == 0:
        return lines
    return Lines(
        lines.instrument[order][first],
        start_s[order][first],
        lines.open[order][first],
        np.maximum.reduceat(lines.high[order], first),
        np.minimum.reduceat(lines.low[order], first),
        lines.close[order][last],
        np.add.reduceat(lines.volume[order], first),
        np.add.reduceat(lines.trade_count[order], first),
    )


def lines_of(trades: np.ndarray) -> dict[str, Lines]:
    """The K-lines of TRADE events, by interval."""
    price = trades["price"].copy()
    single = Lines(
        trades["instrument"].astype(np.int64),
        trades["timestamp_ns"] // NS,
        price,
        price,
        price,
        price,
        trades["quantity"].copy(),
        np.ones(len(trades), np.int64),
    )
    minutes = merge(single, INTERVALS_S["1m"])
    return {name: merge(minutes, seconds) for name, seconds in INTERVALS_S.items()}


def kline_rows(interval: str, lines: Lines, names: StoreNames) -> Rows:
    """``lines`` as rows of the interval's table."""
    return KLINES[interval].encode(
        (
            names.symbols[lines.instrument],
            timestamps_of(lines.start_s),
            lines.open,
            lines.high,
            lines.low,
            lines.close,
            lines.volume,
            lines.trade_count,
        ),
        names.texts,
    )


def timestamps_of(start_s: np.ndarray) -> Nullable:
    """UTC seconds as a timestamptz column; second 0 is a time like any other."""
    return timestamps(start_s * NS + 1)
