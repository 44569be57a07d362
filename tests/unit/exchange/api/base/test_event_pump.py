"""The event stream on a loop: everything once, in order, in turns, and no wake-up lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import numpy as np
import pytest

from exchange.api.base import event_pump as module
from exchange.api.base.event_pump import EventPump
from exchange.core import pipeline
from exchange.core.follower import EventFollower
from exchange.records import EVENT
from ringbuffer.idle import wake

CAPACITY = 256
SLEEPING = pipeline.sleeping(pipeline.AGENT_API)


class Stage:
    """The core as a stage sees it; ``release`` plays the journaler."""

    agent = pipeline.AGENT_API

    def __init__(self) -> None:
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.ring = np.zeros(CAPACITY, EVENT)
        self.archive = np.zeros(100_000, EVENT)
        self.archive["sequence"] = np.arange(len(self.archive))
        self.eventfd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.end = 0
        self.said = 0

    def view(self, first: int, count: int) -> np.ndarray:
        return self.archive[first : min(first + count, self.end)]

    def release(self, count: int) -> None:
        for sequence in range(self.end, self.end + count):
            self.ring["sequence"][sequence % CAPACITY] = sequence
        self.end += count
        self.cursors[pipeline.EVENT_PUBLISHED] = self.end
        self.cursors[pipeline.EVENT_RELEASED] = self.end
        self.wake()

    def set_word(self, word: int) -> None:
        self.cursors[word] = 1
        self.wake()

    def wake(self) -> None:
        wake(self.cursors, SLEEPING, self.eventfd)

    def consumed(self, next_sequence: int) -> None:
        self.said = next_sequence

    def intake_stopped(self) -> bool:
        return bool(self.cursors[pipeline.STOP_INTAKE])

    def stopped(self) -> bool:
        return bool(self.cursors[pipeline.STOP])

    def pump(self, batch_events: int = 64, **arguments: Any) -> EventPump:
        follower = EventFollower(self.ring, self.cursors, self, 0, None)
        return EventPump(self, follower, batch_events=batch_events, **arguments)


@pytest.fixture
def stage() -> Iterator[Stage]:
    made = Stage()
    yield made
    os.close(made.eventfd)


def run(
    pump: EventPump, body: Callable[[], Coroutine[Any, Any, None]], limit_s: float = 300.0
) -> None:
    """Run ``body`` while the pump runs."""

    async def main() -> None:
        pump.start()
        try:
            await asyncio.wait_for(body(), limit_s)
        finally:
            pump.close()

    asyncio.run(main())


@pytest.mark.parametrize("step", [1, 50, 1_000])
def test_every_event_once_in_order(stage: Stage, step: int) -> None:
    seen: list[int] = []
    order: list[str] = []
    pump = stage.pump()
    pump.add_listener(lambda events: seen.extend(events["sequence"].tolist()))
    pump.add_listener(lambda events: order.append("second"))
    pump.add_after(lambda: order.append("after"))

    async def body() -> None:
        while stage.end < 5_000:
            stage.release(step)
            await pump.reached(stage.end)
            assert pump.lag() == 0 and stage.said == stage.end

    run(pump, body)
    assert seen == list(range(stage.end))
    assert order[:2] == ["second", "after"] or step > 64
    assert order[-1] == "after"


def test_it_sleeps_and_is_woken(stage: Stage) -> None:
    pump = stage.pump()

    async def asleep() -> None:
        while not stage.cursors[SLEEPING]:
            await asyncio.sleep(0)

    async def body() -> None:
        for _ in range(100):
            await asyncio.wait_for(asleep(), 120.0)
            stage.release(1)
            await pump.reached(stage.end)

    run(pump, body)
    assert not stage.cursors[SLEEPING], "nobody wakes a pump that is closed"


def test_a_burst_leaves_the_loop_to_others(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET_S", 0.0)  # one batch in one turn
    pump = stage.pump(batch_events=16)
    turns = 0

    async def body() -> None:
        nonlocal turns
        stage.release(160)
        while pump.lag():
            turns += 1
            await asyncio.sleep(0)

    run(pump, body)
    assert 9 <= turns <= 24


def test_lapped_it_reads_the_archive_and_says_so(stage: Stage) -> None:
    laps: list[int] = []
    seen: list[int] = []
    pump = stage.pump(lapped=lambda: laps.append(1))
    pump.add_listener(lambda events: seen.extend(events["sequence"].tolist()))

    async def body() -> None:
        stage.release(10 * CAPACITY)
        await pump.reached(stage.end)
        assert laps
        laps.clear()
        stage.release(10)
        await pump.reached(stage.end)

    run(pump, body)
    assert seen == list(range(stage.end)) and not laps


@pytest.mark.parametrize("word", [pipeline.STOP_INTAKE, pipeline.STOP])
def test_the_daemon_s_words(stage: Stage, word: int) -> None:
    pump = stage.pump()

    async def body() -> None:
        event = pump.stopped if word == pipeline.STOP else pump.intake_stopped
        stage.release(5)
        await pump.reached(5)
        assert not event.is_set()
        while not stage.cursors[SLEEPING]:
            await asyncio.sleep(0)
        stage.set_word(word)
        await event.wait()

    run(pump, body)


def test_stopped_means_that_all_was_seen(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BUDGET_S", 0.0)
    pump = stage.pump(batch_events=1)
    seen: list[int] = []
    pump.add_listener(lambda events: seen.extend(events["sequence"].tolist()))
    stage.release(100)
    stage.set_word(pipeline.STOP)

    async def body() -> None:
        await pump.stopped.wait()
        assert seen == list(range(100))

    run(pump, body)


def test_what_a_listener_cannot_take_is_the_end(stage: Stage) -> None:
    pump = stage.pump()

    def refuse(events: np.ndarray) -> None:
        raise ValueError("an event is missing")

    pump.add_listener(refuse)

    async def body() -> None:
        stage.release(1)
        assert pump.failure is not None
        with pytest.raises(ValueError, match="an event is missing"):
            await pump.failure

    run(pump, body)
