"""REST of a running exchange: the examples of docs/rest.md, and clients that break HTTP itself."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import msgspec
import pytest
from exchange_process import RunningExchange

from exchange.api.rest.routes import PREFIX, ROUTES
from exchange.codes import Reject
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit

PAGE = (ROOT / "docs" / "rest.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
TIMEOUT_S = 180.0


class Api(NamedTuple):
    exchange: RunningExchange
    environment: dict[str, str]

    @property
    def port(self) -> int:
        return int(self.exchange.address("api").rpartition(":")[2])


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Api]:
    """A running exchange with the shipped limits, and a key of account 1."""
    exchange = RunningExchange(tmp_path_factory.mktemp("rest"), web=True)
    try:
        exchange.start()
        key = exchange.admin("key", "make", "1")
        own = {
            "EXCHANGE_URL": exchange.url,
            "EXCHANGE_KEY": key["id"],
            "EXCHANGE_SECRET": key["secret"],
        }
        yield Api(exchange, os.environ | own)
    finally:
        exchange.close()


def commands() -> list[str]:
    """The page's command lines, in order, but for the operator's."""
    lines = [line for kind, text in BLOCKS if kind == "" for line in text.splitlines()]
    found = [line[2:] for line in lines if line.startswith("$ ")]
    return [line for line in found if not line.startswith("exchange admin")]


def test_the_examples_of_the_page_in_bash(api: Api, tmp_path: Path):
    for tool in ("bash", "curl", "openssl", "jq"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    (script,) = (text for kind, text in BLOCKS if kind == "bash")
    (tmp_path / "rest.sh").write_text(script)
    (tmp_path / "rest.sh").chmod(0o755)
    lines = [line.replace("http://127.0.0.1:8081", "$EXCHANGE_URL") for line in commands()]
    lines = [line.replace("'$EXCHANGE_URL", "$EXCHANGE_URL'") for line in lines]
    asked = [line for line in lines if not line.startswith("id=")]
    program = "set -euo pipefail\n" + "\n".join(
        line if line.startswith("id=") else f"{line}; echo" for line in lines
    )
    ran = subprocess.run(
        ["bash", "-c", program],
        cwd=tmp_path,
        env=api.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert ran.returncode == 0, ran.stderr
    answers = [json.loads(line) for line in ran.stdout.splitlines()]
    assert len(answers) == len(asked) > 20
    for line, answer in zip(asked, answers, strict=True):
        assert (answer["code"], answer["message"]) == (0, "success"), (line, answer)
    # the answer that the page shows has the fields that the exchange gives
    shown = json.loads(re.search(r'^{"code":0.*?}}$', PAGE, re.MULTILINE | re.DOTALL)[0])  # type: ignore[index]
    assert shown["data"].keys() == answers[0]["data"].keys()


def test_the_example_of_the_page_in_python(api: Api):
    (program,) = (text for kind, text in BLOCKS if kind == "python")
    ran = subprocess.run(
        [sys.executable, "-c", program],
        env=api.environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert ran.returncode == 0, ran.stderr
    assert "'status': 'new'" in ran.stdout


def test_the_page_names_every_route_and_error():
    for route in ROUTES:
        assert f"{route.method} {route.path}" in PAGE.replace("\n", " "), route
    named = {int(number) for number in re.findall(r"\b100[0-3][0-9]\b", PAGE)} | {10_016}
    named.discard(10_000)
    assert named == {10_000 + int(each) for each in Reject if 0 < each < Reject.INSTRUMENT_EXISTS}


def exchanged(port: int, raw: bytes) -> tuple[int, bytes]:
    """Status and body of the answer to ``raw``, sent as it is."""
    with socket.create_connection(("127.0.0.1", port), TIMEOUT_S) as client:
        with contextlib.suppress(ConnectionError):  # it may be refused before all is sent
            client.sendall(raw)
        received = b""
        with contextlib.suppress(ConnectionError):
            while part := client.recv(65_536):
                received += part
                head, found, body = received.partition(b"\r\n\r\n")
                length = re.search(rb"(?i)content-length: (\d+)", head)
                if found and length is not None and len(body) >= int(length[1]):
                    break
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), body


HEAD = f"POST {PREFIX}/orders HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n".encode()


@pytest.mark.parametrize(
    ("raw", "statuses"),
    [
        (b"\x00\x01\x02\r\n\r\n", {400}),
        (b"GET / HTTP/9.9\r\n\r\n", {400}),
        (b"GET /api/v1/time HTTP/1.1\r\nHost: x\r\nBad Header\r\n\r\n", {400}),
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", {400, 414, 431}),
        (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", {400, 431}),
        (HEAD + b"Content-Length: 99999999999\r\n\r\n", {401, 413}),
        (HEAD + b"Content-Length: -1\r\n\r\n", {400}),
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", {400}),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", {400}),
        (
            HEAD
            + b"Transfer-Encoding: chunked\r\n\r\n"
            + b"".join(b"2000\r\n" + b"x" * 0x2000 + b"\r\n" for _ in range(12)),
            {413},
        ),
        (HEAD + b"\r\n", {401}),
    ],
    ids=lambda value: repr(value[:40]) if isinstance(value, bytes) else "",
)
def test_broken_http_is_answered_and_breaks_nothing(api: Api, raw: bytes, statuses: set[int]):
    before = api.exchange.pid("api")
    status, body = exchanged(api.port, raw)
    assert status in statuses, (status, body[:200])
    if body:
        answer = msgspec.json.decode(body)
        assert answer["code"] > 0 and answer["message"]
        assert answer["data"] is None or set(answer["data"]) == {"field"}
    status, body = exchanged(
        api.port, f"GET {PREFIX}/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    )
    assert status == 200 and msgspec.json.decode(body)["code"] == 0
    assert api.exchange.pid("api") == before
    assert "Traceback" not in api.exchange.log_tail(200), api.exchange.log_tail(30)


def test_a_client_that_goes_away_in_the_middle(api: Api):
    for raw in (HEAD, HEAD + b"Content-Length: 10\r\n\r\n{}", b"GET"):
        with socket.create_connection(("127.0.0.1", api.port), TIMEOUT_S) as client:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            assert client.recv(65_536) == b""  # it has noticed
    raw = f"GET {PREFIX}/time HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode()
    assert exchanged(api.port, raw)[0] == 200
    assert "Traceback" not in api.exchange.log_tail(200), api.exchange.log_tail(30)
