"""The command line of operators: every command is carried out, documented, and has help."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from exchange.admin.look import LOOKS
from exchange.admin.send import MAKERS
from exchange.cli import build_parser, main
from exchange.errors import ExitStatus


def parsers(parser: argparse.ArgumentParser) -> list[tuple[str, ...]]:
    """The names of all commands at the end of the tree."""
    found: list[tuple[str, ...]] = []
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for name, child in action.choices.items():
                below = parsers(child)
                found += [(name, *names) for names in below] if below else [(name,)]
    return found


def admin_commands() -> list[tuple[str, ...]]:
    return [names[1:] for names in parsers(build_parser()) if names[0] == "admin"]


def test_every_command_is_carried_out_and_documented() -> None:
    carried_out = set(MAKERS) | set(LOOKS) | {("config", "diff"), ("config", "apply")}
    carried_out |= {("key", action) for action in ("make", "list", "revoke")}
    there = {(names[0], names[1] if len(names) > 1 else None) for names in admin_commands()}
    assert there == carried_out
    operations = (Path(__file__).parents[4] / "docs" / "operations.md").read_text()
    for names in admin_commands():
        assert f"exchange admin {' '.join(names)}" in operations, names


@pytest.mark.parametrize("names", admin_commands(), ids=" ".join)
def test_help(names: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["admin", *names, "--help"])
    assert caught.value.code == 0
    assert "--data-dir" in capsys.readouterr().out


@pytest.mark.parametrize(
    "line",
    [
        "halt",
        "halt --instrument A --market",
        "close --market",
        "resume --instrument A --for 5",
        "kill on",
        "kill --account 0 on",
        "kill --exchange",
        "limits set orders-per-day 5",
        "limits set --account 1 nothing 5",
        "deposit 1 5",
        "account open",
        "account open x",
        "account open 1 --key fifteencharacter",
        "review approve",
        "instrument state A sideways",
    ],
)
def test_wrong_usage(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        build_parser().parse_args(["admin", *line.split()])
    assert caught.value.code == ExitStatus.USAGE
    assert "usage: exchange" in capsys.readouterr().err


@pytest.mark.parametrize("line", ["kill --exchange on", "deposit 1 5 USD", "account open 1"])
def test_nothing_runs(tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["admin", *line.split(), "--data-dir", str(tmp_path)]) == ExitStatus.NOT_RUNNING
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("line", ["account list", "instrument list", "config diff"])
def test_no_exchange_has_ever_run(
    tmp_path: Path, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["admin", *line.split(), "--data-dir", str(tmp_path)])
    assert status == ExitStatus.DATA_DIRECTORY_UNAVAILABLE
    assert len(capsys.readouterr().err.splitlines()) == 1
