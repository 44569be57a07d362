"""Money and stock as the account model counts them: fees, freezing, settlement, positions.

Who uses it: ``accounts_apply.py``. The rules are those of ``docs/matching.md`` (*Money and stock*)
and of ``exchange/recovery/ledger.py``, which says the same in plain Python; here in 64-bit
integers, with the bounds of that page: a value is at most 2^56, a rate at most 100,000 ppm, a
position at most 2^41 either way. ``m`` and addresses as in ``accounts_lists.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import Side
from exchange.read_model.accounts.layout import (
    B_BALANCE,
    B_DIRTY,
    B_FROZEN,
    B_UPDATED_NS,
    H_DIRTY_POSITIONS,
    H_DIRTY_POSITIONS_COUNT,
    I_FREEZE_RATE,
    I_MULTIPLIER,
    P_BALANCE,
    P_COST,
    P_DIRTY,
    P_FROZEN,
    P_INSTRUMENT,
    P_OPEN_BUYS,
    P_OPEN_SHORTS,
    P_QUANTITY,
    P_UPDATED_NS,
)
from exchange.read_model.accounts.lists import touch, touch_balance
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

_MILLION = 1_000_000
_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_SMALL = 1 << 31
_PART_BITS = 21
_PART_MASK = (1 << _PART_BITS) - 1


@jit_borrowed_inline
def fee_of(value: int, rate: int) -> int:
    """``value`` (>= 0) x ``rate`` / 1,000,000, truncated towards zero."""
    size = rate if rate >= 0 else -rate
    fee = value // _MILLION * size + value % _MILLION * size // _MILLION
    return fee if rate >= 0 else -fee


@jit_borrowed_inline
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


@jit_borrowed_inline
def touch_position(m: np.ndarray, at: int, now_ns: int) -> None:
    m[at + P_UPDATED_NS] = now_ns
    touch(m, at, P_DIRTY, H_DIRTY_POSITIONS, H_DIRTY_POSITIONS_COUNT)


@jit_borrowed_inline
def change_balance(m: np.ndarray, balance: int, by: int, now_ns: int) -> None:
    """Add to a balance."""
    m[balance + B_BALANCE] += by
    m[balance + B_UPDATED_NS] = now_ns
    touch_balance(m, balance, B_DIRTY)


@jit_borrowed
def change_position(m: np.ndarray, at: int, by: int, unit_cost: int, now_ns: int) -> None:
    """Add ``by`` units (negative: take away) that cost ``unit_cost`` each."""
    held = m[at + P_QUANTITY]
    if held == 0 or (held > 0) == (by > 0):
        m[at + P_COST] += by * unit_cost
        m[at + P_QUANTITY] = held + by
    else:
        sign = 1 if held > 0 else -1
        size, change = abs(held), abs(by)
        closed = min(size, change)
        m[at + P_COST] -= sign * share_of(abs(m[at + P_COST]), closed, size)
        m[at + P_QUANTITY] = held - sign * closed
        opened = change - closed
        if opened != 0:
            m[at + P_QUANTITY] = -sign * opened
            m[at + P_COST] = -sign * opened * unit_cost
    touch_position(m, at, now_ns)


@jit_borrowed_inline
def need(m: np.ndarray, instrument: int, price: int, quantity: int) -> int:
    """What a buy order of ``quantity`` at ``price`` freezes of its account's balance."""
    value = price * quantity * m[instrument + I_MULTIPLIER]
    return value + fee_of(value, m[instrument + I_FREEZE_RATE])


@jit_borrowed
def freeze(
    m: np.ndarray, position: int, side: int, price: int, before: int, after: int, now_ns: int
) -> None:
    """What an order freezes as its open quantity changes from ``before`` to ``after``."""
    change = after - before
    if side == _BUY:
        instrument, balance = m[position + P_INSTRUMENT], m[position + P_BALANCE]
        m[balance + B_FROZEN] += need(m, instrument, price, after) - need(
            m, instrument, price, before
        )
        m[position + P_OPEN_BUYS] += change
        m[balance + B_UPDATED_NS] = now_ns
        touch_balance(m, balance, B_DIRTY)
    elif side == _SELL:
        m[position + P_FROZEN] += change
    else:
        m[position + P_OPEN_SHORTS] += change
    touch_position(m, position, now_ns)
