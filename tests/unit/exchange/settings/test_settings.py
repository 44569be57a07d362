"""Configuration: what is shipped is correct; what is wrong is named with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.errors import ConfigurationError
from exchange.gateway.passwords import parse_hash
from exchange.settings import (
    DEFAULT_FILE,
    Settings,
    load,
    load_settings,
)
from tests.harness.files import written


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


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")
