"""One embedded Postgres for all tests of the store, each with a schema of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from store_world import MemoryArchive, RunningPublisher

from exchange.store.connection import ConnectionParameters
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Publisher, PublisherParameters

Start = Callable[..., RunningPublisher]

FAST = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_wal_size": "256MB",
}
_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A running server; nothing of it is left afterwards."""
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")), settings=FAST)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def connection_parameters() -> ConnectionParameters:
    """A schema that nobody has used."""
    return ConnectionParameters(schema=f"test_{next(_numbers)}", lock_timeout_ms=2_000)


@pytest.fixture
def connection(
    postgres: EmbeddedPostgres, connection_parameters: ConnectionParameters
) -> Iterator[psycopg.Connection]:
    """A look at the database, in that schema."""
    with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {connection_parameters.schema}".encode())
        yield connection
        connection.execute(f"DROP SCHEMA IF EXISTS {connection_parameters.schema} CASCADE".encode())


@pytest.fixture
def publish(
    postgres: EmbeddedPostgres, connection_parameters: ConnectionParameters
) -> Iterator[Start]:
    """Start a publisher of an archive; all are ended after the test."""
    running: list[RunningPublisher] = []

    def start(archive: MemoryArchive, **changes: Any) -> RunningPublisher:
        fields: dict[str, Any] = {
            "connection": connection_parameters,
            "batch_events": 997,
            "flush_s": 0.0,
            "retry_maximum_s": 0.05,
        }
        parameters = PublisherParameters(**(fields | changes))
        running.append(
            RunningPublisher(Publisher(parameters, archive, conninfo=postgres.conninfo()), archive)
        )
        return running[-1]

    yield start
    for each in running:
        each.close()
