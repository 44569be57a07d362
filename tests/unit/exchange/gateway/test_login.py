"""Many logins at once: none is late because of the queue, and closed connections leave it.

The check is held by the test, so how long scrypt takes does not matter.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from typing import Any

import pytest

from exchange.core.counters import Counter
from exchange.gateway import password_checks
from exchange.gateway.protocol import soupbintcp
from tests.harness.order_entry_core import PASSWORD, username, wait_for

pytestmark = pytest.mark.needs_jit

SESSIONS = 12
LOGIN_TIMEOUT_MS = 1_000


def knock(gateway: Any, session: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", gateway.port), 120.0)
    text = username(session).ljust(6) + PASSWORD.ljust(10) + " " * 10 + "1".rjust(20)
    client.sendall((1 + len(text)).to_bytes(2, "big") + b"L" + text.encode())
    return client


@pytest.fixture
def held_checks(monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], threading.Event]:
    """(passwords checked so far, event that lets the checks go on)."""
    begun: list[str] = []
    go_on = threading.Event()
    verify = password_checks.verify_password

    def slow(password: str, hashed: Any) -> bool:
        begun.append(password)
        assert go_on.wait(300)
        return verify(password, hashed)

    monkeypatch.setattr(password_checks, "verify_password", slow)
    return begun, go_on


def test_a_long_queue_of_checks_makes_nobody_late(
    make_gateway: Callable[..., Any], held_checks: tuple[list[str], threading.Event]
) -> None:
    begun, go_on = held_checks
    gateway = make_gateway(
        {"sessions": SESSIONS}, login_timeout_ms=LOGIN_TIMEOUT_MS, timer_interval_ms=5
    )
    clients = [knock(gateway, session) for session in range(1, SESSIONS + 1)]
    idle = socket.create_connection(("127.0.0.1", gateway.port), 120.0)
    try:
        wait_for(lambda: bool(begun), "the first check")
        # a client that came last and says nothing is late: so much time has passed for all
        assert idle.recv(1000)[2:3] == bytes([soupbintcp.DEBUG])
        go_on.set()
        for client in clients:
            assert client.recv(3)[2:] == bytes([soupbintcp.LOGIN_ACCEPTED])
        wait_for(lambda: gateway.core.counter(Counter.LOGINS) == SESSIONS, "all to be logged in")
    finally:
        go_on.set()
        for client in (*clients, idle):
            client.close()


def test_no_check_for_a_client_that_has_given_up(
    make_gateway: Callable[..., Any], held_checks: tuple[list[str], threading.Event]
) -> None:
    begun, go_on = held_checks
    gateway = make_gateway({"sessions": SESSIONS})
    clients = [knock(gateway, session) for session in range(1, SESSIONS + 1)]
    try:
        wait_for(lambda: bool(begun), "the first check")
        wait_for(
            lambda: len(gateway.agent._password_checks._pending) == SESSIONS, "all to be queued"
        )
        for client in clients[1:-1]:
            client.close()
        wait_for(lambda: gateway.core.counter(Counter.CONNECTIONS) == 2, "the dead to be noticed")
        go_on.set()
        for client in (clients[0], clients[-1]):
            assert client.recv(3)[2:] == bytes([soupbintcp.LOGIN_ACCEPTED])
        assert len(begun) == 2
    finally:
        go_on.set()
        for client in clients:
            client.close()
