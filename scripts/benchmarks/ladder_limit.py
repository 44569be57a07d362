"""The limit of the matcher benchmark: a bare price ladder with nothing around it.

No tokens, no ids, no checks, no sessions, no level pool: prices index an array, orders are slots
that the caller chose, an output record is four words. What a matcher on this machine in this minute
could not beat; the product's figure is read beside it.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from exchange.engine.book.bitmap import bit, highest_below, lowest_from
from exchange.engine.state.memory import get, put, words
from ringbuffer.jit import jit

PRICES = 1 << 12  # one bitmap of 64 words under one of 1
OUTPUT_SLOTS = 1 << 12


@jit
def _next(bits: Any, price: int, side: int) -> int:
    """The nearest non-empty price: upwards for asks (1), downwards for bids (0); -1 if none."""
    word = price >> 6
    if side == 1:
        found = lowest_from(get(bits, word), price & 63)
        if found >= 0:
            return (word << 6) | found
        if word == 63:
            return -1
        word = lowest_from(get(bits, 64), word + 1)
        return -1 if word < 0 else (word << 6) | lowest_from(get(bits, word), 0)
    found = highest_below(get(bits, word), price & 63)
    if found >= 0:
        return (word << 6) | found
    word = highest_below(get(bits, 64), word)
    return -1 if word < 0 else (word << 6) | highest_below(get(bits, word), 63)


@jit
def _unlink(orders: Any, levels: Any, bits: Any, best: Any, side: int, slot: int) -> None:
    price = get(orders, slot * 8 + 1)
    level = (side * PRICES + price) * 4
    following = get(orders, slot * 8 + 2)
    previous = get(orders, slot * 8 + 3)
    put(levels, level, get(levels, level) - get(orders, slot * 8))
    put(orders, slot * 8, 0)
    if following:
        put(orders, following * 8 + 3, previous)
    else:
        put(levels, level + 2, previous)
    if previous:
        put(orders, previous * 8 + 2, following)
    else:
        put(levels, level + 1, following)
    if following == 0 and previous == 0:
        rest = get(bits, price >> 6) & ~bit(price & 63)
        put(bits, price >> 6, rest)
        if rest == 0:
            put(bits, 64, get(bits, 64) & ~bit(price >> 6))
        if get(best, side) == price:
            put(best, side, _next(bits, price, side))


# long: one loop over the commands, written out by hand: it is the limit
@jit
def run(
    commands: np.ndarray,
    orders_array: np.ndarray,
    levels_array: np.ndarray,
    bids: np.ndarray,
    asks: np.ndarray,
    best_array: np.ndarray,
    output: np.ndarray,
) -> int:
    """Apply ``commands`` (n x 4: kind, side, price, quantity; slot = number + 1); the trades."""
    c = words(commands)
    orders = words(orders_array)
    levels = words(levels_array)
    best = words(best_array)
    out = words(output)
    written = 0
    trades = 0
    for number in range(commands.shape[0]):
        at = number * 4
        kind = get(c, at)
        side = get(c, at + 1)
        price = get(c, at + 2)
        left = get(c, at + 3)
        if kind == 1:
            slot = left
            if get(orders, slot * 8):
                owner = get(orders, slot * 8 + 4)
                _unlink(orders, levels, words(asks) if owner else words(bids), best, owner, slot)
        else:
            other = 1 - side
            bits = words(asks) if other else words(bids)
            while left > 0:
                top = get(best, other)
                if top < 0 or (top > price if side == 0 else top < price):
                    break
                maker = get(levels, (other * PRICES + top) * 4 + 1)
                open_quantity = get(orders, maker * 8)
                traded = min(left, open_quantity)
                left -= traded
                trades += 1
                slot = (written & (OUTPUT_SLOTS - 1)) * 4
                put(out, slot, maker)
                put(out, slot + 1, traded)
                written += 1
                if traded == open_quantity:
                    _unlink(orders, levels, bits, best, other, maker)
                else:
                    put(orders, maker * 8, open_quantity - traded)
                    level = (other * PRICES + top) * 4
                    put(levels, level, get(levels, level) - traded)
            if left > 0:
                slot = number + 1
                level = (side * PRICES + price) * 4
                tail = get(levels, level + 2)
                put(orders, slot * 8, left)
                put(orders, slot * 8 + 1, price)
                put(orders, slot * 8 + 2, 0)
                put(orders, slot * 8 + 3, tail)
                put(orders, slot * 8 + 4, side)
                put(levels, level, get(levels, level) + left)
                put(levels, level + 2, slot)
                if tail:
                    put(orders, tail * 8 + 2, slot)
                else:
                    put(levels, level + 1, slot)
                    own = words(asks) if side else words(bids)
                    put(own, price >> 6, get(own, price >> 6) | bit(price & 63))
                    put(own, 64, get(own, 64) | bit(price >> 6))
                    top = get(best, side)
                    if top < 0 or (price > top if side == 0 else price < top):
                        put(best, side, price)
        slot = (written & (OUTPUT_SLOTS - 1)) * 4
        put(out, slot, number)
        put(out, slot + 1, left)
        put(out, slot + 2, price)
        put(out, slot + 3, kind)
        written += 1
    return trades


def _commands(count: int) -> np.ndarray:
    """Add 47, cancel 45, marketable 8: cancels of one of the last 2,000 commands."""
    random = np.random.default_rng(7)
    draw = random.random(count)
    side = random.integers(0, 2, count)
    distance = np.minimum(random.geometric(0.05, count), PRICES // 2 - 1)
    sign = np.where(side == 0, -1, 1)
    price = PRICES // 2 + sign * distance
    price = np.where(draw > 0.92, PRICES // 2 - 3 * sign, price)
    made = np.empty((count, 4), np.int64)
    made[:, 0] = draw < 0.45
    made[:, 1] = side
    made[:, 2] = price
    recent = np.maximum(np.arange(count) - random.integers(0, 2000, count), 1)
    made[:, 3] = np.where(draw < 0.45, recent, random.integers(1, 100, count))
    return made


def commands_per_s(count: int = 1_000_000, repeats: int = 3) -> float:
    """The best of ``repeats`` runs over ``count`` commands."""
    commands = _commands(count)
    best_time = float("inf")
    for repeat in range(repeats + 1):
        arrays = (
            np.zeros((count + 1) * 8, np.int64),
            np.zeros(2 * PRICES * 4, np.int64),
            np.zeros(65, np.int64),
            np.zeros(65, np.int64),
            np.full(2, -1, np.int64),
            np.zeros(OUTPUT_SLOTS * 4, np.int64),
        )
        start = time.perf_counter()
        trades = run(commands if repeat else commands[:10], *arrays)
        if repeat:
            best_time = min(best_time, time.perf_counter() - start)
            if trades == 0:
                raise AssertionError("the ladder does not trade")
    return count / best_time
