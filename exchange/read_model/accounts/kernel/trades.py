"""A TRADE in the account model: two fills, two orders, money, fees and stock.

Who uses it: ``apply.py``; arguments and results as in ``orders.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import Side, TradeReason
from exchange.read_model.accounts.kernel.lists import (
    account_row_of,
    close_order,
    find_order,
    touch_order,
)
from exchange.read_model.accounts.kernel.money import change_balance, change_position, fee_of
from exchange.read_model.accounts.kernel.orders import set_open, set_status
from exchange.read_model.accounts.kernel.words import field_of
from exchange.read_model.accounts.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_NEWEST_FILL,
    BALANCE_WORDS,
    CURRENCY_FEE_ACCOUNT,
    CURRENCY_WORDS,
    ERROR_UNKNOWN_ORDER,
    FILL_ACCOUNT,
    FILL_FEE,
    FILL_OLDER_OF_ACCOUNT,
    FILL_OLDER_OF_ORDER,
    FILL_ORDER,
    FILL_WORDS,
    HEADER_CURRENCIES,
    HEADER_TRADES,
    HEADER_TRADES_MAXIMUM,
    HEADER_TRADES_SEEN,
    INSTRUMENT_CURRENCY,
    INSTRUMENT_MAKER_RATE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_TAKER_RATE,
    ORDER_ACCOUNT,
    ORDER_FILLED,
    ORDER_ID,
    ORDER_NEWEST_FILL,
    ORDER_OPEN,
    ORDER_POSITION,
    ORDER_SIDE,
    ORDER_UPDATED_NS,
    ORDER_VALUE,
    POSITION_BALANCE,
    POSITION_INSTRUMENT,
    TRADE_AGGRESSOR_SIDE,
    TRADE_FILLS,
    TRADE_INSTRUMENT,
    TRADE_MAKER_SIDE,
    TRADE_PACKED,
    TRADE_PRICE,
    TRADE_QUANTITY,
    TRADE_REASON,
    TRADE_SEQUENCE,
    TRADE_TIMESTAMP_NS,
    TRADE_WORDS,
)
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.records import (
    EVENT_CONTRA_ORDER_ID,
    EVENT_CONTRA_SIDE,
    EVENT_INSTRUMENT,
    EVENT_ORDER_ID,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REASON,
    EVENT_SEQUENCE,
    EVENT_SIDE,
    EVENT_TIMESTAMP_NS,
)
from ringbuffer.jit import jit_borrowed_internal


@jit_borrowed_internal
def _fill(
    memory: np.ndarray, events: np.ndarray, event: int, order: int, role: int, trade: int, fee: int
) -> None:
    """One side of a TRADE: its order, its account's money and stock, its fill.

    ``role``: 0 the maker, 1 the aggressor; ``trade``: address of the trade's record; ``fee`` in
    minor units.
    """
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    price = field_of(events, event, EVENT_PRICE)
    quantity = field_of(events, event, EVENT_QUANTITY)
    position = memory[order + ORDER_POSITION]
    unit_cost = price * memory[memory[position + POSITION_INSTRUMENT] + INSTRUMENT_MULTIPLIER]
    is_buy = field_of(memory, order, ORDER_SIDE) == Side.BUY
    value = unit_cost * quantity
    account = field_of(memory, order, ORDER_ACCOUNT)
    account_row = account_row_of(memory, account)

    paid = value + fee if is_buy else fee - value
    change_balance(memory, memory[position + POSITION_BALANCE], -paid, now_ns)
    new_open = memory[order + ORDER_OPEN] - quantity
    set_open(memory, order, new_open, now_ns)
    memory[order + ORDER_FILLED] += quantity
    memory[order + ORDER_VALUE] += price * quantity
    memory[order + ORDER_UPDATED_NS] = now_ns

    number = 2 * memory[HEADER_TRADES_SEEN] + role + 1
    fill = trade + TRADE_FILLS + role * FILL_WORDS
    memory[fill + FILL_ORDER] = memory[order + ORDER_ID]
    memory[fill + FILL_ACCOUNT] = account
    memory[fill + FILL_FEE] = fee
    memory[fill + FILL_OLDER_OF_ACCOUNT] = memory[account_row + ACCOUNT_NEWEST_FILL]
    memory[fill + FILL_OLDER_OF_ORDER] = memory[order + ORDER_NEWEST_FILL]
    memory[account_row + ACCOUNT_NEWEST_FILL] = number
    memory[order + ORDER_NEWEST_FILL] = number

    if new_open == 0:
        set_status(memory, order, OrderStatus.FILLED)
        close_order(memory, order)
    else:
        set_status(memory, order, OrderStatus.PARTIAL_FILLED)
    touch_order(memory, order)


@jit_borrowed_internal
def traded(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """TRADE: 0, or ERROR_UNKNOWN_ORDER before anything was changed."""
    maker = find_order(memory, field_of(events, event, EVENT_ORDER_ID))
    aggressor = find_order(memory, field_of(events, event, EVENT_CONTRA_ORDER_ID))
    if maker == 0 or aggressor == 0:
        return ERROR_UNKNOWN_ORDER
    if memory[maker + ORDER_OPEN] == 0 or memory[aggressor + ORDER_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    price = field_of(events, event, EVENT_PRICE)
    quantity = field_of(events, event, EVENT_QUANTITY)
    reason = field_of(events, event, EVENT_REASON)
    maker_position = memory[maker + ORDER_POSITION]
    aggressor_position = memory[aggressor + ORDER_POSITION]
    instrument_row = memory[maker_position + POSITION_INSTRUMENT]
    unit_cost = price * memory[instrument_row + INSTRUMENT_MULTIPLIER]
    value = unit_cost * quantity
    maker_rate = (
        INSTRUMENT_MAKER_RATE if reason == TradeReason.CONTINUOUS else INSTRUMENT_TAKER_RATE
    )
    maker_fee = fee_of(value, memory[instrument_row + maker_rate])
    aggressor_fee = fee_of(value, memory[instrument_row + INSTRUMENT_TAKER_RATE])
    maker_buys = field_of(memory, maker, ORDER_SIDE) == Side.BUY

    place = memory[HEADER_TRADES_SEEN] % memory[HEADER_TRADES_MAXIMUM]
    trade = memory[HEADER_TRADES] + place * TRADE_WORDS
    memory[trade + TRADE_SEQUENCE] = field_of(events, event, EVENT_SEQUENCE)
    memory[trade + TRADE_TIMESTAMP_NS] = now_ns
    memory[trade + TRADE_PRICE] = price
    memory[trade + TRADE_QUANTITY] = quantity
    memory[trade + TRADE_PACKED] = (
        field_of(events, event, EVENT_INSTRUMENT) << TRADE_INSTRUMENT.shift
        | field_of(events, event, EVENT_SIDE) << TRADE_MAKER_SIDE.shift
        | field_of(events, event, EVENT_CONTRA_SIDE) << TRADE_AGGRESSOR_SIDE.shift
        | reason << TRADE_REASON.shift
    )
    for role in range(2):
        if role == 0:
            _fill(memory, events, event, maker, role, trade, maker_fee)
        else:
            _fill(memory, events, event, aggressor, role, trade, aggressor_fee)
    memory[HEADER_TRADES_SEEN] += 1

    fees = maker_fee + aggressor_fee
    if fees != 0:
        currency = memory[instrument_row + INSTRUMENT_CURRENCY]
        currency_row = memory[HEADER_CURRENCIES] + currency * CURRENCY_WORDS
        fee_row = account_row_of(memory, memory[currency_row + CURRENCY_FEE_ACCOUNT])
        balance = fee_row + ACCOUNT_BALANCES + BALANCE_WORDS * currency
        change_balance(memory, balance, fees, now_ns)
    if maker_buys:
        change_position(memory, maker_position, quantity, unit_cost, now_ns)
        change_position(memory, aggressor_position, -quantity, unit_cost, now_ns)
    else:
        change_position(memory, aggressor_position, quantity, unit_cost, now_ns)
        change_position(memory, maker_position, -quantity, unit_cost, now_ns)
    return 0
