"""DEPOSIT and WITHDRAW: money and stock that enter and leave the exchange.

Both return 0, or minus the reject when they did nothing.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import Reject
from exchange.engine.money.accounts import account_row, balance_row
from exchange.engine.money.positions import (
    position_can_make,
    position_change,
    position_find,
    position_make,
)
from exchange.engine.state.control_events import (
    emit_money_changed,
    emit_stock_changed,
)
from exchange.engine.state.defined import account_defined, currency_defined, instrument_defined
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    INSTRUMENT_WORDS,
)
from exchange.engine.state.rows import (
    add_to_balance_amount,
    add_to_currency_net_money,
    add_to_instrument_net_stock,
    balance_amount,
    balance_frozen,
    currency_net_money,
    instrument_maximum_price,
    instrument_multiplier,
    instrument_net_stock,
    instrument_position_bound,
    position_frozen,
    position_open_buys,
    position_quantity,
)

MAXIMUM_MONEY = 1 << 56  # in one command
MAXIMUM_NET_MONEY = 1 << 61  # of a currency
MAXIMUM_STOCK = 1 << 40  # in one command


class Transfer(NamedTuple):
    """What enters (``sign`` 1) or leaves (-1) the exchange, int64 each."""

    account: int
    currency: int
    instrument: int  # of stock, which costs ``price`` a unit; 0: money
    amount: int
    price: int
    sign: int


@engine_function
def move_money(view: Any, account: int, currency: int, amount: int, sign: int) -> int:
    """Money into (``sign`` 1) or out of (-1) a defined account."""
    if not currency_defined(view, currency):
        return -Reject.UNKNOWN_CURRENCY
    if amount <= 0 or amount > MAXIMUM_MONEY:
        return -Reject.INVALID_AMOUNT
    balance = balance_row(account_row(account), currency)
    if sign > 0:
        if currency_net_money(view, currency) + amount > MAXIMUM_NET_MONEY:
            return -Reject.INVALID_AMOUNT
    elif amount > balance_amount(view, balance) - balance_frozen(view, balance):
        return -Reject.INSUFFICIENT_BALANCE
    change = sign * amount
    add_to_currency_net_money(view, currency, change)
    add_to_balance_amount(view, balance, change)
    emit_money_changed(view, account, currency, change, balance_amount(view, balance))
    return 0


@engine_function
def move_stock(view: Any, moved: Transfer) -> int:
    """Stock into or out of a defined account."""
    if not instrument_defined(view, moved.instrument):
        return -Reject.UNKNOWN_INSTRUMENT
    instrument_at = moved.instrument * INSTRUMENT_WORDS
    highest = instrument_maximum_price(view, instrument_at)
    if not 0 < moved.amount <= MAXIMUM_STOCK or not 0 <= moved.price <= highest:
        return -Reject.INVALID_AMOUNT
    position_at = position_find(view, moved.account, moved.instrument)
    held = 0
    frozen = 0
    open_buys = 0
    if position_at >= 0:
        held = position_quantity(view, position_at)
        frozen = position_frozen(view, position_at)
        open_buys = position_open_buys(view, position_at)
    if moved.sign > 0:
        if position_at < 0 and not position_can_make(view):
            return -Reject.POSITION_TABLE_FULL
        bound = instrument_position_bound(view, instrument_at)
        net = instrument_net_stock(view, instrument_at)
        if held + open_buys + moved.amount > bound or net + moved.amount > bound:
            return -Reject.INVALID_AMOUNT
        position_at = position_make(view, moved.account, moved.instrument)
    elif moved.amount > held - frozen:
        return -Reject.INSUFFICIENT_BALANCE
    change = moved.sign * moved.amount
    multiplier = instrument_multiplier(view, instrument_at)
    position_change(view, position_at, change, moved.price, multiplier)
    add_to_instrument_net_stock(view, instrument_at, change)
    emit_stock_changed(
        view, moved.account, moved.instrument, change, moved.price, held + change
    )  # fmt: skip
    return 0


@engine_function
def move_balance(view: Any, moved: Transfer) -> int:
    """DEPOSIT and WITHDRAW: of stock where an instrument is named."""
    if not account_defined(view, moved.account):
        return -Reject.UNKNOWN_ACCOUNT
    if moved.instrument == 0:
        return move_money(view, moved.account, moved.currency, moved.amount, moved.sign)
    return move_stock(view, moved)
