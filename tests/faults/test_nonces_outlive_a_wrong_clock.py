"""A wall clock that is set neither fills the memory of nonces nor empties it too early.

Before, nonces that were used while the clock was a year ahead stayed, and with them all later ones,
until their key was refused as too fast; those of the seconds before a step back stayed for as long.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.api.access.nonces import NonceFile, NonceMemory

WINDOW_MS = 5_000
NOW_MS = 1_796_000_000_000
HOUR_MS, YEAR_MS = 3_600_000, 365 * 86_400_000


@pytest.mark.parametrize("step_ms", [-YEAR_MS, -HOUR_MS, -1_000, 1_000, HOUR_MS, YEAR_MS])
def test_a_step_and_back(step_ms: int) -> None:
    monotonic_ms = 100
    memory = NonceMemory(WINDOW_MS, None, NOW_MS, lambda: monotonic_ms)
    assert memory.use("key", "before", NOW_MS)
    assert memory.use("key", "while", NOW_MS + step_ms)
    assert not memory.use("key", "while", NOW_MS + step_ms)
    assert memory.use("key", "after", NOW_MS + 1)
    assert not memory.use("key", "after", NOW_MS + 2)
    assert not memory.use("key", "before", NOW_MS + 2), "its timestamp is valid again"
    # all are forgotten after two windows: nothing stays for an hour or a year
    monotonic_ms += 2 * WINDOW_MS + 1
    memory.use("key", "last", NOW_MS + 3)
    assert len(memory) == 1


def test_a_restart_after_a_clock_that_was_ahead(tmp_path: Path) -> None:
    file = NonceFile(tmp_path / "nonces")
    NonceMemory(WINDOW_MS, file, NOW_MS + YEAR_MS).use("key", "ahead", NOW_MS + YEAR_MS)
    memory = NonceMemory(WINDOW_MS, file, NOW_MS)
    assert not memory.use("key", "ahead", NOW_MS)
    memory.use("key", "last", NOW_MS + 2 * WINDOW_MS + 1)
    assert len(memory) == 1
    file.close()
