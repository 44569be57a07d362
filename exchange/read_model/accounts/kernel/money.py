"""Money and stock as the account model counts them: fees, freezing, settlement, positions.

Who uses it: the other modules of the package. The rules are those of ``docs/matching.md`` (*Money
and stock*) and of ``exchange/recovery/ledger.py``, which says the same in plain Python; here in
64-bit integers, with the bounds of that page: a value is at most 2^56, a rate at most 100,000 ppm,
a position at most 2^41 either way.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import Side
from exchange.read_model.accounts.kernel.lists import touch, touch_balance
from exchange.read_model.accounts.layout import (
    BALANCE_AMOUNT,
    BALANCE_DIRTY,
    BALANCE_FROZEN,
    BALANCE_UPDATED_NS,
    HEADER_DIRTY_POSITIONS,
    HEADER_DIRTY_POSITIONS_COUNT,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_MULTIPLIER,
    POSITION_BALANCE,
    POSITION_COST,
    POSITION_DIRTY,
    POSITION_FROZEN,
    POSITION_INSTRUMENT,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    POSITION_UPDATED_NS,
)
from ringbuffer.jit import jit_borrowed_inline_internal, jit_borrowed_internal

_MILLION = 1_000_000
_SMALL = 1 << 31
_PART_BITS = 21
_PART_MASK = (1 << _PART_BITS) - 1


@jit_borrowed_inline_internal
def fee_of(value: int, rate: int) -> int:
    """``value`` (>= 0, minor units) x ``rate`` (ppm) / 1,000,000, truncated towards zero."""
    size = rate if rate >= 0 else -rate
    fee = value // _MILLION * size + value % _MILLION * size // _MILLION
    return fee if rate >= 0 else -fee


@jit_borrowed_inline_internal
def share_of(cost: int, part: int, whole: int) -> int:
    """floor(``cost`` x ``part`` / ``whole``) for 0 <= cost, 0 < part <= whole <= 2^41."""
    rest = cost % whole
    result = cost // whole * part
    if rest < _SMALL and part < _SMALL:
        return result + rest * part // whole
    # in two steps, each below 2^63
    upper = rest * (part >> _PART_BITS)
    lower = (upper % whole << _PART_BITS) + rest * (part & _PART_MASK)
    return result + (upper // whole << _PART_BITS) + lower // whole


@jit_borrowed_inline_internal
def touch_position(memory: np.ndarray, position: int, now_ns: int) -> None:
    """Remember that the position at ``position`` changed, and when."""
    memory[position + POSITION_UPDATED_NS] = now_ns
    touch(memory, position, POSITION_DIRTY, HEADER_DIRTY_POSITIONS, HEADER_DIRTY_POSITIONS_COUNT)


@jit_borrowed_inline_internal
def change_balance(memory: np.ndarray, balance: int, change: int, now_ns: int) -> None:
    """Add ``change`` (minor units, either sign) to the balance at ``balance``."""
    memory[balance + BALANCE_AMOUNT] += change
    memory[balance + BALANCE_UPDATED_NS] = now_ns
    touch_balance(memory, balance, BALANCE_DIRTY)


@jit_borrowed_internal
def change_position(
    memory: np.ndarray, position: int, change: int, unit_cost: int, now_ns: int
) -> None:
    """Add ``change`` units (negative: take away) that cost ``unit_cost`` minor units each."""
    held = memory[position + POSITION_QUANTITY]
    if held == 0 or (held > 0) == (change > 0):
        memory[position + POSITION_COST] += change * unit_cost
        memory[position + POSITION_QUANTITY] = held + change
    else:
        sign = 1 if held > 0 else -1
        size, moved = abs(held), abs(change)
        closed = min(size, moved)
        cost = memory[position + POSITION_COST]
        memory[position + POSITION_COST] = cost - sign * share_of(abs(cost), closed, size)
        memory[position + POSITION_QUANTITY] = held - sign * closed
        opened = moved - closed
        if opened != 0:
            memory[position + POSITION_QUANTITY] = -sign * opened
            memory[position + POSITION_COST] = -sign * opened * unit_cost
    touch_position(memory, position, now_ns)


@jit_borrowed_inline_internal
def need(memory: np.ndarray, instrument_row: int, price: int, quantity: int) -> int:
    """Minor units of its account's balance that a buy of ``quantity`` at ``price`` freezes."""
    value = price * quantity * memory[instrument_row + INSTRUMENT_MULTIPLIER]
    return value + fee_of(value, memory[instrument_row + INSTRUMENT_FREEZE_RATE])


@jit_borrowed_internal
def freeze(
    memory: np.ndarray, position: int, side: int, price: int, before: int, after: int, now_ns: int
) -> None:
    """Freeze or give back as an order's open quantity goes from ``before`` to ``after`` (units)."""
    change = after - before
    if side == Side.BUY:
        instrument_row = memory[position + POSITION_INSTRUMENT]
        balance = memory[position + POSITION_BALANCE]
        needed = need(memory, instrument_row, price, after)
        memory[balance + BALANCE_FROZEN] += needed - need(memory, instrument_row, price, before)
        memory[position + POSITION_OPEN_BUYS] += change
        memory[balance + BALANCE_UPDATED_NS] = now_ns
        touch_balance(memory, balance, BALANCE_DIRTY)
    elif side == Side.SELL:
        memory[position + POSITION_FROZEN] += change
    else:
        memory[position + POSITION_OPEN_SHORTS] += change
    touch_position(memory, position, now_ns)
