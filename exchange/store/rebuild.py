"""``exchange store rebuild``: all tables made anew from the archive, then put in place at once.

Who uses it: the command line and tests. The tables are filled in a schema of their own while the
old ones stay in use; one transaction then gives the new ones the old ones' name. A stage that is
writing finds at its next transaction that the database stands elsewhere and goes on from there
(``errors.StorePositionMoved``), so the exchange need not be stopped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import psycopg
from psycopg import sql

from exchange.store.connection import connect
from exchange.store.errors import RowRefused, StoreError
from exchange.store.offline import ArchivedEvents, need_all
from exchange.store.publisher import Progress, Publisher, PublisherParameters, State

NEW_SUFFIX = "_rebuild"
OLD_SUFFIX = "_old"
GIVE_UP_RETRIES = 5


class RebuildFailed(StoreError):
    """The tables could not be filled; the old ones are as they were."""


def rebuild_store(
    data_directory: Path,
    conninfo: str,
    parameters: PublisherParameters,
    *,
    keep_old: bool = False,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> int:
    """Fill new tables from the archive of ``data_directory`` and put them in place.

    Returns how many events they have. ``keep_old``: the old tables stay, as schema ``<name>_old``.
    ``on_progress``: gets events written and events in all. Raises psycopg.Error, StoreError
    (RowRefused: a row that the database refuses).
    """
    old = parameters.connection
    name = old.schema
    new = old._replace(schema=name + NEW_SUFFIX, retention_months=0, drop_months=0)
    with connect(conninfo, old) as connection:
        _drop(connection, new.schema)
    around = ArchivedEvents(data_directory, parameters.batch_events)
    need_all(around.archive(), "a rebuild")
    if around.end == 0:
        raise RebuildFailed(f"{data_directory}: there is no event to make rows of")

    def report(progress: Progress) -> None:
        on_progress(progress.next_event, around.end)
        if progress.state == State.ROW_REFUSED:
            raise RowRefused(f"the tables cannot be filled, the old ones stay: {progress.text}")
        if progress.state == State.REFUSED or progress.retries >= GIVE_UP_RETRIES:
            raise RebuildFailed(f"the tables cannot be filled: {progress.text}")

    around.on_progress = report
    filling = parameters._replace(connection=new, drain_s=float("inf"))
    Publisher(filling, around, conninfo=conninfo).run()
    with connect(conninfo, old) as connection:
        _swap(connection, name, keep_old=keep_old)
    return around.end


def _drop(connection: psycopg.Connection, schema: str) -> None:
    connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {} CASCADE").format(sql.Identifier(schema)))


def _swap(connection: psycopg.Connection, schema: str, *, keep_old: bool) -> None:
    """Give the new schema the old one's name; all or nothing."""
    old, rename = schema + OLD_SUFFIX, "ALTER SCHEMA {} RENAME TO {}"
    with connection.transaction():
        exists = connection.execute(
            "SELECT 1 FROM pg_namespace WHERE nspname = %s", [schema]
        ).fetchone()
        if exists:
            _drop(connection, old)
            connection.execute(sql.SQL(rename).format(sql.Identifier(schema), sql.Identifier(old)))
        connection.execute(
            sql.SQL(rename).format(sql.Identifier(schema + NEW_SUFFIX), sql.Identifier(schema))
        )
    # apart: waits for whoever still reads or writes the old tables
    if exists and not keep_old:
        _drop(connection, old)
