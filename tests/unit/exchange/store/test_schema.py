"""Migrations: applied once, in order; hypertables where TimescaleDB is."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import psycopg
import pytest
from store_tables import Expected, assert_tables, rows_in
from store_world import MemoryArchive, RunningPublisher, random_events

from exchange.records import EVENT
from exchange.store import schema as schema_module
from exchange.store.connection import ConnectionParameters
from exchange.store.partitions import PARTITIONED, Partition, attached, create, month_of
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


RECORDED = Path(__file__).resolve().parents[3] / "data" / "older_store"


@pytest.mark.parametrize("name", sorted(path.name for path in RECORDED.glob("*.tar.xz")))
def test_rows_that_an_older_version_wrote(
    name: str,
    connection: psycopg.Connection,
    connection_parameters: ConnectionParameters,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Brought up to date they are what today's version makes of the same events.

    ``tests/data/older_store/README.md`` says how they were made.
    """
    schema, known = connection_parameters.schema, migrations()
    with tarfile.open(RECORDED / name) as archive:
        files = {each.name: archive.extractfile(each).read() for each in archive}  # type: ignore[union-attr]
    events = np.frombuffer(files.pop("events"), EVENT)
    then = int(files.pop("version"))
    with monkeypatch.context() as patched:
        patched.setattr(schema_module, "migrations", lambda: known[:then])
        assert migrate(connection, schema) == then
    connection.execute("SET timezone TO 'UTC'")
    months = {month_of(int(ns)) for ns in events["timestamp_ns"]}
    for file, rows in files.items():
        table = file.removesuffix(".csv")
        for month in months:
            create(connection, schema, Partition(table, month))
        columns = io.BytesIO(rows).readline().decode().strip()
        statement = f"COPY {table} ({columns}) FROM STDIN (FORMAT csv, HEADER)"
        with connection.cursor().copy(statement.encode()) as copy:
            copy.write(rows)
    assert migrate(connection, schema) == len(known) - then > 0
    wanted = Expected(events).orders
    found = rows_in(connection, "orders", wanted[0], "id")
    assert len(found) == len(wanted) > 100
    assert [
        (left["id"], name, left[name], right[name])
        for left, right in zip(found, wanted, strict=True)
        for name in left
        if left[name] != right[name]
    ] == []
    sums = "filled_quantity + remaining_quantity + prevented_quantity + cancelled_quantity"
    wrong = f"SELECT id FROM orders WHERE quantity <> {sums} OR cancelled_quantity < 0"
    assert connection.execute(wrong.encode()).fetchall() == []
