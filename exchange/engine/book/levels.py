"""Price levels: blocks of 64 adjacent ticks, found through a cache backed by a 64-ary tree.

A *leaf* is 64 levels; it exists while one of them holds an order. The tree of a book (four steps
of 6 bits above the leaf's own 6) has nodes only where there are leaves. So memory follows the
prices in use wherever they walk, finding a level is one probe in the usual case and five loads in
the worst, and the next best level after a gap of any width costs the same.

Keys: see ``books`` in state.py; the best level of either side is the one with the highest key.
Freed leaves and nodes are all zero but for their free-list link.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.bitmap import bit, highest_below
from exchange.engine.state.layout import (
    BOOK_WORDS,
    LEAF_CACHE_MASK,
    LEAF_FREE,
    LEAF_HIGH,
    LEAF_WORDS,
    LEAVES_USED,
    LEVEL_WORDS,
    MAX_LEAVES,
    MAX_NODES,
    NODE_FREE,
    NODE_HIGH,
    NODE_WORDS,
    NODES_USED,
    ORDER_WORDS,
)
from exchange.engine.state.memory import get, multiply, put, shift_right, top_bit
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, as a signed number
_BLOCK_BITS = 24
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1


@jit_inline
def leaf_name(book: int, key: int) -> int:
    """What identifies the leaf of ``key`` in ``book``; never 0."""
    return ((book << _BLOCK_BITS) | (key >> 6)) + 1


@jit_inline_internal
def cache_place(v: Any, name: int) -> int:
    return shift_right(multiply(name, _SPREAD), 40) & get(v.scalars, LEAF_CACHE_MASK)


@jit_inline_internal
def child(v: Any, node: int, number: int) -> int:
    return get(v.nodes_half, node * (NODE_WORDS * 2) + 2 + number)


@jit_internal
def find_leaf_in_tree(v: Any, book: int, key: int) -> int:
    """The leaf of ``key`` or 0, without the cache."""
    node = get(v.books, book * BOOK_WORDS + 2)
    shift = 24
    while node != 0 and shift > 0:
        node = child(v, node, (key >> shift) & 63)
        shift -= 6
    return node


@jit_inline_internal
def find_leaf(v: Any, book: int, key: int) -> int:
    """The leaf of ``key`` or 0."""
    name = leaf_name(book, key)
    place = cache_place(v, name)
    leaf = get(v.leaf_cache, place)
    if get(v.leaves, leaf * LEAF_WORDS + 1) != name:
        leaf = find_leaf_in_tree(v, book, key)
        put(v.leaf_cache, place, leaf)
    return leaf


@jit_internal
def can_make_leaf(v: Any, book: int, key: int) -> bool:
    """Whether the leaf of ``key``, which does not exist, and its nodes could be allocated."""
    s = v.scalars
    if get(s, LEAVES_USED) >= get(s, MAX_LEAVES):
        return False
    node = get(v.books, book * BOOK_WORDS + 2)
    missing = 0
    shift = 24
    while shift > 0:
        if node == 0:
            missing += 1
        else:
            node = child(v, node, (key >> shift) & 63)
        shift -= 6
    # the last step looked at a leaf's place, which is empty: it is no missing node
    return get(s, NODES_USED) + missing <= get(s, MAX_NODES)


@jit_inline_internal
def can_rest(v: Any, book: int, key: int) -> bool:
    """Whether an order may join the level of ``key``; changes nothing that matters."""
    return find_leaf(v, book, key) != 0 or can_make_leaf(v, book, key)


@jit_internal
def new_node(v: Any) -> int:
    s = v.scalars
    node = get(s, NODE_FREE)
    if node != 0:
        put(s, NODE_FREE, get(v.nodes, node * NODE_WORDS + 33))
        put(v.nodes, node * NODE_WORDS + 33, 0)
    else:
        node = get(s, NODE_HIGH) + 1
        put(s, NODE_HIGH, node)
    put(s, NODES_USED, get(s, NODES_USED) + 1)
    return node


@jit_internal
def free_node(v: Any, node: int) -> None:
    s = v.scalars
    put(v.nodes, node * NODE_WORDS + 33, get(s, NODE_FREE))
    put(s, NODE_FREE, node)
    put(s, NODES_USED, get(s, NODES_USED) - 1)


@jit_internal
def make_leaf(v: Any, book: int, key: int) -> int:
    """Allocate the leaf of ``key``, which does not exist; room for it has been checked."""
    s = v.scalars
    leaf = get(s, LEAF_FREE)
    if leaf != 0:
        put(s, LEAF_FREE, get(v.leaves, leaf * LEAF_WORDS + 2))
        put(v.leaves, leaf * LEAF_WORDS + 2, 0)
    else:
        leaf = get(s, LEAF_HIGH) + 1
        put(s, LEAF_HIGH, leaf)
    put(s, LEAVES_USED, get(s, LEAVES_USED) + 1)
    name = leaf_name(book, key)
    put(v.leaves, leaf * LEAF_WORDS + 1, name)
    node = get(v.books, book * BOOK_WORDS + 2)
    if node == 0:
        node = new_node(v)
        put(v.books, book * BOOK_WORDS + 2, node)
    shift = 24
    while shift > 0:
        number = (key >> shift) & 63
        below = child(v, node, number)
        if below == 0:
            below = leaf if shift == 6 else new_node(v)
            put(v.nodes_half, node * (NODE_WORDS * 2) + 2 + number, below)
            put(v.nodes, node * NODE_WORDS, get(v.nodes, node * NODE_WORDS) | bit(number))
        node = below
        shift -= 6
    put(v.leaf_cache, cache_place(v, name), leaf)
    return leaf


@jit_internal
def unlink_child(v: Any, node: int, number: int) -> int:
    """Take child ``number`` out of ``node``; what is left in its bitmap."""
    put(v.nodes_half, node * (NODE_WORDS * 2) + 2 + number, 0)
    rest = get(v.nodes, node * NODE_WORDS) & ~bit(number)
    put(v.nodes, node * NODE_WORDS, rest)
    return rest


@jit_internal
def drop_leaf(v: Any, book: int, key: int, leaf: int) -> None:
    """Give back the leaf of ``key``, whose levels are all empty, and the nodes it leaves bare."""
    s = v.scalars
    put(v.leaves, leaf * LEAF_WORDS + 1, 0)
    put(v.leaves, leaf * LEAF_WORDS + 2, get(s, LEAF_FREE))
    put(s, LEAF_FREE, leaf)
    put(s, LEAVES_USED, get(s, LEAVES_USED) - 1)
    node_0 = get(v.books, book * BOOK_WORDS + 2)
    node_1 = child(v, node_0, (key >> 24) & 63)
    node_2 = child(v, node_1, (key >> 18) & 63)
    node_3 = child(v, node_2, (key >> 12) & 63)
    if unlink_child(v, node_3, (key >> 6) & 63) != 0:
        return
    free_node(v, node_3)
    if unlink_child(v, node_2, (key >> 12) & 63) != 0:
        return
    free_node(v, node_2)
    if unlink_child(v, node_1, (key >> 18) & 63) != 0:
        return
    free_node(v, node_1)
    if unlink_child(v, node_0, (key >> 24) & 63) != 0:
        return
    free_node(v, node_0)
    put(v.books, book * BOOK_WORDS + 2, 0)


@jit_internal
def find_best(v: Any, book: int) -> None:
    """Set the book's best key and level from its tree."""
    at = book * BOOK_WORDS
    node = get(v.books, at + 2)
    if node == 0:
        put(v.books, at, 0)
        put(v.books, at + 1, 0)
        return
    key = 0
    for _ in range(4):
        number = top_bit(get(v.nodes, node * NODE_WORDS))
        key = (key << 6) | number
        node = child(v, node, number)
    number = top_bit(get(v.leaves, node * LEAF_WORDS))
    put(v.books, at, (key << 6) | number)
    put(v.books, at + 1, (node << 6) | number)


@jit_internal
def next_worse_key(v: Any, book: int, key: int) -> int:
    """The highest key in use below ``key``; 0 if there is none."""
    leaf = find_leaf_in_tree(v, book, key)
    if leaf != 0:
        found = highest_below(get(v.leaves, leaf * LEAF_WORDS), key & 63)
        if found >= 0:
            return (key & ~63) | found
    # Climb: the deepest node on the path to `key` that has a smaller child, then down on the right.
    result_node = 0
    result_key = 0
    result_shift = 0
    node = get(v.books, book * BOOK_WORDS + 2)
    shift = 24
    while node != 0 and shift > 0:
        number = (key >> shift) & 63
        found = highest_below(get(v.nodes, node * NODE_WORDS), number)
        if found >= 0:
            result_node = child(v, node, found)
            result_key = ((key >> (shift + 6)) << 6) | found
            result_shift = shift - 6
        node = child(v, node, number)
        shift -= 6
    if result_node == 0:
        return 0
    while result_shift > 0:
        found = top_bit(get(v.nodes, result_node * NODE_WORDS))
        result_key = (result_key << 6) | found
        result_node = child(v, result_node, found)
        result_shift -= 6
    return (result_key << 6) | top_bit(get(v.leaves, result_node * LEAF_WORDS))


@jit_inline_internal
def level_of(v: Any, book: int, key: int) -> int:
    """The level of ``key``, which is in use or whose leaf is; 0 if its leaf does not exist."""
    leaf = find_leaf(v, book, key)
    return (leaf << 6) | (key & 63) if leaf != 0 else 0


@jit_inline_internal
def join_level(v: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """Put the order in ``slot`` at the tail of its level (made if need be); the level."""
    leaf = find_leaf(v, book, key)
    if leaf == 0:
        leaf = make_leaf(v, book, key)
    level = (leaf << 6) | (key & 63)
    at = level * LEVEL_WORDS
    tail = get(v.levels_half, at * 2 + 3)
    half = slot * (ORDER_WORDS * 2)
    put(v.orders_half, half + 10, 0)
    put(v.orders_half, half + 11, tail)
    put(v.orders_half, half + 12, level)
    put(v.levels_half, at * 2 + 3, slot)
    if tail != 0:
        put(v.orders_half, tail * (ORDER_WORDS * 2) + 10, slot)
    else:
        put(v.levels_half, at * 2 + 2, slot)
        bitmap = leaf * LEAF_WORDS
        put(v.leaves, bitmap, get(v.leaves, bitmap) | bit(key & 63))
        if key > get(v.books, book * BOOK_WORDS):
            put(v.books, book * BOOK_WORDS, key)
            put(v.books, book * BOOK_WORDS + 1, level)
    put(v.levels, at, get(v.levels, at) + quantity)
    put(v.levels, at + 2, get(v.levels, at + 2) + 1)
    return level


@jit_internal
def level_emptied(v: Any, level: int) -> None:
    """The last order left ``level``: clear its bit, give back a bare leaf, find the new best."""
    leaf = level >> 6
    number = level & 63
    name = get(v.leaves, leaf * LEAF_WORDS + 1) - 1
    book = name >> _BLOCK_BITS
    key = ((name & _BLOCK_MASK) << 6) | number
    rest = get(v.leaves, leaf * LEAF_WORDS) & ~bit(number)
    put(v.leaves, leaf * LEAF_WORDS, rest)
    if rest == 0:
        drop_leaf(v, book, key, leaf)
    if get(v.books, book * BOOK_WORDS) == key:
        if rest != 0:
            # the best key is the highest of all, so the next one is in the same leaf
            number = top_bit(rest)
            put(v.books, book * BOOK_WORDS, (key & ~63) | number)
            put(v.books, book * BOOK_WORDS + 1, (leaf << 6) | number)
        else:
            find_best(v, book)


@jit_inline_internal
def leave_level(v: Any, slot: int, level: int, quantity: int) -> None:
    """Take the order in ``slot`` and its open ``quantity`` out of its level.

    The level's totals stay readable afterwards (an emptied level is all zero).
    """
    half = slot * (ORDER_WORDS * 2)
    following = get(v.orders_half, half + 10)
    previous = get(v.orders_half, half + 11)
    at = level * LEVEL_WORDS
    put(v.levels, at, get(v.levels, at) - quantity)
    put(v.levels, at + 2, get(v.levels, at + 2) - 1)
    if following != 0:
        put(v.orders_half, following * (ORDER_WORDS * 2) + 11, previous)
    else:
        put(v.levels_half, at * 2 + 3, previous)
    if previous != 0:
        put(v.orders_half, previous * (ORDER_WORDS * 2) + 10, following)
    else:
        put(v.levels_half, at * 2 + 2, following)
        if following == 0:
            level_emptied(v, level)
