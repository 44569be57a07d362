"""Agents and their runner: the duty cycle, stopping, errors, several agents in one process."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from ringbuffer.agent import EXIT_BUG, EXIT_OK, Agent, AgentRunner, pin
from ringbuffer.counters import COUNTER_STRIDE, IdleTime, idle_time_ns
from ringbuffer.idle import ASLEEP, AWAKE, Block, BusySpin

ROOT = Path(__file__).resolve().parents[3]


class Recorder:
    """An agent that gives the amounts of work it is told to, and notes what was called."""

    def __init__(self, name: str = "recorder", work=(), log: list | None = None, fail: str = ""):
        self.name = name
        self.calls: list[str] = [] if log is None else log
        self._work = list(work)
        self._fail = fail
        self.runner: AgentRunner | None = None

    def _note(self, what: str) -> None:
        self.calls.append(f"{self.name}.{what}" if self.name != "recorder" else what)
        if self._fail == what:
            raise RuntimeError(f"{what} broke")

    def on_start(self) -> None:
        self._note("start")

    def do_work(self, limit: int) -> int:
        self._note("work")
        if self._work:
            return min(limit, self._work.pop(0))
        if self.runner is not None:
            self.runner.stop()
        return 0

    def on_close(self) -> None:
        self._note("close")


class Waits(BusySpin):
    """Counts what the runner asks of a strategy that blocks."""

    blocks = True

    def __init__(self) -> None:
        self.calls: list[str] = []

    def prepare(self) -> None:
        self.calls.append("prepare")

    def wait(self) -> None:
        self.calls.append("wait")

    def resume(self) -> None:
        self.calls.append("resume")

    def interrupt(self) -> None:
        self.calls.append("interrupt")


def test_protocol():
    assert isinstance(Recorder(), Agent)


def test_start_work_close():
    agent = Recorder(work=[3, 1])
    agent.runner = AgentRunner(agent, BusySpin())
    assert agent.runner.run() == EXIT_OK
    assert agent.calls == ["start", "work", "work", "work", "close"]


def test_should_stop_is_asked_only_without_work():
    agent = Recorder(work=[5] * 10)
    asked = []

    def should_stop() -> bool:
        asked.append(len(agent.calls))
        return True

    assert AgentRunner(agent, BusySpin(), should_stop=should_stop).run() == EXIT_OK
    assert asked == [12]  # start, ten with work, the first without


def test_blocking_looks_again_after_the_announcement():
    agent, waits = Recorder(work=[0, 7, 0, 0]), Waits()
    agent.runner = AgentRunner(agent, waits)
    agent.runner.run()
    # 0: announce, 7 found: no wait. 0: announce, 0: wait. Then empty: the agent stops the runner.
    assert waits.calls == [
        "prepare", "resume", "prepare", "wait", "resume",
        "interrupt", "prepare", "interrupt", "resume",
    ]  # fmt: skip


def test_a_stop_word_set_after_the_first_look_is_seen_before_blocking():
    agent, waits = Recorder(work=[0] * 9), Waits()
    stops = iter([False])
    AgentRunner(agent, waits, should_stop=lambda: next(stops, True)).run()
    assert waits.calls == ["prepare", "resume"]


def test_spins_before_blocking():
    agent, waits = Recorder(work=[0] * 9), Waits()
    stops = iter([False] * 7)
    runner = AgentRunner(agent, waits, spins=3, should_stop=lambda: next(stops, True))
    runner.run()
    # Four empty looks, one after the announcement; twice; then the stop.
    assert waits.calls == ["prepare", "wait", "resume"]


@pytest.mark.parametrize("where", ["start", "work", "close"])
def test_an_error_is_logged_and_gives_a_status(where, caplog):
    agent = Recorder(work=[1], fail=where)
    agent.runner = AgentRunner(agent, BusySpin(), logger=logging.getLogger("test"))
    with caplog.at_level(logging.CRITICAL):
        assert agent.runner.run() == EXIT_BUG
    assert agent.calls[-1] == "close"  # whatever happened
    assert f"{where} broke" in caplog.text
    assert "Traceback" in caplog.text


def test_the_status_of_an_error_is_the_callers_choice(caplog):
    for chosen, expected in ((74, 74), (0, EXIT_BUG)):
        runner = AgentRunner(
            Recorder(fail="work"), BusySpin(), exit_status=lambda error, chosen=chosen: chosen
        )
        assert runner.run() == expected


def test_the_first_error_names_the_cause(caplog):
    class Twice(Recorder):
        def on_close(self) -> None:
            raise ValueError("closing broke too")

    statuses = {RuntimeError: 3, ValueError: 4}
    runner = AgentRunner(
        Twice(fail="work"), BusySpin(), exit_status=lambda error: statuses[type(error)]
    )
    assert runner.run() == 3


def test_blocked_runner_is_woken_and_leaves_the_flag_down():
    cursors, eventfd = np.zeros(16, np.int64), os.eventfd(1)
    try:
        agent = Recorder(work=[0, 0, 0, 5])
        block = Block(cursors, 0, eventfd, timeout_ms=1)
        agent.runner = AgentRunner(agent, block)
        assert agent.runner.run() == EXIT_OK
        assert (block.wakeups, block.timeouts) == (1, 0)
        assert cursors[0] == AWAKE != ASLEEP
    finally:
        os.close(eventfd)


def test_pin():
    before = os.sched_getaffinity(0)
    try:
        pin([min(before)])
        assert os.sched_getaffinity(0) == {min(before)}
    finally:
        os.sched_setaffinity(0, before)


def test_pinning_to_a_cpu_that_is_not_there_is_an_error(caplog):
    agent = Recorder()
    assert AgentRunner(agent, BusySpin(), cpus=[4095]).run() == EXIT_BUG
    assert "start" not in agent.calls


_STAGE = """
import os, signal, sys
import numpy as np
from ringbuffer.agent import AgentRunner
from ringbuffer.idle import Block

class Idle:
    name = "idle"
    def on_start(self):
        print("started", os.sched_getaffinity(0), flush=True)
    def do_work(self, limit):
        return 0
    def on_close(self):
        print("closed", flush=True)

eventfd = os.eventfd(0)
block = Block(np.zeros(16, np.int64), 0, eventfd, timeout_ms=600_000)
cpu = min(os.sched_getaffinity(0))
runner = AgentRunner(Idle(), block, cpus=[cpu])
for number in (signal.SIGTERM, signal.SIGINT):
    signal.signal(number, lambda *_: runner.stop())
sys.exit(runner.run())
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_by_a_signal_handler_ends_a_sleeping_stage_at_once(number):
    process = subprocess.Popen(
        [sys.executable, "-c", _STAGE],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        assert line == f"started {{{min(os.sched_getaffinity(0))}}}\n"
        process.send_signal(number)
        output, _ = process.communicate(timeout=300)  # far less than the block's timeout
        assert (process.returncode, output) == (0, "closed\n")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def test_waits_are_idle_time():
    counters = np.zeros(COUNTER_STRIDE, np.int64)
    seen = []

    class Sees(Waits):
        def wait(self) -> None:
            seen.append(int(counters[0]))

    agent = Recorder(work=[0, 0, 5, 0, 0])
    agent.runner = AgentRunner(agent, Sees(), idle_time=IdleTime(counters, 0))
    assert agent.runner.run() == EXIT_OK
    assert len(seen) == 2 and max(seen) < 0, "while it waits the word says since when"
    assert 0 < counters[0] < 10**12, "and how long it has waited afterwards"


def test_a_spinning_agent_is_idle_from_its_first_empty_cycle_to_the_last():
    counters = np.zeros(COUNTER_STRIDE, np.int64)
    idle_time = IdleTime(counters, 0)
    calls = []

    class Notes:
        def began(self, now_ns: int) -> None:
            calls.append("began")
            idle_time.began(now_ns)

        def ended(self, now_ns: int) -> None:
            calls.append("ended")
            idle_time.ended(now_ns)

    agent = Recorder(work=[4, 0, 0, 0, 4, 4, 0, 4])
    agent.runner = AgentRunner(agent, BusySpin(), idle_time=Notes())
    assert agent.runner.run() == EXIT_OK
    # the last empty cycle stops the runner in the middle of a wait
    assert calls == ["began", "ended", "began", "ended", "began"]
    assert idle_time_ns(int(counters[0]), time.monotonic_ns()) > 0
