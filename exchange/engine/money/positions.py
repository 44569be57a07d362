"""Positions: how much of an instrument an account holds, and what it cost.

A row per pair of account and instrument, made when the pair is first used and never deleted: open
addressing with linear probing, at most half full. Each row is one cache line.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import (
    MAX_POSITIONS,
    POSITION_MASK,
    POSITION_WORDS,
    POSITIONS_USED,
)
from exchange.engine.state.memory import divide, get, multiply, put, remainder, shift_right, top_bit
from ringbuffer.jit import jit, jit_inline, jit_inline_internal, jit_internal

# words of a position
POSITION_QUANTITY = 1
POSITION_FROZEN = 2
POSITION_COST = 3
POSITION_OPEN_BUYS = 4
POSITION_OPEN_SHORTS = 5

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, as a signed number
_PRODUCT_BITS = 61  # the product of numbers whose top bits add up to less is below 2^62
_HALF_BITS = 20
_HALF_MASK = (1 << _HALF_BITS) - 1


@jit_inline_internal
def position_place(v: Any, account: int, instrument: int) -> int:
    """The first word of the row where probing starts."""
    mixed = multiply((account << 16) | instrument, _SPREAD)
    return (shift_right(mixed, 32) & get(v.scalars, POSITION_MASK)) * POSITION_WORDS


@jit_inline_internal
def position_find(v: Any, account: int, instrument: int) -> int:
    """The first word of the position's row, or -1 when it does not exist."""
    name = ((account << 16) | instrument) + 1
    at = position_place(v, account, instrument)
    while True:
        found = get(v.positions, at)
        if found == name:
            return at
        if found == 0:
            return -1
        at = (at + POSITION_WORDS) & (get(v.scalars, POSITION_MASK) * POSITION_WORDS)


@jit_inline_internal
def position_can_make(v: Any) -> bool:
    """Whether there is room for another position."""
    return get(v.scalars, POSITIONS_USED) < get(v.scalars, MAX_POSITIONS)


@jit_internal
def position_make(v: Any, account: int, instrument: int) -> int:
    """The first word of the position's row, made if need be; room has been checked."""
    name = ((account << 16) | instrument) + 1
    at = position_place(v, account, instrument)
    while True:
        found = get(v.positions, at)
        if found == name:
            return at
        if found == 0:
            put(v.positions, at, name)
            put(v.scalars, POSITIONS_USED, get(v.scalars, POSITIONS_USED) + 1)
            return at
        at = (at + POSITION_WORDS) & (get(v.scalars, POSITION_MASK) * POSITION_WORDS)


@jit
def _wide_share(cost: int, part: int, whole: int) -> int:
    """floor(cost * part / whole) where the product may not fit: in halves of ``part``."""
    quotient = divide(cost, whole)
    rest = cost - quotient * whole
    high = rest * (part >> _HALF_BITS)
    shifted = (remainder(high, whole) << _HALF_BITS) + rest * (part & _HALF_MASK)
    return quotient * part + (divide(high, whole) << _HALF_BITS) + divide(shifted, whole)


@jit_inline
def share_of_cost(cost: int, part: int, whole: int) -> int:
    """floor(cost * part / whole), exact, for 0 < part <= whole <= 2^41 and 0 <= cost <= 2^62."""
    if part == whole:
        return cost
    if top_bit(cost) + top_bit(part) < _PRODUCT_BITS:
        return divide(cost * part, whole)
    return _wide_share(cost, part, whole)


@jit_inline_internal
def position_change(v: Any, p: int, d: int, price: int, multiplier: int) -> None:
    """Change the position at ``p`` by ``d`` (not 0), bought or sold at ``price`` a unit."""
    quantity = get(v.positions, p + POSITION_QUANTITY)
    cost = get(v.positions, p + POSITION_COST)
    put(v.positions, p + POSITION_QUANTITY, quantity + d)
    if quantity == 0 or (quantity ^ d) >= 0:
        put(v.positions, p + POSITION_COST, cost + price * d * multiplier)
        return
    held = quantity if quantity > 0 else -quantity
    size = d if d > 0 else -d
    if size > held:
        # it turns: what is left of the change starts a position of the other sign
        put(v.positions, p + POSITION_COST, price * (quantity + d) * multiplier)
        return
    if cost >= 0:
        put(v.positions, p + POSITION_COST, cost - share_of_cost(cost, size, held))
    else:
        put(v.positions, p + POSITION_COST, cost + share_of_cost(-cost, size, held))
