"""The readable cases of the trading rules, through the matcher itself."""

from __future__ import annotations

import pytest

from tests.model.case_table import CASES
from tests.model.comparison import Matcher
from tests.model.naive_command import Capacities
from tests.model.script import PRELUDE, Script, lines


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    script = Script()
    matcher = Matcher(Capacities(instruments=8, sessions=8, orders=6, tokens=12), ring_slots=64)
    for line in PRELUDE.strip().splitlines():
        matcher.run(script.slots(line))
    expected: list[str] = []
    got: list[str] = []
    for line in CASES[name].strip().splitlines():
        expected.append(line.strip())
        if line.strip().startswith(">"):
            events = matcher.run(script.slots(line.strip()))
            got += [line.strip(), *lines(events, script.order_ids)]
    assert got == expected
