"""What has changed in a book lately, so that one who was busy reading gets it in one diff.

Who uses it: the hub, for each channel depth_diff that somebody follows. Invariant: ``since`` of an
event that is not covered says so, and never leaves a level out.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from exchange.codes import Side

if TYPE_CHECKING:
    from exchange.read_model.market.changes import Change

LEVELS = 10_000  # that are kept, and so the most that one message has

Levels = dict[tuple[bool, int], int]  # (is a bid, price): quantity


class RecentLevels:
    """``sequence``: of the last event before the first change."""

    def __init__(self, sequence: int) -> None:
        self._from = sequence  # changes after this event are all here
        self._diffs: deque[tuple[int, int, Levels]] = deque()  # first and last event, levels
        self._count = 0

    def add(self, first_sequence: int, change: Change) -> None:
        """Remember the levels of ``change``; its diff begins with event ``first_sequence``."""
        levels = {(side == Side.BUY, price): size for side, price, size, _ in change.levels}
        self._diffs.append((first_sequence, change.last_sequence, levels))
        self._count += len(levels)
        while self._count > LEVELS:
            _, self._from, oldest = self._diffs.popleft()
            self._count -= len(oldest)

    def since(self, sequence: int) -> tuple[tuple[int, int], Levels] | None:
        """First and last event and levels of one diff of all after event ``sequence``.

        Without levels when nothing has changed. None: not all of it is kept.
        """
        if sequence < self._from:
            return None
        newer = [each for each in self._diffs if each[1] > sequence]
        levels: Levels = {}
        for _, _, changed in newer:
            levels.update(changed)
        return ((newer[0][0], newer[-1][1]) if newer else (0, 0)), levels
