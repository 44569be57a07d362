"""Numbers of days: what is allowed, and what is said of anything else."""

from __future__ import annotations

import argparse

import pytest

from exchange.cli import build_parser
from exchange.runtime.arguments import days
from replay.arguments import build_parser as build_replay_parser


@pytest.mark.parametrize(("text", "number"), [("0", 0.0), ("0.5", 0.5), ("36500", 36_500.0)])
def test_days(text: str, number: float) -> None:
    assert days(text) == number


@pytest.mark.parametrize("text", ["nan", "-1", "inf", "1e9", "36500.1", "week", ""])
def test_no_days(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="number of days from 0 to 36500"):
        days(text)
    for parser, command in ((build_parser(), "prune"), (build_replay_parser(), "snapshot")):
        with pytest.raises(SystemExit, match="2"):
            parser.parse_args([command, f"--keep-days={text}"])
        told = f"argument --keep-days: {text!r} is not a number of days from 0 to 36500"
        assert told in capsys.readouterr().err


@pytest.mark.parametrize("text", ["-3", "0", "ten"])
def test_a_tail_is_at_least_one(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    for command in (["show"], ["export", "trades"]):
        with pytest.raises(SystemExit, match="2"):
            build_replay_parser().parse_args([*command, f"--tail={text}"])
        told = f"argument --tail: {text!r} is not a whole number of at least 1"
        assert told in capsys.readouterr().err
