"""Healthy means that the core moves; what is wrong is said in words."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exchange.api.base.health import health_response
from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.runtime.health import RUN_FILE_NS, Health, HealthWatch
from exchange.runtime.run_file import RunFile
from ringbuffer.counters import COUNTER_STRIDE

MS = 1_000_000
STALE_MS, LAG_MS = 2_000, 10_000


class Core:
    """What the health watch looks at; time goes by when a test says so."""

    def __init__(self, directory: Path) -> None:
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.counters = np.zeros(COUNTER_WORDS, np.int64)
        self.now_ns = 1_000_000 * MS
        self.run_file = RunFile(directory)
        self.service: Any = SimpleNamespace(
            ready=True, stopping=False, pump=SimpleNamespace(next_event=0, lag=lambda: 0)
        )
        self.watch = HealthWatch(
            self.cursors,
            self.counters,
            directory,
            stale_ms=STALE_MS,
            lag_ms=LAG_MS,
            clock_ns=lambda: self.now_ns,
        )
        self.phase("running")
        self.beat()

    def phase(self, phase: str) -> None:
        self.run_file.write(
            phase=phase,
            name="test",
            order_entry="127.0.0.1:1",
            addresses={},
            day=20261121,
            restarts={},
            stages={},
            compiling=[],
        )

    def beat(self, *stages: str) -> None:
        for stage in stages or ("matcher", "journaler"):
            word = Counter[f"{stage.upper()}_HEARTBEAT_NS"] * COUNTER_STRIDE
            self.counters[word] = self.now_ns

    def go_on(self, milliseconds: int, *stages: str) -> Health:
        """Let time pass in steps; ``stages`` beat. The look at the end."""
        for _ in range(0, milliseconds, 100):
            self.now_ns += 100 * MS
            if stages:
                self.beat(*stages)
            health = self.watch.look(self.service)
        return health


@pytest.fixture
def core(tmp_path: Path) -> Core:
    return Core(tmp_path)


def test_all_is_well(core: Core) -> None:
    health = core.watch.look(core.service)
    assert health.healthy and health.problems == []
    assert (health.phase, health.day) == ("running", 20261121)
    assert health_response(health).status == 200
    assert core.go_on(60_000, "matcher", "journaler").healthy


@pytest.mark.parametrize("silent", ["matcher", "journaler"])
def test_a_silent_stage(core: Core, silent: str) -> None:
    other = "journaler" if silent == "matcher" else "matcher"
    assert core.go_on(STALE_MS, other).healthy
    health = core.go_on(100, other)
    assert health.problems == [f"{silent} is silent for 2,100 ms"]
    response = health_response(health)
    assert response.status == 503 and response.headers["Retry-After"] == "1"
    core.beat()
    assert core.watch.look(core.service).healthy


@pytest.mark.parametrize("phase", ["recovering", "stopping", "compiling"])
def test_the_daemon_s_phase(core: Core, phase: str) -> None:
    assert core.watch.look(core.service).healthy
    core.phase(phase)
    core.now_ns += RUN_FILE_NS + 1
    assert core.watch.look(core.service).problems == [f"the exchange is {phase}"]


def test_nothing_runs(core: Core) -> None:
    core.run_file.remove()
    assert core.watch.look(core.service).problems == ["the exchange is not running"]


def test_a_disk_that_does_not_answer(core: Core) -> None:
    core.cursors[pipeline.COMMAND_PUBLISHED] = 7
    assert core.go_on(LAG_MS, "matcher", "journaler").healthy
    health = core.go_on(200, "matcher", "journaler")
    assert health.problems == ["7 commands wait for the disk"]
    assert health.lag["commands_to_disk"] == 7
    core.cursors[pipeline.COMMAND_DURABLE] = 7
    assert core.watch.look(core.service).healthy


def test_under_load_the_disk_is_always_behind_and_moves(core: Core) -> None:
    for step in range(300):
        core.cursors[pipeline.COMMAND_PUBLISHED] = 1_000 + step
        core.cursors[pipeline.COMMAND_DURABLE] = step
        assert core.go_on(100, "matcher", "journaler").healthy


def test_models_that_do_not_follow(core: Core) -> None:
    core.cursors[pipeline.EVENT_RELEASED] = 50
    core.service.pump.lag = lambda: 50
    assert core.go_on(LAG_MS, "matcher", "journaler").healthy
    health = core.go_on(200, "matcher", "journaler")
    assert health.problems == ["the API is 50 events behind"]


def test_while_it_starts_and_stops(core: Core) -> None:
    core.service.ready = False
    core.service.pump.lag = lambda: 1_234
    assert core.watch.look(core.service).problems == ["starting: 1,234 events are still to be read"]
    core.service.ready, core.service.stopping = True, True
    assert core.watch.look(core.service).problems == ["the exchange is stopping"]


@pytest.mark.parametrize(
    ("gauges", "said"),
    [
        ({}, []),
        ({"CLOCK_STEPS": 1, "CLOCK_STEP_NS": 5 * MS, "CLOCK_AHEAD_NS": 999 * MS}, []),
        ({"CLOCK_AHEAD_NS": 2_500 * MS}, ["2.500 s ahead of"]),
        ({"CLOCK_AHEAD_NS": -3_600_000 * MS}, ["3,600.000 s behind"]),
        ({"CLOCK_CALENDAR": 1}, ["gone back"]),
        ({"CLOCK_CALENDAR": 2, "CLOCK_STEP_NS": -86_400_000 * MS}, ["-86,400.000 s"]),
    ],
)
def test_a_clock_that_is_off_is_a_warning_and_no_problem(
    tmp_path: Path, gauges: dict[str, int], said: list[str]
) -> None:
    core = Core(tmp_path)
    for name, value in gauges.items():
        core.counters[Counter[name] * COUNTER_STRIDE] = value
    health = core.watch.look(core.service)
    assert health.healthy and len(health.warnings) == len(said)
    assert all(part in text for part, text in zip(said, health.warnings, strict=True))


def test_log_lines_that_were_lost_of_late_are_a_warning_and_no_problem(core: Core) -> None:
    assert core.watch.look(core.service).warnings == []
    core.counters[Counter.ORDER_ENTRY_LOG_LINES_LOST * COUNTER_STRIDE] = 1_234
    health = core.go_on(100, "matcher", "journaler")
    assert health.healthy
    assert [warning for warning in health.warnings if "1,234 log lines were lost" in warning]
    assert core.go_on(61_000, "matcher", "journaler").warnings == []


def test_what_all_share_is_in_it(tmp_path: Path) -> None:
    core = Core(tmp_path)
    core.watch = HealthWatch(
        core.cursors, core.counters, tmp_path, stale_ms=STALE_MS, lag_ms=LAG_MS,
        sizes={"positions": 10, "live_orders": 10}, clock_ns=lambda: core.now_ns,
    )  # fmt: skip
    core.counters[Counter.POSITIONS_USED * COUNTER_STRIDE] = 8
    core.counters[Counter.ORDERS_STOPPED * COUNTER_STRIDE] = 1
    health = core.watch.look(core.service)
    assert health.healthy, "a warning is no outage"
    assert health.capacity["positions"] == {"used": 8, "size": 10, "percent": 80}
    assert health.capacity["live_orders"]["percent"] == 0
    assert health.warnings == [
        "no new orders: the disk is nearly full; cancels work",
        "positions: 80 % in use (8 of 10)",
    ]
