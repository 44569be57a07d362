"""When a snapshot is due."""

from __future__ import annotations

from exchange.recovery.snapshot_schedule import RETRY_S, SnapshotSchedule


class Clock:
    now_s = 5_000.0

    def __call__(self) -> float:
        return self.now_s


def schedule(clock: Clock, *, sequence: int = 0, age_s: float = 0.0) -> SnapshotSchedule:
    return SnapshotSchedule(3_600, 1_000, sequence=sequence, age_s=age_s, clock_s=clock)


def test_it_is_due_after_so_many_commands_or_so_much_time() -> None:
    clock = Clock()
    found = schedule(clock, sequence=500)
    assert not found.due(1_499)
    assert found.due(1_500)
    clock.now_s += 3_599
    assert not found.due(501)
    clock.now_s += 1
    assert found.due(501)
    found.made(501)
    assert not found.due(502)


def test_without_new_commands_none_is_due() -> None:
    clock = Clock()
    found = schedule(clock, sequence=500, age_s=1e9)
    assert not found.due(500)
    assert found.due(501), "the newest is old"
    assert not schedule(clock).due(0)


def test_after_a_failure_it_waits() -> None:
    clock = Clock()
    found = schedule(clock)
    assert found.due(1_000)
    found.failed()
    assert not found.due(1_000)
    clock.now_s += RETRY_S
    assert found.due(1_000)
