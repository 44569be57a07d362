"""Who hangs: heartbeats that do not move while the daemon looks."""

from __future__ import annotations

import pytest

from exchange.watchdog import Watchdog

MS = 1_000_000


def test_a_heartbeat_that_moves_is_alive() -> None:
    watchdog = Watchdog(1_000)
    for now_ms in range(0, 5_000, 100):
        assert watchdog.look(now_ms * MS, {"matcher": now_ms}) == []


def test_silence_is_noticed_once_the_time_is_over() -> None:
    watchdog = Watchdog(1_000)
    found = {
        now_ms: watchdog.look(now_ms * MS, {"matcher": 7, "api": now_ms})
        for now_ms in range(0, 1_500, 100)
    }
    assert [now_ms for now_ms, hung in found.items() if hung] == [1_100, 1_200, 1_300, 1_400]
    assert found[1_100] == ["matcher"]


def test_a_stage_that_was_away_begins_anew() -> None:
    watchdog = Watchdog(1_000)
    for now_ms in range(0, 1_000, 100):
        assert watchdog.look(now_ms * MS, {"api": 7}) == []
    assert watchdog.look(1_000 * MS, {}) == []  # it starts again, and beats as before for a while
    for now_ms in range(1_100, 2_200, 100):
        assert watchdog.look(now_ms * MS, {"api": 7}) == []
    assert watchdog.look(2_200 * MS, {"api": 7}) == ["api"]


def test_the_daemon_s_own_pause_counts_for_nobody() -> None:
    watchdog = Watchdog(1_000)
    watchdog.look(0, {"matcher": 7})
    # the machine was suspended: the stage had no time either
    assert watchdog.look(60_000 * MS, {"matcher": 7}) == []
    assert watchdog.look(60_300 * MS, {"matcher": 7}) == []
    for now_ms in range(60_600, 61_100, 100):
        assert watchdog.look(now_ms * MS, {"matcher": 7}) == [], now_ms
    assert watchdog.look(61_100 * MS, {"matcher": 7}) == ["matcher"]


@pytest.mark.parametrize("now_ms", [0, 10**6, 10**9])
def test_off(now_ms: int) -> None:
    assert Watchdog(0).look(now_ms * MS, {"matcher": 0}) == []
