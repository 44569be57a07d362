"""Leaves notices for Python, and queues connections to be read: jitted, for the duty cycle.

Who calls it: intake.py, delivery.py and duty_cycle.py; login.py queues a connection that has just
logged in. The notices are described in arrays.py. ``connection`` is a row of ``duty.connections``.
"""

from __future__ import annotations

from exchange.gateway.arrays import NOTICES, READY_COUNT, READY_HEAD, DutyState
from exchange.gateway.session import CONNECTION_NOTICED, CONNECTION_READABLE, CONNECTION_READY
from ringbuffer.jit import jit_borrowed_inline


@jit_borrowed_inline
def notice(duty: DutyState, kind: int, connection: int, detail_0: int, detail_1: int) -> None:
    """Leave a notice. ``kind``: a Notice, which also says what the two details (int64) are."""
    notices = duty.notices
    words = duty.words
    count = words[NOTICES]
    notices[count, 0] = kind
    notices[count, 1] = connection
    notices[count, 2] = detail_0
    notices[count, 3] = detail_1
    words[NOTICES] = count + 1


@jit_borrowed_inline
def ending_notice(
    duty: DutyState, kind: int, connection: int, detail_0: int, detail_1: int
) -> None:
    """Leave the notice that ends the use of ``connection``, unless there has been one."""
    connections = duty.connections
    connections[connection, CONNECTION_READABLE] = 0
    if connections[connection, CONNECTION_NOTICED] == 0:
        connections[connection, CONNECTION_NOTICED] = 1
        notice(duty, kind, connection, detail_0, detail_1)


@jit_borrowed_inline
def push_ready(duty: DutyState, connection: int) -> None:
    """Put ``connection`` at the end of the queue of connections to be read, unless it is there."""
    connections = duty.connections
    words = duty.words
    if connections[connection, CONNECTION_READY] == 0:
        connections[connection, CONNECTION_READY] = 1
        size = duty.ready.shape[0]
        duty.ready[(words[READY_HEAD] + words[READY_COUNT]) % size] = connection
        words[READY_COUNT] += 1
