"""What the processes of the stages do: ready, alive, at work or idle, processor and memory.

Who uses it: the collector. Idle is what a stage waits for work, which it counts itself
(``IDLE_TIMES``): asleep, or looking around where it spins. Busy is the rest of its life, so also
what it waits for the disk or for a processor. The sum of both is the age of the process.

Decision MET-3.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from exchange.core.counters import HEARTBEATS, IDLE_TIMES
from exchange.core.stage_names import StageName
from exchange.metrics.catalogue import SECOND_NS
from exchange.runtime.run_file import RunState
from ringbuffer.counters import COUNTER_STRIDE, idle_time_ns

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
# of what follows the command in /proc/PID/stat; it is field 22 of proc(5)
_START_TICKS = 22 - 3


def age_s(pid: int) -> float | None:
    """Seconds since process ``pid`` began; None when there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # the command stands in parentheses and may have spaces and parentheses of its own
    ticks = int(stat.rpartition(")")[2].split()[_START_TICKS])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / _TICKS_PER_SECOND


class _Times(NamedTuple):
    pid: int
    busy_s: float
    idle_s: float


class Processes:
    """``counters``: the core's section."""

    def __init__(self, counters: np.ndarray) -> None:
        self._counters = counters
        self._told: dict[StageName, _Times] = {}

    def collect(self, run: RunState | None) -> Iterator[Metric]:
        """Every metric of the processes that ``run`` names."""
        yield self._heartbeats(run)
        up = GaugeMetricFamily("exchange_up", "1: the stage is ready", labels=["stage"])
        busy = CounterMetricFamily(
            "exchange_stage_busy_seconds",
            "time in which a stage did not wait for work",
            labels=["stage"],
        )
        idle = CounterMetricFamily(
            "exchange_stage_idle_seconds", "time that a stage waited for work", labels=["stage"]
        )
        used = CounterMetricFamily(
            "exchange_stage_cpu_seconds", "processor time of a stage", labels=["stage"]
        )
        resident = GaugeMetricFamily(
            "exchange_stage_resident_bytes", "resident memory of a stage", labels=["stage"]
        )
        for role, stage in ({} if run is None else run.stages).items():
            up.add_metric([role], float(stage.ready))
            try:
                process = psutil.Process(stage.pid)
                times = process.cpu_times()
                memory = process.memory_info().rss
            except psutil.Error:
                continue  # it has ended just now
            used.add_metric([role], times.user + times.system)
            resident.add_metric([role], memory)
            spent = self._times(StageName(role), stage.pid)
            if spent is not None:
                busy.add_metric([role], spent.busy_s)
                idle.add_metric([role], spent.idle_s)
        yield from (up, busy, idle, used, resident)

    def _heartbeats(self, run: RunState | None) -> Metric:
        age = GaugeMetricFamily(
            "exchange_heartbeat_age_seconds", "age of the latest heartbeat", labels=["stage"]
        )
        stages = {} if run is None else run.stages
        now_ns = time.monotonic_ns()
        for stage, counter in HEARTBEATS.items():
            beat_ns = int(self._counters[counter * COUNTER_STRIDE])
            if beat_ns and (stage in stages or stage == StageName.DAEMON):
                age.add_metric([stage], max(now_ns - beat_ns, 0) / SECOND_NS)
        return age

    def _times(self, stage: StageName, pid: int) -> _Times | None:
        """What ``stage`` has spent so far; never less than was told of the same process before."""
        idle_ns = idle_time_ns(
            int(self._counters[IDLE_TIMES[stage] * COUNTER_STRIDE]), time.monotonic_ns()
        )
        alive_s = age_s(pid)
        if alive_s is None:
            return None
        before = self._told.get(stage)
        if before is None or before.pid != pid:
            before = _Times(pid, 0.0, 0.0)
        idle_s = max(idle_ns / SECOND_NS, before.idle_s)
        # two clocks are read one after the other: a counter must not go back by what lies between
        found = _Times(pid, max(alive_s - idle_s, before.busy_s), idle_s)
        self._told[stage] = found
        return found
