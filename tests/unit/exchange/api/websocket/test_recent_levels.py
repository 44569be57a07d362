"""Changes of a book in one diff: nothing is left out, and what is not kept is said."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from exchange.api.websocket import recent_levels
from exchange.api.websocket.recent_levels import RecentLevels
from exchange.codes import Side


def change(last_sequence: int, *levels: tuple[Side, int, int]) -> Any:
    return SimpleNamespace(
        last_sequence=last_sequence, levels=[(side, price, size, 1) for side, price, size in levels]
    )


def test_the_newest_quantity_of_each_level_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recent_levels, "LEVELS", 3)
    recent = RecentLevels(10)
    assert recent.since(10) == ((0, 0), {}) and recent.since(9) is None
    recent.add(11, change(12, (Side.BUY, 5, 1)))
    recent.add(13, change(20, (Side.BUY, 5, 2), (Side.SELL, 5, 7)))
    assert recent.since(10) == ((11, 20), {(True, 5): 2, (False, 5): 7})
    assert recent.since(12) == ((13, 20), {(True, 5): 2, (False, 5): 7})
    assert recent.since(20) == ((0, 0), {})
    recent.add(21, change(21, (Side.BUY, 5, 0)))  # the first no longer fits
    assert recent.since(11) is None
    assert recent.since(12) == ((13, 21), {(True, 5): 0, (False, 5): 7})
    recent.add(22, change(30, *((Side.SELL, price, 1) for price in range(4))))
    assert recent.since(21) is None and recent.since(30) == ((0, 0), {})
