"""Books of the market model: the levels of each side in order of price, jitted.

Who calls it: ``market_kernel.py`` for every event with level fields, MarketModel to look at the
best levels, ``market_dump.py`` to write and to read all of them. ``market_layout.py`` draws the
memory. Invariants: keys ascend through a book's blocks, no block is empty, a level's quantity is
never 0.

Decision RDM-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.read_model.market.layout import (
    BLOCK_LEVELS,
    BLOCK_WORDS,
    BOOK_BLOCKS,
    BOOK_DIRECTORY,
    BOOK_LEVELS,
    BOOK_ROOM,
    BOOK_WORDS,
    DONE,
    FIRST_ROOM,
    FREE_BLOCK,
    FREE_DIRECTORIES,
    NEED_BLOCKS,
    NEED_DIRECTORY,
    USED_BLOCKS,
    USED_DIRECTORY,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

# A block that shrinks below this joins a neighbour, if both together leave room to grow again.
SMALL_BLOCK = BLOCK_LEVELS // 4
JOINED_BLOCK = BLOCK_LEVELS // 2
HALF_BLOCK = BLOCK_LEVELS // 2


@jit_borrowed
def lacking(v: Any, book: int) -> int:
    """DONE when ``set_level`` will find what it may need, otherwise what there is too little of."""
    if v.scalars[FREE_BLOCK] == 0 and v.scalars[USED_BLOCKS] >= len(v.block_sizes):
        return NEED_BLOCKS
    at = book * BOOK_WORDS
    room = v.books[at + BOOK_ROOM]
    if v.books[at + BOOK_DIRECTORY] == 0:
        wanted = FIRST_ROOM
    elif v.books[at + BOOK_BLOCKS] == 1 << room:
        wanted = room + 1
    else:
        return DONE
    if v.scalars[FREE_DIRECTORIES + wanted] != 0:
        return DONE
    if v.scalars[USED_DIRECTORY] + (1 << wanted) > len(v.directory):
        return NEED_DIRECTORY
    return DONE


@jit_borrowed
def _take_block(v: Any) -> int:
    block = v.scalars[FREE_BLOCK]
    if block != 0:
        v.scalars[FREE_BLOCK] = v.levels[block * BLOCK_WORDS]
    else:
        block = v.scalars[USED_BLOCKS]
        v.scalars[USED_BLOCKS] = block + 1
    v.block_sizes[block] = 0
    return block


@jit_borrowed
def _take_directory(v: Any, room: int) -> int:
    offset = v.scalars[FREE_DIRECTORIES + room]
    if offset != 0:
        v.scalars[FREE_DIRECTORIES + room] = v.directory[offset]
    else:
        offset = v.scalars[USED_DIRECTORY]
        v.scalars[USED_DIRECTORY] = offset + (1 << room)
    return offset


@jit_borrowed
def _insert_block(v: Any, book: int, place: int) -> int:
    """A new block at ``place`` of the book's directory; its number."""
    at = book * BOOK_WORDS
    count = v.books[at + BOOK_BLOCKS]
    offset = v.books[at + BOOK_DIRECTORY]
    if offset == 0:
        offset = _take_directory(v, FIRST_ROOM)
        v.books[at + BOOK_DIRECTORY] = offset
        v.books[at + BOOK_ROOM] = FIRST_ROOM
    elif count == 1 << v.books[at + BOOK_ROOM]:
        room = v.books[at + BOOK_ROOM]
        larger = _take_directory(v, room + 1)
        for i in range(count):
            v.directory[larger + i] = v.directory[offset + i]
        v.directory[offset] = v.scalars[FREE_DIRECTORIES + room]
        v.scalars[FREE_DIRECTORIES + room] = offset
        offset = larger
        v.books[at + BOOK_DIRECTORY] = offset
        v.books[at + BOOK_ROOM] = room + 1
    for i in range(count, place, -1):
        v.directory[offset + i] = v.directory[offset + i - 1]
    block = _take_block(v)
    v.directory[offset + place] = block
    v.books[at + BOOK_BLOCKS] = count + 1
    return block


@jit_borrowed
def _drop_block(v: Any, book: int, place: int) -> None:
    at = book * BOOK_WORDS
    count = v.books[at + BOOK_BLOCKS]
    offset = v.books[at + BOOK_DIRECTORY]
    block = v.directory[offset + place]
    for i in range(place, count - 1):
        v.directory[offset + i] = v.directory[offset + i + 1]
    v.books[at + BOOK_BLOCKS] = count - 1
    v.levels[block * BLOCK_WORDS] = v.scalars[FREE_BLOCK]
    v.scalars[FREE_BLOCK] = block


@jit_borrowed
def _move(v: Any, source: int, first: int, target: int) -> None:
    """The levels of block ``source`` from ``first`` on to the end of block ``target``."""
    size = v.block_sizes[target]
    count = v.block_sizes[source] - first
    read = source * BLOCK_WORDS + first
    write = target * BLOCK_WORDS + size
    for i in range(count):
        v.levels[write + i] = v.levels[read + i]
        v.levels[write + i + BLOCK_LEVELS] = v.levels[read + i + BLOCK_LEVELS]
        v.levels[write + i + 2 * BLOCK_LEVELS] = v.levels[read + i + 2 * BLOCK_LEVELS]
    v.block_sizes[target] = size + count
    v.block_sizes[source] = first


@jit_borrowed
def _join_neighbours(v: Any, book: int, place: int) -> None:
    """Join the small block at ``place`` with the one after or before it, if that leaves room."""
    at = book * BOOK_WORDS
    offset = v.books[at + BOOK_DIRECTORY]
    block = v.directory[offset + place]
    size = v.block_sizes[block]
    if place + 1 < v.books[at + BOOK_BLOCKS]:
        following = v.directory[offset + place + 1]
        if size + v.block_sizes[following] <= JOINED_BLOCK:
            _move(v, following, 0, block)
            _drop_block(v, book, place + 1)
            return
    if place > 0:
        before = v.directory[offset + place - 1]
        if size + v.block_sizes[before] <= JOINED_BLOCK:
            _move(v, block, 0, before)
            _drop_block(v, book, place)


@jit_borrowed
def _find_block(v: Any, offset: int, blocks: int, key: int) -> int:
    """Place in the directory of the last block that begins at or below ``key``, or 0."""
    low = blocks - 1
    if v.levels[v.directory[offset + low] * BLOCK_WORDS] <= key:
        return low  # nearly always: near the best price
    high = low
    low = 0
    while high - low > 1:
        middle = (low + high) >> 1
        if v.levels[v.directory[offset + middle] * BLOCK_WORDS] <= key:
            low = middle
        else:
            high = middle
    return low


@jit_borrowed_inline
def _find_level(v: Any, start: int, size: int, key: int) -> int:
    """Index in the block of the first level at or above ``key``; ``size`` when there is none."""
    low = 0
    high = size
    while low < high:
        middle = (low + high) >> 1
        if v.levels[start + middle] < key:
            low = middle + 1
        else:
            high = middle
    return low


@jit_borrowed
def set_level(v: Any, book: int, key: int, quantity: int, orders: int) -> bool:
    """The level of ``key`` has these totals now (quantity 0: it is gone). Was or is it the best?

    Only after ``lacking`` has said DONE.
    """
    at = book * BOOK_WORDS
    blocks = v.books[at + BOOK_BLOCKS]
    if blocks == 0:
        if quantity == 0:
            return False
        start = _insert_block(v, book, 0) * BLOCK_WORDS
        v.block_sizes[start // BLOCK_WORDS] = 1
        v.levels[start] = key
        v.levels[start + BLOCK_LEVELS] = quantity
        v.levels[start + 2 * BLOCK_LEVELS] = orders
        v.books[at + BOOK_LEVELS] = 1
        return True
    offset = v.books[at + BOOK_DIRECTORY]
    place = _find_block(v, offset, blocks, key)
    block = v.directory[offset + place]
    start = block * BLOCK_WORDS
    size = v.block_sizes[block]
    index = _find_level(v, start, size, key)
    is_last = place == blocks - 1
    if index < size and v.levels[start + index] == key:
        if quantity != 0:
            v.levels[start + index + BLOCK_LEVELS] = quantity
            v.levels[start + index + 2 * BLOCK_LEVELS] = orders
        else:
            _remove(v, book, place, block, index)
        return is_last and index == size - 1
    if quantity == 0:
        return False
    best = is_last and index == size
    if size == BLOCK_LEVELS:
        following = _insert_block(v, book, place + 1)
        _move(v, block, HALF_BLOCK, following)
        if index > HALF_BLOCK:
            block = following
            index -= HALF_BLOCK
        start = block * BLOCK_WORDS
        size = v.block_sizes[block]
    for i in range(start + size, start + index, -1):
        v.levels[i] = v.levels[i - 1]
        v.levels[i + BLOCK_LEVELS] = v.levels[i - 1 + BLOCK_LEVELS]
        v.levels[i + 2 * BLOCK_LEVELS] = v.levels[i - 1 + 2 * BLOCK_LEVELS]
    v.levels[start + index] = key
    v.levels[start + index + BLOCK_LEVELS] = quantity
    v.levels[start + index + 2 * BLOCK_LEVELS] = orders
    v.block_sizes[block] = size + 1
    v.books[at + BOOK_LEVELS] += 1
    return best


@jit_borrowed
def _remove(v: Any, book: int, place: int, block: int, index: int) -> None:
    size = v.block_sizes[block] - 1
    start = block * BLOCK_WORDS
    for i in range(start + index, start + size):
        v.levels[i] = v.levels[i + 1]
        v.levels[i + BLOCK_LEVELS] = v.levels[i + 1 + BLOCK_LEVELS]
        v.levels[i + 2 * BLOCK_LEVELS] = v.levels[i + 1 + 2 * BLOCK_LEVELS]
    v.block_sizes[block] = size
    v.books[book * BOOK_WORDS + BOOK_LEVELS] -= 1
    if size == 0:
        _drop_block(v, book, place)
    elif size < SMALL_BLOCK:
        _join_neighbours(v, book, place)


@jit_borrowed
def best_levels(model: Any, book: int, limit: int, out: np.ndarray) -> int:
    """Copy up to ``limit`` levels, best first; how many.

    ``out``: int64, one after another (price, quantity, orders).
    """
    at = book * BOOK_WORDS
    count = min(limit, model.books[at + BOOK_LEVELS])
    offset = model.books[at + BOOK_DIRECTORY]
    place = model.books[at + BOOK_BLOCKS] - 1
    copied = 0
    while copied < count:
        block = model.directory[offset + place]
        start = block * BLOCK_WORDS
        for i in range(start + model.block_sizes[block] - 1, start - 1, -1):
            if copied == count:
                break
            key = model.levels[i]
            out[3 * copied] = -key if book & 1 else key
            out[3 * copied + 1] = model.levels[i + BLOCK_LEVELS]
            out[3 * copied + 2] = model.levels[i + 2 * BLOCK_LEVELS]
            copied += 1
        place -= 1
    return count


@jit_borrowed
def restore_levels(model: Any, counts: np.ndarray, levels: np.ndarray) -> int:
    """Put ``counts[book]`` levels into each book. DONE, or what there is too little of.

    ``levels``: (price, quantity, orders) one after another, book after book, best first. Levels
    that are there already stay as they are, so it may be called again after more room was made.
    """
    at = 0
    for book in range(len(counts)):
        count = counts[book]
        for i in range(at + count - 1, at - 1, -1):
            why = lacking(model, book)
            if why != DONE:
                return why
            price = levels[3 * i]
            key = -price if book & 1 else price
            set_level(model, book, key, levels[3 * i + 1], levels[3 * i + 2])
        at += count
    return DONE
