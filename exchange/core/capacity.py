"""The sizes of the matcher's tables, and from which command on they have held.

Who makes them: ``stages/wiring.py`` from the configuration, ``runtime/data_directory.py`` from its
file. Who reads: the engine, which sizes its tables by them, and the read models, which mirror them.
A capacity decides which orders are refused, so it belongs to the data: the first start fixes it, a
later start with larger numbers enlarges it, and every replay does so at the same command.

Decision ENG-15.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

# A read model takes memory only for positions that have been; this is what it may take.
SEEN_FACTOR = 16
SEEN_AT_LEAST = 1 << 20


class EngineCapacity(NamedTuple):
    """How much the matcher can hold. ``instruments`` and ``sessions`` count the unused id 0."""

    instruments: int = 1024
    sessions: int = 1024
    orders: int = 1 << 20  # live orders
    leaves: int = 1 << 16  # blocks of 64 adjacent price ticks with an order in one of them
    nodes: int = 1 << 15  # of the trees that find the next block
    tokens: int = 12_000_000  # order tokens a day
    accounts: int = 1 << 14  # ids; counts the unused id 0
    positions: int = 1 << 17  # pairs of account and instrument

    @property
    def positions_seen(self) -> int:
        """Positions for which a read model has room: it forgets none, the matcher empty ones."""
        pairs = (self.accounts - 1) * (self.instruments - 1)
        room = max(SEEN_FACTOR * self.positions, SEEN_AT_LEAST)
        return max(self.positions, min(pairs, room))

    def smaller_than(self, other: EngineCapacity) -> list[str]:
        """What of this is less than in ``other``, as text: ``orders 5 (of 6)``."""
        return [
            f"{name} {own} (of {its})"
            for name, own, its in zip(self._fields, self, other, strict=True)
            if own < its
        ]


class CapacityPeriod(NamedTuple):
    """The capacity that has held from ``from_command`` on, until the next period begins."""

    from_command: int
    capacity: EngineCapacity


class CapacityHistory(tuple[CapacityPeriod, ...]):
    """The periods of a data directory, ascending; the first is from command 0.

    Raises ValueError where that is not so, or where something has become smaller.
    """

    def __init__(self, periods: tuple[CapacityPeriod, ...]) -> None:
        if not self or self[0].from_command != 0:
            raise ValueError("the first period must be from command 0")
        for before, after in itertools.pairwise(self):
            if after.from_command <= before.from_command:
                raise ValueError("each period must be from a later command than the one before it")
            if smaller := after.capacity.smaller_than(before.capacity):
                raise ValueError(f"a capacity cannot become smaller: {', '.join(smaller)}")

    @classmethod
    def of(cls, capacity: EngineCapacity) -> CapacityHistory:
        """The history of a first start."""
        return cls((CapacityPeriod(0, capacity),))

    @property
    def latest(self) -> EngineCapacity:
        return self[-1].capacity

    def at(self, command: int) -> EngineCapacity:
        """The capacity with which ``command`` is applied."""
        return next(p.capacity for p in reversed(self) if p.from_command <= command)

    def allow(self, capacity: EngineCapacity, command: int) -> bool:
        """Whether a state whose next command is ``command`` may have ``capacity``.

        Where a period begins with it: that before the start, that after, and what is between them
        (of an earlier start there that had been given smaller numbers and applied no command).
        """
        least, most = self.at(max(command - 1, 0)), self.at(command)
        return not capacity.smaller_than(least) and not most.smaller_than(capacity)

    def enlarged(self, command: int, capacity: EngineCapacity) -> CapacityHistory:
        """The history after a start with ``capacity`` whose next command is ``command``.

        Periods from that command on go: no command has had their capacity.
        """
        kept = [each for each in self if each.from_command < command]
        if not kept:
            return CapacityHistory.of(capacity)
        if kept[-1].capacity != capacity:
            kept.append(CapacityPeriod(command, capacity))
        return CapacityHistory(tuple(kept))
