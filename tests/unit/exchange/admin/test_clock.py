"""What `exchange clock` says."""

from __future__ import annotations

from typing import Any

import pytest

from exchange.admin.clock import clock_lines

CLOCK: dict[str, Any] = {
    "wall": "2026-11-30T12:00:00.000+00:00",
    "calendar": "2026-11-30T13:00:00.000+00:00",
    "commands": "2026-11-30T13:00:00.500+00:00",
    "state": "follows",
    "ahead_ms": 0,
    "steps": 0,
    "last_step_ms": 0,
}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({}, ("no steps since the start", "follow the wall clock", "0.000 s behind")),
        ({"steps": 2, "last_step_ms": -3_600_000}, ("2 steps", "-3,600.000 s")),
        ({"state": "stands", "ahead_ms": 3_600_500}, ("stand still", "3,600.500 s ahead of")),
        ({"state": "apart"}, ("`exchange clock accept`",)),
    ],
)
def test_clock_in_words(fields: dict[str, Any], said: tuple[str, ...]) -> None:
    text = "\n".join(clock_lines(CLOCK | fields))
    for part in said:
        assert part in text
