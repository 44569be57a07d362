"""The body of the stage store: writes what released events say to Postgres.

Who uses it: exchange/stages/main.py. It is ready as soon as it runs: what Postgres does must not
keep the exchange from starting.
"""

from __future__ import annotations

from collections.abc import Callable

from exchange.core.counters import Counter
from exchange.core.follower import EventFollower
from exchange.errors import ExitStatus
from exchange.runtime.channel import DaemonChannel
from exchange.runtime.service import ServiceStage
from exchange.runtime.spec import StageSpec
from exchange.runtime.updates import Updates
from exchange.store.checkpoints import Checkpoints, state_at
from exchange.store.connection import ConnectionParameters
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Progress, Publisher, PublisherParameters
from exchange.store.rows.state_rows import AccountState
from journal.archive_reader import ArchiveReader
from ringbuffer.counters import set_value

EMBEDDED = "embedded"


class StageSurroundings:
    """What the publisher needs (``publisher.Surroundings``), from the core's region."""

    def __init__(self, stage: ServiceStage) -> None:
        self._stage = stage
        self._archive = stage.archive()
        self._checkpoints = Checkpoints(
            stage.data_directory, stage.archive(), stage.settings.read_model.checkpoint_events
        )

    def source(self, next_event: int) -> EventFollower:
        return self._stage.follower(next_event)

    def archive(self) -> ArchiveReader:
        return self._archive

    def released(self) -> int:
        return self._stage.released()

    def model(self, next_event: int) -> AccountState:
        return state_at(
            self._stage.data_directory,
            self._stage.settings.store.batch_events,
            self._archive,
            next_event,
        )

    def settled(self, state: AccountState) -> None:
        self._checkpoints.settled(state)

    def ended(self, state: AccountState) -> None:
        self._checkpoints.ended(state)

    def should_stop(self) -> bool:
        return self._stage.stopped()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        self._stage.wait(timeout_s, ready)

    def beat(self) -> None:
        self._stage.heartbeat()

    def report(self, progress: Progress) -> None:
        counters = self._stage.counters
        self._stage.consumed(progress.next_event)
        for counter, value in (
            (Counter.STORE_STATE, progress.state),
            (Counter.STORE_NEXT_EVENT, progress.next_event),
            (Counter.STORE_ROWS, progress.rows),
            (Counter.STORE_COMMITS, progress.commits),
            (Counter.STORE_RETRIES, progress.retries),
            (Counter.STORE_LAPPED, progress.lapped),
        ):
            set_value(counters, int(counter), int(value))


def run(spec: StageSpec, channel: DaemonChannel, updates: Updates) -> int:
    """Run the stage. Returns its exit status."""
    stage = ServiceStage(spec, channel, updates)
    settings = stage.settings.store
    server = None
    if settings.dsn == EMBEDDED:
        server = EmbeddedPostgres(stage.data_directory, user=settings.user)
    parameters = PublisherParameters(
        connection=ConnectionParameters(
            statement_timeout_ms=settings.statement_timeout_ms,
            lock_timeout_ms=settings.lock_timeout_ms,
            months_ahead=settings.months_ahead,
            retention_months=settings.retention_months,
            drop_months=settings.drop_months,
        ),
        batch_events=settings.batch_events,
        flush_s=settings.flush_ms / 1000,
        retry_maximum_s=settings.retry_maximum_ms / 1000,
        drain_s=settings.drain_timeout_ms / 1000,
    )
    publisher = Publisher(
        parameters, StageSurroundings(stage), server=server, conninfo=settings.dsn
    )
    stage.ready()
    publisher.run()
    return ExitStatus.OK
