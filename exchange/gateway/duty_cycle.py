"""The jitted duty cycle of order entry: sockets to ingress ring, event ring to sockets.

Who calls it: OrderEntryAgent (order_entry.py), which does everything that happens once per
connection and not once per message. One pass: ask epoll what is ready; receive and decode from each
readable connection (round robin, a bounded number of bytes each); encode released events; send;
look at the clocks. What needs Python it leaves as a *notice* (kind, slot, two details).

Sockets are edge-triggered: epoll says once that a socket became readable or writable, and the
connection's row remembers it until the socket says EAGAIN. So nothing is polled for that a full
ring or a full buffer could not take, and back-pressure costs no wake-ups.

Ingress ring: this process is its only producer. EVENT ring: read without gating; a batch that may
have been overwritten meanwhile is read from the archive by Python (``LAPPED``).
"""

from __future__ import annotations

import platform
from enum import IntEnum
from typing import NamedTuple

import numpy as np

from exchange import pipeline
from exchange.counters import Counter
from exchange.gateway import soupbintcp
from exchange.gateway.decoder import (
    BYTES_PER_SLOT_MINIMUM,
    FRAME_SIZE_MAXIMUM,
    LENGTH,
    MESSAGES,
    POSITION,
    RESULT_WORDS,
    SKIP,
    SLOTS,
    STOP,
    Stop,
    decode,
)
from exchange.gateway.decoder import DETAIL as DECODE_DETAIL
from exchange.gateway.encoder import CONTROL, ENCODED, encode_live
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_BYTES_IN,
    CONNECTION_CARRY,
    CONNECTION_CAUGHT_UP,
    CONNECTION_DEADLINE_NS,
    CONNECTION_DIRTY,
    CONNECTION_FD,
    CONNECTION_HEAD,
    CONNECTION_MESSAGES_IN,
    CONNECTION_NOTICED,
    CONNECTION_NUMBER,
    CONNECTION_PROGRESS_NS,
    CONNECTION_READABLE,
    CONNECTION_READY,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SENT_NS,
    CONNECTION_SESSION,
    CONNECTION_SKIP,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    CONNECTION_WRITABLE,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_CONNECTED,
    STATE_FLUSHING,
    STATE_FREE,
    STATE_LINGERING,
    STATE_LIVE,
    STATE_VERIFYING,
    OutputQueue,
    create_connections,
    create_output_queue,
    create_sessions,
    mark_dirty,
)
from exchange.gateway.symbols import SymbolTable, create_symbol_table
from exchange.records import EVENT
from ringbuffer.atomics import fence, load_acquire
from ringbuffer.counters import add, set_value
from ringbuffer.idle import announce_sleep, cancel_sleep, wake
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline
from ringbuffer.ring import publish
from ringbuffer.system_calls import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    clock_ns,
    epoll_wait,
    errno,
    recv,
    send,
)

# struct epoll_event is packed on x86-64 only: u32 events, u64 data.
EPOLL_EVENT_SIZE_BYTES = 12 if platform.machine() in ("x86_64", "AMD64") else 16
_EPOLL_DATA_OFFSET = EPOLL_EVENT_SIZE_BYTES - 8
_EPOLL_EVENTS = 256
_EPOLLIN = 0x001
_EPOLLOUT = 0x004
_EPOLLERR = 0x008
_EPOLLHUP = 0x010
_EPOLLRDHUP = 0x2000
_EAGAIN = 11
_EINTR = 4
_MSG_DONTWAIT = 0x40
_MSG_NOSIGNAL = 0x4000

READABLE_BYTES = 1  # CONNECTION_READABLE: bytes may be there
READABLE_END = 2  # ... or the end: stays until recv has said so

RING_RESERVE = 64  # slots: below this, or half of it, the ingress ring counts as full
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
INGRESS_NEXT = 3
EVENT_NEXT = 4  # next event sequence to encode
MIDNIGHT_NS = 5
OUTCOME = 8
TIMER_NS = 9  # when the clocks were looked at last
HIGH_SLOT = 10  # slots below this have been used
EVENTS_SENT = 11
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
LIMIT_EVENT_SAFE = 6  # events behind EVENT_PUBLISHED that are surely not being overwritten
LIMITS = 8

# Words of `descriptors` (int64).
FD_EPOLL = 0
FD_LISTENER = 1
FD_OWN = 2  # our eventfd
FD_MATCHER = 3  # the matcher's eventfd
DESCRIPTORS = 4

_INGRESS = pipeline.INGRESS_ORDER_ENTRY
_PUBLISHED = pipeline.ingress_published(_INGRESS)
_CONSUMED = pipeline.ingress_consumed(_INGRESS)
_MATCHER_SLEEPING = pipeline.sleeping(pipeline.AGENT_MATCHER)
_OWN_SLEEPING = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)
_EVENTS_CONSUMED = pipeline.consumed(pipeline.AGENT_ORDER_ENTRY)
_EVENT_PUBLISHED = pipeline.EVENT_PUBLISHED
_EVENT_RELEASED = pipeline.EVENT_RELEASED
_LOGOUT = int(Stop.LOGOUT)
_N_ACCEPT = int(Notice.ACCEPT)
_N_UNAUTHENTICATED = int(Notice.UNAUTHENTICATED)
_N_STOPPED = int(Notice.STOPPED)
_N_PEER_CLOSED = int(Notice.PEER_CLOSED)
_N_SILENT = int(Notice.SILENT)
_N_LOGIN_TIMEOUT = int(Notice.LOGIN_TIMEOUT)
_N_STALLED = int(Notice.STALLED)
_N_BACKLOG = int(Notice.BACKLOG)
_N_FLUSHED = int(Notice.FLUSHED)
_N_GIVE_UP = int(Notice.GIVE_UP)
_N_DRAIN = int(Notice.DRAIN)
_O_CONTROL = int(Outcome.CONTROL)
_O_MISMATCH = int(Outcome.MISMATCH)
_O_LAPPED = int(Outcome.LAPPED)
_O_BOUNDARY = int(Outcome.BOUNDARY)
_C_BYTES_RECEIVED = int(Counter.BYTES_RECEIVED)
_C_BYTES_SENT = int(Counter.BYTES_SENT)
_C_MESSAGES_RECEIVED = int(Counter.MESSAGES_RECEIVED)
_C_MESSAGES_SENT = int(Counter.MESSAGES_SENT)
_C_INGRESS_FULL = int(Counter.INGRESS_FULL)
_C_HEARTBEAT = int(Counter.ORDER_ENTRY_HEARTBEAT_NS)


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
    epoll_events: np.ndarray  # uint8[_EPOLL_EVENTS * EPOLL_EVENT_SIZE_BYTES]
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
        np.zeros((4 * connection_capacity + 4 * _EPOLL_EVENTS, 4), np.int64),
        np.zeros(_EPOLL_EVENTS * EPOLL_EVENT_SIZE_BYTES, np.uint8),
        np.zeros(WORDS, np.int64),
        np.zeros(LIMITS, np.int64),
        np.full(DESCRIPTORS, -1, np.int64),
        np.zeros(RESULT_WORDS, np.int64),
        np.zeros(2, np.int64),
        np.zeros(2, np.int64),
    )


@jit_borrowed_inline
def _notice(duty: Duty, kind: int, slot: int, detail_0: int, detail_1: int) -> None:
    notices = duty.notices
    words = duty.words
    count = words[NOTICES]
    notices[count, 0] = kind
    notices[count, 1] = slot
    notices[count, 2] = detail_0
    notices[count, 3] = detail_1
    words[NOTICES] = count + 1


@jit_borrowed_inline
def _ending_notice(duty: Duty, kind: int, slot: int, detail_0: int, detail_1: int) -> None:
    """A notice after which the connection is not used any more: at most one of them."""
    connections = duty.connections
    connections[slot, CONNECTION_READABLE] = 0
    if connections[slot, CONNECTION_NOTICED] == 0:
        connections[slot, CONNECTION_NOTICED] = 1
        _notice(duty, kind, slot, detail_0, detail_1)


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


@jit_borrowed
def poll_sockets(duty: Duty, timeout_ms: int) -> int:
    """Ask epoll, remember what is ready. Returns how many descriptors were."""
    connections = duty.connections
    words = duty.words
    raw = duty.epoll_events
    count = epoll_wait(
        np.int32(duty.descriptors[FD_EPOLL]),
        raw.ctypes.data,
        np.int32(_EPOLL_EVENTS),
        np.int32(timeout_ms),
    )
    for i in range(count):
        at = i * EPOLL_EVENT_SIZE_BYTES
        events = np.int64(raw[at]) | (np.int64(raw[at + 1]) << 8) | (np.int64(raw[at + 2]) << 16)
        at += _EPOLL_DATA_OFFSET
        fd = (
            np.int64(raw[at])
            | (np.int64(raw[at + 1]) << 8)
            | (np.int64(raw[at + 2]) << 16)
            | (np.int64(raw[at + 3]) << 24)
        )
        if fd == duty.descriptors[FD_LISTENER]:
            _notice(duty, _N_ACCEPT, -1, 0, 0)
            continue
        if fd == duty.descriptors[FD_OWN]:
            # Edge-triggered: it need not be read to be set again. But whoever wrote it has cleared
            # our sleeping flag, and no edge will come again for it: we must not sleep now.
            words[WOKEN] = 1
            continue
        if fd >= FILE_DESCRIPTOR_MAXIMUM:
            continue
        slot = np.int64(duty.slot_of_fd[fd]) - 1
        if slot < 0:
            continue
        state = connections[slot, CONNECTION_STATE]
        if events & (_EPOLLIN | _EPOLLRDHUP | _EPOLLHUP | _EPOLLERR):
            ended = events & (_EPOLLRDHUP | _EPOLLHUP | _EPOLLERR)
            connections[slot, CONNECTION_READABLE] |= (
                READABLE_BYTES | READABLE_END if ended else READABLE_BYTES
            )
            if state in (STATE_LIVE, STATE_CATCH_UP):
                push_ready(duty, slot)
            elif state == STATE_LINGERING:
                _notice(duty, _N_DRAIN, slot, 0, 0)
            elif state in (STATE_CONNECTED, STATE_VERIFYING):
                _notice(duty, _N_UNAUTHENTICATED, slot, 0, 0)
        if events & _EPOLLOUT:
            connections[slot, CONNECTION_WRITABLE] = 1
            if connections[slot, CONNECTION_TAIL] > connections[slot, CONNECTION_HEAD]:
                mark_dirty(connections, slot, duty.queue.dirty, duty.queue.dirty_count)
    return max(count, 0)


@jit_borrowed
def _receive(duty: Duty, slot: int, room: int, now_ns: int) -> int:
    """Receive once from ``slot``, decode, publish. Returns the bytes received."""
    connections = duty.connections
    words = duty.words
    buffer = duty.receive
    decoded = duty.decoded
    carried = connections[slot, CONNECTION_CARRY]
    carry_base = slot * CARRY_SIZE_BYTES
    for i in range(carried):
        buffer[i] = duty.carry[carry_base + i]
    # never more bytes than the ring has room for, so no decoded message waits here
    want = min(np.int64(buffer.shape[0]), room * BYTES_PER_SLOT_MINIMUM) - carried
    count = recv(
        np.int32(connections[slot, CONNECTION_FD]),
        buffer.ctypes.data + carried,
        np.uintp(want),
        np.int32(_MSG_DONTWAIT),
    )
    if count <= 0:
        error = np.int64(errno()) if count < 0 else np.int64(0)
        if error == _EAGAIN:
            connections[slot, CONNECTION_READABLE] = 0
        elif error != _EINTR:
            _ending_notice(duty, _N_PEER_CLOSED, slot, error, 0)
        return 0
    if count < want and connections[slot, CONNECTION_READABLE] == READABLE_BYTES:
        connections[slot, CONNECTION_READABLE] = 0
    add(duty.counters, _C_BYTES_RECEIVED, count)
    connections[slot, CONNECTION_RECEIVED_NS] = now_ns
    end = carried + count
    skip = min(connections[slot, CONNECTION_SKIP], end)
    connections[slot, CONNECTION_SKIP] -= skip
    received_ns = clock_ns(CLOCK_REALTIME, duty.clock)
    first = words[INGRESS_NEXT]
    decode(
        buffer,
        skip,
        end,
        duty.ingress,
        first,
        room,
        connections[slot, CONNECTION_SESSION],
        received_ns,
        duty.symbols,
        decoded,
    )
    if decoded[SLOTS] > 0:
        words[INGRESS_NEXT] = first + decoded[SLOTS]
        publish(duty.cursors, _PUBLISHED, words[INGRESS_NEXT])
        wake(duty.cursors, _MATCHER_SLEEPING, duty.descriptors[FD_MATCHER])
    add(duty.counters, _C_MESSAGES_RECEIVED, decoded[MESSAGES])
    position = decoded[POSITION]
    connections[slot, CONNECTION_MESSAGES_IN] += decoded[MESSAGES]
    connections[slot, CONNECTION_BYTES_IN] += position
    connections[slot, CONNECTION_SKIP] += decoded[SKIP]
    if decoded[STOP] >= _LOGOUT:
        detail = decoded[STOP] | (decoded[DECODE_DETAIL] << 8) | (decoded[LENGTH] << 16)
        _ending_notice(duty, _N_STOPPED, slot, detail, connections[slot, CONNECTION_BYTES_IN])
        connections[slot, CONNECTION_CARRY] = 0
        return count
    # NEED_MORE: fewer bytes than the longest frame are left
    rest = end - position
    for i in range(rest):
        duty.carry[carry_base + i] = buffer[position + i]
    connections[slot, CONNECTION_CARRY] = rest
    return count


@jit_borrowed
def receive_pass(duty: Duty, now_ns: int) -> int:
    """Read once from every connection that is ready now. Returns the bytes received."""
    connections = duty.connections
    words = duty.words
    capacity = duty.ingress.shape[0]
    # at most half: the matcher wakes us when it takes from a ring that is at least half full
    reserve = min(RING_RESERVE, capacity // 2)
    total = np.int64(0)
    for _ in range(words[READY_COUNT]):
        slot = duty.ready[words[READY_HEAD]]
        state = connections[slot, CONNECTION_STATE]
        readable = connections[slot, CONNECTION_READABLE] != 0
        if (state in (STATE_LIVE, STATE_CATCH_UP)) and readable:
            # acquire: the matcher is done with the slots that it gives back
            room = capacity - (words[INGRESS_NEXT] - load_acquire(duty.cursors, _CONSUMED))
            if room < reserve:
                # back-pressure: nothing is read, TCP holds the client; the queue keeps its order
                add(duty.counters, _C_INGRESS_FULL, 1)
                break
        words[READY_HEAD] = (words[READY_HEAD] + 1) % duty.ready.shape[0]
        words[READY_COUNT] -= 1
        connections[slot, CONNECTION_READY] = 0
        if (state in (STATE_LIVE, STATE_CATCH_UP)) and readable:
            total += _receive(duty, slot, room, now_ns)
            if connections[slot, CONNECTION_READABLE] != 0:
                push_ready(duty, slot)
    return total


@jit_borrowed
def copy_events(duty: Duty, first: int, count: int, target: np.ndarray) -> bool:
    """Copy released events from the ring; False when the ring may not have them any more."""
    ring = duty.event_ring
    mask = ring.shape[0] - 1
    safe = duty.limits[LIMIT_EVENT_SAFE]
    if load_acquire(duty.cursors, _EVENT_PUBLISHED) - first > safe:
        return False
    for i in range(count):
        target[i] = ring[(first + i) & mask]
    # full fence: the copy is done before the producer's cursor is looked at again
    fence()
    if load_acquire(duty.cursors, _EVENT_PUBLISHED) - first > safe:
        return False
    # the producer may be far ahead of its cursor inside one huge command
    right = True
    for i in range(count):
        right = right and target[i].sequence == first + i
        right = right and ring[(first + i) & mask].sequence == first + i
        # a slot of a new region that was never written looks like event 0
        right = right and target[i].kind != 0
    return right


@jit_borrowed
def encode_batch(duty: Duty, count: int) -> int:
    """Encode ``duty.batch[:count]``, which starts at EVENT_NEXT; sets OUTCOME, moves EVENT_NEXT."""
    words = duty.words
    done = encode_live(
        duty.batch,
        count,
        duty.sessions,
        duty.connections,
        duty.queue,
        words[MIDNIGHT_NS],
        duty.symbols,
        duty.encoded,
    )
    words[EVENT_NEXT] += done
    add(duty.counters, _C_MESSAGES_SENT, duty.encoded[1])
    publish(duty.cursors, _EVENTS_CONSUMED, words[EVENT_NEXT])
    if duty.encoded[0] != ENCODED:
        words[OUTCOME] = _O_CONTROL if duty.encoded[0] == CONTROL else _O_MISMATCH
    elif words[EVENT_NEXT] % duty.limits[LIMIT_INDEX_INTERVAL] == 0 and done > 0:
        words[OUTCOME] = _O_BOUNDARY
    return done


@jit_borrowed_inline
def batch_room(duty: Duty, end: int, limit: int) -> int:
    """How many events the next batch may have: not beyond ``end`` or the next index boundary."""
    first = duty.words[EVENT_NEXT]
    interval = duty.limits[LIMIT_INDEX_INTERVAL]
    boundary = first - first % interval + interval
    return min(min(end, boundary) - first, min(np.int64(limit), np.int64(duty.batch.shape[0])))


@jit_borrowed
def encode_pass(duty: Duty, limit: int) -> int:
    """Encode at most ``limit`` released events. Returns how many."""
    # acquire: the events are durable, archived and visible before the cursor says so
    released = load_acquire(duty.cursors, _EVENT_RELEASED)
    count = batch_room(duty, released, limit)
    if count <= 0:
        return 0
    if not copy_events(duty, duty.words[EVENT_NEXT], count, duty.batch):
        duty.words[OUTCOME] = _O_LAPPED
        return 0
    return encode_batch(duty, count)


@jit_borrowed
def send_pass(duty: Duty, now_ns: int) -> int:
    """Send what is waiting. Returns the bytes sent."""
    connections = duty.connections
    queue = duty.queue
    output = queue.output
    total = np.int64(0)
    kept = np.int64(0)
    waiting = queue.dirty_count[0]
    for i in range(waiting):
        slot = queue.dirty[i]
        connections[slot, CONNECTION_DIRTY] = 0
        state = connections[slot, CONNECTION_STATE]
        if state != STATE_LIVE and state != STATE_CATCH_UP and state != STATE_FLUSHING:
            continue
        head = connections[slot, CONNECTION_HEAD]
        count = connections[slot, CONNECTION_TAIL] - head
        if count > 0 and connections[slot, CONNECTION_WRITABLE] != 0:
            sent = send(
                np.int32(connections[slot, CONNECTION_FD]),
                output.ctypes.data + connections[slot, CONNECTION_BASE] + head,
                np.uintp(count),
                np.int32(_MSG_DONTWAIT | _MSG_NOSIGNAL),
            )
            if sent > 0:
                total += sent
                connections[slot, CONNECTION_HEAD] += sent
                connections[slot, CONNECTION_SENT_NS] = now_ns
                connections[slot, CONNECTION_PROGRESS_NS] = now_ns
                if sent == count:
                    connections[slot, CONNECTION_HEAD] = 0
                    connections[slot, CONNECTION_TAIL] = 0
                else:
                    # once more in the next pass: only EAGAIN makes epoll tell us of new room
                    connections[slot, CONNECTION_DIRTY] = 1
                    queue.dirty[kept] = slot
                    kept += 1
            else:
                error = np.int64(errno())
                if error == _EAGAIN:
                    connections[slot, CONNECTION_WRITABLE] = 0
                    connections[slot, CONNECTION_PROGRESS_NS] = now_ns
                elif error == _EINTR:
                    connections[slot, CONNECTION_DIRTY] = 1
                    queue.dirty[kept] = slot
                    kept += 1
                else:
                    _ending_notice(duty, _N_PEER_CLOSED, slot, error, 0)
        if state == STATE_FLUSHING and connections[slot, CONNECTION_TAIL] == 0:
            _ending_notice(duty, _N_FLUSHED, slot, 0, 0)
    queue.dirty_count[0] = kept
    add(duty.counters, _C_BYTES_SENT, total)
    return total


@jit_borrowed
def timer_pass(duty: Duty, now_ns: int) -> None:
    """Heartbeats, silence, stalls, deadlines: every connection once."""
    connections = duty.connections
    limits = duty.limits
    output = duty.queue.output
    for slot in range(duty.words[HIGH_SLOT]):
        state = connections[slot, CONNECTION_STATE]
        if state == STATE_FREE:
            continue
        if state != STATE_LIVE and state != STATE_CATCH_UP:
            if now_ns > connections[slot, CONNECTION_DEADLINE_NS]:
                late = state in (STATE_CONNECTED, STATE_VERIFYING)
                _ending_notice(duty, _N_LOGIN_TIMEOUT if late else _N_GIVE_UP, slot, 0, 0)
            continue
        tail = connections[slot, CONNECTION_TAIL]
        if tail == 0:
            if now_ns - connections[slot, CONNECTION_SENT_NS] >= limits[LIMIT_HEARTBEAT_NS]:
                at = connections[slot, CONNECTION_BASE]
                output[at] = 0
                output[at + 1] = soupbintcp.EMPTY_LENGTH
                output[at + 2] = soupbintcp.SERVER_HEARTBEAT
                connections[slot, CONNECTION_TAIL] = 3
                # at the time of sending it is set again; here it stops a second one
                connections[slot, CONNECTION_SENT_NS] = now_ns
                mark_dirty(connections, slot, duty.queue.dirty, duty.queue.dirty_count)
        elif (
            connections[slot, CONNECTION_WRITABLE] == 0
            and now_ns - connections[slot, CONNECTION_PROGRESS_NS] > limits[LIMIT_STALL_NS]
        ):
            _ending_notice(duty, _N_STALLED, slot, 0, 0)
            continue
        behind = (
            duty.sessions[connections[slot, CONNECTION_SESSION], SESSION_NUMBER]
            - connections[slot, CONNECTION_NUMBER]
        )
        if connections[slot, CONNECTION_CAUGHT_UP] != 0 and behind > limits[LIMIT_BACKLOG_MESSAGES]:
            _ending_notice(duty, _N_BACKLOG, slot, behind, 0)
        elif (
            connections[slot, CONNECTION_READABLE] == 0  # what we have not read is not silence
            and now_ns - connections[slot, CONNECTION_RECEIVED_NS] > limits[LIMIT_CLIENT_TIMEOUT_NS]
        ):
            _ending_notice(duty, _N_SILENT, slot, 0, 0)


@jit_borrowed
def run_pass(duty: Duty, limit: int, intake: bool, timeout_ms: int) -> int:
    """One pass, see the top of this file. Returns the work done (bytes and events), 0 = none.

    ``intake``: whether clients are read from. ``timeout_ms``: how long epoll may wait.
    """
    words = duty.words
    words[OUTCOME] = 0
    poll_sockets(duty, timeout_ms)
    now_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
    work = np.int64(0)
    if intake:
        work += receive_pass(duty, now_ns)
    work += encode_pass(duty, limit)
    if now_ns - words[TIMER_NS] >= duty.limits[LIMIT_TIMER_NS]:
        words[TIMER_NS] = now_ns
        set_value(duty.counters, _C_HEARTBEAT, now_ns)
        timer_pass(duty, now_ns)
    work += send_pass(duty, now_ns)
    work += words[NOTICES] + words[OUTCOME] + words[WOKEN]
    words[WOKEN] = 0
    return work


@jit_borrowed_inline
def needs_python(duty: Duty) -> bool:
    """Whether something waits that only the interpreter does: logins, streams, ends, stops."""
    words = duty.words
    return (
        words[OUTCOME] != 0
        or words[NOTICES] != 0
        or words[VERDICT] != 0
        or duty.queue.dirty_count[1] != 0
        or duty.cursors[pipeline.STOP_INTAKE] != 0
        or duty.cursors[pipeline.STOP] != 0
    )


@jit_borrowed
def serve(duty: Duty, limit: int, timeout_ms: int, passes: int) -> int:
    """Passes and sleeps without the interpreter, until something needs it or ``passes`` are done.

    The sleep is the protocol of ringbuffer/idle.py, with epoll in place of its poll. Returns the
    work done; 0 after a sleep that nothing ended.
    """
    total = np.int64(0)
    for _ in range(passes):
        work = run_pass(duty, limit, True, 0)
        total += work
        if needs_python(duty):
            return total
        if work != 0:
            continue
        announce_sleep(duty.cursors, _OWN_SLEEPING)
        work = run_pass(duty, limit, True, 0)
        total += work
        woken = 1
        if work == 0 and not needs_python(duty):
            woken = poll_sockets(duty, timeout_ms)
        cancel_sleep(duty.cursors, _OWN_SLEEPING)
        # a timeout, or a signal: its handler is Python's
        if woken == 0 or needs_python(duty):
            return total
    return total
