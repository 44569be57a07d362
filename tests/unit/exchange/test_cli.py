"""The command line: exit statuses, one line per error, and the small order client's parsing."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from exchange import cli, errors
from exchange.cli import build_parser, main
from exchange.errors import ExchangeError, ExitStatus
from exchange.gateway.passwords import verify_password
from journal.errors import FatalJournalError, Finding, JournalCorrupt
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


@pytest.mark.parametrize("command", [["check-config"], ["admin", "account", "list"], ["run"]])
@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (
            JournalCorrupt(Finding.BAD_FRAME, "data/journal/0.wal", 4096, 7, "a checksum"),
            ExitStatus.JOURNAL_CORRUPT,
            "bad frame: data/journal/0.wal at byte 4096, sequence 7: a checksum",
        ),
        (
            FatalJournalError("pwrite", errno.EIO, "data/journal/0.wal", 0, 1, 2),
            ExitStatus.JOURNAL_FAILED,
            "pwrite failed with EIO (Input/output error): data/journal/0.wal at byte 0, "
            "sequences 1 to 2",
        ),
        (
            PermissionError(errno.EACCES, os.strerror(errno.EACCES), "data/engine.json"),
            ExitStatus.DATA_DIRECTORY_UNAVAILABLE,
            "data/engine.json: Permission denied",
        ),
    ],
)
def test_what_is_wrong_with_files_is_one_line_and_a_status(
    command: list[str],
    error: Exception,
    status: ExitStatus,
    told: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def fails(_: object) -> int:
        raise error

    monkeypatch.setitem(cli._COMMANDS, command[0], fails)
    if command == ["run"]:
        monkeypatch.setattr(cli, "ignore", lambda _: None)
        monkeypatch.setattr(cli, "shield", lambda: None)
        if isinstance(error, OSError):  # it may pass: a service manager tries again
            with pytest.raises(PermissionError):
                main(command)
            return
    assert main(command) == status
    assert capsys.readouterr().err == f"exchange: {told}\n"


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_an_output_that_cannot_be_written_is_told_as_such(unbuffered: str) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "exchange.cli", "hash-password", "secret"],
            env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    told = "exchange: standard output cannot be written: No space left on device\n"
    assert (done.returncode, done.stderr) == (ExitStatus.OUTPUT_CLOSED, told)
