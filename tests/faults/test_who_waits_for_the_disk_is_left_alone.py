"""A slow disk kills nobody: not the journaler that waits for it, nor the matcher behind that."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest

from exchange.codes import FLAG_LONG
from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.region import Core, RingCapacities
from exchange.core.stage_names import StageName
from exchange.daemon.watchdog import Process, Watchdog
from exchange.engine.sequencer import MatcherAgent
from exchange.engine.state.create import create_state
from tests.harness.small_engine import SMALL, enter, opening

pytestmark = pytest.mark.needs_jit

RINGS = RingCapacities(
    ingress_control=32,
    ingress_order_entry=16,
    ingress_api=16,
    ingress_grpc=16,
    commands=64,
    events=16,
)
MS = 1_000_000
STAGES = (StageName.MATCHER, StageName.JOURNALER)


@pytest.fixture
def core() -> Iterator[Core]:
    made = Core(f"exchange-slow-disk-{os.getpid()}", RINGS, {})
    yield made
    made.close()


def release(core: Core) -> None:
    """The journaler's part: all that is there is durable and released."""
    cursors = core.cursors
    cursors[pipeline.COMMAND_DURABLE] = cursors[pipeline.COMMAND_APPLIED]
    cursors[pipeline.EVENT_RELEASED] = cursors[pipeline.EVENT_PUBLISHED]


class Matcher:
    """The matcher on ``core``, with a day that has begun."""

    def __init__(self, core: Core) -> None:
        self.core = core
        arrays = core.region.arrays
        self.ring = arrays[IngressRing.CONTROL.section]
        self.agent = MatcherAgent(
            create_state(SMALL, 1),
            {int(IngressRing.CONTROL): self.ring},
            arrays["command_ring"],
            arrays["event_ring"],
            cursors=core.cursors,
            counters=arrays["counters"],
            histograms=arrays["histograms"],
            wakeups=np.full(pipeline.AGENTS, -1, np.int64),
        )
        self.agent.on_start()
        slots = opening()
        while len(slots):
            size = 2 if slots["flags"][0] & FLAG_LONG else 1
            self.send(slots[:size])
            self.agent.do_work(64)
            release(core)
            slots = slots[size:]

    def send(self, slots: np.ndarray) -> None:
        published = pipeline.ingress_published(IngressRing.CONTROL)
        at = int(self.core.cursors[published])
        self.ring[np.arange(at, at + len(slots)) & (len(self.ring) - 1)] = slots
        self.core.cursors[published] = at + len(slots)


def hung_in(core: Core, states: dict[StageName, str], watchdog: Watchdog) -> set[StageName]:
    """Which stages are said to hang within 30 time-outs of a second each, by a clock of its own."""
    return {
        stage
        for now_ms in range(1_000, 31_000, 100)
        for stage in watchdog.look(
            now_ms * MS, core.heartbeats_of(STAGES), lambda each: Process(states[each], 0)
        )
    }


def test_a_matcher_behind_a_slow_disk_is_left_alone(core: Core) -> None:
    matcher = Matcher(core)
    # 20 events, 15 of which find room
    matcher.send(np.concatenate([enter(f"t{i}", 0, 1, 100) for i in range(20)]))
    first = int(core.cursors[pipeline.EVENT_PUBLISHED])
    worker = threading.Thread(target=matcher.agent.do_work, args=(64,))
    worker.start()
    try:
        deadline = time.monotonic() + 120
        while core.cursors[pipeline.EVENT_PUBLISHED] < first + RINGS.events - 1:
            assert time.monotonic() < deadline
            os.sched_yield()
        asleep = {StageName.MATCHER: "S", StageName.JOURNALER: "D"}
        said: list[str] = []
        assert hung_in(core, asleep, Watchdog(1_000, said.append)) == set()
        assert said and all(line.startswith("journaler is silent") for line in said)
        # whoever it waits for is watched: one that is stopped, or waits for nothing, is found
        stopped = asleep | {StageName.JOURNALER: "T"}
        assert hung_in(core, stopped, Watchdog(1_000)) == {StageName.JOURNALER}
    finally:
        while worker.is_alive():
            release(core)
            worker.join(0.001)
    # with room in the ring a silent matcher has no such excuse
    assert StageName.MATCHER in hung_in(core, asleep, Watchdog(1_000))
