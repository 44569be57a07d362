"""All child processes over one selector: specification, messages, how an end is described."""

from __future__ import annotations

import logging
import selectors
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from exchange.core.stage_names import StageName
from exchange.daemon.child_processes import ChildProcesses
from exchange.settings import load
from ringbuffer.cpu_plan import Placement
from tests.harness.spawned import Spawned

PROGRAM = """
import json, os, sys
role, parent, descriptor, nice = sys.argv[1:5]
def say(**message): os.write(int(descriptor), json.dumps(message).encode() + b"\\n")
spec = json.loads(sys.stdin.readline())
say(kind="progress", text="half")
if spec["role"] == "matcher": say(kind="ready", facts={"next_event": 5})
else: say(kind="ready", text=json.dumps([spec["facts"], spec["cpus"], spec["idle"]]))
if spec["role"] == "store": say(kind="fatal", status=74, text="disk full"); sys.exit(74)
import time; time.sleep(600)
"""


class NoListeners:
    def descriptors(self, stage: StageName) -> dict[str, int]:
        return {}


class Scene:
    """Child processes that run PROGRAM, and the selector that they are registered with."""

    def __init__(self) -> None:
        self.selector = selectors.DefaultSelector()
        self.changes = 0
        listeners: Any = NoListeners()
        self.children = ChildProcesses(
            self.selector,
            load(None),
            Path("/data"),
            starter=Spawned(PROGRAM),
            eventfds={},
            listeners=listeners,
            changed=self.count,
            rebuild_archive=False,
        )
        self.children.plan = {
            StageName.MATCHER: Placement((1,), "busy_spin"),
            StageName.API: Placement(None, "block"),
            StageName.STORE: Placement(None, "block"),
        }

    def count(self) -> None:
        self.changes += 1

    def turn_until(self, role: StageName, *, ended: bool = False) -> None:
        """Handle what the selector reports until ``role`` is ready, or has ended."""
        deadline_s = time.monotonic() + 60.0
        while not (self.children.ended(role) if ended else self.children.ready(role)):
            assert time.monotonic() < deadline_s
            for key, mask in self.selector.select(0.05):
                key.data(mask)

    def close(self) -> None:
        self.children.remove_all()
        assert not self.selector.get_map(), "nothing of them is left in the selector"
        self.selector.close()


@pytest.fixture
def scene() -> Iterator[Scene]:
    made = Scene()
    yield made
    made.close()


def test_the_matchers_facts_reach_the_stages_after_it(scene: Scene) -> None:
    children = scene.children
    for role in (StageName.MATCHER, StageName.API):
        children.launch(role)
        assert not children.ready(role)
    children.send_spec(StageName.MATCHER)
    scene.turn_until(StageName.MATCHER)
    children.send_spec(StageName.API)
    scene.turn_until(StageName.API)
    ready = children.stages[StageName.API].ready
    assert ready is not None and ready.text == '[{"next_event": 5}, [], "block"]'
    assert scene.changes == 2
    states = children.states()
    assert (states["matcher"].cpus, states["matcher"].ready) == ([1], True)


def test_progress_is_logged(scene: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    scene.children.launch(StageName.API)
    scene.children.send_spec(StageName.API)
    scene.turn_until(StageName.API)
    assert "api: half" in caplog.messages


def test_a_failure_is_described_in_the_stages_own_words(scene: Scene) -> None:
    children = scene.children
    pid = children.launch(StageName.STORE).pid
    children.send_spec(StageName.STORE)
    scene.turn_until(StageName.STORE, ended=True)
    assert not children.ready(StageName.STORE), "it was, before it ended"
    assert children.describe_exit(StageName.STORE) == (
        f"store (pid {pid}) ended with status 74: disk full"
    )
    assert children.last_message(StageName.STORE, 74) == "store: disk full"


def test_a_kill_is_described_by_its_signal(scene: Scene) -> None:
    child = scene.children.launch(StageName.API)
    child.kill()
    assert scene.children.describe_exit(StageName.API) == (
        f"api (pid {child.pid}) was killed by signal {int(signal.SIGKILL)}"
    )
    assert scene.children.last_message(StageName.API, -9) == "api: ended with status -9"


def test_a_removed_stage_is_gone(scene: Scene) -> None:
    child = scene.children.launch(StageName.API)
    scene.children.remove(StageName.API)
    assert child.exit_status() == -signal.SIGKILL
    assert not scene.children.stages and not scene.children.ready(StageName.API)
