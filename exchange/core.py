"""The core's shared memory as one object: its sections, its name, and the eventfds of its agents.

Who makes it: the daemon, anew for every start of the core, so that no cursor of a dead core is ever
read again. Who attaches: the stages. ``pipeline.py`` says which cursor means what::

    section          dtype    count
    cursors          int64    CURSOR_WORDS
    counters         int64    COUNTER_WORDS
    ingress_<i>      COMMAND  capacity of producer i; absent producers have none
    command_ring     COMMAND  rings.commands
    event_ring       EVENT    rings.events
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange import pipeline
from exchange.errors import SharedMemoryUnavailable
from exchange.records import COMMAND, EVENT
from ringbuffer.errors import RegionError
from ringbuffer.region import Region, Section

COUNTER_WORDS = 1024
AGENT_NAMES = {
    pipeline.AGENT_MATCHER: "matcher",
    pipeline.AGENT_JOURNALER: "journaler",
    pipeline.AGENT_ORDER_ENTRY: "order_entry",
    pipeline.AGENT_DAEMON: "daemon",
}


class RingCapacities(NamedTuple):
    """Capacities in records, powers of two."""

    ingress_control: int
    ingress_order_entry: int
    commands: int
    events: int


def core_sections(rings: RingCapacities) -> list[Section]:
    """The sections of the core's region."""
    return [
        Section("cursors", np.dtype(np.int64), pipeline.CURSOR_WORDS),
        Section("counters", np.dtype(np.int64), COUNTER_WORDS),
        Section(f"ingress_{pipeline.INGRESS_CONTROL}", COMMAND, rings.ingress_control),
        Section(f"ingress_{pipeline.INGRESS_ORDER_ENTRY}", COMMAND, rings.ingress_order_entry),
        Section("command_ring", COMMAND, rings.commands),
        Section("event_ring", EVENT, rings.events),
    ]


def region_name(data_directory: Path) -> str:
    """The region's name: the same for every daemon on ``data_directory`` (an absolute path)."""
    return f"exchange-{hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:16]}"


class Core:
    """A new region and one eventfd per agent. The creator closes it, which removes the region."""

    def __init__(self, name: str, rings: RingCapacities) -> None:
        try:
            Region.reclaim(name)
            self.region = Region.create(name, core_sections(rings))
        except (RegionError, OSError) as error:
            raise SharedMemoryUnavailable(str(error)) from None
        self.cursors = self.region.arrays["cursors"]
        self.eventfds = {
            agent: os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK) for agent in AGENT_NAMES
        }

    def close(self) -> None:
        """Remove the region and close the eventfds. Idempotent."""
        self.region.close()
        self.region.unlink()
        for descriptor in self.eventfds.values():
            os.close(descriptor)
        self.eventfds = {}
