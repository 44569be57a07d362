"""After an automatic roll ``run.json``, and with it ``status`` and ``/health``, name the new day.

Fault 22: only a stage's end or an operator's command wrote ``run.json``, so all three kept the old
day until then.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS
from exchange.daemon.daemon import Daemon
from exchange.runtime.health import HealthWatch
from exchange.runtime.run_file import RunFile, read_run_file
from exchange.settings import load

OLD, NEW = 20261130, 20261201


@pytest.fixture
def daemon(tmp_path: Path) -> Any:
    """A daemon in the middle of a run, with nothing around it but its run file."""
    made: Any = Daemon(load(None), tmp_path, announce=lambda line: None, load=lambda: load(None))
    counters = np.zeros(COUNTER_WORDS, np.int64)
    made._core = SimpleNamespace(
        heartbeat=lambda *arguments: None, region=SimpleNamespace(arrays={"counters": counters})
    )
    made._control = SimpleNamespace(
        day_number=OLD, work=lambda: None, until_next_second_s=lambda: 1.0
    )
    made._listeners = SimpleNamespace(addresses=lambda: {"order_entry": "127.0.0.1:1"})
    made._children = SimpleNamespace(states=lambda: {}, stages={})
    made._descriptor_watch = SimpleNamespace(look=lambda pids: None)
    made._run_file = RunFile(tmp_path)
    made._turn = lambda timeout_s: None
    made._restart_policy = SimpleNamespace(restarts=lambda: {}, held=lambda: [])
    made._phase = "running"
    made._run_once()
    yield made
    made._selector.close()


def day_in(directory: Path) -> int:
    state = read_run_file(directory)
    assert state is not None
    return state.day


def test_the_run_file_and_health_name_the_day_that_the_schedule_has_begun(
    daemon: Any, tmp_path: Path
) -> None:
    now_ns = 0
    watch = HealthWatch(
        np.zeros(pipeline.CURSOR_WORDS, np.int64),
        np.zeros(COUNTER_WORDS, np.int64),
        tmp_path,
        stale_ms=1,
        lag_ms=1,
        clock_ns=lambda: now_ns,
    )
    service: Any = SimpleNamespace(
        ready=True, stopping=False, pump=SimpleNamespace(lag=lambda: 0, next_event=0)
    )
    assert day_in(tmp_path) == watch.look(service).day == OLD
    daemon._control.day_number = NEW  # the roll happened within ``work``
    daemon._run_once()
    now_ns = 10_000_000_000
    assert day_in(tmp_path) == watch.look(service).day == NEW


def test_a_turn_without_a_roll_writes_nothing(daemon: Any, tmp_path: Path) -> None:
    before = (tmp_path / "run.json").stat()
    daemon._run_once()
    assert (tmp_path / "run.json").stat().st_mtime_ns == before.st_mtime_ns
    assert (tmp_path / "run.json").stat().st_ino == before.st_ino
