"""Currencies and accounts: defining them. Moving money and stock in and out is in deposits.py.

Every function that carries out an operator's command returns how many orders it cancelled, or
minus the reject when it did nothing.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Reject
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.layout import (
    ACCOUNT_BLOCKED_FLAG,
    ACCOUNT_DEFINED_FLAG,
    ACCOUNT_FLAGS,
    ACCOUNT_LIVE,
    ACCOUNT_POSITION_LIMIT,
    ACCOUNT_RATE_INTERVAL,
    ACCOUNT_RATE_TOLERANCE,
    ACCOUNT_RATIO_MINIMUM,
    ACCOUNT_RATIO_PPM,
    ACCOUNT_RATIO_WINDOW_S,
    ACCOUNT_SHORT_FLAG,
    ACCOUNT_TODAY,
    ACCOUNT_WORDS,
    CURRENCY_WORDS,
    MAX_ACCOUNTS,
    MAX_CURRENCIES,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

MAXIMUM_DECIMALS = 8
_UPPER_HALF = ~((1 << 32) - 1)
# what a default may set in an account's flags: not whether it is defined or killed
_FLAGS_COPIED = ~0xFF | ACCOUNT_BLOCKED_FLAG | ACCOUNT_SHORT_FLAG

_CURRENCY_DEFINED = int(EventKind.CURRENCY_DEFINED)
_ACCOUNT_DEFINED = int(EventKind.ACCOUNT_DEFINED)
_UNKNOWN_ACCOUNT = int(Reject.UNKNOWN_ACCOUNT)
_CURRENCY_EXISTS = int(Reject.CURRENCY_EXISTS)
_CURRENCY_OUT_OF_RANGE = int(Reject.CURRENCY_OUT_OF_RANGE)
_INVALID_CURRENCY = int(Reject.INVALID_CURRENCY)
_ACCOUNT_EXISTS = int(Reject.ACCOUNT_EXISTS)
_ACCOUNT_OUT_OF_RANGE = int(Reject.ACCOUNT_OUT_OF_RANGE)


@jit_inline
def account_row(account: int) -> int:
    """First word of an account."""
    return account * ACCOUNT_WORDS


@jit_inline_internal
def account_defined(v: Any, account: int) -> bool:
    """Whether the account is open. Row 0 holds the defaults and is no account."""
    return (
        0 < account < get(v.scalars, MAX_ACCOUNTS)
        and get(v.accounts, account_row(account) + ACCOUNT_FLAGS) & ACCOUNT_DEFINED_FLAG != 0
    )


@jit_inline_internal
def currency_defined(v: Any, currency: int) -> bool:
    return 0 < currency < MAX_CURRENCIES and get(v.currencies, currency * CURRENCY_WORDS) != 0


@jit_internal
def define_currency(v: Any, currency: int, code: int, decimals: int, fee_account: int) -> int:
    """CURRENCY."""
    if currency == 0 or currency >= MAX_CURRENCIES:
        return -_CURRENCY_OUT_OF_RANGE
    if currency_defined(v, currency):
        return -_CURRENCY_EXISTS
    if not account_defined(v, fee_account):
        return -_UNKNOWN_ACCOUNT
    if decimals < 0 or decimals > MAXIMUM_DECIMALS:
        return -_INVALID_CURRENCY
    row = currency * CURRENCY_WORDS
    put(v.currencies, row, 1)
    put(v.currencies, row + 1, code)
    put(v.currencies, row + 2, decimals)
    put(v.currencies, row + 3, fee_account)
    emit_control(
        v, _CURRENCY_DEFINED, 0, 0, decimals, 0, 0, 0, 0, 0, code, currency, fee_account, 0, 0
    )  # fmt: skip
    return 0


@jit_internal
def define_account(v: Any, account: int) -> int:
    """ACCOUNT: open it with the parameters of account 0."""
    if account == 0 or account >= get(v.scalars, MAX_ACCOUNTS):
        return -_ACCOUNT_OUT_OF_RANGE
    if account_defined(v, account):
        return -_ACCOUNT_EXISTS
    row = account_row(account)
    flags = get(v.accounts, ACCOUNT_FLAGS) & _FLAGS_COPIED
    put(v.accounts, row + ACCOUNT_FLAGS, flags | ACCOUNT_DEFINED_FLAG)
    for word in (ACCOUNT_LIVE, ACCOUNT_TODAY):
        put(v.accounts, row + word, get(v.accounts, word) & _UPPER_HALF)
    for word in (
        ACCOUNT_RATE_INTERVAL,
        ACCOUNT_RATE_TOLERANCE,
        ACCOUNT_POSITION_LIMIT,
        ACCOUNT_RATIO_PPM,
        ACCOUNT_RATIO_WINDOW_S,
        ACCOUNT_RATIO_MINIMUM,
    ):
        put(v.accounts, row + word, get(v.accounts, word))
    emit_control(v, _ACCOUNT_DEFINED, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, account, 0, 0)
    return 0
