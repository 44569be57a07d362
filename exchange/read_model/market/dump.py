"""The market model's arrays as a checkpoint keeps them: what is used, without how it is kept.

Who uses it: MarketModel. Levels are written one after another in order, rings from the oldest on,
so that models that have seen the same events give the same arrays, whatever pieces they came in.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.market import layout
from exchange.read_model.market.kernel.book import best_levels, restore_levels
from exchange.read_model.market.layout import MarketArrays

_SCALARS = slice(0, layout.TRACK)


def dumped(arrays: MarketArrays) -> dict[str, np.ndarray]:
    """Copies of all that is used."""
    scalars = arrays.scalars
    rows = int(scalars[layout.ROWS])
    trades_kept, klines_kept = int(scalars[layout.TRADES_KEPT]), int(scalars[layout.KLINES_KEPT])
    by_row = arrays.rows.reshape(-1, layout.ROW_WORDS)[:rows]
    counters = rows * layout.INTERVALS
    return {
        "market_head": np.array([layout.FORMAT, trades_kept, klines_kept], np.int64),
        "market_scalars": scalars[_SCALARS].copy(),
        "market_currencies": arrays.currencies.copy(),
        "market_rows": by_row[:, : layout.DUMPED_ROW_WORDS].copy(),
        "market_level_counts": _level_counts(arrays, 2 * rows),
        "market_levels": _levels(arrays, 2 * rows),
        "market_trades": arrays.trades.reshape(-1, layout.TRADE_WORDS)[
            _ring_places(by_row[:, layout.TRADES], trades_kept, trades_kept)
        ],
        "market_kline_counts": arrays.kline_counts[:counters].copy(),
        "market_klines": arrays.klines.reshape(-1, layout.KLINE_WORDS)[
            _ring_places(arrays.kline_counts[:counters], klines_kept, klines_kept)
        ],
    }


def loaded(arrays: MarketArrays, dump: dict[str, np.ndarray]) -> int:
    """Fill empty ``arrays`` from ``dump``. DONE, or what there must first be more of.

    The market that was dumped may have kept fewer trades and klines; what it had dropped stays
    zero. Raises ValueError when the dump does not fit.
    """
    scalars = arrays.scalars
    trades_kept, klines_kept = int(scalars[layout.TRADES_KEPT]), int(scalars[layout.KLINES_KEPT])
    form, trades_before, klines_before = dump["market_head"].tolist()
    if form != layout.FORMAT or trades_before > trades_kept or klines_before > klines_kept:
        raise ValueError(
            f"a market of format, trades and klines {[form, trades_before, klines_before]}, not "
            f"{[layout.FORMAT, trades_kept, klines_kept]}"
        )
    rows = len(dump["market_rows"])
    if rows * layout.ROW_WORDS > len(arrays.rows):
        raise ValueError(f"a market of {rows} instruments, more than there is room for")
    why = restore_levels(arrays, dump["market_level_counts"], dump["market_levels"].reshape(-1))
    if why != layout.DONE:
        return int(why)
    scalars[_SCALARS] = dump["market_scalars"]
    arrays.currencies[:] = dump["market_currencies"]
    by_row = arrays.rows.reshape(-1, layout.ROW_WORDS)[:rows]
    by_row[:, : layout.DUMPED_ROW_WORDS] = dump["market_rows"]
    arrays.row_of[by_row[:, layout.NUMBER]] = np.arange(1, rows + 1)
    counters = len(dump["market_kline_counts"])
    arrays.kline_counts[:counters] = dump["market_kline_counts"]
    arrays.kline_taken[:counters] = dump["market_kline_counts"]
    arrays.trades.reshape(-1, layout.TRADE_WORDS)[
        _ring_places(by_row[:, layout.TRADES], trades_kept, trades_before)
    ] = dump["market_trades"]
    arrays.klines.reshape(-1, layout.KLINE_WORDS)[
        _ring_places(dump["market_kline_counts"], klines_kept, klines_before)
    ] = dump["market_klines"]
    return layout.DONE


def _ring_places(counts: np.ndarray, kept: int, most: int) -> np.ndarray:
    """Places of the newest ``most`` records of all rings, one after another, oldest first.

    ``counts``: records ever, by ring; ``kept``: the size of each ring. int64[n].
    """
    held = np.minimum(counts, most)
    ring = np.repeat(np.arange(len(counts)), held)
    within = np.arange(len(ring)) - np.repeat(np.cumsum(held) - held, held)
    places: np.ndarray = ring * kept + (np.repeat(counts - held, held) + within) % kept
    return places


def _level_counts(arrays: MarketArrays, books: int) -> np.ndarray:
    return arrays.books.reshape(-1, layout.BOOK_WORDS)[:books, layout.BOOK_LEVELS].copy()


def _levels(arrays: MarketArrays, books: int) -> np.ndarray:
    """All levels, book after book, best first: int64[levels, COPIED_WORDS]."""
    counts = _level_counts(arrays, books)
    out = np.zeros(layout.COPIED_WORDS * int(counts.sum()), np.int64)
    at = 0
    for book in np.flatnonzero(counts).tolist():
        count = int(counts[book])
        best_levels(arrays, book, count, out[at * layout.COPIED_WORDS :])
        at += count
    return out.reshape(-1, layout.COPIED_WORDS)
