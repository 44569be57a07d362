"""``store``: how fast released events become rows, beside bare COPY of the same rows.

A day of trading in ten books (that of ``recovery``) is written to a journal and an archive. Then
the publisher, as it runs in the stage, empties that backlog into an embedded Postgres with the
product's settings (fsync on):

- ``events_per_s``: events that are committed with all that follows from them;
- ``rows_per_s``: rows of all tables, upserts included;
- ``copy_limit_rows_per_s``: bare binary COPY of the same ``order_events`` rows, encoded beforehand,
  into a table with the same columns and nothing else (no index, no partitions), as many rows in a
  transaction; ``copy_same_table_rows_per_s``: into a table with the same indexes and partitions;
- ``publisher_mib``: memory of the publisher at a tenth, at half and at the end, without the mapped
  archive; it grows until the account model has used every slot for an order once (live orders and
  two batches), then stays.

Checked: every event has its row, every trade, and the position is at the end; ``--check`` has
``exchange store check`` compare everything with the archive. ``--events 10_000_000`` is the backlog
of the requirements.
"""

from __future__ import annotations

import argparse
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import psycopg

from exchange.store.checkpoints import new_state
from exchange.store.connection import ConnectionParameters
from exchange.store.offline import ArchivedEvents
from exchange.store.partitions import Partition, create, month_of
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Progress, Publisher, PublisherParameters
from exchange.store.rows.copy_format import HEADER, ORDER_EVENTS, TRAILER, Rows
from exchange.store.rows.event_rows import StoreNames, definitions_of, event_rows
from exchange.store.schema import migrate, use_schema
from scripts.benchmarks import recovery
from scripts.benchmarks.own_exchange import DATA, own_folder
from scripts.benchmarks.result import check, progress

EVENTS_PER_COMMAND = 1.3  # about; the run says how many there were
MIB = 1 << 20


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--events", type=int, default=2_000_000, help="backlog (about)")
    parser.add_argument("--batch", type=int, default=65_536, help="events in one transaction")
    parser.add_argument("--copy-rows", type=int, default=400_000, help="rows for the bare COPY")
    parser.add_argument("--check", action="store_true", help="compare every row with the archive")
    parser.add_argument("--directory", type=Path, help="where to work (default: temporary)")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    with own_folder("exchange-store-", arguments.directory) as folder:
        data_dir = folder / DATA
        data_dir.mkdir()
        return measure(data_dir, arguments)


def measure(data_dir: Path, arguments: argparse.Namespace) -> dict[str, Any]:
    """All figures; ``data_dir`` is empty."""
    commands = max(10_000, int(arguments.events / EVENTS_PER_COMMAND))
    progress(f"a day of {commands:,} commands")
    events = int(recovery.original_run(data_dir, commands, 8_192)["next_event"])
    server = EmbeddedPostgres(data_dir)
    server.start()
    try:
        warm_up(data_dir, arguments.batch)
        progress(f"bare COPY of {arguments.copy_rows:,} rows")
        rows = encoded(data_dir, arguments.batch, arguments.copy_rows)
        limit = copy_rate(server, rows, same_table=False)
        same = copy_rate(server, rows, same_table=True)
        del rows
        progress(f"publishing {events:,} events")
        published = publish(data_dir, server, arguments.batch, events)
        check_rows(server, events, published.pop("rows"))
        result = {
            **published,
            "copy_limit_rows_per_s": limit,
            "copy_same_table_rows_per_s": same,
            "of_copy_limit": published["rows_per_s"] / limit,
            "batch_events": arguments.batch,
            "database_mib": database_size(server) / MIB,
        }
        if arguments.check:
            progress("comparing every row with the archive")
            result["check_s"] = compare(data_dir, server)
        return result
    finally:
        server.stop()


def warm_up(data_dir: Path, batch: int) -> None:
    """Have everything compiled before anything is measured."""
    around = ArchivedEvents(data_dir, batch, end=1_000)
    model = new_state(data_dir, batch)
    events = around.source(0).read(1_000)
    model.apply(events)
    model.take_changes()
    encoded(data_dir, 1_000, 1_000)


def encoded(data_dir: Path, batch: int, count: int) -> list[Rows]:
    """The first ``count`` events as rows of ``order_events``, in batches."""
    around = ArchivedEvents(data_dir, batch)
    source = around.source(0)
    names = StoreNames()
    found = []
    while count > 0 and source.behind():
        events = source.read(min(batch, count))
        names.learn(definitions_of(events, names.currencies))
        found.append(event_rows(events, names))
        count -= len(events)
    return found


def copy_rate(server: EmbeddedPostgres, rows: list[Rows], *, same_table: bool) -> float:
    """Rows a second of COPY, one transaction each of ``rows``."""
    schema = "copy_limit"
    with psycopg.connect(server.conninfo(), autocommit=True) as connection:
        connection.execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        migrate(connection, schema)
        use_schema(connection, schema)
        if same_table:
            month = month_of(recovery.MIDNIGHT_NS)
            with connection.transaction():
                create(connection, schema, Partition("order_events", month))
            target = "order_events"
        else:
            target = "bare"
            connection.execute("CREATE TABLE bare AS SELECT * FROM order_events WITH NO DATA")
        statement = f"COPY {target} ({ORDER_EVENTS.names}) FROM STDIN (FORMAT binary)"
        connection.execute("CHECKPOINT")
        started = time.perf_counter()
        for each in rows:
            with connection.cursor().copy(statement.encode()) as copy:
                copy.write(HEADER)
                copy.write(each.data)
                copy.write(TRAILER)
        seconds = time.perf_counter() - started
        connection.execute(f"DROP SCHEMA {schema} CASCADE")
        connection.execute("CHECKPOINT")
    return sum(each.number for each in rows) / seconds


def publish(data_dir: Path, server: EmbeddedPostgres, batch: int, events: int) -> dict[str, Any]:
    """Empty the backlog; what was measured."""
    process = psutil.Process()
    memory: list[tuple[int, float]] = []
    latest: list[Progress] = []

    def on_progress(found: Progress) -> None:
        used = process.memory_info()
        memory.append((found.next_event, (used.rss - used.shared) / MIB))
        latest[:] = [found]

    around = ArchivedEvents(data_dir, batch, on_progress=on_progress)
    parameters = PublisherParameters(ConnectionParameters(), batch_events=batch)
    publisher = Publisher(parameters, around, conninfo=server.conninfo())
    processor_before = process.cpu_times()
    started = time.perf_counter()
    thread = threading.Thread(target=publisher.run)
    thread.start()
    thread.join()
    seconds = time.perf_counter() - started
    used = process.cpu_times()
    done = latest[0]
    check(done.next_event == events, f"stopped at event {done.next_event:,} of {events:,}")
    check(done.retries == 0, f"{done.retries} retries: {done.text}")

    def at(share: float) -> float:
        return next(mib for event, mib in memory if event >= share * events)

    return {
        "events_per_s": events / seconds,
        "rows_per_s": done.rows / seconds,
        "events": events,
        "rows": done.rows,
        "seconds": seconds,
        "commits": done.commits,
        "publisher_processor_s": used.user + used.system - sum(processor_before[:2]),
        "publisher_mib": {"tenth": at(0.1), "half": at(0.5), "end": memory[-1][1]},
    }


def check_rows(server: EmbeddedPostgres, events: int, rows: int) -> None:
    """Count what is there."""
    with psycopg.connect(server.conninfo()) as connection:
        connection.execute("SET search_path TO exchange")
        found = connection.execute(
            "SELECT (SELECT count(*) FROM order_events), (SELECT count(*) FROM trades),"
            " (SELECT count(*) FROM order_events WHERE kind = 'trade'),"
            " (SELECT sum(trade_count) FROM klines_1d), (SELECT next_event FROM store_position)"
        ).fetchone()
    assert found is not None
    check(found[0] == events == found[4], f"{found[0]:,} rows of {events:,} events")
    check(found[1] == found[2] == found[3], f"trades: {found[1:4]}")
    check(rows >= events, f"only {rows:,} rows were written")


def database_size(server: EmbeddedPostgres) -> int:
    """Bytes of the database on the disk."""
    with psycopg.connect(server.conninfo()) as connection:
        row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def compare(data_dir: Path, server: EmbeddedPostgres) -> float:
    """Seconds of a whole comparison."""
    from exchange.store.check import check_database

    started = time.perf_counter()
    differences = check_database(data_dir, server.conninfo()).differences
    check(not differences, "\n".join(differences))
    return time.perf_counter() - started
