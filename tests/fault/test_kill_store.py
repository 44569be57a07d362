"""kill -9 of the publisher and of Postgres at seeded moments: every row once, whatever happened."""

from __future__ import annotations

import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events, write_archive

from exchange.store.check import check_database
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Publisher, PublisherParameters, State

pytestmark = pytest.mark.needs_jit

MOMENTS = 30
SEED = 3
BATCH_EVENTS = 61
DEADLINE_S = 120.0
FAST = {"fsync": "off", "shared_buffers": "16MB"}
CHILD = Path(__file__).with_name("store_child.py")


class Lives:
    """The process of ``store_child.py``, and what it said last."""

    def __init__(self, data: Path) -> None:
        root = Path(__file__).resolve().parents[2]
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), str(data), str(BATCH_EVENTS)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": str(root)},
        )
        self._lines = b""
        self.publisher = self.server = self.event = 0

    def begin(self) -> None:
        """Begin a life; returns when it has said something."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        while self.next()[0] != "at":
            pass

    def next(self) -> list[str]:
        """The next line, taken in."""
        assert self._process.stdout is not None
        deadline_s = time.monotonic() + DEADLINE_S
        while b"\n" not in self._lines:
            left_s = deadline_s - time.monotonic()
            assert left_s > 0 and select.select([self._process.stdout], [], [], left_s)[0]
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            assert data, "the child has ended"
            self._lines += data
        line, _, self._lines = self._lines.partition(b"\n")
        words = line.decode().split()
        if words[0] == "life":
            self.publisher = int(words[1])
        elif words[0] == "at":
            self.event, self.server = int(words[1]), int(words[2])
        return words

    def pause(self, seconds: float) -> None:
        """Let the publisher go on for a moment."""
        assert self._process.stdout is not None
        end_s = time.monotonic() + seconds
        while (left_s := end_s - time.monotonic()) > 0:
            if select.select([self._process.stdout], [], [], left_s)[0]:
                self._lines += os.read(self._process.stdout.fileno(), 1 << 16)

    def until_ended(self) -> int:
        """The exit status of this life."""
        while (words := self.next())[0] != "ended":
            pass
        return int(words[1])

    def close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout):
            assert stream is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        if self.publisher:
            kill(self.publisher)


def kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


@pytest.fixture
def lives(tmp_path: Path) -> Iterator[Lives]:
    write_archive(tmp_path, random_events(SEED, 26_000))
    running = Lives(tmp_path)
    yield running
    running.close()


def test_kills_at_seeded_moments(lives: Lives, tmp_path: Path) -> None:
    events = random_events(SEED, 26_000)
    random = np.random.default_rng(SEED)
    killed = {"publisher": 0, "postgres": 0}
    lives.begin()
    while sum(killed.values()) < MOMENTS:
        # so far into the stream, so many commits and so much of the next one later
        for _ in range(int(random.integers(1, 4))):
            if lives.next()[0] == "ended":
                pytest.fail(f"everything is written after {killed}: more events are needed")
        lives.pause(float(random.uniform(0, 0.03)))
        if random.random() < 0.5:
            killed["publisher"] += 1
            kill(lives.publisher)
            assert lives.until_ended() == -signal.SIGKILL
            lives.begin()
        elif lives.server:
            killed["postgres"] += 1
            kill(lives.server)
    assert min(killed.values()) >= 8, killed
    assert lives.until_ended() == 0
    server = EmbeddedPostgres(tmp_path, settings=FAST)
    server.start()
    try:
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            assert_tables(connection, Expected(events))
        assert check_database(tmp_path, server.conninfo()).differences == []
    finally:
        server.stop()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 MB."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=100m,mode=0700", "tmpfs", str(place)],
        capture_output=True,
    )
    if mounted.returncode != 0:
        pytest.skip("no file system can be mounted here")
    yield place
    subprocess.run(["umount", "-l", str(place)], check=True)
    shutil.rmtree(place, ignore_errors=True)


def test_a_full_disk(small_disk: Path) -> None:
    """Postgres gives up in the middle; with room again everything comes, once."""
    events = random_events(SEED, 26_000)
    archive = MemoryArchive(events, 1_000)
    settings = FAST | {"max_wal_size": "32MB", "min_wal_size": "32MB"}
    server = EmbeddedPostgres(small_disk, settings=settings)
    changes: dict[str, Any] = {"flush_s": 0.0, "retry_maximum_s": 0.05, "batch_events": 2_000}
    publisher = Publisher(PublisherParameters(**changes), archive, server=server)
    ballast = small_disk / "ballast"
    with RunningPublisher(publisher, archive):
        archive.await_event(1_000)
        with ballast.open("wb") as stream:
            free = shutil.disk_usage(small_disk).free
            os.posix_fallocate(stream.fileno(), 0, free - (1 << 20))
        archive.release(len(events))
        failed = archive.await_progress(lambda each: each.retries >= 3, "three failures")
        assert failed.state == State.RETRYING, failed
        ballast.unlink()
        archive.await_event(len(events))
        with psycopg.connect(server.conninfo(), autocommit=True) as connection:
            assert_tables(connection, Expected(events))
