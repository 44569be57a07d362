"""Whether a state is consistent in itself: everything that is stored twice must agree.

Who uses it: tests (after every command), the benchmark, replay's verify. Plain numpy over the live
part of the state, written without the engine's own functions; it raises InvariantBroken with the
first thing found. A million live orders take some seconds.
"""

from __future__ import annotations

import numpy as np

from exchange.engine import state as layout
from exchange.engine.state import EngineState

_HALF = (1 << 32) - 1


class InvariantBroken(AssertionError):
    """The state contradicts itself; the text says where."""


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise InvariantBroken(message)


def _rows(array: np.ndarray, words: int, count: int) -> np.ndarray:
    return array[: count * words].reshape(count, words)


def _low(words: np.ndarray) -> np.ndarray:
    return words & _HALF


def _high(words: np.ndarray) -> np.ndarray:
    return (words >> 32) & _HALF


def check_state(state: EngineState) -> None:
    """Raise InvariantBroken unless every list, total, index and count agrees with the orders."""
    s = state.scalars
    used = int(s[layout.ORDER_HIGH]) + 1
    orders = _rows(state.orders, layout.ORDER_WORDS, used)
    live = np.flatnonzero(orders[:, 2])
    _require(len(live) == s[layout.LIVE_ORDERS], "LIVE_ORDERS is not the number of live orders")
    _require(0 not in live, "slot 0 holds an order")
    _check_free_list(state, orders, live)
    _require(bool((orders[live, 0] > 0).all()), "a live order has nothing open")
    _check_levels(state, orders, live)
    _check_order_ids(state, orders, live)
    _check_tokens(state, orders, live)
    _check_expiry(state, orders, live)


def _check_free_list(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    free = set()
    slot = int(state.scalars[layout.ORDER_FREE])
    while slot:
        _require(slot not in free, "the free list of orders has a loop")
        free.add(slot)
        slot = int(orders[slot, 5]) & _HALF
    _require(len(free) + len(live) == len(orders) - 1, "orders are neither live nor free")
    _require(not free.intersection(live.tolist()), "an order is live and free")


def _books_of(orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    instrument = (orders[live, 4] >> 48) & 0xFFFF
    side = (orders[live, 7] >> 24) & 0xFF
    return instrument * 2 + (side != 0)


def _keys_of(
    state: EngineState, orders: np.ndarray, live: np.ndarray, books: np.ndarray
) -> np.ndarray:
    ticks = state.instruments.reshape(-1, layout.INSTRUMENT_WORDS)[books >> 1, 1]
    prices = orders[live, 1]
    _require(bool((prices % ticks == 0).all()), "a resting price is between two ticks")
    numbers = prices // ticks
    return np.where(books & 1, layout.ASK_MIRROR - numbers, numbers)


def _check_levels(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    leaf_count = int(s[layout.LEAF_HIGH]) + 1
    leaves = _rows(state.leaves, layout.LEAF_WORDS, leaf_count)
    levels = _rows(state.levels, layout.LEVEL_WORDS, leaf_count * layout.LEAF_LEVELS)
    books = _books_of(orders, live)
    keys = _keys_of(state, orders, live, books)
    at = _low(orders[live, 6])
    name = leaves[at >> 6, 1] - 1
    _require(bool((name >> 24 == books).all()), "an order is on a level of another book")
    _require(
        bool(((((name & 0xFFFFFF) << 6) | (at & 63)) == keys).all()),
        "an order is on a level of another price",
    )
    quantity = np.zeros(len(levels), np.int64)
    count = np.zeros(len(levels), np.int64)
    np.add.at(quantity, at, orders[live, 0])
    np.add.at(count, at, 1)
    _require(bool((quantity == levels[:, 0]).all()), "a level's quantity is not its orders' sum")
    _require(bool((count == levels[:, 2]).all()), "a level's order count is wrong")
    _check_lists(orders, live, levels, at, count)
    bits = (count.reshape(leaf_count, 64) > 0).astype(np.uint8)
    bitmap = np.packbits(bits, axis=1, bitorder="little").view("<i8")[:, 0]
    _require(bool((bitmap == leaves[:, 0]).all()), "a leaf's bitmap is wrong")
    in_use = np.flatnonzero(leaves[:, 1])
    _require(bool((leaves[in_use, 0] != 0).all()), "a leaf without orders was kept")
    _require(len(in_use) == s[layout.LEAVES_USED], "LEAVES_USED is wrong")
    _check_trees(state, leaves, in_use)
    _check_bests(state, books, keys)


def _check_lists(
    orders: np.ndarray, live: np.ndarray, levels: np.ndarray, at: np.ndarray, count: np.ndarray
) -> None:
    following, previous = _low(orders[live, 5]), _high(orders[live, 5])
    level_of = np.full(len(orders), -1, np.int64)
    level_of[live] = at
    last = following == 0
    _require(bool((level_of[following[~last]] == at[~last]).all()), "a list leaves its level")
    _require(
        bool((_high(orders[following[~last], 5]) == live[~last]).all()), "next and previous differ"
    )
    _require(bool((_high(levels[at[last], 1]) == live[last]).all()), "a tail is not the last order")
    first = previous == 0
    _require(bool((_low(levels[at[first], 1]) == live[first]).all()), "a head is not the first")
    levels_in_use = int((count > 0).sum())
    _require(int(last.sum()) == levels_in_use == int(first.sum()), "a level's list is broken")
    _require(
        bool((orders[following[~last], 2] > orders[live[~last], 2]).all()),
        "a level is not in order of arrival",
    )
    empty = count == 0
    _require(not levels[empty].any(), "an empty level is not zero")


def _check_trees(state: EngineState, leaves: np.ndarray, in_use: np.ndarray) -> None:
    """Walk every tree: it must lead to exactly the leaves in use, and bitmaps fit children."""
    s = state.scalars
    nodes = _rows(state.nodes, layout.NODE_WORDS, int(s[layout.NODE_HIGH]) + 1)
    children = nodes[:, 1:33].copy().view("<i4").reshape(len(nodes), 64)
    books = state.books.reshape(-1, layout.BOOK_WORDS)
    roots = np.flatnonzero(books[:, 2])
    ids, names, visited = books[roots, 2], roots, 0
    for _ in range(4):
        visited += len(ids)
        below = children[ids]
        bits = np.packbits(below != 0, axis=1, bitorder="little").view("<i8")[:, 0]
        _require(bool((bits == nodes[ids, 0]).all()), "a node's bitmap does not fit its children")
        _require(bool((bits != 0).all()), "a node without children was kept")
        parents, places = np.nonzero(below)
        ids, names = below[parents, places].astype(np.int64), (names[parents] << 6) | places
    _require(visited == s[layout.NODES_USED], "NODES_USED is wrong")
    _require(sorted(ids.tolist()) == in_use.tolist(), "the trees do not lead to all leaves")
    _require(bool((leaves[ids, 1] - 1 == names).all()), "a leaf hangs in the wrong place")


def _check_bests(state: EngineState, books: np.ndarray, keys: np.ndarray) -> None:
    table = state.books.reshape(-1, layout.BOOK_WORDS)
    best = np.zeros(len(table), np.int64)
    np.maximum.at(best, books, keys)
    _require(bool((best == table[:, 0]).all()), "a book's best key is wrong")
    both = (best[0::2] > 0) & (best[1::2] > 0)
    _require(
        bool((best[0::2][both] < layout.ASK_MIRROR - best[1::2][both]).all()), "a book is crossed"
    )
    leaves = state.leaves.reshape(-1, layout.LEAF_WORDS)
    filled = np.flatnonzero(best)
    level = table[filled, 1]
    name = leaves[level >> 6, 1] - 1
    _require(
        bool(((((name & 0xFFFFFF) << 6) | (level & 63)) == best[filled]).all()),
        "a book's best level is wrong",
    )


def _check_order_ids(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    table = state.order_ids[state.order_ids != 0]
    _require(len(table) == len(live), "the order-id table has another number of orders")
    slots = _low(table)
    _require(sorted(slots.tolist()) == live.tolist(), "the order-id table misses an order")
    _require(bool((_high(table) == _low(orders[slots, 2])).all()), "an order id is wrong")
    size = len(state.order_ids)
    bits = size.bit_length() - 1
    places = np.flatnonzero(state.order_ids)
    spread = np.uint64(0x9E3779B97F4A7C15)
    blocks = (_high(table) >> 3).astype(np.uint64)
    homes = ((blocks * spread) >> np.uint64(67 - bits)).astype(np.int64) * 8 + (_high(table) & 7)
    occupied = np.concatenate([[0], np.cumsum(state.order_ids != 0)])
    distance = (places - homes) & (size - 1)
    wrapped = homes > places
    filled = occupied[places] - occupied[homes] + np.where(wrapped, occupied[-1], 0)
    _require(bool((filled == distance).all()), "an order id cannot be reached from its place")


def _check_tokens(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    count = int(s[layout.TOKENS_USED])
    log = _rows(state.token_log, layout.TOKEN_WORDS, count + 1)[1:]
    entries = state.token_index
    today = ((entries >> 28) & 0xFFF) == s[layout.TOKEN_GENERATION]
    _require(int(today.sum()) == count, "the token index has another number of tokens")
    numbers = np.sort(entries[today] & ((1 << 28) - 1))
    _require(bool((numbers == np.arange(1, count + 1)).all()), "the token index misses a token")
    named = log[(log[:, 3] != 0)]
    alive = named[orders[named[:, 2], 2] == named[:, 3]]
    _require(sorted(alive[:, 2].tolist()) == live.tolist(), "a live order has no token")
    slots = alive[:, 2]
    _require(bool((orders[slots, 3] == alive[:, 0]).all()), "an order's token is another one")
    key = (orders[slots, 4] & ((1 << 48) - 1)) | ((orders[slots, 7] & 0xFFFF) << 48)
    _require(bool((key == alive[:, 1]).all()), "an order's token or session is another one")


def _check_expiry(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    used = len(orders)
    cold = _rows(state.orders_cold, layout.COLD_WORDS, used)
    expiring = live[((orders[live, 7] >> 40) & layout.ORDER_HAS_EXPIRY) != 0]
    _require(len(expiring) == s[layout.EXPIRING_ORDERS], "EXPIRING_ORDERS is wrong")
    seconds = cold[expiring, 1]
    if len(expiring):
        _require(int(seconds.min()) == s[layout.NEXT_EXPIRY_SECOND], "NEXT_EXPIRY_SECOND is wrong")
        _require(int(seconds.max()) <= s[layout.LAST_EXPIRY_SECOND], "LAST_EXPIRY_SECOND is wrong")
    else:
        _require(s[layout.NEXT_EXPIRY_SECOND] == 0, "NEXT_EXPIRY_SECOND without such an order")
    buckets = np.flatnonzero(state.expiry_wheel)
    bits = layout.WHEEL_SECONDS >> 6
    octets = state.expiry_bits[:bits].view(np.uint8)
    marked = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    _require(marked.tolist() == buckets.tolist(), "the wheel's bitmap is wrong")
    found = []
    for bucket in buckets:
        slot, previous = int(state.expiry_wheel[bucket]) & _HALF, 0
        while slot:
            _require(
                int(cold[slot, 1]) & (layout.WHEEL_SECONDS - 1) == bucket, "wrong expiry bucket"
            )
            _require((int(cold[slot, 2]) >> 32) & _HALF == previous, "the wheel's list is broken")
            found.append(slot)
            previous, slot = slot, int(cold[slot, 2]) & _HALF
        _require(
            (int(state.expiry_wheel[bucket]) >> 32) & _HALF == previous, "a wheel's tail is wrong"
        )
    _require(sorted(found) == expiring.tolist(), "the wheel misses an order")
