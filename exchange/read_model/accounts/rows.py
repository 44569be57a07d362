"""Many orders, balances or positions at once as rows of a structured array, for bulk readers.

Who uses it: ``accounts.py`` for the store, where an object of Python per order would cost too much.
Each row is a row of 64-bit words under names: the fields of ``accounts_types.py``. A row that is
asked for and not there has the key 0 (``order_id``, ``account``).
"""

from __future__ import annotations

import numpy as np

from exchange.codes import OrderType
from exchange.read_model.accounts.layout import (
    A_BALANCES,
    A_BLOCKED,
    A_CREATED_NS,
    A_DAILY_COUNT,
    A_DAILY_LIMIT,
    A_KILLED,
    A_UPDATED_NS,
    B_BALANCE,
    B_FROZEN,
    B_UPDATED_NS,
    BALANCE_WORDS,
    BYTE,
    DISPLAY_SHIFT,
    H_ACCOUNTS_MAXIMUM,
    H_CURRENCIES_MAXIMUM,
    H_INSTRUMENTS_MAXIMUM,
    HALF,
    HALF_BITS,
    INSTRUMENT_SHIFT,
    O_CREATED_NS,
    O_DISPLAY_QUANTITY,
    O_FILLED,
    O_ID,
    O_OPEN,
    O_OWNER,
    O_PRICE,
    O_QUANTITY,
    O_REPLACED_BY,
    O_REPLACES,
    O_STOP_PRICE,
    O_TERMS,
    O_TOKEN_0,
    O_TOKEN_1,
    O_UPDATED_NS,
    O_VALUE,
    O_VALUE_HIGH,
    O_WHAT,
    P_COST,
    P_CREATED_NS,
    P_FROZEN,
    P_OPEN_BUYS,
    P_OPEN_SHORTS,
    P_QUANTITY,
    P_UPDATED_NS,
    REASON_SHIFT,
    SESSION_SHIFT,
    SHORT,
    SIDE_SHIFT,
    STATUS_MASK,
    TYPE_SHIFT,
    VALUE_CARRY_BITS,
)
from exchange.read_model.accounts.lists import account_at, find_order, low, position_of
from exchange.read_model.accounts.order_status import OrderStatus
from ringbuffer.jit import jit_borrowed


def _rows(*names: str) -> np.dtype:
    return np.dtype([(name, "<i8") for name in names])


# `value_high`: of the rare sums of price x quantity that leave 61 bits, the part above them:
# filled_value + (value_high << 61) is the whole.
_ORDER_WORDS = (
    "order_id", "account", "session", "instrument", "side", "order_type", "time_in_force",
    "minimum_quantity", "display", "price", "stop_price", "display_quantity", "quantity", "open",
    "filled", "filled_value", "value_high", "status", "reason", "created_ns", "updated_ns",
    "filled_ns", "cancelled_ns", "replaces", "replaced_by",
)  # fmt: skip
VALUE_HIGH_BITS = VALUE_CARRY_BITS
# `token`: 14 bytes; numpy shows them without the two zeros behind them
ORDER_ROW = np.dtype([*((name, "<i8") for name in _ORDER_WORDS), ("token", "S16")])
BALANCE_ROW = _rows(
    "account", "currency", "balance", "frozen", "daily_order_count", "daily_order_limit",
    "created_ns", "updated_ns", "blocked", "killed",
)  # fmt: skip
POSITION_ROW = _rows(
    "account", "instrument", "quantity", "frozen", "total_cost", "open_buys", "open_shorts",
    "created_ns", "updated_ns",
)  # fmt: skip

_MARKET = int(OrderType.MARKET)
_STOP = int(OrderType.STOP)
_FILLED = int(OrderStatus.FILLED)
_CANCELLED = int(OrderStatus.CANCELLED)
_EXPIRED = int(OrderStatus.EXPIRED)
_REJECTED = int(OrderStatus.REJECTED)


@jit_borrowed
def fill_order_rows(m: np.ndarray, order_ids: np.ndarray, rows: np.ndarray) -> None:
    """Row i of ``rows`` (ORDER_ROW as int64 words, zeros) becomes the order ``order_ids[i]``."""
    for number in range(order_ids.shape[0]):
        at = find_order(m, order_ids[number])
        if at == 0:
            continue
        what, owner, terms = m[at + O_WHAT], m[at + O_OWNER], m[at + O_TERMS]
        status, order_type = what & STATUS_MASK, (what >> TYPE_SHIFT) & BYTE
        row = rows[number]
        row[0] = m[at + O_ID]
        row[1] = low(owner)
        row[2] = (owner >> SESSION_SHIFT) & SHORT
        row[3] = (what >> INSTRUMENT_SHIFT) & SHORT
        row[4] = (what >> SIDE_SHIFT) & BYTE
        row[5] = order_type
        row[6] = terms & HALF
        row[7] = (terms >> HALF_BITS) & HALF
        row[8] = (what >> DISPLAY_SHIFT) & BYTE
        if status == _REJECTED or order_type not in (_MARKET, _STOP):
            row[9] = m[at + O_PRICE]
        row[10] = m[at + O_STOP_PRICE]
        row[11] = m[at + O_DISPLAY_QUANTITY]
        row[12] = m[at + O_QUANTITY]
        row[13] = m[at + O_OPEN]
        row[14] = m[at + O_FILLED]
        row[15] = m[at + O_VALUE]
        row[16] = m[at + O_VALUE_HIGH]
        row[17] = status
        row[18] = (what >> REASON_SHIFT) & BYTE
        row[19] = m[at + O_CREATED_NS]
        row[20] = m[at + O_UPDATED_NS]
        if status == _FILLED:
            row[21] = m[at + O_UPDATED_NS]
        elif status in (_CANCELLED, _EXPIRED):
            row[22] = m[at + O_UPDATED_NS]
        row[23] = m[at + O_REPLACES]
        row[24] = m[at + O_REPLACED_BY]
        row[25] = m[at + O_TOKEN_0]
        row[26] = m[at + O_TOKEN_1]


@jit_borrowed
def fill_balance_rows(m: np.ndarray, pairs: np.ndarray, rows: np.ndarray) -> None:
    """As ``fill_order_rows`` for pairs (account, currency); currency 0: without money."""
    for number in range(pairs.shape[0]):
        account, currency = pairs[number, 0], pairs[number, 1]
        if not (0 < account < m[H_ACCOUNTS_MAXIMUM] and 0 <= currency < m[H_CURRENCIES_MAXIMUM]):
            continue
        at = account_at(m, account)
        balance = at + A_BALANCES + BALANCE_WORDS * currency
        row = rows[number]
        row[0] = account
        row[1] = currency
        row[2] = m[balance + B_BALANCE]
        row[3] = m[balance + B_FROZEN]
        row[4] = m[at + A_DAILY_COUNT]
        row[5] = m[at + A_DAILY_LIMIT]
        row[6] = m[at + A_CREATED_NS]
        row[7] = max(m[at + A_UPDATED_NS], m[balance + B_UPDATED_NS])
        row[8] = m[at + A_BLOCKED]
        row[9] = m[at + A_KILLED]


@jit_borrowed
def fill_position_rows(m: np.ndarray, pairs: np.ndarray, rows: np.ndarray) -> None:
    """As ``fill_order_rows`` for pairs (account, instrument)."""
    for number in range(pairs.shape[0]):
        account, instrument = pairs[number, 0], pairs[number, 1]
        if not (0 < account < m[H_ACCOUNTS_MAXIMUM] and 0 < instrument < m[H_INSTRUMENTS_MAXIMUM]):
            continue
        at = position_of(m, account, instrument, False)
        if at == 0:
            continue
        row = rows[number]
        row[0] = account
        row[1] = instrument
        row[2] = m[at + P_QUANTITY]
        row[3] = m[at + P_FROZEN]
        row[4] = m[at + P_COST]
        row[5] = m[at + P_OPEN_BUYS]
        row[6] = m[at + P_OPEN_SHORTS]
        row[7] = m[at + P_CREATED_NS]
        row[8] = m[at + P_UPDATED_NS]
