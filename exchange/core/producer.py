"""The Python producer of an ingress ring: writes commands, publishes them, wakes the matcher.

Who uses it: the daemon's control commands (exchange/control/producer.py) and the orders of REST and
WebSocket (exchange/api/orders/gateway.py), in one thread each. Order entry produces in compiled
code (exchange/gateway/intake.py) with the same functions of ringbuffer/ring.py (Decision RNG-6).

Invariants: the only writer of its ring's slots and published cursor; a command of two slots is
written whole or not at all, and both slots are published at once.

Decision RNG-6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.core import pipeline
from exchange.records import COMMAND_SIZE_BYTES
from ringbuffer.atomics import load_acquire
from ringbuffer.idle import wake
from ringbuffer.ring import claim, publish

Array = np.ndarray[Any, Any]
_MATCHER_SLEEPING = pipeline.sleeping(pipeline.AGENT_MATCHER)


class IngressProducer:
    """The producer of ingress ring ``number`` (see pipeline.py).

    ``ring``: COMMAND[capacity], ``cursors``: int64[CURSOR_WORDS], both shared;
    ``matcher_eventfd``: wakes the matcher, -1: nobody to wake.
    """

    def __init__(
        self, ring: Array, cursors: Array, number: pipeline.IngressRing, matcher_eventfd: int
    ) -> None:
        self._capacity = int(ring.shape[0])
        # as bytes: numpy would copy field by field
        self._slots = memoryview(ring.view(np.uint8).reshape(-1))  # type: ignore[arg-type]
        self._cursors = cursors
        self._cursor = pipeline.ingress_published(number)
        self._gate = pipeline.ingress_consumed(number)
        self._matcher_eventfd = matcher_eventfd
        # Sequence of the slot that is written next. It goes on where a process before this one has
        # ended: what that one had written and not published is lost.
        self.next_sequence = load_acquire(cursors, self._cursor)

    def write(self, command: bytes) -> bool:
        """Write a command (one or two slots) without publishing it.

        False: the ring has no room for all of it, and nothing is written.
        """
        count = len(command) // COMMAND_SIZE_BYTES
        if claim(self._cursors, self._gate, self.next_sequence, self._capacity, count) < count:
            return False
        for first in range(0, len(command), COMMAND_SIZE_BYTES):
            at = (self.next_sequence & (self._capacity - 1)) * COMMAND_SIZE_BYTES
            self._slots[at : at + COMMAND_SIZE_BYTES] = command[first : first + COMMAND_SIZE_BYTES]
            self.next_sequence += 1
        return True

    def room(self) -> int:
        """How many slots can be written now."""
        return self._capacity - (self.next_sequence - self.consumed())

    def publish(self) -> None:
        """Make everything that was written visible to the matcher, and wake it."""
        publish(self._cursors, self._cursor, self.next_sequence)
        self.wake_matcher()

    def wake_matcher(self) -> None:
        """Wake the matcher if it sleeps."""
        wake(self._cursors, _MATCHER_SLEEPING, self._matcher_eventfd)

    def consumed(self) -> int:
        """How many slots of the ring the matcher has taken out."""
        return load_acquire(self._cursors, self._gate)
