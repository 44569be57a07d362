"""The health in ``exchange status`` is the API's, and without an API that of the shared memory."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from exchange.admin import health
from exchange.api.base.health import health_response
from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS
from exchange.runtime.health import Health
from tests.harness.small_metrics import runs

ARRAYS = {
    "cursors": np.zeros(pipeline.CURSOR_WORDS, np.int64),
    "counters": np.zeros(COUNTER_WORDS, np.int64),
}
SICK = Health(
    healthy=False,
    phase="running",
    problems=["7 commands wait for the disk"],
    heartbeat_age_ms={"matcher": 1},
    lag={},
    day=20261130,
    warnings=["Postgres is away"],
)


@contextlib.contextmanager
def serving(status: int, body: bytes) -> Iterator[str]:
    """host:port of a server that gives one answer to everything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("healthy", [True, False])
def test_what_the_api_says(tmp_path: Path, healthy: bool) -> None:
    said = Health(healthy=True, phase="running", problems=[], heartbeat_age_ms={}, lag={}, day=1)
    response = health_response(said if healthy else SICK)
    assert isinstance(response.body, bytes)
    with serving(response.status, response.body) as address:
        found = health.exchange_health({"health": address}, ARRAYS, tmp_path, {})
    assert found["told_by"] == "api" and found["healthy"] == healthy
    assert found["problems"] == ([] if healthy else SICK.problems)
    assert found["warnings"] == ([] if healthy else SICK.warnings)


def test_without_an_api_the_memory_says_it(tmp_path: Path) -> None:
    runs(tmp_path, "matcher")
    found = health.exchange_health({}, ARRAYS, tmp_path, {})
    assert found["told_by"] == "shared memory" and not found["healthy"]
    assert [text.partition(" for ")[0] for text in found["problems"]] == [
        "matcher is silent",
        "journaler is silent",
    ]


@pytest.mark.parametrize("body", [b"", b"[]", b'{"data": 7}'])
def test_an_api_that_says_nothing_sensible_is_a_problem(tmp_path: Path, body: bytes) -> None:
    runs(tmp_path, "matcher")
    with serving(200, body) as address:
        found = health.exchange_health({"health": address}, ARRAYS, tmp_path, {})
    assert found["told_by"] == "shared memory"
    assert found["problems"][-1] == "the API does not answer within 2 s"


def test_nobody_listens(tmp_path: Path) -> None:
    with serving(200, b"") as address:
        pass
    assert health.ask_health(address) is None
