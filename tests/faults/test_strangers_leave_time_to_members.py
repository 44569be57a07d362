"""However many strangers come at once, a pass of order entry serves few, and members log in.

Seen before: one pass handled all that 256 connections had sent, and nobody else's orders were read
meanwhile; strangers who had sent junk and did not close kept their places for a second each, so
that 1,024 of them shut the door.
"""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Callable, Iterator

import pytest
from order_entry_core import PASSWORD, Core, GatewayProcess, username

from exchange.core.counters import Counter
from exchange.gateway import order_entry
from exchange.gateway.protocol import soupbintcp
from exchange.gateway.session import CONNECTION_HEAD, CONNECTION_TAIL

pytestmark = pytest.mark.needs_jit

STRANGERS = 20
PLACES = 24
PATIENCE_S = 120.0


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Iterator[GatewayProcess]:
    # no time at all: what is left is the least that a pass does
    monkeypatch.setattr(order_entry, "_STRANGERS_NS", 0)
    core = Core(sessions=2)
    process = GatewayProcess(core, connection_capacity=PLACES, unauthenticated_capacity=PLACES)
    process.agent.on_start()
    yield process
    process.agent.on_close()
    core.close()


def passes_until(gateway: GatewayProcess, counter: Counter, value: int) -> int:
    """Passes until ``counter`` has ``value``; none adds more than one to it."""
    deadline_s = time.monotonic() + PATIENCE_S
    passes = 0
    while (before := gateway.core.counter(counter)) < value:
        assert time.monotonic() < deadline_s
        gateway.agent.do_work(100)
        assert gateway.core.counter(counter) <= before + 1
        passes += 1
    return passes


def connect(
    gateway: GatewayProcess, stack: contextlib.ExitStack, count: int
) -> list[socket.socket]:
    address = ("127.0.0.1", gateway.agent.port)
    return [stack.enter_context(socket.create_connection(address)) for _ in range(count)]


def test_connections_and_what_they_send_come_one_by_one(gateway: GatewayProcess) -> None:
    with contextlib.ExitStack() as stack:
        strangers = connect(gateway, stack, STRANGERS)
        assert passes_until(gateway, Counter.CONNECTIONS_ACCEPTED, STRANGERS) >= STRANGERS
        for stranger in strangers:
            stranger.sendall(b"\x00\x05what?")
        assert passes_until(gateway, Counter.MALFORMED_FRAMES, STRANGERS) >= STRANGERS
        wait(gateway, lambda: gateway.agent.do_work(100) == 0)
        for stranger in strangers:
            stranger.settimeout(PATIENCE_S)
            assert b"a login request" in stranger.recv(1_000)


def test_who_leaves_while_waiting_is_forgotten(gateway: GatewayProcess) -> None:
    with contextlib.ExitStack() as stack:
        strangers = connect(gateway, stack, STRANGERS)
        passes_until(gateway, Counter.CONNECTIONS_ACCEPTED, STRANGERS)
        for stranger in strangers:
            stranger.sendall(b"\x00")
            stranger.close()
        wait(gateway, lambda: gateway.core.counter(Counter.CONNECTIONS) == 0)
        (another,) = connect(gateway, stack, 1)
        another.sendall(b"\x00\x05what?")
        passes_until(gateway, Counter.MALFORMED_FRAMES, 1)


def test_who_is_answered_and_stays_shuts_no_door(gateway: GatewayProcess) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(3 * PLACES):
            (stranger,) = connect(gateway, stack, 1)
            stranger.sendall(b"\x00\x05what?")
        passes_until(gateway, Counter.CONNECTIONS_ACCEPTED, 3 * PLACES)
        (client,) = connect(gateway, stack, 1)
        request = soupbintcp.LoginRequest(username(1), PASSWORD, "", 1)
        client.sendall(soupbintcp.login_request(request))
        passes_until(gateway, Counter.LOGINS, 1)
        client.settimeout(PATIENCE_S)
        assert client.recv(3)[2:] == b"A"


def test_who_does_not_read_keeps_nobody_from_the_quick_way(
    gateway: GatewayProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one slow reader every message of others went through the interpreter."""
    agent = gateway.agent
    monkeypatch.setattr(order_entry, "serve", lambda *_: 7)
    size = agent.parameters.output_bytes
    agent._connections.catching_up = [3, 4]
    rows = agent.duty.connections
    rows[3:5, CONNECTION_TAIL] = size
    assert agent.serve(100, 0) == 7
    rows[4, CONNECTION_HEAD] = size // 2
    assert agent.serve(100, 0) == 0, "there is room for more of what it has missed"
    agent._connections.catching_up = []
    assert agent.serve(100, 0) == 7


def wait(gateway: GatewayProcess, condition: Callable[[], bool]) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline_s
        gateway.agent.do_work(100)
