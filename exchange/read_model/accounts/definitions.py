"""What events about no order do to the account model: definitions, parameters, deposits, days.

Who uses it: ``accounts_apply.py``; arguments and results as in ``accounts_orders.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind, Parameter, Scope
from exchange.read_model.accounts.layout import (
    A_BALANCES,
    A_BLOCKED,
    A_CREATED_NS,
    A_DAILY_COUNT,
    A_DAILY_LIMIT,
    A_DEFINED,
    A_DIRTY,
    A_KILLED,
    A_UPDATED_NS,
    BALANCE_WORDS,
    BYTE,
    C_CODE,
    C_DECIMALS,
    C_DEFINED,
    C_FEE_ACCOUNT,
    CURRENCY_WORDS,
    E_ACCOUNT,
    E_NUMBERS,
    E_PRICE,
    E_QUANTITY,
    E_REMAINING,
    E_TIMESTAMP_NS,
    E_TOKEN_0,
    E_TOKEN_1,
    E_WHAT,
    ERROR_ACCOUNTS,
    ERROR_BALANCE,
    ERROR_CURRENCIES,
    ERROR_INSTRUMENTS,
    ERROR_POSITIONS,
    ERROR_SESSIONS,
    ERROR_UNKNOWN_CURRENCY,
    ERROR_UNKNOWN_INSTRUMENT,
    EVENT_CURRENCY_SHIFT,
    EVENT_DISPLAY_SHIFT,
    EVENT_INSTRUMENT_SHIFT,
    EVENT_PARAMETER_SHIFT,
    EVENT_SCOPE_SHIFT,
    H_ACCOUNTS,
    H_ACCOUNTS_DEFINED,
    H_ACCOUNTS_MAXIMUM,
    H_CURRENCIES,
    H_CURRENCIES_MAXIMUM,
    H_DAY,
    H_EXCHANGE_KILLED,
    H_INSTRUMENTS,
    H_INSTRUMENTS_MAXIMUM,
    H_SESSIONS,
    H_SESSIONS_DEFINED,
    H_SESSIONS_MAXIMUM,
    HALF,
    I_CURRENCY,
    I_DEFINED,
    I_FREEZE_RATE,
    I_MAKER_RATE,
    I_MULTIPLIER,
    I_TAKER_RATE,
    INSTRUMENT_WORDS,
    P_INSTRUMENT,
    P_QUANTITY,
    S_ACCOUNT,
    S_DEFINED,
    S_KILLED,
    S_USERNAME,
    SESSION_WORDS,
    SHORT,
)
from exchange.read_model.accounts.lists import account_at, touch_balance
from exchange.read_model.accounts.money import change_balance, change_position
from exchange.read_model.accounts.orders import instrument_defined, position_for
from ringbuffer.jit import jit_borrowed

_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_SESSION_DEFINED = int(EventKind.SESSION_DEFINED)
_CURRENCY_DEFINED = int(EventKind.CURRENCY_DEFINED)
_P_FEES = int(Parameter.FEES)
_P_DAILY_ORDERS = int(Parameter.DAILY_ORDERS)
_P_BLOCKED = int(Parameter.BLOCKED)
_S_EXCHANGE = int(Scope.EXCHANGE)
_S_ACCOUNT = int(Scope.ACCOUNT)


@jit_borrowed
def defined(m: np.ndarray, e: np.ndarray, i: int, kind: int) -> int:
    """CURRENCY_, INSTRUMENT_, SESSION_ and ACCOUNT_DEFINED."""
    now_ns = e[i + E_TIMESTAMP_NS]
    display = (e[i + E_WHAT] >> EVENT_DISPLAY_SHIFT) & BYTE
    account = e[i + E_ACCOUNT] & HALF
    currency = (e[i + E_NUMBERS] >> EVENT_CURRENCY_SHIFT) & SHORT
    if kind == _CURRENCY_DEFINED:
        if currency >= m[H_CURRENCIES_MAXIMUM]:
            return ERROR_CURRENCIES
        if account >= m[H_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        row = m[H_CURRENCIES] + currency * CURRENCY_WORDS
        m[row + C_DEFINED] = 1
        m[row + C_DECIMALS] = display
        m[row + C_FEE_ACCOUNT] = account
        m[row + C_CODE] = e[i + E_TOKEN_0]
    elif kind == _INSTRUMENT_DEFINED:
        instrument = (e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT
        if instrument >= m[H_INSTRUMENTS_MAXIMUM]:
            return ERROR_INSTRUMENTS
        if currency >= m[H_CURRENCIES_MAXIMUM]:
            return ERROR_CURRENCIES
        terms = m[H_CURRENCIES] + currency * CURRENCY_WORDS
        if m[terms + C_DEFINED] == 0:
            return ERROR_UNKNOWN_CURRENCY
        defaults = m[H_INSTRUMENTS]
        row = defaults + instrument * INSTRUMENT_WORDS
        multiplier = 1
        for _ in range(m[terms + C_DECIMALS] - display):
            multiplier *= 10
        m[row + I_DEFINED] = 1
        m[row + I_CURRENCY] = currency
        m[row + I_MULTIPLIER] = multiplier
        for word in (I_MAKER_RATE, I_TAKER_RATE, I_FREEZE_RATE):
            m[row + word] = m[defaults + word]
    elif kind == _SESSION_DEFINED:
        session = e[i + E_WHAT] & SHORT
        if session >= m[H_SESSIONS_MAXIMUM]:
            return ERROR_SESSIONS
        if e[i + E_QUANTITY] >= m[H_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        row = m[H_SESSIONS] + session * SESSION_WORDS
        m[row + S_DEFINED] = 1
        m[row + S_ACCOUNT] = e[i + E_QUANTITY]
        m[row + S_USERNAME] = e[i + E_TOKEN_0]
        m[H_SESSIONS_DEFINED] += 1
    else:
        if account >= m[H_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        row = account_at(m, account)
        m[row + A_DEFINED] = 1
        m[row + A_CREATED_NS] = now_ns
        m[row + A_UPDATED_NS] = now_ns
        for word in (A_DAILY_LIMIT, A_BLOCKED):
            m[row + word] = m[m[H_ACCOUNTS] + word]
        m[H_ACCOUNTS_DEFINED] += 1
        touch_balance(m, row, A_DIRTY)
    return 0


@jit_borrowed
def deposited(m: np.ndarray, e: np.ndarray, i: int) -> int:
    now_ns = e[i + E_TIMESTAMP_NS]
    account = e[i + E_ACCOUNT] & HALF
    if account >= m[H_ACCOUNTS_MAXIMUM]:
        return ERROR_ACCOUNTS
    change = e[i + E_QUANTITY]
    instrument = (e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT
    row = account_at(m, account)
    if instrument == 0:
        currency = (e[i + E_NUMBERS] >> EVENT_CURRENCY_SHIFT) & SHORT
        if currency >= m[H_CURRENCIES_MAXIMUM]:
            return ERROR_CURRENCIES
        balance = row + A_BALANCES + BALANCE_WORDS * currency
        if m[balance] + change != e[i + E_REMAINING]:
            return ERROR_BALANCE
        change_balance(m, balance, change, now_ns)
        return 0
    if not instrument_defined(m, instrument):
        return ERROR_UNKNOWN_INSTRUMENT
    position = position_for(m, account, instrument, now_ns)
    if position == 0:
        return ERROR_POSITIONS
    if m[position + P_QUANTITY] + change != e[i + E_REMAINING]:
        return ERROR_BALANCE
    multiplier = m[m[position + P_INSTRUMENT] + I_MULTIPLIER]
    change_position(m, position, change, e[i + E_PRICE] * multiplier, now_ns)
    return 0


@jit_borrowed
def parameter_set(m: np.ndarray, e: np.ndarray, i: int) -> int:
    parameter = (e[i + E_ACCOUNT] >> EVENT_PARAMETER_SHIFT) & BYTE
    if parameter == _P_FEES:
        instrument = (e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT
        if instrument >= m[H_INSTRUMENTS_MAXIMUM]:
            return ERROR_INSTRUMENTS
        row = m[H_INSTRUMENTS] + instrument * INSTRUMENT_WORDS
        maker_rate, taker_rate = e[i + E_PRICE], e[i + E_QUANTITY]
        m[row + I_MAKER_RATE] = maker_rate
        m[row + I_TAKER_RATE] = taker_rate
        m[row + I_FREEZE_RATE] = max(0, maker_rate, taker_rate)
    elif parameter in (_P_DAILY_ORDERS, _P_BLOCKED):
        account = e[i + E_ACCOUNT] & HALF
        if account >= m[H_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        row = account_at(m, account)
        m[row + (A_BLOCKED if parameter == _P_BLOCKED else A_DAILY_LIMIT)] = e[i + E_PRICE]
        if account != 0:
            m[row + A_UPDATED_NS] = e[i + E_TIMESTAMP_NS]
            touch_balance(m, row, A_DIRTY)
    return 0


@jit_borrowed
def kill_switched(m: np.ndarray, e: np.ndarray, i: int) -> int:
    scope = (e[i + E_ACCOUNT] >> EVENT_SCOPE_SHIFT) & BYTE
    if scope == _S_EXCHANGE:
        m[H_EXCHANGE_KILLED] = e[i + E_QUANTITY]
    elif scope == _S_ACCOUNT:
        account = e[i + E_ACCOUNT] & HALF
        if account >= m[H_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        row = account_at(m, account)
        m[row + A_KILLED] = e[i + E_QUANTITY]
        m[row + A_UPDATED_NS] = e[i + E_TIMESTAMP_NS]
        touch_balance(m, row, A_DIRTY)
    else:
        session = e[i + E_WHAT] & SHORT
        if session >= m[H_SESSIONS_MAXIMUM]:
            return ERROR_SESSIONS
        m[m[H_SESSIONS] + session * SESSION_WORDS + S_KILLED] = e[i + E_QUANTITY]
    return 0


@jit_borrowed
def day_started(m: np.ndarray, now_ns: int) -> None:
    m[H_DAY] += 1
    for account in range(1, m[H_ACCOUNTS_MAXIMUM]):
        row = account_at(m, account)
        if m[row + A_DAILY_COUNT] != 0:
            m[row + A_DAILY_COUNT] = 0
            m[row + A_UPDATED_NS] = now_ns
            touch_balance(m, row, A_DIRTY)
