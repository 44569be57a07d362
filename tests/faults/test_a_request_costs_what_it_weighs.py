"""Requests that anybody may send: what is large is made once, and counts as much as it costs."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any
from urllib import error, request

import pytest
from exchange_process import RunningExchange

pytestmark = pytest.mark.needs_jit

BURST = 400
WEIGHTS = {
    "/instruments": 5,
    "/trades/AAPL?limit=1000": 4,
    "/trades/AAPL": 1,
    "/klines/AAPL?interval=1m&limit=1500": 6,
    "/depth/AAPL?levels=1000": 4,
    "/ticker/AAPL": 1,
    "/time": 1,
}


@pytest.fixture(scope="module")
def exchange(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExchange]:
    running = RunningExchange(
        tmp_path_factory.mktemp("weights"),
        sessions=2,
        # one token in a hundred seconds: none comes back during the test
        settings={"api": {"requests_per_second_per_ip": 1, "burst": BURST}},
        web=True,
    )
    yield running.start()
    running.close()


def ask(exchange: RunningExchange, path: str, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers and body. Retries nothing."""
    asked = request.Request(f"{exchange.url}/api/v1{path}", headers=headers)
    try:
        with request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.headers, answer.read()
    except error.HTTPError as refused:
        return refused.code, refused.headers, refused.read()


def test_a_request_takes_as_many_tokens_as_it_weighs(exchange: RunningExchange) -> None:
    for path, weight in WEIGHTS.items():
        status, headers, _ = ask(exchange, path)
        assert status == 200, path
        assert headers["X-RateLimit-Weight"] == str(weight), path
        assert int(headers["X-RateLimit-Limit"]) == BURST
        assert int(headers["X-RateLimit-Remaining"]) <= BURST - weight
    refused = 0
    for _ in range(BURST):
        status, headers, _ = ask(exchange, "/instruments")
        refused += status == 429
    assert refused > BURST - BURST // 5


def test_the_list_of_instruments_is_made_once(exchange: RunningExchange) -> None:
    exchange.stop()
    exchange.start()  # full buckets
    status, headers, body = ask(exchange, "/instruments")
    assert status == 200 and headers["Content-Encoding"] is None
    listed = json.loads(body)["data"]["instruments"]
    assert {row["symbol"] for row in listed} >= {"AAPL", "MSFT"}
    etag = {"If-None-Match": headers["ETag"]}
    status, headers, body = ask(exchange, "/instruments", **etag)
    assert (status, body) == (304, b"") and headers["ETag"] == etag["If-None-Match"]
    for _ in range(60):
        status, headers, compressed = ask(exchange, "/instruments", **{"Accept-Encoding": "gzip"})
        if headers["Content-Encoding"] == "gzip":
            assert json.loads(gzip.decompress(compressed))["data"]["instruments"] == listed
            break
    else:
        raise AssertionError("it was never compressed")
