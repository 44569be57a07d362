"""One connection to Postgres: opened, checked, written to in whole batches.

Who uses it: the publisher (in its writer thread) and ``exchange store rebuild``. A connection
lives until its first error; then it is closed and another one is opened.

Invariant: a batch and the position behind it are one transaction, and the position must be where
the batch begins. So whatever fails at whatever moment, the rows of an event are there once or not
at all, and two writers cannot both write it.

Decision STO-3.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import socket
from typing import NamedTuple

import psycopg
from psycopg import sql

from exchange.store import partitions, schema
from exchange.store.errors import ROW_ERRORS, RowRefused, StorePositionMoved
from exchange.store.partitions import PARTITIONED, Partition
from exchange.store.rows.copy_format import (
    ACCOUNTS,
    HEADER,
    KLINES,
    ORDERS,
    POSITIONS,
    TRAILER,
    Rows,
    Table,
)
from exchange.store.rows.encoder import Batch
from exchange.store.rows.event_details import CurrencyRow, InstrumentRow, SessionRow
from exchange.store.rows.event_rows import Definitions

log = logging.getLogger(__name__)

SCHEMA = "exchange"
CHUNK_BYTES = 1 << 18  # sent at a time
KEYS = {
    ORDERS.name: ("id", "created_at"),
    ACCOUNTS.name: ("user_id", "currency"),
    POSITIONS.name: ("user_id", "symbol"),
} | {table.name: ("symbol", "timestamp") for table in KLINES.values()}
_KLINE_CHANGES = {
    "high": "greatest(kept.high, excluded.high)",
    "low": "least(kept.low, excluded.low)",
    "close": "excluded.close",
    "volume": "kept.volume + excluded.volume",
    "trade_count": "kept.trade_count + excluded.trade_count",
}
_TEMPORARY = (ORDERS, ACCOUNTS, POSITIONS, *KLINES.values())


class ConnectionParameters(NamedTuple):
    """Settings of a connection. Times in milliseconds, 0: no limit."""

    schema: str = SCHEMA
    statement_timeout_ms: int = 60_000
    lock_timeout_ms: int = 10_000
    months_ahead: int = 2
    retention_months: int = 0
    drop_months: int = 0


class StorePosition(NamedTuple):
    """The end of the rows in the database: the row of table ``store_position``."""

    exchange_id: bytes | None
    next_event: int
    last_event: bytes | None


def exchange_id(first_event: bytes) -> bytes:
    """The hash of an exchange's first event, which tells it from others: 32 bytes."""
    return hashlib.sha256(first_event).digest()


def merge_statement(table: Table) -> str:
    """The upsert of a batch's rows from their temporary table."""
    key = KEYS[table.name]
    if table in KLINES.values():
        changes = _KLINE_CHANGES
    else:
        changes = {name: f"excluded.{name}" for name, _ in table.columns if name not in key}
    assignments = ", ".join(f"{name} = {value}" for name, value in changes.items())
    return (
        f"INSERT INTO {table.name} AS kept ({table.names}) SELECT {table.names} "
        f"FROM batch_{table.name} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {assignments}"
    )


_MERGES = {table.name: merge_statement(table) for table in _TEMPORARY}


class StoreConnection:
    """A connection whose tables are made and whose position is known. Used by one thread.

    ``raw``: psycopg's connection, in autocommit mode.
    """

    def __init__(self, conninfo: str, parameters: ConnectionParameters) -> None:
        """Connect, migrate. Raises psycopg.Error, StoreRefused."""
        self._parameters = parameters
        self.raw = connect(conninfo, parameters)
        try:
            schema.migrate(self.raw, parameters.schema)
            schema.use_schema(self.raw, parameters.schema)
            self._native = self._is_partitioned()
            self._partitions = partitions.attached(self.raw, parameters.schema)
            for table in _TEMPORARY:
                self.raw.execute(
                    f"CREATE TEMPORARY TABLE batch_{table.name} ON COMMIT DELETE ROWS AS "
                    f"SELECT {table.names} FROM {table.name} WITH NO DATA"
                )
        except BaseException:
            self.raw.close()
            raise
        self._maintained_month = -1

    def close(self) -> None:
        """End the connection, and with it what was not committed. Idempotent."""
        with contextlib.suppress(psycopg.Error):
            self.raw.close()

    def abort(self) -> None:
        """End a statement that hangs; from another thread. The connection is of no use after it."""
        with contextlib.suppress(OSError, psycopg.Error):
            copy = socket.socket(fileno=os.dup(self.raw.fileno()))
            try:
                copy.shutdown(socket.SHUT_RDWR)
            finally:
                copy.close()

    def _is_partitioned(self) -> bool:
        row = self.raw.execute(
            "SELECT relkind = 'p' FROM pg_class WHERE oid = 'order_events'::regclass"
        ).fetchone()
        return bool(row and row[0])

    # --- where it stands ------------------------------------------------------------------------

    def store_position(self) -> StorePosition:
        """The end of the rows now."""
        row = self.raw.execute(
            "SELECT exchange_id, next_event, last_event FROM store_position"
        ).fetchone()
        assert row is not None, "the only row of store_position is missing"
        return StorePosition(*row)

    def definitions(self) -> Definitions:
        """Everything that was defined before the position."""
        epoch = "extract(epoch FROM created_at)::bigint * 1000000000"
        execute = self.raw.execute
        columns = ", ".join(InstrumentRow._fields[:-1])
        return Definitions(
            [InstrumentRow(*row) for row in execute(f"SELECT {columns}, {epoch} FROM instruments")],
            [
                SessionRow(*row)
                for row in execute(f"SELECT number, username, user_id, {epoch} FROM sessions")
            ],
            [
                CurrencyRow(*row)
                for row in execute("SELECT number, code, decimals, fee_account FROM currencies")
            ],
        )

    # --- writing --------------------------------------------------------------------------------

    def write(self, batch: Batch) -> None:
        """Write ``batch`` and move the position, or do nothing at all.

        Raises psycopg.Error, StorePositionMoved when the position is not where the batch begins,
        and RowRefused, which the database then says of itself (``store_position.problem``).
        """
        assert batch.first < batch.end, "a batch has an event"
        try:
            self._write(batch)
        except ROW_ERRORS as error:
            what = (
                f"Postgres refuses a row of the events {batch.first} to {batch.end - 1}: "
                f"{' '.join(str(error).split())}"
            )
            with contextlib.suppress(psycopg.Error):
                self.raw.execute(
                    "UPDATE store_position SET problem = %s WHERE next_event = %s",
                    [what, batch.first],
                )
            raise RowRefused(what) from None

    def _write(self, batch: Batch) -> None:
        made = set(self._partitions)
        with self.raw.transaction():
            moved = self.raw.execute(
                "UPDATE store_position SET next_event = %s, last_event = %s, updated_at = now(),"
                " problem = NULL, exchange_id = coalesce(%s, exchange_id) WHERE next_event = %s",
                [
                    batch.end,
                    batch.last_event,
                    exchange_id(batch.first_event) if batch.first == 0 else None,
                    batch.first,
                ],
            )
            if moved.rowcount != 1:
                raise StorePositionMoved(f"the database is not at event {batch.first} any more")
            if self._native:
                self._make_partitions(batch.months, made)
            if batch.definitions:
                self._write_definitions(batch.definitions)
            for table, rows in batch.copied:
                self._copy(table, table.name, rows)
            for table, rows in (*batch.merged, *batch.added):
                self._copy(table, f"batch_{table.name}", rows)
                self.raw.execute(_MERGES[table.name].encode())
        self._partitions = made

    def _copy(self, table: Table, target: str, rows: Rows) -> None:
        statement = f"COPY {target} ({table.names}) FROM STDIN (FORMAT binary)"
        with self.raw.cursor().copy(statement.encode()) as copy:
            copy.write(HEADER)
            for start in range(0, len(rows.data), CHUNK_BYTES):
                copy.write(rows.data[start : start + CHUNK_BYTES])
            copy.write(TRAILER)

    def _write_definitions(self, found: Definitions) -> None:
        cursor = self.raw.cursor()
        time = "to_timestamp(%s / 1000000) + %s %% 1000000 * interval '1 microsecond'"
        for table, rows in (("instruments", found.instruments), ("sessions", found.sessions)):
            for row in rows:
                *values, created_ns = row
                names = ", ".join(row._fields[:-1])
                places = ", ".join(["%s"] * len(values))
                created_us = created_ns // 1_000
                cursor.execute(
                    f"INSERT INTO {table} ({names}, created_at) VALUES ({places}, {time})".encode(),
                    [*values, created_us, created_us],
                )
        for currency in found.currencies:
            cursor.execute("INSERT INTO currencies VALUES (%s, %s, %s, %s)", currency)

    # --- partitions -----------------------------------------------------------------------------

    def _make_partitions(self, months: tuple[int, ...], made: set[Partition]) -> None:
        for month in months:
            for table in PARTITIONED:
                partition = Partition(table, month)
                if partition not in made:
                    partitions.create(self.raw, self._parameters.schema, partition)
                    made.add(partition)

    def maintain(self, month: int) -> None:
        """Make the partitions of the months after ``month``; detach, and empty, those too old.

        ``month``: of the newest event. To be called after every batch: does nothing in a month that
        it has seen. Raises psycopg.Error; what was not done is tried again at the next call.
        """
        if month == self._maintained_month or not self._native:
            return
        made = set(self._partitions)
        ahead = range(month, month + self._parameters.months_ahead + 1)
        with self.raw.transaction():
            self._make_partitions(tuple(ahead), made)
        self._partitions = made
        kept = self._parameters.retention_months
        if kept:
            gone = partitions.detach_before(self.raw, self._parameters.schema, month - kept + 1)
            if gone:
                log.info("detached old partitions", extra={"fields": {"tables": gone}})
            self._partitions = partitions.attached(self.raw, self._parameters.schema)
        if self._parameters.drop_months:
            oldest = month - self._parameters.drop_months + 1
            emptied = partitions.empty_before(self.raw, self._parameters.schema, oldest)
            if emptied:
                log.info("removed old rows", extra={"fields": {"tables": emptied}})
        self._maintained_month = month


def connect(conninfo: str, parameters: ConnectionParameters) -> psycopg.Connection:
    """A connection in autocommit mode with the settings of ``parameters``. Raises psycopg.Error."""
    given = psycopg.conninfo.conninfo_to_dict(conninfo)
    defaults = {
        "connect_timeout": "10",
        "application_name": "exchange-store",
        "tcp_user_timeout": str(parameters.statement_timeout_ms),
        "keepalives_idle": "10",
    }
    merged = psycopg.conninfo.make_conninfo(**(defaults | given))  # type: ignore[arg-type]
    connection = psycopg.connect(merged, autocommit=True)
    try:
        connection.execute(
            sql.SQL(
                "SELECT set_config('statement_timeout', {}, false),"
                " set_config('lock_timeout', {}, false), set_config('timezone', 'UTC', false),"
                " set_config('default_transaction_isolation', 'read committed', false)"
            ).format(
                sql.Literal(str(parameters.statement_timeout_ms)),
                sql.Literal(str(parameters.lock_timeout_ms)),
            )
        )
    except BaseException:
        connection.close()
        raise
    return connection


__all__ = [
    "ConnectionParameters",
    "StoreConnection",
    "StorePosition",
    "connect",
    "exchange_id",
    "merge_statement",
]
