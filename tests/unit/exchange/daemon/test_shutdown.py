"""The graceful stop: its order, and which stages it waits for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.stage_names import StageName
from exchange.daemon.shutdown import stop_gracefully
from exchange.errors import StopTimedOut
from exchange.settings import load

ROLES = (
    StageName.MATCHER,
    StageName.JOURNALER,
    StageName.ORDER_ENTRY,
    StageName.API,
    StageName.FEED_1,
    StageName.STORE,
)


class FakeChild:
    def __init__(self, role: StageName) -> None:
        self.role = role
        self.status: int | None = None

    def exit_status(self) -> int | None:
        return self.status


class Scene:
    """Stages that end when the cursors tell them to; ``stuck`` ones never do."""

    def __init__(self, stuck: tuple[StageName, ...] = ()) -> None:
        self.stages = {role: FakeChild(role) for role in ROLES}
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.stuck = stuck
        self.log: list[str] = []
        self.turns = 0
        # a command that was put in last, not yet taken by the matcher
        self.cursors[pipeline.ingress_published(IngressRing.API)] = 1

    # --- what shutdown uses of ChildProcesses and of Core ---

    def ended(self, role: StageName) -> bool:
        return self.stages[role].status is not None

    def describe_exit(self, role: StageName) -> str:
        return f"{role} ended with status {self.stages[role].status}"

    def remove(self, role: StageName) -> None:
        self.log.append(f"{role} {'ended' if self.ended(role) else 'killed'}")
        del self.stages[role]

    def set_word(self, word: int, value: int) -> None:
        self.cursors[word] = value
        self.log.append({pipeline.STOP_INTAKE: "stop intake", pipeline.STOP: "stop"}[word])

    def wait(self, condition: Callable[[], bool], what: str, deadline: float | None = None) -> None:
        for _ in range(100):
            if condition():
                return
            self.turn()
        if deadline is not None:
            raise StopTimedOut(f"timed out waiting for {what}")

    def turn(self) -> None:
        ending: tuple[StageName, ...] = ()
        if self.cursors[pipeline.STOP]:
            ending = (
                StageName.MATCHER,
                StageName.JOURNALER,
                StageName.FEED_1,
                StageName.STORE,
            )
        elif self.cursors[pipeline.STOP_INTAKE]:
            ending = (StageName.ORDER_ENTRY, StageName.API)
        for role in ending:
            if role in self.stages and role not in self.stuck:
                self.stages[role].status = 0
        if StageName.API not in self.stages:  # then the matcher takes what is left
            for word in (
                pipeline.ingress_consumed(IngressRing.API),
                pipeline.COMMAND_PUBLISHED,
                pipeline.COMMAND_APPLIED,
                pipeline.COMMAND_DURABLE,
            ):
                self.cursors[word] = 1

    def stop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        clock = iter(range(10**9))
        monkeypatch.setattr("exchange.daemon.shutdown.time.monotonic", lambda: float(next(clock)))
        scene: Any = self
        stop_gracefully(scene, scene, load(None).settings, self.wait)


def test_intake_ends_before_the_core_and_the_core_before_its_readers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scene = Scene()
    scene.stop(monkeypatch)
    assert scene.log == [
        "stop intake",
        "order_entry ended",
        "api ended",
        "stop",
        "matcher ended",
        "journaler ended",
        "feed_1 ended",
        "store ended",
    ]


def test_nothing_is_stopped_while_a_command_is_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene()
    scene.cursors[pipeline.ingress_published(IngressRing.CONTROL)] = 1  # nobody takes it
    with pytest.raises(StopTimedOut, match="everything to be durable and released"):
        scene.stop(monkeypatch)
    assert "stop" not in scene.log and StageName.MATCHER in scene.stages


@pytest.mark.parametrize("stuck", [StageName.ORDER_ENTRY, StageName.JOURNALER])
def test_order_entry_and_the_core_must_end(
    monkeypatch: pytest.MonkeyPatch, stuck: StageName
) -> None:
    with pytest.raises(StopTimedOut, match=stuck):
        Scene((stuck,)).stop(monkeypatch)


def test_the_others_are_killed_when_they_do_not_end(monkeypatch: pytest.MonkeyPatch) -> None:
    scene = Scene((StageName.API, StageName.STORE))
    scene.stop(monkeypatch)
    assert "api killed" in scene.log and "store killed" in scene.log
    assert not scene.stages, "none is left"
