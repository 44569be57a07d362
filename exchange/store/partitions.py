"""Monthly partitions: made ahead of time, detached when they are old, emptied when very old.

Who uses it: ``connection.py``. A month is a number: year x 12 + month - 1, in UTC. A partition
of a table is called ``<table>_<year>_<month>``. It is made as a table of its own and then attached,
which readers of the other months do not notice.
"""

from __future__ import annotations

import datetime
import re
from typing import NamedTuple

import numpy as np
import psycopg
from psycopg import sql

PARTITIONED = {"orders": "created_at", "trades": "executed_at", "order_events": "created_at"}
# room in each page for the next version of a row: an update then touches no index
FILL_PERCENT = {"orders": 60}
_NAME = re.compile(r"^(orders|trades|order_events)_(\d{4,6})_(\d{2})$")
NS = 1_000_000_000


def month_of(time_ns: int) -> int:
    """The month of a time in ns since 1970."""
    moment = datetime.datetime.fromtimestamp(time_ns // NS, datetime.UTC)
    return moment.year * 12 + moment.month - 1


def months_of(times_ns: np.ndarray) -> set[int]:
    """The months of some times in ns since 1970 (int64)."""
    if len(times_ns) == 0:
        return set()
    oldest, newest = int(times_ns.min()), int(times_ns.max())
    if month_of(oldest) == month_of(newest):
        return {month_of(oldest)}
    seconds = (times_ns // NS).astype("datetime64[s]")
    found = np.unique(seconds.astype("datetime64[M]").astype(np.int64)) + 1970 * 12
    return set(found.tolist())


def first_day(month: int) -> datetime.datetime:
    """The beginning of ``month``."""
    return datetime.datetime(month // 12, month % 12 + 1, 1, tzinfo=datetime.UTC)


def partition_name(table: str, month: int) -> str:
    """The name of the partition of ``table`` for ``month``."""
    return f"{table}_{month // 12:04d}_{month % 12 + 1:02d}"


class Partition(NamedTuple):
    """A partition that is attached now."""

    table: str
    month: int

    @property
    def name(self) -> str:
        return partition_name(self.table, self.month)


def attached(connection: psycopg.Connection, schema: str) -> set[Partition]:
    """The partitions of the tables in ``schema``."""
    rows = connection.execute(
        "SELECT child.relname FROM pg_inherits"
        " JOIN pg_class child ON child.oid = inhrelid"
        " JOIN pg_class parent ON parent.oid = inhparent"
        " JOIN pg_namespace n ON n.oid = parent.relnamespace"
        " WHERE n.nspname = %s AND parent.relkind = 'p'",
        [schema],
    ).fetchall()
    found = set()
    for (name,) in rows:
        match = _NAME.match(name)
        if match:
            found.add(Partition(match[1], _month(match)))
    return found


def detached(connection: psycopg.Connection, schema: str) -> set[Partition]:
    """The tables in ``schema`` that were partitions once."""
    rows = connection.execute(
        "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace"
        " WHERE nspname = %s AND relkind = 'r' AND NOT relispartition",
        [schema],
    ).fetchall()
    matches = [match for (name,) in rows if (match := _NAME.match(name))]
    return {Partition(match[1], _month(match)) for match in matches}


def _month(match: re.Match[str]) -> int:
    return int(match[2]) * 12 + int(match[3]) - 1


def create(connection: psycopg.Connection, schema: str, partition: Partition) -> None:
    """Make and attach ``partition``; one that was detached before is attached again.

    In the caller's transaction. Waits for no reader of the table.
    """
    names = {
        "schema": sql.Identifier(schema),
        "parent": sql.Identifier(partition.table),
        "child": sql.Identifier(partition.name),
        "fill": sql.Literal(FILL_PERCENT.get(partition.table, 100)),
        "first": sql.Literal(first_day(partition.month)),
        "end": sql.Literal(first_day(partition.month + 1)),
    }
    connection.execute(
        sql.SQL(
            "CREATE TABLE IF NOT EXISTS {schema}.{child} "
            "(LIKE {schema}.{parent} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING GENERATED) "
            "WITH (fillfactor = {fill})"
        ).format(**names)
    )
    connection.execute(
        sql.SQL(
            "ALTER TABLE {schema}.{parent} ATTACH PARTITION {schema}.{child} "
            "FOR VALUES FROM ({first}) TO ({end})"
        ).format(**names)
    )


def detach_before(connection: psycopg.Connection, schema: str, month: int) -> list[str]:
    """Detach all partitions older than ``month``; their names. They stay as tables of their own.

    Outside of a transaction: so nobody who reads the table has to wait.
    """
    gone = []
    for partition in sorted(attached(connection, schema)):
        if partition.month < month:
            connection.execute(
                sql.SQL("ALTER TABLE {}.{} DETACH PARTITION {} CONCURRENTLY").format(
                    sql.Identifier(schema),
                    sql.Identifier(partition.table),
                    sql.Identifier(schema, partition.name),
                )
            )
            gone.append(partition.name)
    return gone


def empty_before(connection: psycopg.Connection, schema: str, month: int) -> list[str]:
    """Remove the rows of detached partitions older than ``month``; the names of those that had any.

    The tables stay, so that a check knows that rows are missing.
    """
    emptied = []
    for partition in sorted(detached(connection, schema)):
        if partition.month >= month:
            continue
        table = sql.Identifier(schema, partition.name)
        found = connection.execute(sql.SQL("SELECT 1 FROM {} LIMIT 1").format(table)).fetchone()
        if found is not None:
            connection.execute(sql.SQL("TRUNCATE {}").format(table))
            emptied.append(partition.name)
    return emptied
