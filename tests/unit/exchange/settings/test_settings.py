"""Configuration: what is shipped is correct; what is wrong is named with its place."""

from __future__ import annotations

import datetime
import zoneinfo
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.codes import Parameter
from exchange.errors import ConfigurationError
from exchange.gateway.passwords import parse_hash
from exchange.settings import (
    DEFAULT_FILE,
    Currency,
    Group,
    Instrument,
    Session,
    Settings,
    account_parameters,
    instrument_parameters,
    load,
    load_accounts,
    load_instruments,
    load_sessions,
    load_settings,
    overlaid,
    session_parameters,
)
from exchange.settings.exact import scaled, unscaled

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
SESSION = {"id": "1", "username": '"ABC"', "password": '"scrypt$1$1$1$x$x"', "account": "1"}


def written(directory: Path, name: str, text: str) -> Path:
    path = directory / name
    path.write_text(text)
    return path


USD = Currency(id=1, code="USD", decimals=2, fee_account=1)
RISK = load_settings(None).risk
ROLL = datetime.time(20)


def instruments_of(path: Path, capacity: int = 10) -> list[Instrument]:
    return load_instruments(path, capacity, [USD], RISK, ROLL)[1]


def groups_of(path: Path, roll: datetime.time = ROLL) -> list[Group]:
    return load_instruments(path, 10, [USD], RISK, roll)[0]


def sessions_of(path: Path) -> list[Session]:
    return load_sessions(path, 10, {1})


def test_shipped_configuration_is_correct() -> None:
    configuration = load(None)
    assert {instrument.symbol for instrument in configuration.instruments} >= {
        "AAPL",
        "AMZN",
        "MSFT",
        "2330.TW",
    }
    assert configuration.settings.capacity.instruments >= 1001
    for session in configuration.sessions:
        parse_hash(session.password)


def test_every_shipped_key_has_a_comment() -> None:
    for line in DEFAULT_FILE.read_text().splitlines():
        if "=" in line.partition("#")[0]:
            assert "#" in line, f"no comment: {line}"


def test_shipped_file_lists_every_key() -> None:
    text = DEFAULT_FILE.read_text()
    for section in Settings.__struct_fields__:
        assert f"[{section}]" in text


def test_a_file_names_only_what_differs(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "a.toml", "[order_entry]\nport = 1\n"))
    assert settings.order_entry.port == 1
    assert settings.order_entry.host == load_settings(None).order_entry.host


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[order_entry]\nprt = 1", "a.toml:2: [order_entry]: prt: unknown key; did you mean port?"),
        ("[order_entry]\n\nport = 70000", "a.toml:3: [order_entry]: port: must be an integer from"),
        ('[order_entry]\nport = "x"', "must be an integer from 0 to 65535, not 'x'"),
        ("[order_entry]\nport = 1.5", "must be an integer from 0 to 65535, not 1.5"),
        ("[order_entry]\nport = true", "must be an integer from 0 to 65535, not True"),
        ("[nope]\na = 1", "a.toml:1: [nope]: unknown key (allowed: exchange, day,"),
        ("x = 1", "a.toml:1: top level: x: unknown key"),
        ("rings = 3", "a.toml:1: top level: rings: must be a table"),
        ("[rings]\ncommands = 1000", "must be a power of two, for example 512 or 1024, not 1000"),
        ('[day]\ntimezone = "Mars"', "[day]: timezone: not a time zone"),
        ('[day]\nroll = "weekly"', 'roll: must be one of "daily", "manual", not \'weekly\''),
        ('[day]\nroll_time = "25:00:00"', "[day]: roll_time: must be a string that matches"),
        ("[cpu]\nmatcher = [-1]", "[cpu]: matcher: must be a list"),
        ("[journal]\nsegment_bytes = 65537", "[journal]: segment_bytes:"),
        ("[journal]\nbatch = 1048576", "batch: must not exceed rings.commands"),
        ("[order_entry]\nclient_timeout_ms = 1000", "must be greater than heartbeat_interval_ms"),
        ("[order_entry]\nport =", "is not TOML"),
        (
            "[risk]\nprice_band_percent = 200",
            "a.toml:2: [risk]: price_band_percent: must be from 0",
        ),
        ("[risk]\norders_per_day = -1", "orders_per_day: must be an integer from 0 to 2147483647"),
        ('[risk]\nself_trade_prevention = "x"', 'must be one of "cancel_both"'),
        ("[risk]\nmay_short = 1", "[risk]: may_short: must be true or false, not 1"),
        ("[api]\nport = 65536", "a.toml:2: [api]: port: must be an integer from 0 to 65535"),
        ("[api]\nnice = -1", "[api]: nice: must be an integer from 0 to 19, not -1"),
        ('[api]\nallowed_origins = ["example.org"]', "[api]: allowed_origins: must be a list"),
        (
            '[api]\ntrusted_proxies = ["10.0.0.0/8", "proxy"]',
            "a.toml:2: [api]: trusted_proxies: not an address or network such as 10.0.0.0/8:",
        ),
        ("[feed]\nworkers = 5", "[feed]: workers: must be an integer from 0 to 4, not 5"),
        ("[feed]\ndrop_bytes = 2048", "drop_bytes: must not be below conflate_bytes (262144)"),
        ('[store]\ndsn = "localhost"', "[store]: dsn: must be a string that matches"),
        ("[rings]\ningress_api = 1000", "must be a power of two, for example 512 or 1024"),
        ('[exchange]\nname = "a b"', "[exchange]: name: must be a string that matches"),
    ],
)
def test_bad_settings(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, "a.toml", text))
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")


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
    ("key", "value", "expected"),
    [
        ("username", '"TOOLONG"', "username: must be a string that matches"),
        ("username", '""', "username: must be a string that matches"),
        ("password", '"plain"', "password: must be a string that matches"),
        ("account", "0", "account: must be an integer from 1 to 1048575"),
        ("account", "2", "account: must be the id of an [[account]]"),
        ("burst", "0", "burst: must be an integer from 1 to 1000000"),
        ("cancel_on_disconnect", "1", "cancel_on_disconnect: must be true or false, not 1"),
        ("id", "10", "id: must be below capacity.sessions (10)"),
        ("extra", "1", "extra: unknown key"),
    ],
)
def test_bad_session(tmp_path: Path, key: str, value: str, expected: str) -> None:
    text = "[[session]]\n" + "\n".join(f"{k} = {v}" for k, v in (SESSION | {key: value}).items())
    with pytest.raises(ConfigurationError) as caught:
        sessions_of(written(tmp_path, "s.toml", text))
    assert expected in str(caught.value)


NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


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
    shipped = (DEFAULT_FILE.parent / "accounts.toml").read_text()
    written(tmp_path, "accounts.toml", f"{shipped}\n[[account]]\nid = 5\nstock = {stock}\n")
    with pytest.raises(ConfigurationError) as caught:
        load(written(tmp_path, "a.toml", ""))
    assert expected in str(caught.value)


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


def test_parameters_are_exact() -> None:
    risk = overlaid(RISK)
    assert instrument_parameters(risk, 4) == {
        Parameter.FEES: (0, 0, 0),
        Parameter.PRICE_BAND: (200_000, 0, 0),
        Parameter.COLLAR: (100_000, 0, 0),
        Parameter.REVIEW_VALUE: (100_000_000_000, 0, 0),
        Parameter.BREAKER: (100_000, 300, 300),
    }
    account = account_parameters(risk)
    assert account[Parameter.DAILY_ORDERS] == (1_000, 0, 0)
    assert account[Parameter.CANCEL_RATIO] == (800_000, 60, 100)
    assert session_parameters(risk)[Parameter.CANCEL_ON_DISCONNECT] == (0, 0, 0)
    fees = risk | {
        "maker_fee_basis_points": Decimal("-0.29"),
        "taker_fee_basis_points": Decimal("0.57"),
    }
    assert instrument_parameters(fees, 4)[Parameter.FEES] == (-29, 57, 0)


@pytest.mark.parametrize("text", ["0.29", "1.1", "199999.99", "0", "-2.5", "1000"])
def test_scaling_loses_nothing(text: str) -> None:
    assert unscaled(scaled(Decimal(text), 4), 4) == Decimal(text)
    assert "E" not in str(unscaled(scaled(Decimal(text), 4), 4))
