"""How far each consumer of released events is behind, in events and in seconds.

Who uses it: the collector. The seconds are the age of the oldest event that the consumer has not
read: its timestamp is in the event itself, in the ring or in the archive, so nothing is kept here.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Protocol

import numpy as np
from prometheus_client.core import GaugeMetricFamily, Metric

from exchange.core import pipeline
from exchange.core.region import AGENTS
from exchange.core.stage_names import EVENT_CONSUMERS
from exchange.metrics.catalogue import SECOND_NS
from exchange.runtime.run_file import RunState
from ringbuffer.atomics import load_acquire
from ringbuffer.ring import lapped


class Archive(Protocol):
    """The part of an ArchiveReader that is used here."""

    def read_one(self, sequence: int) -> np.void | None: ...

    def oldest(self) -> int: ...


class Consumers:
    """``arrays``: the core's sections. ``archive``: of released events."""

    def __init__(self, arrays: Mapping[str, np.ndarray], archive: Archive) -> None:
        self._ring = arrays["event_ring"]
        self._cursors = arrays["cursors"]
        self._archive = archive

    def collect(self, run: RunState | None) -> Iterator[Metric]:
        """The lag of every consumer that ``run`` names."""
        events = GaugeMetricFamily(
            "exchange_consumer_lag_events",
            "released events that a consumer has not read",
            labels=["consumer"],
        )
        seconds = GaugeMetricFamily(
            "exchange_consumer_lag_seconds",
            "age of the oldest released event that a consumer has not read; 0 without one",
            labels=["consumer"],
        )
        # acquire: the events below the cursor are written before they are read here
        released = load_acquire(self._cursors, pipeline.EVENT_RELEASED)
        for stage in EVENT_CONSUMERS:
            if run is None or stage not in run.stages:
                continue
            seen = int(self._cursors[pipeline.consumed(AGENTS[stage])])
            events.add_metric([stage], max(released - seen, 0))
            seconds.add_metric([stage], self._age_s(seen) if seen < released else 0.0)
        yield events
        yield seconds
        yield GaugeMetricFamily("exchange_released_events", "events that are released", released)

    def _age_s(self, sequence: int) -> float:
        """The age of event ``sequence``, by the clock that wrote its timestamp."""
        written_ns = self._timestamp_ns(sequence)
        offset_ns = int(self._cursors[pipeline.CLOCK_OFFSET])
        now_ns = time.monotonic_ns() + offset_ns if offset_ns else time.time_ns()
        return max(now_ns - written_ns, 0) / SECOND_NS if written_ns else 0.0

    def _timestamp_ns(self, sequence: int) -> int:
        capacity = len(self._ring)
        event = self._ring[sequence & (capacity - 1)]
        found = int(event["timestamp_ns"]), int(event["sequence"])
        overwritten = lapped(self._cursors, pipeline.EVENT_PUBLISHED, sequence, capacity)
        if found[1] == sequence and not overwritten:
            return found[0]
        # what is older than the ring, or was there before this core's start; the beginning of the
        # archive may have been removed
        archived = self._archive.read_one(max(sequence, self._archive.oldest()))
        return 0 if archived is None else int(archived["timestamp_ns"])
