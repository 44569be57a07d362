"""The command line: exit statuses, one line per error, and the small order client's parsing."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from exchange import errors
from exchange.cli import build_parser, main
from exchange.errors import ExchangeError, ExitStatus
from exchange.gateway.passwords import verify_password
from tests.harness.files import copy_shipped


def every_error(base: type[ExchangeError] = ExchangeError) -> list[type[ExchangeError]]:
    return [e for c in base.__subclasses__() for e in (c, *every_error(c))]


def test_every_error_has_an_exit_status_that_is_documented() -> None:
    for error in every_error():
        assert error.status not in (ExitStatus.OK, ExitStatus.USAGE)
    operations = (Path(__file__).parents[3] / "docs" / "operations.md").read_text()
    section = operations.partition("\n## Exit statuses\n")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (\d+) \| (\w+) \|", section, re.MULTILINE)
    assert [(int(number), name) for number, name in rows] == [
        (int(status), status.name) for status in ExitStatus
    ]


def test_the_tree_of_errors_is_drawn() -> None:
    drawn = re.findall(r"\+- (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(
        error.__name__
        for error in ExchangeError.__subclasses__()
        if error.__module__ == errors.__name__
    )


def test_check_config(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config"]) == ExitStatus.OK
    assert "correct; " in capsys.readouterr().out


def test_check_config_names_the_mistake(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy_shipped(tmp_path)
    path = tmp_path / "bad.toml"
    path.write_text("[order_entry]\nport = -1\n")
    assert main(["check-config", "--config", str(path)]) == ExitStatus.CONFIGURATION
    error = capsys.readouterr().err
    assert error.startswith(f"exchange: {path}:2: [order_entry]: port: must be an integer from")
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize("command", [["status"], ["stop"], ["cancel", "5"], ["day", "end"]])
def test_nothing_runs(
    tmp_path: Path, command: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command, "--data-dir", str(tmp_path)]) == ExitStatus.NOT_RUNNING
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_order_without_an_exchange(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["order", "--port", "1", "--user", "A", "--password", "b", "buy", "1", "AAPL"]
    assert main(arguments) == ExitStatus.NOT_RUNNING
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_hash_password(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hash-password", "secret"]) == ExitStatus.OK
    assert verify_password("secret", capsys.readouterr().out.strip())
    assert main(["hash-password", "longer than ten"]) == ExitStatus.CONFIGURATION


def test_every_command_has_help() -> None:
    for command in ("run", "status", "stop", "day", "order", "cancel", "check-config"):
        with pytest.raises(SystemExit) as caught:
            build_parser().parse_args([command, "--help"])
        assert caught.value.code == 0
