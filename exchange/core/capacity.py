"""The sizes of the matcher's tables: fixed at the first start for the life of a data directory.

Who makes it: ``stages/wiring.py`` from the configuration, ``runtime/data_directory.py`` from its
file. Who reads: the engine, which sizes its tables once, and the read models, which mirror them.
"""

from __future__ import annotations

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
