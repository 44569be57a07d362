"""The legs of ``scripts/test``: no test is forgotten, all run, and each says how it ended."""

from __future__ import annotations

import os
import sys

import pytest

from tests.tools import quick, run_legs
from tests.tools.house.source import tracked_files
from tests.tools.legs import COMPILED, LEGS, Leg
from tests.tools.run_legs import closing_line, may_start

TESTS = [path for path in tracked_files() if path.startswith("tests/") and "/test_" in path]
UNDER_THE_JIT = [leg for leg in LEGS if leg.after == COMPILED]


def test_every_test_file_is_in_one_leg_under_the_jit():
    assert len(TESTS) > 100
    wrong = {
        path: legs
        for path in TESTS
        if len(legs := [leg.name for leg in UNDER_THE_JIT if leg.runs(path)]) != 1
    }
    assert not wrong


@pytest.mark.parametrize("leg", LEGS, ids=lambda leg: leg.name)
def test_what_a_leg_names_exists(leg):
    for word in leg.command:
        path = word.partition("=")[2] if word.startswith("--ignore=") else word
        if path.startswith("tests/"):
            assert (run_legs.ROOT / path).exists(), word


def test_plain_python_covers_what_it_did():
    plain = [leg for leg in LEGS if leg.environment.get("NUMBA_DISABLE_JIT")]
    folders = ("tests/unit/exchange/", "tests/unit/journal/")
    missing = [
        path
        for path in TESTS
        if path.startswith(folders) and not any(leg.runs(path) for leg in plain)
    ]
    assert missing == ["tests/unit/journal/test_journal_damage.py"]


def say(name: str, text: str, status: int = 0, **more: object) -> Leg:
    program = f"import sys; print({text!r}); sys.exit({status})"
    return Leg(name, (sys.executable, "-c", program), **more)  # type: ignore[arg-type]


def test_all_legs_run_though_one_fails(capfd):
    ended = run_legs.run(
        [
            say("first", "x\n== 1 failed, 2 passed in 3 s ==", 1),
            say("second", "5 passed in 0.1s", after="first", waits=True),
            say("third", "done", after="not asked for"),
        ]
    )
    assert {name: (each.status, each.closing) for name, each in ended.items()} == {
        "first": (1, "1 failed, 2 passed in 3 s"),
        "second": (0, "5 passed in 0.1s"),
        "third": (0, "done"),
    }
    printed = capfd.readouterr().out
    assert printed.index("2 passed in 3 s") < printed.index("5 passed")


def test_closing_lines():
    assert closing_line("1 passed\n\nSuccess: no issues found\n") == "1 passed"
    assert closing_line("All checks passed!\n") == "All checks passed!"
    assert closing_line("") == ""


def test_one_leg_more_than_processors_if_it_waits(monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})
    computing, waiting = say("a", ""), say("b", "", waits=True)
    two = {"x": computing, "y": computing}
    assert may_start(computing, {"x": computing}, {}, set())
    assert not may_start(computing, two, {}, set())
    assert may_start(waiting, two, {}, set())
    assert not may_start(waiting, two | {"z": waiting}, {}, set())
    assert not may_start(say("c", "", after="x"), {}, {}, {"x"})


@pytest.mark.parametrize(
    ("paths", "tests"),
    [
        (["exchange/access/keys.py"], ["tests/unit/exchange/access/test_keys.py"]),
        (["exchange/engine/money/accounts.py"], ["tests/unit/exchange/engine/money"]),
        (["journal"], ["tests/unit/journal"]),
        (["docs/store.md", "pyproject.toml"], []),
        (["tests/unit/test_legs.py", "tests/harness/funding.py"], ["tests/unit/test_legs.py"]),
        (["exchange/access/keys.py", "exchange/access"], ["tests/unit/exchange/access"]),
    ],
)
def test_the_tests_of_what_is_edited(paths, tests):
    assert quick.tests_for(paths) == tests
