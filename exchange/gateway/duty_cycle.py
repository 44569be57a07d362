"""The jitted duty cycle of order entry: sockets to ingress ring, event ring to sockets.

Who calls it: OrderEntryAgent (order_entry.py), which does everything that happens once per
connection and not once per message. One pass: ask epoll what is ready; put disconnects into the
ring; receive and decode from each readable connection (round robin, a bounded number of bytes
each); encode released events; send; look at the clocks. The parts are in intake.py and delivery.py,
the arrays in duty.py.
"""

from __future__ import annotations

import numpy as np

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway import soupbintcp
from exchange.gateway.arrays import (
    HIGH_SLOT,
    LIMIT_BACKLOG_MESSAGES,
    LIMIT_CLIENT_TIMEOUT_NS,
    LIMIT_HEARTBEAT_NS,
    LIMIT_STALL_NS,
    LIMIT_TIMER_NS,
    NOTICES,
    OUTCOME,
    TIMER_NS,
    VERDICT,
    WOKEN,
    Duty,
    Notice,
    ending_notice,
)
from exchange.gateway.delivery import encode_pass, send_pass
from exchange.gateway.intake import disconnect_pass, poll_sockets, receive_pass
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
    mark_dirty,
)
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import set_value
from ringbuffer.idle import announce_sleep, cancel_sleep
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns

_OWN_SLEEPING = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)
_N_SILENT = int(Notice.SILENT)
_N_LOGIN_TIMEOUT = int(Notice.LOGIN_TIMEOUT)
_N_STALLED = int(Notice.STALLED)
_N_BACKLOG = int(Notice.BACKLOG)
_N_GIVE_UP = int(Notice.GIVE_UP)
_C_HEARTBEAT = int(Counter.ORDER_ENTRY_HEARTBEAT_NS)


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
                ending_notice(duty, _N_LOGIN_TIMEOUT if late else _N_GIVE_UP, slot, 0, 0)
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
            ending_notice(duty, _N_STALLED, slot, 0, 0)
            continue
        behind = (
            duty.sessions[connections[slot, CONNECTION_SESSION], SESSION_NUMBER]
            - connections[slot, CONNECTION_NUMBER]
        )
        if connections[slot, CONNECTION_CAUGHT_UP] != 0 and behind > limits[LIMIT_BACKLOG_MESSAGES]:
            ending_notice(duty, _N_BACKLOG, slot, behind, 0)
        elif (
            connections[slot, CONNECTION_READABLE] == 0  # what we have not read is not silence
            and now_ns - connections[slot, CONNECTION_RECEIVED_NS] > limits[LIMIT_CLIENT_TIMEOUT_NS]
        ):
            ending_notice(duty, _N_SILENT, slot, 0, 0)


@jit_borrowed
def run_pass(duty: Duty, limit: int, intake: bool, timeout_ms: int) -> int:
    """One pass, see the top of this file. Returns the work done (bytes and events), 0 = none.

    ``intake``: whether clients are read from. ``timeout_ms``: how long epoll may wait.
    """
    words = duty.words
    words[OUTCOME] = 0
    poll_sockets(duty, timeout_ms)
    now_ns = clock_ns(CLOCK_MONOTONIC, duty.clock)
    # also when nothing is read any more: who has gone has gone
    work = np.int64(disconnect_pass(duty))
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
        # acquire: orders nothing, but makes this a look at memory in every pass
        or load_acquire(duty.cursors, pipeline.STOP_INTAKE) != 0
        or load_acquire(duty.cursors, pipeline.STOP) != 0
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
