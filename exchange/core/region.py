"""The core's shared memory as one object: its sections, its name, and who wakes whom.

Who makes it: the daemon, anew for every start of the core, so that no cursor of a dead core is ever
read again. Who attaches: the stages. ``pipeline.py`` says which cursor means what::

    section          dtype    count
    cursors          int64    CURSOR_WORDS
    counters         int64    COUNTER_WORDS (exchange/core/counters.py)
    histograms       int64    HISTOGRAM_SECTION_WORDS
    ingress_<i>      COMMAND  capacity of producer i
    command_ring     COMMAND  rings.commands
    event_ring       EVENT    rings.events
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, HISTOGRAM_SECTION_WORDS, Counter
from exchange.errors import SharedMemoryUnavailable
from exchange.records import COMMAND, EVENT
from ringbuffer.counters import COUNTER_STRIDE, set_value
from ringbuffer.errors import RegionError
from ringbuffer.idle import wake
from ringbuffer.region import Region, Section
from ringbuffer.ring import publish

# stage name -> agent number; the names are those of the configuration
AGENTS = {
    "matcher": pipeline.AGENT_MATCHER,
    "journaler": pipeline.AGENT_JOURNALER,
    "order_entry": pipeline.AGENT_ORDER_ENTRY,
    "daemon": pipeline.AGENT_DAEMON,
    "api": pipeline.AGENT_API,
    **{
        f"feed_{worker}": pipeline.AGENT_FEED_FIRST + worker - 1
        for worker in range(1, pipeline.FEED_WORKERS + 1)
    },
    "store": pipeline.AGENT_STORE,
}
# stage name -> counter of its heartbeat
HEARTBEATS = {name: Counter[f"{name.upper()}_HEARTBEAT_NS"] for name in AGENTS}


class RingCapacities(NamedTuple):
    """Capacities in records, powers of two."""

    ingress_control: int
    ingress_order_entry: int
    ingress_api: int
    commands: int
    events: int


def core_sections(rings: RingCapacities) -> list[Section]:
    """The sections of the core's region."""
    return [
        Section("cursors", np.dtype(np.int64), pipeline.CURSOR_WORDS),
        Section("counters", np.dtype(np.int64), COUNTER_WORDS),
        Section("histograms", np.dtype(np.int64), HISTOGRAM_SECTION_WORDS),
        Section(f"ingress_{pipeline.INGRESS_CONTROL}", COMMAND, rings.ingress_control),
        Section(f"ingress_{pipeline.INGRESS_ORDER_ENTRY}", COMMAND, rings.ingress_order_entry),
        Section(f"ingress_{pipeline.INGRESS_API}", COMMAND, rings.ingress_api),
        Section("command_ring", COMMAND, rings.commands),
        Section("event_ring", EVENT, rings.events),
    ]


def region_name(data_directory: Path) -> str:
    """The region's name: the same for every daemon on ``data_directory`` (an absolute path)."""
    return f"exchange-{hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:16]}"


class Core:
    """A new region. Its creator closes it, which removes the region.

    ``eventfds``: stage name -> eventfd of the stages that exist; they outlive the region.
    """

    def __init__(self, name: str, rings: RingCapacities, eventfds: Mapping[str, int]) -> None:
        try:
            Region.reclaim(name)
            self.region = Region.create(name, core_sections(rings))
        except (RegionError, OSError) as error:
            raise SharedMemoryUnavailable(str(error)) from None
        self.cursors = self.region.arrays["cursors"]
        self._eventfds = eventfds

    def wake(self, stage: str) -> None:
        """Wake ``stage`` if it sleeps; after a word of the cursors was written for it."""
        wake(self.cursors, pipeline.sleeping(AGENTS[stage]), self._eventfds[stage])

    def set_word(self, word: int, value: int) -> None:
        """Write a word of which the daemon is the writer, then wake every stage."""
        # release: nothing that the daemon did before is seen after the word
        publish(self.cursors, word, value)
        for stage in self._eventfds:
            self.wake(stage)

    def heartbeat(self, now_ns: int) -> None:
        """Say that the daemon is alive; ``now_ns``: CLOCK_MONOTONIC."""
        set_value(self.region.arrays["counters"], int(Counter.DAEMON_HEARTBEAT_NS), now_ns)

    def heartbeat_of(self, stage: str) -> int:
        """The latest heartbeat that ``stage`` reported, CLOCK_MONOTONIC ns; 0: none yet."""
        return int(self.region.arrays["counters"][HEARTBEATS[stage] * COUNTER_STRIDE])

    def close(self) -> None:
        """Remove the region. Idempotent."""
        self.region.close()
        self.region.unlink()
