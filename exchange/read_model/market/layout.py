"""The market model's memory: flat int64 arrays, and where everything is in them.

Who writes: the jitted code of ``kernel/``, for the MarketModel that owns the arrays (``model.py``).
Instruments have *rows*, numbered in the order of their definition;
a *book* is one side of an instrument: book = 2 x row + side (0 bids, 1 asks).

Book. Levels by *key*: the price of a bid, minus the price of an ask, so that the best level has the
highest key on both sides. A book's levels lie in ascending order in blocks of at most BLOCK_LEVELS,
none of them empty; its directory lists the blocks in ascending order::

    books      book x BOOK_WORDS:   blocks | directory (offset) | log2 of its room | levels
    directory  offset + 0, 1, ...:  number of a block
    levels     block x BLOCK_WORDS: 64 keys | 64 quantities | 64 numbers of orders
    block_sizes block:              levels in it

Blocks and directories that are given up are kept in lists of free ones: the next free block's
number is the first word of the block, the next free directory's offset that of the directory.
Block 0 and directory offset 0 stand for none. Best prices are at the end, where nearly everything
happens; a change far from the best moves at most one block and one directory.

Rings. Trades and klines are kept in rings, ``count`` in all, the newest at (count - 1) modulo the
ring's size::

    trades     (row x trades_kept + place) x TRADE_WORDS:  sequence | timestamp | price | quantity
                                                           | aggressor's side | reason
    klines     ((row x 5 + interval) x klines_kept + place) x KLINE_WORDS

Sums that may leave 63 bits (volume, turnover) have two words: low (below 2^62) and high.

Changes since they were last taken: ``changed_levels`` has the last totals of each level that
changed (found by ``change_index``, open addressing, entry + 1 or 0), ``changed_trades`` all trades,
``touched`` the rows.
"""

from __future__ import annotations

import mmap
from typing import Any, NamedTuple

import numpy as np

FORMAT = 1

# scalars
NEXT_EVENT = 0
ROWS = 1  # instruments defined
MARKET_STATE = 2
MARKET_UNTIL_NS = 3
DAY_NUMBER = 4  # YYYYMMDD; 0 before the first day
DAY_OPEN = 5
LAST_NS = 6  # time of the newest event
TRACK = 7  # 1: changes are noted
FREE_BLOCK = 8
USED_BLOCKS = 9  # blocks ever used, block 0 included
USED_DIRECTORY = 10  # words of the directories ever used, word 0 included
CHANGED_LEVELS = 11  # entries
CHANGED_TRADES = 12  # entries
TOUCHED = 13  # entries
TRADES_KEPT = 14
KLINES_KEPT = 15
FREE_DIRECTORIES = 16  # one per log2 of the room, up to and without SCALARS
SCALARS = 64

# a row: what INSTRUMENT_DEFINED says,
NUMBER = 0
SYMBOL = 1
PRICE_DECIMALS = 2
TICK = 3
LOT = 4
MINIMUM_PRICE = 5
MAXIMUM_PRICE = 6
MAXIMUM_QUANTITY = 7
CURRENCY = 8
GROUP = 9
MULTIPLIER = 10  # value = price x quantity x multiplier
# what holds now,
STATE = 11
UNTIL_NS = 12
REFERENCE_PRICE = 13
PREVIOUS_CLOSE = 14  # the last price of the last day that had one
# the trading day so far (0: no trade yet),
LAST_PRICE = 15
LAST_QUANTITY = 16
LAST_TRADE_NS = 17
DAY_FIRST = 18
DAY_HIGH = 19
DAY_LOW = 20
DAY_VOLUME = 21  # two words
DAY_TURNOVER = 23  # two words
DAY_TRADES = 25
AUCTION_PRICE = 26  # of the last auction
AUCTION_VOLUME = 27
AUCTION_IMBALANCE = 28
AUCTION_NS = 29
# the newest event about it, and what changed since it was last taken
SEQUENCE = 30
TIMESTAMP_NS = 31
TRADES = 32  # ever
TOUCHES = 33  # TOUCH_... bits
FIRST_SEQUENCE = 34
ROW_WORDS = 36
DUMPED_ROW_WORDS = TOUCHES  # from here on nothing belongs into a checkpoint

TOUCH_ANY = 1
TOUCH_TICKER = 2
TOUCH_STATE = 4
TOUCH_TRADES = 8

BOOK_BLOCKS = 0
BOOK_DIRECTORY = 1
BOOK_ROOM = 2
BOOK_LEVELS = 3
BOOK_WORDS = 4

BLOCK_LEVELS = 64
LEVEL_QUANTITY = BLOCK_LEVELS  # words from a level's key to its quantity
LEVEL_ORDERS = 2 * BLOCK_LEVELS  # ... and to its number of orders
BLOCK_WORDS = 3 * BLOCK_LEVELS
FIRST_ROOM = 2  # log2 of a book's first directory

# figures of a rolling window, as they are copied out (kernel/rolling.py)
ROLLING_OPEN = 0
ROLLING_HIGH = 1
ROLLING_LOW = 2
ROLLING_LAST = 3  # price of the newest trade that a candle knows, also of one before the window
ROLLING_VOLUME = 4  # two words
ROLLING_TURNOVER = 6  # two words
ROLLING_TRADES = 8
ROLLING_BID = 9  # price and quantity of the best bid, then of the best ask
ROLLING_ASK = 11
ROLLING_WORDS = 13

# a level as it is copied out, and as a checkpoint has it
COPIED_PRICE = 0
COPIED_QUANTITY = 1
COPIED_ORDERS = 2
COPIED_WORDS = 3

TRADE_SEQUENCE = 0
TRADE_TIMESTAMP_NS = 1
TRADE_PRICE = 2
TRADE_QUANTITY = 3
TRADE_SIDE = 4  # the aggressor's: 0 bought, 1 sold
TRADE_REASON = 5
TRADE_WORDS = 6

INTERVALS = 5
MINUTE_NS = 60_000_000_000
INTERVALS_NS = np.array([1, 5, 15, 60, 1440], np.int64) * MINUTE_NS
KLINE_START = 0
KLINE_OPEN = 1
KLINE_HIGH = 2
KLINE_LOW = 3
KLINE_CLOSE = 4
KLINE_VOLUME = 5  # two words
KLINE_TURNOVER = 7  # two words
KLINE_TRADES = 9
KLINE_WORDS = 10
DAY_INTERVAL = 4  # which of the intervals is a day
SUM_HIGH = 1  # words from the low word of a sum to its high word
WORD_BITS = 62  # of the low word of a sum
LOW_LIMIT = 1 << WORD_BITS

CHANGED_LEVEL_BOOK = 0
CHANGED_LEVEL_PRICE = 1
CHANGED_LEVEL_QUANTITY = 2
CHANGED_LEVEL_ORDERS = 3
CHANGED_LEVEL_PLACE = 4  # in change_index
CHANGED_LEVEL_WORDS = 5
CHANGED_TRADE_ROW = 0
CHANGED_TRADE_WORDS_BEFORE = 1  # then as in the ring
CHANGED_TRADE_WORDS = CHANGED_TRADE_WORDS_BEFORE + TRADE_WORDS
CURRENCY_CODE = 0
CURRENCY_DECIMALS = 1
CURRENCY_WORDS = 2
CURRENCIES = 256  # numbers that there is room for; the engine has 8
INSTRUMENT_NUMBERS = 1 << 16  # a number has 16 bits
# what there is room for at the beginning; all of these grow
FIRST_BLOCKS = 1 << 6
FIRST_DIRECTORY_WORDS = 1 << 10
FIRST_CHANGES = 1 << 10

# why ``follow`` stopped before the end of a batch
DONE = 0
NEED_BLOCKS = 1
NEED_DIRECTORY = 2
NEED_CHANGED_LEVELS = 3
NEED_CHANGED_TRADES = 4
NEED_ROWS = 5  # more instruments than there is room for


assert FREE_DIRECTORIES < SCALARS and TOUCHES < FIRST_SEQUENCE < ROW_WORDS
assert DAY_VOLUME + SUM_HIGH < DAY_TURNOVER and DAY_TURNOVER + SUM_HIGH < DAY_TRADES
assert KLINE_VOLUME + SUM_HIGH < KLINE_TURNOVER and KLINE_TURNOVER + SUM_HIGH < KLINE_TRADES


class MarketArrays(NamedTuple):
    """All of it: one-dimensional int64 arrays."""

    scalars: np.ndarray
    currencies: np.ndarray
    row_of: np.ndarray  # by instrument: row + 1, 0 where it is not defined
    rows: np.ndarray
    books: np.ndarray
    directory: np.ndarray
    levels: np.ndarray
    block_sizes: np.ndarray
    trades: np.ndarray
    klines: np.ndarray
    kline_counts: np.ndarray  # row x 5 + interval: klines ever
    kline_taken: np.ndarray  # as kline_counts, when changes were last taken
    intervals_ns: np.ndarray
    changed_levels: np.ndarray
    change_index: np.ndarray
    changed_trades: np.ndarray
    touched: np.ndarray


def sparse(count: int) -> np.ndarray:
    """``count`` words, zero, that become resident page by page when they are touched.

    numpy asks for huge pages for large arrays, so that each instrument that trades would take
    megabytes; and where memory is counted strictly, room that is never used would count.
    """
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | getattr(mmap, "MAP_NORESERVE", 0x4000)
    return np.frombuffer(mmap.mmap(-1, max(8, 8 * count), flags=flags), np.int64)[:count]


def words(count: int) -> np.ndarray[Any, Any]:
    """``count`` words, zero."""
    return np.zeros(count, np.int64)


def create(
    instrument_capacity: int, trades_kept: int, klines_kept: int, *, track_changes: bool
) -> MarketArrays:
    """The memory of a market without instruments."""
    rows = max(1, instrument_capacity - 1)  # number 0 stands for the market
    made = MarketArrays(
        scalars=words(SCALARS),
        currencies=words(CURRENCIES * CURRENCY_WORDS),
        row_of=words(INSTRUMENT_NUMBERS),
        rows=sparse(rows * ROW_WORDS),
        books=sparse(2 * rows * BOOK_WORDS),
        directory=words(FIRST_DIRECTORY_WORDS),
        levels=words(FIRST_BLOCKS * BLOCK_WORDS),
        block_sizes=words(FIRST_BLOCKS),
        trades=sparse(rows * trades_kept * TRADE_WORDS),
        klines=sparse(rows * INTERVALS * klines_kept * KLINE_WORDS),
        kline_counts=sparse(rows * INTERVALS),
        kline_taken=sparse(rows * INTERVALS),
        intervals_ns=INTERVALS_NS.copy(),
        changed_levels=words(FIRST_CHANGES * CHANGED_LEVEL_WORDS),
        change_index=words(2 * FIRST_CHANGES),
        changed_trades=words(FIRST_CHANGES * CHANGED_TRADE_WORDS),
        touched=sparse(rows),
    )
    made.scalars[USED_BLOCKS] = made.scalars[USED_DIRECTORY] = 1
    made.scalars[TRADES_KEPT], made.scalars[KLINES_KEPT] = trades_kept, klines_kept
    made.scalars[TRACK] = track_changes
    return made
