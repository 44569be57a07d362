"""One embedded Postgres for all tests of the store, each with a schema of its own."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from exchange.store.postgres import EmbeddedPostgres
from exchange.store.session import SessionParameters

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
def session_parameters() -> SessionParameters:
    """A schema that nobody has used."""
    return SessionParameters(schema=f"test_{next(_numbers)}", lock_timeout_ms=2_000)


@pytest.fixture
def connection(
    postgres: EmbeddedPostgres, session_parameters: SessionParameters
) -> Iterator[psycopg.Connection]:
    """A look at the database, in that schema."""
    with psycopg.connect(postgres.conninfo(), autocommit=True) as connection:
        connection.execute(f"SET search_path TO {session_parameters.schema}".encode())
        yield connection
        connection.execute(f"DROP SCHEMA IF EXISTS {session_parameters.schema} CASCADE".encode())
