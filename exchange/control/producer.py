"""The daemon's commands: a queue in front of ingress ring 0, and when a TIMER is due.

Who uses it: the daemon's one thread. Invariant: commands wait in a queue here when the ring is
full, in order; nothing is dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from exchange.commands import Record, timer
from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from exchange.core.producer import IngressProducer
from ringbuffer.atomics import load_acquire


class ControlProducer:
    """Sends commands through ingress ring 0, in order, as far as there is room."""

    def __init__(self, ring: Record, cursors: Record, matcher_eventfd: int) -> None:
        self._producer = IngressProducer(ring, cursors, IngressRing.CONTROL, matcher_eventfd)
        self._cursors = cursors
        self._waiting: deque[Record] = deque()
        self._timer_sent_at = -1

    def send(self, record: Record) -> int:
        """Queue a command (one or two slots) and write what fits.

        Returns the position in the ring after it: ``consumed`` reaches it when it is taken.
        """
        self._waiting.append(record)
        self.pump()
        return self._producer.next_sequence + sum(len(each) for each in self._waiting)

    def consumed(self) -> int:
        """How many slots of the ring the matcher has taken."""
        return self._producer.consumed()

    def pump(self) -> bool:
        """Write what fits. Returns whether nothing waits any more."""
        producer = self._producer
        first = producer.next_sequence
        while self._waiting:
            record = self._waiting[0]
            record["timestamp_ns"][0] = time.monotonic_ns()
            if not producer.write(record.tobytes()):
                break
            self._waiting.popleft()
        if producer.next_sequence != first:
            producer.publish()
        return not self._waiting

    def settled(self) -> bool:
        """Whether everything that was sent is applied, durable and released."""
        return (
            not self._waiting
            and self._producer.consumed() == self._producer.next_sequence
            and settled(self._cursors)
        )

    def expire(self, now_s: int) -> bool:
        """Send TIMER when something is due at ``now_s`` (Unix seconds).

        That is an expiry, the end of a halt, a session's cancel-after, or stops that wait for
        the next command: the matcher publishes the earliest such second.

        One TIMER is under way at a time. Returns whether one is due or under way.
        """
        cursors = self._cursors
        # acquire: the counts of commands below are not older than this second
        due = load_acquire(cursors, pipeline.NEXT_EXPIRY_SECOND)
        if due == 0 or due > now_s:
            return False
        consumed = self._producer.consumed()
        applied = load_acquire(cursors, pipeline.COMMAND_APPLIED)
        published = load_acquire(cursors, pipeline.COMMAND_PUBLISHED)
        if consumed >= self._timer_sent_at and (applied == published or self._timer_sent_at < 0):
            self.send(timer())
            self._timer_sent_at = self._producer.next_sequence
        return True


def settled(cursors: Record) -> bool:
    """Whether every published command is applied and durable and all its events released."""
    # acquire, in the order of the flow: what a stage has done is not older than what it was given
    published = load_acquire(cursors, pipeline.COMMAND_PUBLISHED)
    return (
        load_acquire(cursors, pipeline.COMMAND_APPLIED) == published
        and load_acquire(cursors, pipeline.COMMAND_DURABLE) == published
        and load_acquire(cursors, pipeline.EVENT_RELEASED)
        == load_acquire(cursors, pipeline.EVENT_PUBLISHED)
    )


def ingress_empty(cursors: Record, rings: Sequence[int]) -> bool:
    """Whether the matcher has taken everything out of the ingress ``rings``."""
    return all(
        load_acquire(cursors, pipeline.ingress_published(ring))
        == load_acquire(cursors, pipeline.ingress_consumed(ring))
        for ring in rings
    )
