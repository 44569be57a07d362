"""The readable cases of the trading rules, through the matcher itself."""

from __future__ import annotations

import pytest

from tests.model.cases.play import CASES, MatcherSide, play


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    expected, got = play(CASES[name], MatcherSide())
    assert got == expected
