"""From the sockets to the ingress ring: what is ready, receive, decode, publish, disconnects.

Who calls it: the duty cycle (duty_cycle.py), in every cycle. Sockets are edge-triggered: epoll says
once that a socket became readable or writable, and the connection's row remembers it until the
socket says EAGAIN. So nothing is polled for that a full ring or a full buffer could not take, and
back-pressure costs no wake-ups.

A session sends messages of every kind at most at its rate: the bytes of one that is faster wait in
its socket, where TCP holds the client. A pass over all ready connections tries them again, and
while some wait the duty cycle sleeps for no longer than THROTTLE_MS.

This process is the ring's only producer. A DISCONNECT goes into the ring before anything is read
again (``queue_disconnect`` in arrays.py).

Decisions GTW-3 and GTW-5.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.arrays import (
    CARRY_SIZE_BYTES,
    DISCONNECT_COUNT,
    DISCONNECT_HEAD,
    EPOLL_EVENTS,
    FD_EPOLL,
    FD_LISTENER,
    FD_MATCHER,
    FD_OWN,
    FILE_DESCRIPTOR_MAXIMUM,
    NEXT_SEQUENCE,
    READABLE_BYTES,
    READABLE_END,
    READY_COUNT,
    READY_HEAD,
    THROTTLED,
    WOKEN,
    DutyState,
    Notice,
)
from exchange.gateway.decoder import (
    BYTES_PER_SLOT_MINIMUM,
    DECODED_DETAIL,
    DECODED_LENGTH,
    DECODED_MESSAGES,
    DECODED_OFFSET,
    DECODED_SKIP,
    DECODED_SLOTS,
    DECODED_STOP,
    FRAME_SIZE_MAXIMUM,
    CommandSlots,
    ReceivedBytes,
    clear_command,
    decode,
)
from exchange.gateway.decoder_stop import Stop
from exchange.gateway.notices import ending_notice, notice, push_ready
from exchange.gateway.output_buffers import mark_dirty
from exchange.gateway.session import (
    CONNECTION_BYTES_IN,
    CONNECTION_CARRY,
    CONNECTION_FD,
    CONNECTION_HEAD,
    CONNECTION_MESSAGES_IN,
    CONNECTION_READABLE,
    CONNECTION_READY,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SESSION,
    CONNECTION_SKIP,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    CONNECTION_WRITABLE,
    SESSION_ARRIVAL_NS,
    SESSION_DISCONNECT,
    SESSION_INTERVAL_NS,
    SESSION_SLACK_NS,
    STATE_CATCH_UP,
    STATE_CONNECTED,
    STATE_LINGERING,
    STATE_LIVE,
    STATE_VERIFYING,
)
from ringbuffer.counters import add
from ringbuffer.idle import wake
from ringbuffer.jit import jit_borrowed
from ringbuffer.ring import claim, publish, room
from ringbuffer.system_calls import (
    CLOCK_MONOTONIC,
    EAGAIN,
    EINTR,
    EPOLL_EVENT_SIZE_BYTES,
    MSG_DONTWAIT,
    clock_ns,
    epoll_wait,
    errno,
    recv,
)

_EPOLL_DATA_OFFSET = EPOLL_EVENT_SIZE_BYTES - 8
_EPOLLIN = 0x001
_EPOLLOUT = 0x004
_EPOLLERR = 0x008
_EPOLLHUP = 0x010
_EPOLLRDHUP = 0x2000
THROTTLE_MS = 2  # how long bytes wait at least for their session's rate
UNLIMITED = 1 << 40  # messages
_MESSAGE_BYTES = 64  # heartbeats and debug packets count by their bytes
RING_RESERVE = 64  # slots: below this, or half of it, the ingress ring counts as full

_PUBLISHED = pipeline.ingress_published(pipeline.IngressRing.ORDER_ENTRY)
_CONSUMED = pipeline.ingress_consumed(pipeline.IngressRing.ORDER_ENTRY)
_MATCHER_SLEEPING = pipeline.sleeping(pipeline.AGENT_MATCHER)


@jit_borrowed
def poll_sockets(duty: DutyState, timeout_ms: int) -> int:
    """Ask epoll, remember what is ready. Returns how many descriptors (int64) were.

    Waits ``timeout_ms`` milliseconds at most: 0 not at all, -1 without end.
    """
    connections = duty.connections
    words = duty.words
    raw = duty.epoll_events
    count = epoll_wait(
        np.int32(duty.descriptors[FD_EPOLL]),
        raw.ctypes.data,
        np.int32(EPOLL_EVENTS),
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
            notice(duty, Notice.ACCEPT, -1, 0, 0)
            continue
        if fd == duty.descriptors[FD_OWN]:
            # Edge-triggered: it need not be read to be set again. But whoever wrote it has cleared
            # our sleeping flag, and no edge will come again for it: we must not sleep now.
            words[WOKEN] = 1
            continue
        if fd >= FILE_DESCRIPTOR_MAXIMUM:
            continue
        connection = np.int64(duty.connection_of_fd[fd]) - 1
        if connection < 0:
            continue
        state = connections[connection, CONNECTION_STATE]
        if events & (_EPOLLIN | _EPOLLRDHUP | _EPOLLHUP | _EPOLLERR):
            ended = events & (_EPOLLRDHUP | _EPOLLHUP | _EPOLLERR)
            connections[connection, CONNECTION_READABLE] |= (
                READABLE_BYTES | READABLE_END if ended else READABLE_BYTES
            )
            if state in (STATE_LIVE, STATE_CATCH_UP):
                push_ready(duty, connection)
            elif state == STATE_LINGERING:
                notice(duty, Notice.DRAIN, connection, 0, 0)
            elif state in (STATE_CONNECTED, STATE_VERIFYING):
                notice(duty, Notice.UNAUTHENTICATED, connection, 0, 0)
        if events & _EPOLLOUT:
            connections[connection, CONNECTION_WRITABLE] = 1
            if connections[connection, CONNECTION_TAIL] > connections[connection, CONNECTION_HEAD]:
                mark_dirty(connections, connection, duty.queue)
    return max(count, 0)


@jit_borrowed
def messages_allowed(duty: DutyState, connection: int, now_ns: int) -> int:
    """How many messages the rate of the connection's session lets through now, int64; 0: none.

    ``connection``: its row in ``duty.connections``; ``now_ns``: monotonic, nanoseconds.
    """
    row = duty.sessions[duty.connections[connection, CONNECTION_SESSION]]
    interval_ns = row[SESSION_INTERVAL_NS]
    if interval_ns == 0:
        return UNLIMITED
    early_ns = max(row[SESSION_ARRIVAL_NS], now_ns) - now_ns
    if early_ns > row[SESSION_SLACK_NS]:
        return 0
    return (row[SESSION_SLACK_NS] - early_ns) // interval_ns + 1


@jit_borrowed
def _count_messages(duty: DutyState, connection: int, messages: int, now_ns: int) -> None:
    """Count ``messages`` (int64) for the rate of the connection's session."""
    row = duty.sessions[duty.connections[connection, CONNECTION_SESSION]]
    arrival_ns = max(row[SESSION_ARRIVAL_NS], now_ns)
    row[SESSION_ARRIVAL_NS] = arrival_ns + messages * row[SESSION_INTERVAL_NS]


@jit_borrowed
def _receive(duty: DutyState, connection: int, free: int, allowed: int, now_ns: int) -> int:
    """Receive once from ``connection``, decode into at most ``free`` slots of the ring, publish.

    ``connection``: its row in ``duty.connections`` (int64[connections, CONNECTION_WORDS]);
    ``allowed``: about so many messages, at least 1; ``now_ns``: monotonic, nanoseconds. Returns
    the bytes received, int64.
    """
    connections = duty.connections
    words = duty.words
    buffer = duty.receive
    decoded = duty.decoded
    carried = connections[connection, CONNECTION_CARRY]
    carry_base = connection * CARRY_SIZE_BYTES
    for i in range(carried):
        buffer[i] = duty.carry[carry_base + i]
    # never more bytes than the ring has room for, so no decoded message waits here
    want = min(np.int64(buffer.shape[0]), free * BYTES_PER_SLOT_MINIMUM)
    want = min(want, allowed * FRAME_SIZE_MAXIMUM) - carried  # what is carried is shorter than that
    count = recv(
        np.int32(connections[connection, CONNECTION_FD]),
        buffer.ctypes.data + carried,
        np.uintp(want),
        np.int32(MSG_DONTWAIT),
    )
    if count <= 0:
        error = np.int64(errno()) if count < 0 else np.int64(0)
        if error == EAGAIN:
            connections[connection, CONNECTION_READABLE] = 0
        elif error != EINTR:
            ending_notice(duty, Notice.PEER_CLOSED, connection, error, 0)
        return 0
    if count < want and connections[connection, CONNECTION_READABLE] == READABLE_BYTES:
        connections[connection, CONNECTION_READABLE] = 0
    add(duty.counters, Counter.BYTES_RECEIVED, count)
    connections[connection, CONNECTION_RECEIVED_NS] = now_ns
    end = carried + count
    skip = min(connections[connection, CONNECTION_SKIP], end)
    connections[connection, CONNECTION_SKIP] -= skip
    received_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
    first = words[NEXT_SEQUENCE]
    session = connections[connection, CONNECTION_SESSION]
    received = ReceivedBytes(buffer, skip, end, session, received_ns)
    decode(received, CommandSlots(duty.ingress, first, free), duty.symbols, decoded)
    if decoded[DECODED_SLOTS] > 0:
        words[NEXT_SEQUENCE] = first + decoded[DECODED_SLOTS]
        # release: the slots are written before the matcher reads them
        publish(duty.cursors, _PUBLISHED, words[NEXT_SEQUENCE])
        wake(duty.cursors, _MATCHER_SLEEPING, duty.descriptors[FD_MATCHER])
    add(duty.counters, Counter.MESSAGES_RECEIVED, decoded[DECODED_MESSAGES])
    messages = max(decoded[DECODED_MESSAGES], count // _MESSAGE_BYTES)
    _count_messages(duty, connection, messages, now_ns)
    consumed = decoded[DECODED_OFFSET]
    connections[connection, CONNECTION_MESSAGES_IN] += decoded[DECODED_MESSAGES]
    connections[connection, CONNECTION_BYTES_IN] += consumed
    connections[connection, CONNECTION_SKIP] += decoded[DECODED_SKIP]
    if decoded[DECODED_STOP] >= Stop.LOGOUT:
        detail = decoded[DECODED_STOP] | (decoded[DECODED_DETAIL] << 8)
        detail |= decoded[DECODED_LENGTH] << 16
        offset = connections[connection, CONNECTION_BYTES_IN]
        ending_notice(duty, Notice.STOPPED, connection, detail, offset)
        connections[connection, CONNECTION_CARRY] = 0
        return count
    # NEED_MORE: fewer bytes than the longest frame are left
    rest = end - consumed
    for i in range(rest):
        duty.carry[carry_base + i] = buffer[consumed + i]
    connections[connection, CONNECTION_CARRY] = rest
    return count


@jit_borrowed
def publish_disconnects(duty: DutyState) -> int:
    """Put the waiting DISCONNECTs into the ingress ring, as far as it has room.

    Returns how many, int64. A DISCONNECT takes one slot and needs no reserve: the queue goes in
    before any order.
    """
    words = duty.words
    capacity = duty.ingress.shape[0]
    waiting = words[DISCONNECT_COUNT]
    count = claim(duty.cursors, _CONSUMED, words[NEXT_SEQUENCE], capacity, waiting)
    if count < waiting:
        add(duty.counters, Counter.INGRESS_FULL, 1)
    if count <= 0:
        return 0
    now_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
    for _ in range(count):
        session = duty.disconnects[words[DISCONNECT_HEAD]]
        words[DISCONNECT_HEAD] = (words[DISCONNECT_HEAD] + 1) % duty.disconnects.shape[0]
        words[DISCONNECT_COUNT] -= 1
        duty.sessions[session, SESSION_DISCONNECT] = 0
        command = duty.ingress[words[NEXT_SEQUENCE] & (capacity - 1)]
        clear_command(command, now_ns, session, CommandKind.DISCONNECT)
        words[NEXT_SEQUENCE] += 1
    # release: the slots are written before the matcher reads them
    publish(duty.cursors, _PUBLISHED, words[NEXT_SEQUENCE])
    wake(duty.cursors, _MATCHER_SLEEPING, duty.descriptors[FD_MATCHER])
    return count


@jit_borrowed
def receive_ready(duty: DutyState, now_ns: int) -> int:
    """Read once from every connection that is ready now. Returns the bytes received, int64.

    ``now_ns``: monotonic, nanoseconds.
    """
    connections = duty.connections
    words = duty.words
    if words[DISCONNECT_COUNT] != 0:
        return 0  # the ring is full, and a disconnect comes before everything that is read later
    capacity = duty.ingress.shape[0]
    # at most half: the matcher wakes us when it takes from a ring that is at least half full
    reserve = min(RING_RESERVE, capacity // 2)
    total = np.int64(0)
    words[THROTTLED] = 0
    for _ in range(words[READY_COUNT]):
        connection = duty.ready[words[READY_HEAD]]
        state = connections[connection, CONNECTION_STATE]
        readable = connections[connection, CONNECTION_READABLE] != 0
        if (state in (STATE_LIVE, STATE_CATCH_UP)) and readable:
            free = room(duty.cursors, _CONSUMED, words[NEXT_SEQUENCE], capacity)
            if free < reserve:
                # back-pressure: nothing is read, TCP holds the client; the queue keeps its order
                add(duty.counters, Counter.INGRESS_FULL, 1)
                break
        words[READY_HEAD] = (words[READY_HEAD] + 1) % duty.ready.shape[0]
        words[READY_COUNT] -= 1
        connections[connection, CONNECTION_READY] = 0
        if (state in (STATE_LIVE, STATE_CATCH_UP)) and readable:
            allowed = messages_allowed(duty, connection, now_ns)
            if allowed > 0:
                total += _receive(duty, connection, free, allowed, now_ns)
            else:
                words[THROTTLED] += 1
            if connections[connection, CONNECTION_READABLE] != 0:
                push_ready(duty, connection)
    return total
