"""From the event ring to the sockets: copy released events, encode them, send what is waiting.

Who calls it: the duty cycle (duty_cycle.py), in every cycle; and Python for what it reads from the
archive. The event ring is read without gating; a batch that may have been overwritten meanwhile is
read from the archive by Python (``LAPPED``).
"""

from __future__ import annotations

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.arrays import (
    EVENT_NEXT,
    HANDOVER,
    LIMIT_INDEX_INTERVAL,
    MIDNIGHT_NS,
    DutyState,
    Handover,
    Notice,
)
from exchange.gateway.encoder import (
    ENCODED_MESSAGES,
    ENCODED_STATUS,
    STATUS_CONTROL,
    STATUS_DONE,
    Streams,
    encode_live,
)
from exchange.gateway.notices import ending_notice
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_DIRTY,
    CONNECTION_FD,
    CONNECTION_HEAD,
    CONNECTION_PROGRESS_NS,
    CONNECTION_SENT_NS,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    CONNECTION_WRITABLE,
    STATE_CATCH_UP,
    STATE_FLUSHING,
    STATE_LIVE,
)
from ringbuffer.counters import add
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline
from ringbuffer.ring import available, copy_batch, publish
from ringbuffer.system_calls import EAGAIN, EINTR, MSG_DONTWAIT, MSG_NOSIGNAL, errno, send

_EVENTS_CONSUMED = pipeline.consumed(pipeline.AGENT_ORDER_ENTRY)
_EVENT_PUBLISHED = pipeline.EVENT_PUBLISHED
_EVENT_RELEASED = pipeline.EVENT_RELEASED


@jit_borrowed
def copy_events(duty: DutyState, first: int, count: int, target: np.ndarray) -> bool:
    """Copy released events from the ring; False when the ring does not have them (any more).

    ``target``: EVENT[n], n at least ``count``; gets those with sequences ``first`` to ``first +
    count - 1``. What it holds after False is of no use.
    """
    if not copy_batch(duty.event_ring, duty.cursors, _EVENT_PUBLISHED, first, count, target):
        return False
    # A ring is new with every start of the core. A slot that was not written since is zeros, which
    # also looks like event 0; the events before that start are in the archive only.
    right = True
    for i in range(count):
        right = right and target[i].sequence == first + i and target[i].kind != 0
    return right


@jit_borrowed
def encode_batch(duty: DutyState, count: int) -> int:
    """Encode ``duty.batch[:count]``, the events from EVENT_NEXT on.

    Returns how many events (int64) were done. Sets HANDOVER when Python must go on, and advances
    EVENT_NEXT.
    """
    words = duty.words
    streams = Streams(duty.sessions, duty.connections, duty.queue, duty.symbols, duty.encoded)
    done = encode_live(duty.batch, count, streams, words[MIDNIGHT_NS])
    words[EVENT_NEXT] += done
    add(duty.counters, Counter.MESSAGES_SENT, duty.encoded[ENCODED_MESSAGES])
    # release: orders nothing, the consumed cursor of this stage gates no ring (status and lag)
    publish(duty.cursors, _EVENTS_CONSUMED, words[EVENT_NEXT])
    status = duty.encoded[ENCODED_STATUS]
    if status != STATUS_DONE:
        words[HANDOVER] = Handover.CONTROL if status == STATUS_CONTROL else Handover.MISMATCH
    elif words[EVENT_NEXT] % duty.limits[LIMIT_INDEX_INTERVAL] == 0 and done > 0:
        words[HANDOVER] = Handover.BOUNDARY
    return done


@jit_borrowed_inline
def batch_room(duty: DutyState, end: int, limit: int) -> int:
    """How many events the next batch may have: not beyond ``end`` or the next index boundary.

    ``end``: the sequence that follows the last one allowed; ``limit``: events at most. Returns
    int64; not above 0 when there are none.
    """
    first = duty.words[EVENT_NEXT]
    interval = duty.limits[LIMIT_INDEX_INTERVAL]
    boundary = first - first % interval + interval
    return min(min(end, boundary) - first, min(np.int64(limit), np.int64(duty.batch.shape[0])))


@jit_borrowed
def encode_released(duty: DutyState, limit: int) -> int:
    """Encode at most ``limit`` released events. Returns how many, int64."""
    first = duty.words[EVENT_NEXT]
    # what is released is durable and archived too
    released = first + available(duty.cursors, _EVENT_RELEASED, first, limit)
    count = batch_room(duty, released, limit)
    if count <= 0:
        return 0
    if not copy_events(duty, first, count, duty.batch):
        duty.words[HANDOVER] = Handover.LAPPED
        return 0
    return encode_batch(duty, count)


@jit_borrowed
def send_waiting(duty: DutyState, now_ns: int) -> int:
    """Send what is waiting in ``duty.queue.output`` (uint8). Returns the bytes sent, int64.

    ``now_ns``: monotonic, nanoseconds. Each connection in ``duty.queue.dirty`` gets one call of
    send; the ones that took a part of their bytes stay in the queue.
    """
    connections = duty.connections
    queue = duty.queue
    output = queue.output
    total = np.int64(0)
    kept = np.int64(0)
    waiting = queue.dirty_count[0]
    for i in range(waiting):
        connection = queue.dirty[i]
        connections[connection, CONNECTION_DIRTY] = 0
        state = connections[connection, CONNECTION_STATE]
        if state != STATE_LIVE and state != STATE_CATCH_UP and state != STATE_FLUSHING:
            continue
        head = connections[connection, CONNECTION_HEAD]
        count = connections[connection, CONNECTION_TAIL] - head
        if count > 0 and connections[connection, CONNECTION_WRITABLE] != 0:
            sent = send(
                np.int32(connections[connection, CONNECTION_FD]),
                output.ctypes.data + connections[connection, CONNECTION_BASE] + head,
                np.uintp(count),
                np.int32(MSG_DONTWAIT | MSG_NOSIGNAL),
            )
            if sent > 0:
                total += sent
                connections[connection, CONNECTION_HEAD] += sent
                connections[connection, CONNECTION_SENT_NS] = now_ns
                connections[connection, CONNECTION_PROGRESS_NS] = now_ns
                if sent == count:
                    connections[connection, CONNECTION_HEAD] = 0
                    connections[connection, CONNECTION_TAIL] = 0
                else:
                    # once more in the next cycle: only EAGAIN makes epoll tell us of new room
                    connections[connection, CONNECTION_DIRTY] = 1
                    queue.dirty[kept] = connection
                    kept += 1
            else:
                error = np.int64(errno())
                if error == EAGAIN:
                    connections[connection, CONNECTION_WRITABLE] = 0
                    connections[connection, CONNECTION_PROGRESS_NS] = now_ns
                elif error == EINTR:
                    connections[connection, CONNECTION_DIRTY] = 1
                    queue.dirty[kept] = connection
                    kept += 1
                else:
                    ending_notice(duty, Notice.PEER_CLOSED, connection, error, 0)
        if state == STATE_FLUSHING and connections[connection, CONNECTION_TAIL] == 0:
            ending_notice(duty, Notice.FLUSHED, connection, 0, 0)
    queue.dirty_count[0] = kept
    add(duty.counters, Counter.BYTES_SENT, total)
    return total
