"""Follows released events on an asyncio loop, in short turns.

Who uses it: the processes api and feed. A turn begins when the journaler has written the stage's
eventfd. It reads batches for at most BUDGET_S, then lets the loop do everything else once. So
during a burst of millions of orders a request takes twice as long, but does not time out.

Listeners are called with each batch in the order in which they were added (market model, accounts,
order gateway); ``after`` at the end of each turn (the hub, which then sends what has changed).

Sleeping is the protocol of ringbuffer/idle.py: the flag, one more look, then the loop waits for the
eventfd.

Decision API-1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from exchange.core import pipeline
from exchange.core.follower import EventFollower
from ringbuffer.idle import announce_sleep, cancel_sleep

BUDGET_S = 0.005
Listener = Callable[[np.ndarray], None]


class Stage(Protocol):
    """The part of a ServiceStage (exchange/runtime/service.py) that is needed here."""

    cursors: np.ndarray
    eventfd: int
    agent: int

    def consumed(self, next_sequence: int) -> None: ...

    def intake_stopped(self) -> bool: ...

    def stopped(self) -> bool: ...


class EventPump:
    """``follower``: at the first event that the listeners do not know. ``batch_events``: a batch.

    ``lapped`` is called when the ring had overwritten events and the archive was read instead.
    """

    def __init__(
        self,
        stage: Stage,
        follower: EventFollower,
        *,
        batch_events: int,
        lapped: Callable[[], None] | None = None,
    ) -> None:
        self._stage = stage
        self._follower = follower
        self._batch_events = batch_events
        self._lapped = lapped
        self._sleeping_word = pipeline.sleeping(stage.agent)
        self._listeners: list[Listener] = []
        self._after: list[Callable[[], None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._scheduled: asyncio.Handle | None = None
        self._waiting: list[tuple[int, asyncio.Future[None]]] = []
        self.intake_stopped = asyncio.Event()
        self.stopped = asyncio.Event()
        self.failure: asyncio.Future[None] | None = None

    @property
    def next_event(self) -> int:
        """Sequence of the next event: the listeners have been given all events before it."""
        return self._follower.next_sequence

    def lag(self) -> int:
        """How many released events the listeners have not been given."""
        return max(self._follower.behind(), 0)

    def add_listener(self, listener: Listener) -> None:
        """Call ``listener`` with every batch: consecutive EVENT records, its to keep."""
        self._listeners.append(listener)

    def add_after(self, after: Callable[[], None]) -> None:
        """Call ``after`` when a turn has ended in which there were events."""
        self._after.append(after)

    def start(self) -> None:
        """Begin, on the running loop."""
        self._loop = asyncio.get_running_loop()
        self.failure = self._loop.create_future()
        self._loop.add_reader(self._stage.eventfd, self._woken)
        self._schedule()

    def close(self) -> None:
        """End. Idempotent."""
        if self._loop is not None:
            self._loop.remove_reader(self._stage.eventfd)
            if self._scheduled is not None:
                self._scheduled.cancel()
            cancel_sleep(self._stage.cursors, self._sleeping_word)
            self._loop = None

    async def reached(self, event: int) -> None:
        """Wait until every event below ``event`` has been given to the listeners."""
        if self.next_event >= event:
            return
        assert self._loop is not None
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.append((event, future))
        await future

    # --- turns --------------------------------------------------------------------------------

    def _woken(self) -> None:
        with contextlib.suppress(BlockingIOError):
            os.eventfd_read(self._stage.eventfd)
        cancel_sleep(self._stage.cursors, self._sleeping_word)
        self._schedule()

    def _schedule(self) -> None:
        if self._scheduled is None and self._loop is not None:
            self._scheduled = self._loop.call_soon(self._turn)

    def _turn(self) -> None:
        self._scheduled = None
        try:
            more = self._work()
        except Exception as error:
            # the listener would fail at the same events again: the process must end
            assert self.failure is not None
            if not self.failure.done():
                self.failure.set_exception(error)
            return
        if self._stage.intake_stopped():
            self.intake_stopped.set()
        if self._stage.stopped() and not more:
            self.stopped.set()
        if more or not self._fall_asleep():
            self._schedule()

    def _work(self) -> bool:
        """Read batches until none is left or the time is over. Returns whether there are more."""
        follower = self._follower
        end_s = time.perf_counter() + BUDGET_S
        before, laps = follower.next_sequence, follower.lapped_count
        more = False
        while True:
            batch = follower.read(self._batch_events)
            if len(batch) == 0:
                break
            for listener in self._listeners:
                listener(batch)
            if time.perf_counter() > end_s:
                more = True
                break
        if follower.next_sequence != before:
            self._stage.consumed(follower.next_sequence)
            for after in self._after:
                after()
            self._answer()
        if follower.lapped_count != laps and self._lapped is not None:
            self._lapped()
        return more

    def _answer(self) -> None:
        if not self._waiting:
            return
        next_event = self.next_event
        left = []
        for wanted, future in self._waiting:
            if wanted > next_event:
                left.append((wanted, future))
            elif not future.done():
                future.set_result(None)
        self._waiting = left

    def _fall_asleep(self) -> bool:
        """Announce that the pump sleeps, and check again. Returns whether it may sleep."""
        announce_sleep(self._stage.cursors, self._sleeping_word)
        nothing = self._follower.behind() <= 0 and (
            self._stage.stopped() == self.stopped.is_set()
            and self._stage.intake_stopped() == self.intake_stopped.is_set()
        )
        if not nothing:
            cancel_sleep(self._stage.cursors, self._sleeping_word)
        return nothing
