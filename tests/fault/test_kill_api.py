"""The process api is killed with orders under way; clients send them again: one order each.

What a client was told is there; what it was not told, it asks again with the same client order id.
Whatever the moment, every id has exactly one order with its terms, before and after a kill of the
whole exchange, and the journal verifies.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
import pytest

from exchange.access.signature import signed_headers
from exchange.api.errors import ErrorCode
from exchange.api.rest.routes import PREFIX
from exchange.settings import ROOT

pytestmark = pytest.mark.needs_jit

SEED = 20261121
KILLS = 3
CLIENTS = 8
ORDERS = 240  # of each round
LIMIT = 1_000_000
DEADLINE_S = 120.0


def order(number: int) -> dict[str, Any]:
    return {
        "symbol": "AAPL",
        "side": "buy" if number % 2 else "sell",
        "quantity": 1 + number % 9,
        "price": 1_500_000 + number % 5 * 100,
        "client_order_id": f"kill-{number}",
    }


class Client:
    """Posts orders; an order without an answer stays in ``open``."""

    def __init__(self, url: str, key: dict[str, str]) -> None:
        self._url = url
        self._key = key
        self.answered: dict[int, int] = {}  # number: order id
        self.lost = 0

    async def ask(self, session: aiohttp.ClientSession, method: str, path: str, body: Any) -> Any:
        raw = b"" if body is None else orjson.dumps(body)
        headers = signed_headers(self._key["id"], self._key["secret"], method, path, raw)
        if raw:
            headers["Content-Type"] = "application/json"
        async with session.request(
            method, self._url + path, data=raw or None, headers=headers
        ) as response:
            return response.status, orjson.loads(await response.read())

    async def post(self, session: aiohttp.ClientSession, number: int) -> bool:
        """Whether an answer has come; it must be the order."""
        try:
            status, answer = await self.ask(session, "POST", PREFIX + "/orders", order(number))
        except (aiohttp.ClientError, OSError):
            self.lost += 1
            return False
        # what waits for a stage that restarts may be too old when it is read
        if status in (503, 504) or answer["code"] == ErrorCode.TIMESTAMP_OUTSIDE_WINDOW:
            return False
        assert status in (200, 201), answer
        data = answer["data"]
        assert {name: data[name] for name in order(number)} == order(number)
        assert self.answered.setdefault(number, data["order_id"]) == data["order_id"]
        return True

    async def post_until_answered(self, session: aiohttp.ClientSession, numbers: list[int]) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + DEADLINE_S
        while numbers:
            if await self.post(session, numbers[-1]):
                numbers.pop()
            else:
                assert loop.time() < until, "no answers"
                await asyncio.sleep(0.01)

    async def orders(self, session: aiohttp.ClientSession) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            path = f"{PREFIX}/orders?limit=1000{cursor}"
            status, answer = await self.ask(session, "GET", path, None)
            assert status == 200, answer
            found += answer["data"]["orders"]
            if answer["data"]["next_cursor"] is None:
                return found
            cursor = f"&cursor={answer['data']['next_cursor']}"


def test_orders_under_way_when_the_api_dies_are_entered_once(make_exchange: Callable[..., Any]):
    limits = {"requests_per_second_per_ip": LIMIT, "requests_per_second_per_key": LIMIT}
    exchange = make_exchange(web=True, settings={"api": limits | {"burst": LIMIT}}).start()
    client = Client(exchange.url, exchange.admin("key", "make", "1"))
    random_moments = random.Random(SEED)

    async def one_round(first: int) -> None:
        numbers = list(range(first, first + ORDERS))
        kill_at = first + random_moments.randrange(ORDERS // 8, ORDERS // 2)

        async def killer() -> None:
            while len(client.answered) < kill_at:
                await asyncio.sleep(0)
            os.kill(exchange.pid("api"), signal.SIGKILL)

        timeout = aiohttp.ClientTimeout(total=DEADLINE_S)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            await asyncio.gather(
                killer(),
                *(client.post_until_answered(session, numbers[i::CLIENTS]) for i in range(CLIENTS)),
            )

    async def compare() -> None:
        async with aiohttp.ClientSession() as session:
            found = await client.orders(session)
        ids = {each["client_order_id"]: each["order_id"] for each in found}
        assert len(found) == len(ids), "a client order id has two orders"
        assert ids == {f"kill-{number}": made for number, made in client.answered.items()}

    for kill in range(KILLS):
        asyncio.run(one_round(kill * ORDERS))
        assert len(client.answered) == (kill + 1) * ORDERS
    print(f"seed {SEED}: {client.lost} answers lost in {KILLS} kills")
    assert client.lost >= KILLS
    asyncio.run(compare())
    assert exchange.stop() == 0
    subprocess.run(
        [
            sys.executable,
            "-m",
            "replay.cli",
            "verify",
            "--data-dir",
            exchange.data_directory,
        ],
        cwd=ROOT,
        check=True,
        stdout=subprocess.DEVNULL,
    )
