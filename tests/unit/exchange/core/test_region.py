"""The core's region: its name, its sections, and whose number is whose."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.counters import CONNECTOR_COUNTERS, HEARTBEATS, WEB_COUNTERS, Counter
from exchange.core.pipeline import IngressRing
from exchange.core.region import AGENTS, Core, RingCapacities, core_sections, region_name
from exchange.core.stage_names import (
    CONNECTORS,
    CORE_STAGES,
    EVENT_CONSUMERS,
    FEED_STAGES,
    StageName,
)
from exchange.errors import SharedMemoryUnavailable
from exchange.records import COMMAND, EVENT
from ringbuffer.counters import COUNTER_STRIDE
from ringbuffer.region import Region

RINGS = RingCapacities(
    ingress_control=16,
    ingress_order_entry=32,
    ingress_api=64,
    ingress_grpc=8,
    commands=128,
    events=256,
)


@pytest.fixture
def core() -> Iterator[Core]:
    eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
    made = Core(f"exchange-test-{os.getpid()}", RINGS, {StageName.MATCHER: eventfd})
    yield made
    made.close()
    os.close(eventfd)


def test_every_stage_has_its_own_number_and_heartbeat() -> None:
    assert set(AGENTS) == set(HEARTBEATS) == set(StageName)
    assert len(set(AGENTS.values())) == len(AGENTS) and max(AGENTS.values()) < pipeline.AGENTS
    assert len(set(HEARTBEATS.values())) == len(HEARTBEATS)
    for name, counter in HEARTBEATS.items():
        assert counter.name == f"{name.upper()}_HEARTBEAT_NS"


def test_no_counter_has_two_writers() -> None:
    numbers = [counter for table in WEB_COUNTERS.values() for counter in table.values()]
    assert len(numbers) == len(set(numbers))
    for stage, table in WEB_COUNTERS.items():
        for name, counter in table.items():
            assert counter == Counter[f"{stage.upper()}_{name.upper()}"]


def test_every_connector_has_its_own_counters() -> None:
    numbers = [counter for table in CONNECTOR_COUNTERS.values() for counter in table.values()]
    assert len(numbers) == len(set(numbers))
    for name, table in CONNECTOR_COUNTERS.items():
        assert set(table) == set(CONNECTORS) < set(EVENT_CONSUMERS)
        for stage, counter in table.items():
            assert counter == Counter[f"{stage.upper()}_{name.upper()}"]


def test_the_groups_of_stages() -> None:
    others = {StageName.DAEMON, StageName.SNAPSHOTTER}
    assert set(CORE_STAGES) | set(EVENT_CONSUMERS) | others == set(StageName)
    assert not set(CORE_STAGES) & set(EVENT_CONSUMERS)
    assert len(FEED_STAGES) == pipeline.FEED_WORKERS and set(FEED_STAGES) < set(EVENT_CONSUMERS)
    assert [AGENTS[name] for name in FEED_STAGES] == list(
        range(pipeline.AGENT_FEED_FIRST, pipeline.AGENT_FEED_FIRST + pipeline.FEED_WORKERS)
    )


def test_sections() -> None:
    sections = {section.name: section for section in core_sections(RINGS)}
    assert [sections[ring.section].count for ring in IngressRing] == [16, 32, 64, 8]
    assert [ring.section for ring in IngressRing] == [f"ingress_{number}" for number in range(4)]
    assert (sections["command_ring"].dtype, sections["command_ring"].count) == (COMMAND, 128)
    assert (sections["event_ring"].dtype, sections["event_ring"].count) == (EVENT, 256)
    assert sections["cursors"].count == pipeline.CURSOR_WORDS


def test_a_name_belongs_to_a_directory() -> None:
    name = region_name(Path("/data/a"))
    assert name == region_name(Path("/data/a")) != region_name(Path("/data/b"))
    assert name.startswith("exchange-") and len(name) == len("exchange-") + 16


def test_another_process_would_see_the_same_memory(core: Core) -> None:
    with Region.attach(core.region.name, core_sections(RINGS)) as other:
        core.set_word(pipeline.STOP_INTAKE, 1)
        assert other.arrays["cursors"][pipeline.STOP_INTAKE] == 1
        other.arrays["counters"][HEARTBEATS[StageName.MATCHER] * COUNTER_STRIDE] = 77
        assert core.heartbeat_of(StageName.MATCHER) == 77
        core.heartbeat(88)
        assert core.heartbeat_of(StageName.DAEMON) == 88


def test_a_region_that_is_in_use_is_not_taken(core: Core) -> None:
    core.cursors[:] = 5
    with pytest.raises(SharedMemoryUnavailable, match="belongs to process"):
        Core(core.region.name, RINGS, {})
    assert np.all(core.cursors == 5)


def test_the_next_core_starts_with_zeros(core: Core) -> None:
    core.cursors[:] = 5
    core.close()
    core.close()
    again = Core(core.region.name, RINGS, {})
    try:
        assert not np.any(again.cursors)
    finally:
        again.close()


@pytest.mark.needs_jit  # the wake-up is an eventfd written from jitted code
def test_a_stage_is_woken_only_while_it_sleeps(core: Core) -> None:
    eventfd = core._eventfds[StageName.MATCHER]
    core.set_word(pipeline.STOP, 1)
    with pytest.raises(BlockingIOError):
        os.eventfd_read(eventfd)
    core.cursors[pipeline.sleeping(AGENTS[StageName.MATCHER])] = 1
    core.wake(StageName.MATCHER)
    assert os.eventfd_read(eventfd) == 1
    assert core.cursors[pipeline.sleeping(AGENTS[StageName.MATCHER])] == 0
