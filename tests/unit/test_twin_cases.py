"""The trading rules as readable cases, written by hand from ``docs/matching.md``.

They check the naive exchange, which the matcher is then compared with (and the matcher itself, in
``tests/model/test_cases_matcher.py``). The language is described in
``tests/model/cases/script.py``.
"""

from __future__ import annotations

import pytest

from tests.model.cases.play import CASES, NaiveSide, play


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    expected, got = play(CASES[name], NaiveSide())
    assert got == expected


def test_table_is_not_small() -> None:
    assert len(CASES) >= 130
