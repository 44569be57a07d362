"""accounts.toml: currencies, accounts and opening deposits; what is wrong is named."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.settings import (
    DEFAULT_FILE,
    load,
    load_accounts,
    load_settings,
)
from tests.harness.files import copy_shipped, written

RISK = load_settings(None).risk


def currency_text(**fields: str) -> str:
    shown = {"id": "1", "code": '"USD"', "decimals": "2", "fee_account": "1"} | fields
    return "[[currency]]\n" + "".join(f"{key} = {value}\n" for key, value in shown.items())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            currency_text(id="8"),
            "c.toml:2: [[currency]] number 1: id: must be an integer from 1 to 7",
        ),
        (currency_text(code='"usd"'), "code: must be a string that matches"),
        (currency_text(decimals="9"), "decimals: must be an integer from 0 to 8"),
        (currency_text(fee_account="2"), "fee_account: must be the id of an [[account]]"),
        (
            currency_text() + currency_text(id="2"),
            "number 2: code: 'USD' is already used by number 1",
        ),
        ("[[account]]\nid = 1", "[[account]] number 2: id: 1 is already used by"),
        ("[[account]]\nid = 10", "id: must be below capacity.accounts (10)"),
        ("[[account]]\nid = 2\nmoney = { EUR = 1 }", "money: unknown currency EUR; must be of USD"),
        ("[[account]]\nid = 2\nmoney = { USD = 0.001 }", "USD: 0.001 has more than 2 decimals"),
        ("[[account]]\nid = 2\nmoney = { USD = -1 }", "USD: must be positive and at most 2^56"),
        ("[[account]]\nid = 2\nmoney = { USD = true }", "money: must be a table { NAME = VALUE }"),
        ("[[account]]\nid = 2\ncancel_ratio_percent = 101", "must be from 0 (none) to 100"),
        ("[[account]]\nid = 2\nbalance = 1", "balance: unknown key"),
        (
            '[[account]]\nid = 2\nself_trade_prevention = "x"',
            'must be one of "cancel_both", "cancel_',
        ),
    ],
)
def test_bad_accounts(tmp_path: Path, text: str, expected: str) -> None:
    base = "" if text.startswith("[[currency") else currency_text()
    path = written(
        tmp_path,
        "c.toml",
        f"{base}{text if not base else ''}[[account]]\nid = 1\n{text if base else ''}",
    )
    with pytest.raises(ConfigurationError) as caught:
        load_accounts(path, 10, RISK)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("stock", "expected"),
    [
        ("{ NONE = 1 }", "stock: unknown instrument NONE"),
        ("{ AAPL = 0 }", "AAPL: must be from 1 to 2^40"),
    ],
)
def test_bad_stock(tmp_path: Path, stock: str, expected: str) -> None:
    copy_shipped(tmp_path)
    shipped = (DEFAULT_FILE.parent / "accounts.toml").read_text()
    written(tmp_path, "accounts.toml", f"{shipped}\n[[account]]\nid = 5\nstock = {stock}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, "a.toml", ""))
    assert expected in str(caught.value)
