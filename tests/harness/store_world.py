"""A store to test with: events, an archive of them in memory, a publisher that follows them.

``MODEL_CAPACITY`` is large enough that no order is ever forgotten, so what the database must say
can be asked from the account model order by order (``store_tables.py``), which the publisher does
not do.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from exchange.core.capacity import EngineCapacity
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.records import EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.runtime.data_directory import archive_directory, save_capacity
from exchange.store.publisher import Progress
from exchange.store.rows.state_rows import AccountState
from journal.archive_writer import ArchiveWriter

DEADLINE_S = 120.0
MODEL_CAPACITY = AccountModelCapacity(
    accounts=512, sessions=64, instruments=128, positions=4_096, orders=1 << 18, fills=1 << 10
)


@functools.cache
def random_events(seed: int, commands: int) -> np.ndarray:
    """The events of a stream of the model tests: all kinds, valid and malformed commands."""
    from tests.model.comparison import Matcher
    from tests.model.generators.orders import EPISODES, Generator

    episode = EPISODES[seed % len(EPISODES)]
    matcher = Matcher(episode.capacities)
    parts = [matcher.run(slots) for slots in Generator(seed, episode).chunks(commands)]
    events = np.frombuffer(bytearray(b"".join(parts)), EVENT)
    events.flags.writeable = False
    return events


def write_archive(directory: Path, events: np.ndarray) -> None:
    """A data directory with these events, as the daemon leaves it."""
    save_capacity(
        directory,
        EngineCapacity(
            instruments=MODEL_CAPACITY.instruments,
            sessions=MODEL_CAPACITY.sessions,
            accounts=MODEL_CAPACITY.accounts,
            positions=MODEL_CAPACITY.positions,
            orders=1 << 12,
        ),
    )
    writer = ArchiveWriter(
        archive_directory(directory),
        EVENT,
        EVENT_LAYOUT,
        KIND_OFFSET,
        segment_records=2_048,
        next_sequence=0,
    )
    writer.append(events)
    writer.close()


class MemoryArchive:
    """Events as an archive, a follower's source and a stage's surroundings, all in memory."""

    def __init__(self, events: np.ndarray, released: int | None = None) -> None:
        self.events = events
        self._released = len(events) if released is None else released
        self.next_event = 0
        self.lapped_count = 0
        self.first = 0  # of the events that have not left
        self.stop = threading.Event()
        self.progress: list[Progress] = []
        self.models_made = 0
        self.capacity = MODEL_CAPACITY
        self._changed = threading.Condition()

    # archive
    def view(self, first: int, count: int) -> np.ndarray:
        return self.events[first : min(first + count, self._released)]

    def oldest(self) -> int:
        return self.first

    # source
    def behind(self) -> int:
        return self._released - self.next_event

    def read(self, limit: int) -> np.ndarray:
        found = self.events[self.next_event : min(self.next_event + limit, self._released)].copy()
        self.next_event += len(found)
        return found

    # surroundings
    def source(self, next_event: int) -> MemoryArchive:
        self.next_event = next_event
        return self

    def archive(self) -> MemoryArchive:
        return self

    def released(self) -> int:
        return self._released

    def model(self, next_event: int) -> Any:
        self.models_made += 1
        return AccountState(self.capacity)

    def settled(self, state: AccountState) -> None:
        """No checkpoints."""

    def ended(self, state: AccountState) -> None:
        """No checkpoints."""

    def should_stop(self) -> bool:
        return self.stop.is_set()

    def wait(self, timeout_s: float, ready: Callable[[], bool]) -> None:
        with self._changed:
            self._changed.wait_for(lambda: ready() or self.stop.is_set(), timeout_s)

    def beat(self) -> None:
        """Nobody listens."""

    def report(self, progress: Progress) -> None:
        with self._changed:
            self.progress.append(progress)
            self._changed.notify_all()

    # the test's side
    def release(self, count: int) -> None:
        """Let the world see events up to ``count``."""
        with self._changed:
            self._released = count
            self._changed.notify_all()

    def await_progress(self, condition: Callable[[Progress], bool], what: str) -> Progress:
        """Wait until a report fulfils ``condition``."""
        seen = 0

        def found() -> Progress | None:
            nonlocal seen
            for each in self.progress[seen:]:
                if condition(each):
                    return each
            return None

        with self._changed:
            assert self._changed.wait_for(lambda: found() is not None, DEADLINE_S), what
            result = found()
        assert result is not None
        return result

    def await_event(self, next_event: int) -> None:
        """Wait until everything below ``next_event`` is committed."""
        self.await_progress(
            lambda each: each.next_event >= next_event, f"event {next_event} was not committed"
        )


class RunningPublisher:
    """A publisher in a thread; ``close`` ends it and raises what it raised."""

    def __init__(self, publisher: Any, archive: MemoryArchive) -> None:
        self.archive = archive
        self._error: BaseException | None = None

        def run() -> None:
            try:
                publisher.run()
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, name="publisher")
        self._thread.start()

    def close(self) -> None:
        self.archive.stop.set()
        with self.archive._changed:
            self.archive._changed.notify_all()
        deadline_s = time.monotonic() + DEADLINE_S
        self._thread.join(deadline_s - time.monotonic())
        assert not self._thread.is_alive(), "the publisher does not end"
        if self._error is not None:
            raise self._error

    def __enter__(self) -> RunningPublisher:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()
