"""The readable cases of the trading rules, through the matcher itself."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.engine.invariants import check_state
from tests.model.cases import CASES, play
from tests.model.comparison import Matcher


@pytest.mark.parametrize("name", CASES)
def test_case(name: str) -> None:
    matcher = Matcher(CASES[name].capacities, ring_slots=64)

    def apply(slots: np.ndarray) -> bytes:
        events = matcher.run(slots)
        check_state(matcher.state)
        return events

    expected, got = play(CASES[name].text, apply)
    assert got == expected
