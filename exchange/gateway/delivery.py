"""From the event ring to the sockets: copy released events, encode them, send what is waiting.

Who calls it: the duty cycle (duty_cycle.py), every pass; and Python for what it reads from the
archive. The event ring is read without gating; a batch that may have been overwritten meanwhile is
read from the archive by Python (``LAPPED``).
"""

from __future__ import annotations

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.arrays import (
    EVENT_NEXT,
    LIMIT_INDEX_INTERVAL,
    MIDNIGHT_NS,
    OUTCOME,
    Duty,
    Notice,
    Outcome,
    ending_notice,
)
from exchange.gateway.encoder import CONTROL, ENCODED, encode_live
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
_N_PEER_CLOSED = int(Notice.PEER_CLOSED)
_N_FLUSHED = int(Notice.FLUSHED)
_O_CONTROL = int(Outcome.CONTROL)
_O_MISMATCH = int(Outcome.MISMATCH)
_O_LAPPED = int(Outcome.LAPPED)
_O_BOUNDARY = int(Outcome.BOUNDARY)
_C_BYTES_SENT = int(Counter.BYTES_SENT)
_C_MESSAGES_SENT = int(Counter.MESSAGES_SENT)


@jit_borrowed
def copy_events(duty: Duty, first: int, count: int, target: np.ndarray) -> bool:
    """Copy released events from the ring; False when the ring does not have them (any more)."""
    if not copy_batch(duty.event_ring, duty.cursors, _EVENT_PUBLISHED, first, count, target):
        return False
    # A ring is new with every start of the core. A slot that was not written since is zeros, which
    # also looks like event 0; the events before that start are in the archive only.
    right = True
    for i in range(count):
        right = right and target[i].sequence == first + i and target[i].kind != 0
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
    # release: orders nothing, the consumed cursor of this stage gates no ring (status and lag)
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
    first = duty.words[EVENT_NEXT]
    # what is released is durable and archived too
    released = first + available(duty.cursors, _EVENT_RELEASED, first, limit)
    count = batch_room(duty, released, limit)
    if count <= 0:
        return 0
    if not copy_events(duty, first, count, duty.batch):
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
                np.int32(MSG_DONTWAIT | MSG_NOSIGNAL),
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
                if error == EAGAIN:
                    connections[slot, CONNECTION_WRITABLE] = 0
                    connections[slot, CONNECTION_PROGRESS_NS] = now_ns
                elif error == EINTR:
                    connections[slot, CONNECTION_DIRTY] = 1
                    queue.dirty[kept] = slot
                    kept += 1
                else:
                    ending_notice(duty, _N_PEER_CLOSED, slot, error, 0)
        if state == STATE_FLUSHING and connections[slot, CONNECTION_TAIL] == 0:
            ending_notice(duty, _N_FLUSHED, slot, 0, 0)
    queue.dirty_count[0] = kept
    add(duty.counters, _C_BYTES_SENT, total)
    return total
