"""Whether a state is consistent in itself: everything that is stored twice must agree.

Who uses it: tests (after every command), the benchmark, replay's verify. Plain numpy over the live
part of the state, written without the engine's own functions; it raises InvariantBroken with the
first thing found. A million live orders take some seconds.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import InstrumentState
from exchange.engine.invariants.common import (
    HALF,
    SPREAD,
    InvariantBroken,
    check_probing,
    flags_of,
    high,
    instrument_of,
    low,
    require,
    rows,
    side_of,
)
from exchange.engine.invariants.lists import check_deadline, check_held, check_pending
from exchange.engine.invariants.money import check_money, check_pools, check_rows
from exchange.engine.state import layout
from exchange.engine.state.layout import EngineState

__all__ = ["InvariantBroken", "check_state"]


def check_state(state: EngineState) -> None:
    """Raise InvariantBroken unless every list, total, index and count agrees with the orders."""
    s = state.scalars
    used = int(s[layout.ORDER_HIGH]) + 1
    orders = rows(state.orders, layout.ORDER_WORDS, used)
    live = np.flatnonzero(orders[:, 2])
    require(len(live) == s[layout.LIVE_ORDERS], "LIVE_ORDERS is not the number of live orders")
    require(0 not in live, "slot 0 holds an order")
    _check_free_list(state, orders, live)
    require(bool((orders[live, 0] > 0).all()), "a live order has nothing open")
    flags = flags_of(orders, live)
    _check_levels(state, orders, live[flags & layout.ORDER_HELD == 0])
    _check_icebergs(state, orders, live[flags & layout.ORDER_ICEBERG != 0])
    _check_order_ids(state, orders, live)
    _check_tokens(state, orders, live)
    _check_expiry(state, orders, live)
    check_held(state, orders, live)
    check_pending(state)
    check_deadline(state)
    check_money(state, orders, live)
    check_pools(state)
    check_rows(state)


def _check_free_list(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    free = set()
    slot = int(state.scalars[layout.ORDER_FREE])
    while slot:
        require(slot not in free, "the free list of orders has a loop")
        free.add(slot)
        slot = int(orders[slot, 5]) & HALF
    require(len(free) + len(live) == len(orders) - 1, "orders are neither live nor free")
    require(not free.intersection(live.tolist()), "an order is live and free")


def _is_waiting(orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    waiting: np.ndarray = flags_of(orders, live) & layout.ORDER_WAITING != 0
    return waiting


def _books_of(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """The book, or for an order that waits the stop book, in which each order is."""
    instrument = instrument_of(orders, live)
    buys = side_of(orders, live) == 0
    stops = 2 * (int(state.scalars[layout.MAX_INSTRUMENTS]) + instrument) + buys
    books: np.ndarray = np.where(_is_waiting(orders, live), stops, instrument * 2 + ~buys)
    return books


def _keys_of(
    state: EngineState, orders: np.ndarray, live: np.ndarray, books: np.ndarray
) -> np.ndarray:
    ticks = rows(state.instruments, layout.INSTRUMENT_WORDS)[instrument_of(orders, live), 1]
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    prices = np.where(_is_waiting(orders, live), cold[live, 5], orders[live, 1])
    require(bool((prices % ticks == 0).all()), "the price of a level is between two ticks")
    require(bool((orders[live, 1] % ticks == 0).all()), "an order's price is between two ticks")
    numbers = prices // ticks
    return np.where(books & 1, layout.ASK_MIRROR - numbers, numbers)


def _hidden_of(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """What icebergs have hidden; while they wait they hide nothing yet."""
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    iceberg = flags_of(orders, live) & layout.ORDER_ICEBERG != 0
    return np.where(iceberg & ~_is_waiting(orders, live), cold[live, 3], 0)


def _check_icebergs(state: EngineState, orders: np.ndarray, icebergs: np.ndarray) -> None:
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    hidden, display = cold[icebergs, 3], cold[icebergs, 4]
    not_resting = layout.ORDER_WAITING | layout.ORDER_HELD
    resting = flags_of(orders, icebergs) & not_resting == 0
    require(bool((display > 0).all()), "an iceberg has nothing to show")
    require(bool((hidden[resting] >= 0).all()), "an iceberg hides less than nothing")
    shown = orders[icebergs, 0]
    require(bool((shown <= display)[resting].all()), "an iceberg shows more than it may")


def _check_levels(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    leaf_count = int(s[layout.LEAF_HIGH]) + 1
    leaves = rows(state.leaves, layout.LEAF_WORDS, leaf_count)
    levels = rows(state.levels, layout.LEVEL_WORDS, leaf_count * layout.LEAF_LEVELS)
    books = _books_of(state, orders, live)
    keys = _keys_of(state, orders, live, books)
    at = low(orders[live, 6])
    name = leaves[at >> 6, 1] - 1
    require(bool((name >> 24 == books).all()), "an order is on a level of another book")
    require(
        bool(((((name & 0xFFFFFF) << 6) | (at & 63)) == keys).all()),
        "an order is on a level of another price",
    )
    quantity = np.zeros(len(levels), np.int64)
    count = np.zeros(len(levels), np.int64)
    np.add.at(quantity, at, orders[live, 0])
    np.add.at(count, at, 1)
    hidden = np.zeros(len(levels), np.int64)
    np.add.at(hidden, at, _hidden_of(state, orders, live))
    require(bool((quantity == levels[:, 0]).all()), "a level's quantity is not its orders' sum")
    require(bool((count == levels[:, 2]).all()), "a level's order count is wrong")
    require(bool((hidden == levels[:, 3]).all()), "a level's hidden quantity is wrong")
    waiting = int(_is_waiting(orders, live).sum())
    require(waiting == s[layout.WAITING_ORDERS], "WAITING_ORDERS is wrong")
    _check_lists(orders, live, levels, at, count)
    bits = (count.reshape(leaf_count, 64) > 0).astype(np.uint8)
    bitmap = np.packbits(bits, axis=1, bitorder="little").view("<i8")[:, 0]
    require(bool((bitmap == leaves[:, 0]).all()), "a leaf's bitmap is wrong")
    in_use = np.flatnonzero(leaves[:, 1])
    require(bool((leaves[in_use, 0] != 0).all()), "a leaf without orders was kept")
    require(len(in_use) == s[layout.LEAVES_USED], "LEAVES_USED is wrong")
    _check_trees(state, leaves, in_use)
    _check_bests(state, books, keys)


def _check_lists(
    orders: np.ndarray, live: np.ndarray, levels: np.ndarray, at: np.ndarray, count: np.ndarray
) -> None:
    following, previous = low(orders[live, 5]), high(orders[live, 5])
    level_of = np.full(len(orders), -1, np.int64)
    level_of[live] = at
    last = following == 0
    require(bool((level_of[following[~last]] == at[~last]).all()), "a list leaves its level")
    require(
        bool((high(orders[following[~last], 5]) == live[~last]).all()), "next and previous differ"
    )
    require(bool((high(levels[at[last], 1]) == live[last]).all()), "a tail is not the last order")
    first = previous == 0
    require(bool((low(levels[at[first], 1]) == live[first]).all()), "a head is not the first")
    levels_in_use = int((count > 0).sum())
    require(int(last.sum()) == levels_in_use == int(first.sum()), "a level's list is broken")
    empty = count == 0
    require(not levels[empty].any(), "an empty level is not zero")


def _check_trees(state: EngineState, leaves: np.ndarray, in_use: np.ndarray) -> None:
    """Walk every tree: it must lead to exactly the leaves in use, and bitmaps fit children."""
    s = state.scalars
    nodes = rows(state.nodes, layout.NODE_WORDS, int(s[layout.NODE_HIGH]) + 1)
    children = nodes[:, 1:33].copy().view("<i4").reshape(len(nodes), 64)
    books = state.books.reshape(-1, layout.BOOK_WORDS)
    roots = np.flatnonzero(books[:, 2])
    ids, names, visited = books[roots, 2], roots, 0
    for _ in range(4):
        visited += len(ids)
        below = children[ids]
        bits = np.packbits(below != 0, axis=1, bitorder="little").view("<i8")[:, 0]
        require(bool((bits == nodes[ids, 0]).all()), "a node's bitmap does not fit its children")
        require(bool((bits != 0).all()), "a node without children was kept")
        parents, places = np.nonzero(below)
        ids, names = below[parents, places].astype(np.int64), (names[parents] << 6) | places
    require(visited == s[layout.NODES_USED], "NODES_USED is wrong")
    require(sorted(ids.tolist()) == in_use.tolist(), "the trees do not lead to all leaves")
    require(bool((leaves[ids, 1] - 1 == names).all()), "a leaf hangs in the wrong place")


def _check_bests(state: EngineState, books: np.ndarray, keys: np.ndarray) -> None:
    table = state.books.reshape(-1, layout.BOOK_WORDS)
    best = np.zeros(len(table), np.int64)
    np.maximum.at(best, books, keys)
    require(bool((best == table[:, 0]).all()), "a book's best key is wrong")
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    # a book may be crossed from an auction's beginning until the instrument opens or closes
    own = (instruments[:, layout.INSTRUMENT_FLAGS] >> 16) & 0xFF
    settled = (own == InstrumentState.OPEN) | (own == InstrumentState.CLOSED)
    bids, asks = best[0 : 2 * len(own) : 2], best[1 : 2 * len(own) : 2]
    require(bool((bids + asks < layout.ASK_MIRROR)[settled].all()), "a book is crossed")
    leaves = state.leaves.reshape(-1, layout.LEAF_WORDS)
    filled = np.flatnonzero(best)
    level = table[filled, 1]
    name = leaves[level >> 6, 1] - 1
    require(
        bool(((((name & 0xFFFFFF) << 6) | (level & 63)) == best[filled]).all()),
        "a book's best level is wrong",
    )


def _check_order_ids(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    table = state.order_ids[state.order_ids != 0]
    require(len(table) == len(live), "the order-id table has another number of orders")
    slots = low(table)
    require(sorted(slots.tolist()) == live.tolist(), "the order-id table misses an order")
    require(bool((high(table) == low(orders[slots, 2])).all()), "an order id is wrong")
    bits = len(state.order_ids).bit_length() - 1
    blocks = (high(table) >> 3).astype(np.uint64)
    homes = ((blocks * SPREAD) >> np.uint64(67 - bits)).astype(np.int64) * 8 + (high(table) & 7)
    check_probing(state.order_ids, homes, "an order id cannot be reached from its place")


def _check_tokens(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    count = int(s[layout.TOKENS_USED])
    log = rows(state.token_log, layout.TOKEN_WORDS, count + 1)[1:]
    entries = state.token_index
    today = ((entries >> 28) & 0xFFF) == s[layout.TOKEN_GENERATION]
    require(int(today.sum()) == count, "the token index has another number of tokens")
    numbers = np.sort(entries[today] & ((1 << 28) - 1))
    require(bool((numbers == np.arange(1, count + 1)).all()), "the token index misses a token")
    named = log[(log[:, 3] != 0)]
    alive = named[orders[named[:, 2], 2] == named[:, 3]]
    require(sorted(alive[:, 2].tolist()) == live.tolist(), "a live order has no token")
    slots = alive[:, 2]
    require(bool((orders[slots, 3] == alive[:, 0]).all()), "an order's token is another one")
    key = (orders[slots, 4] & ((1 << 48) - 1)) | ((orders[slots, 7] & 0xFFFF) << 48)
    require(bool((key == alive[:, 1]).all()), "an order's token or session is another one")


def _check_expiry(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    s = state.scalars
    used = len(orders)
    cold = rows(state.orders_cold, layout.COLD_WORDS, used)
    expiring = live[((orders[live, 7] >> 40) & layout.ORDER_HAS_EXPIRY) != 0]
    require(len(expiring) == s[layout.EXPIRING_ORDERS], "EXPIRING_ORDERS is wrong")
    seconds = cold[expiring, 1]
    if len(expiring):
        require(int(seconds.min()) == s[layout.NEXT_EXPIRY_SECOND], "NEXT_EXPIRY_SECOND is wrong")
        require(int(seconds.max()) <= s[layout.LAST_EXPIRY_SECOND], "LAST_EXPIRY_SECOND is wrong")
    else:
        require(s[layout.NEXT_EXPIRY_SECOND] == 0, "NEXT_EXPIRY_SECOND without such an order")
    buckets = np.flatnonzero(state.expiry_wheel)
    bits = layout.WHEEL_SECONDS >> 6
    octets = state.expiry_bits[:bits].view(np.uint8)
    marked = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    require(marked.tolist() == buckets.tolist(), "the wheel's bitmap is wrong")
    found = []
    for bucket in buckets:
        slot, previous = int(state.expiry_wheel[bucket]) & HALF, 0
        while slot:
            require(
                int(cold[slot, 1]) & (layout.WHEEL_SECONDS - 1) == bucket, "wrong expiry bucket"
            )
            require((int(cold[slot, 2]) >> 32) & HALF == previous, "the wheel's list is broken")
            found.append(slot)
            previous, slot = slot, int(cold[slot, 2]) & HALF
        require(
            (int(state.expiry_wheel[bucket]) >> 32) & HALF == previous, "a wheel's tail is wrong"
        )
    require(sorted(found) == expiring.tolist(), "the wheel misses an order")
