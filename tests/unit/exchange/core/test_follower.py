"""The daemon's look at events: only those wanted, each once, from the ring or from the archive."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.core import pipeline
from exchange.core.follower import EventFollower
from exchange.records import EVENT

CAPACITY = 64
WANTED = {EventKind.CONTROL_DONE, EventKind.STATE_CHANGED}


class Stream:
    """An event ring and an archive with the same events; every third event is wanted."""

    def __init__(self) -> None:
        self.ring = np.zeros(CAPACITY, EVENT)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.archive = np.zeros(4096, EVENT)
        self.reads = 0
        self.end = 0

    def view(self, first: int, count: int) -> np.ndarray:
        self.reads += 1
        return self.archive[first : min(first + count, self.end)]

    def release(self, count: int) -> None:
        for _ in range(count):
            event = np.zeros(1, EVENT)
            event["sequence"] = self.end
            event["kind"] = EventKind.CONTROL_DONE if self.end % 3 == 0 else EventKind.TRADE
            self.ring[self.end % CAPACITY] = event[0]
            self.archive[self.end] = event[0]
            self.end += 1
        self.cursors[pipeline.EVENT_PUBLISHED] = self.end
        self.cursors[pipeline.EVENT_RELEASED] = self.end

    def follower(self, next_sequence: int = 0) -> EventFollower:
        return EventFollower(self.ring, self.cursors, self, next_sequence, WANTED)


def everything(follower: EventFollower, limit: int) -> list[int]:
    found: list[int] = []
    while follower.behind():
        before = follower.next_sequence
        found += follower.read(limit)["sequence"].tolist()
        assert before < follower.next_sequence <= before + limit
    return found


@pytest.mark.parametrize("limit", [1, 7, 64, 1000])
@pytest.mark.parametrize("step", [1, 5, 40, 200])
def test_each_wanted_event_once(step: int, limit: int) -> None:
    stream = Stream()
    follower = stream.follower()
    found: list[int] = []
    while stream.end < 1000:
        stream.release(step)
        found += everything(follower, limit)
    assert found == list(range(0, stream.end, 3))
    # what the ring still has is not read from the archive
    assert (stream.reads == 0) == (step <= CAPACITY - CAPACITY // 4)


def test_nothing_that_is_not_released() -> None:
    stream = Stream()
    follower = stream.follower()
    stream.release(10)
    stream.cursors[pipeline.EVENT_RELEASED] = 4
    assert everything(follower, 100) == [0, 3]
    assert len(follower.read(100)) == 0 and follower.next_sequence == 4


def test_it_begins_where_it_is_told() -> None:
    stream = Stream()
    stream.release(30)
    assert everything(stream.follower(10), 100) == [12, 15, 18, 21, 24, 27]


def test_what_is_overwritten_while_it_is_read_is_read_again() -> None:
    stream = Stream()
    follower = stream.follower()
    stream.release(30)
    select = follower._select
    laps = [100]

    def overtaken(events: np.ndarray) -> np.ndarray:
        """The producer laps the ring between the first look at the cursor and the copy."""
        if laps:
            stream.release(laps.pop())
        return select(events)

    follower._select = overtaken  # type: ignore[method-assign]
    assert everything(follower, 1000) == list(range(0, 130, 3))
    assert stream.reads > 0


@pytest.mark.parametrize("limit", [1, 7, 1000])
def test_a_new_core_s_ring_has_nothing_from_before_it(limit: int) -> None:
    stream = Stream()
    stream.release(100)
    stream.ring[:] = np.zeros(1, EVENT)[0]  # as after recovery: the ring is new, the archive whole
    follower = EventFollower(stream.ring, stream.cursors, stream, 0, None, ring_first=stream.end)
    stream.release(20)
    assert everything(follower, limit) == list(range(120))
    assert follower.lapped_count == 0


def test_all_kinds_are_copies() -> None:
    stream = Stream()
    follower = EventFollower(stream.ring, stream.cursors, stream, 0, None)
    stream.release(10)
    events = follower.read(100)
    stream.ring["sequence"] = -1
    assert events["sequence"].tolist() == list(range(10))
    assert events.flags.writeable and events.flags.c_contiguous
