"""What each process has open, as gauges."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from exchange.core.counters import COUNTER_WORDS, Counter
from exchange.core.stage_names import StageName
from exchange.daemon.descriptor_watch import LOOK_S, DescriptorWatch, count_open
from ringbuffer.counters import read_counters


def test_each_descriptor_counts() -> None:
    before = count_open(os.getpid())
    opened = [os.open(os.devnull, os.O_RDONLY) for _ in range(7)]
    try:
        assert count_open(os.getpid()) == before + 7
    finally:
        for descriptor in opened:
            os.close(descriptor)


def test_a_kernel_that_does_not_say_the_number(monkeypatch: pytest.MonkeyPatch) -> None:
    before = count_open(os.getpid())
    real = os.stat

    def without(path: Any, **options: Any) -> os.stat_result:
        found = list(real(path, **options))
        found[6] = 0
        return os.stat_result(found)

    monkeypatch.setattr(os, "stat", without)
    # the listing itself is open while it is made
    assert count_open(os.getpid()) == before + 1


def test_who_has_ended_has_none_open() -> None:
    words = np.zeros(COUNTER_WORDS, np.int64)
    now_s = 0.0
    watch = DescriptorWatch(words, lambda: now_s)
    program = "import sys; print(flush=True); sys.stdin.read()"
    with subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None and child.stdin is not None
        child.stdout.readline()
        pids = {StageName.API: child.pid}
        watch.look(pids)
        found = read_counters(words, Counter)
        assert found["api_descriptors"] >= 3
        assert found["daemon_descriptors"] >= 3
        assert found["store_descriptors"] == 0
        assert found["descriptors_allowed"] == resource.getrlimit(resource.RLIMIT_NOFILE)[0]
        child.stdin.close()
        child.wait()
        watch.look(pids)
        assert read_counters(words, Counter)["api_descriptors"] >= 3, "a second has not passed"
        now_s += LOOK_S
        watch.look(pids)
        assert read_counters(words, Counter)["api_descriptors"] == 0
