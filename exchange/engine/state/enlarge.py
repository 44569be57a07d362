"""A larger state of a smaller one: the same exchange with room for more.

Who uses it: the matcher stage at a start with larger numbers under [capacity], and every replay
that passes such a start. Invariant: the larger state is one that was made large and has had the
same commands, as far as the smaller one refused none of them for want of room. So numbers of
orders, levels, leaves and nodes stay, whatever names them by number stays as it is, and the chain
hash, which covers events only, goes on. What changes with the size:

    books, leaves          stop books come after all other books, so their numbers rise
    token_index, order_ids, positions
                           tables by hash: everything in them gets the place that the larger has
    leaf_cache, selection, scratch
                           empty: they are found again, or mean nothing between commands

The hashes are those of book/tokens.py, book/order_pool.py and money/positions.py, in numpy; a test
compares them.

Decision ENG-15.
"""

from __future__ import annotations

import numpy as np

from exchange.core.capacity import EngineCapacity
from exchange.engine.state import layout
from exchange.engine.state.create import capacity_of, create_state
from exchange.engine.state.layout import (
    LEAF_NAME,
    LEAF_WORDS,
    ORDER_IDS_LOW_ID,
    POSITION_NAME,
    POSITION_WORDS,
    TOKEN_KEY_0,
    TOKEN_KEY_1,
    TOKEN_WORDS,
    EngineState,
)
from exchange.engine.state.snapshot import used_words

SPREAD = np.uint64(0x9E3779B97F4A7C15)
MULTIPLIER_0 = np.uint64(0x9FB21C651E98DF25)
MULTIPLIER_1 = np.uint64(0xD6E8FEB86659FD93)
ENTRY_BITS = 28  # of an index word: the token's number in the log
TAG_SHIFT = 40  # of a token's hash: what an index word has of it, in the same place
ID_BLOCK_BITS = 3
BOOK_SHIFT = layout.KEY_BITS - 6  # of a leaf's name
BOOKS_OF_INSTRUMENT = 2  # as many books as stop books
STEP_TOKENS = 1 << 20

# What a state begins with and keeps; all other scalars are of its contents.
_OF_SIZE = (
    layout.MAX_ORDERS,
    layout.MAX_LEAVES,
    layout.MAX_NODES,
    layout.MAX_TOKENS,
    layout.MAX_INSTRUMENTS,
    layout.MAX_SESSIONS,
    layout.TOKEN_INDEX_MASK,
    layout.ORDER_ID_BITS,
    layout.LEAF_CACHE_MASK,
    layout.MAX_ACCOUNTS,
    layout.MAX_POSITIONS,
    layout.POSITION_MASK,
)
_REMADE = ("scalars", "books", "leaf_cache", "positions", "token_index", "order_ids")


def enlarged(state: EngineState, capacity: EngineCapacity) -> EngineState:
    """``state``, or where ``capacity`` is another: one of that size with the same contents.

    ``state`` must be between two calls of ``apply_commands``; it is not changed and shares nothing
    with the new one. Raises ValueError where something would be smaller, or is out of range.
    """
    before = capacity_of(state)
    if capacity == before:
        return state
    if smaller := capacity.smaller_than(before):
        raise ValueError(f"only larger ones are possible: {', '.join(smaller)}")
    larger = create_state(capacity)
    for name, old, new, used in zip(state._fields, state, larger, used_words(state), strict=True):
        if name not in _REMADE:
            new[:used] = old[:used]
    sizes = larger.scalars[[*_OF_SIZE]].copy()
    larger.scalars[:] = state.scalars
    larger.scalars[[*_OF_SIZE]] = sizes
    _move_stop_books(state, larger, capacity.instruments - before.instruments)
    _place_tokens(larger)
    _place_order_ids(state, larger)
    _place_positions(state, larger)
    return larger


def _move_stop_books(state: EngineState, larger: EngineState, more_instruments: int) -> None:
    """The books of both kinds, and the numbers of the stop books in the names of their leaves."""
    half = len(state.books) // 2
    larger.books[:half] = state.books[:half]
    stops = len(larger.books) // 2
    larger.books[stops : stops + half] = state.books[half:]
    leaves = larger.leaves[: (int(state.scalars[layout.LEAF_HIGH]) + 1) * LEAF_WORDS]
    names = leaves.reshape(-1, LEAF_WORDS)[:, LEAF_NAME.word]  # a view; 0: a free leaf
    first_stop_book = half // layout.BOOK_WORDS
    of_stops = (names != 0) & ((names - 1) >> BOOK_SHIFT >= first_stop_book)
    names[of_stops] += BOOKS_OF_INSTRUMENT * more_instruments << BOOK_SHIFT


def _probed(homes: np.ndarray, size: int) -> np.ndarray:
    """Places for keys with these ``homes`` (int64) in a table of ``size`` with linear probing.

    As if one after the other had been put in, in some order. There are fewer keys than places.
    """
    order = np.argsort(homes, kind="stable")
    places = _in_a_row(homes[order])
    beyond = int(np.count_nonzero(places >= size))
    if beyond:
        # the last ones go on from the start of the table, before all others
        order = np.concatenate([order[-beyond:], order[:-beyond]])
        places = _in_a_row(np.concatenate([np.zeros(beyond, np.int64), homes[order[beyond:]]]))
    found = np.empty(len(homes), np.int64)
    found[order] = places
    return found


def _in_a_row(homes: np.ndarray) -> np.ndarray:
    """Each at its home or right after the one before it; ``homes`` ascending."""
    numbers = np.arange(len(homes))
    places: np.ndarray = np.maximum.accumulate(homes - numbers) + numbers
    return places


def _token_hashes(state: EngineState, first: int, end: int) -> np.ndarray:
    """Of the tokens ``first`` to ``end`` - 1 of the log: uint64."""
    log = state.token_log[first * TOKEN_WORDS : end * TOKEN_WORDS].reshape(-1, TOKEN_WORDS)
    seeds = state.scalars[[layout.TOKEN_SEED_0, layout.TOKEN_SEED_1]].view(np.uint64)
    mixed = (TOKEN_KEY_0.column(log).view(np.uint64) ^ seeds[0]) * MULTIPLIER_0
    mixed ^= mixed >> np.uint64(32)
    mixed = (mixed + (TOKEN_KEY_1.column(log).view(np.uint64) ^ seeds[1])) * MULTIPLIER_1
    mixed ^= mixed >> np.uint64(29)
    mixed *= MULTIPLIER_0
    hashed: np.ndarray = mixed ^ (mixed >> np.uint64(32))
    return hashed


def _place_tokens(larger: EngineState) -> None:
    """The index of the day's tokens, from their log."""
    end = int(larger.scalars[layout.TOKENS_USED]) + 1
    homes = np.empty(end - 1, np.int64)
    words = np.empty(end - 1, np.int64)
    mask = np.uint64(larger.scalars[layout.TOKEN_INDEX_MASK])
    tag_bits = ~np.uint64((1 << TAG_SHIFT) - 1)
    generation = int(larger.scalars[layout.TOKEN_GENERATION]) << ENTRY_BITS
    for first in range(1, end, STEP_TOKENS):  # in steps: there may be millions
        last = min(first + STEP_TOKENS, end)
        hashed = _token_hashes(larger, first, last)
        homes[first - 1 : last - 1] = (hashed & mask).view(np.int64)
        words[first - 1 : last - 1] = (hashed & tag_bits).view(np.int64)
        words[first - 1 : last - 1] |= np.arange(first, last) | generation
    larger.token_index[_probed(homes, len(larger.token_index))] = words


def _place_order_ids(state: EngineState, larger: EngineState) -> None:
    words = state.order_ids[state.order_ids != 0] if state.scalars[layout.LIVE_ORDERS] else None
    if words is None:
        return
    low_ids = ORDER_IDS_LOW_ID.column(words.reshape(-1, 1))
    blocks = (low_ids >> ID_BLOCK_BITS).view(np.uint64) * SPREAD
    blocks >>= np.uint64(64 + ID_BLOCK_BITS - int(larger.scalars[layout.ORDER_ID_BITS]))
    homes = (blocks.view(np.int64) << ID_BLOCK_BITS) + (low_ids & ((1 << ID_BLOCK_BITS) - 1))
    larger.order_ids[_probed(homes, len(larger.order_ids))] = words


def _place_positions(state: EngineState, larger: EngineState) -> None:
    if state.scalars[layout.POSITIONS_USED] == 0:
        return
    rows = state.positions.reshape(-1, POSITION_WORDS)
    rows = rows[rows[:, POSITION_NAME.word] != 0]
    hashed = (POSITION_NAME.column(rows) - 1).view(np.uint64) * SPREAD >> np.uint64(32)
    homes = hashed.view(np.int64) & int(larger.scalars[layout.POSITION_MASK])
    table = larger.positions.reshape(-1, POSITION_WORDS)
    table[_probed(homes, len(table))] = rows
