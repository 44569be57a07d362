"""accounts.toml: currencies, and accounts with their limits and opening deposits."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from exchange.definitions import CURRENCY_PATTERN, MAXIMUM_CURRENCIES, MAXIMUM_DECIMALS
from exchange.settings.exact import scaled
from exchange.settings.parameters import LimitError, account_parameters, overlaid
from exchange.settings.sections import (
    Burst,
    Limit,
    OrderCount,
    PreventionMode,
    QuantityLimit,
    Rate,
    RiskSection,
    Section,
    WindowSeconds,
)
from exchange.settings.toml_file import convert, problem, read_toml, refuse_doubles

AccountId = Annotated[int, Meta(ge=1, le=(1 << 20) - 1)]
AMOUNT_MAXIMUM = 1 << 56
STOCK_MAXIMUM = 1 << 40
DEPOSITS_MAXIMUM = 1 << 16  # as many idempotency keys are remembered


class Currency(Section, frozen=True, kw_only=True):
    """One ``[[currency]]``."""

    id: Annotated[int, Meta(ge=1, le=MAXIMUM_CURRENCIES - 1)]
    code: Annotated[str, Meta(pattern=CURRENCY_PATTERN)]
    decimals: Annotated[int, Meta(ge=0, le=MAXIMUM_DECIMALS)]
    fee_account: AccountId


class Account(Section, frozen=True, kw_only=True):
    """One ``[[account]]``. Limits that are None are those of ``[risk]``.

    money: currency code -> units; stock: symbol -> quantity; both are deposited once, when the
    account is opened.
    """

    id: AccountId
    self_trade_prevention: PreventionMode | None = None
    prevention_group: Limit = 0
    may_short: bool | None = None
    orders_per_day: Limit | None = None
    open_orders: Limit | None = None
    position_limit: QuantityLimit | None = None
    orders_per_second: Rate | None = None
    burst: Burst | None = None
    cancel_ratio_percent: Decimal | None = None
    cancel_ratio_window_s: WindowSeconds | None = None
    cancel_ratio_minimum: OrderCount | None = None
    money: dict[str, Decimal] = field(default_factory=dict)
    stock: dict[str, int] = field(default_factory=dict)


class _AccountsFile(Section, frozen=True, kw_only=True):
    currency: list[Currency] = field(default_factory=list)
    account: list[Account] = field(default_factory=list)


def load_accounts(
    path: Path, capacity: int, risk: RiskSection
) -> tuple[list[Currency], list[Account]]:
    """Currencies and accounts of ``path``; ids of accounts are below ``capacity`` (records).

    ``check_stock`` checks the deposits of stock once the instruments are known.
    """
    text, tree = read_toml(path)
    file = convert(path, text, tree, _AccountsFile)
    refuse_doubles(path, text, "currency", file.currency, "id")
    refuse_doubles(path, text, "currency", file.currency, "code")
    refuse_doubles(path, text, "account", file.account, "id")
    accounts = {account.id for account in file.account}
    for index, currency in enumerate(file.currency):
        if currency.fee_account not in accounts:
            what = "must be the id of an [[account]]"
            raise problem(path, text, "currency", "fee_account", what, index)
    decimals = {currency.code: currency.decimals for currency in file.currency}
    deposits = 0
    for index, account in enumerate(file.account):
        if account.id >= capacity:
            what = f"must be below capacity.accounts ({capacity})"
            raise problem(path, text, "account", "id", what, index)
        for code, units in account.money.items():
            if code not in decimals:
                what = f"unknown currency {code}; must be of {', '.join(sorted(decimals))}"
                raise problem(path, text, "account", "money", what, index)
            try:
                minor = scaled(units, decimals[code])
            except ValueError as error:
                raise problem(path, text, "account", "money", f"{code}: {error}", index) from None
            if not 0 < minor <= AMOUNT_MAXIMUM:
                what = f"{code}: must be positive and at most 2^56 minor units"
                raise problem(path, text, "account", "money", what, index)
        try:
            account_parameters(overlaid(risk, account))
        except LimitError as error:
            raise problem(path, text, "account", error.key, str(error), index) from None
        deposits += len(account.money) + len(account.stock)
        if deposits > DEPOSITS_MAXIMUM:
            what = f"more than {DEPOSITS_MAXIMUM} opening deposits in all"
            raise problem(path, text, "account", "", what, index)
    return file.currency, file.account


def check_stock(path: Path, accounts: Sequence[Account], symbols: Collection[str]) -> None:
    """Raise ConfigurationError about an impossible opening deposit of stock."""
    text, _ = read_toml(path)
    for index, account in enumerate(accounts):
        for symbol, quantity in account.stock.items():
            if symbol not in symbols:
                what = f"unknown instrument {symbol}; must be a symbol of the instruments' file"
                raise problem(path, text, "account", "stock", what, index)
            if not 0 < quantity <= STOCK_MAXIMUM:
                what = f"{symbol}: must be from 1 to 2^40"
                raise problem(path, text, "account", "stock", what, index)
