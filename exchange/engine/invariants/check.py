"""Whether a state is consistent in itself: everything that is stored twice must agree.

Who uses it: tests (after every command), the benchmark, replay's verify. Plain numpy over the live
part of the state, written without the engine's own functions; it raises InvariantBroken with the
first thing found. A million live orders take some seconds.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import InstrumentState, Side
from exchange.engine.invariants.common import (
    SPREAD,
    InvariantBroken,
    check_probing,
    flags_of,
    instrument_of,
    require,
    rows,
    side_of,
)
from exchange.engine.invariants.lists import check_deadline, check_held, check_pending
from exchange.engine.invariants.money import check_money, check_pools, check_rows, check_shares
from exchange.engine.state import layout
from exchange.engine.state.layout import (
    BOOK_BEST,
    BOOK_LEVEL,
    BOOK_ROOT,
    COLD_DISPLAY_QUANTITY,
    COLD_EXPIRY_SECOND,
    COLD_HIDDEN,
    COLD_NEXT,
    COLD_PREVIOUS,
    COLD_STOP_PRICE,
    INSTRUMENT_STATE,
    LEAF_BITMAP,
    LEAF_NAME,
    LEVEL_HEAD,
    LEVEL_HIDDEN,
    LEVEL_ORDERS,
    LEVEL_QUANTITY,
    LEVEL_TAIL,
    NODE_BITMAP,
    NODE_CHILDREN,
    NODE_NEXT_FREE,
    ORDER_ID,
    ORDER_IDS_LOW_ID,
    ORDER_IDS_SLOT,
    ORDER_INSTRUMENT,
    ORDER_LEVEL,
    ORDER_NEXT,
    ORDER_OPEN,
    ORDER_PREVIOUS,
    ORDER_PRICE,
    ORDER_SESSION,
    ORDER_TOKEN_0,
    ORDER_TOKEN_TAIL,
    TOKEN_KEY_0,
    TOKEN_KEY_1,
    TOKEN_ORDER_ID,
    TOKEN_SLOT,
    WHEEL_HEAD,
    WHEEL_TAIL,
    EngineState,
)

__all__ = ["InvariantBroken", "check_state"]

_STEP_BITS = 6  # of a key, for each node on the way and for the level in its leaf
_BLOCK_BITS = layout.KEY_BITS - _STEP_BITS
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1
_ID_BLOCK_BITS = 3
_ENTRY_BITS = 28  # of a word of the token index; above them the day's generation
_GENERATION_MASK = (1 << 12) - 1


def check_state(state: EngineState) -> None:
    """Raise InvariantBroken unless every list, total, index and count agrees with the orders."""
    scalars = state.scalars
    used = int(scalars[layout.ORDER_HIGH]) + 1
    orders = rows(state.orders, layout.ORDER_WORDS, used)
    live = np.flatnonzero(ORDER_ID.column(orders))
    require(
        len(live) == scalars[layout.LIVE_ORDERS], "LIVE_ORDERS is not the number of live orders"
    )
    require(0 not in live, "slot 0 holds an order")
    _check_free_list(state, orders, live)
    require(bool((ORDER_OPEN.column(orders[live]) > 0).all()), "a live order has nothing open")
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
    check_shares(state)


def _check_free_list(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    free = set()
    slot = int(state.scalars[layout.ORDER_FREE])
    while slot:
        require(slot not in free, "the free list of orders has a loop")
        free.add(slot)
        slot = ORDER_NEXT.of(orders[slot])
    require(len(free) + len(live) == len(orders) - 1, "orders are neither live nor free")
    require(not free.intersection(live.tolist()), "an order is live and free")


def _is_waiting(orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    waiting: np.ndarray = flags_of(orders, live) & layout.ORDER_WAITING != 0
    return waiting


def _books_of(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """The book, or for an order that waits the stop book, in which each order is."""
    instrument = instrument_of(orders, live)
    buys = side_of(orders, live) == Side.BUY
    stops = 2 * (int(state.scalars[layout.MAX_INSTRUMENTS]) + instrument) + buys
    books: np.ndarray = np.where(_is_waiting(orders, live), stops, instrument * 2 + ~buys)
    return books


def _keys_of(
    state: EngineState, orders: np.ndarray, live: np.ndarray, books: np.ndarray
) -> np.ndarray:
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    ticks = instruments[instrument_of(orders, live), layout.INSTRUMENT_TICK]
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    limits = ORDER_PRICE.column(orders[live])
    prices = np.where(_is_waiting(orders, live), COLD_STOP_PRICE.column(cold[live]), limits)
    require(bool((prices % ticks == 0).all()), "the price of a level is between two ticks")
    require(bool((limits % ticks == 0).all()), "an order's price is between two ticks")
    numbers = prices // ticks
    keys: np.ndarray = np.where(books & 1, layout.ASK_MIRROR - numbers, numbers)
    return keys


def _hidden_of(state: EngineState, orders: np.ndarray, live: np.ndarray) -> np.ndarray:
    """What icebergs have hidden; while they wait they hide nothing yet."""
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    iceberg = flags_of(orders, live) & layout.ORDER_ICEBERG != 0
    hiding = iceberg & ~_is_waiting(orders, live)
    hidden: np.ndarray = np.where(hiding, COLD_HIDDEN.column(cold[live]), 0)
    return hidden


def _check_icebergs(state: EngineState, orders: np.ndarray, icebergs: np.ndarray) -> None:
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    hidden = COLD_HIDDEN.column(cold[icebergs])
    display = COLD_DISPLAY_QUANTITY.column(cold[icebergs])
    not_resting = layout.ORDER_WAITING | layout.ORDER_HELD
    resting = flags_of(orders, icebergs) & not_resting == 0
    require(bool((display > 0).all()), "an iceberg has nothing to show")
    require(bool((hidden[resting] >= 0).all()), "an iceberg hides less than nothing")
    shown = ORDER_OPEN.column(orders[icebergs])
    require(bool((shown <= display)[resting].all()), "an iceberg shows more than it may")


def _book_and_key(leaves: np.ndarray, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Book and key of each level, as its leaf's name tells them."""
    name = LEAF_NAME.column(leaves[levels >> _STEP_BITS]) - 1
    key = ((name & _BLOCK_MASK) << _STEP_BITS) | (levels & (layout.LEAF_LEVELS - 1))
    return name >> _BLOCK_BITS, key


def _check_levels(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    scalars = state.scalars
    leaf_count = int(scalars[layout.LEAF_HIGH]) + 1
    leaves = rows(state.leaves, layout.LEAF_WORDS, leaf_count)
    levels = rows(state.levels, layout.LEVEL_WORDS, leaf_count * layout.LEAF_LEVELS)
    books = _books_of(state, orders, live)
    keys = _keys_of(state, orders, live, books)
    level_of = ORDER_LEVEL.column(orders[live])
    books_told, keys_told = _book_and_key(leaves, level_of)
    require(bool((books_told == books).all()), "an order is on a level of another book")
    require(
        bool((keys_told == keys).all()),
        "an order is on a level of another price",
    )
    quantity = np.zeros(len(levels), np.int64)
    count = np.zeros(len(levels), np.int64)
    np.add.at(quantity, level_of, ORDER_OPEN.column(orders[live]))
    np.add.at(count, level_of, 1)
    hidden = np.zeros(len(levels), np.int64)
    np.add.at(hidden, level_of, _hidden_of(state, orders, live))
    require(
        bool((quantity == LEVEL_QUANTITY.column(levels)).all()),
        "a level's quantity is not its orders' sum",
    )
    require(bool((count == LEVEL_ORDERS.column(levels)).all()), "a level's order count is wrong")
    require(
        bool((hidden == LEVEL_HIDDEN.column(levels)).all()), "a level's hidden quantity is wrong"
    )
    waiting = int(_is_waiting(orders, live).sum())
    require(waiting == scalars[layout.WAITING_ORDERS], "WAITING_ORDERS is wrong")
    _check_lists(orders, live, levels, level_of, count)
    bits = (count.reshape(leaf_count, layout.LEAF_LEVELS) > 0).astype(np.uint8)
    bitmap = np.packbits(bits, axis=1, bitorder="little").view("<i8")[:, 0]
    require(bool((bitmap == LEAF_BITMAP.column(leaves)).all()), "a leaf's bitmap is wrong")
    in_use = np.flatnonzero(LEAF_NAME.column(leaves))
    require(bool((LEAF_BITMAP.column(leaves[in_use]) != 0).all()), "a leaf without orders was kept")
    require(len(in_use) == scalars[layout.LEAVES_USED], "LEAVES_USED is wrong")
    _check_trees(state, leaves, in_use)
    _check_bests(state, books, keys)


def _check_lists(
    orders: np.ndarray,
    live: np.ndarray,
    levels: np.ndarray,
    levels_of: np.ndarray,
    count: np.ndarray,
) -> None:
    """Every level's list of orders; ``levels_of``: the level of each order in ``live``."""
    following = ORDER_NEXT.column(orders[live])
    previous = ORDER_PREVIOUS.column(orders[live])
    level_of = np.full(len(orders), -1, np.int64)
    level_of[live] = levels_of
    last, first = following == 0, previous == 0
    require(bool((level_of[following[~last]] == levels_of[~last]).all()), "a list leaves its level")
    back = ORDER_PREVIOUS.column(orders[following[~last]])
    require(bool((back == live[~last]).all()), "next and previous differ")
    tails = LEVEL_TAIL.column(levels[levels_of[last]])
    require(bool((tails == live[last]).all()), "a tail is not the last order")
    heads = LEVEL_HEAD.column(levels[levels_of[first]])
    require(bool((heads == live[first]).all()), "a head is not the first")
    levels_in_use = int((count > 0).sum())
    require(int(last.sum()) == levels_in_use == int(first.sum()), "a level's list is broken")
    empty = count == 0
    require(not levels[empty].any(), "an empty level is not zero")


def _check_trees(state: EngineState, leaves: np.ndarray, in_use: np.ndarray) -> None:
    """Walk every tree: it must lead to exactly the leaves in use, and bitmaps fit children."""
    scalars = state.scalars
    nodes = rows(state.nodes, layout.NODE_WORDS, int(scalars[layout.NODE_HIGH]) + 1)
    halves = nodes[:, NODE_CHILDREN.word : NODE_NEXT_FREE.word].copy().view("<i4")
    children = halves.reshape(len(nodes), layout.LEAF_LEVELS)
    root = BOOK_ROOT.column(state.books.reshape(-1, layout.BOOK_WORDS))
    names = np.flatnonzero(root)
    ids, visited = root[names], 0
    for _ in range(layout.KEY_BITS // _STEP_BITS - 1):
        visited += len(ids)
        below = children[ids]
        bits = np.packbits(below != 0, axis=1, bitorder="little").view("<i8")[:, 0]
        bitmap = NODE_BITMAP.column(nodes[ids])
        require(bool((bits == bitmap).all()), "a node's bitmap does not fit its children")
        require(bool((bits != 0).all()), "a node without children was kept")
        parents, places = np.nonzero(below)
        ids = below[parents, places].astype(np.int64)
        names = (names[parents] << _STEP_BITS) | places
    require(visited == scalars[layout.NODES_USED], "NODES_USED is wrong")
    require(sorted(ids.tolist()) == in_use.tolist(), "the trees do not lead to all leaves")
    told = LEAF_NAME.column(leaves[ids]) - 1
    require(bool((told == names).all()), "a leaf hangs in the wrong place")


def _check_bests(state: EngineState, books: np.ndarray, keys: np.ndarray) -> None:
    table = state.books.reshape(-1, layout.BOOK_WORDS)
    best = np.zeros(len(table), np.int64)
    np.maximum.at(best, books, keys)
    require(bool((best == BOOK_BEST.column(table)).all()), "a book's best key is wrong")
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    # a book may be crossed from an auction's beginning until the instrument opens or closes
    own = INSTRUMENT_STATE.column(instruments)
    settled = (own == InstrumentState.OPEN) | (own == InstrumentState.CLOSED)
    bids, asks = best[0 : 2 * len(own) : 2], best[1 : 2 * len(own) : 2]
    require(bool((bids + asks < layout.ASK_MIRROR)[settled].all()), "a book is crossed")
    leaves = state.leaves.reshape(-1, layout.LEAF_WORDS)
    filled = np.flatnonzero(best)
    _, keys_told = _book_and_key(leaves, BOOK_LEVEL.column(table[filled]))
    require(bool((keys_told == best[filled]).all()), "a book's best level is wrong")


def _check_order_ids(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    table = state.order_ids[state.order_ids != 0].reshape(-1, 1)
    require(len(table) == len(live), "the order-id table has another number of orders")
    slots, low_ids = ORDER_IDS_SLOT.column(table), ORDER_IDS_LOW_ID.column(table)
    require(sorted(slots.tolist()) == live.tolist(), "the order-id table misses an order")
    whole_ids = ORDER_ID.column(orders[slots])
    require(bool((low_ids == whole_ids & ORDER_IDS_LOW_ID.mask).all()), "an order id is wrong")
    bits = len(state.order_ids).bit_length() - 1
    blocks = (low_ids >> _ID_BLOCK_BITS).astype(np.uint64)
    places = ((blocks * SPREAD) >> np.uint64(64 + _ID_BLOCK_BITS - bits)).astype(np.int64)
    homes = (places << _ID_BLOCK_BITS) + (low_ids & ((1 << _ID_BLOCK_BITS) - 1))
    check_probing(state.order_ids, homes, "an order id cannot be reached from its place")


def _check_tokens(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    scalars = state.scalars
    count = int(scalars[layout.TOKENS_USED])
    log = rows(state.token_log, layout.TOKEN_WORDS, count + 1)[1:]
    entries = state.token_index
    today = (entries >> _ENTRY_BITS) & _GENERATION_MASK == scalars[layout.TOKEN_GENERATION]
    require(int(today.sum()) == count, "the token index has another number of tokens")
    numbers = np.sort(entries[today] & ((1 << _ENTRY_BITS) - 1))
    require(bool((numbers == np.arange(1, count + 1)).all()), "the token index misses a token")
    named = log[TOKEN_ORDER_ID.column(log) != 0]
    owners = ORDER_ID.column(orders[TOKEN_SLOT.column(named)])
    alive = named[owners == TOKEN_ORDER_ID.column(named)]
    slots = TOKEN_SLOT.column(alive)
    require(sorted(slots.tolist()) == live.tolist(), "a live order has no token")
    first = ORDER_TOKEN_0.column(orders[slots])
    require(bool((first == TOKEN_KEY_0.column(alive)).all()), "an order's token is another one")
    session = ORDER_SESSION.column(orders[slots]) << ORDER_INSTRUMENT.shift
    key = ORDER_TOKEN_TAIL.column(orders[slots]) | session
    same = key == TOKEN_KEY_1.column(alive)
    require(bool(same.all()), "an order's token or session is another one")


def _check_expiry(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    scalars = state.scalars
    cold = rows(state.orders_cold, layout.COLD_WORDS, len(orders))
    expiring = live[flags_of(orders, live) & layout.ORDER_HAS_EXPIRY != 0]
    require(len(expiring) == scalars[layout.EXPIRING_ORDERS], "EXPIRING_ORDERS is wrong")
    seconds = COLD_EXPIRY_SECOND.column(cold[expiring])
    earliest = int(scalars[layout.NEXT_EXPIRY_SECOND])
    if len(expiring):
        latest = int(scalars[layout.LAST_EXPIRY_SECOND])
        require(int(seconds.min()) == earliest, "NEXT_EXPIRY_SECOND is wrong")
        require(int(seconds.max()) <= latest, "LAST_EXPIRY_SECOND is wrong")
    else:
        require(earliest == 0, "NEXT_EXPIRY_SECOND without such an order")
    buckets = np.flatnonzero(state.expiry_wheel)
    octets = state.expiry_bits[: layout.WHEEL_SECONDS // 64].view(np.uint8)
    marked = np.flatnonzero(np.unpackbits(octets, bitorder="little"))
    require(marked.tolist() == buckets.tolist(), "the wheel's bitmap is wrong")
    found = [slot for bucket in buckets.tolist() for slot in _orders_of_bucket(state, cold, bucket)]
    require(sorted(found) == expiring.tolist(), "the wheel misses an order")


def _orders_of_bucket(state: EngineState, cold: np.ndarray, bucket: int) -> list[int]:
    """Slots of the orders in the list of an expiry bucket, which must be linked both ways."""
    ends = state.expiry_wheel[bucket : bucket + 1]
    found: list[int] = []
    slot, previous = WHEEL_HEAD.of(ends), 0
    while slot:
        second = COLD_EXPIRY_SECOND.of(cold[slot])
        require(second & (layout.WHEEL_SECONDS - 1) == bucket, "wrong expiry bucket")
        require(COLD_PREVIOUS.of(cold[slot]) == previous, "the wheel's list is broken")
        found.append(slot)
        previous, slot = slot, COLD_NEXT.of(cold[slot])
    require(WHEEL_TAIL.of(ends) == previous, "a wheel's tail is wrong")
    return found
