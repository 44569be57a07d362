"""The daemon's commands: the queue in front of the ring, when all is settled, when TIMER is due."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import CommandKind
from exchange.commands import Record
from exchange.control.producer import ControlProducer, ingress_empty, settled
from exchange.core import pipeline
from exchange.records import COMMAND

CAPACITY = 8
PUBLISHED = pipeline.ingress_published(pipeline.IngressRing.CONTROL)
CONSUMED = pipeline.ingress_consumed(pipeline.IngressRing.CONTROL)


def command(price: int, slots: int = 1) -> Record:
    made = np.zeros(slots, COMMAND)
    made["price"] = price
    return made


class World:
    def __init__(self) -> None:
        self.ring = np.zeros(CAPACITY, COMMAND)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.producer = ControlProducer(self.ring, self.cursors, -1)

    def take(self, count: int = CAPACITY) -> Record:
        """The matcher takes up to ``count`` slots and sequences them."""
        first = int(self.cursors[CONSUMED])
        end = min(first + count, int(self.cursors[PUBLISHED]))
        self.cursors[CONSUMED] = end
        self.cursors[pipeline.COMMAND_PUBLISHED] += end - first
        return self.ring[np.arange(first, end) & (CAPACITY - 1)]

    def finish(self) -> None:
        """The matcher applies and the journaler releases what was taken."""
        published = self.cursors[pipeline.COMMAND_PUBLISHED]
        self.cursors[pipeline.COMMAND_APPLIED] = published
        self.cursors[pipeline.COMMAND_DURABLE] = published


def test_what_does_not_fit_waits_in_order() -> None:
    world = World()
    for price in range(6):
        world.producer.send(command(price, 2))  # twelve slots in a ring of eight
    assert world.cursors[PUBLISHED] == CAPACITY
    assert not world.producer.pump()
    found = world.take(3)["price"].tolist()
    assert not world.producer.pump()  # one slot of three that are free stays free: no half command
    assert world.cursors[PUBLISHED] == CAPACITY + 2
    found += world.take()["price"].tolist()
    assert world.producer.pump()
    found += world.take()["price"].tolist()
    assert found == [price for price in range(6) for _ in range(2)]


def test_the_first_slot_is_stamped_when_it_is_written() -> None:
    world = World()
    world.producer.send(command(1, 2))
    first, continuation = world.take()["timestamp_ns"].tolist()
    assert first > 0
    assert continuation == 0


def test_settled_when_everything_is_applied_durable_and_released() -> None:
    world = World()
    assert world.producer.settled()
    world.producer.send(command(1))
    assert settled(world.cursors)  # nothing was sequenced yet
    assert not world.producer.settled()
    world.take()
    assert not world.producer.settled()
    world.finish()
    assert world.producer.settled()
    world.cursors[pipeline.EVENT_PUBLISHED] = 3
    assert not world.producer.settled()
    world.cursors[pipeline.EVENT_RELEASED] = 3
    assert world.producer.settled()
    for _ in range(CAPACITY + 1):
        world.producer.send(command(2))
    world.take()
    world.finish()
    assert not world.producer.settled()  # one waits in the queue


@pytest.mark.parametrize("late", [pipeline.COMMAND_APPLIED, pipeline.COMMAND_DURABLE])
def test_a_command_that_is_under_way_is_not_settled(late: int) -> None:
    world = World()
    world.producer.send(command(1))
    world.take()
    world.finish()
    world.cursors[late] = 0
    assert not settled(world.cursors)


def test_one_timer_is_under_way_at_a_time() -> None:
    world = World()
    assert not world.producer.expire(100)  # nothing is due: 0
    world.cursors[pipeline.NEXT_EXPIRY_SECOND] = 101
    assert not world.producer.expire(100)
    assert world.producer.expire(101)
    assert world.producer.expire(101)
    assert world.take()["kind"].tolist() == [CommandKind.TIMER]
    assert world.producer.expire(101)
    assert len(world.take()) == 0  # taken, and not applied
    world.finish()
    assert world.producer.expire(102)
    assert world.take()["kind"].tolist() == [CommandKind.TIMER]


def test_ingress_empty() -> None:
    world = World()
    rings = (pipeline.IngressRing.CONTROL, pipeline.IngressRing.API)
    assert ingress_empty(world.cursors, rings)
    world.producer.send(command(1))
    assert not ingress_empty(world.cursors, rings)
    assert ingress_empty(world.cursors, (pipeline.IngressRing.API,))
    world.take()
    assert ingress_empty(world.cursors, rings)
