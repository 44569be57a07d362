"""What the stages that follow released events have in common: api, feed workers, store.

Who uses it: the bodies of these stages. They are ordinary Python programs, not agents: each follows
the event stream at its own pace, gates no ring, and sleeps on its eventfd when it has read
everything. What they report:

    progress    while they read the archive at the start; extends the time that the start may take
    ready       when they have read everything that was released at their start
    heartbeat   a counter, at least every HEARTBEAT_S; the daemon kills a stage without heartbeats
    consumed    the next event that they will read, for `exchange status` and the lag
    idle time   how long they wait for events

Decision MET-3.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import socket
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import numpy as np

from exchange.core import pipeline
from exchange.core.counters import HEARTBEATS, IDLE_TIMES, LOG_LINES_LOST
from exchange.core.follower import EventFollower
from exchange.core.region import AGENTS, RingCapacities, core_sections
from exchange.core.stage_names import StageName
from exchange.errors import ExitStatus
from exchange.records import EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.data_directory import archive_directory
from exchange.runtime.logs import lost_lines, set_level
from exchange.runtime.spec import ListenerName, StageMessage, StageSpec
from exchange.runtime.updates import Updates
from exchange.settings import Configuration, Settings
from journal.archive_reader import ArchiveReader
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import IdleTime, set_value
from ringbuffer.idle import Block
from ringbuffer.region import Region
from ringbuffer.ring import publish

HEARTBEAT_S = 0.5
PROGRESS_S = 1.0


class _Facts(msgspec.Struct, frozen=True):
    """The part of recovery.facts.EngineFacts that is needed here."""

    next_event: int


class ServiceStage:
    """One of these stages, attached to the core's region.

    ``arrays``: the region's sections by name. ``agent``: its number (core/pipeline.py). ``eventfd``
    and ``sleeping_word``: for the protocol of ringbuffer/idle.py. ``idle_time``: for its waits.
    ``on_update``: called with the settings after a reload.
    """

    def __init__(
        self, spec: StageSpec, channel: DaemonChannel, updates: Updates | None = None
    ) -> None:
        self.role = spec.role
        self.configuration: Configuration = spec.configuration
        self.settings: Settings = spec.configuration.settings
        self.data_directory = Path(spec.data_directory)
        self.eventfd = spec.eventfds[spec.role]
        self.matcher_eventfd = spec.eventfds[StageName.MATCHER]
        self.agent = AGENTS[spec.role]
        # the ring of this core holds nothing older
        self._ring_first = msgspec.json.decode(spec.facts, type=_Facts).next_event
        self._listeners = spec.listeners
        self._updates = updates or Updates()
        self.on_update: Callable[[Settings], None] = lambda settings: None
        self._channel = channel
        rings = RingCapacities(**msgspec.structs.asdict(self.settings.rings))
        self.region = Region.attach(spec.region, core_sections(rings))
        self.arrays = self.region.arrays
        self.cursors: np.ndarray = self.arrays["cursors"]
        self.counters: np.ndarray = self.arrays["counters"]
        self.sleeping_word = pipeline.sleeping(self.agent)
        self.idle_time = IdleTime(self.counters, IDLE_TIMES[spec.role])
        self._heartbeat = int(HEARTBEATS[spec.role])
        self._log_lines_lost = int(LOG_LINES_LOST[spec.role])
        self._consumed = pipeline.consumed(self.agent)
        self._progress_s = time.monotonic()
        self.released_at_start = self.released()
        os.set_blocking(self.eventfd, False)
        if spec.cpus:
            os.sched_setaffinity(0, spec.cpus)

    # --- reports ------------------------------------------------------------------------------

    def progress(self, text: str) -> None:
        """Report how far the start is; sends at most one message every PROGRESS_S."""
        now_s = time.monotonic()
        if now_s - self._progress_s >= PROGRESS_S:
            self._progress_s = now_s
            self._channel.send(StageMessage(kind="progress", text=text))

    def ready(self) -> None:
        """Report that the start is over."""
        self._channel.send(StageMessage(kind="ready"))

    def heartbeat(self) -> None:
        """Report that this process is alive; take over what a reload has changed."""
        update = self._updates.take()
        if update is not None:
            set_level(update.settings.log.level)
            self.on_update(update.settings)
        set_value(self.counters, self._heartbeat, time.monotonic_ns())
        set_value(self.counters, self._log_lines_lost, lost_lines())

    def sleep(self, idle: Block) -> None:
        """Wait as ``idle`` does, and count it as idle time."""
        self.idle_time.began(time.monotonic_ns())
        try:
            idle.wait()
        finally:
            self.idle_time.ended(time.monotonic_ns())

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        """Return when ``ready()`` may have become true, at a stop, or after ``timeout_s``."""
        idle = Block(
            self.cursors,
            self.sleeping_word,
            self.eventfd,
            timeout_ms=max(1, int(timeout_s * 1000)),
        )
        idle.prepare()
        try:
            if not ready() and not self.stopped():
                self.sleep(idle)
        finally:
            idle.resume()

    def consumed(self, next_sequence: int) -> None:
        """Report that every event below ``next_sequence`` has been processed."""
        # release: orders nothing, this cursor gates no ring
        publish(self.cursors, self._consumed, next_sequence)

    # --- the core -----------------------------------------------------------------------------

    def released(self) -> int:
        """How many events are released."""
        # acquire: the events below the cursor are in the ring or in the archive before we read them
        return load_acquire(self.cursors, pipeline.EVENT_RELEASED)

    def intake_stopped(self) -> bool:
        """Whether a graceful stop has begun: take nothing more from clients."""
        return bool(load_acquire(self.cursors, pipeline.STOP_INTAKE))

    def stopped(self) -> bool:
        """Whether the core has ended: no more events come. Follow to the last one, then end."""
        # acquire: what was released before the core ended is seen in the look that follows
        return bool(load_acquire(self.cursors, pipeline.STOP))

    def archive(self) -> ArchiveReader:
        """A reader of all released events."""
        return ArchiveReader(
            archive_directory(self.data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET
        )

    def follower(self, next_sequence: int) -> EventFollower:
        """A follower of events of every kind from ``next_sequence`` on."""
        return EventFollower(
            self.arrays["event_ring"],
            self.cursors,
            self.archive(),
            next_sequence,
            None,
            ring_first=self._ring_first,
        )

    def listener(self, name: ListenerName) -> socket.socket:
        """The listening socket ``name``, see daemon/listeners.py."""
        listener = socket.socket(fileno=self._listeners[name])
        listener.setblocking(False)
        return listener


async def _report_heartbeats(stage: ServiceStage) -> None:
    while True:
        stage.heartbeat()
        await asyncio.sleep(HEARTBEAT_S)


class _TimedSelector(selectors.EpollSelector):
    """Counts as idle time what an event loop waits for events."""

    def __init__(self, idle_time: IdleTime) -> None:
        super().__init__()
        self._idle_time = idle_time

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        self._idle_time.began(time.monotonic_ns())
        try:
            return super().select(timeout)
        finally:
            self._idle_time.ended(time.monotonic_ns())


def run_asyncio(stage: ServiceStage, body: Callable[[], Awaitable[None]]) -> int:
    """Run ``body`` in a new event loop that also reports heartbeats. Returns the exit status."""

    async def main() -> None:
        heartbeats = asyncio.create_task(_report_heartbeats(stage))
        try:
            await body()
        finally:
            heartbeats.cancel()

    def make_loop() -> asyncio.AbstractEventLoop:
        return asyncio.SelectorEventLoop(_TimedSelector(stage.idle_time))

    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(main())
    return ExitStatus.OK
