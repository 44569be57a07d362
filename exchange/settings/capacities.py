"""The section [capacity] as the engine's capacities, and what of it a data directory refuses.

Who uses it: the matcher stage at its start, ``check-config``, the compiler. A capacity can only be
enlarged: what is in the tables must fit, and fewer ids would make definitions disappear.

Decision ENG-15.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from exchange.core.capacity import EngineCapacity
from exchange.settings.sections import Settings

# the keys of [capacity] in the order of the fields of EngineCapacity
CAPACITY_KEYS = (
    "instruments",
    "sessions",
    "live_orders",
    "level_blocks",
    "level_nodes",
    "tokens_per_day",
    "accounts",
    "positions",
)


class Changed(NamedTuple):
    """A capacity that the configuration changes: ``held`` is that of the data directory."""

    key: str
    held: int
    configured: int

    @property
    def refusal(self) -> str:
        """Why the exchange does not start with it; empty if it does."""
        if self.configured > self.held:
            return ""
        return (
            f"{self.configured} is less than {self.held}, which the data directory has: "
            "a capacity can be enlarged, not reduced"
        )


def engine_capacity(settings: Settings) -> EngineCapacity:
    """The engine's capacity that the configuration asks for."""
    return EngineCapacity(*(getattr(settings.capacity, key) for key in CAPACITY_KEYS))


def changed_capacities(settings: Settings, held: EngineCapacity) -> Iterator[Changed]:
    """What is configured otherwise than ``held``."""
    for key, its, own in zip(CAPACITY_KEYS, held, engine_capacity(settings), strict=True):
        if own != its:
            yield Changed(key, its, own)
