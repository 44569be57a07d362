"""``exchange connect``: what is said, and with which status, before anything is compared."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from market_events import MarketEvents
from store_world import write_archive

from exchange.cli import main
from exchange.connect import registry
from exchange.connect.checking import CheckResult
from exchange.connect.sink import SinkAway
from exchange.errors import ExitStatus


@pytest.fixture
def config(tmp_path: Path) -> Path:
    world = MarketEvents()
    world.open_market()
    write_archive(tmp_path, world.take())
    file = tmp_path / "own.toml"
    file.write_text("[redis]\nenabled = true\n")
    return file


def check(config: Path, name: str = "redis") -> int:
    return main(
        ["connect", "check", name, "--data-dir", str(config.parent), "--config", str(config)]
    )


def answer(monkeypatch: pytest.MonkeyPatch, result: CheckResult | Exception) -> None:
    def compare(*_: Any) -> CheckResult:
        if isinstance(result, Exception):
            raise result
        return result

    monkeypatch.setattr(registry, "check", compare)


def test_a_connector_that_is_off_is_not_compared(
    config: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(config, "kafka") == ExitStatus.CONFIGURATION
    assert f"{config}: [kafka]: enabled = false" in capsys.readouterr().err


def test_what_is_equal_is_said_with_its_number(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, CheckResult(1_234, [], ["not compared: 3 events"]))
    assert check(config) == ExitStatus.OK
    assert capsys.readouterr().out == (
        "note: not compared: 3 events\nredis says what the archive says: 1,234 records\n"
    )


def test_what_differs_is_said_line_by_line(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, CheckResult(2, ["one", "two"], []))
    assert check(config) == ExitStatus.DIFFERENT
    assert capsys.readouterr().out == "one\ntwo\n"


def test_a_system_that_is_away_is_no_difference(
    config: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    answer(monkeypatch, SinkAway("nobody answers on port 1"))
    assert check(config) == ExitStatus.REFUSED
    assert "nobody answers on port 1" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["klines", "order_events", "trade_records"])
def test_a_schema_is_printed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["connect", "schema", name]) == ExitStatus.OK
    assert json.loads(capsys.readouterr().out)["title"] == name
