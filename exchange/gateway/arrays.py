"""What the jitted duty cycle of order entry works on: one tuple of arrays, and its words.

Who uses it: intake.py, delivery.py and duty_cycle.py (jitted), and the Python side of the gateway.
Everything but cursors, counters, ingress and event ring is private to the gateway process.

What needs Python the duty cycle leaves as a *notice* (kind, slot, two details). What Python wants
in the ingress ring it leaves in the queue of *disconnects*: ``queue_disconnect``, see intake.py.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from exchange.gateway.decoder import FRAME_SIZE_MAXIMUM, RESULT_WORDS
from exchange.gateway.session import (
    CONNECTION_NOTICED,
    CONNECTION_READABLE,
    CONNECTION_READY,
    SESSION_DISCONNECT,
    OutputQueue,
    create_connections,
    create_output_queue,
    create_sessions,
)
from exchange.gateway.symbols import SymbolTable, create_symbol_table
from exchange.records import EVENT
from ringbuffer.jit import jit_borrowed_inline
from ringbuffer.system_calls import EPOLL_EVENT_SIZE_BYTES

EPOLL_EVENTS = 256
READABLE_BYTES = 1  # CONNECTION_READABLE: bytes may be there
READABLE_END = 2  # ... or the end: stays until recv has said so
FILE_DESCRIPTOR_MAXIMUM = 1 << 16
CARRY_SIZE_BYTES = 64
assert CARRY_SIZE_BYTES >= FRAME_SIZE_MAXIMUM


class Notice(IntEnum):
    """What the duty cycle tells Python. The comment says what the two details are."""

    ACCEPT = 0  # the listening socket is readable
    UNAUTHENTICATED = 1  # a connection that has not logged in is readable
    STOPPED = 2  # the decoder stopped: Stop | letter << 8 | length << 16, byte position
    PEER_CLOSED = 3  # errno or 0
    SILENT = 4
    LOGIN_TIMEOUT = 5
    STALLED = 6
    BACKLOG = 7
    FLUSHED = 8
    GIVE_UP = 9
    DRAIN = 10  # a lingering connection is readable


class Outcome(IntEnum):
    """What else a pass wants from Python."""

    NOTHING = 0
    CONTROL = 1  # the event at EVENT_NEXT is Python's
    MISMATCH = 2  # the event at EVENT_NEXT has a wrong session sequence
    LAPPED = 3  # the event at EVENT_NEXT must be read from the archive
    BOUNDARY = 4  # EVENT_NEXT is a multiple of the index interval


# Words of `words` (int64).
NOTICES = 0  # notices waiting
READY_HEAD = 1
READY_COUNT = 2
NEXT_SEQUENCE = 3  # of the ingress ring: the slot that is written next
EVENT_NEXT = 4  # next event sequence to encode
MIDNIGHT_NS = 5
DISCONNECT_HEAD = 6
DISCONNECT_COUNT = 7
OUTCOME = 8
TIMER_NS = 9  # when the clocks were looked at last
HIGH_SLOT = 10  # slots below this have been used
WOKEN = 12  # 1: our eventfd was written since the last pass returned
VERDICT = 13  # 1: a password has been checked; set by the checking thread before it wakes us
WORDS = 16

# Words of `limits` (int64): set once.
LIMIT_HEARTBEAT_NS = 0
LIMIT_CLIENT_TIMEOUT_NS = 1
LIMIT_STALL_NS = 2
LIMIT_BACKLOG_MESSAGES = 3
LIMIT_TIMER_NS = 4
LIMIT_INDEX_INTERVAL = 5
LIMITS = 8

# Words of `descriptors` (int64).
FD_EPOLL = 0
FD_LISTENER = 1
FD_OWN = 2  # our eventfd
FD_MATCHER = 3  # the matcher's eventfd
DESCRIPTORS = 4


class Duty(NamedTuple):
    """Everything that the duty cycle works on."""

    cursors: np.ndarray  # int64[CURSOR_WORDS], shared
    counters: np.ndarray  # int64[COUNTER_WORDS], shared
    ingress: np.ndarray  # COMMAND[power of two], shared
    event_ring: np.ndarray  # EVENT[power of two], shared
    connections: np.ndarray
    sessions: np.ndarray
    queue: OutputQueue
    symbols: SymbolTable
    slot_of_fd: np.ndarray  # int32[FILE_DESCRIPTOR_MAXIMUM]: slot + 1, 0 = none
    ready: np.ndarray  # int64[connections]: circular queue of slots to be read
    carry: np.ndarray  # uint8[connections * CARRY_SIZE_BYTES]: incomplete frames
    receive: np.ndarray  # uint8[CARRY_SIZE_BYTES + receive bytes]
    batch: np.ndarray  # EVENT[n]: private copy of a batch of events
    notices: np.ndarray  # int64[n, 4]
    disconnects: np.ndarray  # int64[sessions]: circular queue of sessions whose connection ended
    epoll_events: np.ndarray  # uint8[EPOLL_EVENTS * EPOLL_EVENT_SIZE_BYTES]
    words: np.ndarray  # int64[WORDS]
    limits: np.ndarray  # int64[LIMITS]
    descriptors: np.ndarray  # int64[DESCRIPTORS]
    decoded: np.ndarray  # int64[RESULT_WORDS]
    encoded: np.ndarray  # int64[2]: see encoder.py
    clock: np.ndarray  # int64[2], a timespec


def create_duty(
    cursors: np.ndarray,
    counters: np.ndarray,
    ingress: np.ndarray,
    event_ring: np.ndarray,
    *,
    connection_capacity: int,
    session_capacity: int,
    instrument_capacity: int,
    receive_bytes: int,
    output_bytes: int,
    batch_events: int,
) -> Duty:
    """Allocate the private arrays (zero pages: what is not used is not resident)."""
    return Duty(
        cursors,
        counters,
        ingress,
        event_ring,
        create_connections(connection_capacity, output_bytes),
        create_sessions(session_capacity),
        create_output_queue(connection_capacity, output_bytes),
        create_symbol_table(instrument_capacity),
        np.zeros(FILE_DESCRIPTOR_MAXIMUM, np.int32),
        np.zeros(connection_capacity, np.int64),
        np.zeros(connection_capacity * CARRY_SIZE_BYTES, np.uint8),
        np.zeros(CARRY_SIZE_BYTES + receive_bytes, np.uint8),
        np.zeros(batch_events, EVENT),
        # each connection at most: readable, stopped or closed, timer; and the listener
        np.zeros((4 * connection_capacity + 4 * EPOLL_EVENTS, 4), np.int64),
        np.zeros(session_capacity, np.int64),
        np.zeros(EPOLL_EVENTS * EPOLL_EVENT_SIZE_BYTES, np.uint8),
        np.zeros(WORDS, np.int64),
        np.zeros(LIMITS, np.int64),
        np.full(DESCRIPTORS, -1, np.int64),
        np.zeros(RESULT_WORDS, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
    )


@jit_borrowed_inline
def notice(duty: Duty, kind: int, slot: int, detail_0: int, detail_1: int) -> None:
    notices = duty.notices
    words = duty.words
    count = words[NOTICES]
    notices[count, 0] = kind
    notices[count, 1] = slot
    notices[count, 2] = detail_0
    notices[count, 3] = detail_1
    words[NOTICES] = count + 1


@jit_borrowed_inline
def ending_notice(duty: Duty, kind: int, slot: int, detail_0: int, detail_1: int) -> None:
    """A notice after which the connection is not used any more: at most one of them."""
    connections = duty.connections
    connections[slot, CONNECTION_READABLE] = 0
    if connections[slot, CONNECTION_NOTICED] == 0:
        connections[slot, CONNECTION_NOTICED] = 1
        notice(duty, kind, slot, detail_0, detail_1)


@jit_borrowed_inline
def push_ready(duty: Duty, slot: int) -> None:
    """Put ``slot`` at the end of the queue of connections to be read, unless it is there."""
    connections = duty.connections
    words = duty.words
    if connections[slot, CONNECTION_READY] == 0:
        connections[slot, CONNECTION_READY] = 1
        size = duty.ready.shape[0]
        duty.ready[(words[READY_HEAD] + words[READY_COUNT]) % size] = slot
        words[READY_COUNT] += 1


def queue_disconnect(duty: Duty, session: int) -> None:
    """Tell the matcher that ``session`` has no connection any more (0: all), in order.

    The duty cycle puts it into the ingress ring before it reads another byte from any client, and
    waits with both while the ring is full: so it comes after everything that was read before, and
    before everything that a later connection of that session sends.
    """
    if duty.sessions[session, SESSION_DISCONNECT]:
        return  # nothing has been read since: once is enough
    duty.sessions[session, SESSION_DISCONNECT] = 1
    words = duty.words
    at = (words[DISCONNECT_HEAD] + words[DISCONNECT_COUNT]) % len(duty.disconnects)
    duty.disconnects[at] = session
    words[DISCONNECT_COUNT] += 1
