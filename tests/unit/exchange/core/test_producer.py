"""The Python producer of an ingress ring: room, whole commands, publication, the wake-up."""

from __future__ import annotations

import os
from collections.abc import Iterator

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.producer import IngressProducer
from exchange.records import COMMAND
from ringbuffer.idle import ASLEEP, AWAKE

CAPACITY = 8
NUMBER = pipeline.IngressRing.API
PUBLISHED = pipeline.ingress_published(NUMBER)
CONSUMED = pipeline.ingress_consumed(NUMBER)
SLEEPING = pipeline.sleeping(pipeline.AGENT_MATCHER)


def command(first_price: int, slots: int = 1) -> bytes:
    made = np.zeros(slots, COMMAND)
    made["price"] = np.arange(first_price, first_price + slots)
    return made.tobytes()


class World:
    """The ring, its cursors and the matcher's side of them."""

    def __init__(self, start: int, eventfd: int) -> None:
        self.ring = np.zeros(CAPACITY, COMMAND)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.cursors[PUBLISHED] = self.cursors[CONSUMED] = start
        self.producer = IngressProducer(self.ring, self.cursors, NUMBER, eventfd)

    def taken(self) -> list[int]:
        """What the matcher takes: the prices of every published slot."""
        first, end = self.cursors[CONSUMED], self.cursors[PUBLISHED]
        self.cursors[CONSUMED] = end
        return self.ring["price"][np.arange(first, end) & (CAPACITY - 1)].tolist()


@pytest.fixture
def eventfd() -> Iterator[int]:
    descriptor = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
    yield descriptor
    os.close(descriptor)


@pytest.mark.parametrize("start", [0, 5, 7, (1 << 40) + 6])
def test_what_is_written_is_seen_when_it_is_published(start: int, eventfd: int) -> None:
    world = World(start, eventfd)
    expected: list[int] = []
    for step in range(50):
        slots = 1 + step % 2  # a long command wraps around the end of the ring too
        assert world.producer.write(command(10 * step, slots))
        expected += range(10 * step, 10 * step + slots)
        assert world.cursors[PUBLISHED] == world.producer.next_sequence - len(expected)
        if step % 3 == 0:
            world.producer.publish()
            assert world.cursors[PUBLISHED] == world.producer.next_sequence
            assert world.taken() == expected
            assert world.producer.consumed() == world.producer.next_sequence
            expected = []


def test_a_command_is_written_whole_or_not_at_all(eventfd: int) -> None:
    world = World(3, eventfd)
    for step in range(CAPACITY - 1):
        assert world.producer.write(command(step))
    before = world.ring.copy()
    assert not world.producer.write(command(100, 2))
    assert world.producer.next_sequence == 3 + CAPACITY - 1
    np.testing.assert_array_equal(world.ring, before)
    assert world.producer.write(command(7))
    assert not world.producer.write(command(8))
    world.producer.publish()
    assert world.taken() == list(range(CAPACITY))
    assert world.producer.write(command(100, 2))


def test_it_goes_on_where_another_has_ended(eventfd: int) -> None:
    world = World(0, eventfd)
    world.producer.write(command(1))
    world.producer.publish()
    world.producer.write(command(2))  # and not published: lost with its process
    following = IngressProducer(world.ring, world.cursors, NUMBER, eventfd)
    assert following.next_sequence == 1
    following.write(command(3))
    following.publish()
    assert world.taken() == [1, 3]


def test_a_publication_wakes_the_matcher_if_it_sleeps(eventfd: int) -> None:
    world = World(0, eventfd)
    world.producer.write(command(1))
    world.producer.publish()
    with pytest.raises(BlockingIOError):
        os.eventfd_read(eventfd)
    world.cursors[SLEEPING] = ASLEEP
    world.producer.write(command(2))
    assert world.cursors[SLEEPING] == ASLEEP
    world.producer.publish()
    assert world.cursors[SLEEPING] == AWAKE
    assert os.eventfd_read(eventfd) == 1


def test_nobody_to_wake() -> None:
    world = World(0, -1)
    world.cursors[SLEEPING] = ASLEEP
    world.producer.write(command(1))
    world.producer.publish()
    assert world.taken() == [1]
