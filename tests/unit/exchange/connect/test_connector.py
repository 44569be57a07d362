"""The connector's loop: every event once, in order, whatever the other system does."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

import numpy as np
import pytest
from memory_sink import MemorySink, RunningConnector
from store_world import MemoryArchive

from exchange.connect.connector import State
from exchange.connect.sink import SinkPosition, exchange_identity
from exchange.records import EVENT

EVENTS = 1_000


@pytest.fixture
def events() -> np.ndarray:
    made = np.zeros(EVENTS, EVENT)
    made["sequence"] = np.arange(EVENTS)
    made["kind"] = 1
    return made


def wait_for(archive: MemoryArchive, reached: Callable[[MemoryArchive], bool]) -> None:
    with archive._changed:
        assert archive._changed.wait_for(lambda: reached(archive), 60.0)


def states(archive: MemoryArchive) -> set[State]:
    return {progress.state for progress in archive.progress}


def told(caplog: pytest.LogCaptureFixture, level: int) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == level]


def test_an_empty_sink_gets_every_event_once_and_in_order(events: np.ndarray) -> None:
    archive, sink = MemoryArchive(events, 0), MemorySink()
    with RunningConnector(archive, sink, batch_events=64):
        archive.release(300)
        sink.wait_for(300)
        archive.release(EVENTS)
        sink.wait_for(EVENTS)
    assert sink.sequences == list(range(EVENTS))
    last = archive.progress[-1]
    assert (last.next_event, last.records, last.retries) == (EVENTS, EVENTS, 0)
    assert sink.closed >= 1


def test_a_stop_writes_what_was_released_before_it(events: np.ndarray) -> None:
    archive, sink = MemoryArchive(events), MemorySink()
    with RunningConnector(archive, sink, batch_events=64):
        sink.wait_for(1)
    assert sink.sequences == list(range(EVENTS))


def test_a_restart_goes_on_where_the_sink_says(events: np.ndarray) -> None:
    archive, sink = MemoryArchive(events, 400), MemorySink()
    with RunningConnector(archive, sink, batch_events=64):
        sink.wait_for(400)
    archive.release(EVENTS)
    with RunningConnector(archive, sink, batch_events=64):
        sink.wait_for(EVENTS)
    assert sink.sequences == list(range(EVENTS))
    assert sink.begun == [0, 400]


@pytest.mark.parametrize("there", [False, True])
def test_a_write_that_fails_is_neither_lost_nor_made_twice(events: np.ndarray, there: bool) -> None:
    """Whether the batch had arrived before the connection was lost, or not."""
    archive, sink = MemoryArchive(events), MemorySink()
    sink.fail_at = {2: there, 3: there, 5: there}
    with RunningConnector(archive, sink, batch_events=100):
        sink.wait_for(EVENTS)
    assert sink.sequences == list(range(EVENTS))
    assert archive.progress[-1].retries == 3
    assert archive.progress[-1].records == EVENTS
    assert sink.begun == [0]  # nothing is made anew


def test_a_sink_that_is_set_back_is_given_the_rest_again(events: np.ndarray) -> None:
    """Somebody restored a backup of the other system."""
    archive, sink = MemoryArchive(events, 600), MemorySink()
    with RunningConnector(archive, sink, batch_events=100):
        sink.wait_for(600)
        with sink.changed:
            del sink.sequences[250:]
            sink.position = SinkPosition(250)
        sink.fail_at = {sink.writes + 1: False}
        archive.release(EVENTS)
        sink.wait_for(EVENTS)
    assert sink.sequences == list(range(EVENTS))
    assert sink.begun == [0, 250]


def test_an_outage_is_told_once_and_its_end_too(
    events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    archive, sink = MemoryArchive(events, 100), MemorySink()
    sink.away = True
    with RunningConnector(archive, sink, batch_events=64), caplog.at_level(logging.INFO):
        wait_for(archive, lambda a: bool(a.progress) and a.progress[-1].retries >= 3)
        assert archive.progress[-1].state == State.RETRYING
        assert archive.progress[-1].text == "nobody answers"
        sink.away = False
        sink.wait_for(100)
        wait_for(archive, lambda a: a.progress[-1].state == State.FOLLOWING)
    assert told(caplog, logging.WARNING) == ["Memory is away, trading goes on: nobody answers"]
    assert "Memory is back" in told(caplog, logging.INFO)
    assert sink.sequences == list(range(100))


def test_a_refusal_is_told_once_and_looked_at_again(
    events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    archive, sink = MemoryArchive(events, 100), MemorySink()
    sink.refusal = "wrong password"
    with RunningConnector(archive, sink, batch_events=64), caplog.at_level(logging.WARNING):
        wait_for(archive, lambda _: sink.opened >= 3)
        assert states(archive) == {State.STARTING, State.REFUSED}
        sink.refusal = ""
        sink.wait_for(100)
    assert told(caplog, logging.ERROR) == ["nothing is written to Memory: wrong password"]


def test_records_of_another_exchange_are_left_alone(
    events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    archive, sink = MemoryArchive(events), MemorySink()
    sink.position = SinkPosition(10, "of another one")
    with RunningConnector(archive, sink, batch_events=64):
        wait_for(archive, lambda a: State.REFUSED in states(a))
    assert sink.writes == 0
    assert "are of another exchange (of another one" in told(caplog, logging.ERROR)[0]


def test_a_sink_that_is_ahead_of_the_exchange_is_left_alone(
    events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    archive, sink = MemoryArchive(events, 100), MemorySink()
    sink.position = SinkPosition(101, exchange_identity(archive))
    with RunningConnector(archive, sink, batch_events=64):
        wait_for(archive, lambda a: State.REFUSED in states(a))
    assert sink.writes == 0
    assert "the data directory is older than Memory's records" in told(caplog, logging.ERROR)[0]


def test_an_empty_sink_of_state_begins_with_what_is_now(events: np.ndarray) -> None:
    archive, sink = MemoryArchive(events, 700), MemorySink(begins_with_state=True)
    with RunningConnector(archive, sink, batch_events=64):
        wait_for(archive, lambda a: State.FOLLOWING in states(a))
        archive.release(EVENTS)
        sink.wait_for(EVENTS)
    assert sink.begun == [700]
    assert sink.sequences == list(range(700, EVENTS))


def empty(archive: MemoryArchive, sink: MemorySink) -> None:
    """Take the sink's state away while nobody is writing; then it is there again."""
    sink.away = True
    wait_for(archive, lambda a: a.progress[-1].state == State.RETRYING)
    sink.position = None


def test_a_sink_of_state_is_looked_at_without_events_too(events: np.ndarray) -> None:
    """Its state is gone although nothing happens: it is noticed, and made anew."""
    archive, sink = MemoryArchive(events, 700), MemorySink(begins_with_state=True)
    with RunningConnector(archive, sink, batch_events=64):
        sink.wait_for(700)
        wait_for(archive, lambda a: a.progress[-1].writes > 3)
        empty(archive, sink)
        sink.away = False
        sink.wait_for(700)
        archive.release(EVENTS)
        sink.wait_for(EVENTS)
    assert sink.begun == [700, 700]
    assert sink.sequences == list(range(700, EVENTS))


def test_what_was_made_before_a_state_was_gone_is_not_written(events: np.ndarray) -> None:
    """Not even when a batch ends where the state of now begins: it was not there."""
    archive, sink = MemoryArchive(events, 700), MemorySink(begins_with_state=True)
    with RunningConnector(archive, sink, batch_events=1_000):
        sink.wait_for(700)
        sink.fail_at = {sink.writes + more: False for more in range(1, 20)}
        archive.release(EVENTS)
        empty(archive, sink)
        sink.fail_at, sink.away = {}, False
        sink.wait_for(EVENTS)
    assert sink.begun == [700, EVENTS]


def test_events_that_have_left_the_archive_are_missed_and_said(
    events: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    archive, sink = MemoryArchive(events), MemorySink()
    archive.first, sink.position = 500, SinkPosition(499)
    with RunningConnector(archive, sink, batch_events=64):
        wait_for(archive, lambda a: State.REFUSED in states(a))
    assert (
        "the archive begins with event 500, Memory's records end" in told(caplog, logging.ERROR)[0]
    )


def test_a_bug_ends_the_connector(events: np.ndarray) -> None:
    archive, sink = MemoryArchive(events), MemorySink()

    def broken(_: np.ndarray) -> tuple[list[int], int]:
        raise ZeroDivisionError

    sink.encode = broken  # type: ignore[method-assign]
    connector = RunningConnector(archive, sink, batch_events=64)
    with pytest.raises(ZeroDivisionError), connector:
        connector._thread.join(60.0)


def test_reading_on_may_take_long_and_the_connector_lives(events: np.ndarray) -> None:
    """Names and models of a day are read by the writer's thread: the daemon sees heartbeats."""
    archive, sink = MemoryArchive(events), MemorySink()
    beats, begun = threading.Event(), threading.Event()

    def begin(next_event: int) -> None:
        begun.set()
        assert beats.wait(60.0), "nobody beats meanwhile"
        sink.begun.append(next_event)

    def beat() -> None:
        if begun.is_set():
            beats.set()

    sink.begin = begin  # type: ignore[method-assign]
    archive.beat = beat  # type: ignore[method-assign]
    with RunningConnector(archive, sink, batch_events=64):
        sink.wait_for(EVENTS)
    assert sink.begun == [0]
    assert sink.sequences == list(range(EVENTS))
