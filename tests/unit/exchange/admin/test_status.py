"""``exchange status``: rates of two readings, and what the tables say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exchange.admin.status import Observer, _cpu_list, render
from exchange.errors import NotRunning


@pytest.mark.parametrize(
    ("cpus", "text"),
    [([], ""), ([3], "3"), ([0, 1, 2, 5], "0-2,5"), ([7, 5, 6, 1], "1,5-7"), ([0, 2, 4], "0,2,4")],
)
def test_cpu_list(cpus: list[int], text: str) -> None:
    assert _cpu_list(cpus) == text


def status(time: float, commands: int, cpu_seconds: float, pid: int = 9) -> dict[str, Any]:
    return {
        "name": "test",
        "phase": "running",
        "day": 20261120,
        "uptime_seconds": 12.0,
        "restarts": {"core": 0, "order_entry": 2},
        "addresses": {"order_entry": "127.0.0.1:9100"},
        "time": time,
        "cursors": {"command_published": commands},
        "counters": {
            "api_requests": 7,
            "api_requests_failed": 1,
            "api_connections": 3,
            "api_websockets": 2,
            "store_state": 3,
            "store_rows": 1_000,
        },
        "lag": {"release_events": 4},
        "stages": {
            "matcher": {
                "pid": pid,
                "ready": True,
                "state": "sleeping",
                "cpus": [0, 1],
                "cpu_seconds": cpu_seconds,
                "resident_bytes": 3 << 20,
            },
            "api": {
                "pid": 10,
                "ready": False,
                "state": "running",
                "cpus": [1],
                "cpu_seconds": 0.0,
                "resident_bytes": 0,
            },
        },
    }


def test_rates_are_per_second() -> None:
    rates = Observer._rates(status(100.0, 1_000, 5.0), status(102.0, 5_000, 6.0))
    assert rates["command_published_per_s"] == 2_000.0
    assert rates["api_requests_per_s"] == 0.0
    assert rates["matcher_cpu_percent"] == 50.0


def test_a_process_that_was_replaced_has_no_cpu_rate() -> None:
    rates = Observer._rates(status(1.0, 0, 50.0), status(2.0, 0, 0.1, pid=99))
    assert "matcher_cpu_percent" not in rates and "api_cpu_percent" in rates


def shown(status: dict[str, Any]) -> str:
    console = Console(width=160, record=True, force_terminal=False)
    with console.capture() as capture:
        console.print(render(status))
    return capture.get()


def test_the_tables() -> None:
    text = shown(status(1.0, 1_234_567, 0.0))
    assert "test: running, day 20261120, up 12 s, restarts: order entry 2" in text
    assert "order entry 127.0.0.1:9100" in text
    assert "1,234,567" in text and "release_events" in text
    assert "running (starting)" in text and "0-1" in text
    assert "api: 3 connections, 2 of them WebSockets; 7 requests, 1 failed" in text
    assert "store" not in text, "no store runs"


def test_the_store_by_name_of_its_state() -> None:
    with_store = status(1.0, 0, 0.0)
    with_store["stages"]["store"] = with_store["stages"]["api"]
    assert "store: following, 1,000 rows written" in shown(with_store)


def test_the_health_is_in_the_head() -> None:
    well = {"healthy": True, "problems": [], "warnings": []}
    assert "health: healthy" in shown(status(1.0, 0, 0.0) | {"health": well})
    sick = {"healthy": False, "problems": ["one", "two"], "warnings": ["three", "four"]}
    text = shown(status(1.0, 0, 0.0) | {"health": sick})
    assert "health: UNHEALTHY; one; two" in text
    assert "warning: three" in text and "warning: four" in text


def test_the_newest_snapshot_is_a_line() -> None:
    found = status(1.0, 0, 0.0)
    found["stages"]["snapshotter"] = found["stages"]["api"]
    found["counters"] |= {
        "snapshot_time_ns": 0,
        "snapshot_sequence": 0,
        "snapshots_failed": 0,
        "shipping_failures": 0,
    }
    assert "newest snapshot: none yet" in shown(found)
    found["time"] = 1_000.0
    found["counters"] |= {"snapshot_time_ns": 940 * 10**9, "snapshot_sequence": 1_234_567}
    assert "newest snapshot: commands below 1,234,567, 60 s old" in shown(found)
    found["counters"] |= {"snapshots_failed": 3, "shipping_failures": 2}
    assert "3 failed; segments that could not be shipped: 2" in shown(found)


def test_without_a_region_only_the_stages_are_shown() -> None:
    bare = status(1.0, 0, 0.0)
    for key in ("cursors", "lag", "counters"):
        del bare[key]
    bare["region_error"] = "there is no region"
    text = shown(bare)
    assert "there is no region" in text and "Lag" not in text


def test_nothing_runs(tmp_path: Path) -> None:
    with pytest.raises(NotRunning, match="no exchange runs"):
        Observer(tmp_path).look()


def test_the_disk_is_a_line_of_the_head() -> None:
    console = Console(width=200)
    with console.capture() as shown:
        console.print(render(status(1.0, 5, 1.0) | {"disk": {"archive": 5 << 20, "free": 1 << 40}}))
    assert "disk, MiB: archive 5, free 1,048,576" in shown.get()
