"""Currencies and accounts: defining them. Moving money and stock in and out is in deposits.py.

Every function that carries out an operator's command returns how many orders it cancelled, or
minus the reject when it did nothing.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import Reject
from exchange.definitions.rules import MAXIMUM_DECIMALS
from exchange.engine.state.control_events import (
    emit_account_defined,
    emit_currency_defined,
)
from exchange.engine.state.defined import account_defined, currency_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_BITS,
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_DEFINED_FLAG,
    ACCOUNT_POSITION_LIMIT,
    ACCOUNT_RATE_INTERVAL,
    ACCOUNT_RATE_TOLERANCE,
    ACCOUNT_RATIO_MINIMUM,
    ACCOUNT_RATIO_PPM,
    ACCOUNT_RATIO_WINDOW_S,
    ACCOUNT_SHORT_FLAG,
    ACCOUNT_WORDS,
    MAX_ACCOUNTS,
    MAX_CURRENCIES,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    account_flags,
    account_live_limit,
    account_today_limit,
    set_account_flags,
    set_account_live_limit,
    set_account_today_limit,
    set_currency_code,
    set_currency_decimals,
    set_currency_fee_account,
    set_currency_set,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

BALANCE_WORDS = 2  # of an account, for each currency
_BITS_MASK = ACCOUNT_BITS.mask
DEFAULTS = 0  # first word of row 0: what accounts begin with
# what a default may set in an account's flags: not whether it is defined or killed
_FLAGS_COPIED = ~_BITS_MASK | ACCOUNT_BLOCKED_FLAG | ACCOUNT_SHORT_FLAG


@jit_inline
def account_row(account: int) -> int:
    """First word of an account."""
    return account * ACCOUNT_WORDS


@jit_inline_internal
def balance_row(account_at: int, currency: int) -> int:
    """First word of an account's balance in ``currency``."""
    return account_at + ACCOUNT_BALANCES + BALANCE_WORDS * currency


@engine_function
def define_currency(view: Any, currency: int, code: int, decimals: int, fee_account: int) -> int:
    """CURRENCY."""
    if currency == 0 or currency >= MAX_CURRENCIES:
        return -Reject.CURRENCY_OUT_OF_RANGE
    if currency_defined(view, currency):
        return -Reject.CURRENCY_EXISTS
    if not account_defined(view, fee_account):
        return -Reject.UNKNOWN_ACCOUNT
    if decimals < 0 or decimals > MAXIMUM_DECIMALS:
        return -Reject.INVALID_CURRENCY
    set_currency_set(view, currency, 1)
    set_currency_code(view, currency, code)
    set_currency_decimals(view, currency, decimals)
    set_currency_fee_account(view, currency, fee_account)
    emit_currency_defined(view, currency, code, decimals, fee_account)
    return 0


@engine_function
def define_account(view: Any, account: int) -> int:
    """ACCOUNT: open it with the parameters of account 0."""
    if account == 0 or account >= get(view.scalars, MAX_ACCOUNTS):
        return -Reject.ACCOUNT_OUT_OF_RANGE
    if account_defined(view, account):
        return -Reject.ACCOUNT_EXISTS
    row = account_row(account)
    flags = account_flags(view, DEFAULTS) & _FLAGS_COPIED
    set_account_flags(view, row, flags | ACCOUNT_DEFINED_FLAG)
    set_account_live_limit(view, row, account_live_limit(view, DEFAULTS))
    set_account_today_limit(view, row, account_today_limit(view, DEFAULTS))
    for word in (
        ACCOUNT_RATE_INTERVAL,
        ACCOUNT_RATE_TOLERANCE,
        ACCOUNT_POSITION_LIMIT,
        ACCOUNT_RATIO_PPM,
        ACCOUNT_RATIO_WINDOW_S,
        ACCOUNT_RATIO_MINIMUM,
    ):
        put(view.accounts, row + word, get(view.accounts, DEFAULTS + word))
    emit_account_defined(view, account)
    return 0
