"""The shipped configuration of nginx before a real exchange: TLS, REST, limits, a WebSocket."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from exchange_process import RunningExchange, wait_until
from nginx_proxy import LIMIT_S, NEEDS_NGINX, NginxProxy, unverified

BURST = 20
pytestmark = [pytest.mark.needs_jit, NEEDS_NGINX]


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NginxProxy]:
    exchange = RunningExchange(
        tmp_path_factory.mktemp("exchange"),
        web=True,
        settings={
            "api": {"trusted_proxies": ["127.0.0.1"], "requests_per_second_per_ip": 1_000},
            "feed": {"workers": 2, "port": 0},
        },
    )
    # so few that a flood is one on any machine
    changes = {"rate=100r/s": "rate=1r/s", "burst=200": f"burst={BURST}"}
    try:
        exchange.start()
        with NginxProxy(
            tmp_path_factory.mktemp("nginx"),
            exchange.address("api"),
            changes,
            feed=exchange.address("feed"),
        ) as made:
            yield made
    finally:
        exchange.close()


def test_rest_and_page_pass(proxy: NginxProxy) -> None:
    assert b"AAPL" in proxy.get("/api/v1/instruments")[1]
    status, page = proxy.get("/")
    assert status == 200 and b"<html" in page


def test_metrics_are_not_for_strangers(proxy: NginxProxy) -> None:
    status, text = proxy.get("/metrics")
    assert status == 404 and b"exchange_orders" not in text


@pytest.mark.parametrize("path", ["/ws", "/feed"])
def test_a_websocket_passes(proxy: NginxProxy, path: str) -> None:
    """By hand: a client library's way of ending TLS is not what is tested here."""
    host, _, port = proxy.address.partition(":")
    request = (
        f"GET {path} HTTP/1.1\r\nHost: {proxy.address}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    payload = b'{"op":"subscribe","channels":["trades:AAPL"]}'
    frame = bytes([0x81, 0x80 | len(payload)]) + bytes(4) + payload  # the mask is 0
    with (
        socket.create_connection((host, int(port)), LIMIT_S) as plain,
        unverified().wrap_socket(plain, server_hostname=host) as secure,
        secure.makefile("rb") as received,
    ):
        secure.sendall(request.encode())
        assert b"101" in received.readline()
        while received.readline().strip():
            pass
        secure.sendall(frame)
        opcode, length = received.read(2)
        assert opcode == 0x81 and 2 < length < 127
        assert received.read(2).startswith(b"{"), "a message of the exchange"


def test_a_flood_is_answered_by_nginx(proxy: NginxProxy) -> None:
    """More than the burst: what is over it gets 429, and later requests are served again."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: proxy.get("/api/v1/health")[0], range(10 * BURST))
        statuses = list(answers)
    assert set(statuses) == {200, 429}
    wait_until(lambda: proxy.get("/api/v1/health")[0] == 200, LIMIT_S, "nginx to serve again")
