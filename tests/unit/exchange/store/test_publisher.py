"""The publisher against what the events say, in plain Python: all rows, none twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events

from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Publisher, PublisherParameters, State
from exchange.store.session import SessionParameters

SEED = 7
COMMANDS = 6_000


@pytest.fixture
def publish(
    postgres: EmbeddedPostgres, session_parameters: SessionParameters
) -> Callable[..., RunningPublisher]:
    """Start a publisher of an archive."""

    def start(archive: MemoryArchive, **changes: Any) -> RunningPublisher:
        fields: dict[str, Any] = {
            "session": session_parameters,
            "batch_events": 997,
            "flush_s": 0.0,
            "retry_maximum_s": 0.05,
        }
        parameters = PublisherParameters(**(fields | changes))
        publisher = Publisher(parameters, archive, conninfo=postgres.conninfo())
        return RunningPublisher(publisher, archive)

    return start


def test_all_tables(publish: Any, connection: psycopg.Connection) -> None:
    events = random_events(SEED, COMMANDS)
    archive = MemoryArchive(events)
    with publish(archive):
        archive.await_event(len(events))
    assert_tables(connection, Expected(events))
    assert archive.progress[-1].state == State.FOLLOWING
    assert archive.progress[-1].retries == 0
