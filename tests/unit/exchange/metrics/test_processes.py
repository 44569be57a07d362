"""Busy and idle time: what the stage counts, and the rest of its life."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.metrics.processes import Processes, age_s
from exchange.runtime.run_file import read_run_file
from ringbuffer.counters import COUNTER_STRIDE, IdleTime
from tests.harness.small_metrics import runs

SECOND_NS = 1_000_000_000


def told(processes: Processes, directory: Path) -> dict[str, float]:
    """Metric -> value of the matcher."""
    return {
        metric.name: sample.value
        for metric in processes.collect(read_run_file(directory))
        for sample in metric.samples
        if sample.labels["stage"] == "matcher"
    }


def test_the_age_of_a_process() -> None:
    began = time.monotonic()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        age = age_s(child.pid)
        assert age is not None and -0.1 < age < time.monotonic() - began + 0.1
    finally:
        child.communicate(b"\n")
    assert age_s(child.pid) is None


def test_busy_and_idle_are_the_whole_life(tmp_path: Path) -> None:
    runs(tmp_path, "matcher")
    counters = np.zeros(COUNTER_WORDS, np.int64)
    processes = Processes(counters)
    idle = IdleTime(counters, Counter.MATCHER_IDLE_NS)
    age = age_s(os.getpid())
    assert age is not None
    first = told(processes, tmp_path)
    assert first["exchange_up"] == 1 and first["exchange_stage_idle_seconds"] == 0
    assert first["exchange_stage_busy_seconds"] >= age
    # it has been waiting for a second, and goes on to
    idle.began(time.monotonic_ns() - SECOND_NS)
    waiting = told(processes, tmp_path)
    assert waiting["exchange_stage_idle_seconds"] >= 1
    more = told(processes, tmp_path)
    assert more["exchange_stage_idle_seconds"] > waiting["exchange_stage_idle_seconds"]


def test_a_counter_never_goes_back_before_its_process_ends(tmp_path: Path) -> None:
    runs(tmp_path, "matcher")
    counters = np.zeros(COUNTER_WORDS, np.int64)
    processes = Processes(counters)
    before = told(processes, tmp_path)
    counters[Counter.MATCHER_IDLE_NS * COUNTER_STRIDE] = 5 * SECOND_NS
    after = told(processes, tmp_path)
    assert after["exchange_stage_busy_seconds"] >= before["exchange_stage_busy_seconds"]
    counters[Counter.MATCHER_IDLE_NS * COUNTER_STRIDE] = 4 * SECOND_NS
    assert told(processes, tmp_path)["exchange_stage_idle_seconds"] == 5


def test_nothing_is_told_of_what_does_not_run(tmp_path: Path) -> None:
    processes = Processes(np.zeros(COUNTER_WORDS, np.int64))
    assert all(not metric.samples for metric in processes.collect(read_run_file(tmp_path)))
