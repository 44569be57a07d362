"""What a TRADE does to the account model: two fills, two orders, money, fees and stock.

Who uses it: ``accounts_apply.py``; arguments and results as in ``accounts_orders.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import Side, TradeReason
from exchange.read_model.accounts.layout import (
    A_BALANCES,
    A_NEWEST_FILL,
    BALANCE_WORDS,
    BYTE,
    C_FEE_ACCOUNT,
    CURRENCY_WORDS,
    E_ACCOUNT,
    E_CONTRA_ORDER_ID,
    E_ORDER_ID,
    E_PRICE,
    E_QUANTITY,
    E_SEQUENCE,
    E_TIMESTAMP_NS,
    E_TOKEN_1,
    E_WHAT,
    ERROR_UNKNOWN_ORDER,
    EVENT_CONTRA_SIDE_SHIFT,
    EVENT_INSTRUMENT_SHIFT,
    EVENT_REASON_SHIFT,
    EVENT_SIDE_SHIFT,
    H_CURRENCIES,
    H_TRADES,
    H_TRADES_MAXIMUM,
    H_TRADES_SEEN,
    I_CURRENCY,
    I_MAKER_RATE,
    I_MULTIPLIER,
    I_TAKER_RATE,
    O_FILLED,
    O_ID,
    O_NEWEST_FILL,
    O_OPEN,
    O_OWNER,
    O_POSITION,
    O_UPDATED_NS,
    O_VALUE,
    O_VALUE_HIGH,
    O_WHAT,
    P_BALANCE,
    P_INSTRUMENT,
    R_ACCOUNT,
    R_FEE,
    R_OLDER_OF_ACCOUNT,
    R_OLDER_OF_ORDER,
    R_ORDER,
    ROLE_WORDS,
    SHORT,
    SIDE_SHIFT,
    T_PRICE,
    T_QUANTITY,
    T_ROLES,
    T_SEQUENCE,
    T_TIMESTAMP_NS,
    T_WHAT,
    TRADE_WORDS,
    VALUE_CARRY,
)
from exchange.read_model.accounts.lists import account_at, close_order, find_order, low, touch_order
from exchange.read_model.accounts.money import change_balance, change_position, fee_of
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.orders import set_open, set_status
from ringbuffer.jit import jit_borrowed

_BUY = int(Side.BUY)
_CONTINUOUS = int(TradeReason.CONTINUOUS)
_PARTIAL_FILLED = int(OrderStatus.PARTIAL_FILLED)
_FILLED = int(OrderStatus.FILLED)


@jit_borrowed
def _fill(m: np.ndarray, e: np.ndarray, i: int, at: int, role: int, trade: int, fee: int) -> None:
    """One side of a TRADE: its order, its account's money and stock, its fill."""
    now_ns = e[i + E_TIMESTAMP_NS]
    price, quantity = e[i + E_PRICE], e[i + E_QUANTITY]
    position = m[at + O_POSITION]
    unit_cost = price * m[m[position + P_INSTRUMENT] + I_MULTIPLIER]
    is_buy = (m[at + O_WHAT] >> SIDE_SHIFT) & BYTE == _BUY
    value = unit_cost * quantity
    account = low(m[at + O_OWNER])
    row = account_at(m, account)

    change_balance(m, m[position + P_BALANCE], -value - fee if is_buy else value - fee, now_ns)
    new_open = m[at + O_OPEN] - quantity
    set_open(m, at, new_open, now_ns)
    m[at + O_FILLED] += quantity
    summed = m[at + O_VALUE] + price * quantity
    if summed >= VALUE_CARRY:
        summed -= VALUE_CARRY
        m[at + O_VALUE_HIGH] += 1
    m[at + O_VALUE] = summed
    m[at + O_UPDATED_NS] = now_ns

    number = 2 * m[H_TRADES_SEEN] + role + 1
    own = trade + T_ROLES + role * ROLE_WORDS
    m[own + R_ORDER] = m[at + O_ID]
    m[own + R_ACCOUNT] = account
    m[own + R_FEE] = fee
    m[own + R_OLDER_OF_ACCOUNT] = m[row + A_NEWEST_FILL]
    m[own + R_OLDER_OF_ORDER] = m[at + O_NEWEST_FILL]
    m[row + A_NEWEST_FILL] = number
    m[at + O_NEWEST_FILL] = number

    if new_open == 0:
        set_status(m, at, _FILLED)
        close_order(m, at)
    else:
        set_status(m, at, _PARTIAL_FILLED)
    touch_order(m, at)


@jit_borrowed
def traded(m: np.ndarray, e: np.ndarray, i: int) -> int:
    maker = find_order(m, e[i + E_ORDER_ID])
    aggressor = find_order(m, e[i + E_CONTRA_ORDER_ID])
    if maker == 0 or aggressor == 0 or m[maker + O_OPEN] == 0 or m[aggressor + O_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = e[i + E_TIMESTAMP_NS]
    price, quantity = e[i + E_PRICE], e[i + E_QUANTITY]
    what = e[i + E_WHAT]
    reason = (what >> EVENT_REASON_SHIFT) & BYTE
    maker_position, aggressor_position = m[maker + O_POSITION], m[aggressor + O_POSITION]
    terms = m[maker_position + P_INSTRUMENT]
    unit_cost = price * m[terms + I_MULTIPLIER]
    value = unit_cost * quantity
    maker_rate = m[terms + (I_MAKER_RATE if reason == _CONTINUOUS else I_TAKER_RATE)]
    maker_fee = fee_of(value, maker_rate)
    aggressor_fee = fee_of(value, m[terms + I_TAKER_RATE])
    maker_buys = (m[maker + O_WHAT] >> SIDE_SHIFT) & BYTE == _BUY

    trade = m[H_TRADES] + m[H_TRADES_SEEN] % m[H_TRADES_MAXIMUM] * TRADE_WORDS
    m[trade + T_SEQUENCE] = e[i + E_SEQUENCE]
    m[trade + T_TIMESTAMP_NS] = now_ns
    m[trade + T_PRICE] = price
    m[trade + T_QUANTITY] = quantity
    m[trade + T_WHAT] = (
        (e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT
        | ((what >> EVENT_SIDE_SHIFT) & BYTE) << 16
        | ((e[i + E_ACCOUNT] >> EVENT_CONTRA_SIDE_SHIFT) & BYTE) << 24
        | reason << 32
    )
    for role in range(2):
        if role == 0:
            _fill(m, e, i, maker, role, trade, maker_fee)
        else:
            _fill(m, e, i, aggressor, role, trade, aggressor_fee)
    m[H_TRADES_SEEN] += 1

    fees = maker_fee + aggressor_fee
    if fees != 0:
        currency = m[terms + I_CURRENCY]
        row = account_at(m, m[m[H_CURRENCIES] + currency * CURRENCY_WORDS + C_FEE_ACCOUNT])
        change_balance(m, row + A_BALANCES + BALANCE_WORDS * currency, fees, now_ns)
    if maker_buys:
        change_position(m, maker_position, quantity, unit_cost, now_ns)
        change_position(m, aggressor_position, -quantity, unit_cost, now_ns)
    else:
        change_position(m, aggressor_position, quantity, unit_cost, now_ns)
        change_position(m, maker_position, -quantity, unit_cost, now_ns)
    return 0
