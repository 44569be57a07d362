"""accounts.toml: currencies, and accounts with their limits and opening deposits."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

from msgspec import Meta, field

from exchange.definitions.rules import CURRENCY_PATTERN, MAXIMUM_CURRENCIES, MAXIMUM_DECIMALS
from exchange.settings.exact import scaled
from exchange.settings.findings import Findings, doubles, good_entries
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
from exchange.settings.toml_file import problem, read_toml

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
    path: Path, capacity: int, risk: RiskSection, found: Findings | None = None
) -> tuple[list[Currency], list[Account]]:
    """Currencies and accounts of ``path``; ids of accounts are below ``capacity`` (records).

    ``check_stock`` checks the deposits of stock once the instruments are known.
    """
    found = found or Findings()
    text, tables = found.tables(path, _AccountsFile)
    currencies: dict[int, Currency] = tables["currency"]
    accounts: dict[int, Account] = tables["account"]

    def refuse(section: str, index: int, key: str, what: str) -> None:
        found.add(problem(path, text, section, key, what, index))

    for section, key in (("currency", "id"), ("currency", "code"), ("account", "id")):
        for index, what in doubles(tables[section], key):
            refuse(section, index, key, what)
    numbers = {account.id for account in accounts.values()}
    for index, currency in currencies.items():
        if currency.fee_account not in numbers:
            refuse("currency", index, "fee_account", "must be the id of an [[account]]")
    decimals = {currency.code: currency.decimals for currency in currencies.values()}
    deposits = 0
    for index, account in accounts.items():
        if account.id >= capacity:
            refuse("account", index, "id", f"must be below capacity.accounts ({capacity})")
        for what in _wrong_money(account, decimals):
            refuse("account", index, "money", what)
        try:
            account_parameters(overlaid(risk, account))
        except LimitError as error:
            refuse("account", index, error.key, str(error))
        deposits += len(account.money) + len(account.stock)
        if deposits > DEPOSITS_MAXIMUM:
            refuse("account", index, "", f"more than {DEPOSITS_MAXIMUM} opening deposits in all")
            break
    return list(currencies.values()), list(accounts.values())


def _wrong_money(account: Account, decimals: Mapping[str, int]) -> Iterator[str]:
    """What is wrong with the opening deposits of money. ``decimals``: code -> decimals."""
    for code, units in account.money.items():
        if code not in decimals:
            yield f"unknown currency {code}; must be of {', '.join(sorted(decimals))}"
            continue
        try:
            minor = scaled(units, decimals[code])
        except ValueError as error:
            yield f"{code}: {error}"
            continue
        if not 0 < minor <= AMOUNT_MAXIMUM:
            yield f"{code}: must be positive and at most 2^56 minor units"


def check_stock(path: Path, symbols: Collection[str] | None, found: Findings | None = None) -> None:
    """Refuse an impossible opening deposit of stock in ``path``, whose accounts have been loaded.

    ``symbols``: of the instruments; None: any, because an operator may have added it.
    """
    found = found or Findings()
    text, tree = read_toml(path)
    for index, account in good_entries(tree.get("account"), Account).items():
        for symbol, quantity in account.stock.items():
            if symbols is not None and symbol not in symbols:
                what = f"unknown instrument {symbol}; must be a symbol of the instruments' file"
                found.add(problem(path, text, "account", "stock", what, index))
            elif not 0 < quantity <= STOCK_MAXIMUM:
                what = f"{symbol}: must be from 1 to 2^40"
                found.add(problem(path, text, "account", "stock", what, index))
