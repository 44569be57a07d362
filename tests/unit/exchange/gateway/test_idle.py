"""Order entry's look before it sleeps: what it finds there must keep it awake.

No thread and no timer here: the test is the runner, and counts what a pass says it has done.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import numpy as np
import pytest

from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.gateway.order_entry import OrderEntryAgent, OrderEntryParameters
from exchange.gateway.session import (
    CONNECTION_EVENT,
    CONNECTION_NUMBER,
    CONNECTION_SESSION,
    CONNECTION_STATE,
    CONNECTION_TAIL,
    SESSION_NUMBER,
    STATE_CATCH_UP,
    STATE_LIVE,
)
from ringbuffer.idle import AWAKE, wake
from tests.harness.order_entry_core import PASSWORD_HASH, Core, username

pytestmark = pytest.mark.needs_jit  # sockets are driven by jitted system calls

SLEEPING = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)
LIMIT = 4_096


@pytest.fixture
def core() -> Iterator[Core]:
    core = Core()
    yield core
    core.close()


@pytest.fixture
def agent(core: Core) -> Iterator[OrderEntryAgent]:
    agent = OrderEntryAgent(
        OrderEntryParameters(session_capacity=core.session_capacity, instrument_capacity=64),
        cursors=core.cursors,
        counters=core.counters,
        ingress=core.ingress,
        event_ring=core.event_ring,
        archive=core.archive,
        password_hashes={username(session): PASSWORD_HASH for session in range(1, 9)},
        eventfd=core.gateway_eventfd,
        matcher_eventfd=-1,
    )
    agent.on_start()
    yield agent
    agent.on_close()


def rest(agent: OrderEntryAgent) -> None:
    """Passes until one finds nothing."""
    for _ in range(1000):
        if not agent.do_work(LIMIT):
            return
    raise AssertionError("it never comes to rest")


def test_a_wakeup_taken_in_the_look_keeps_it_awake(core: Core, agent: OrderEntryAgent) -> None:
    """A waker is slow between its publish and its look at the flag; the events are consumed before.

    It clears the flag of an agent that has nothing to do. If the agent slept now, nobody would
    write its eventfd at the next release.
    """
    idle = agent.idle_strategy(1_000)
    rest(agent)
    idle.prepare()
    wake(core.cursors, SLEEPING, core.gateway_eventfd)
    assert core.cursors[SLEEPING] == AWAKE
    assert agent.do_work(LIMIT) > 0
    idle.resume()
    assert agent.do_work(LIMIT) == 0


def test_it_does_not_sleep_while_connections_wait(core: Core, agent: OrderEntryAgent) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(150):
            stack.enter_context(socket.create_connection(("127.0.0.1", agent.port)))
        rest(agent)
        assert core.counter(Counter.CONNECTIONS_ACCEPTED) == 150


def test_slow_readers_do_not_hide_who_can_go_on(core: Core, agent: OrderEntryAgent) -> None:
    """Many catch up and have full buffers; the last in turn has room."""
    rest(agent)
    with contextlib.ExitStack() as stack:
        for _ in range(8):
            stack.enter_context(socket.create_connection(("127.0.0.1", agent.port)))
        rest(agent)
        slots = sorted(agent._connections.sockets)
        for session, slot in enumerate(slots, 1):
            row = agent._rows[slot]
            agent._connections.login_done(slot)
            row[CONNECTION_SESSION] = session
            row[CONNECTION_STATE] = STATE_CATCH_UP
            row[CONNECTION_TAIL] = agent.parameters.output_bytes
            row[CONNECTION_EVENT] = 0
            agent._connections.catching_up.append(slot)
        last = slots[-1]
        agent._rows[last, CONNECTION_TAIL] = 0
        rest(agent)
        assert agent._rows[last, CONNECTION_STATE] == STATE_LIVE
        assert agent._rows[last, CONNECTION_NUMBER] == agent._sessions[len(slots), SESSION_NUMBER]
        behind = np.count_nonzero(agent._rows[:, CONNECTION_STATE] == STATE_CATCH_UP)
        assert behind == len(slots) - 1


@pytest.mark.parametrize("ring_capacity", [16, 32, 64])
def test_a_tiny_ingress_ring_is_read_into(ring_capacity: int) -> None:
    """The reserve that makes a ring count as full is never more than half of it."""
    core = Core(ring_capacity=ring_capacity)
    agent = OrderEntryAgent(
        OrderEntryParameters(session_capacity=core.session_capacity, instrument_capacity=64),
        cursors=core.cursors,
        counters=core.counters,
        ingress=core.ingress,
        event_ring=core.event_ring,
        archive=core.archive,
        password_hashes={},
        eventfd=core.gateway_eventfd,
        matcher_eventfd=-1,
    )
    try:
        agent.on_start()
        assert core.pump() == 1  # the DISCONNECT of all sessions
        with socket.create_connection(("127.0.0.1", agent.port)) as client:
            rest(agent)
            (slot,) = agent._connections.sockets
            agent._connections.login_done(slot)
            agent._rows[slot, CONNECTION_SESSION] = 1
            agent._rows[slot, CONNECTION_STATE] = STATE_LIVE
            cancel = b"\x00\x14UX" + b"token".ljust(14) + bytes(4)
            client.sendall(cancel * 100)
            taken = 0
            for _ in range(1000):
                agent.do_work(LIMIT)
                taken += core.pump()
                if taken == 100:
                    break
            assert taken == 100
    finally:
        agent.on_close()
        core.close()
