"""A row that Postgres refuses is a data error with a state of its own; every command says so."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psycopg
import pytest

from exchange.codes import EventKind
from exchange.core.counters import STORE_STATES, Counter
from exchange.core.pipeline import CURSOR_WORDS
from exchange.errors import ExitStatus
from exchange.records import EVENT, text_word
from exchange.runtime.health import HealthWatch
from exchange.store.check import check_database
from exchange.store.connection import ConnectionParameters
from exchange.store.errors import RowRefused
from exchange.store.postgres import EmbeddedPostgres
from exchange.store.publisher import Publisher, PublisherParameters, State
from exchange.store.rebuild import rebuild_store
from ringbuffer.counters import COUNTER_STRIDE
from tests.harness.store_world import MemoryArchive, RunningPublisher, write_archive

TWICE = (EventKind.INSTRUMENT_DEFINED, EventKind.CURRENCY_DEFINED)
EVENTS = 8


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    settings = {"fsync": "off", "shared_buffers": "32MB"}
    server = EmbeddedPostgres(Path(tmp_path_factory.mktemp("postgres")), settings=settings)
    server.start()
    yield server
    server.stop()


def twice(kind: EventKind) -> np.ndarray:
    """What a journal of an older build may contain: a name that two numbers have."""
    events = np.zeros(EVENTS, EVENT)
    events["sequence"] = np.arange(EVENTS)
    events["command_sequence"] = np.arange(EVENTS)
    events["timestamp_ns"] = 1_800_000_000_000_000_000 + np.arange(EVENTS)
    events["kind"] = EventKind.CHECKPOINT
    definitions = [("account", "", EventKind.ACCOUNT_DEFINED, 1)]
    definitions.append(("currency", "USD", EventKind.CURRENCY_DEFINED, 1))
    definitions.append(("instrument", "AAPL", EventKind.INSTRUMENT_DEFINED, 1))
    definitions += [(*each[:3], 2) for each in definitions if each[2] == kind]
    for at, (field, name, defined, number) in zip((0, 1, 3, 5), definitions, strict=False):
        event = events[at : at + 1]
        event["kind"], event["account"] = defined, 1
        if name:
            event["token_0"] = text_word(name)
            event["currency"] = 1
            for each in ("price", "quantity", "level_quantity", "contra_order_id", "remaining"):
                event[each] = 1
        event[field] = number
    return events


@pytest.mark.parametrize("kind", TWICE, ids=lambda kind: kind.name.lower())
def test_it_is_told_once_and_not_tried_without_end(
    postgres: EmbeddedPostgres, kind: EventKind, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    schema = f"data_error_{int(kind)}"
    events, parameters = twice(kind), ConnectionParameters(schema=schema)
    write_archive(tmp_path, events)
    archive = MemoryArchive(events)
    settings = PublisherParameters(
        parameters, batch_events=64, flush_s=0.0, refused_retry_s=0.01, drain_s=0.0
    )
    # in the first batch, so that what goes before it is not in the database either
    publisher = Publisher(settings, archive, conninfo=postgres.conninfo())
    with RunningPublisher(publisher, archive), caplog.at_level(logging.WARNING):
        seen = archive.await_progress(lambda each: each.state == State.ROW_REFUSED, "a data error")
        archive.await_progress(
            lambda each: each.state == State.ROW_REFUSED and each is not seen, "another look"
        )
        assert archive.progress[-1].retries == 0, "it is no outage"
    assert "duplicate key" in seen.text and "events 0 to 7" in seen.text
    told = [each.getMessage() for each in caplog.records if each.name.startswith("exchange.store")]
    assert len(told) == 1 and told[0].startswith("nothing is written to Postgres"), told

    found = check_database(tmp_path, postgres.conninfo(), schema=schema)
    assert len(found.differences) == 1 and "duplicate key" in found.differences[0], found
    with pytest.raises(RowRefused, match="duplicate key") as raised:
        rebuild_store(tmp_path, postgres.conninfo(), settings)
    assert raised.value.status == ExitStatus.ROW_REFUSED == 81


def test_what_a_person_puts_right_goes_on(postgres: EmbeddedPostgres, tmp_path: Path) -> None:
    """Somebody wrote a row of his own: it is in the way until it is gone."""
    schema = "data_error_row"
    events, parameters = (
        twice(EventKind.INSTRUMENT_DEFINED)[:5],
        ConnectionParameters(schema=schema),
    )
    write_archive(tmp_path, events)
    archive = MemoryArchive(events, 1)
    settings = PublisherParameters(parameters, batch_events=64, flush_s=0.0, refused_retry_s=0.01)
    publisher = Publisher(settings, archive, conninfo=postgres.conninfo())
    with (
        RunningPublisher(publisher, archive),
        psycopg.connect(postgres.conninfo(), autocommit=True) as connection,
    ):
        archive.await_event(1)
        connection.execute(f"SET search_path TO {schema}".encode())
        connection.execute("INSERT INTO instruments VALUES (9,'AAPL','USD',2,1,1,1,1,1,0,now())")
        archive.release(5)
        archive.await_progress(lambda each: each.state == State.ROW_REFUSED, "a data error")
        problem = connection.execute("SELECT problem FROM store_position").fetchone()
        assert problem is not None and "duplicate key" in problem[0]
        connection.execute("DELETE FROM instruments")
        archive.await_event(5)
        assert connection.execute("SELECT problem FROM store_position").fetchone() == (None,)
    assert check_database(tmp_path, postgres.conninfo(), schema=schema).differences == []


def test_a_check_of_a_database_that_is_behind_says_so(
    postgres: EmbeddedPostgres, tmp_path: Path
) -> None:
    schema = "data_error_behind"
    events, parameters = (
        twice(EventKind.INSTRUMENT_DEFINED)[:5],
        ConnectionParameters(schema=schema),
    )
    write_archive(tmp_path, events)
    archive = MemoryArchive(events, 1)
    settings = PublisherParameters(parameters, batch_events=64, flush_s=0.0)
    with RunningPublisher(Publisher(settings, archive, conninfo=postgres.conninfo()), archive):
        archive.await_event(1)
    found = check_database(tmp_path, postgres.conninfo(), schema=schema)
    assert found.differences == []
    assert found.notes == ["not compared: 4 events from 1 on are not in the database yet"]


def test_health_has_a_state_for_it(tmp_path: Path) -> None:
    assert len(STORE_STATES) == len(State) and STORE_STATES[State.ROW_REFUSED] == "data error"
    counters = np.zeros(len(Counter) * COUNTER_STRIDE + 1024, np.int64)
    cursors = np.zeros(CURSOR_WORDS, np.int64)
    watch = HealthWatch(cursors, counters, tmp_path, stale_ms=1000, lag_ms=1000)
    service = SimpleNamespace(
        ready=True, stopping=False, pump=SimpleNamespace(next_event=0, lag=lambda: 0)
    )
    assert watch.look(service).store == "off"
    counters[Counter.STORE_STATE * COUNTER_STRIDE] = State.ROW_REFUSED
    seen = watch.look(service)
    assert seen.store == "data error" and "Postgres refuses a row" in "; ".join(seen.warnings)
    assert "Postgres" not in "; ".join(seen.problems), "trading goes on"
