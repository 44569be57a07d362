"""The ring in one process: room, batches, wrap-around, and what a non-gating reader may rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ringbuffer.atomics import load_acquire
from ringbuffer.ring import (
    CURSOR_STRIDE,
    UNGATED,
    available,
    claim,
    copy_batch,
    lapped,
    maximum_batch,
    producer_may_wait,
    publish,
    room,
    safe_capacity,
)

RECORD = np.dtype([("sequence", "<i8"), ("check", "<i8")])
CURSOR, GATE = 0, CURSOR_STRIDE


def records(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, RECORD)
    made["sequence"] = np.arange(first, first + count)
    made["check"] = ~made["sequence"]
    return made


def assert_records(found: np.ndarray, first: int, count: int) -> None:
    np.testing.assert_array_equal(found, records(first, count))


class Ring:
    """The three roles as the stages play them, over the functions of ringbuffer.ring."""

    def __init__(self, capacity: int, start: int = 0) -> None:
        self.slots = np.zeros(capacity, RECORD)
        self.capacity = capacity
        self.cursors = np.zeros(2 * CURSOR_STRIDE, np.int64)
        self.cursors[[CURSOR, GATE]] = start
        self.next_sequence = start  # the producer's

    def write(self, count: int) -> int:
        """Claim and write, without publishing."""
        count = claim(self.cursors, GATE, self.next_sequence, self.capacity, count)
        for record in records(self.next_sequence, count):
            self.slots[self.next_sequence & (self.capacity - 1)] = record
            self.next_sequence += 1
        return count

    def offer(self, count: int) -> int:
        count = self.write(count)
        publish(self.cursors, CURSOR, self.next_sequence)
        return count

    def take(self, limit: int) -> np.ndarray:
        """Read a batch where it lies, give its slots back."""
        first = int(self.cursors[GATE])
        count = max(available(self.cursors, CURSOR, first, limit), 0)
        found = self.slots[np.arange(first, first + count) & (self.capacity - 1)]
        publish(self.cursors, GATE, first + count)
        return found

    def copy(self, behind: int, first: int, limit: int) -> np.ndarray | None:
        """Copy a batch behind the cursor ``behind`` as a non-gating reader; None: lapped."""
        target = np.zeros(max(limit, 1), RECORD)
        count = max(available(self.cursors, behind, first, limit), 0)
        if count and not copy_batch(self.slots, self.cursors, CURSOR, first, count, target):
            return None
        return target[:count]


def test_bounds_of_a_batch():
    for shift in range(1, 20):
        capacity = 1 << shift
        batch = maximum_batch(capacity)
        assert batch == max(1, capacity // 4)
        assert safe_capacity(capacity) + batch == capacity


@pytest.mark.parametrize("batch", [1, 2, 3, 4, 5, 7, 8])
@pytest.mark.parametrize("start", [0, 1, 5, 15, 16, 31, (1 << 40) + 3])
def test_wrap_around_at_every_offset(batch, start):
    capacity = 32
    ring = Ring(capacity, start)
    for sequence in range(start, start + 3 * capacity * batch, batch):
        assert ring.offer(batch) == batch
        assert available(ring.cursors, CURSOR, sequence, capacity) == batch
        assert_records(ring.take(capacity), sequence, batch)
    assert ring.next_sequence == ring.cursors[CURSOR] == ring.cursors[GATE]


def test_a_gating_consumer_is_never_overrun():
    ring = Ring(16)
    assert ring.offer(100) == 16
    assert ring.offer(1) == 0
    assert room(ring.cursors, GATE, 16, 16) == 0
    assert_records(ring.take(3), 0, 3)
    assert room(ring.cursors, GATE, 16, 16) == 3
    assert claim(ring.cursors, GATE, 16, 16, 2) == 2
    assert ring.offer(4) == 3
    assert_records(ring.take(100), 3, 16)
    assert len(ring.take(100)) == 0


def test_nothing_is_available_before_it_is_published():
    ring = Ring(16)
    assert ring.write(5) == 5
    assert available(ring.cursors, CURSOR, 0, 100) == 0
    publish(ring.cursors, CURSOR, 5)
    assert available(ring.cursors, CURSOR, 0, 100) == 5
    assert available(ring.cursors, CURSOR, 0, 3) == 3
    assert available(ring.cursors, CURSOR, 7, 3) < 0  # a reader that is ahead of the cursor


def test_a_gate_that_never_holds_the_producer_back():
    ring = Ring(16)
    publish(ring.cursors, GATE, UNGATED)
    assert claim(ring.cursors, GATE, 1 << 40, 16, 16) == 16


@pytest.mark.parametrize("capacity", [4, 16, 64])
def test_the_producer_is_woken_when_the_ring_was_half_full(capacity):
    for waiting in range(capacity + 1):
        ring = Ring(capacity, start=5)
        ring.offer(waiting)
        ring.take(capacity)
        full = producer_may_wait(ring.cursors, CURSOR, 5, capacity)
        assert full == (waiting >= capacity // 2)
    ring = Ring(capacity)
    ring.offer(1)
    ring.take(1)
    ring.offer(capacity)  # meanwhile: the look is at the cursor as it is now
    assert producer_may_wait(ring.cursors, CURSOR, 0, capacity)


def test_a_reader_notices_that_it_was_lapped():
    ring = Ring(16)
    publish(ring.cursors, GATE, UNGATED)
    assert len(ring.copy(CURSOR, 0, 8)) == 0
    ring.offer(12)
    assert_records(ring.copy(CURSOR, 0, 5), 0, 5)
    ring.offer(5)  # cursor 17: sequences from 17 - 12 = 5 on are stable
    assert ring.copy(CURSOR, 4, 5) is None
    assert_records(ring.copy(CURSOR, 5, 5), 5, 5)
    ring.offer(6)  # cursor 23: 10 may be being overwritten
    assert ring.copy(CURSOR, 10, 5) is None
    assert_records(ring.copy(CURSOR, 11, 50), 11, 12)


def test_a_reader_that_is_lapped_while_it_copies(monkeypatch):
    """The second look: the producer publishes between the first one and the end of the copy."""
    ring = Ring(16)
    publish(ring.cursors, GATE, UNGATED)
    ring.offer(12)
    # in plain Python, or the compiled code would not call what is put in its place
    copy = getattr(copy_batch, "py_func", copy_batch)
    looks = []

    def publishing_meanwhile(cursors, cursor, first, capacity):
        looks.append(lapped(cursors, cursor, first, capacity))
        ring.offer(1)
        return looks[-1]

    monkeypatch.setitem(copy.__globals__, "lapped", publishing_meanwhile)
    target = np.zeros(4, RECORD)
    assert not copy(ring.slots, ring.cursors, CURSOR, 0, 4, target)
    assert looks == [False, True]


def test_a_reader_behind_another_stage():
    ring = Ring(16)
    ring.offer(10)
    assert len(ring.copy(GATE, 0, 10)) == 0
    ring.take(4)
    assert_records(ring.copy(GATE, 0, 10), 0, 4)


@pytest.mark.parametrize("capacity", [2, 4, 8, 64])
def test_lapped_exactly_when_an_unpublished_batch_could_reach_the_slot(capacity):
    cursors = np.zeros(CURSOR_STRIDE, np.int64)
    for published in range(3 * capacity):
        publish(cursors, 0, published)
        being_written = range(published, published + maximum_batch(capacity))
        for first in range(max(0, published - 2 * capacity), published):
            overwritten = any(other - capacity >= first for other in being_written)
            assert lapped(cursors, 0, first, capacity) == overwritten


def test_the_interpreter_loads_with_acquire():
    cursors = np.zeros(3 * CURSOR_STRIDE, np.int64)
    publish(cursors, 2 * CURSOR_STRIDE, (1 << 62) + 5)
    value = load_acquire(cursors, 2 * CURSOR_STRIDE)
    assert type(value) is int
    assert value == (1 << 62) + 5
    assert load_acquire(cursors, np.int64(CURSOR_STRIDE)) == 0
    cursors.flags.writeable = False  # a region that is only read, as by `exchange status`
    assert load_acquire(cursors, 2 * CURSOR_STRIDE) == (1 << 62) + 5


class RingMachine(RuleBasedStateMachine):
    """Any interleaving of a producer, its gating consumer and two non-gating readers (one behind
    the producer, one behind the consumer), against plain numbers."""

    @initialize(shift=st.integers(1, 6), start=st.integers(0, 1 << 50))
    def start(self, shift, start):
        self.ring = Ring(1 << shift, start)
        self.written = self.published = self.consumed = start
        self.positions = {CURSOR: start, GATE: start}

    @rule(count=st.integers(0, 80))
    def write(self, count):
        """As much as may be unpublished: the bound on which readers rely."""
        capacity = self.ring.capacity
        count = min(count, maximum_batch(capacity) - (self.written - self.published))
        free = capacity - (self.written - self.consumed)
        assert room(self.ring.cursors, GATE, self.written, capacity) == free
        assert self.ring.write(count) == min(free, count)
        self.written += min(free, count)

    @rule()
    def publish(self):
        publish(self.ring.cursors, CURSOR, self.written)
        self.published = self.written

    @rule(limit=st.integers(0, 80))
    def take(self, limit):
        count = min(limit, self.published - self.consumed)
        assert_records(self.ring.take(limit), self.consumed, count)
        first, self.consumed = self.consumed, self.consumed + count
        was_half_full = (self.published - first) * 2 >= self.ring.capacity
        found = producer_may_wait(self.ring.cursors, CURSOR, first, self.ring.capacity)
        assert found == was_half_full

    @rule(behind=st.sampled_from([CURSOR, GATE]), limit=st.integers(1, 80))
    def copy(self, behind, limit):
        first = self.positions[behind]
        end = self.published if behind == CURSOR else self.consumed
        found = self.ring.copy(behind, first, limit)
        if found is None:
            assert self.published - first > safe_capacity(self.ring.capacity)
            self.positions[behind] = end
        else:
            # whole, although the producer may have written beyond its cursor
            assert_records(found, first, min(limit, end - first))
            self.positions[behind] += len(found)

    @invariant()
    def cursors_are_what_they_say(self):
        if hasattr(self, "ring"):
            assert self.ring.next_sequence == self.written
            assert self.ring.cursors[CURSOR] == self.published
            assert self.ring.cursors[GATE] == self.consumed


RingMachine.TestCase.settings = settings(max_examples=80, deadline=None, stateful_step_count=60)
TestRingMachine = RingMachine.TestCase
