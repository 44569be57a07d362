"""The shipped configuration of nginx before a real exchange: TLS, REST, limits, a WebSocket."""

from __future__ import annotations

import shutil
import socket
import ssl
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from exchange_process import RunningExchange, wait_until

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = ROOT / "config" / "nginx"
LIMIT_S = 180.0
BURST = 20
pytestmark = [
    pytest.mark.needs_jit,
    pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed"),
]
MAIN = """
pid nginx.pid; error_log error.log; daemon off; worker_processes 1;
events { worker_connections 512; }
http {
    access_log off;
    client_body_temp_path tmp; proxy_temp_path tmp; fastcgi_temp_path tmp;
    uwsgi_temp_path tmp; scgi_temp_path tmp;
    include exchange.conf;
}
"""


def free_port() -> int:
    """A port that nobody has now."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def prepare(folder: Path, port: int, api: str) -> None:
    """The shipped files, with other ports and a certificate of its own."""
    text = (SHIPPED / "exchange.conf").read_text()
    for before, after in (
        # so few that a flood is one on any machine
        ("rate=100r/s", "rate=1r/s"),
        ("burst=200", f"burst={BURST}"),
        ("listen 443 ssl", f"listen 127.0.0.1:{port} ssl"),
        ("127.0.0.1:8081", api),
        ("/etc/nginx/", f"{folder}/"),
    ):
        assert before in text
        text = text.replace(before, after)
    (folder / "exchange.conf").write_text(text)
    shutil.copy(SHIPPED / "exchange_proxy.inc", folder)
    (folder / "main.conf").write_text(MAIN)
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "2", "-subj", "/CN=exchange.example"),
            *("-keyout", folder / "exchange.key", "-out", folder / "exchange.crt"),
        ],
        check=True,
        capture_output=True,
    )


@pytest.fixture(scope="module")
def proxy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """host:port of nginx."""
    exchange = RunningExchange(
        tmp_path_factory.mktemp("exchange"),
        web=True,
        settings={"api": {"trusted_proxies": ["127.0.0.1"], "requests_per_second_per_ip": 1_000}},
    )
    folder = tmp_path_factory.mktemp("nginx")
    server = None
    try:
        exchange.start()
        port = free_port()
        prepare(folder, port, exchange.address("api"))
        words = ["nginx", "-p", f"{folder}/", "-c", "main.conf", "-e", "error.log"]
        server = subprocess.Popen(words)

        def answers() -> bool:
            assert server.poll() is None, (folder / "error.log").read_text()
            try:
                return get(f"127.0.0.1:{port}", "/api/v1/health")[0] == 200
            except OSError:
                return False

        wait_until(answers, LIMIT_S, "nginx to pass the health on")
        yield f"127.0.0.1:{port}"
    finally:
        if server is not None:
            server.terminate()
            server.wait(LIMIT_S)
        exchange.close()


def unverified() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def get(address: str, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(
            f"https://{address}{path}", timeout=LIMIT_S, context=unverified()
        ) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_rest_and_page_pass(proxy: str) -> None:
    assert b"AAPL" in get(proxy, "/api/v1/instruments")[1]
    status, page = get(proxy, "/")
    assert status == 200 and b"<html" in page


def test_metrics_are_not_for_strangers(proxy: str) -> None:
    status, text = get(proxy, "/metrics")
    assert status == 404 and b"exchange_orders" not in text


def test_a_websocket_passes(proxy: str) -> None:
    """By hand: a client library's way of ending TLS is not what is tested here."""
    host, _, port = proxy.partition(":")
    request = (
        f"GET /ws HTTP/1.1\r\nHost: {proxy}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
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


def test_a_flood_is_answered_by_nginx(proxy: str) -> None:
    """More than the burst: what is over it gets 429, and later requests are served again."""
    with ThreadPoolExecutor(8) as pool:
        answers = pool.map(lambda _: get(proxy, "/api/v1/health")[0], range(10 * BURST))
        statuses = list(answers)
    assert set(statuses) == {200, 429}
    wait_until(lambda: get(proxy, "/api/v1/health")[0] == 200, LIMIT_S, "nginx to serve again")
