"""A quick HTTP client for the REST benchmark: keep-alive connections, one request in flight each.

It parses no more of an answer than it must (status, length), because it shares the cores with the
exchange; what it was sent is kept and checked afterwards.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from exchange.settings import ROOT
from scripts.benchmarks.result import check


class ApiKey(NamedTuple):
    """A key as `exchange admin key make` shows it."""

    key_id: str
    secret: bytes


class Answered(NamedTuple):
    """A request's answer. ``elapsed_ns``: from its bytes written to the answer's last byte."""

    request: int
    status: int
    body: bytes
    elapsed_ns: int


def make_key(data: Path, account: int) -> ApiKey:
    """Make an API key of ``account``."""
    answer = subprocess.run(
        [
            *(sys.executable, "-m", "exchange.cli", "admin", "key", "make", str(account)),
            *("--json", "--data-dir", str(data)),
        ],
        cwd=ROOT,
        capture_output=True,
    )
    check(answer.returncode == 0, f"key make: {(answer.stderr or answer.stdout).decode()}")
    found = json.loads(answer.stdout)
    return ApiKey(found["id"], found["secret"].encode())


def signed(key: ApiKey, method: str, path: str, body: bytes) -> bytes:
    """A whole request with its signature."""
    timestamp, nonce = time.time_ns() // 1_000_000, os.urandom(12).hex()
    text = b"%s\n%s\n%d\n%s\n" % (method.encode(), path.encode(), timestamp, nonce.encode())
    signature = hmac.digest(key.secret, text + body, "sha256").hex()
    return (
        f"{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"X-API-KEY: {key.key_id}\r\nX-TIMESTAMP: {timestamp}\r\nX-NONCE: {nonce}\r\n"
        f"X-SIGNATURE: {signature}\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body


class Connection(asyncio.Protocol):
    """Sends the requests that ``next_request`` gives, one after the other, until it gives None."""

    def __init__(
        self, next_request: Callable[[], tuple[int, bytes] | None], answers: list[Answered]
    ) -> None:
        self._next = next_request
        self._answers = answers
        self._buffer = b""
        self._sent_ns = 0
        self._request = 0
        self.finished: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: asyncio.Transport = transport  # type: ignore[assignment]

    def begin(self) -> None:
        """Send the next request, or end."""
        following = self._next()
        if following is None:
            self._transport.close()
            self.finished.set_result(None)
            return
        self._request, raw = following
        self._sent_ns = time.perf_counter_ns()
        self._transport.write(raw)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        at = head.find(b"Content-Length: ") + 16
        end = head.find(b"\r\n", at)
        length = int(head[at : end if end > 0 else len(head)])
        if len(rest) < length:
            return
        elapsed_ns = time.perf_counter_ns() - self._sent_ns
        self._answers.append(Answered(self._request, int(head[9:12]), rest[:length], elapsed_ns))
        self._buffer = rest[length:]
        self.begin()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.finished.done():
            self.finished.set_exception(error or ConnectionResetError("closed by the exchange"))


async def run(
    host: str, port: int, connections: int, next_request: Callable[[], tuple[int, bytes] | None]
) -> tuple[list[Answered], float]:
    """All requests over so many connections; the answers and the seconds that it took."""
    answers: list[Answered] = []
    loop = asyncio.get_running_loop()
    made: list[Connection] = []
    for _ in range(connections):
        _, connection = await loop.create_connection(
            lambda: Connection(next_request, answers), host, port
        )
        made.append(connection)
    begin = time.perf_counter()
    for connection in made:
        connection.begin()
    await asyncio.gather(*(connection.finished for connection in made))
    return answers, time.perf_counter() - begin


def get(host: str, port: int, key: ApiKey, path: str) -> dict[str, object]:
    """The data of one GET, checked."""
    requests = [(0, signed(key, "GET", path, b""))]
    answers, _ = asyncio.run(run(host, port, 1, lambda: requests.pop() if requests else None))
    answer = json.loads(answers[0].body)
    check(answers[0].status == 200 and answer["code"] == 0, f"GET {path}: {answer}")
    data: dict[str, object] = answer["data"]
    return data
