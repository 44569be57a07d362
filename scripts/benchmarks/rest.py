"""``rest``: durable orders a second over POST /api/v1/orders, signed, and how long each takes.

A whole exchange with the default configuration (rate limits lifted), all of it and the client on
the same cores. Several API keys, keep-alive connections, one order in flight on each: closed loop,
so orders_per_s is what the exchange takes and p50 and p99 are those at that load. Orders cross:
about every second one trades.

Checked: every answer is a 201 with the terms that were sent and an order id of its own; afterwards
GET /orders must have every order once with these terms, what the buyers have bought the sellers
have sold, and `exchange-replay verify` must find journal and archive equal, the money conserved.

The limit, in the same run: the same requests from the same client to the same aiohttp, with a
handler that reads the body and answers with as many bytes, and nothing else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from aiohttp import web

from exchange.settings import ROOT
from scripts.benchmarks import rest_client, venue
from scripts.benchmarks.rest_client import Answered, ApiKey, signed
from scripts.benchmarks.result import check, progress

HOST = "127.0.0.1"
PATH = "/api/v1/orders"
NICE = 10  # as [api] nice: the client must not push the server aside
SYMBOLS = ("AAPL", "AMZN", "MSFT", "GOOG")
FIRST_ACCOUNT = 10
WARM_ORDERS = 1_000
PAGE = 1_000
ANSWER_BYTES = 700  # of a typical order, for the limit


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=30_000, help="orders that are measured")
    parser.add_argument("--connections", type=int, default=16, help="keep-alive connections")
    parser.add_argument("--keys", type=int, default=4, help="API keys, each of its own account")


def _wait_until_ready(port: int) -> None:
    """The port is open while the exchange recovers; its health says when it is done."""
    deadline_s = time.monotonic() + venue.START_DEADLINE_S
    while True:
        with contextlib.suppress(OSError, urllib.error.HTTPError):
            urllib.request.urlopen(f"http://{HOST}:{port}/api/v1/health", timeout=10).close()
            return
        check(time.monotonic() < deadline_s, "the exchange does not become healthy")
        time.sleep(0.05)


def _cpu_seconds(daemon: int) -> dict[str, float]:
    """CPU time of every stage, and of this process (the client), so far."""
    seconds = {"client": sum(psutil.Process().cpu_times()[:2])}
    for child in psutil.Process(daemon).children():
        words = child.cmdline()
        if "exchange.stages.main" in words:
            seconds[words[words.index("exchange.stages.main") + 1]] = sum(child.cpu_times()[:2])
    return seconds


def _accounts(count: int) -> str:
    stock = ", ".join(f"{symbol} = 1_000_000" for symbol in SYMBOLS)
    return venue.ACCOUNTS + "".join(
        f"[[account]]\nid = {FIRST_ACCOUNT + i}\nmoney = {{ USD = 100_000_000_000 }}\n"
        f"stock = {{ {stock} }}\n"
        for i in range(count)
    )


def order(number: int) -> dict[str, Any]:
    """Order ``number``: sides in turn, prices around the middle."""
    return {
        "symbol": SYMBOLS[number // 2 % len(SYMBOLS)],
        "side": "buy" if number % 2 == 0 else "sell",
        "type": "limit",
        "quantity": 1 + number % 7,
        "price": 1_500_000 + (number * 7919 % 21 - 10) * 100,
        "client_order_id": f"b{number}",
    }


class Source:
    """Gives requests, signed when they are about to be sent."""

    def __init__(self, keys: list[ApiKey], first: int, count: int) -> None:
        self._keys = keys
        self._numbers = iter(range(first, first + count))

    def next(self) -> tuple[int, bytes] | None:
        number = next(self._numbers, None)
        if number is None:
            return None
        key = self._keys[number // 2 % len(self._keys)]
        return number, signed(key, "POST", PATH, json.dumps(order(number)).encode())


def _measure(
    port: int, connections: int, next_request: Callable[[], tuple[int, bytes] | None]
) -> tuple[list[Answered], float]:
    return asyncio.run(rest_client.run(HOST, port, connections, next_request))


def _check_answers(answers: list[Answered], count: int) -> dict[int, dict[str, Any]]:
    """Every answer as it must be; order id -> order."""
    check(len(answers) == count, f"{len(answers)} answers to {count} orders")
    made: dict[int, dict[str, Any]] = {}
    for answer in answers:
        decoded = json.loads(answer.body)
        check(answer.status == 201 and decoded["code"] == 0, f"{answer.status} {answer.body!r}")
        data = decoded["data"]
        asked = order(answer.request)
        check({name: data[name] for name in asked} == asked, f"asked {asked}, answered {data}")
        check(data["order_id"] not in made, f"order id {data['order_id']} twice")
        made[data["order_id"]] = data
    return made


def _check_orders(port: int, keys: list[ApiKey], made: dict[int, dict[str, Any]]) -> None:
    """GET /orders of every key has all of ``made`` once, with the same terms."""
    names = (*order(0), "created_at")
    found = 0
    traded = {"buy": 0, "sell": 0}
    for key in keys:
        cursor = ""
        while cursor is not None:
            more = f"&cursor={cursor}" if cursor else ""
            page: Any = rest_client.get(HOST, port, key, f"{PATH}?limit={PAGE}{more}")
            for listed in page["orders"]:
                answered = made.pop(listed["order_id"], None)
                check(answered is not None, f"order {listed['order_id']} listed and not made")
                assert answered is not None
                same = all(listed[name] == answered[name] for name in names)
                check(same, f"answered {answered}, listed {listed}")
                check(listed["filled_quantity"] >= answered["filled_quantity"], "lost fills")
                traded[listed["side"]] += listed["filled_quantity"]
                found += 1
            cursor = page["next_cursor"]
    check(not made, f"{len(made)} orders are not listed")
    check(traded["buy"] == traded["sell"] > 0, f"bought and sold: {traded}")


def _bare_server(port: Any, ready: Any) -> None:
    """The limit: aiohttp with a handler that does nothing. ``port``: a shared int for its port."""
    os.nice(NICE)
    body = b"x" * ANSWER_BYTES

    async def answer(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(body=body, status=201, content_type="application/json")

    async def serve() -> None:
        app = web.Application()
        app.router.add_post(PATH, answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        await web.TCPSite(runner, HOST, 0).start()
        port.value = runner.addresses[0][1]
        ready.set()
        await asyncio.Event().wait()

    asyncio.run(serve())


def _limit(connections: int, count: int) -> dict[str, float]:
    context = multiprocessing.get_context("spawn")
    port, ready = context.Value("i", 0), context.Event()
    server = context.Process(target=_bare_server, args=(port, ready), daemon=True)
    server.start()
    try:
        check(ready.wait(60), "the bare server did not start")
        keys = [ApiKey("LIMIT", b"0" * 64)]
        answers, seconds = _measure(port.value, connections, Source(keys, 0, count).next)
    finally:
        server.kill()
        server.join()
    check(all(answer.status == 201 for answer in answers), "the bare server refused")
    p50, p99 = _percentiles(answers)
    return {"per_s": count / seconds, "p50_ms": p50, "p99_ms": p99}


def _percentiles(answers: list[Answered]) -> tuple[float, float]:
    p50, p99 = np.percentile([answer.elapsed_ns for answer in answers], [50, 99]) / 1e6
    return float(p50), float(p99)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Orders a second and milliseconds; see the module."""
    count = arguments.orders
    overrides = (
        "[api]\nport = 0\nrequests_per_second_per_ip = 1_000_000\n"
        "requests_per_second_per_key = 1_000_000\nburst = 1_000_000\n"
    )
    with venue.running(overrides, accounts=_accounts(arguments.keys)) as place:
        port = place.listener_port("api")
        _wait_until_ready(port)
        keys = [rest_client.make_key(place.data, FIRST_ACCOUNT + i) for i in range(arguments.keys)]
        os.setpriority(os.PRIO_PROCESS, 0, NICE)
        warm = Source(keys, 0, WARM_ORDERS)
        answers, _ = _measure(port, arguments.connections, warm.next)
        made = _check_answers(answers, WARM_ORDERS)
        progress(f"{count:,} orders over {arguments.connections} connections")
        source = Source(keys, WARM_ORDERS, count)
        before = _cpu_seconds(place.process.pid)
        answers, seconds = _measure(port, arguments.connections, source.next)
        after = _cpu_seconds(place.process.pid)
        made |= _check_answers(answers, count)
        check(len(made) == WARM_ORDERS + count, "an order id was given twice")
        progress("the same requests to an empty handler")
        limit = _limit(arguments.connections, count)
        progress("comparing with GET /orders and the journal")
        _check_orders(port, keys, made)
        subprocess.run(
            [sys.executable, "-m", "replay.cli", "verify", "--data-dir", place.data],
            cwd=ROOT, check=True, stdout=subprocess.DEVNULL,
        )  # fmt: skip
    p50, p99 = _percentiles(answers)
    return {
        "orders_per_s": count / seconds,
        "p50_ms": p50,
        "p99_ms": p99,
        "orders": count,
        "connections": arguments.connections,
        "keys": arguments.keys,
        "cpu_us_per_order": {
            name: (after[name] - before[name]) / count * 1e6 for name in sorted(after)
        },
        "empty_handler": limit,
        "of_empty_handler": count / seconds / limit["per_s"],
    }
