"""instruments.toml: groups and instruments; what is wrong is named with its place."""

from __future__ import annotations

import datetime
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.settings import (
    Currency,
    Group,
    Instrument,
    load_instruments,
    load_settings,
)
from tests.harness.files import written

INSTRUMENT = {
    "id": "1",
    "symbol": '"ABC"',
    "currency": '"USD"',
    "price_decimals": "2",
    "tick": "0.01",
    "lot": "1",
    "minimum_price": "0.01",
    "maximum_price": "10",
    "maximum_quantity": "5",
}

USD = Currency(id=1, code="USD", decimals=2, fee_account=1)


RISK = load_settings(None).risk


ROLL = datetime.time(20)


def instruments_of(path: Path, capacity: int = 10) -> list[Instrument]:
    return load_instruments(path, capacity, [USD], RISK, ROLL)[1]


def groups_of(path: Path, roll: datetime.time = ROLL) -> list[Group]:
    return load_instruments(path, 10, [USD], RISK, roll)[0]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("tick", None, "i.toml:1: [[instrument]] number 1: tick: missing; must be a number"),
        ("id", '"a"', "id: must be an integer from 1 to 65535"),
        ("id", "0", "id: must be an integer from 1 to 65535"),
        ("id", "10", "id: must be below capacity.instruments (10)"),
        ("tick", "0.001", "0.001 has more than 2 decimals"),
        ("tick", "0", "tick: must be positive"),
        ("tick", "nan", "tick: "),
        ("symbol", '"TOOLONGNAME"', "symbol: must be a string that matches"),
        ("symbol", '"A B"', "symbol: must be a string that matches"),
        ("lott", "1", "lott: unknown key; did you mean lot?"),
        ("lot", "0", "lot: must be an integer from 1"),
        ("lot", "6", "maximum_quantity: must be from one lot"),
        ("minimum_price", "0", "minimum_price: must be at least the tick"),
        ("maximum_price", "0.001", "maximum_price: 0.001 has more than 2 decimals"),
        ("maximum_price", "99999999", "must be below 2^30 ticks"),
        ("price_decimals", "9", "price_decimals: must be an integer from 0 to 8"),
        ("price_decimals", "3", "price_decimals: must not be more than those of USD (2)"),
        ("currency", '"EUR"', "currency: must be one of USD"),
        ("currency", None, "currency: missing; must be a string"),
        ("group", '"US"', "group: must be the name of a [[group]]: (none is defined)"),
        ("reference_price", "11", "reference_price: must be from minimum_price to maximum_price"),
        ("reference_price", "1.001", "reference_price: 1.001 has more than 2 decimals"),
        ("price_band_percent", "101", "price_band_percent: must be from 0 (none) to 100 percent"),
        ("price_band_percent", "0.00001", "price_band_percent: 0.00001 has more than 4 decimals"),
        ("price_band_percent", '"x"', "price_band_percent: must be a number, not 'x'"),
        ("collar_percent", "-1", "collar_percent: must be from 0 (none) to 100 percent, not -1"),
        ("maker_fee_basis_points", "-1", "a rebate must not exceed taker_fee_basis_points"),
        ("taker_fee_basis_points", "0.001", "0.001 has more than 2 decimals"),
        ("taker_fee_basis_points", "-1", "taker_fee_basis_points: must be from 0 to 1000, not -1"),
        ("review_value", "-1", "review_value: must be from 0 to"),
        ("review_value", "0.001", "review_value: 0.001 has more than 2 decimals"),
        ("breaker_window_s", "0", "breaker_window_s: must be an integer from 1 to 86400, not 0"),
    ],
)
def test_bad_instrument(tmp_path: Path, key: str, value: str | None, expected: str) -> None:
    fields: dict[str, str | None] = INSTRUMENT | {key: value}  # type: ignore[dict-item]
    text = "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items() if v is not None)
    with pytest.raises(ConfigurationError) as caught:
        instruments_of(written(tmp_path, "i.toml", text))
    assert expected in str(caught.value)


def test_value_that_an_amount_cannot_hold(tmp_path: Path) -> None:
    fields = INSTRUMENT | {"maximum_price": "1000000", "maximum_quantity": "1_000_000_000_000"}
    text = "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items())
    with pytest.raises(ConfigurationError, match="maximum_quantity: times maximum_price must not"):
        instruments_of(written(tmp_path, "i.toml", text))


def test_same_symbol_twice(tmp_path: Path) -> None:
    second = INSTRUMENT | {"id": "2"}
    text = "\n".join(
        "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items())
        for fields in (INSTRUMENT, second)
    )
    with pytest.raises(ConfigurationError, match="number 2: symbol: 'ABC' is already used by"):
        instruments_of(written(tmp_path, "i.toml", text))


def test_prices_are_exact(tmp_path: Path) -> None:
    text = "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in INSTRUMENT.items())
    (instrument,) = instruments_of(written(tmp_path, "i.toml", text))
    assert instrument.minor_units(instrument.tick) == 1
    assert instrument.minor_units(Decimal("4.35")) == 435
    with pytest.raises(ValueError, match="more than 2 decimals"):
        instrument.minor_units(Decimal("4.355"))


@pytest.mark.parametrize(
    ("times", "roll", "expected"),
    [
        ('open = "9:30"', "20:00:00", "open: must be a string that matches"),
        ('open = "09:30:00"\nclose = "09:30:00"', "20:00:00", "close: must be after open"),
        ('open = "09:30:00"\nclose = "21:00:00"', "20:00:00", "close: must be after open, counted"),
        ('opening_auction = "09:00:00"', "20:00:00", "open: missing; an auction that begins at"),
        ('closing_auction = "09:00:00"', "20:00:00", "close: missing; an auction that begins at"),
        # a session that crosses midnight: in the order of a day that begins at 17:30
        ('open = "18:00:00"\nclose = "17:00:00"', "17:30:00", None),
        ('open = "18:00:00"\nclose = "17:00:00"', "00:00:00", "close: must be after open"),
        ("", "20:00:00", None),
    ],
)
def test_groups(tmp_path: Path, times: str, roll: str, expected: str | None) -> None:
    path = written(tmp_path, "i.toml", f'[[group]]\nid = 1\nname = "G"\n{times}\n')
    if expected is None:
        assert [group.name for group in groups_of(path, datetime.time.fromisoformat(roll))] == ["G"]
        return
    with pytest.raises(ConfigurationError) as caught:
        groups_of(path, datetime.time.fromisoformat(roll))
    assert expected in str(caught.value)
