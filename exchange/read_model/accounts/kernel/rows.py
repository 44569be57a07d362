"""Orders, balances and positions of the account model's memory as rows, many at once.

Who uses it: ``exchange/read_model/accounts/model.py``. Rows that are given are zero and stay so
where there is nothing to say.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import OrderType
from exchange.read_model.accounts.kernel.lists import account_row_of, find_order, position_of
from exchange.read_model.accounts.kernel.words import field_of
from exchange.read_model.accounts.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_BLOCKED,
    ACCOUNT_CREATED_NS,
    ACCOUNT_DAILY_COUNT,
    ACCOUNT_DAILY_LIMIT,
    ACCOUNT_KILLED,
    ACCOUNT_UPDATED_NS,
    BALANCE_AMOUNT,
    BALANCE_FROZEN,
    BALANCE_UPDATED_NS,
    BALANCE_WORDS,
    HEADER_ACCOUNTS_MAXIMUM,
    HEADER_CURRENCIES_MAXIMUM,
    HEADER_INSTRUMENTS_MAXIMUM,
    ORDER_ACCOUNT,
    ORDER_CREATED_NS,
    ORDER_DISPLAY,
    ORDER_DISPLAY_QUANTITY,
    ORDER_FILLED,
    ORDER_FILLED_BEFORE,
    ORDER_ID,
    ORDER_INSTRUMENT,
    ORDER_MINIMUM_QUANTITY,
    ORDER_OPEN,
    ORDER_PREVENTED,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_REPLACED_BY,
    ORDER_REPLACES,
    ORDER_SESSION,
    ORDER_SIDE,
    ORDER_STATUS,
    ORDER_STOP_PRICE,
    ORDER_TIME_IN_FORCE,
    ORDER_TOKEN_0,
    ORDER_TOKEN_1,
    ORDER_TYPE,
    ORDER_UPDATED_NS,
    ORDER_VALUE,
    POSITION_COST,
    POSITION_CREATED_NS,
    POSITION_FROZEN,
    POSITION_OPEN_BUYS,
    POSITION_OPEN_SHORTS,
    POSITION_QUANTITY,
    POSITION_UPDATED_NS,
)
from exchange.read_model.accounts.order_status import OrderStatus
from ringbuffer.jit import jit_borrowed


@jit_borrowed
def fill_order_rows(memory: np.ndarray, order_ids: np.ndarray, rows: np.ndarray) -> None:
    """Row i of ``rows`` (ORDER_RECORD[n]) becomes the order ``order_ids[i]`` (int64[n])."""
    for number in range(order_ids.shape[0]):
        order = find_order(memory, order_ids[number])
        if order == 0:
            continue
        status = field_of(memory, order, ORDER_STATUS)
        order_type = field_of(memory, order, ORDER_TYPE)
        row = rows[number]
        row.order_id = memory[order + ORDER_ID]
        row.account = field_of(memory, order, ORDER_ACCOUNT)
        row.session = field_of(memory, order, ORDER_SESSION)
        row.instrument = field_of(memory, order, ORDER_INSTRUMENT)
        row.side = field_of(memory, order, ORDER_SIDE)
        row.order_type = order_type
        row.time_in_force = field_of(memory, order, ORDER_TIME_IN_FORCE)
        row.minimum_quantity = field_of(memory, order, ORDER_MINIMUM_QUANTITY)
        row.display = field_of(memory, order, ORDER_DISPLAY)
        if status == OrderStatus.REJECTED or order_type not in (OrderType.MARKET, OrderType.STOP):
            row.price = memory[order + ORDER_PRICE]
        row.stop_price = memory[order + ORDER_STOP_PRICE]
        row.display_quantity = memory[order + ORDER_DISPLAY_QUANTITY]
        row.quantity = memory[order + ORDER_QUANTITY]
        row.open = memory[order + ORDER_OPEN]
        row.filled = memory[order + ORDER_FILLED]
        row.prevented = memory[order + ORDER_PREVENTED]
        row.filled_before = memory[order + ORDER_FILLED_BEFORE]
        row.filled_value = memory[order + ORDER_VALUE]
        row.status = status
        row.reason = field_of(memory, order, ORDER_REASON)
        row.created_ns = memory[order + ORDER_CREATED_NS]
        row.updated_ns = memory[order + ORDER_UPDATED_NS]
        if status == OrderStatus.FILLED:
            row.filled_ns = memory[order + ORDER_UPDATED_NS]
        elif status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
            row.cancelled_ns = memory[order + ORDER_UPDATED_NS]
        row.replaces = memory[order + ORDER_REPLACES]
        row.replaced_by = memory[order + ORDER_REPLACED_BY]
        row.token_0 = memory[order + ORDER_TOKEN_0]
        row.token_1 = memory[order + ORDER_TOKEN_1]


@jit_borrowed
def fill_balance_rows(memory: np.ndarray, pairs: np.ndarray, rows: np.ndarray) -> None:
    """Rows (BALANCE_RECORD[n]) of ``pairs``: int64[n, 2], account and currency.

    Currency 0: what the account has that is not money.
    """
    for number in range(pairs.shape[0]):
        account, currency = pairs[number, 0], pairs[number, 1]
        if not 0 < account < memory[HEADER_ACCOUNTS_MAXIMUM]:
            continue
        if not 0 <= currency < memory[HEADER_CURRENCIES_MAXIMUM]:
            continue
        account_row = account_row_of(memory, account)
        balance = account_row + ACCOUNT_BALANCES + BALANCE_WORDS * currency
        row = rows[number]
        row.account = account
        row.currency = currency
        row.balance = memory[balance + BALANCE_AMOUNT]
        row.frozen = memory[balance + BALANCE_FROZEN]
        row.daily_order_count = memory[account_row + ACCOUNT_DAILY_COUNT]
        row.daily_order_limit = memory[account_row + ACCOUNT_DAILY_LIMIT]
        row.created_ns = memory[account_row + ACCOUNT_CREATED_NS]
        row.updated_ns = max(
            memory[account_row + ACCOUNT_UPDATED_NS], memory[balance + BALANCE_UPDATED_NS]
        )
        row.blocked = memory[account_row + ACCOUNT_BLOCKED]
        row.killed = memory[account_row + ACCOUNT_KILLED]


@jit_borrowed
def fill_position_rows(memory: np.ndarray, pairs: np.ndarray, rows: np.ndarray) -> None:
    """Rows (POSITION_RECORD[n]) of ``pairs``: int64[n, 2], account and instrument."""
    for number in range(pairs.shape[0]):
        account, instrument = pairs[number, 0], pairs[number, 1]
        if not 0 < account < memory[HEADER_ACCOUNTS_MAXIMUM]:
            continue
        if not 0 < instrument < memory[HEADER_INSTRUMENTS_MAXIMUM]:
            continue
        position = position_of(memory, account, instrument, False)
        if position == 0:
            continue
        row = rows[number]
        row.account = account
        row.instrument = instrument
        row.quantity = memory[position + POSITION_QUANTITY]
        row.frozen = memory[position + POSITION_FROZEN]
        row.total_cost = memory[position + POSITION_COST]
        row.open_buys = memory[position + POSITION_OPEN_BUYS]
        row.open_shorts = memory[position + POSITION_OPEN_SHORTS]
        row.created_ns = memory[position + POSITION_CREATED_NS]
        row.updated_ns = memory[position + POSITION_UPDATED_NS]
