"""The command line of operators: parameters in people's units, names, and every command's help."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from exchange.admin import words
from exchange.admin.look import LOOKS
from exchange.admin.names import Names, exact
from exchange.admin.send import MAKERS, made_up_key
from exchange.cli import build_parser, main
from exchange.codes import Parameter
from exchange.control.differences import deposit_key
from exchange.errors import ConfigurationError, ExitStatus


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("fees -0.2 1", (-20, 100, 0)),
        ("fees 0.01 0.29", (1, 29, 0)),
        ("price-band 20", (200_000, 0, 0)),
        ("price-band 0", (0, 0, 0)),
        ("collar 0.0001", (1, 0, 0)),
        ("reference-price 150.25", (15_025, 0, 0)),
        ("review-value 10000000", (100_000_000_000, 0, 0)),
        ("breaker 10 300 600", (100_000, 300, 600)),
        ("breaker 0", (0, 1, 1)),
        ("orders-per-day 1000", (1000, 0, 0)),
        ("orders-per-second 0", (0, 1, 0)),
        ("orders-per-second 100 200", (100, 200, 0)),
        ("self-trade none", (0, 0, 0)),
        ("self-trade cancel-both 7", (3, 7, 0)),
        ("self-trade none 7", (0, 7, 0)),
        ("short-sales on", (1, 0, 0)),
        ("blocked off", (0, 0, 0)),
        ("cancel-ratio 80 60 100", (800_000, 60, 100)),
        ("cancel-on-disconnect on", (1, 0, 0)),
    ],
)
def test_values(text: str, values: tuple[int, int, int]) -> None:
    name, *texts = text.split()
    assert words.parse(name, texts, price_decimals=2, currency_decimals=4) == values


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fees 1", "fees has 2 values: fees BASIS_POINTS BASIS_POINTS"),
        ("fees 1 2 3", "fees has 2 values"),
        ("fees 0.001 1", "fees '0.001': 0.001 has more than 2 decimals"),
        ("price-band x", "price-band 'x': not a number"),
        ("price-band nan", "price-band 'nan'"),
        ("orders-per-day 1.5", "1.5 has more than 0 decimals"),
        ("orders-per-day 99999999999999999999", "is too large"),
        ("self-trade sometimes 1", "'sometimes' is not one of none, cancel-resting"),
        ("short-sales maybe", "'maybe' is neither on nor off"),
    ],
)
def test_wrong_values(text: str, expected: str) -> None:
    name, *texts = text.split()
    with pytest.raises(ConfigurationError) as caught:
        words.parse(name, texts, 2, 4)
    assert expected in str(caught.value)


@pytest.mark.parametrize("name", sorted(words.WORDS))
def test_what_is_written_can_be_read(name: str) -> None:
    word = words.WORDS[name]
    texts = {
        words.SWITCH: "on",
        words.MODE: "cancel-both",
        words.PERCENT: "2.5",
        words.BASIS_POINTS: "0.5",
        words.COUNT: "7",
        words.MONEY: "12.25",
        words.PRICE: "12.25",
    }
    given = [texts[unit] for unit in word.units]
    shown = words.readable(word.parameter, words.parse(name, given, 2, 4), 2, 4)
    assert list(shown) == list(word.names)
    assert [str(value) for value in shown.values()] == [
        "True" if text == "on" else text for text in given
    ]


def test_every_parameter_has_a_word() -> None:
    assert {word.parameter for word in words.WORDS.values()} == set(Parameter)


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


def test_names() -> None:
    names = Names({1: ("USD", 4)}, {5: ("ABC", 2, 1, 0)}, {7: ("U1", 3)})
    assert names.instrument("ABC") == names.instrument("#5") == 5
    assert names.session("U1") == 7 and names.currency("USD") == 1
    assert names.money(1, 1_000_050) == "100.005" and names.price(5, 1050) == "10.5"
    assert names.symbol(9) == "#9"
    with pytest.raises(ConfigurationError, match=r"no instrument 'X' \(there are: ABC\)"):
        names.instrument("X")
    with pytest.raises(ConfigurationError, match="not a number"):
        exact("1,5", 2, "AMOUNT")


def test_keys() -> None:
    keys = {made_up_key() for _ in range(1000)}
    assert len(keys) == 1000 and {len(key) for key in keys} == {14}
    assert deposit_key(1001, "USD", -1) == "OPEN-1001-USD"
    assert deposit_key(1001, "AAPL", 1) == "OPEN-1001-AAPL"
    longest = deposit_key(1_048_575, "2330.TW", 65_534)
    assert longest == "O1048575I65534" and len(longest) == 14
    assert deposit_key(1_048_575, "USDT", -7) == "O1048575C7"
