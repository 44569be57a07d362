"""Events about no order in the account model: definitions, parameters, deposits, kills, days.

Who uses it: ``apply.py``; arguments and results as in ``orders.py``.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind, Parameter, Scope
from exchange.read_model.accounts.kernel.lists import account_row_of, touch_balance
from exchange.read_model.accounts.kernel.money import change_balance, change_position
from exchange.read_model.accounts.kernel.orders import instrument_is_defined, position_for
from exchange.read_model.accounts.kernel.words import field_of
from exchange.read_model.accounts.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_BLOCKED,
    ACCOUNT_CREATED_NS,
    ACCOUNT_DAILY_COUNT,
    ACCOUNT_DAILY_LIMIT,
    ACCOUNT_DEFINED,
    ACCOUNT_DIRTY,
    ACCOUNT_KILLED,
    ACCOUNT_UPDATED_NS,
    BALANCE_AMOUNT,
    BALANCE_WORDS,
    CURRENCY_CODE,
    CURRENCY_DECIMALS,
    CURRENCY_DEFINED,
    CURRENCY_FEE_ACCOUNT,
    CURRENCY_WORDS,
    ERROR_ACCOUNTS,
    ERROR_BALANCE,
    ERROR_CURRENCIES,
    ERROR_INSTRUMENTS,
    ERROR_POSITIONS,
    ERROR_SESSIONS,
    ERROR_UNKNOWN_CURRENCY,
    ERROR_UNKNOWN_INSTRUMENT,
    HEADER_ACCOUNTS,
    HEADER_ACCOUNTS_DEFINED,
    HEADER_ACCOUNTS_MAXIMUM,
    HEADER_CURRENCIES,
    HEADER_CURRENCIES_MAXIMUM,
    HEADER_DAY,
    HEADER_DAY_STARTED_NS,
    HEADER_EXCHANGE_KILLED,
    HEADER_INSTRUMENTS,
    HEADER_INSTRUMENTS_MAXIMUM,
    HEADER_SESSIONS,
    HEADER_SESSIONS_DEFINED,
    HEADER_SESSIONS_MAXIMUM,
    INSTRUMENT_CURRENCY,
    INSTRUMENT_DEFINED,
    INSTRUMENT_FREEZE_RATE,
    INSTRUMENT_MAKER_RATE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_TAKER_RATE,
    INSTRUMENT_WORDS,
    POSITION_INSTRUMENT,
    POSITION_QUANTITY,
    SESSION_ACCOUNT,
    SESSION_DEFINED,
    SESSION_KILLED,
    SESSION_USERNAME,
    SESSION_WORDS,
)
from exchange.records import (
    EVENT_ACCOUNT,
    EVENT_CURRENCY,
    EVENT_DISPLAY,
    EVENT_INSTRUMENT,
    EVENT_PARAMETER,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REMAINING,
    EVENT_SCOPE,
    EVENT_SESSION,
    EVENT_TIMESTAMP_NS,
    EVENT_TOKEN_0,
)
from ringbuffer.jit import jit_borrowed_internal


@jit_borrowed_internal
def _currency_defined(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """CURRENCY_DEFINED: 0 or an ERROR_... number."""
    currency = field_of(events, event, EVENT_CURRENCY)
    if currency >= memory[HEADER_CURRENCIES_MAXIMUM]:
        return ERROR_CURRENCIES
    fee_account = field_of(events, event, EVENT_ACCOUNT)
    if fee_account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
        return ERROR_ACCOUNTS
    currency_row = memory[HEADER_CURRENCIES] + currency * CURRENCY_WORDS
    memory[currency_row + CURRENCY_DEFINED] = 1
    memory[currency_row + CURRENCY_DECIMALS] = field_of(events, event, EVENT_DISPLAY)
    memory[currency_row + CURRENCY_FEE_ACCOUNT] = fee_account
    memory[currency_row + CURRENCY_CODE] = field_of(events, event, EVENT_TOKEN_0)
    return 0


@jit_borrowed_internal
def _instrument_defined(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """INSTRUMENT_DEFINED: 0 or an ERROR_... number."""
    instrument = field_of(events, event, EVENT_INSTRUMENT)
    if instrument >= memory[HEADER_INSTRUMENTS_MAXIMUM]:
        return ERROR_INSTRUMENTS
    currency = field_of(events, event, EVENT_CURRENCY)
    if currency >= memory[HEADER_CURRENCIES_MAXIMUM]:
        return ERROR_CURRENCIES
    currency_row = memory[HEADER_CURRENCIES] + currency * CURRENCY_WORDS
    if memory[currency_row + CURRENCY_DEFINED] == 0:
        return ERROR_UNKNOWN_CURRENCY
    defaults_row = memory[HEADER_INSTRUMENTS]
    instrument_row = defaults_row + instrument * INSTRUMENT_WORDS
    price_decimals = field_of(events, event, EVENT_DISPLAY)
    multiplier = 1
    for _ in range(memory[currency_row + CURRENCY_DECIMALS] - price_decimals):
        multiplier *= 10
    memory[instrument_row + INSTRUMENT_DEFINED] = 1
    memory[instrument_row + INSTRUMENT_CURRENCY] = currency
    memory[instrument_row + INSTRUMENT_MULTIPLIER] = multiplier
    for word in (INSTRUMENT_MAKER_RATE, INSTRUMENT_TAKER_RATE, INSTRUMENT_FREEZE_RATE):
        memory[instrument_row + word] = memory[defaults_row + word]
    return 0


@jit_borrowed_internal
def _session_defined(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """SESSION_DEFINED: 0 or an ERROR_... number."""
    session = field_of(events, event, EVENT_SESSION)
    if session >= memory[HEADER_SESSIONS_MAXIMUM]:
        return ERROR_SESSIONS
    account = field_of(events, event, EVENT_QUANTITY)
    if account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
        return ERROR_ACCOUNTS
    session_row = memory[HEADER_SESSIONS] + session * SESSION_WORDS
    memory[session_row + SESSION_DEFINED] = 1
    memory[session_row + SESSION_ACCOUNT] = account
    memory[session_row + SESSION_USERNAME] = field_of(events, event, EVENT_TOKEN_0)
    memory[HEADER_SESSIONS_DEFINED] += 1
    return 0


@jit_borrowed_internal
def _account_defined(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """ACCOUNT_DEFINED: 0 or an ERROR_... number."""
    account = field_of(events, event, EVENT_ACCOUNT)
    if account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
        return ERROR_ACCOUNTS
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    account_row = account_row_of(memory, account)
    memory[account_row + ACCOUNT_DEFINED] = 1
    memory[account_row + ACCOUNT_CREATED_NS] = now_ns
    memory[account_row + ACCOUNT_UPDATED_NS] = now_ns
    for word in (ACCOUNT_DAILY_LIMIT, ACCOUNT_BLOCKED):
        memory[account_row + word] = memory[memory[HEADER_ACCOUNTS] + word]
    memory[HEADER_ACCOUNTS_DEFINED] += 1
    touch_balance(memory, account_row, ACCOUNT_DIRTY)
    return 0


@jit_borrowed_internal
def defined(memory: np.ndarray, events: np.ndarray, event: int, kind: int) -> int:
    """CURRENCY_, INSTRUMENT_, SESSION_ and ACCOUNT_DEFINED: 0 or an ERROR_... number."""
    if kind == EventKind.CURRENCY_DEFINED:
        return _currency_defined(memory, events, event)
    if kind == EventKind.INSTRUMENT_DEFINED:
        return _instrument_defined(memory, events, event)
    if kind == EventKind.SESSION_DEFINED:
        return _session_defined(memory, events, event)
    return _account_defined(memory, events, event)


@jit_borrowed_internal
def deposited(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """BALANCE_CHANGED, money or stock: 0 or an ERROR_... number."""
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    account = field_of(events, event, EVENT_ACCOUNT)
    if account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
        return ERROR_ACCOUNTS
    change = field_of(events, event, EVENT_QUANTITY)
    after = field_of(events, event, EVENT_REMAINING)
    instrument = field_of(events, event, EVENT_INSTRUMENT)
    if instrument == 0:
        currency = field_of(events, event, EVENT_CURRENCY)
        if currency >= memory[HEADER_CURRENCIES_MAXIMUM]:
            return ERROR_CURRENCIES
        account_row = account_row_of(memory, account)
        balance = account_row + ACCOUNT_BALANCES + BALANCE_WORDS * currency
        if memory[balance + BALANCE_AMOUNT] + change != after:
            return ERROR_BALANCE
        change_balance(memory, balance, change, now_ns)
        return 0
    if not instrument_is_defined(memory, instrument):
        return ERROR_UNKNOWN_INSTRUMENT
    position = position_for(memory, account, instrument, now_ns)
    if position == 0:
        return ERROR_POSITIONS
    if memory[position + POSITION_QUANTITY] + change != after:
        return ERROR_BALANCE
    multiplier = memory[memory[position + POSITION_INSTRUMENT] + INSTRUMENT_MULTIPLIER]
    unit_cost = field_of(events, event, EVENT_PRICE) * multiplier
    change_position(memory, position, change, unit_cost, now_ns)
    return 0


@jit_borrowed_internal
def parameter_set(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """PARAMETER_SET of fees (ppm), orders a day and blocks: 0 or an ERROR_... number."""
    parameter = field_of(events, event, EVENT_PARAMETER)
    if parameter == Parameter.FEES:
        instrument = field_of(events, event, EVENT_INSTRUMENT)
        if instrument >= memory[HEADER_INSTRUMENTS_MAXIMUM]:
            return ERROR_INSTRUMENTS
        instrument_row = memory[HEADER_INSTRUMENTS] + instrument * INSTRUMENT_WORDS
        maker_rate = field_of(events, event, EVENT_PRICE)
        taker_rate = field_of(events, event, EVENT_QUANTITY)
        memory[instrument_row + INSTRUMENT_MAKER_RATE] = maker_rate
        memory[instrument_row + INSTRUMENT_TAKER_RATE] = taker_rate
        memory[instrument_row + INSTRUMENT_FREEZE_RATE] = max(0, maker_rate, taker_rate)
    elif parameter in (Parameter.DAILY_ORDERS, Parameter.BLOCKED):
        account = field_of(events, event, EVENT_ACCOUNT)
        if account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        account_row = account_row_of(memory, account)
        word = ACCOUNT_BLOCKED if parameter == Parameter.BLOCKED else ACCOUNT_DAILY_LIMIT
        memory[account_row + word] = field_of(events, event, EVENT_PRICE)
        if account != 0:
            memory[account_row + ACCOUNT_UPDATED_NS] = field_of(events, event, EVENT_TIMESTAMP_NS)
            touch_balance(memory, account_row, ACCOUNT_DIRTY)
    return 0


@jit_borrowed_internal
def kill_switched(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """KILL_SWITCHED of the exchange, an account or a session: 0 or an ERROR_... number."""
    scope = field_of(events, event, EVENT_SCOPE)
    is_on = field_of(events, event, EVENT_QUANTITY)
    if scope == Scope.EXCHANGE:
        memory[HEADER_EXCHANGE_KILLED] = is_on
    elif scope == Scope.ACCOUNT:
        account = field_of(events, event, EVENT_ACCOUNT)
        if account >= memory[HEADER_ACCOUNTS_MAXIMUM]:
            return ERROR_ACCOUNTS
        account_row = account_row_of(memory, account)
        memory[account_row + ACCOUNT_KILLED] = is_on
        memory[account_row + ACCOUNT_UPDATED_NS] = field_of(events, event, EVENT_TIMESTAMP_NS)
        touch_balance(memory, account_row, ACCOUNT_DIRTY)
    else:
        session = field_of(events, event, EVENT_SESSION)
        if session >= memory[HEADER_SESSIONS_MAXIMUM]:
            return ERROR_SESSIONS
        memory[memory[HEADER_SESSIONS] + session * SESSION_WORDS + SESSION_KILLED] = is_on
    return 0


@jit_borrowed_internal
def day_started(memory: np.ndarray, now_ns: int) -> None:
    """DAY_STARTED: every account has a new day's orders to count."""
    memory[HEADER_DAY] += 1
    memory[HEADER_DAY_STARTED_NS] = now_ns
    for account in range(1, memory[HEADER_ACCOUNTS_MAXIMUM]):
        account_row = account_row_of(memory, account)
        if memory[account_row + ACCOUNT_DAILY_COUNT] != 0:
            memory[account_row + ACCOUNT_DAILY_COUNT] = 0
            memory[account_row + ACCOUNT_UPDATED_NS] = now_ns
            touch_balance(memory, account_row, ACCOUNT_DIRTY)
