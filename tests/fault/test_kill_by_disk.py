"""Disk failures under the running exchange: it stops with its status and acknowledges nothing more.

The failures are injected into the journaler by strace, or are real (a full file system). After each
the exchange is started again on the same data directory and must still know everything that it had
acknowledged; orders that were not acknowledged may be there or not, but whole.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from exchange_process import PASSWORD, RunningExchange, wait_until
from patient_client import PatientClient

from exchange.client.order_entry import ConnectionEnded
from exchange.errors import ExitStatus
from exchange.settings import ROOT

pytestmark = [pytest.mark.needs_jit]


class Tracer:
    """strace on one process, injecting a failure until it is closed."""

    def __init__(self, strace: str, pid: int, injection: str, log: Path) -> None:
        call = injection.split(":")[0]
        self._process = subprocess.Popen(
            [
                *(strace, "-f", "-p", str(pid), "-o", str(log)),
                *("-e", f"trace={call}", "-e", f"inject={injection}"),
            ],
            stderr=subprocess.PIPE,
        )
        assert self._process.stderr is not None
        first = self._process.stderr.readline().decode()
        if "attached" not in first:
            self.close()
            pytest.skip(f"strace may not attach here: {first.strip()}")

    def close(self) -> None:
        """Detach. Idempotent."""
        if self._process.poll() is None:
            self._process.terminate()
        self._process.wait(300)
        assert self._process.stderr is not None
        self._process.stderr.close()


def log_in(exchange: RunningExchange, sequence: int = 1) -> PatientClient:
    client = PatientClient("127.0.0.1", exchange.port)
    client.login("S1", PASSWORD, sequence=sequence)
    return client


def enter_until_it_ends(client: PatientClient, told: list[bytes], limit: int) -> int:
    """Enter orders one at a time until the connection ends; how many were sent."""
    for number in range(limit):
        try:
            client.enter(f"after-{number}", "B", 10, "AAPL", 1_500_000)
            told.append(client.receive().data)
        except (ConnectionEnded, OSError):
            return number + 1
    raise AssertionError("the exchange went on")


def verify(exchange: RunningExchange) -> None:
    answer = subprocess.run(
        [
            sys.executable,
            "-m",
            "replay.cli",
            "verify",
            "--data-dir",
            str(exchange.data_directory),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=1200,
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr


def recovers(exchange: RunningExchange, told: list[bytes]) -> None:
    """Started again, the exchange repeats what it told, and trades."""
    exchange.start()
    with log_in(exchange) as client:
        assert [client.receive().data for _ in told] == told
        client.enter("again", "S", 10, "MSFT", 1_500_000)
        while True:
            message = client.receive()
            if str(message.fields.get("token", "")).strip() == "again":
                assert message.letter == "A"
                break
    assert exchange.stop() == ExitStatus.OK
    verify(exchange)


@pytest.mark.parametrize(
    "injection",
    [
        "fdatasync:error=EIO:when=1",
        "fdatasync:error=EIO:when=3",
        "pwritev:error=ENOSPC:when=2",
        "pwritev:error=EIO:when=4",
        "pwritev:retval=32:when=2",
    ],
)
def test_injected_failure(
    running_exchange: RunningExchange, strace: str, injection: str, tmp_path: Path
) -> None:
    told: list[bytes] = []
    with log_in(running_exchange) as client:
        told.append(client.receive().data)
        for i in range(5):
            client.enter(f"before-{i}", "B", 10, "AAPL", 1_500_000)
            told.append(client.receive().data)
        tracer = Tracer(
            strace, running_exchange.pid("journaler"), injection, tmp_path / "strace.log"
        )
        try:
            sent = enter_until_it_ends(client, told, 20)
            assert len(told) < 6 + sent, "the failed commit was acknowledged"
            assert running_exchange.wait() == ExitStatus.JOURNAL_FAILED
        finally:
            tracer.close()
    log = running_exchange.log_tail(8)
    assert "journaler" in log
    assert log.splitlines()[-1].startswith("exchange: journaler: ")
    assert not running_exchange.region_path.exists()
    recovers(running_exchange, told)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A directory on a file system of 12 MiB."""
    path = tmp_path / "disk"
    path.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(path)], capture_output=True
    )
    if mounted.returncode:
        pytest.skip("a file system cannot be mounted here (needs root)")
    yield path
    subprocess.run(["umount", "-l", str(path)], check=True)


def test_full_disk(make_exchange: Any, small_disk: Path) -> None:
    exchange: RunningExchange = make_exchange(
        settings={
            "journal": {"segment_bytes": 1 << 20, "batch": 1024, "archive_segment_events": 8192}
        }
    )
    exchange.data_directory = small_disk / "data"
    exchange.start()
    told: list[bytes] = []
    with log_in(exchange) as client:
        told.append(client.receive().data)
        filler = small_disk / "filler"
        with filler.open("wb") as stream:
            # leave less than the next segment needs
            free = os.statvfs(small_disk)
            stream.write(bytes(max(0, free.f_bavail * free.f_frsize - 300_000)))
        sent = 0
        try:
            while sent < 60_000:
                for _ in range(200):
                    client.enter(f"fill-{sent}", "B", 10, "AAPL", 1_500_000)
                    sent += 1
                for _ in range(200):
                    told.append(client.receive().data)
        except (ConnectionEnded, OSError):
            pass
        assert len(told) <= sent, "the failed commit was acknowledged"
    status = exchange.wait()
    assert status == ExitStatus.JOURNAL_FAILED, exchange.log_tail()
    filler.unlink()
    wait_until(lambda: not filler.exists(), 5.0, "room on the disk")
    exchange.launch()
    exchange.wait_ready()
    assert exchange.stop() == ExitStatus.OK
    # 12 MiB hold what was told; give it back and compare the stream
    exchange.start()
    with log_in(exchange) as client:
        assert [client.receive().data for _ in told] == told
    assert exchange.stop() == ExitStatus.OK
    verify(exchange)
