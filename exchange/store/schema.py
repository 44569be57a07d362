"""The tables: made and brought up to date by numbered migrations.

Who uses it: ``connection.py`` and ``exchange store rebuild``. A migration is a file
``migrations/NNNN_name.sql``, applied once, in order, in one transaction with its row in
``schema_version``. A released migration is never changed; a change is a new one.

Where the extension TimescaleDB can be had, orders, trades and order_events become hypertables,
which partition themselves. Otherwise they are partitioned by month natively (``partitions.py``).
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import NamedTuple

import psycopg
from psycopg import sql

from exchange.store.errors import StoreRefused
from exchange.store.partitions import PARTITIONED

log = logging.getLogger(__name__)

FOLDER = Path(__file__).resolve().parent / "migrations"
_LOCK = 0x65786368  # one migrator at a time


class Migration(NamedTuple):
    """One numbered file."""

    version: int
    name: str
    text: str


def migrations() -> list[Migration]:
    """All of them, ascending."""
    found = []
    for path in sorted(FOLDER.glob("[0-9][0-9][0-9][0-9]_*.sql")):
        number, _, name = path.stem.partition("_")
        found.append(Migration(int(number), name, path.read_text()))
    assert [each.version for each in found] == list(range(1, len(found) + 1)), found
    return found


def has_timescale(connection: psycopg.Connection) -> bool:
    """Whether the extension is there, or can be made here."""
    found = connection.execute(
        "SELECT 1 FROM pg_available_extensions WHERE name = 'timescaledb'"
    ).fetchone()
    if found is None:
        return False
    try:
        with connection.transaction():
            connection.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
    except psycopg.Error as error:
        log.warning("TimescaleDB is installed and cannot be used: %s", error)
        return False
    return True


def migrate(connection: psycopg.Connection, schema: str, *, timescale: bool | None = None) -> int:
    """Make or update the tables in ``schema``. Returns how many migrations were applied.

    ``timescale``: None: when it is there. Raises StoreRefused when a newer version of the exchange
    has made the tables.
    """
    known = migrations()
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        version = _version(connection, schema)
        if version > known[-1].version:
            raise StoreRefused(
                f"schema {schema!r} has version {version}, this exchange knows versions up to "
                f"{known[-1].version}: run the newer version of the exchange"
            )
        todo = [each for each in known if each.version > version]
    if not todo:
        return 0
    if timescale is None:
        timescale = has_timescale(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])
        version = _version(connection, schema)
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        use_schema(connection, schema)
        connection.execute(
            "CREATE TABLE IF NOT EXISTS schema_version (version integer PRIMARY KEY, "
            "name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        for each in todo:
            if each.version > version:
                _apply(connection, each, timescale)
    return len(todo)


def use_schema(connection: psycopg.Connection, schema: str) -> None:
    """Have names without a schema mean ``schema``, on this connection."""
    connection.execute(sql.SQL("SET search_path TO {}, public").format(sql.Identifier(schema)))


def _version(connection: psycopg.Connection, schema: str) -> int:
    """The newest migration that was applied, 0 for none."""
    name = sql.Identifier(schema, "schema_version").as_string(connection)
    (found,) = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone() or (0,)
    if not found:
        return 0
    row = connection.execute(
        sql.SQL("SELECT coalesce(max(version), 0) FROM {}").format(
            sql.Identifier(schema, "schema_version")
        )
    ).fetchone()
    assert row is not None
    return int(row[0])


def _apply(connection: psycopg.Connection, migration: Migration, timescale: bool) -> None:
    text = migration.text
    for column in set(PARTITIONED.values()):
        clause = "" if timescale else f"PARTITION BY RANGE ({column})"
        text = text.replace(f"{{partition_by_{column}}}", clause)
    connection.execute(text.encode())
    if timescale and migration.version == 1:
        for table, column in PARTITIONED.items():
            connection.execute(
                "SELECT create_hypertable(%s::regclass, %s::name, "
                "chunk_time_interval => interval '1 month')",
                [table, column],
            )
    connection.execute(
        "INSERT INTO schema_version (version, name) VALUES (%s, %s)",
        [migration.version, migration.name],
    )
