"""Room in the output buffers, and the queue of connections that have something to send."""

from __future__ import annotations

import numpy as np

from exchange.gateway.output_buffers import mark_dirty, reserve
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_HEAD,
    CONNECTION_TAIL,
    create_connections,
    create_output_queue,
)

SIZE = 64


def test_a_connection_is_queued_once() -> None:
    connections, queue = create_connections(3, SIZE), create_output_queue(3, SIZE)
    for connection in (2, 0, 2, 2, 0):
        mark_dirty(connections, connection, queue)
    assert queue.dirty[: queue.dirty_count[0]].tolist() == [2, 0]


def test_room_is_behind_the_tail() -> None:
    connections, queue = create_connections(2, SIZE), create_output_queue(2, SIZE)
    connections[1, CONNECTION_TAIL] = 40
    assert reserve(connections, 1, queue, SIZE - 40)
    assert not reserve(connections, 1, queue, SIZE - 39)
    assert connections[1, CONNECTION_TAIL] == 40


def test_waiting_bytes_move_to_the_front_once_half_is_sent() -> None:
    connections, queue = create_connections(2, SIZE), create_output_queue(2, SIZE)
    base = int(connections[1, CONNECTION_BASE])
    assert base == SIZE
    queue.output[:] = np.arange(2 * SIZE)
    connections[1, CONNECTION_HEAD], connections[1, CONNECTION_TAIL] = SIZE // 2 - 1, SIZE
    assert not reserve(connections, 1, queue, 1)  # less than half: moving would cost too much
    connections[1, CONNECTION_HEAD] = SIZE // 2
    assert reserve(connections, 1, queue, SIZE // 2)
    assert (connections[1, CONNECTION_HEAD], connections[1, CONNECTION_TAIL]) == (0, SIZE // 2)
    moved = queue.output[base : base + SIZE // 2].tolist()
    assert moved == list(range(base + SIZE // 2, base + SIZE))
    assert queue.output[:base].tolist() == list(range(base)), "the neighbour's bytes stay"
