"""How many descriptors each process has open: gauges, for health, status and metrics.

Who uses it: daemon.py, the only writer of these counters (core/counters.py). Connections are
counted by those who accept them; this counts whatever a process has open, once a second, so that a
leak and a limit that is too small are seen before no file can be opened any more.

Decision SUR-4.
"""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Mapping

import numpy as np

from exchange.core.counters import DESCRIPTORS, Counter
from exchange.core.stage_names import StageName
from exchange.runtime.descriptors import ENOUGH
from ringbuffer.counters import set_value

LOOK_S = 1.0


def count_open(pid: int) -> int:
    """How many descriptors a process has open; 0: it has ended, or is not ours to look at."""
    folder = f"/proc/{pid}/fd"
    try:
        # the number since Linux 6.2, before that 0
        return os.stat(folder).st_size or len(os.listdir(folder))
    except OSError:
        return 0


class DescriptorWatch:
    """``counters``: the core's, int64[COUNTER_WORDS]."""

    def __init__(self, counters: np.ndarray, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._counters = counters
        self._clock_s = clock_s
        self._looked_s: float | None = None

    def look(self, pids: Mapping[StageName, int]) -> None:
        """Set the gauges, if a second has passed. ``pids``: of the stages that run."""
        now_s = self._clock_s()
        if self._looked_s is not None and now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        allowed = ENOUGH if soft == resource.RLIM_INFINITY else min(soft, ENOUGH)
        set_value(self._counters, int(Counter.DESCRIPTORS_ALLOWED), allowed)
        running = {**pids, StageName.DAEMON: os.getpid()}
        for stage, counter in DESCRIPTORS.items():
            found = count_open(running[stage]) if stage in running else 0
            set_value(self._counters, int(counter), found)
