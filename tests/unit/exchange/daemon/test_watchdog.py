"""Who hangs: heartbeats that do not move while the daemon looks, and could."""

from __future__ import annotations

import os
import signal
import subprocess

import pytest
from exchange_process import wait_until

from exchange.daemon.watchdog import Process, Watchdog, read_process

MS = 1_000_000


def asleep(stage: str) -> Process:
    """A process that waits for something that does not come."""
    return Process("S", 0)


def hung_at(
    watchdog: Watchdog, process: Process, *, busy: float = 0.0, end_ms: int = 4_000
) -> list[int]:
    """When a stage that is silent from 0 on is said to hang; it uses ``busy`` of a processor."""
    found = []
    for now_ms in range(0, end_ms, 100):
        now = process._replace(cpu_ns=int(busy * now_ms * MS))
        if watchdog.look(now_ms * MS, {"api": 7}, lambda stage, now=now: now):  # type: ignore[misc]
            found.append(now_ms)
    return found


def test_a_heartbeat_that_moves_is_alive() -> None:
    watchdog = Watchdog(1_000)
    for now_ms in range(0, 5_000, 100):
        assert watchdog.look(now_ms * MS, {"matcher": now_ms}, asleep) == []


@pytest.mark.parametrize("state", ["T", "t"])
def test_one_that_is_stopped_is_found_at_once(state: str) -> None:
    assert hung_at(Watchdog(1_000), Process(state, 0))[0] == 1_100


@pytest.mark.parametrize(("state", "busy"), [("S", 0.0), ("R", 0.99)])
def test_one_that_waits_or_spins_is_looked_at_twice(state: str, busy: float) -> None:
    assert hung_at(Watchdog(1_000), Process(state, 0), busy=busy)[0] == 1_500


@pytest.mark.parametrize(
    ("state", "busy", "why"),
    [("D", 0.0, "it waits for the disk"), ("R", 0.05, "it gets no processor")],
)
def test_one_that_cannot_is_left_alone(state: str, busy: float, why: str) -> None:
    said: list[str] = []
    assert hung_at(Watchdog(1_000, said.append), Process(state, 0), busy=busy) == []
    assert said[0] == f"api is silent for 1 s and left alone: {why}"
    assert 5 <= len(said) <= 8, "now and then"


def test_only_the_silent_one() -> None:
    watchdog = Watchdog(1_000)
    found = {
        now_ms: watchdog.look(now_ms * MS, {"matcher": 7, "api": now_ms}, asleep)
        for now_ms in range(0, 2_000, 100)
    }
    assert [hung for hung in found.values() if hung] == [["matcher"]]


def test_a_stage_that_was_away_begins_anew() -> None:
    watchdog = Watchdog(1_000)
    for now_ms in range(0, 1_000, 100):
        assert watchdog.look(now_ms * MS, {"api": 7}, asleep) == []
    assert watchdog.look(1_000 * MS, {}, asleep) == []  # it starts again
    for now_ms in range(1_100, 2_500, 100):
        assert watchdog.look(now_ms * MS, {"api": 7}, asleep) == []
    assert watchdog.look(2_600 * MS, {"api": 7}, asleep) == ["api"]


def test_the_daemon_s_own_pause_counts_for_nobody() -> None:
    watchdog = Watchdog(1_000)
    watchdog.look(0, {"matcher": 7}, asleep)
    # the machine was suspended: the stage had no time either
    assert watchdog.look(60_000 * MS, {"matcher": 7}, asleep) == []
    for now_ms in range(60_300, 61_400, 100):
        assert watchdog.look(now_ms * MS, {"matcher": 7}, asleep) == [], now_ms


@pytest.mark.parametrize("now_ms", [0, 10**6, 10**9])
def test_off(now_ms: int) -> None:
    assert Watchdog(0).look(now_ms * MS, {"matcher": 0}, asleep) == []


def test_processes_as_the_system_sees_them() -> None:
    child = subprocess.Popen(["sleep", "60"])
    try:
        wait_until(lambda: read_process(child.pid).state == "S", 30, "it to sleep")
        os.kill(child.pid, signal.SIGSTOP)
        wait_until(lambda: read_process(child.pid).state == "T", 30, "it to stop")
    finally:
        child.kill()
        child.wait()
    assert read_process(child.pid).state == "X"
    assert read_process(os.getpid()).cpu_ns > 0
