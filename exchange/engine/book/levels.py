"""Price levels: blocks of 64 adjacent ticks, found through a cache backed by a 64-ary tree.

A *leaf* is 64 levels; it exists while one of them holds an order. The tree of a book (four steps
of 6 bits above the leaf's own 6) has nodes only where there are leaves. So memory follows the
prices in use wherever they walk, finding a level is one probe in the usual case and five loads in
the worst, and the next best level after a gap of any width costs the same.

Keys: see ``books`` in state/layout.py. The best level of either side has the highest key.
Freed leaves and nodes are all zero but for their free-list link.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.bitmap import bit, highest_below
from exchange.engine.state.fields import element_reader, element_writer
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    KEY_BITS,
    LEAF_CACHE_MASK,
    LEAF_FREE,
    LEAF_HIGH,
    LEAF_LEVELS,
    LEAVES_USED,
    MAX_LEAVES,
    MAX_NODES,
    NODE_CHILDREN,
    NODE_FREE,
    NODE_HIGH,
    NODE_NEXT_FREE,
    NODE_WORDS,
    NODES_USED,
    SHARES,
)
from exchange.engine.state.memory import get, multiply, put, shift_right, top_bit
from exchange.engine.state.rows import (
    account_live_orders,
    add_to_level_orders,
    add_to_level_quantity,
    book_best,
    book_root,
    leaf_bitmap,
    leaf_name_of,
    leaf_next_free,
    level_tail,
    node_bitmap,
    node_next_free,
    order_next,
    order_previous,
    set_book_best,
    set_book_level,
    set_book_root,
    set_leaf_bitmap,
    set_leaf_name,
    set_leaf_next_free,
    set_level_head,
    set_level_tail,
    set_node_bitmap,
    set_node_next_free,
    set_order_level,
    set_order_next,
    set_order_previous,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, as a signed number
_HASH_SHIFT = 40  # of a leaf's name, times _SPREAD: its best mixed bits
_STEP_BITS = 6  # of a key, for each node on the way and for the level in its leaf
_STEP_MASK = (1 << _STEP_BITS) - 1
NODES_OF_BLOCK = KEY_BITS // _STEP_BITS - 1  # on the way from the root to a block
_TOP_SHIFT = KEY_BITS - _STEP_BITS  # of a key's bits that choose the root's child
_BLOCK_BITS = KEY_BITS - _STEP_BITS  # of a key without the bits that name a level in its leaf
_BLOCK_MASK = (1 << _BLOCK_BITS) - 1

assert 1 << _STEP_BITS == LEAF_LEVELS and KEY_BITS == 5 * _STEP_BITS
assert NODE_NEXT_FREE.word - NODE_CHILDREN.word == LEAF_LEVELS // 2  # children are 32 bits

# of a node, by their numbers 0 to 63: nodes or leaves, 0 = none
child = element_reader("nodes", NODE_WORDS, NODE_CHILDREN)
_set_child = element_writer("nodes", NODE_WORDS, NODE_CHILDREN)


@jit_inline_internal
def step_of(key: int, shift: int) -> int:
    """The child that the way to ``key`` takes in the node whose bits of keys begin at ``shift``."""
    return (key >> shift) & _STEP_MASK


@jit_inline_internal
def level_number(key: int) -> int:
    """Which of its leaf's 64 levels is the level of ``key``."""
    return key & _STEP_MASK


@jit_inline_internal
def level_in(leaf: int, key: int) -> int:
    """The level of ``key``, whose leaf is ``leaf``."""
    return (leaf << _STEP_BITS) | level_number(key)


@jit_inline
def leaf_name(book: int, key: int) -> int:
    """What identifies the leaf of ``key`` in ``book``; never 0."""
    return ((book << _BLOCK_BITS) | (key >> _STEP_BITS)) + 1


@jit_inline_internal
def cache_place(view: Any, name: int) -> int:
    return shift_right(multiply(name, _SPREAD), _HASH_SHIFT) & get(view.scalars, LEAF_CACHE_MASK)


@engine_function
def find_leaf_in_tree(view: Any, book: int, key: int) -> int:
    """The leaf of ``key`` or 0, without the cache."""
    node = book_root(view, book)
    shift = _TOP_SHIFT
    while node != 0 and shift > 0:
        node = child(view, node, step_of(key, shift))
        shift -= _STEP_BITS
    return node


@jit_inline_internal
def find_leaf(view: Any, book: int, key: int) -> int:
    """The leaf of ``key`` or 0."""
    name = leaf_name(book, key)
    place = cache_place(view, name)
    leaf = get(view.leaf_cache, place)
    if leaf_name_of(view, leaf) != name:
        leaf = find_leaf_in_tree(view, book, key)
        put(view.leaf_cache, place, leaf)
    return leaf


@engine_function
def can_make_leaf(view: Any, book: int, key: int) -> bool:
    """Whether the leaf of ``key``, which does not exist, and its nodes could be allocated."""
    scalars = view.scalars
    if get(scalars, LEAVES_USED) >= get(scalars, MAX_LEAVES):
        return False
    node = book_root(view, book)
    missing = 0
    shift = _TOP_SHIFT
    while shift > 0:
        if node == 0:
            missing += 1
        else:
            node = child(view, node, step_of(key, shift))
        shift -= _STEP_BITS
    # the last step looked at a leaf's place, which is empty: it is no missing node
    return get(scalars, NODES_USED) + missing <= get(scalars, MAX_NODES)


@jit_inline_internal
def can_rest(view: Any, book: int, key: int) -> bool:
    """Whether an order may join the level of ``key``; changes nothing that matters."""
    return find_leaf(view, book, key) != 0 or can_make_leaf(view, book, key)


@engine_function
def share_left(view: Any, account_at: int) -> bool:
    """Whether the account may make a block: it is to leave others as many as its orders can keep.

    A block is kept by the orders in it, so an account cannot keep more blocks than it has live
    orders, nor more than NODES_OF_BLOCK times as many nodes. While more than half is left, that
    much is left whatever its orders keep.
    """
    scalars = view.scalars
    live = account_live_orders(view, account_at)
    blocks = get(scalars, MAX_LEAVES)
    nodes = get(scalars, MAX_NODES)
    blocks_left = blocks - get(scalars, LEAVES_USED)
    nodes_left = nodes - get(scalars, NODES_USED)
    return (2 * blocks_left > blocks or live < blocks_left) and (
        2 * nodes_left > nodes or live * NODES_OF_BLOCK < nodes_left
    )


@jit_inline_internal
def may_rest(view: Any, book: int, key: int, account_at: int) -> bool:
    """``can_rest`` of a new order, for which its account's share counts too."""
    if find_leaf(view, book, key) != 0:
        return True
    if get(view.scalars, SHARES.word) != 0 and not share_left(view, account_at):
        return False
    return can_make_leaf(view, book, key)


@engine_function
def new_node(view: Any) -> int:
    scalars = view.scalars
    node = get(scalars, NODE_FREE)
    if node != 0:
        put(scalars, NODE_FREE, node_next_free(view, node))
        set_node_next_free(view, node, 0)
    else:
        node = get(scalars, NODE_HIGH) + 1
        put(scalars, NODE_HIGH, node)
    put(scalars, NODES_USED, get(scalars, NODES_USED) + 1)
    return node


@engine_function
def free_node(view: Any, node: int) -> None:
    scalars = view.scalars
    set_node_next_free(view, node, get(scalars, NODE_FREE))
    put(scalars, NODE_FREE, node)
    put(scalars, NODES_USED, get(scalars, NODES_USED) - 1)


@engine_function
def make_leaf(view: Any, book: int, key: int) -> int:
    """Allocate the leaf of ``key``, which does not exist; room for it has been checked."""
    scalars = view.scalars
    leaf = get(scalars, LEAF_FREE)
    if leaf != 0:
        put(scalars, LEAF_FREE, leaf_next_free(view, leaf))
        set_leaf_next_free(view, leaf, 0)
    else:
        leaf = get(scalars, LEAF_HIGH) + 1
        put(scalars, LEAF_HIGH, leaf)
    put(scalars, LEAVES_USED, get(scalars, LEAVES_USED) + 1)
    name = leaf_name(book, key)
    set_leaf_name(view, leaf, name)
    node = book_root(view, book)
    if node == 0:
        node = new_node(view)
        set_book_root(view, book, node)
    shift = _TOP_SHIFT
    while shift > 0:
        number = step_of(key, shift)
        below = child(view, node, number)
        if below == 0:
            below = leaf if shift == _STEP_BITS else new_node(view)
            _set_child(view, node, number, below)
            set_node_bitmap(view, node, node_bitmap(view, node) | bit(number))
        node = below
        shift -= _STEP_BITS
    put(view.leaf_cache, cache_place(view, name), leaf)
    return leaf


@engine_function
def unlink_child(view: Any, node: int, number: int) -> int:
    """Take child ``number`` out of ``node``; what is left in its bitmap."""
    _set_child(view, node, number, 0)
    rest = node_bitmap(view, node) & ~bit(number)
    set_node_bitmap(view, node, rest)
    return rest


@engine_function
def drop_leaf(view: Any, book: int, key: int, leaf: int) -> None:
    """Give back the leaf of ``key``, whose levels are all empty, and the nodes it leaves bare."""
    scalars = view.scalars
    set_leaf_name(view, leaf, 0)
    set_leaf_next_free(view, leaf, get(scalars, LEAF_FREE))
    put(scalars, LEAF_FREE, leaf)
    put(scalars, LEAVES_USED, get(scalars, LEAVES_USED) - 1)
    node_0 = book_root(view, book)
    step_0 = step_of(key, _TOP_SHIFT)
    step_1 = step_of(key, _TOP_SHIFT - _STEP_BITS)
    step_2 = step_of(key, _TOP_SHIFT - 2 * _STEP_BITS)
    step_3 = step_of(key, _TOP_SHIFT - 3 * _STEP_BITS)
    node_1 = child(view, node_0, step_0)
    node_2 = child(view, node_1, step_1)
    node_3 = child(view, node_2, step_2)
    if unlink_child(view, node_3, step_3) != 0:
        return
    free_node(view, node_3)
    if unlink_child(view, node_2, step_2) != 0:
        return
    free_node(view, node_2)
    if unlink_child(view, node_1, step_1) != 0:
        return
    free_node(view, node_1)
    if unlink_child(view, node_0, step_0) != 0:
        return
    free_node(view, node_0)
    set_book_root(view, book, 0)


@engine_function
def find_best(view: Any, book: int) -> None:
    """Set the book's best key and level from its tree."""
    node = book_root(view, book)
    if node == 0:
        set_book_best(view, book, 0)
        set_book_level(view, book, 0)
        return
    key = 0
    for _ in range(4):
        number = top_bit(node_bitmap(view, node))
        key = (key << _STEP_BITS) | number
        node = child(view, node, number)
    number = top_bit(leaf_bitmap(view, node))
    set_book_best(view, book, (key << _STEP_BITS) | number)
    set_book_level(view, book, (node << _STEP_BITS) | number)


@engine_function
def next_worse_key(view: Any, book: int, key: int) -> int:
    """The highest key in use below ``key``; 0 if there is none."""
    leaf = find_leaf_in_tree(view, book, key)
    if leaf != 0:
        found = highest_below(leaf_bitmap(view, leaf), level_number(key))
        if found >= 0:
            return (key & ~_STEP_MASK) | found
    # Climb: the deepest node on the path to `key` that has a smaller child, then down on the right.
    result_node = 0
    result_key = 0
    result_shift = 0
    node = book_root(view, book)
    shift = _TOP_SHIFT
    while node != 0 and shift > 0:
        number = step_of(key, shift)
        found = highest_below(node_bitmap(view, node), number)
        if found >= 0:
            result_node = child(view, node, found)
            result_key = ((key >> (shift + _STEP_BITS)) << _STEP_BITS) | found
            result_shift = shift - _STEP_BITS
        node = child(view, node, number)
        shift -= _STEP_BITS
    if result_node == 0:
        return 0
    while result_shift > 0:
        found = top_bit(node_bitmap(view, result_node))
        result_key = (result_key << _STEP_BITS) | found
        result_node = child(view, result_node, found)
        result_shift -= _STEP_BITS
    return (result_key << _STEP_BITS) | top_bit(leaf_bitmap(view, result_node))


@jit_inline_internal
def level_of(view: Any, book: int, key: int) -> int:
    """The level of ``key``, which is in use or whose leaf is; 0 if its leaf does not exist."""
    leaf = find_leaf(view, book, key)
    return level_in(leaf, key) if leaf != 0 else 0


@jit_inline_internal
def join_level(view: Any, slot: int, book: int, key: int, quantity: int) -> int:
    """Put the order in ``slot`` at the tail of its level (made if need be); the level."""
    leaf = find_leaf(view, book, key)
    if leaf == 0:
        leaf = make_leaf(view, book, key)
    level = level_in(leaf, key)
    tail = level_tail(view, level)
    set_order_next(view, slot, 0)
    set_order_previous(view, slot, tail)
    set_order_level(view, slot, level)
    set_level_tail(view, level, slot)
    if tail != 0:
        set_order_next(view, tail, slot)
    else:
        set_level_head(view, level, slot)
        set_leaf_bitmap(view, leaf, leaf_bitmap(view, leaf) | bit(level_number(key)))
        if key > book_best(view, book):
            set_book_best(view, book, key)
            set_book_level(view, book, level)
    add_to_level_quantity(view, level, quantity)
    add_to_level_orders(view, level, 1)
    return level


@engine_function
def level_emptied(view: Any, level: int) -> None:
    """The last order left ``level``: clear its bit, give back a bare leaf, find the new best."""
    leaf = level >> _STEP_BITS
    number = level & _STEP_MASK
    name = leaf_name_of(view, leaf) - 1
    book = name >> _BLOCK_BITS
    key = ((name & _BLOCK_MASK) << _STEP_BITS) | number
    rest = leaf_bitmap(view, leaf) & ~bit(number)
    set_leaf_bitmap(view, leaf, rest)
    if rest == 0:
        drop_leaf(view, book, key, leaf)
    if book_best(view, book) == key:
        if rest != 0:
            # the best key is the highest of all, so the next one is in the same leaf
            number = top_bit(rest)
            set_book_best(view, book, (key & ~_STEP_MASK) | number)
            set_book_level(view, book, (leaf << _STEP_BITS) | number)
        else:
            find_best(view, book)


@jit_inline_internal
def leave_level(view: Any, slot: int, level: int, quantity: int) -> None:
    """Take the order in ``slot`` and its open ``quantity`` out of its level.

    The level's totals stay readable afterwards (an emptied level is all zero).
    """
    following = order_next(view, slot)
    previous = order_previous(view, slot)
    add_to_level_quantity(view, level, -quantity)
    add_to_level_orders(view, level, -1)
    if following != 0:
        set_order_previous(view, following, previous)
    else:
        set_level_tail(view, level, previous)
    if previous != 0:
        set_order_next(view, previous, following)
    else:
        set_level_head(view, level, following)
        if following == 0:
            level_emptied(view, level)
