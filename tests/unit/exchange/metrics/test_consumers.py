"""The lag of consumers: in events by cursors, in seconds by the events' own timestamps."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from exchange.compiler.small import small_arrays, small_configuration
from exchange.core import pipeline
from exchange.metrics.consumers import Consumers
from exchange.records import EVENT
from exchange.runtime.run_file import read_run_file
from tests.harness.small_metrics import runs

SECOND_NS = 1_000_000_000
OFFSET_NS = 1_000 * SECOND_NS


class Archive:
    """Holds the events from ``first`` on."""

    def __init__(self, first: int, timestamp_ns: int) -> None:
        self.first = first
        self.timestamp_ns = timestamp_ns

    def read_one(self, sequence: int) -> np.void | None:
        assert sequence >= self.first, "it has been removed"
        events = np.zeros(1, EVENT)
        events["sequence"], events["timestamp_ns"] = sequence, self.timestamp_ns
        return events[0]

    def oldest(self) -> int:
        return self.first


class Scene:
    def __init__(self, directory: Path) -> None:
        runs(directory, "api", "store")
        self.arrays = small_arrays(small_configuration("").settings)
        self.cursors = self.arrays["cursors"]
        self.cursors[pipeline.CLOCK_OFFSET] = OFFSET_NS
        self.now_ns = time.monotonic_ns() + OFFSET_NS
        self.archive = Archive(first=0, timestamp_ns=self.now_ns - 500 * SECOND_NS)
        self.run = read_run_file(directory)

    def release(self, count: int, timestamp_ns: int) -> None:
        """The ring has ``count`` events, which are all released."""
        ring = self.arrays["event_ring"]
        for sequence in range(max(count - len(ring), 0), count):
            ring[sequence % len(ring)]["sequence"] = sequence
            ring[sequence % len(ring)]["timestamp_ns"] = timestamp_ns
        self.cursors[pipeline.EVENT_PUBLISHED] = self.cursors[pipeline.EVENT_RELEASED] = count

    def read(self, agent: int, sequence: int) -> None:
        self.cursors[pipeline.consumed(agent)] = sequence

    def lag(self, consumer: str) -> tuple[float, float]:
        found = {
            metric.name: sample.value
            for metric in Consumers(self.arrays, self.archive).collect(self.run)
            for sample in metric.samples
            if sample.labels.get("consumer") == consumer
        }
        return found["exchange_consumer_lag_events"], found["exchange_consumer_lag_seconds"]


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


def test_who_has_read_everything_is_not_behind(scene: Scene) -> None:
    scene.release(10, scene.now_ns - 7 * SECOND_NS)
    scene.read(pipeline.AGENT_API, 10)
    assert scene.lag("api") == (0, 0)


def test_the_ring_says_since_when(scene: Scene) -> None:
    scene.release(10, scene.now_ns - 7 * SECOND_NS)
    scene.read(pipeline.AGENT_API, 4)
    events, seconds = scene.lag("api")
    assert events == 6 and 7 <= seconds < 400


def test_what_is_older_than_the_ring_is_in_the_archive(scene: Scene) -> None:
    scene.release(3 * len(scene.arrays["event_ring"]), scene.now_ns - 7 * SECOND_NS)
    scene.read(pipeline.AGENT_STORE, 5)
    assert scene.lag("store")[1] >= 500
    scene.archive.first = 100
    assert scene.lag("store")[1] >= 500


def test_what_was_there_before_the_core_s_start_is_in_the_archive(scene: Scene) -> None:
    scene.release(10, scene.now_ns - 7 * SECOND_NS)
    scene.arrays["event_ring"][2]["sequence"] = 0
    scene.read(pipeline.AGENT_STORE, 2)
    assert scene.lag("store")[1] >= 500
