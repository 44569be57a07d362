"""Configuration: what is shipped is correct; what is wrong is named with its place."""

from __future__ import annotations

import datetime
import zoneinfo
from decimal import Decimal
from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.gateway.passwords import parse_hash
from exchange.settings import (
    DEFAULT_FILE,
    Settings,
    load,
    load_instruments,
    load_sessions,
    load_settings,
)
from exchange.trading_day import day_number, midnight_ns, trading_date

INSTRUMENT = {
    "id": "1",
    "symbol": '"ABC"',
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
    ],
)
def test_bad_instrument(tmp_path: Path, key: str, value: str | None, expected: str) -> None:
    fields: dict[str, str | None] = INSTRUMENT | {key: value}  # type: ignore[dict-item]
    text = "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items() if v is not None)
    with pytest.raises(ConfigurationError) as caught:
        load_instruments(written(tmp_path, "i.toml", text), 10)
    assert expected in str(caught.value)


def test_same_symbol_twice(tmp_path: Path) -> None:
    second = INSTRUMENT | {"id": "2"}
    text = "\n".join(
        "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in fields.items())
        for fields in (INSTRUMENT, second)
    )
    with pytest.raises(ConfigurationError, match="number 2: symbol: 'ABC' is already used by"):
        load_instruments(written(tmp_path, "i.toml", text), 10)


def test_prices_are_exact(tmp_path: Path) -> None:
    text = "[[instrument]]\n" + "\n".join(f"{k} = {v}" for k, v in INSTRUMENT.items())
    (instrument,) = load_instruments(written(tmp_path, "i.toml", text), 10)
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
        ("account", "-1", "account: must be an integer from 0"),
        ("id", "10", "id: must be below capacity.sessions (10)"),
        ("extra", "1", "extra: unknown key"),
    ],
)
def test_bad_session(tmp_path: Path, key: str, value: str, expected: str) -> None:
    text = "[[session]]\n" + "\n".join(f"{k} = {v}" for k, v in (SESSION | {key: value}).items())
    with pytest.raises(ConfigurationError) as caught:
        load_sessions(written(tmp_path, "s.toml", text), 10)
    assert expected in str(caught.value)


NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("local", "number"),
    [
        ("2026-11-20T00:00:00", 20261120),
        ("2026-11-20T19:59:59", 20261120),
        ("2026-11-20T20:00:00", 20261121),
        ("2026-12-31T23:59:59", 20270101),
        # the days on which clocks change
        ("2026-03-08T03:30:00", 20260308),
        ("2026-11-01T01:30:00", 20261101),
    ],
)
def test_trading_day(local: str, number: int) -> None:
    moment = datetime.datetime.fromisoformat(local).replace(tzinfo=NEW_YORK)
    date = trading_date(moment.astimezone(datetime.UTC), NEW_YORK, datetime.time(20))
    assert day_number(date) == number


def test_midnight_is_never_after_the_start() -> None:
    evening = datetime.datetime(2026, 11, 20, 20, 30, tzinfo=NEW_YORK)
    midnight = datetime.datetime(2026, 11, 20, tzinfo=NEW_YORK)
    assert midnight_ns(evening, NEW_YORK) == int(midnight.timestamp()) * 1_000_000_000
