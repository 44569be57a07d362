"""Stages are started by a real fork server: whose children they are, what they inherit, its end."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from exchange.core.stage_names import StageName
from exchange.daemon import stage_starter
from exchange.daemon.child_process import ChildProcess
from exchange.daemon.stage_starter import StageStarter
from exchange.errors import ExitStatus, StageFailed


class Scene:
    """A fork server and the stages that were started by it; none has its specification."""

    def __init__(self) -> None:
        self.eventfds = [os.eventfd(0, os.EFD_CLOEXEC) for _ in range(3)]
        self.starter = StageStarter(self.eventfds, 300.0)
        self.children: list[ChildProcess] = []

    def start(self, inherited: list[int], nice: int = 0) -> ChildProcess:
        child = ChildProcess(StageName.STORE, self.starter, inherited, nice)
        self.children.append(child)
        return child

    def server(self) -> psutil.Process:
        assert self.starter._server is not None
        return psutil.Process(self.starter._server.pid)

    def close(self) -> None:
        for child in self.children:
            child.close()
        self.starter.close()
        for descriptor in self.eventfds:
            os.close(descriptor)


def wait_until(condition: Callable[[], bool]) -> None:
    """Until a new process has done what it does first."""
    deadline_s = time.monotonic() + 300.0
    while not condition():
        assert time.monotonic() < deadline_s
        time.sleep(0.005)


@pytest.fixture(scope="module")
def shared() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_a_stage_is_the_daemons_own_child(shared: Scene) -> None:
    child = shared.start([])
    process = psutil.Process(child.pid)
    assert process.ppid() == os.getpid()
    assert os.getpgid(child.pid) == child.pid, "a terminal's signals do not reach it"
    wait_until(lambda: process.cmdline()[-3:] == ["-m", "exchange.stages.main", "store"])
    child.close()
    assert child.exit_status() in (-signal.SIGKILL, ExitStatus.OK)


def test_its_exit_status_is_seen(shared: Scene) -> None:
    child = shared.start([])
    os.close(child._input)  # the end of its input: it is not needed
    child._input = -1
    select.select([child.pidfd], [], [])
    assert child.exit_status() == ExitStatus.OK


def test_it_keeps_what_is_its_own(shared: Scene) -> None:
    first, second, third = shared.eventfds
    child = shared.start([first, third], nice=3)
    process = psutil.Process(child.pid)
    wait_until(lambda: process.nice() == psutil.Process().nice() + 3)
    # it waits for its specification now: its descriptors do not change any more
    held = {int(name) for name in os.listdir(f"/proc/{child.pid}/fd")}
    assert {0, 1, 2, first, third} < held
    assert second not in held
    assert len(held) == 6, "and the pipe to the daemon"


def test_its_end_harms_no_stage_and_the_next_start_makes_another(scene: Scene) -> None:
    first = scene.start([])
    server = scene.server()
    server.kill()
    assert first.wait(0.2) is None
    second = scene.start([])
    assert psutil.Process(second.pid).ppid() == os.getpid()
    assert scene.server().pid != server.pid
    assert first.exit_status() is None


def test_a_server_that_does_not_answer_is_replaced(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.start([])
    server = scene.server()
    server.suspend()
    monkeypatch.setattr(stage_starter, "ANSWER_S", 0.1)
    with pytest.raises(StageFailed, match="store cannot be started by the fork server: timed out"):
        scene.start([])
    monkeypatch.undo()
    assert scene.server().pid != server.pid
    assert scene.start([]).exit_status() is None


def test_who_asks_does_not_wait_for_the_imports(scene: Scene) -> None:
    scene.starter.begin()
    assert not scene.starter.ready(), "it needs longer than this"
    wait_until(scene.starter.ready)
    assert scene.start([]).exit_status() is None


def test_a_server_that_never_starts_is_an_error(
    scene: Scene, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(stage_starter, "PROGRAM", "exchange.stages.no_such_program")
    with pytest.raises(StageFailed, match="store cannot be started by the fork server: "):
        scene.start([])
    scene.server().wait(300)
    assert not scene.starter.ready()
    assert "the fork server has ended with status" in caplog.text


def test_nothing_is_left_open(scene: Scene) -> None:
    before = set(os.listdir("/proc/self/fd"))
    child = scene.start([])
    child.close()
    scene.starter.close()
    assert set(os.listdir("/proc/self/fd")) == before
    assert not Path(f"/proc/{child.pid}").exists()
