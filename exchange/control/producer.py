"""The daemon's producer of commands: a queue in front of ingress ring 0.

Who writes: the daemon's one thread. Who reads: the matcher. Invariant: commands wait in a queue
here when the ring is full, in order; nothing is dropped.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence

from exchange.commands import Record, timer
from exchange.core import pipeline
from exchange.core.pipeline import IngressRing
from ringbuffer.idle import wake
from ringbuffer.ring import publish


class ControlProducer:
    """Writes commands into ingress ring 0, in order, as far as there is room."""

    def __init__(self, ring: Record, cursors: Record, matcher_eventfd: int) -> None:
        self._ring = ring
        self._cursors = cursors
        self._eventfd = matcher_eventfd
        self._waiting: deque[Record] = deque()
        self._published = int(cursors[pipeline.ingress_published(IngressRing.CONTROL)])
        self._timer_sent_at = -1

    def send(self, record: Record) -> None:
        """Queue a command (one or two slots) and write what fits."""
        self._waiting.append(record)
        self.pump()

    def pump(self) -> bool:
        """Write what fits. Returns whether nothing waits any more."""
        capacity = self._ring.shape[0]
        mask = capacity - 1
        consumed = int(self._cursors[pipeline.ingress_consumed(IngressRing.CONTROL)])
        first = self._published
        while self._waiting:
            record = self._waiting[0]
            if self._published + record.shape[0] - consumed > capacity:
                break
            record["timestamp_ns"][0] = time.time_ns()
            for slot in record:
                self._ring[self._published & mask] = slot
                self._published += 1
            self._waiting.popleft()
        if self._published != first:
            index = pipeline.ingress_published(IngressRing.CONTROL)
            # release: the slots are written before the matcher sees the cursor
            publish(self._cursors, index, self._published)
            wake(self._cursors, pipeline.sleeping(pipeline.AGENT_MATCHER), self._eventfd)
        return not self._waiting

    def settled(self) -> bool:
        """Whether everything that was sent is applied, durable and released."""
        cursors = self._cursors
        consumed = int(cursors[pipeline.ingress_consumed(IngressRing.CONTROL)])
        return not self._waiting and consumed == self._published and settled(cursors)

    def expire(self, now_s: int) -> bool:
        """Send TIMER when something is due at ``now_s`` (Unix seconds).

        That is an expiry, the end of a halt, a session's cancel-after, or stops that wait for
        the next command: the matcher publishes the earliest such second.

        One TIMER is under way at a time. Returns whether one is due or under way.
        """
        due = int(self._cursors[pipeline.NEXT_EXPIRY_SECOND])
        if due == 0 or due > now_s:
            return False
        consumed = int(self._cursors[pipeline.ingress_consumed(IngressRing.CONTROL)])
        applied = int(self._cursors[pipeline.COMMAND_APPLIED])
        published = int(self._cursors[pipeline.COMMAND_PUBLISHED])
        if consumed >= self._timer_sent_at and (applied == published or self._timer_sent_at < 0):
            self.send(timer())
            self._timer_sent_at = self._published
        return True


def settled(cursors: Record) -> bool:
    """Whether every published command is applied and durable and all its events released."""
    published = int(cursors[pipeline.COMMAND_PUBLISHED])
    return (
        int(cursors[pipeline.COMMAND_APPLIED]) == published
        and int(cursors[pipeline.COMMAND_DURABLE]) == published
        and int(cursors[pipeline.EVENT_RELEASED]) == int(cursors[pipeline.EVENT_PUBLISHED])
    )


def ingress_empty(cursors: Record, rings: Sequence[int]) -> bool:
    """Whether the matcher has taken everything out of the ingress ``rings``."""
    return all(
        int(cursors[pipeline.ingress_published(ring)])
        == int(cursors[pipeline.ingress_consumed(ring)])
        for ring in rings
    )
