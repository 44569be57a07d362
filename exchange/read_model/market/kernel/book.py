"""Books of the market model: the levels of each side in order of price, jitted.

Who calls it: ``follow.py`` for every event with level fields, MarketModel to look at the best
levels, ``exchange/read_model/market/dump.py`` to write and to read all of them. Invariants: keys
ascend through a book's blocks, no block is empty, a level's quantity is never 0.

Decision RDM-1.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.market.layout import (
    BLOCK_LEVELS,
    BLOCK_WORDS,
    BOOK_BLOCKS,
    BOOK_DIRECTORY,
    BOOK_LEVELS,
    BOOK_ROOM,
    BOOK_WORDS,
    COPIED_ORDERS,
    COPIED_PRICE,
    COPIED_QUANTITY,
    COPIED_WORDS,
    DONE,
    FIRST_ROOM,
    FREE_BLOCK,
    FREE_DIRECTORIES,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    NEED_BLOCKS,
    NEED_DIRECTORY,
    USED_BLOCKS,
    USED_DIRECTORY,
    MarketArrays,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline_internal, jit_borrowed_internal

# A block that shrinks below this joins a neighbour, if both together leave room to grow again.
SMALL_BLOCK = BLOCK_LEVELS // 4
JOINED_BLOCK = BLOCK_LEVELS // 2
HALF_BLOCK = BLOCK_LEVELS // 2


@jit_borrowed_inline_internal
def _put_level(market: MarketArrays, at: int, key: int, quantity: int, orders: int) -> None:
    """A level's three words; ``at``: where its key is in ``levels``."""
    market.levels[at] = key
    market.levels[at + LEVEL_QUANTITY] = quantity
    market.levels[at + LEVEL_ORDERS] = orders


@jit_borrowed_inline_internal
def _copy_level(market: MarketArrays, source: int, target: int) -> None:
    """Copy a level's three words; ``source`` and ``target``: where its key is and goes."""
    market.levels[target] = market.levels[source]
    market.levels[target + LEVEL_QUANTITY] = market.levels[source + LEVEL_QUANTITY]
    market.levels[target + LEVEL_ORDERS] = market.levels[source + LEVEL_ORDERS]


@jit_borrowed_internal
def lacking(market: MarketArrays, book: int) -> int:
    """DONE when ``set_level`` will find the room that it may need, otherwise a NEED_... number."""
    if market.scalars[FREE_BLOCK] == 0 and market.scalars[USED_BLOCKS] >= len(market.block_sizes):
        return NEED_BLOCKS
    at = book * BOOK_WORDS
    room = market.books[at + BOOK_ROOM]
    if market.books[at + BOOK_DIRECTORY] == 0:
        wanted = FIRST_ROOM
    elif market.books[at + BOOK_BLOCKS] == 1 << room:
        wanted = room + 1
    else:
        return DONE
    if market.scalars[FREE_DIRECTORIES + wanted] != 0:
        return DONE
    if market.scalars[USED_DIRECTORY] + (1 << wanted) > len(market.directory):
        return NEED_DIRECTORY
    return DONE


@jit_borrowed_internal
def _take_block(market: MarketArrays) -> int:
    """Number of an empty block; ``lacking`` has said that there is one."""
    block = market.scalars[FREE_BLOCK]
    if block != 0:
        market.scalars[FREE_BLOCK] = market.levels[block * BLOCK_WORDS]
    else:
        block = market.scalars[USED_BLOCKS]
        market.scalars[USED_BLOCKS] = block + 1
    market.block_sizes[block] = 0
    return block


@jit_borrowed_internal
def _take_directory(market: MarketArrays, room: int) -> int:
    """Offset of a directory for 2^``room`` blocks; ``lacking`` has said that there is one."""
    offset = market.scalars[FREE_DIRECTORIES + room]
    if offset != 0:
        market.scalars[FREE_DIRECTORIES + room] = market.directory[offset]
    else:
        offset = market.scalars[USED_DIRECTORY]
        market.scalars[USED_DIRECTORY] = offset + (1 << room)
    return offset


@jit_borrowed_internal
def _insert_block(market: MarketArrays, book: int, place: int) -> int:
    """A new block at ``place`` of the book's directory; its number."""
    at = book * BOOK_WORDS
    count = market.books[at + BOOK_BLOCKS]
    offset = market.books[at + BOOK_DIRECTORY]
    if offset == 0:
        offset = _take_directory(market, FIRST_ROOM)
        market.books[at + BOOK_DIRECTORY] = offset
        market.books[at + BOOK_ROOM] = FIRST_ROOM
    elif count == 1 << market.books[at + BOOK_ROOM]:
        room = market.books[at + BOOK_ROOM]
        larger = _take_directory(market, room + 1)
        for i in range(count):
            market.directory[larger + i] = market.directory[offset + i]
        market.directory[offset] = market.scalars[FREE_DIRECTORIES + room]
        market.scalars[FREE_DIRECTORIES + room] = offset
        offset = larger
        market.books[at + BOOK_DIRECTORY] = offset
        market.books[at + BOOK_ROOM] = room + 1
    for i in range(count, place, -1):
        market.directory[offset + i] = market.directory[offset + i - 1]
    block = _take_block(market)
    market.directory[offset + place] = block
    market.books[at + BOOK_BLOCKS] = count + 1
    return block


@jit_borrowed_internal
def _drop_block(market: MarketArrays, book: int, place: int) -> None:
    """Give up the block at ``place`` of the book's directory."""
    at = book * BOOK_WORDS
    count = market.books[at + BOOK_BLOCKS]
    offset = market.books[at + BOOK_DIRECTORY]
    block = market.directory[offset + place]
    for i in range(place, count - 1):
        market.directory[offset + i] = market.directory[offset + i + 1]
    market.books[at + BOOK_BLOCKS] = count - 1
    market.levels[block * BLOCK_WORDS] = market.scalars[FREE_BLOCK]
    market.scalars[FREE_BLOCK] = block


@jit_borrowed_internal
def _move(market: MarketArrays, source: int, first: int, target: int) -> None:
    """The levels of block ``source`` from ``first`` on to the end of block ``target``."""
    size = market.block_sizes[target]
    count = market.block_sizes[source] - first
    read = source * BLOCK_WORDS + first
    write = target * BLOCK_WORDS + size
    for i in range(count):
        _copy_level(market, read + i, write + i)
    market.block_sizes[target] = size + count
    market.block_sizes[source] = first


@jit_borrowed_internal
def _join_neighbours(market: MarketArrays, book: int, place: int) -> None:
    """Join the small block at ``place`` with the one after or before it, if that leaves room."""
    at = book * BOOK_WORDS
    offset = market.books[at + BOOK_DIRECTORY]
    block = market.directory[offset + place]
    size = market.block_sizes[block]
    if place + 1 < market.books[at + BOOK_BLOCKS]:
        following = market.directory[offset + place + 1]
        if size + market.block_sizes[following] <= JOINED_BLOCK:
            _move(market, following, 0, block)
            _drop_block(market, book, place + 1)
            return
    if place > 0:
        before = market.directory[offset + place - 1]
        if size + market.block_sizes[before] <= JOINED_BLOCK:
            _move(market, block, 0, before)
            _drop_block(market, book, place)


@jit_borrowed_internal
def _find_block(market: MarketArrays, offset: int, blocks: int, key: int) -> int:
    """Place in the directory of the last block that begins at or below ``key``, or 0."""
    low = blocks - 1
    if market.levels[market.directory[offset + low] * BLOCK_WORDS] <= key:
        return low  # nearly always: near the best price
    high = low
    low = 0
    while high - low > 1:
        middle = (low + high) >> 1
        if market.levels[market.directory[offset + middle] * BLOCK_WORDS] <= key:
            low = middle
        else:
            high = middle
    return low


@jit_borrowed_inline_internal
def _find_level(market: MarketArrays, start: int, size: int, key: int) -> int:
    """Index in the block of the first level at or above ``key``; ``size`` when there is none."""
    low = 0
    high = size
    while low < high:
        middle = (low + high) >> 1
        if market.levels[start + middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@jit_borrowed_internal
def set_level(market: MarketArrays, book: int, key: int, quantity: int, orders: int) -> bool:
    """The level of ``key`` has these totals now; quantity 0: it is gone.

    Returns whether it was or is the best. Only after ``lacking`` has said DONE.
    """
    at = book * BOOK_WORDS
    blocks = market.books[at + BOOK_BLOCKS]
    if blocks == 0:
        if quantity == 0:
            return False
        start = _insert_block(market, book, 0) * BLOCK_WORDS
        market.block_sizes[start // BLOCK_WORDS] = 1
        _put_level(market, start, key, quantity, orders)
        market.books[at + BOOK_LEVELS] = 1
        return True
    offset = market.books[at + BOOK_DIRECTORY]
    place = _find_block(market, offset, blocks, key)
    block = market.directory[offset + place]
    start = block * BLOCK_WORDS
    size = market.block_sizes[block]
    index = _find_level(market, start, size, key)
    is_last = place == blocks - 1
    if index < size and market.levels[start + index] == key:
        if quantity != 0:
            _put_level(market, start + index, key, quantity, orders)
        else:
            _remove(market, book, place, block, index)
        return is_last and index == size - 1
    if quantity == 0:
        return False
    best = is_last and index == size
    if size == BLOCK_LEVELS:
        following = _insert_block(market, book, place + 1)
        _move(market, block, HALF_BLOCK, following)
        if index > HALF_BLOCK:
            block = following
            index -= HALF_BLOCK
        start = block * BLOCK_WORDS
        size = market.block_sizes[block]
    for i in range(start + size, start + index, -1):
        _copy_level(market, i - 1, i)
    _put_level(market, start + index, key, quantity, orders)
    market.block_sizes[block] = size + 1
    market.books[at + BOOK_LEVELS] += 1
    return best


@jit_borrowed_internal
def _remove(market: MarketArrays, book: int, place: int, block: int, index: int) -> None:
    """Take level ``index`` out of ``block``, which is at ``place`` of the book's directory."""
    size = market.block_sizes[block] - 1
    start = block * BLOCK_WORDS
    for i in range(start + index, start + size):
        _copy_level(market, i + 1, i)
    market.block_sizes[block] = size
    market.books[book * BOOK_WORDS + BOOK_LEVELS] -= 1
    if size == 0:
        _drop_block(market, book, place)
    elif size < SMALL_BLOCK:
        _join_neighbours(market, book, place)


@jit_borrowed
def best_levels(market: MarketArrays, book: int, limit: int, out: np.ndarray) -> int:
    """Copy up to ``limit`` levels, best first; how many.

    ``out``: int64, COPIED_WORDS each, one after another (price, quantity, orders).
    """
    at = book * BOOK_WORDS
    count = min(limit, market.books[at + BOOK_LEVELS])
    offset = market.books[at + BOOK_DIRECTORY]
    place = market.books[at + BOOK_BLOCKS] - 1
    copied = 0
    while copied < count:
        block = market.directory[offset + place]
        start = block * BLOCK_WORDS
        for i in range(start + market.block_sizes[block] - 1, start - 1, -1):
            if copied == count:
                break
            key = market.levels[i]
            row = copied * COPIED_WORDS
            out[row + COPIED_PRICE] = -key if book & 1 else key
            out[row + COPIED_QUANTITY] = market.levels[i + LEVEL_QUANTITY]
            out[row + COPIED_ORDERS] = market.levels[i + LEVEL_ORDERS]
            copied += 1
        place -= 1
    return count


@jit_borrowed
def restore_levels(market: MarketArrays, counts: np.ndarray, levels: np.ndarray) -> int:
    """Put ``counts[book]`` levels into each book. DONE or a NEED_... number.

    ``counts``: int64[books]; ``levels``: int64, (price, quantity, orders) one after another, book
    after book, best first. Levels that are there already stay as they are, so it may be called
    again after more room was made.
    """
    at = 0
    for book in range(len(counts)):
        count = counts[book]
        for i in range(at + count - 1, at - 1, -1):
            why = lacking(market, book)
            if why != DONE:
                return why
            row = i * COPIED_WORDS
            price = levels[row + COPIED_PRICE]
            key = -price if book & 1 else price
            quantity, orders = levels[row + COPIED_QUANTITY], levels[row + COPIED_ORDERS]
            set_level(market, book, key, quantity, orders)
        at += count
    return DONE
