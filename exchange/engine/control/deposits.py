"""DEPOSIT and WITHDRAW: money and stock that enter and leave the exchange.

Both return 0, or minus the reject when they did nothing.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Reject
from exchange.engine.money.accounts import account_defined, account_row, currency_defined
from exchange.engine.money.positions import (
    POSITION_FROZEN,
    POSITION_OPEN_BUYS,
    POSITION_QUANTITY,
    position_can_make,
    position_change,
    position_find,
    position_make,
)
from exchange.engine.orders.checks import instrument_defined
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.layout import (
    ACCOUNT_BALANCES,
    CURRENCY_WORDS,
    INSTRUMENT_MAXIMUM_PRICE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_NET_STOCK,
    INSTRUMENT_POSITION_BOUND,
    INSTRUMENT_WORDS,
)
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

MAXIMUM_MONEY = 1 << 56  # in one command
MAXIMUM_NET_MONEY = 1 << 61  # of a currency
MAXIMUM_STOCK = 1 << 40  # in one command
NET = 4  # word of a currency: deposits - withdrawals

_BALANCE_CHANGED = int(EventKind.BALANCE_CHANGED)
_UNKNOWN_ACCOUNT = int(Reject.UNKNOWN_ACCOUNT)
_UNKNOWN_CURRENCY = int(Reject.UNKNOWN_CURRENCY)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)
_INVALID_AMOUNT = int(Reject.INVALID_AMOUNT)
_INSUFFICIENT_BALANCE = int(Reject.INSUFFICIENT_BALANCE)
_POSITION_TABLE_FULL = int(Reject.POSITION_TABLE_FULL)


@jit_internal
def move_money(v: Any, account: int, currency: int, amount: int, sign: int) -> int:
    """Money into (``sign`` 1) or out of (-1) a defined account."""
    if not currency_defined(v, currency):
        return -_UNKNOWN_CURRENCY
    if amount <= 0 or amount > MAXIMUM_MONEY:
        return -_INVALID_AMOUNT
    net = currency * CURRENCY_WORDS + NET
    balance = account_row(account) + ACCOUNT_BALANCES + 2 * currency
    if sign > 0:
        if get(v.currencies, net) + amount > MAXIMUM_NET_MONEY:
            return -_INVALID_AMOUNT
    elif amount > get(v.accounts, balance) - get(v.accounts, balance + 1):
        return -_INSUFFICIENT_BALANCE
    change = sign * amount
    put(v.currencies, net, get(v.currencies, net) + change)
    put(v.accounts, balance, get(v.accounts, balance) + change)
    emit_control(
        v, _BALANCE_CHANGED, 0, 0, 0, 0, 0, change, 0, get(v.accounts, balance), 0, currency,
        account, 0, 0,
    )  # fmt: skip
    return 0


@jit_internal
def move_stock(v: Any, account: int, instrument: int, amount: int, price: int, sign: int) -> int:
    """Stock that cost ``price`` a unit into (``sign`` 1) or out of (-1) a defined account."""
    if not instrument_defined(v, instrument):
        return -_UNKNOWN_INSTRUMENT
    i = instrument * INSTRUMENT_WORDS
    if (
        amount <= 0
        or amount > MAXIMUM_STOCK
        or price < 0
        or price > get(v.instruments, i + INSTRUMENT_MAXIMUM_PRICE)
    ):
        return -_INVALID_AMOUNT
    p = position_find(v, account, instrument)
    held = 0
    frozen = 0
    open_buys = 0
    if p >= 0:
        held = get(v.positions, p + POSITION_QUANTITY)
        frozen = get(v.positions, p + POSITION_FROZEN)
        open_buys = get(v.positions, p + POSITION_OPEN_BUYS)
    net = get(v.instruments, i + INSTRUMENT_NET_STOCK)
    if sign > 0:
        if p < 0 and not position_can_make(v):
            return -_POSITION_TABLE_FULL
        bound = get(v.instruments, i + INSTRUMENT_POSITION_BOUND)
        if held + open_buys + amount > bound or net + amount > bound:
            return -_INVALID_AMOUNT
        p = position_make(v, account, instrument)
    elif amount > held - frozen:
        return -_INSUFFICIENT_BALANCE
    change = sign * amount
    position_change(v, p, change, price, get(v.instruments, i + INSTRUMENT_MULTIPLIER))
    put(v.instruments, i + INSTRUMENT_NET_STOCK, net + change)
    emit_control(
        v, _BALANCE_CHANGED, instrument, 0, 0, 0, price, change, 0, held + change, 0, 0,
        account, 0, 0,
    )  # fmt: skip
    return 0


@jit_internal
def move_balance(
    v: Any, account: int, currency: int, instrument: int, amount: int, price: int, sign: int
) -> int:
    """DEPOSIT (``sign`` 1) and WITHDRAW (-1): of stock where an instrument is named."""
    if not account_defined(v, account):
        return -_UNKNOWN_ACCOUNT
    if instrument == 0:
        return move_money(v, account, currency, amount, sign)
    return move_stock(v, account, instrument, amount, price, sign)
