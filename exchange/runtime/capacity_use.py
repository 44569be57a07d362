"""How much of each shared capacity is in use, from the counters, and what is said of it.

Who uses it: the health of the API, ``exchange status``, and the daemon, which logs a warning when a
capacity passes WARN_PERCENT. The matcher counts what its tables hold, order entry and api their
connections, the daemon definitions, the disk and everybody's descriptors.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from exchange.core.capacity import EngineCapacity
from exchange.core.counters import DESCRIPTORS, WEB_COUNTERS, Counter
from exchange.core.stage_names import FEED_STAGES
from exchange.settings import Settings
from ringbuffer.counters import COUNTER_STRIDE

log = logging.getLogger(__name__)

WARN_PERCENT = 80
CALM_PERCENT = 75  # below it a capacity may be warned of again
COUNTED: Mapping[str, Counter] = {
    "tokens_per_day": Counter.TOKENS_USED,
    "live_orders": Counter.LIVE_ORDERS,
    "level_blocks": Counter.LEVEL_BLOCKS_USED,
    "level_nodes": Counter.LEVEL_NODES_USED,
    "positions": Counter.POSITIONS_USED,
    "sessions": Counter.SESSIONS_DEFINED,
    "instruments": Counter.INSTRUMENTS_DEFINED,
    "accounts": Counter.ACCOUNTS_DEFINED,
    "order_entry_connections": Counter.CONNECTIONS,
    "api_connections": Counter.API_CONNECTIONS,
    "websocket_connections": Counter.API_WEBSOCKETS,
} | {f"{stage}_websockets": WEB_COUNTERS[stage]["websockets"] for stage in FEED_STAGES}
DISK = "disk_bytes"


class Use(NamedTuple):
    """``used`` of ``size``. ``name``: the key of the configuration, with its section if unclear."""

    name: str
    used: int
    size: int

    @property
    def percent(self) -> int:
        return 100 * self.used // self.size if self.size else 0


def table_sizes(capacity: EngineCapacity) -> dict[str, int]:
    """The sizes of the matcher's tables. Ids begin with 1."""
    return {
        "tokens_per_day": capacity.tokens,
        "live_orders": capacity.orders,
        "level_blocks": capacity.leaves,
        "level_nodes": capacity.nodes,
        "positions": capacity.positions,
        "sessions": capacity.sessions - 1,
        "instruments": capacity.instruments - 1,
        "accounts": capacity.accounts - 1,
    }


def sizes_of(settings: Settings, capacity: EngineCapacity) -> dict[str, int]:
    """The size of everything in COUNTED, of the feed workers that there are."""
    workers = FEED_STAGES[: settings.feed.workers]
    of_feed = {f"{stage}_websockets": settings.feed.connections for stage in workers}
    return (
        table_sizes(capacity)
        | of_feed
        | {
            "order_entry_connections": settings.order_entry.connections,
            "api_connections": settings.api.connections,
            "websocket_connections": settings.api.websocket_connections,
        }
    )


def uses(counters: np.ndarray, sizes: Mapping[str, int]) -> list[Use]:
    """The use of everything in ``sizes``, of the disk, and of each process's descriptors."""

    def value(counter: Counter) -> int:
        return int(counters[counter * COUNTER_STRIDE])

    found = [Use(name, value(COUNTED[name]), size) for name, size in sizes.items()]
    disk = value(Counter.DISK_BYTES)
    if disk:
        found.append(Use(DISK, disk - value(Counter.DISK_FREE_BYTES), disk))
    allowed = value(Counter.DESCRIPTORS_ALLOWED)
    for stage, counter in DESCRIPTORS.items():
        if value(counter):
            found.append(Use(f"{stage}_descriptors", value(counter), allowed))
    return found


def use_warnings(found: list[Use], orders_stopped: bool) -> list[str]:
    """What there is to say: each capacity from WARN_PERCENT on, and whether orders are stopped."""
    said = [
        f"{use.name}: {use.percent} % in use ({use.used:,} of {use.size:,})"
        for use in found
        if use.percent >= WARN_PERCENT
    ]
    if orders_stopped:
        said.insert(0, "no new orders: the disk is nearly full; cancels work")
    return said


class CapacityWatch:
    """Logs a warning when a capacity passes WARN_PERCENT, once until it is below CALM_PERCENT."""

    def __init__(self, counters: np.ndarray, sizes: Mapping[str, int]) -> None:
        self._counters = counters
        self._sizes = sizes
        self._warned: set[str] = set()

    def look(self) -> None:
        """Log what has passed since the last call."""
        for use in uses(self._counters, self._sizes):
            if use.percent >= WARN_PERCENT and use.name not in self._warned:
                self._warned.add(use.name)
                fields = {"capacity": use.name, "used": use.used, "size": use.size}
                log.warning("%s: %d %% in use", use.name, use.percent, extra={"fields": fields})
            elif use.percent < CALM_PERCENT:
                self._warned.discard(use.name)
