"""Migrations: applied once, in order; hypertables where TimescaleDB is."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events

from exchange.store.connection import ConnectionParameters
from exchange.store.partitions import PARTITIONED, attached
from exchange.store.schema import has_timescale, migrate, migrations

pytestmark = pytest.mark.needs_jit


def test_once(connection: psycopg.Connection, connection_parameters: ConnectionParameters) -> None:
    schema = connection_parameters.schema
    assert migrate(connection, schema) == len(migrations())
    assert migrate(connection, schema) == 0
    found = connection.execute("SELECT version, name FROM schema_version ORDER BY 1").fetchall()
    assert found == [(each.version, each.name) for each in migrations()]


def test_without_the_extension(connection: psycopg.Connection) -> None:
    assert not has_timescale(connection)


def test_hypertables(
    connection: psycopg.Connection,
    connection_parameters: ConnectionParameters,
    publish: Callable[..., RunningPublisher],
) -> None:
    """The extension cannot be had here: a function of its name and arguments stands for it."""
    schema = connection_parameters.schema
    connection.execute(f"CREATE SCHEMA {schema}".encode())
    connection.execute("CREATE TABLE made (relation text, time_column name, every interval)")
    connection.execute(
        "CREATE FUNCTION create_hypertable(relation regclass, time_column_name name,"
        " chunk_time_interval interval) RETURNS void LANGUAGE sql AS"
        " 'INSERT INTO made VALUES (relation::text, time_column_name, chunk_time_interval)'"
    )
    migrate(connection, schema, timescale=True)
    found = connection.execute("SELECT relation, time_column, every::text FROM made").fetchall()
    assert sorted(found) == sorted((*item, "1 mon") for item in PARTITIONED.items())
    events = random_events(7, 2_000)
    archive = MemoryArchive(events)
    with publish(archive):
        archive.await_event(len(events))
    assert attached(connection, schema) == set()
    assert_tables(connection, Expected(events))
