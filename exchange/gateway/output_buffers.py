"""The output buffers of connections: room, and the queue of those that have something to send.

Who calls it: the encoder and the duty cycle (jitted), and Python for what it sends itself. The
arrays are described in session.py: ``connections`` is int64[connections, CONNECTION_WORDS],
``connection`` the number of a row of it.
"""

from __future__ import annotations

import numpy as np

from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_DIRTY,
    CONNECTION_HEAD,
    CONNECTION_TAIL,
    OutputQueue,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline


@jit_borrowed_inline
def mark_dirty(connections: np.ndarray, connection: int, queue: OutputQueue) -> None:
    """Put ``connection`` into the queue of those that have something to send, at most once."""
    if connections[connection, CONNECTION_DIRTY] == 0:
        connections[connection, CONNECTION_DIRTY] = 1
        dirty_count = queue.dirty_count
        queue.dirty[dirty_count[0]] = connection
        dirty_count[0] += 1


@jit_borrowed
def _compact(connections: np.ndarray, connection: int, output: np.ndarray) -> None:
    """Move the waiting bytes to the front of the buffer. ``output``: uint8[connections * size]."""
    base = connections[connection, CONNECTION_BASE]
    head = connections[connection, CONNECTION_HEAD]
    count = connections[connection, CONNECTION_TAIL] - head
    for i in range(count):
        output[base + i] = output[base + head + i]
    connections[connection, CONNECTION_HEAD] = 0
    connections[connection, CONNECTION_TAIL] = count


@jit_borrowed_inline
def reserve(connections: np.ndarray, connection: int, queue: OutputQueue, size_bytes: int) -> bool:
    """Whether ``size_bytes`` fit behind TAIL in the connection's buffer.

    Makes room by moving once half of the buffer is sent, so moving costs O(1) a byte.
    """
    size = queue.size[0]
    if (
        connections[connection, CONNECTION_TAIL] + size_bytes > size
        and connections[connection, CONNECTION_HEAD] * 2 >= size
    ):
        _compact(connections, connection, queue.output)
    return connections[connection, CONNECTION_TAIL] + size_bytes <= size
