"""Positions: how much of an instrument an account holds, and what it cost.

A row per pair of account and instrument, made when the pair is first used: open addressing with
linear probing, at most half full. Each row is one cache line.

While the rules of shares hold, a row with nothing in it is given back at the end of the command
that has emptied it, and not before: the rest of the command knows rows by their place, and giving
one back moves others.

Decision ENG-14.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    EMPTY_POSITION,
    MAX_POSITIONS,
    POSITION_MASK,
    POSITION_WORDS,
    POSITIONS_USED,
    SHARES,
)
from exchange.engine.state.memory import divide, get, multiply, put, remainder, shift_right, top_bit
from exchange.engine.state.rows import (
    account_positions,
    add_to_account_positions,
    position_cost,
    position_frozen,
    position_name_of,
    position_next_empty,
    position_open_buys,
    position_open_shorts,
    position_quantity,
    set_position_cost,
    set_position_name,
    set_position_next_empty,
    set_position_quantity,
)
from ringbuffer.jit import jit, jit_inline, jit_inline_internal

_SPREAD = 0x9E3779B97F4A7C15 - (1 << 64)  # 2^64 / golden ratio, as a signed number
_PRODUCT_BITS = 61  # the product of numbers whose top bits add up to less is below 2^62
_HALF_BITS = 20
_HALF_MASK = (1 << _HALF_BITS) - 1
_INSTRUMENT_BITS = 16  # of a position's name
_INSTRUMENT_MASK = (1 << _INSTRUMENT_BITS) - 1
_HASH_SHIFT = 32
_LAST = -1  # of the list of rows that may be empty


@jit_inline_internal
def position_name(account: int, instrument: int) -> int:
    """What identifies the position of the account in the instrument; never 0."""
    return ((account << _INSTRUMENT_BITS) | instrument) + 1


@jit_inline_internal
def next_place(view: Any, position_at: int) -> int:
    """The first word of the row after ``position_at``, the first one after the last."""
    last = get(view.scalars, POSITION_MASK) * POSITION_WORDS
    return (position_at + POSITION_WORDS) & last


@jit_inline_internal
def position_place(view: Any, account: int, instrument: int) -> int:
    """The first word of the row where probing starts."""
    mixed = multiply(position_name(account, instrument) - 1, _SPREAD)
    return (shift_right(mixed, _HASH_SHIFT) & get(view.scalars, POSITION_MASK)) * POSITION_WORDS


@jit_inline_internal
def position_find(view: Any, account: int, instrument: int) -> int:
    """The first word of the position's row, or -1 when it does not exist."""
    name = position_name(account, instrument)
    position_at = position_place(view, account, instrument)
    while True:
        found = position_name_of(view, position_at)
        if found == name:
            return position_at
        if found == 0:
            return -1
        position_at = next_place(view, position_at)


@jit_inline_internal
def position_can_make(view: Any) -> bool:
    """Whether there is room for another position."""
    return get(view.scalars, POSITIONS_USED) < get(view.scalars, MAX_POSITIONS)


@jit_inline_internal
def position_may_make(view: Any, account_at: int) -> bool:
    """Whether the account may have another position: it is to leave as many as it has to others."""
    left = get(view.scalars, MAX_POSITIONS) - get(view.scalars, POSITIONS_USED)
    if get(view.scalars, SHARES.word) == 0:
        return left > 0
    return account_positions(view, account_at) < left


@jit_inline_internal
def position_empty(view: Any, position_at: int) -> bool:
    """Whether nothing is in the row: no stock, and no live order. Its cost is then 0 too."""
    orders = position_frozen(view, position_at) | position_open_buys(view, position_at)
    orders |= position_open_shorts(view, position_at)
    return position_quantity(view, position_at) | orders == 0


@jit_inline_internal
def note_empty(view: Any, position_at: int) -> None:
    """The row has changed: look at it at the end of the command if there is nothing in it now."""
    scalars = view.scalars
    if get(scalars, SHARES.word) == 0 or not position_empty(view, position_at):
        return
    if position_next_empty(view, position_at) != 0:
        return
    following = get(scalars, EMPTY_POSITION.word)
    set_position_next_empty(view, position_at, following if following != 0 else _LAST)
    put(scalars, EMPTY_POSITION.word, position_name_of(view, position_at))


@engine_function
def position_make(view: Any, account: int, instrument: int) -> int:
    """The first word of the position's row, made if need be; room has been checked."""
    name = position_name(account, instrument)
    position_at = position_place(view, account, instrument)
    while True:
        found = position_name_of(view, position_at)
        if found == name:
            return position_at
        if found == 0:
            set_position_name(view, position_at, name)
            put(view.scalars, POSITIONS_USED, get(view.scalars, POSITIONS_USED) + 1)
            if get(view.scalars, SHARES.word) != 0:
                add_to_account_positions(view, account * ACCOUNT_WORDS, 1)
                note_empty(view, position_at)
            return position_at
        position_at = next_place(view, position_at)


@jit_inline_internal
def account_of_name(name: int) -> int:
    """The account of a position's name."""
    return (name - 1) >> _INSTRUMENT_BITS


@jit_inline_internal
def _home(view: Any, name: int) -> int:
    """The first word of the row where probing for the name starts."""
    return position_place(view, account_of_name(name), (name - 1) & _INSTRUMENT_MASK)


@engine_function
def position_drop(view: Any, position_at: int) -> None:
    """Give the row at ``position_at`` back and close the gap behind it; other rows may move."""
    scalars = view.scalars
    account = account_of_name(position_name_of(view, position_at))
    add_to_account_positions(view, account * ACCOUNT_WORDS, -1)
    put(scalars, POSITIONS_USED, get(scalars, POSITIONS_USED) - 1)
    last = get(scalars, POSITION_MASK) * POSITION_WORDS
    gap = position_at
    place = gap
    while True:
        place = next_place(view, place)
        name = position_name_of(view, place)
        if name == 0:
            break
        # move it back unless its home lies cyclically after the gap
        if (place - _home(view, name)) & last >= (place - gap) & last:
            for word in range(POSITION_WORDS):
                put(view.positions, gap + word, get(view.positions, place + word))
            gap = place
    for word in range(POSITION_WORDS):
        put(view.positions, gap + word, 0)


@engine_function
def drop_empty_positions(view: Any) -> None:
    """Give back the rows of the command's list that are empty at its end."""
    name = get(view.scalars, EMPTY_POSITION.word)
    put(view.scalars, EMPTY_POSITION.word, 0)
    while name > 0:
        position_at = position_find(view, account_of_name(name), (name - 1) & _INSTRUMENT_MASK)
        following = position_next_empty(view, position_at)
        set_position_next_empty(view, position_at, 0)
        if position_empty(view, position_at):
            position_drop(view, position_at)
        name = following


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
def position_change(view: Any, position_at: int, change: int, price: int, multiplier: int) -> None:
    """Add ``change`` (not 0) to the position, bought or sold at ``price`` a unit."""
    quantity = position_quantity(view, position_at)
    cost = position_cost(view, position_at)
    set_position_quantity(view, position_at, quantity + change)
    if quantity == 0 or (quantity ^ change) >= 0:
        set_position_cost(view, position_at, cost + price * change * multiplier)
        return
    held = quantity if quantity > 0 else -quantity
    size = change if change > 0 else -change
    if size > held:
        # it turns: what is left of the change starts a position of the other sign
        set_position_cost(view, position_at, price * (quantity + change) * multiplier)
        return
    if cost >= 0:
        set_position_cost(view, position_at, cost - share_of_cost(cost, size, held))
    else:
        set_position_cost(view, position_at, cost + share_of_cost(-cost, size, held))
    note_empty(view, position_at)
