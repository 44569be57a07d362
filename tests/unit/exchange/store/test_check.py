"""``exchange store check`` finds what is wrong and nothing else; ``rebuild`` puts it right."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events, write_archive

from exchange.errors import ArchiveCorrupt
from exchange.records import EVENT
from exchange.runtime.data_directory import archive_directory
from exchange.store.check import check_database
from exchange.store.connection import ConnectionParameters
from exchange.store.errors import StoreRefused
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Publisher, PublisherParameters
from exchange.store.rebuild import rebuild_store
from journal.layout import ARCHIVE_SUFFIX
from journal.segment import list_segments

COMMANDS = 4_000
pytestmark = pytest.mark.needs_jit


class World(NamedTuple):
    """A data directory, the database made of it, and what the events say."""

    directory: Path
    conninfo: str
    parameters: PublisherParameters
    events: np.ndarray

    @property
    def schema(self) -> str:
        return self.parameters.connection.schema

    def check(self) -> list[str]:
        return check_database(self.directory, self.conninfo, schema=self.schema).differences


@pytest.fixture
def world(
    tmp_path: Path,
    postgres: EmbeddedPostgres,
    connection_parameters: ConnectionParameters,
    connection: psycopg.Connection,
) -> Iterator[World]:
    """The database says what the archive says."""
    events = random_events(31, COMMANDS)
    write_archive(tmp_path, events)
    parameters = PublisherParameters(connection_parameters, batch_events=777, flush_s=0.0)
    archive = MemoryArchive(events)
    publisher = Publisher(parameters, archive, conninfo=postgres.conninfo())
    with RunningPublisher(publisher, archive):
        archive.await_event(len(events))
    yield World(tmp_path, postgres.conninfo(), parameters, events)
    connection.execute("DEALLOCATE ALL")


# what somebody has done to the tables: (statement, what the check says of it)
CHANGES = [
    ("DELETE FROM order_events WHERE sequence = 700", "order_events: sequence 700 is missing"),
    ("UPDATE order_events SET price = 1 WHERE sequence = 900", "sequence 900: price is 1"),
    ("UPDATE order_events SET details = '{}' WHERE sequence = 3", "sequence 3: details is '{}'"),
    (
        "INSERT INTO order_events SELECT sequence + 10000000, command_sequence, created_at,"
        " nanoseconds, kind FROM order_events WHERE sequence = 5",
        "order_events: ",
    ),
    ("UPDATE trades SET buyer_id = 77 WHERE id = (SELECT max(id) FROM trades)", "buyer_id is 77"),
    ("DELETE FROM trades WHERE id = (SELECT min(id) FROM trades)", "is missing"),
    (
        "UPDATE orders SET status = 'new' WHERE id = (SELECT min(id) FROM orders"
        " WHERE status = 'filled')",
        "status is 'new', the archive says 'filled'",
    ),
    (
        "UPDATE orders SET filled_quantity = 12 WHERE id = (SELECT max(id) FROM orders"
        " WHERE status = 'new')",
        "filled_quantity is 12, the archive says 0",
    ),
    ("DELETE FROM orders WHERE id = (SELECT min(id) FROM orders)", "orders: id"),
    ("UPDATE accounts SET balance = balance + 1 WHERE user_id = 1", "accounts: user_id 1"),
    ("DELETE FROM positions WHERE user_id = 1", "positions: user_id 1"),
    ("UPDATE klines_1m SET volume = 0", "klines_1m: symbol"),
    ("DELETE FROM klines_1d", "klines_1d: symbol"),
]


def test_nothing_is_wrong(world: World) -> None:
    assert world.check() == []


@pytest.mark.parametrize("statement, said", CHANGES)
def test_what_is_found(
    statement: str, said: str, world: World, connection: psycopg.Connection
) -> None:
    assert connection.execute(statement.encode()).rowcount > 0
    found = world.check()
    assert any(said in line for line in found), found
    assert len(found) <= 20


def test_rebuild_puts_it_right(world: World, connection: psycopg.Connection) -> None:
    connection.execute("UPDATE accounts SET balance = 0; DELETE FROM trades; DROP TABLE klines_1h")
    assert rebuild_store(world.directory, world.conninfo, world.parameters) == len(world.events)
    assert world.check() == []
    assert_tables(connection, Expected(world.events))
    left = connection.execute(
        "SELECT nspname FROM pg_namespace WHERE nspname LIKE %s", [world.schema + "_%"]
    ).fetchall()
    assert left == []


def test_rebuild_while_a_publisher_writes(
    world: World, postgres: EmbeddedPostgres, connection: psycopg.Connection
) -> None:
    """The stage goes on in the new tables, where they end."""
    archive = MemoryArchive(world.events)
    publisher = Publisher(world.parameters, archive, conninfo=world.conninfo)
    with RunningPublisher(publisher, archive):
        archive.await_event(len(world.events))
        rebuild_store(world.directory, world.conninfo, world.parameters, keep_old=True)
        later = world.events.copy()
        archive.events = joined(later, one_more(later))
        archive.release(len(later) + 1)
        archive.await_event(len(later) + 1)
    found = connection.execute(
        f"SELECT next_event, (SELECT next_event FROM {world.schema}_old.store_position)"
        " FROM store_position".encode()
    ).fetchone()
    assert found == (len(world.events) + 1, len(world.events))
    connection.execute(f"DROP SCHEMA {world.schema}_old CASCADE".encode())


def joined(*parts: np.ndarray) -> np.ndarray:
    """As bytes: numpy would repack a record whose fields overlap."""
    return np.concatenate([part.view(np.uint8) for part in parts]).view(EVENT)


def one_more(events: np.ndarray) -> np.ndarray:
    """An event that may follow: a checkpoint of the chain hash."""
    event = np.zeros(1, EVENT)
    event["sequence"] = len(events)
    event["kind"] = 10
    event["timestamp_ns"] = events["timestamp_ns"][-1]
    event["command_sequence"] = events["command_sequence"][-1]
    return event


def test_retention_detaches_and_the_check_knows(
    world: World, connection: psycopg.Connection, postgres: EmbeddedPostgres
) -> None:
    before = connection.execute("SELECT count(*) FROM order_events").fetchone()
    retaining = world.parameters.connection._replace(retention_months=2, months_ahead=1)
    later = one_more(world.events)
    later["timestamp_ns"] += 100 * 86_400 * 10**9
    everything = joined(world.events, later)
    archive = MemoryArchive(everything)
    parameters = world.parameters._replace(connection=retaining)
    publisher = Publisher(parameters, archive, conninfo=world.conninfo)
    with RunningPublisher(publisher, archive):
        archive.await_event(len(everything))
    assert connection.execute("SELECT count(*) FROM order_events").fetchone() == (1,)
    kept = connection.execute("SELECT count(*) FROM order_events_2023_11").fetchone()
    assert kept == before
    write_archive(world.directory, everything)
    result = check_database(world.directory, world.conninfo, schema=world.schema)
    assert result.differences == []
    assert "not compared: rows before 2024-01" in result.notes[0]
    # later still: what is detached for long gives its disk back, and stays as an empty table
    emptying = retaining._replace(drop_months=12)
    everything = joined(everything, one_more(everything))
    everything["timestamp_ns"][-1] += 300 * 86_400 * 10**9
    archive = MemoryArchive(everything)
    publisher = Publisher(
        world.parameters._replace(connection=emptying), archive, conninfo=world.conninfo
    )
    with RunningPublisher(publisher, archive):
        archive.await_event(len(everything))
    assert connection.execute("SELECT count(*) FROM order_events_2023_11").fetchone() == (0,)
    assert connection.execute("SELECT count(*) FROM order_events_2024_02").fetchone() == (1,)


def test_without_the_archives_beginning_there_is_no_check_and_no_rebuild(world: World) -> None:
    folder = archive_directory(world.directory)
    (_, oldest), *others = list_segments(folder, ARCHIVE_SUFFIX)
    assert others
    oldest.unlink()
    with pytest.raises(ArchiveCorrupt, match="a check needs all of it"):
        world.check()
    with pytest.raises(ArchiveCorrupt, match="a rebuild needs all of it"):
        rebuild_store(world.directory, world.conninfo, world.parameters)


def test_a_check_of_another_exchange(world: World) -> None:
    other = world.events.copy()
    other["timestamp_ns"][0] += 1
    write_archive(world.directory, other)
    with pytest.raises(StoreRefused, match="another exchange"):
        world.check()
