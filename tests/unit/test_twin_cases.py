"""The trading rules as readable cases, written by hand from ``docs/matching.md``.

They check the naive exchange, which the matcher is then compared with (and the matcher itself, in
``tests/model/test_cases_matcher.py``). The language is described in ``tests/model/script.py``.
"""

from __future__ import annotations

import pytest

from tests.model.case_table import CASES
from tests.model.invariants import check
from tests.model.naive_command import Capacities
from tests.model.naive_exchange import NaiveExchange
from tests.model.script import PRELUDE, Script, lines
from tests.model.streams import run


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    script = Script()
    exchange = NaiveExchange(Capacities(instruments=8, sessions=8, orders=6, tokens=12))
    for line in PRELUDE.strip().splitlines():
        sequence = script.sequence
        run(exchange, script.slots(line), sequence)
    expected: list[str] = []
    got: list[str] = []
    for line in CASES[name].strip().splitlines():
        expected.append(line.strip())
        if line.strip().startswith(">"):
            sequence = script.sequence
            events = run(exchange, script.slots(line.strip()), sequence)
            got += [line.strip(), *lines(events, script.order_ids)]
            check(exchange)
    assert got == expected


def test_table_is_not_small() -> None:
    assert len(CASES) >= 40
