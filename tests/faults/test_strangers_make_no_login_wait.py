"""Wrong passwords of 200 strangers, and connections that say nothing, delay no login."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Iterator

import pytest
from exchange_process import PASSWORD, RunningExchange
from patient_client import PatientClient

from exchange.gateway.passwords import hash_password

pytestmark = pytest.mark.needs_jit

STRANGERS = 200
SLOW = hash_password(PASSWORD, n=1 << 14)  # as `exchange hash-password` makes them
UNAUTHENTICATED = 256


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(
        tmp_path_factory.mktemp("strangers"),
        sessions=4,
        session_keys={number: {"password": SLOW} for number in range(1, 5)},
    )
    yield running.start()
    running.close()


def log_in(exchange: RunningExchange, session: int) -> float:
    """Seconds that a login takes."""
    started_s = time.monotonic()
    with PatientClient("127.0.0.1", exchange.port) as client:
        client.login(f"S{session}", PASSWORD, sequence=0)
        took_s = time.monotonic() - started_s
        client.logout()
    return took_s


def knock(exchange: RunningExchange, username: str, number: int) -> socket.socket:
    """A login with a wrong password; its answer is not read."""
    stranger = socket.create_connection(("127.0.0.1", exchange.port), 120.0)
    text = username.ljust(6) + f"wrong{number}".ljust(10) + " " * 10 + "1".rjust(20)
    stranger.sendall((1 + len(text)).to_bytes(2, "big") + b"L" + text.encode())
    return stranger


@pytest.mark.parametrize("username", ["S1", "S2", "NOBODY"])
def test_a_known_user_is_served_beside_strangers(exchange: RunningExchange, username: str) -> None:
    log_in(exchange, 1)  # it has been here
    with contextlib.ExitStack() as stack:
        strangers = [
            stack.enter_context(knock(exchange, username, number)) for number in range(STRANGERS)
        ]
        log_in(exchange, 1)
        # not one answer in ten has come: the user did not wait behind the strangers
        answered = 0
        for stranger in strangers:
            stranger.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                answered += bool(stranger.recv(1))
        assert answered < STRANGERS // 2


def test_a_user_who_is_new_waits_behind_no_other_name(exchange: RunningExchange) -> None:
    with contextlib.ExitStack() as stack:
        strangers = [stack.enter_context(knock(exchange, "S3", n)) for n in range(STRANGERS)]
        log_in(exchange, 4)
        answered = 0
        for stranger in strangers:
            stranger.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                answered += bool(stranger.recv(1))
        assert answered < STRANGERS // 2


def test_silent_connections_shut_no_door(exchange: RunningExchange) -> None:
    with contextlib.ExitStack() as stack:
        for _ in range(UNAUTHENTICATED + 50):
            stack.enter_context(socket.create_connection(("127.0.0.1", exchange.port), 120.0))
        log_in(exchange, 2)
