"""The arrays that the jitted duty cycle of order entry works on, as one tuple, and their words.

Who uses it: intake.py, delivery.py and duty_cycle.py (jitted), and the Python side of the gateway.
All arrays but cursors, counters, ingress and event ring are private to the gateway process.

The duty cycle leaves a *notice* (kind, connection, two details) for everything that a connection
needs of Python. Python leaves sessions in the queue of *disconnects* (``queue_disconnect``), which
intake.py puts into the ingress ring.
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

import numpy as np

from exchange.gateway.decoder import DECODED_WORDS, FRAME_SIZE_MAXIMUM
from exchange.gateway.encoder import ENCODED_WORDS
from exchange.gateway.parameters import OrderEntryParameters
from exchange.gateway.session import (
    SESSION_DISCONNECT,
    OutputQueue,
    create_connections,
    create_output_queue,
    create_sessions,
)
from exchange.gateway.symbols import SymbolTable, create_symbol_table
from exchange.records import EVENT
from ringbuffer.system_calls import EPOLL_EVENT_SIZE_BYTES

MILLISECOND_NS = 1_000_000
EPOLL_EVENTS = 256
READABLE_BYTES = 1  # CONNECTION_READABLE: bytes may be there
READABLE_END = 2  # ... or the end of the input: stays set until recv returns it
FILE_DESCRIPTOR_MAXIMUM = 1 << 16
CARRY_SIZE_BYTES = 64
assert CARRY_SIZE_BYTES >= FRAME_SIZE_MAXIMUM


class Notice(IntEnum):
    """Kinds of notices for Python. The comment describes the two details."""

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


class Handover(IntEnum):
    """Why a duty cycle hands the event at EVENT_NEXT over to Python."""

    NOTHING = 0
    CONTROL = 1  # it is not a message (definitions, start and end of day)
    MISMATCH = 2  # it has a wrong session sequence
    LAPPED = 3  # the ring does not have it any more: read it from the archive
    BOUNDARY = 4  # its sequence is a multiple of the index interval: add to the session index


# Words of `words` (int64).
NOTICES = 0  # notices waiting
READY_HEAD = 1
READY_COUNT = 2
NEXT_SEQUENCE = 3  # of the ingress ring: the slot that is written next
EVENT_NEXT = 4  # next event sequence to encode
MIDNIGHT_NS = 5
DISCONNECT_HEAD = 6
DISCONNECT_COUNT = 7
HANDOVER = 8  # a Handover
TIMER_NS = 9  # when the clocks were looked at last
CONNECTIONS_USED = 10  # connections from this number on have never been used
WOKEN = 12  # 1: our eventfd was written since the last cycle returned
VERDICT = 13  # 1: a password has been checked; set by the checking thread before it wakes us
THROTTLED = 14  # connections whose bytes wait for their session's rate, in the latest pass
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


class DutyState(NamedTuple):
    """Everything that the duty cycle works on."""

    cursors: np.ndarray  # int64[CURSOR_WORDS], shared
    counters: np.ndarray  # int64[COUNTER_WORDS], shared
    ingress: np.ndarray  # COMMAND[power of two], shared
    event_ring: np.ndarray  # EVENT[power of two], shared
    connections: np.ndarray  # int64[connections, CONNECTION_WORDS], see session.py
    sessions: np.ndarray  # int64[sessions, SESSION_WORDS], see session.py
    queue: OutputQueue
    symbols: SymbolTable
    connection_of_fd: np.ndarray  # int32[FILE_DESCRIPTOR_MAXIMUM]: connection + 1, 0 = none
    ready: np.ndarray  # int64[connections]: circular queue of connections to be read
    carry: np.ndarray  # uint8[connections * CARRY_SIZE_BYTES]: incomplete frames
    receive: np.ndarray  # uint8[CARRY_SIZE_BYTES + receive bytes]
    batch: np.ndarray  # EVENT[n]: private copy of a batch of events
    notices: np.ndarray  # int64[n, 4]
    disconnects: np.ndarray  # int64[sessions]: circular queue of sessions whose connection ended
    epoll_events: np.ndarray  # uint8[EPOLL_EVENTS * EPOLL_EVENT_SIZE_BYTES]
    words: np.ndarray  # int64[WORDS]
    limits: np.ndarray  # int64[LIMITS]
    descriptors: np.ndarray  # int64[DESCRIPTORS]
    decoded: np.ndarray  # int64[DECODED_WORDS], see decoder.py
    encoded: np.ndarray  # int64[ENCODED_WORDS], see encoder.py
    clock: np.ndarray  # int64[2], a timespec


def create_duty_state(
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
) -> DutyState:
    """Allocate the private arrays (zero pages: unused ones take no memory)."""
    for ring in (ingress, event_ring):
        assert len(ring) & (len(ring) - 1) == 0, "sequences become indices with a mask"
    return DutyState(
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
        np.zeros(DECODED_WORDS, np.int64),
        np.zeros(ENCODED_WORDS, np.int64),
        np.zeros(2, np.int64),
    )


def set_limits(
    duty: DutyState, parameters: OrderEntryParameters, index_interval_events: int
) -> None:
    """Write the limits of ``parameters`` into ``duty.limits``."""
    limits = duty.limits
    limits[LIMIT_HEARTBEAT_NS] = parameters.heartbeat_interval_ms * MILLISECOND_NS
    limits[LIMIT_CLIENT_TIMEOUT_NS] = parameters.client_timeout_ms * MILLISECOND_NS
    limits[LIMIT_STALL_NS] = parameters.stall_timeout_ms * MILLISECOND_NS
    limits[LIMIT_BACKLOG_MESSAGES] = parameters.backlog_messages
    limits[LIMIT_TIMER_NS] = parameters.timer_interval_ms * MILLISECOND_NS
    limits[LIMIT_INDEX_INTERVAL] = index_interval_events


def queue_disconnect(duty: DutyState, session: int) -> None:
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
