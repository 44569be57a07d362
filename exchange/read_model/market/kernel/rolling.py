"""Figures of the last 24 hours, of every instrument, out of the candles that are kept; jitted.

Who calls it: MarketModel (``exchange/read_model/market/model.py``). A window of 24 hours that
begins with a minute is the candles of a minute up to the next five minutes, those of five minutes
up to the next quarter, those of a quarter up to the next hour, and those of an hour from there on:
at most 4 + 2 + 3 + 25 candles, whose sums are exact. A candle that has ended never changes.

Decision API-21.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.market.layout import (
    BLOCK_WORDS,
    BOOK_BLOCKS,
    BOOK_DIRECTORY,
    BOOK_WORDS,
    DAY_INTERVAL,
    INTERVALS,
    KLINE_CLOSE,
    KLINE_HIGH,
    KLINE_LOW,
    KLINE_OPEN,
    KLINE_START,
    KLINE_TRADES,
    KLINE_TURNOVER,
    KLINE_VOLUME,
    KLINE_WORDS,
    KLINES_KEPT,
    LEVEL_QUANTITY,
    LOW_LIMIT,
    ROLLING_BID,
    ROLLING_HIGH,
    ROLLING_LAST,
    ROLLING_LOW,
    ROLLING_OPEN,
    ROLLING_TRADES,
    ROLLING_TURNOVER,
    ROLLING_VOLUME,
    ROLLING_WORDS,
    SUM_HIGH,
    MarketArrays,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline_internal, jit_borrowed_internal


@jit_borrowed_inline_internal
def _add_sum(out: np.ndarray, at: int, klines: np.ndarray, from_at: int) -> None:
    """Add the sum in two words of ``klines`` to the one in two words of ``out`` (int64)."""
    low = out[at] + klines[from_at]
    out[at + SUM_HIGH] += klines[from_at + SUM_HIGH]
    if low >= LOW_LIMIT:
        low -= LOW_LIMIT
        out[at + SUM_HIGH] += 1
    out[at] = low


@jit_borrowed_inline_internal
def _kline_at(market: MarketArrays, counter: int, number: int) -> int:
    """Index of the first word of kline ``number`` of a row and interval."""
    kept = market.scalars[KLINES_KEPT]
    return (counter * kept + number % kept) * KLINE_WORDS


@jit_borrowed_internal
def _first_from(market: MarketArrays, counter: int, from_ns: int) -> int:
    """Number of the first kline that is kept and starts at ``from_ns`` or later."""
    total = market.kline_counts[counter]
    low = max(0, total - market.scalars[KLINES_KEPT])
    high = total
    while low < high:
        middle = (low + high) >> 1
        # a place that a smaller ring had dropped has start 0
        if market.klines[_kline_at(market, counter, middle) + KLINE_START] < from_ns:
            low = middle + 1
        else:
            high = middle
    return low


@jit_borrowed_internal
def _add_interval(
    market: MarketArrays, counter: int, from_ns: int, to_ns: int, out: np.ndarray, at: int
) -> None:
    """Add the klines that start in ``from_ns <= start < to_ns`` to the figures at ``out[at]``."""
    total = market.kline_counts[counter]
    if (
        total == 0
        or market.klines[_kline_at(market, counter, total - 1) + KLINE_START] < from_ns
        or from_ns >= to_ns
    ):
        return
    for number in range(_first_from(market, counter, from_ns), total):
        kline = _kline_at(market, counter, number)
        if market.klines[kline + KLINE_START] >= to_ns:
            break
        if out[at + ROLLING_TRADES] == 0:
            out[at + ROLLING_OPEN] = market.klines[kline + KLINE_OPEN]
            out[at + ROLLING_HIGH] = market.klines[kline + KLINE_HIGH]
            out[at + ROLLING_LOW] = market.klines[kline + KLINE_LOW]
        out[at + ROLLING_HIGH] = max(out[at + ROLLING_HIGH], market.klines[kline + KLINE_HIGH])
        out[at + ROLLING_LOW] = min(out[at + ROLLING_LOW], market.klines[kline + KLINE_LOW])
        out[at + ROLLING_TRADES] += market.klines[kline + KLINE_TRADES]
        _add_sum(out, at + ROLLING_VOLUME, market.klines, kline + KLINE_VOLUME)
        _add_sum(out, at + ROLLING_TURNOVER, market.klines, kline + KLINE_TURNOVER)


@jit_borrowed_internal
def _put_best(market: MarketArrays, book: int, out: np.ndarray, at: int) -> None:
    """Write price and quantity of a book's best level to ``out[at]``; 0 when it is empty."""
    blocks = market.books[book * BOOK_WORDS + BOOK_BLOCKS]
    if blocks == 0:
        return
    block = market.directory[market.books[book * BOOK_WORDS + BOOK_DIRECTORY] + blocks - 1]
    level = block * BLOCK_WORDS + market.block_sizes[block] - 1
    key = market.levels[level]
    out[at] = -key if book & 1 else key
    out[at + 1] = market.levels[level + LEVEL_QUANTITY]


@jit_borrowed
def rolling(
    market: MarketArrays, first_row: int, count: int, from_ns: int, out: np.ndarray
) -> None:
    """The figures of ``count`` rows since ``from_ns``, which begins a minute (UTC).

    ``out``: int64, ROLLING_WORDS each, zero before.
    """
    for place in range(count):
        row = first_row + place
        at = place * ROLLING_WORDS
        start_ns = from_ns
        for interval in range(DAY_INTERVAL):
            counter = row * INTERVALS + interval
            if interval + 1 == DAY_INTERVAL:
                _add_interval(market, counter, start_ns, np.iinfo(np.int64).max, out, at)
            else:
                # rounded up
                length_ns = market.intervals_ns[interval + 1]
                end_ns = (start_ns + length_ns - 1) // length_ns * length_ns
                _add_interval(market, counter, start_ns, end_ns, out, at)
                start_ns = end_ns
        total = market.kline_counts[row * INTERVALS]
        if total > 0:
            newest = _kline_at(market, row * INTERVALS, total - 1)
            out[at + ROLLING_LAST] = market.klines[newest + KLINE_CLOSE]
        _put_best(market, 2 * row, out, at + ROLLING_BID)
        _put_best(market, 2 * row + 1, out, at + ROLLING_BID + 2)
