"""The publisher: released events into Postgres, each once, whatever dies.

Who uses it: the stage ``store`` (``stages/store.py``), tests and the benchmark. Its loop reads
events, makes batches of them (``rows/encoder.py``) and gives these to a thread that writes them
(``connection.py``), so one batch is made while the one before is written. Nobody waits for the
publisher: events that the ring no longer has come from the archive, and while Postgres is away
nothing is read, so memory stays as it is.

The publisher keeps the batches that are not known to be committed, two at most. After any failure
a new connection says where the rows in the database end. If they end where the first of these
batches begins, it is written again. If they end where it ends, it was committed and only the answer
was lost. If they end anywhere else (somebody restored a backup, or a rebuild has put other tables
in place), models and names are made anew for that place.

The database decides what is written, never the clock; the flush interval only makes batches larger.

Decisions STO-3 and STO-5.
"""

from __future__ import annotations

import logging
import sys
import time
from collections import deque
from collections.abc import Callable
from enum import IntEnum
from typing import NamedTuple, Protocol

import numpy as np
import psycopg

from exchange.core.event_archive import EventArchive
from exchange.runtime.worker import Job, Worker
from exchange.store.connection import (
    ConnectionParameters,
    StoreConnection,
    StorePosition,
    exchange_id,
)
from exchange.store.errors import (
    PostgresUnavailable,
    RowRefused,
    StoreError,
    StorePositionMoved,
    StoreRefused,
)
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.rows.encoder import Batch, Encoder
from exchange.store.rows.event_rows import Definitions
from exchange.store.rows.state_rows import AccountState

log = logging.getLogger(__name__)

BEAT_S = 0.25  # the longest time without a word to the daemon
FIRST_RETRY_S = 0.05
SETTLED_S = 1.0  # between two looks whether a checkpoint is due
REFUSED_RETRY_S = 30.0
ABORT_AFTER_S = 2.0  # a stop waits this long for a statement, then cuts the connection


class State(IntEnum):
    """The state of the publisher; a counter of the stage has the number."""

    OFF = 0
    STARTING = 1
    CATCHING_UP = 2
    FOLLOWING = 3
    RETRYING = 4
    REFUSED = 5
    ROW_REFUSED = 6  # a data error: the database refuses a row


STOPPED = (State.REFUSED, State.ROW_REFUSED)  # until a person puts something right


class PublisherParameters(NamedTuple):
    """Settings of the publisher. Times in seconds.

    ``batch_events``: events in one transaction, at most. ``flush_s``: the least time from one
    transaction to the next unless a batch is full. ``drain_s``: how long a stop writes what was
    released before it. ``retry_maximum_s``: between two attempts while Postgres is away;
    ``refused_retry_s``: after a refusal.
    """

    connection: ConnectionParameters = ConnectionParameters()
    batch_events: int = 65_536
    flush_s: float = 0.05
    retry_maximum_s: float = 10.0
    refused_retry_s: float = REFUSED_RETRY_S
    drain_s: float = 10.0


class Progress(NamedTuple):
    """The publisher's progress; the numbers only grow, ``text`` says what is wrong, if anything."""

    state: State
    next_event: int  # every event below it is committed
    rows: int
    commits: int
    retries: int
    lapped: int
    text: str


class Source(Protocol):
    """Released events: exchange.core.follower.EventFollower has it.

    ``lapped_count``: how often the ring had overtaken it, and the archive had the events.
    """

    lapped_count: int

    def behind(self) -> int:
        """Number of released events that have not been read."""

    def read(self, limit: int) -> np.ndarray:
        """The next ones, at most ``limit``; a copy."""


class Surroundings(Protocol):
    """The part of the stage that the publisher needs."""

    def source(self, next_event: int) -> Source:
        """A follower of released events from ``next_event`` on."""

    def archive(self) -> EventArchive:
        """All released events."""

    def released(self) -> int:
        """Number of released events."""

    def model(self, next_event: int) -> AccountState:
        """A model that has seen no event from ``next_event`` on: new, or from a checkpoint."""

    def settled(self, state: AccountState) -> None:
        """The database stands where ``state`` does: a checkpoint may be made of it."""

    def ended(self, state: AccountState) -> None:
        """As ``settled``, at the end."""

    def should_stop(self) -> bool:
        """Whether to write what is released now and end."""

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        """Return when ``ready()`` may have become true, or after ``timeout_s``."""

    def beat(self) -> None:
        """The publisher lives."""

    def report(self, progress: Progress) -> None:
        """It has got somewhere."""


class _Opened(NamedTuple):
    """The result of opening a connection."""

    connection: StoreConnection
    position: StorePosition
    definitions: Definitions


class Publisher:
    """See the module. ``server``: the embedded one, or None; then ``conninfo`` says where it is."""

    def __init__(
        self,
        parameters: PublisherParameters,
        surroundings: Surroundings,
        *,
        server: EmbeddedPostgres | None = None,
        conninfo: str = "",
    ) -> None:
        self._parameters = parameters
        self._around = surroundings
        self._server = server
        self._conninfo = conninfo
        self._worker = Worker("store-writer")
        self._job: Job | None = None
        self._connection: StoreConnection | None = None
        self._encoder: Encoder | None = None
        self._source: Source | None = None
        self._unwritten: deque[Batch] = deque()
        self._retry_s = FIRST_RETRY_S
        self._open_at_s = 0.0
        self._written_at_s = 0.0
        self._outage_since_s = 0.0
        self._told = ""  # the refusal that the log has
        self._stop_at_s = 0.0
        self._settled_at_s = 0.0
        self._progress = Progress(State.STARTING, 0, 0, 0, 0, 0, "")

    # --- the loop -------------------------------------------------------------------------------

    def run(self) -> None:
        """Follow the events until the surroundings say stop. Ends the embedded server, too."""
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
            elif not self._make_batch(ahead=True):
                self._job.wait(BEAT_S)
        elif self._connection is None:
            self._open_or_wait()
        elif self._unwritten:
            self._write()
        elif not self._make_batch(ahead=False):
            self._idle()

    def _finished(self) -> bool:
        """Whether to end: told to, and everything released is written, or the time is over."""
        if not self._around.should_stop():
            return False
        now_s = time.monotonic()
        if not self._stop_at_s:
            self._stop_at_s = now_s + self._parameters.drain_s
        if now_s > self._stop_at_s:
            log.warning("stopped before everything was in Postgres; the next start goes on there")
            return True
        if self._connection is None and self._job is None:
            return self._progress.state in (State.RETRYING, *STOPPED)
        return (
            self._job is None
            and self._source is not None
            and not self._unwritten
            and self._source.behind() <= 0
        )

    def _idle(self) -> None:
        source = self._source
        assert source is not None
        if self._progress.state != State.FOLLOWING:
            self._become(State.FOLLOWING)
        now_s = time.monotonic()
        if self._encoder is not None and now_s - self._settled_at_s > SETTLED_S:
            self._settled_at_s = now_s
            self._around.settled(self._encoder.model)
        self._around.wait(BEAT_S, lambda: source.behind() > 0)

    # --- batches --------------------------------------------------------------------------------

    def _make_batch(self, *, ahead: bool) -> bool:
        """Make the next batch if it is time for one. ``ahead``: while another one is written."""
        source, encoder, limit = self._source, self._encoder, self._parameters.batch_events
        if source is None or encoder is None or len(self._unwritten) > 1:
            return False
        behind = source.behind()
        if behind <= 0 or (ahead and behind < limit):
            return False
        if not ahead and behind < limit and not self._around.should_stop():
            left_s = self._written_at_s + self._parameters.flush_s - time.monotonic()
            if left_s > 0:
                self._around.wait(min(left_s, BEAT_S), lambda: source.behind() >= limit)
                return True
        events = source.read(limit)
        if len(events) == 0:
            return False
        self._unwritten.append(encoder.encode(events))
        return True

    def _write(self) -> None:
        connection, batch = self._connection, self._unwritten[0]
        assert connection is not None
        self._written_at_s = time.monotonic()

        def write() -> Batch:
            connection.write(batch)
            connection.maintain(batch.month)
            return batch

        self._job = self._worker.submit(write)

    # --- results of the worker -------------------------------------------------------------------

    def _take_result(self) -> None:
        job, self._job = self._job, None
        assert job is not None
        try:
            result = job.result()
            if isinstance(result, _Opened):
                self._connection = result.connection
                self._continue_from(result)
            else:
                self._committed()
        except StoreRefused as error:
            self._refuse(error, State.REFUSED)
        except RowRefused as error:
            self._refuse(error, State.ROW_REFUSED)
        except (psycopg.Error, OSError, StoreError) as error:
            self._fail(error)

    def _committed(self) -> None:
        """The first unwritten batch is in the database."""
        batch = self._unwritten.popleft()
        assert batch.first == self._progress.next_event, "batches follow one another"
        source = self._source
        state = State.FOLLOWING
        if source is not None and source.behind() > self._parameters.batch_events:
            state = State.CATCHING_UP
        if self._outage_since_s:
            log.info(
                "Postgres is back",
                extra={"fields": {"away_s": round(time.monotonic() - self._outage_since_s, 1)}},
            )
            self._outage_since_s = 0.0
        self._retry_s = FIRST_RETRY_S
        self._told = ""
        self._progress = self._progress._replace(
            next_event=batch.end,
            rows=self._progress.rows + batch.rows,
            commits=self._progress.commits + 1,
            lapped=source.lapped_count if source is not None else 0,
        )
        self._become(state)

    def _fail(self, error: Exception) -> None:
        """An outage: close, and try again later. Logged once until it is over."""
        self._drop_connection()
        moved = isinstance(error, StorePositionMoved)
        text = " ".join(str(error).split()) or repr(error)
        if not self._outage_since_s and not moved:
            self._outage_since_s = time.monotonic()
            log.warning(
                "Postgres is away, trading goes on: %s",
                text,
                extra={"fields": {"next_event": self._progress.next_event}},
            )
        self._progress = self._progress._replace(retries=self._progress.retries + 1, text=text)
        self._become(State.RETRYING)
        self._open_at_s = time.monotonic() + (0 if moved else self._retry_s)
        self._retry_s = min(self._retry_s * 2, self._parameters.retry_maximum_s)

    def _refuse(self, error: StoreError, state: State) -> None:
        """The database must not, or cannot, be written to. It is looked at again now and then."""
        self._drop_connection()
        if self._told != str(error):
            log.error("nothing is written to Postgres: %s", error)
            self._told = str(error)
        self._outage_since_s = 0.0
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
        self._job = self._worker.submit(self._open)

    def _open(self) -> _Opened:
        """Start the server if it is ours, connect, look. In the worker's thread."""
        conninfo = self._conninfo
        if self._server is not None:
            self._server.start(self._around.should_stop)
            conninfo = self._server.conninfo()
        connection = StoreConnection(conninfo, self._parameters.connection)
        try:
            # one look: nothing may come in between
            with connection.raw.transaction():
                connection.raw.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                return _Opened(connection, connection.store_position(), connection.definitions())
        except BaseException:
            connection.close()
            raise

    def _drop_connection(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _continue_from(self, opened: _Opened) -> None:
        """Go on where the database is."""
        check_store_position(opened.position, self._around.archive(), self._around.released())
        at = opened.position.next_event
        if self._unwritten and at == self._unwritten[0].end:
            self._committed()  # and the answer was lost
        if self._encoder is not None and at == self._expected():
            return
        self._unwritten.clear()
        self._encoder = self._source = None
        self._catch_up_models(opened)

    def _expected(self) -> int:
        assert self._encoder is not None
        return self._unwritten[0].first if self._unwritten else self._encoder.next_event

    def _catch_up_models(self, opened: _Opened) -> None:
        """Models as they were when the database was written; nothing is written meanwhile."""
        at = opened.position.next_event
        model = self._around.model(at)
        archive = self._around.archive()
        self._progress = self._progress._replace(next_event=at)
        self._become(State.STARTING)
        while model.next_event < at:
            self._around.beat()
            if self._around.should_stop():
                raise PostgresUnavailable("told to stop before the models had caught up")
            events = archive.view(
                model.next_event, min(self._parameters.batch_events, at - model.next_event)
            )
            if len(events) == 0:
                raise StoreRefused(f"event {model.next_event} is not in the archive")
            model.apply(events)
            model.take_changes()
        self._encoder = Encoder(model, opened.definitions)
        self._source = self._around.source(at)

    def _close(self) -> None:
        job = self._job
        if job is not None and not job.wait(ABORT_AFTER_S) and self._connection is not None:
            self._connection.abort()
        elif self._encoder is not None and not self._unwritten and sys.exc_info()[0] is None:
            self._around.ended(self._encoder.model)
        self._job = None

        def end() -> None:
            self._drop_connection()
            if self._server is not None:
                self._server.stop()

        ended = self._worker.submit(end)
        while not ended.wait(BEAT_S):
            self._around.beat()
        self._worker.close(ABORT_AFTER_S)


def check_store_position(position: StorePosition, archive: EventArchive, released: int) -> None:
    """Whether the database belongs to this archive. Raises StoreRefused with what is wrong."""
    at = position.next_event
    if at > released:
        raise StoreRefused(
            f"the database has events up to {at - 1}, this exchange only up to {released - 1}: "
            "the data directory is older than the database. Put the newer data directory back, or "
            "let `exchange store rebuild` make the database anew"
        )
    if at == 0:
        return
    oldest = archive.oldest()
    if oldest >= at:
        raise StoreRefused(
            f"the archive begins with event {oldest}, the database ends before it: put back the "
            "segments of the archive that have left it"
        )
    # of an archive whose beginning has left it, the last event that both have must do
    if oldest == 0 and exchange_id(archive.view(0, 1).tobytes()) != position.exchange_id:
        raise StoreRefused(
            "the database belongs to another exchange (its first event differs): give this one a "
            "database of its own in [store] dsn, or let `exchange store rebuild` make it anew"
        )
    if archive.view(at - 1, 1).tobytes() != position.last_event:
        raise StoreRefused(
            f"event {at - 1} in the database differs from that in the archive: the data directory "
            "has another history since. Let `exchange store rebuild` make the database anew"
        )
