"""The trading rules as readable cases, written by hand from ``docs/matching.md``.

They check the naive exchange, which the matcher is then compared with (and the matcher itself, in
``tests/model/test_cases_matcher.py``). The language is described in ``tests/model/script.py``.
"""

from __future__ import annotations

import numpy as np
import pytest

from tests.model.cases import CASES, play
from tests.model.invariants import check
from tests.model.naive_exchange import NaiveExchange
from tests.model.streams import run


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    exchange = NaiveExchange(CASES[name].capacities)
    sequence = 0

    def apply(slots: np.ndarray) -> bytes:
        nonlocal sequence
        events = run(exchange, slots, sequence)
        sequence += len(slots)
        check(exchange)
        return events

    expected, got = play(CASES[name].text, apply)
    assert got == expected


def test_table_is_not_small() -> None:
    assert len(CASES) >= 100
