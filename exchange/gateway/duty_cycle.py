"""The jitted duty cycle of order entry: sockets to ingress ring, event ring to sockets.

Who calls it: OrderEntryAgent (order_entry.py), which does itself what happens once per connection
and not once per message. One cycle: ask epoll which sockets are ready; put disconnects into the
ring; receive and decode from each readable connection (round robin, a bounded number of bytes
each); encode released events; send; check the timers. The parts are in intake.py and delivery.py,
the arrays in arrays.py.
"""

from __future__ import annotations

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.arrays import (
    CONNECTIONS_USED,
    HANDOVER,
    LIMIT_BACKLOG_MESSAGES,
    LIMIT_CLIENT_TIMEOUT_NS,
    LIMIT_HEARTBEAT_NS,
    LIMIT_STALL_NS,
    LIMIT_TIMER_NS,
    NOTICES,
    THROTTLED,
    TIMER_NS,
    VERDICT,
    WOKEN,
    DutyState,
    Notice,
)
from exchange.gateway.delivery import encode_released, send_waiting
from exchange.gateway.intake import (
    THROTTLE_MS,
    poll_sockets,
    publish_disconnects,
    receive_ready,
)
from exchange.gateway.notices import ending_notice
from exchange.gateway.output_buffers import mark_dirty
from exchange.gateway.protocol import soupbintcp
from exchange.gateway.protocol.wire import store_u16_big
from exchange.gateway.session import (
    CONNECTION_BASE,
    CONNECTION_CAUGHT_UP,
    CONNECTION_DEADLINE_NS,
    CONNECTION_NUMBER,
    CONNECTION_PROGRESS_NS,
    CONNECTION_READABLE,
    CONNECTION_RECEIVED_NS,
    CONNECTION_SENT_NS,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    CONNECTION_WRITABLE,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_CONNECTED,
    STATE_FREE,
    STATE_LIVE,
    STATE_VERIFYING,
)
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import set_value, wait_began, wait_ended
from ringbuffer.idle import announce_sleep, cancel_sleep
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns

_OWN_SLEEPING = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)


@jit_borrowed
def check_timers(duty: DutyState, now_ns: int) -> None:
    """Check every connection: heartbeats, silence, stalls, deadlines. ``now_ns``: monotonic."""
    connections = duty.connections
    limits = duty.limits
    output = duty.queue.output
    for connection in range(duty.words[CONNECTIONS_USED]):
        state = connections[connection, CONNECTION_STATE]
        if state == STATE_FREE:
            continue
        if state != STATE_LIVE and state != STATE_CATCH_UP:
            if now_ns > connections[connection, CONNECTION_DEADLINE_NS]:
                late = state in (STATE_CONNECTED, STATE_VERIFYING)
                kind = Notice.LOGIN_TIMEOUT if late else Notice.GIVE_UP
                ending_notice(duty, kind, connection, 0, 0)
            continue
        tail = connections[connection, CONNECTION_TAIL]
        if tail == 0:
            if now_ns - connections[connection, CONNECTION_SENT_NS] >= limits[LIMIT_HEARTBEAT_NS]:
                at = connections[connection, CONNECTION_BASE]
                store_u16_big(output, at, soupbintcp.EMPTY_LENGTH)
                output[at + soupbintcp.LENGTH_SIZE_BYTES] = soupbintcp.SERVER_HEARTBEAT
                connections[connection, CONNECTION_TAIL] = soupbintcp.HEADER_SIZE_BYTES
                # sending sets it again; set here, it prevents a second heartbeat until then
                connections[connection, CONNECTION_SENT_NS] = now_ns
                mark_dirty(connections, connection, duty.queue)
        elif (
            connections[connection, CONNECTION_WRITABLE] == 0
            and now_ns - connections[connection, CONNECTION_PROGRESS_NS] > limits[LIMIT_STALL_NS]
        ):
            ending_notice(duty, Notice.STALLED, connection, 0, 0)
            continue
        behind = (
            duty.sessions[connections[connection, CONNECTION_SESSION], SESSION_NUMBER]
            - connections[connection, CONNECTION_NUMBER]
        )
        caught_up = connections[connection, CONNECTION_CAUGHT_UP] != 0
        unread = connections[connection, CONNECTION_READABLE] != 0  # unread bytes are not silence
        silent_ns = now_ns - connections[connection, CONNECTION_RECEIVED_NS]
        if caught_up and behind > limits[LIMIT_BACKLOG_MESSAGES]:
            ending_notice(duty, Notice.BACKLOG, connection, behind, 0)
        elif not unread and silent_ns > limits[LIMIT_CLIENT_TIMEOUT_NS]:
            ending_notice(duty, Notice.SILENT, connection, 0, 0)


@jit_borrowed
def duty_cycle(duty: DutyState, limit: int, intake: bool, timeout_ms: int) -> int:
    """One cycle, see the top of this file. Returns the work done (bytes and events), 0 = none.

    ``limit``: events at most. ``intake``: whether clients are read from. ``timeout_ms``: how long
    epoll may wait.
    """
    words = duty.words
    words[HANDOVER] = 0
    poll_sockets(duty, timeout_ms)
    now_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
    # also when intake has ended: connections still close
    work = np.int64(publish_disconnects(duty))
    if intake:
        work += receive_ready(duty, now_ns)
    work += encode_released(duty, limit)
    if now_ns - words[TIMER_NS] >= duty.limits[LIMIT_TIMER_NS]:
        words[TIMER_NS] = now_ns
        set_value(duty.counters, Counter.ORDER_ENTRY_HEARTBEAT_NS, now_ns)
        set_value(duty.counters, Counter.CONNECTIONS_THROTTLED, words[THROTTLED])
        check_timers(duty, now_ns)
    work += send_waiting(duty, now_ns)
    work += words[NOTICES] + words[HANDOVER] + words[WOKEN]
    words[WOKEN] = 0
    return work


@jit_borrowed_inline
def needs_python(duty: DutyState) -> bool:
    """Whether work waits that only the interpreter can do: logins, catching up, ends, stops."""
    words = duty.words
    return (
        words[HANDOVER] != 0
        or words[NOTICES] != 0
        or words[VERDICT] != 0
        or duty.queue.dirty_count[1] != 0
        # acquire: orders nothing, but makes this a look at memory in every cycle
        or load_acquire(duty.cursors, pipeline.STOP_INTAKE) != 0
        or load_acquire(duty.cursors, pipeline.STOP) != 0
    )


@jit_borrowed
def serve(duty: DutyState, limit: int, timeout_ms: int, cycles: int) -> int:
    """Cycles and sleeps without the interpreter, until work needs it or ``cycles`` are done.

    The sleep is the protocol of ringbuffer/idle.py, with epoll in place of its poll. Returns the
    work done; 0 after a sleep that nothing ended.
    """
    total = np.int64(0)
    for _ in range(cycles):
        work = duty_cycle(duty, limit, True, 0)
        total += work
        if needs_python(duty):
            return total
        if work != 0:
            continue
        announce_sleep(duty.cursors, _OWN_SLEEPING)
        work = duty_cycle(duty, limit, True, 0)
        total += work
        woken = 1
        if work == 0 and not needs_python(duty):
            throttled = duty.words[THROTTLED] != 0
            limit_ms = min(timeout_ms, THROTTLE_MS) if throttled else timeout_ms
            began_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
            wait_began(duty.counters, Counter.ORDER_ENTRY_IDLE_NS, began_ns)
            woken = poll_sockets(duty, limit_ms)
            ended_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
            wait_ended(duty.counters, Counter.ORDER_ENTRY_IDLE_NS, ended_ns)
        cancel_sleep(duty.cursors, _OWN_SLEEPING)
        # a timeout, or a signal: its handler is Python's
        if woken == 0 or needs_python(duty):
            return total
    return total
