"""systemd gets a sign of life while the core moves, and time while it starts; nothing otherwise."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import CORE_STAGES, StageName
from exchange.daemon.service_manager import MARGIN_MS, ServiceManager, core_marks

WATCHDOG_S = 8
SIGN = "WATCHDOG=1"


class FakeCore:
    """Cursors and heartbeats without shared memory."""

    def __init__(self) -> None:
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.beats = dict.fromkeys(CORE_STAGES, 1)

    def heartbeats_of(self, stages: Iterable[StageName]) -> dict[StageName, int]:
        return {stage: self.beats[stage] for stage in stages if stage in self.beats}

    def beat(self) -> None:
        self.beats = {stage: beat + 1 for stage, beat in self.beats.items()}


class World:
    """A daemon that looks once a second, and what it said."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.manager = ServiceManager(self.said.append)
        self.core = FakeCore()
        self.now_s = 100.0

    def seconds(self, count: int, *, beating: bool = True) -> list[str]:
        """What is said within ``count`` seconds."""
        before = len(self.said)
        for _ in range(count):
            self.now_s += 1
            if beating:
                self.core.beat()
            self.manager.look(self.now_s, self.core)  # type: ignore[arg-type]
        return self.said[before:]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    monkeypatch.setenv("WATCHDOG_USEC", str(WATCHDOG_S * 1_000_000))
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    return World()


@pytest.fixture
def running(world: World) -> World:
    world.manager.phase("recovering", 1_000)
    world.manager.phase("running")
    world.manager.running(20261130, 0)
    world.said.clear()
    return world


def test_a_start_has_the_time_that_the_daemon_gives_it(world: World) -> None:
    world.manager.phase("recovering", 120_000)
    assert world.said == [f"STATUS=recovering\nEXTEND_TIMEOUT_USEC={(120_000 + MARGIN_MS) * 1000}"]
    assert world.seconds(25) == ["EXTEND_TIMEOUT_USEC=30000000"] * 3


def test_readiness_is_said_once_and_the_day_and_restarts_when_they_change(world: World) -> None:
    manager = world.manager
    manager.running(0, 0)
    assert world.said == ["READY=1\nSTATUS=running, no day is open"]
    manager.running(0, 0)
    manager.running(20261130, 0)
    manager.phase("recovering", 1_000)
    manager.running(20261130, 1)
    assert [line.partition("\n")[0] for line in world.said[1:]] == [
        "STATUS=running, day 20261130",
        "STATUS=recovering",
        "STATUS=running, day 20261130, 1 restarts of the core",
    ]


def test_a_core_that_moves_gives_a_sign_four_times_in_the_timeout(running: World) -> None:
    assert running.seconds(2 * WATCHDOG_S) == [SIGN] * 8


def test_a_silent_core_gives_none_and_says_so_once(running: World) -> None:
    running.seconds(4)
    said = running.seconds(2 * WATCHDOG_S, beating=False)
    assert said.count(SIGN) <= 1, "at most one for what moved before"
    assert said[-1] == "STATUS=stalled: matcher, journaler"
    assert running.seconds(3)[:2] == ["STATUS=running, day 20261130", SIGN]


@pytest.mark.parametrize("silent", CORE_STAGES)
def test_each_of_the_core_must_move(running: World, silent: StageName) -> None:
    running.seconds(4)
    stopped = running.core.beats[silent]
    said = []
    for _ in range(WATCHDOG_S):
        running.core.beats[silent] = stopped - 1  # beat() adds one
        said += running.seconds(1)
    assert said[-1] == f"STATUS=stalled: {silent}"


def test_a_matcher_that_waits_for_the_journaler_is_not_asked(running: World) -> None:
    del running.core.beats[StageName.MATCHER]
    assert SIGN in running.seconds(4)


@pytest.mark.parametrize(
    ("ahead", "behind", "what"),
    [
        (
            pipeline.ingress_published(IngressRing.API),
            pipeline.ingress_consumed(IngressRing.API),
            "commands that came",
        ),
        (pipeline.COMMAND_PUBLISHED, pipeline.COMMAND_DURABLE, "commands before the disk"),
        (pipeline.EVENT_PUBLISHED, pipeline.EVENT_RELEASED, "events before their release"),
    ],
)
def test_work_that_waits_must_go_on(running: World, ahead: int, behind: int, what: str) -> None:
    """Heartbeats alone are no progress."""
    cursors = running.core.cursors
    cursors[ahead] = 5
    assert core_marks(running.core)[what] == 0  # type: ignore[arg-type]
    assert running.seconds(WATCHDOG_S)[-1] == f"STATUS=stalled: {what}"
    cursors[behind] = 1  # as slow as it may be
    assert SIGN in running.seconds(1)
    cursors[behind] = 5
    assert running.seconds(WATCHDOG_S).count(SIGN) == 4


def test_without_a_core_the_daemon_s_own_limits_hold(running: World) -> None:
    running.core = None  # type: ignore[assignment]
    assert running.seconds(4, beating=False) == [SIGN] * 2


def test_an_end_has_its_time(running: World) -> None:
    running.manager.stopping(22_000)
    assert running.said == ["STOPPING=1\nSTATUS=stopping\nEXTEND_TIMEOUT_USEC=32000000"]


def test_nobody_waits_for_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATCHDOG_USEC", raising=False)
    world = World()
    assert world.manager.interval_s is None
    world.manager.running(0, 0)
    world.said.clear()
    assert world.seconds(20) == []
