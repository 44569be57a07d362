"""A disk that fills: first a warning, then no new orders, and cancels all the time."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

pytestmark = pytest.mark.needs_jit

DISK_MIB = 96
LIMIT_S = 120.0


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a small file system."""
    path = tmp_path / "disk"
    path.mkdir()
    options = f"size={DISK_MIB}m"
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here (needs root)")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def health(exchange: RunningExchange) -> dict[str, Any]:
    with urllib.request.urlopen(f"{exchange.url}/api/v1/health", timeout=60) as answer:
        found: dict[str, Any] = json.load(answer)["data"]
        return found


def fill(path: Path, leave: int) -> None:
    """Leave ``leave`` bytes free."""
    free = os.statvfs(path)
    with (path / "filler").open("ab") as stream:
        stream.write(bytes(max(0, free.f_bavail * free.f_frsize - leave)))


def test_a_disk_that_fills(make_exchange: Any, small_disk: Path) -> None:
    exchange: RunningExchange = make_exchange(
        settings={
            "journal": {"segment_bytes": 1 << 20, "batch": 1024, "stop_free_bytes": 4 << 20},
            "api": {"requests_per_second_per_ip": 100_000, "burst": 100_000},
        },
        sessions=2,
        web=True,
    )
    exchange.data_directory = small_disk / "data"
    exchange.start()

    def stopped() -> bool:
        return any("no new orders" in warning for warning in health(exchange)["warnings"])

    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login("S1", PASSWORD, sequence=0)
        for token in ("one", "two"):
            client.enter(token, "B", 100, "AAPL", 1_000_000)
            assert client.receive().letter == "A"
        fill(small_disk, 12 << 20)
        wait_until(
            lambda: any("disk_bytes" in warning for warning in health(exchange)["warnings"]),
            LIMIT_S, "a warning",
        )  # fmt: skip
        assert not stopped() and health(exchange)["healthy"]
        fill(small_disk, 3 << 20)
        wait_until(stopped, LIMIT_S, "orders to be stopped")
        client.enter("three", "B", 100, "AAPL", 1_000_000)
        assert client.receive().letter == "J"
        client.replace("one", "four", 100, 1_100_000)
        assert client.receive().letter == "I"
        client.cancel("one")
        assert client.receive().letter == "C"
        assert "no new orders" in health(exchange)["warnings"][0]
        (small_disk / "filler").unlink()
        wait_until(lambda: not stopped(), LIMIT_S, "orders to be taken again")
        client.enter("five", "B", 100, "AAPL", 1_000_000)
        assert client.receive().letter == "A"
        client.cancel("two")
        assert client.receive().letter == "C"
    assert exchange.stop() == 0
