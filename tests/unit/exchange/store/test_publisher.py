"""The publisher against what the events say, in plain Python: all rows, none twice."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable
from typing import Any

import numpy as np
import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events

from exchange.store.connection import ConnectionParameters, StoreConnection, StorePosition
from exchange.store.errors import StoreRefused
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import (
    Publisher,
    PublisherParameters,
    State,
    check_store_position,
)

SEED = 7
COMMANDS = 6_000
Start = Callable[..., RunningPublisher]
pytestmark = pytest.mark.needs_jit  # plain Python gives the same rows: test_tables.py


@pytest.fixture(scope="module")
def events() -> np.ndarray:
    return random_events(SEED, COMMANDS)


@pytest.fixture(scope="module")
def expected(events: np.ndarray) -> Expected:
    return Expected(events)


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [
        record.getMessage()
        for record in caplog.records
        if record.name.startswith("exchange.store") and record.levelno >= logging.WARNING
    ]


def test_it_follows_what_is_released_and_starts_again_where_it_stopped(
    publish: Start, connection: psycopg.Connection, events: np.ndarray, expected: Expected
) -> None:
    bounds = [0, 1, 500, 501, 2_000, len(events)]
    for before, after in itertools.pairwise(bounds):
        archive = MemoryArchive(events, before)
        with publish(archive):
            archive.await_event(before)
            archive.release(after)
            archive.await_event(after)
    assert_tables(connection, expected)


def test_connections_that_end(
    publish: Start,
    postgres: EmbeddedPostgres,
    connection: psycopg.Connection,
    events: np.ndarray,
    expected: Expected,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Sessions are ended in the middle of whatever they do; told once, and all rows come."""
    archive = MemoryArchive(events)
    with publish(archive, batch_events=200):
        for event in range(400, len(events), 400):
            archive.await_event(event)
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'exchange-store'"
            )
        archive.await_event(len(events))
    assert archive.progress[-1].retries > 0 and archive.models_made == 1
    assert_tables(connection, expected)
    assert all("Postgres is away" in line for line in warnings_of(caplog))


def test_an_answer_that_is_lost(
    publish: Start,
    connection: psycopg.Connection,
    events: np.ndarray,
    expected: Expected,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The transaction is committed and nobody hears of it: it is not written again."""
    write, calls = StoreConnection.write, []

    def lossy(self: StoreConnection, batch: Any) -> None:
        write(self, batch)
        calls.append(batch.first)
        if len(calls) % 2:
            raise psycopg.OperationalError("the connection is gone")

    monkeypatch.setattr(StoreConnection, "write", lossy)
    archive = MemoryArchive(events)
    with publish(archive):
        archive.await_event(len(events))
    assert calls == sorted(set(calls)) and archive.models_made == 1
    assert_tables(connection, expected)


def test_a_read_only_database(
    publish: Start,
    postgres: EmbeddedPostgres,
    connection: psycopg.Connection,
    events: np.ndarray,
    expected: Expected,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = MemoryArchive(events, 1_000)
    with publish(archive):
        archive.await_event(1_000)
        connection.execute("ALTER DATABASE exchange SET default_transaction_read_only = on")
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'exchange-store'"
        )
        archive.release(len(events))
        failed = archive.await_progress(lambda each: each.retries >= 4, "four failures")
        assert failed.state == State.RETRYING and failed.next_event == 1_000
        assert archive.next_event <= 1_000 + 2 * 997  # nothing piles up
        connection.execute("SET default_transaction_read_only = off")
        connection.execute("ALTER DATABASE exchange RESET default_transaction_read_only")
        archive.await_event(len(events))
    assert_tables(connection, expected)
    assert len(warnings_of(caplog)) == 1


def test_a_lock_that_somebody_holds(
    publish: Start,
    postgres: EmbeddedPostgres,
    connection_parameters: ConnectionParameters,
    connection: psycopg.Connection,
    events: np.ndarray,
    expected: Expected,
) -> None:
    archive = MemoryArchive(events, 1_000)
    with publish(archive, connection=connection_parameters._replace(lock_timeout_ms=50)):
        archive.await_event(1_000)
        with connection.transaction():
            connection.execute("LOCK TABLE positions IN ACCESS EXCLUSIVE MODE")
            archive.release(len(events))
            failed = archive.await_progress(lambda each: each.retries >= 2, "two failures")
            assert "lock timeout" in failed.text
        archive.await_event(len(events))
    assert_tables(connection, expected)


def test_somebody_else_has_written(
    publish: Start, connection: psycopg.Connection, events: np.ndarray, expected: Expected
) -> None:
    """Two publishers at once: each row once all the same."""
    one, other = MemoryArchive(events), MemoryArchive(events)
    with publish(one, batch_events=211), publish(other, batch_events=307):
        one.await_event(len(events))
        other.await_event(len(events))
    assert_tables(connection, expected)


def refused(archive: MemoryArchive) -> str:
    return archive.await_progress(lambda each: each.state == State.REFUSED, "a refusal").text


def test_a_database_that_is_ahead(
    publish: Start, events: np.ndarray, connection: psycopg.Connection
) -> None:
    archive = MemoryArchive(events, 2_000)
    with publish(archive):
        archive.await_event(2_000)
    older = MemoryArchive(events, 1_500)
    with publish(older):
        assert "the data directory is older than the database" in refused(older)
    found = connection.execute("SELECT next_event FROM store_position").fetchone()
    assert found == (2_000,)


def test_a_database_of_another_exchange(
    publish: Start, events: np.ndarray, connection: psycopg.Connection
) -> None:
    archive = MemoryArchive(events, 1_000)
    with publish(archive):
        archive.await_event(1_000)
    for index, text in ((0, "another exchange"), (999, "another history")):
        changed = events.copy()
        changed["timestamp_ns"][index] += 1
        other = MemoryArchive(changed)
        with publish(other):
            assert text in refused(other)
    assert connection.execute("SELECT count(*) FROM order_events").fetchone() == (1_000,)


def test_an_archive_whose_beginning_has_left_it(
    publish: Start, events: np.ndarray, connection: psycopg.Connection
) -> None:
    archive = MemoryArchive(events, 1_000)
    with publish(archive):
        archive.await_event(1_000)
    found = connection.execute(
        "SELECT exchange_id, next_event, last_event FROM store_position"
    ).fetchone()
    assert found is not None
    position = StorePosition(*found)
    for first, text in ((0, ""), (999, ""), (1_000, "the archive begins with event 1000")):
        later = MemoryArchive(events)
        later.first = first
        if text:
            with pytest.raises(StoreRefused, match=text):
                check_store_position(position, later, len(events))
        else:
            check_store_position(position, later, len(events))
    other = events.copy()
    other["timestamp_ns"][999] += 1
    later = MemoryArchive(other)
    later.first = 500
    with pytest.raises(StoreRefused, match="another history"):
        check_store_position(position, later, len(events))


def test_tables_of_a_newer_version(
    publish: Start, events: np.ndarray, connection: psycopg.Connection
) -> None:
    archive = MemoryArchive(events, 100)
    with publish(archive):
        archive.await_event(100)
    connection.execute("INSERT INTO schema_version (version, name) VALUES (99, 'later')")
    later = MemoryArchive(events, 200)
    with publish(later):
        assert "has version 99" in refused(later)


def test_tables_that_somebody_changed(
    publish: Start,
    events: np.ndarray,
    expected: Expected,
    connection: psycopg.Connection,
    caplog: pytest.LogCaptureFixture,
) -> None:
    archive = MemoryArchive(events, 1_000)
    with publish(archive):
        archive.await_event(1_000)
        connection.execute("ALTER TABLE orders RENAME COLUMN reason TO why")
        archive.release(len(events))
        archive.await_progress(lambda each: each.retries >= 3, "three failures")
        connection.execute("ALTER TABLE orders RENAME COLUMN why TO reason")
        archive.await_event(len(events))
    assert_tables(connection, expected)
    assert len(warnings_of(caplog)) == 1


def test_an_older_backup_is_written_on(
    publish: Start,
    postgres: EmbeddedPostgres,
    connection_parameters: ConnectionParameters,
    events: np.ndarray,
    expected: Expected,
    connection: psycopg.Connection,
) -> None:
    """The tables become older under a running publisher: it goes on there, with new models."""
    archive = MemoryArchive(events, 1_000)
    backup = connection_parameters._replace(schema=connection_parameters.schema + "_backup")
    with publish(archive, connection=backup):
        archive.await_event(1_000)
    archive = MemoryArchive(events, 3_000)
    with publish(archive):
        archive.await_event(3_000)
        with connection.transaction():
            connection.execute(f"DROP SCHEMA {connection_parameters.schema} CASCADE".encode())
            connection.execute(
                f"ALTER SCHEMA {backup.schema} RENAME TO {connection_parameters.schema}".encode()
            )
        archive.release(len(events))
        archive.await_event(len(events))
    assert archive.models_made == 2
    assert_tables(connection, expected)


def test_without_postgres(events: np.ndarray, caplog: pytest.LogCaptureFixture) -> None:
    """Nobody listens: told once, nothing is read, and it ends when it is told to."""
    archive = MemoryArchive(events)
    parameters = PublisherParameters(retry_maximum_s=0.01, drain_s=0.0)
    publisher = Publisher(parameters, archive, conninfo="host=/nonexistent dbname=exchange")
    with RunningPublisher(publisher, archive):
        archive.await_progress(lambda each: each.retries >= 10, "ten failures")
    assert archive.next_event == 0 and len(warnings_of(caplog)) == 1
