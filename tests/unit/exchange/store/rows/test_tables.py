"""Every table against what the events say, in plain Python; also without compiled code."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest
from store_tables import Expected, assert_tables
from store_world import MemoryArchive, RunningPublisher, random_events

from exchange.store.publisher import State

Start = Callable[..., RunningPublisher]


def test_all_tables(publish: Start, connection: psycopg.Connection) -> None:
    events = random_events(7, 6_000)
    archive = MemoryArchive(events)
    with publish(archive):
        archive.await_event(len(events))
    assert_tables(connection, Expected(events))
    assert archive.progress[-1].state == State.FOLLOWING
    assert archive.progress[-1].retries == 0


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_other_streams_in_other_batches(
    seed: int, publish: Start, connection: psycopg.Connection
) -> None:
    events = random_events(seed, 2_500)
    archive = MemoryArchive(events)
    with publish(archive, batch_events=[64, 333, 100_000][seed % 3]):
        archive.await_event(len(events))
    assert_tables(connection, Expected(events))
