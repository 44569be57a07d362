"""The ring in one process: batches, gates, barriers, wrap-around, and what a reader may rely on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ringbuffer.ring import (
    CURSOR_STRIDE,
    LAPPED,
    PRODUCER_LIMIT,
    PRODUCER_NEXT,
    PRODUCER_WORDS,
    UNGATED,
    Ring,
    claim,
    lapped,
    maximum_batch,
    minimum_cursor,
    publish,
    read_batch,
    room,
    safe_capacity,
)

RECORD = np.dtype([("sequence", "<i8"), ("check", "<i8")])
PRODUCER, FIRST, SECOND, THIRD = (number * CURSOR_STRIDE for number in range(4))


def records(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, RECORD)
    made["sequence"] = np.arange(first, first + count)
    made["check"] = ~made["sequence"]
    return made


def assert_records(found: np.ndarray, first: int, count: int) -> None:
    np.testing.assert_array_equal(found, records(first, count))


def make_ring(capacity: int, gates=(FIRST,), start: int = 0) -> Ring:
    cursors = np.zeros(4 * CURSOR_STRIDE, np.int64)
    cursors[[PRODUCER, FIRST, SECOND, THIRD]] = start
    return Ring(np.zeros(capacity, RECORD), cursors, PRODUCER, gates)


@pytest.mark.parametrize("capacity", [0, 1, 3, 12, 1000])
def test_capacity_is_a_power_of_two(capacity):
    with pytest.raises(ValueError, match="power of two"):
        make_ring(capacity)


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
    ring = make_ring(capacity, start=start)
    producer, consumer = ring.producer(), ring.consumer(FIRST)
    sequence = start
    for _ in range(3 * capacity):
        assert producer.try_publish(records(sequence, batch))
        assert consumer.available() == batch
        assert_records(consumer.read(capacity), sequence, batch)
        sequence += batch
    assert producer.next == consumer.position == ring.published() == sequence


def test_a_gate_is_never_overrun():
    ring = make_ring(16)
    producer, consumer = ring.producer(), ring.consumer(FIRST)
    assert producer.offer(records(0, 100)) == 16
    assert producer.offer(records(16, 1)) == 0
    assert not producer.try_publish(records(16, 1))
    assert_records(consumer.peek(100), 0, 16)
    assert_records(consumer.peek(3), 0, 3)
    consumer.advance(3)
    assert not producer.try_publish(records(16, 4))
    assert producer.offer(records(16, 4)) == 3
    assert_records(consumer.read(100), 3, 16)
    assert len(consumer.read(100)) == 0


def test_one_publish_is_at_most_the_maximum_batch():
    ring = make_ring(16)
    producer = ring.producer()
    with pytest.raises(ValueError, match="5 records in one publish, 4 fit"):
        producer.try_publish(records(0, 5))
    assert ring.published() == 0


def test_the_slowest_of_two_gates_counts():
    ring = make_ring(16, gates=(FIRST, SECOND))
    producer, fast, slow = ring.producer(), ring.consumer(FIRST), ring.consumer(SECOND)
    written = before = 0
    for step in range(1, 200):
        written += producer.offer(records(written, 16))
        position = slow.position
        assert written == position + 16
        assert_records(fast.read(16), before, written - before)
        before = written
        assert_records(slow.read(1 + step % 3), position, 1 + step % 3)
    assert room(ring.cursors, written, ring.gates, 16) == slow.position + 16 - written


def test_a_barrier_over_several_cursors():
    ring = make_ring(16, gates=(FIRST, SECOND, THIRD))
    producer = ring.producer()
    first, second = ring.consumer(FIRST), ring.consumer(SECOND)
    behind = ring.consumer(THIRD, barrier=(FIRST, SECOND))
    producer.offer(records(0, 10))
    assert behind.available() == 0
    first.read(7)
    assert behind.available() == 0
    second.read(4)
    assert_records(behind.read(100), 0, 4)
    second.read(100)
    assert_records(behind.read(100), 4, 3)


def test_minimum_of_no_cursor_is_no_gate():
    cursors = np.zeros(CURSOR_STRIDE, np.int64)
    assert minimum_cursor(cursors, np.zeros(0, np.int64)) == UNGATED


def test_claim_looks_at_the_gates_only_when_it_must():
    ring = make_ring(16)
    state = np.zeros(PRODUCER_WORDS, np.int64)
    assert claim(state, ring.cursors, ring.gates, 16, 4) == 4
    assert state[PRODUCER_LIMIT] == 16
    ring.cursors[FIRST] = 10  # progress that the producer need not know yet
    state[PRODUCER_NEXT] = 12
    assert claim(state, ring.cursors, ring.gates, 16, 4) == 4
    assert state[PRODUCER_LIMIT] == 16
    state[PRODUCER_NEXT] = 13
    assert claim(state, ring.cursors, ring.gates, 16, 4) == 4
    assert state[PRODUCER_LIMIT] == 26
    assert claim(state, ring.cursors, ring.gates, 16, 100) == 4  # never above the maximum batch


def test_a_consumer_must_gate():
    with pytest.raises(ValueError, match="does not gate"):
        make_ring(16).consumer(SECOND)


def test_a_reader_notices_that_it_was_lapped():
    ring = make_ring(16, gates=())
    producer, reader = ring.producer(), ring.reader(0)
    assert len(reader.read(8)) == 0
    assert producer.offer(records(0, 12)) == 12
    assert_records(reader.read(5), 0, 5)
    producer.offer(records(12, 5))  # cursor 17: sequences from 17 - 12 = 5 on are stable
    assert_records(reader.read(5), 5, 5)
    producer.offer(records(17, 6))  # cursor 23: 10 may be being overwritten
    assert reader.read(5) is None
    assert reader.position == 10
    reader.position = 11
    assert_records(reader.read(50), 11, 12)


def test_a_reader_behind_another_stage():
    ring = make_ring(16, gates=(FIRST,))
    producer, released = ring.producer(), ring.consumer(FIRST)
    reader = ring.reader(0, barrier=FIRST)
    producer.offer(records(0, 10))
    assert len(reader.read(10)) == 0
    released.read(4)
    assert_records(reader.read(10), 0, 4)


@pytest.mark.parametrize("capacity", [2, 4, 8, 64])
def test_lapped_exactly_when_an_unpublished_batch_could_reach_the_slot(capacity):
    cursors = np.zeros(CURSOR_STRIDE, np.int64)
    for published in range(3 * capacity):
        publish(cursors, 0, published)
        being_written = range(published, published + maximum_batch(capacity))
        for first in range(max(0, published - 2 * capacity), published):
            overwritten = any(other - capacity >= first for other in being_written)
            assert lapped(cursors, 0, first, safe_capacity(capacity)) == overwritten


def test_read_batch_bounds():
    ring = make_ring(16, gates=(), start=0)
    ring.producer().offer(records(0, 10))
    target = np.zeros(4, RECORD)
    arguments = (ring.slots, ring.cursors, PRODUCER, PRODUCER)
    assert read_batch(*arguments, 0, 100, target) == 4
    assert_records(target, 0, 4)
    assert read_batch(*arguments, 9, 100, target) == 1
    assert read_batch(*arguments, 10, 100, target) == 0
    assert read_batch(*arguments, 11, 100, target) == 0  # ahead of the barrier
    ring.producer().offer(records(10, 4))
    assert read_batch(*arguments, 1, 100, target) == LAPPED
    assert read_batch(*arguments, 2, 100, target) == 4


class RingMachine(RuleBasedStateMachine):
    """Any interleaving of one producer, two gating consumers, one behind them and one reader,
    against plain lists."""

    @initialize(shift=st.integers(1, 6), start=st.integers(0, 1 << 50))
    def start(self, shift, start):
        self.capacity = 1 << shift
        self.ring = make_ring(self.capacity, gates=(FIRST, SECOND, THIRD), start=start)
        self.producer = self.ring.producer()
        self.consumers = {
            FIRST: self.ring.consumer(FIRST),
            SECOND: self.ring.consumer(SECOND),
            THIRD: self.ring.consumer(THIRD, barrier=(FIRST, SECOND)),
        }
        self.reader = self.ring.reader(start, PRODUCER)
        self.written = start
        self.consumed = dict.fromkeys(self.consumers, start)

    @rule(count=st.integers(0, 80))
    def offer(self, count):
        free = self.capacity - (self.written - min(self.consumed.values()))
        assert self.producer.offer(records(self.written, count)) == min(free, count)
        self.written += min(free, count)

    @rule(data=st.data())
    def try_publish(self, data):
        count = data.draw(st.integers(0, maximum_batch(self.capacity)))
        free = self.capacity - (self.written - min(self.consumed.values()))
        assert self.producer.try_publish(records(self.written, count)) == (count <= free)
        self.written += count if count <= free else 0

    @rule(who=st.sampled_from([FIRST, SECOND, THIRD]), limit=st.integers(0, 80))
    def consume(self, who, limit):
        end = self.written
        if who == THIRD:
            end = min(self.consumed[FIRST], self.consumed[SECOND])
        count = min(limit, end - self.consumed[who])
        assert_records(self.consumers[who].read(limit), self.consumed[who], count)
        self.consumed[who] += count

    @rule(limit=st.integers(1, 80))
    def read(self, limit):
        position = self.reader.position
        found = self.reader.read(limit)
        behind = self.written - position
        if behind > 0 and behind > safe_capacity(self.capacity):
            assert found is None
            self.reader.position = self.written
        else:
            assert_records(found, position, min(limit, behind, safe_capacity(self.capacity)))

    @invariant()
    def cursors_are_what_they_say(self):
        if hasattr(self, "ring"):
            assert self.ring.published() == self.written
            for who, position in self.consumed.items():
                assert self.ring.cursors[who] == position


RingMachine.TestCase.settings = settings(max_examples=80, deadline=None, stateful_step_count=60)
TestRingMachine = RingMachine.TestCase
