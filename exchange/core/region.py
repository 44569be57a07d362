"""The core's shared memory as one object: its sections, its name, and how a stage is woken.

Who makes it: the daemon, anew for every start of the core, so that no cursor of an earlier core is
ever read again. Who attaches: the stages. ``pipeline.py`` says which cursor means what::

    section          dtype    count
    cursors          int64    CURSOR_WORDS
    counters         int64    COUNTER_WORDS (exchange/core/counters.py)
    histograms       int64    HISTOGRAM_SECTION_WORDS
    ingress_<i>      COMMAND  capacity of producer i (IngressRing.section)
    command_ring     COMMAND  rings.commands
    event_ring       EVENT    rings.events

Decision ARC-2.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, HEARTBEATS, HISTOGRAM_SECTION_WORDS, Counter
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import CONNECTORS, FEED_STAGES, StageName
from exchange.errors import SharedMemoryUnavailable
from exchange.records import COMMAND, EVENT
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE, set_value
from ringbuffer.errors import RegionError
from ringbuffer.idle import wake
from ringbuffer.region import Region, Section
from ringbuffer.ring import publish

# the number of each stage among the agents: its sleeping flag and its event cursor
AGENTS: Mapping[StageName, int] = {
    StageName.MATCHER: pipeline.AGENT_MATCHER,
    StageName.JOURNALER: pipeline.AGENT_JOURNALER,
    StageName.ORDER_ENTRY: pipeline.AGENT_ORDER_ENTRY,
    StageName.DAEMON: pipeline.AGENT_DAEMON,
    StageName.API: pipeline.AGENT_API,
    **{name: pipeline.AGENT_FEED_FIRST + i for i, name in enumerate(FEED_STAGES)},
    StageName.STORE: pipeline.AGENT_STORE,
    StageName.SNAPSHOTTER: pipeline.AGENT_SNAPSHOTTER,
    **{name: pipeline.AGENT_CONNECTOR_FIRST + i for i, name in enumerate(CONNECTORS)},
}
assert len(CONNECTORS) == pipeline.CONNECTOR_STAGES
assert len(FEED_STAGES) == pipeline.FEED_WORKERS
assert set(AGENTS) == set(HEARTBEATS) == set(StageName)


class RingCapacities(NamedTuple):
    """Capacities in records, powers of two."""

    ingress_control: int
    ingress_order_entry: int
    ingress_api: int
    ingress_grpc: int
    commands: int
    events: int


def core_sections(rings: RingCapacities) -> list[Section]:
    """The sections of the core's region."""
    return [
        Section("cursors", np.dtype(np.int64), pipeline.CURSOR_WORDS),
        Section("counters", np.dtype(np.int64), COUNTER_WORDS),
        Section("histograms", np.dtype(np.int64), HISTOGRAM_SECTION_WORDS),
        Section(IngressRing.CONTROL.section, COMMAND, rings.ingress_control),
        Section(IngressRing.ORDER_ENTRY.section, COMMAND, rings.ingress_order_entry),
        Section(IngressRing.API.section, COMMAND, rings.ingress_api),
        Section(IngressRing.GRPC.section, COMMAND, rings.ingress_grpc),
        Section("command_ring", COMMAND, rings.commands),
        Section("event_ring", EVENT, rings.events),
    ]


def region_name(data_directory: Path) -> str:
    """The region's name: the same for every daemon on ``data_directory`` (an absolute path)."""
    return f"exchange-{hashlib.sha256(os.fsencode(data_directory)).hexdigest()[:16]}"


class Core:
    """A new region. Its creator closes it, which removes the region.

    ``eventfds``: those of the stages that exist; they outlive the region.
    """

    def __init__(self, name: str, rings: RingCapacities, eventfds: Mapping[StageName, int]) -> None:
        try:
            Region.reclaim(name)
            self.region = Region.create(name, core_sections(rings))
        except (RegionError, OSError) as error:
            raise SharedMemoryUnavailable(str(error)) from None
        self.cursors = self.region.arrays["cursors"]
        self._eventfds = eventfds

    def wake(self, stage: StageName) -> None:
        """Wake ``stage`` if it sleeps; call it after a word of the cursors was written for it."""
        wake(self.cursors, pipeline.sleeping(AGENTS[stage]), self._eventfds[stage])

    def set_word(self, word: int, value: int) -> None:
        """Write a word of which the daemon is the writer, then wake every stage."""
        # release: whoever reads the word also sees everything that the daemon wrote before it
        publish(self.cursors, word, value)
        for stage in self._eventfds:
            self.wake(stage)

    def heartbeat(self, now_ns: int, log_lines_lost: int = 0) -> None:
        """Report that the daemon is alive; ``now_ns``: CLOCK_MONOTONIC.

        ``log_lines_lost``: lines of the daemon's log that nobody will see.
        """
        counters = self.region.arrays["counters"]
        set_value(counters, int(Counter.DAEMON_HEARTBEAT_NS), now_ns)
        set_value(counters, int(Counter.DAEMON_LOG_LINES_LOST), log_lines_lost)

    def heartbeat_of(self, stage: StageName) -> int:
        """The latest heartbeat that ``stage`` reported, CLOCK_MONOTONIC ns; 0: none yet."""
        return int(self.region.arrays["counters"][HEARTBEATS[stage] * COUNTER_STRIDE])

    def heartbeats_of(self, stages: Iterable[StageName]) -> dict[StageName, int]:
        """The heartbeats of those of ``stages`` whose silence says something about themselves.

        A matcher that waits for room in the event ring reports none until the command that it is
        at is done. It waits for the journaler, perhaps for its disk; whether that hangs is seen by
        the journaler's own heartbeat.
        """
        found = {stage: self.heartbeat_of(stage) for stage in stages}
        if self._event_ring_is_full():
            found.pop(StageName.MATCHER, None)
        return found

    def _event_ring_is_full(self) -> bool:
        # acquire: this cursor first, so that the other one, which follows it, is not behind it
        released = load_acquire(self.cursors, pipeline.EVENT_RELEASED)
        published = load_acquire(self.cursors, pipeline.EVENT_PUBLISHED)
        # one slot always stays free, see wait_for_room in engine/state/events.py
        return published - released >= len(self.region.arrays["event_ring"]) - 1

    def close(self) -> None:
        """Remove the region. Idempotent."""
        self.region.close()
        self.region.unlink()
