"""Finds stages that hang: those whose heartbeat has not moved for too long.

Who uses it: the daemon's one thread. A stage reports a heartbeat while it works and while it sleeps
(``supervision.idle_timeout_ms``), so a silent stage is stopped (SIGSTOP), waits for something that
does not come, or spins. A matcher without room for events is not watched: it waits for the
journaler, which is (``Core.heartbeats_of``). In three cases killing a stage would not help:

    the daemon itself did not run    a suspended machine: every stage gets the full time again
    the stage gets no processor      it is runnable, and has used hardly any CPU time
    it waits for the disk            SIGKILL would wait as well, and so would its next process

So a stopped stage hangs as soon as its time is over; any other is checked a second time a little
later (PROBATION_PARTS).

Decision CTL-6.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from exchange.core.stage_names import StageName

NANOSECONDS_PER_MILLISECOND = 1_000_000
# a pause of the daemon itself longer than this part of the timeout restarts every stage's time
PAUSE_PARTS = 3
PROBATION_PARTS = 3  # the second check comes this part of the timeout after the first
BUSY = 0.5  # a stage that uses a smaller part of the CPU time is not spinning

_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
STOPPED = frozenset("TtZX")
RUNNABLE = "R"
DISK = "D"


class Process(NamedTuple):
    """A process in /proc: the letter of its state, and the CPU time that it has used in ns."""

    state: str
    cpu_ns: int


def read_process(pid: int) -> Process:
    """The process ``pid`` from /proc; one that is gone counts as stopped."""
    try:
        with open(f"/proc/{pid}/stat") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return Process("X", 0)
    ticks = int(fields[11]) + int(fields[12])
    return Process(fields[0], ticks * (1_000_000_000 // _TICKS_PER_SECOND))


class _Silence(NamedTuple):
    heartbeat: int
    since_ns: int
    suspected_ns: int = 0  # when it was checked for the first time, 0: not yet
    cpu_ns: int = 0  # CPU time used until then


class Watchdog:
    """``timeout_ms``: how long a heartbeat may stay the same; 0: no stage is ever found to hang.

    ``report`` is called with a line about each stage that is silent and not killed.
    """

    def __init__(self, timeout_ms: int, report: Callable[[str], None] = lambda text: None) -> None:
        self._timeout_ns = timeout_ms * NANOSECONDS_PER_MILLISECOND
        self._report = report
        self._seen: dict[StageName, _Silence] = {}
        self._looked_ns = 0

    def look(
        self,
        now_ns: int,
        heartbeats: Mapping[StageName, int],
        process: Callable[[StageName], Process],
    ) -> list[StageName]:
        """The stages that hang at ``now_ns`` (CLOCK_MONOTONIC).

        ``heartbeats``: stage -> the value it reported last, of every stage that is to be watched
        now; a stage that is not in it starts anew. ``process``: reads the process of a stage.
        """
        if self._timeout_ns == 0:
            return []
        paused = now_ns - self._looked_ns > self._timeout_ns // PAUSE_PARTS
        self._looked_ns = now_ns
        hung: list[StageName] = []
        seen: dict[StageName, _Silence] = {}
        for stage, heartbeat in heartbeats.items():
            silence = self._seen.get(stage)
            if silence is None or paused or heartbeat != silence.heartbeat:
                silence = _Silence(heartbeat, now_ns)
            elif now_ns - silence.since_ns > self._timeout_ns:
                judged = self._judge(stage, silence, now_ns, process(stage))
                if judged is None:
                    hung.append(stage)
                    continue
                silence = judged
            seen[stage] = silence
        self._seen = seen
        return hung

    def _judge(self, stage: str, silence: _Silence, now_ns: int, at: Process) -> _Silence | None:
        """The silence to keep of a silent stage; None: it hangs."""
        if at.state in STOPPED:
            return None
        if silence.suspected_ns == 0:
            return silence._replace(suspected_ns=now_ns, cpu_ns=at.cpu_ns)
        elapsed_ns = now_ns - silence.suspected_ns
        if elapsed_ns <= self._timeout_ns // PROBATION_PARTS:
            return silence
        if at.state == DISK:
            why = "it waits for the disk"
        elif at.state == RUNNABLE and at.cpu_ns - silence.cpu_ns < BUSY * elapsed_ns:
            why = "it gets no processor"
        else:
            return None
        seconds = (now_ns - silence.since_ns) // 1_000_000_000
        self._report(f"{stage} is silent for {seconds} s and left alone: {why}")
        return silence._replace(suspected_ns=now_ns, cpu_ns=at.cpu_ns)
