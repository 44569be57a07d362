"""The connector: released events into another system, each once, whatever dies.

Who uses it: the stages ``connect_<name>`` (``exchange/stages/connect.py``), tests and the
benchmark. Its loop reads released events, has the sink make batches of them, and gives these to a
thread that writes them, so one batch is made while the one before is written. Nobody waits for a
connector: events that the ring no longer has come from the archive, and while the other system is
away nothing is read, so memory stays as it is.

At most two batches are not known to be durable. After any failure the sink is opened anew and says
where its records end. If they end where the first of these batches begins, it is written again; if
they end where it ends, only the answer was lost; if they end anywhere else, everything is made anew
from there.

Decisions CON-1 and CON-2.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np

from exchange.connect.sink import (
    Batch,
    RecordRefused,
    Sink,
    SinkAway,
    SinkPosition,
    SinkRefused,
    check_position,
)
from exchange.core.counters import CONNECTOR_STATES
from exchange.core.event_archive import EventArchive
from exchange.records import EVENT
from exchange.runtime.worker import Job, Worker

log = logging.getLogger(__name__)

BEAT_S = 0.25  # the longest time without a word to the daemon
FIRST_RETRY_S = 0.1
REFUSED_RETRY_S = 30.0
DRAIN_S = 5.0
CLOSE_S = 2.0
IDLE_S = 1.0
BATCHES_AHEAD = 2


class State(IntEnum):
    """The state of a connector: an index of CONNECTOR_STATES."""

    OFF = 0
    STARTING = 1
    CATCHING_UP = 2
    FOLLOWING = 3
    RETRYING = 4
    REFUSED = 5
    RECORD_REFUSED = 6


assert len(State) == len(CONNECTOR_STATES)
STOPPED = (State.REFUSED, State.RECORD_REFUSED)  # until a person puts something right


class ConnectorParameters(NamedTuple):
    """Settings of a connector. Times in seconds.

    ``batch_events``: events in one write, at most. ``drain_s``: how long a stop writes what was
    released before it. ``retry_maximum_s``: between two attempts while the other system is away;
    ``refused_retry_s``: after a refusal. ``idle_s``: a sink that holds a state is written a batch
    without events when it has had none for so long.
    """

    batch_events: int = 16_384
    retry_maximum_s: float = 30.0
    refused_retry_s: float = REFUSED_RETRY_S
    drain_s: float = DRAIN_S
    idle_s: float = IDLE_S


class Progress(NamedTuple):
    """The connector's progress; the numbers only grow. ``text``: what is wrong, if anything."""

    state: State
    next_event: int  # every event below it is durable there
    records: int
    writes: int
    retries: int
    lapped: int
    text: str


class Source(Protocol):
    """Released events: ``exchange.core.follower.EventFollower`` has it."""

    lapped_count: int

    def behind(self) -> int:
        """Number of released events that have not been read."""

    def read(self, limit: int) -> np.ndarray:
        """The next ones, at most ``limit``; a copy."""


class Surroundings(Protocol):
    """The part of the stage that the connector needs."""

    def source(self, next_event: int) -> Source:
        """A follower of released events from ``next_event`` on."""

    def archive(self) -> EventArchive:
        """All released events."""

    def released(self) -> int:
        """Number of released events."""

    def should_stop(self) -> bool:
        """Whether to write what is released now and end."""

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        """Return when ``ready()`` may have become true, or after ``timeout_s``."""

    def beat(self) -> None:
        """The connector lives."""

    def report(self, progress: Progress) -> None:
        """It has got somewhere."""


class Connector:
    """See the module. ``sink`` is closed at the end."""

    def __init__(
        self, parameters: ConnectorParameters, surroundings: Surroundings, sink: Sink
    ) -> None:
        self._parameters = parameters
        self._around = surroundings
        self._sink = sink
        self._worker = Worker(f"write-{sink.title.lower()}")
        self._job: Job | None = None
        self._open = False
        self._begins = self._with_state = False
        self._source: Source | None = None
        self._next_event = 0  # the first event that is in no batch yet
        self._unwritten: deque[Batch] = deque()
        self._retry_s = FIRST_RETRY_S
        self._open_at_s = 0.0
        self._away_since_s = 0.0
        self._told = ""  # the refusal that the log has
        self._stop_at_s = 0.0
        self._written_at_s = 0.0
        self._progress = Progress(State.STARTING, 0, 0, 0, 0, 0, "")

    # --- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Follow the events until the surroundings say stop."""
        try:
            self._report()
            while not self._finished():
                self._around.beat()
                self._step()
        finally:
            self._close()

    def _step(self) -> None:
        """One bounded piece of work, or a wait of at most BEAT_S."""
        if self._job is not None:
            if self._job.done:
                self._take_result()
            elif not self._make_batch(full=True):
                self._job.wait(BEAT_S)
        elif not self._open:
            self._open_or_wait()
        elif self._unwritten:
            self._write()
        elif not self._make_batch(full=False):
            self._idle()

    def _finished(self) -> bool:
        """Whether to end: told to, and everything released is written, or the time is over."""
        if not self._around.should_stop():
            return False
        now_s = time.monotonic()
        if not self._stop_at_s:
            self._stop_at_s = now_s + self._parameters.drain_s
        if now_s > self._stop_at_s:
            log.warning(
                "stopped before everything was in %s; the next start goes on there",
                self._sink.title,
            )
            return True
        if not self._open and self._job is None:
            return self._progress.state in (State.RETRYING, *STOPPED)
        source = self._source
        drained = source is not None and source.behind() <= 0
        return self._job is None and drained and not self._unwritten

    def _idle(self) -> None:
        source = self._source
        assert source is not None
        if self._progress.state != State.FOLLOWING:
            self._become(State.FOLLOWING)
        idle_s = time.monotonic() - self._written_at_s
        if self._sink.begins_with_state and idle_s > self._parameters.idle_s:
            self._append(np.zeros(0, EVENT))
            return
        self._around.wait(BEAT_S, lambda: source.behind() > 0)

    # --- batches --------------------------------------------------------------------------------

    def _make_batch(self, *, full: bool) -> bool:
        """Make the next batch, if there are events. ``full``: only a full one.

        That is while another one is written: a batch grows as long as it would have to wait.
        """
        source, limit = self._source, self._parameters.batch_events
        if source is None or len(self._unwritten) >= BATCHES_AHEAD:
            return False
        behind = source.behind()
        if behind <= 0 or (full and behind < limit):
            return False
        events = source.read(limit)
        if len(events) == 0:
            return False
        self._append(events)
        return True

    def _append(self, events: np.ndarray) -> None:
        first = self._next_event
        content, records = self._sink.encode(events)
        self._next_event = first + len(events)
        self._unwritten.append(Batch(first, self._next_event, content, records))

    def _write(self) -> None:
        batch = self._unwritten[0]

        def write() -> None:
            self._sink.write(batch)

        self._job = self._worker.submit(write)

    # --- results of the worker ------------------------------------------------------------------

    def _take_result(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        try:
            result = job.result()
            if self._open:
                self._written()
            elif self._begins:
                self._begun()
            else:
                self._continue_from(result)
        except SinkRefused as error:
            refused = State.RECORD_REFUSED if isinstance(error, RecordRefused) else State.REFUSED
            self._refuse(error, refused)
        except SinkAway as error:
            self._fail(error)

    def _written(self) -> None:
        """The first unwritten batch is durable."""
        batch = self._unwritten.popleft()
        self._written_at_s = time.monotonic()
        source = self._source
        state = State.FOLLOWING
        if source is not None and source.behind() > self._parameters.batch_events:
            state = State.CATCHING_UP
        if self._away_since_s:
            away_s = round(time.monotonic() - self._away_since_s, 1)
            log.info("%s is back", self._sink.title, extra={"fields": {"away_s": away_s}})
            self._away_since_s = 0.0
        self._retry_s = FIRST_RETRY_S
        self._told = ""
        self._progress = self._progress._replace(
            next_event=batch.end,
            records=self._progress.records + batch.records,
            writes=self._progress.writes + 1,
            lapped=source.lapped_count if source is not None else 0,
        )
        self._become(state)

    def _fail(self, error: Exception) -> None:
        """An outage: close, and try again later. Logged once until it is over."""
        self._drop()
        text = " ".join(str(error).split()) or repr(error)
        if not self._away_since_s:
            self._away_since_s = time.monotonic()
            log.warning(
                "%s is away, trading goes on: %s",
                self._sink.title,
                text,
                extra={"fields": {"next_event": self._progress.next_event}},
            )
        self._progress = self._progress._replace(retries=self._progress.retries + 1, text=text)
        self._become(State.RETRYING)
        self._open_at_s = time.monotonic() + self._retry_s
        self._retry_s = min(self._retry_s * 2, self._parameters.retry_maximum_s)

    def _refuse(self, error: Exception, state: State) -> None:
        """A person must put something right. It is looked at again now and then."""
        self._drop()
        if self._told != str(error):
            log.error("nothing is written to %s: %s", self._sink.title, error)
            self._told = str(error)
        self._away_since_s = 0.0
        self._progress = self._progress._replace(text=str(error))
        self._become(state)
        self._open_at_s = time.monotonic() + self._parameters.refused_retry_s

    def _become(self, state: State) -> None:
        text = self._progress.text if state in (State.RETRYING, *STOPPED) else ""
        self._progress = self._progress._replace(state=state, text=text)
        self._report()

    def _report(self) -> None:
        self._around.report(self._progress)

    # --- connections ----------------------------------------------------------------------------

    def _open_or_wait(self) -> None:
        left_s = self._open_at_s - time.monotonic()
        if left_s > 0:
            self._around.wait(min(left_s, BEAT_S), lambda: False)
            return
        self._job = self._worker.submit(self._sink.open)

    def _drop(self) -> None:
        """Close the sink, in its thread; the job is waited for before anything else is done."""
        self._open = self._begins = False
        self._worker.submit(self._sink.close)

    def _continue_from(self, position: SinkPosition | None) -> None:
        """Go on where the sink's records end."""
        archive = self._around.archive()
        with_state = position is None and self._sink.begins_with_state
        if position is None:
            at = self._around.released() if with_state else archive.oldest()
            self._source = None  # what was made goes on where records were that are gone
            self._unwritten.clear()
        else:
            check_position(self._sink.title, position, archive, self._around.released())
            at = position.next_event
        if self._unwritten and at == self._unwritten[0].end:
            self._written()  # and the answer was lost
        expected = self._unwritten[0].first if self._unwritten else self._next_event
        if self._source is not None and at == expected:
            self._open = True
            return
        self._source = None
        self._unwritten.clear()
        self._next_event = at
        self._with_state = with_state
        self._progress = self._progress._replace(next_event=at)
        self._become(State.STARTING)
        self._begins = True
        # models and names may have a day of events to read
        self._job = self._worker.submit(lambda: self._sink.begin(at))

    def _begun(self) -> None:
        """The sink can make batches of what comes after."""
        self._begins, self._open = False, True
        self._source = self._around.source(self._next_event)
        if self._with_state:
            self._append(np.zeros(0, EVENT))
        self._become(State.CATCHING_UP)

    def _close(self) -> None:
        if self._job is None or self._job.wait(CLOSE_S):
            self._worker.submit(self._sink.close)
        self._worker.close(CLOSE_S)
