"""Fixtures of the ring buffer's tests: regions and worker processes that never outlive a test."""

from __future__ import annotations

import importlib.util
import itertools
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ringbuffer.region import Region, Section

ROOT = Path(__file__).resolve().parents[3]
WORKER = Path(__file__).with_name("ring_worker.py")
_numbers = itertools.count()


@pytest.fixture
def region_name() -> Iterator[str]:
    """A name of this test's own; whatever has it at the end is removed."""
    name = f"ring-test-{os.getpid()}-{next(_numbers)}"
    yield name
    Path("/dev/shm", name).unlink(missing_ok=True)


@pytest.fixture
def make_region(region_name: str) -> Iterator[Callable[[Sequence[Section]], Region]]:
    """Creates one region; closes and removes it at the end."""
    made: list[Region] = []

    def make(sections: Sequence[Section]) -> Region:
        made.append(Region.create(region_name, sections))
        return made[-1]

    yield make
    for region in made:
        region.close()
        region.unlink()


@pytest.fixture(scope="session")
def worker() -> ModuleType:
    """The worker script as a module: what both processes agree on."""
    spec = importlib.util.spec_from_file_location("ring_worker", WORKER)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["ring_worker"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def start_worker() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts worker processes; kills those that still run at the end."""
    started: list[subprocess.Popen[str]] = []

    def start(*arguments: Any, pass_fds: Sequence[int] = ()) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-W", "error", str(WORKER), *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            pass_fds=pass_fds,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.fixture
def wait_until() -> Callable[..., None]:
    """Waits for a condition with a deadline; ``process`` dying ends the wait."""

    def wait(
        condition: Callable[[], bool],
        process: subprocess.Popen[str] | None = None,
        deadline_s: float = 120.0,
    ) -> None:
        end = time.monotonic() + deadline_s
        while not condition():
            if process is not None and process.poll() is not None:
                _, errors = process.communicate()
                pytest.fail(f"the worker ended with status {process.returncode}: {errors}")
            assert time.monotonic() < end, "the condition did not come true in time"
            os.sched_yield()

    return wait
