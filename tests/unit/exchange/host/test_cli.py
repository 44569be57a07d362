"""``exchange check``: for people, for programs, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from exchange.cli import main
from exchange.errors import ExitStatus
from exchange.host import cli
from exchange.host.cli import CHECKS, lines
from exchange.host.finding import Finding, Level


def test_lines_for_people() -> None:
    found = [Finding("disk", Level.GOOD, "empty"), Finding("a clock", Level.PROBLEM, "off", "do")]
    assert lines(found) == [
        "ok    disk     empty",
        "STOP  a clock  off",
        "               do",
    ]


def test_this_machine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status = main(["check", "--json", "--data-dir", str(tmp_path / "data")])
    found = json.loads(capsys.readouterr().out)
    assert len(found) == len(CHECKS), "each check says something"
    problems = [each for each in found if each["level"] == "problem"]
    assert status == (ExitStatus.DIFFERENT if problems else ExitStatus.OK)
    assert not (tmp_path / "data").exists(), "nothing is made"


def test_what_is_in_the_way(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        cli, "CHECKS", (lambda host: iter([Finding("disk", Level.PROBLEM, "full", "make room")]),)
    )
    assert main(["check", "--data-dir", str(tmp_path)]) == ExitStatus.DIFFERENT
    said = capsys.readouterr()
    assert said.out == "STOP  disk  full\n            make room\n"
    assert said.err == "exchange: 1 of 1 are in the way\n"


def test_a_wrong_configuration_is_told(tmp_path: Path) -> None:
    (tmp_path / "bad.toml").write_text("[order_entry]\nport = -1\n")
    assert main(["check", "--config", str(tmp_path / "bad.toml")]) == ExitStatus.CONFIGURATION
