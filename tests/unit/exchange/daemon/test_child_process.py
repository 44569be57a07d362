"""A child process: its messages, its specification, its end. The child here is a small program."""

from __future__ import annotations

import contextlib
import os
import select
import signal
from collections.abc import Callable, Iterator

import msgspec
import pytest

from exchange.core.stage_names import StageName
from exchange.daemon.child_process import ChildProcess
from exchange.runtime.spec import StageSpec
from exchange.settings import load
from tests.harness.spawned import Spawned

ECHO = """
import json, os, sys
role, parent, descriptor, nice = sys.argv[1:5]
def say(**message): os.write(int(descriptor), json.dumps(message).encode() + b"\\n")
say(kind="progress", text=f"{role} {parent} {nice}")
spec = sys.stdin.readline()
if not spec: sys.exit(7)
say(kind="ready", text=json.loads(spec)["region"])
say(kind="fatal", status=74, text="disk")
sys.exit(74)
"""
SLEEP = "import time; time.sleep(600)"
Make = Callable[[str], ChildProcess]


@pytest.fixture
def make() -> Iterator[Make]:
    """``make(program)``: a ChildProcess that runs it in place of a stage."""
    started: list[ChildProcess] = []

    def make_child(program: str) -> ChildProcess:
        started.append(ChildProcess(StageName.API, Spawned(program), [], nice=3))
        return started[-1]

    yield make_child
    for child in started:
        child.close()


def wait_for_end(child: ChildProcess) -> int:
    status = child.wait(300.0)
    assert status is not None, "the child does not end"
    return status


def spec() -> StageSpec:
    return StageSpec(
        role=StageName.API,
        configuration=load(None),
        data_directory="/data",
        region="exchange-region",
        eventfds={StageName.API: 5},
        listeners={},
        cpus=[2, 3],
        idle="block",
    )


def test_messages_of_a_stage(make: Make) -> None:
    child = make(ECHO)
    assert child.ready is None and child.exit_status() is None
    before_s = child.last_message_s
    child.send(spec())
    assert child.cpus == [2, 3]
    assert wait_for_end(child) == 74
    progress, ready, fatal = child.receive()
    assert progress.text == f"api {os.getpid()} 3"
    assert child.ready is ready and ready.text == "exchange-region"
    assert child.fatal is fatal and (fatal.status, fatal.text) == (74, "disk")
    assert child.last_message_s >= before_s
    assert child.receive() == []


def test_a_message_may_come_in_pieces(make: Make) -> None:
    child = make(
        "import os, sys\n"
        "descriptor = int(sys.argv[3])\n"
        'os.write(descriptor, b\'{"kind": "rea\')\n'
        "sys.stdin.readline()\n"
        "os.write(descriptor, b'dy\"}\\n')"
    )
    select.select([child.messages_descriptor], [], [], 30.0)
    assert child.receive() == [] and child.ready is None
    child.send(spec())
    wait_for_end(child)
    assert [message.kind for message in child.receive()] == ["ready"]


def test_a_stage_that_gets_no_specification_reads_an_end(make: Make) -> None:
    child = make(ECHO)
    child.close()
    child.close()
    # it was killed, or had read the end of its input before
    assert child.exit_status() in (-signal.SIGKILL, 7)
    assert (child.pidfd, child.messages_descriptor) == (-1, -1)


def test_a_specification_for_a_stage_that_has_died_is_lost(make: Make) -> None:
    child = make("pass")
    assert wait_for_end(child) == 0
    child.send(spec())
    assert child.receive() == []


@pytest.mark.parametrize("stopped", [False, True])
def test_kill_ends_it_also_when_it_is_stopped(make: Make, stopped: bool) -> None:
    child = make(SLEEP)
    assert child.wait(0.0) is None
    if stopped:
        os.kill(child.pid, signal.SIGSTOP)
    child.kill()  # returns when it has ended
    assert child.exit_status() == -signal.SIGKILL
    with contextlib.suppress(ProcessLookupError):
        os.kill(child.pid, 0)
        pytest.fail("the process still exists")


def test_the_pidfd_tells_the_end(make: Make) -> None:
    child = make("pass")
    ended, _, _ = select.select([child.pidfd], [], [], 30.0)
    assert ended == [child.pidfd]
    assert wait_for_end(child) == 0


def test_a_specification_survives_its_encoding() -> None:
    sent = spec()
    received = msgspec.json.decode(msgspec.json.encode(sent), type=StageSpec)
    assert received == sent
    assert received.role is StageName.API and list(received.eventfds) == [StageName.API]
