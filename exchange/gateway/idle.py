"""How order entry sleeps when it is run without ``serve``: in epoll, on sockets and its eventfd.

See ringbuffer/idle.py for the protocol; epoll stands in for its poll.
"""

from __future__ import annotations

import os

import numpy as np

from exchange.core import pipeline
from exchange.gateway.arrays import THROTTLED
from exchange.gateway.connections import Connections
from exchange.gateway.intake import THROTTLE_MS, poll_sockets
from ringbuffer.atomics import load_acquire
from ringbuffer.idle import announce_sleep, cancel_sleep


class OrderEntryIdle:
    """The blocking idle strategy of order entry; ``eventfd`` is its own, -1 = none."""

    name = "block"
    blocks = True

    def __init__(
        self, connections: Connections, cursors: np.ndarray, eventfd: int, timeout_ms: int
    ) -> None:
        self._connections = connections
        self._cursors = cursors
        self._eventfd = eventfd
        self._timeout_ms = timeout_ms
        self._flag = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)

    def prepare(self) -> None:
        announce_sleep(self._cursors, self._flag)

    def wait(self) -> None:
        timeout_ms = self._timeout_ms
        if self._connections.sockets:
            timeout_ms = min(timeout_ms, self._connections.parameters.timer_interval_ms)
        if self._connections.duty.words[THROTTLED]:
            timeout_ms = min(timeout_ms, THROTTLE_MS)
        if load_acquire(self._cursors, pipeline.STOP_INTAKE) != 0:
            timeout_ms = 1  # the end of the last command wakes nobody if it has no events
        poll_sockets(self._connections.duty, timeout_ms)

    def resume(self) -> None:
        cancel_sleep(self._cursors, self._flag)

    def interrupt(self) -> None:
        if self._eventfd >= 0:
            os.eventfd_write(self._eventfd, 1)
