"""An exchange with accounts that must not see each other, for the tests of the interfaces.

OWNER has orders in every state, whose client order ids all begin with SECRET_NAME; STRANGER and
OTHER have none. ``World.keys`` has credentials by name: owner, reader (OWNER's, read-only),
stranger, other, revoked (OWNER's).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import yarl
from exchange_process import RunningExchange

from exchange.access.signature import signed_headers

OWNER, STRANGER, OTHER = 1, 2, 3
PRICE = 1_500_000  # AAPL, minor units
UNKNOWN_ORDER = 4_000_000_000_000
SECRET_NAME = "OWNERS-NAME"


class Credentials(NamedTuple):
    id: str
    secret: str


class World(NamedTuple):
    exchange: RunningExchange
    url: str
    keys: dict[str, Credentials]
    orders: dict[str, dict[str, Any]]  # OWNER's, by what they are
    document: dict[str, Any]


class Answer(NamedTuple):
    status: int
    text: str

    @property
    def body(self) -> dict[str, Any]:
        decoded: dict[str, Any] = json.loads(self.text)
        return decoded

    @property
    def code(self) -> int:
        return int(self.body["code"])


def call(
    url: str,
    method: str,
    path: str,
    key: Credentials | None,
    body: dict[str, Any] | None = None,
    change: Callable[[dict[str, str]], Any] | None = None,
) -> Answer:
    """One request; ``change`` may alter its headers."""
    return calls(url, [(method, path, key, body, change)])[0]


def calls(url: str, requests: list[Any]) -> list[Answer]:
    """Several requests over one connection."""

    async def main() -> list[Answer]:
        answers = []
        async with aiohttp.ClientSession() as session:
            for method, path, key, body, change in requests:
                raw = json.dumps(body).encode() if body is not None else b""
                headers = {"Content-Type": "application/json"} if raw else {}
                if key is not None:
                    headers |= signed_headers(key.id, key.secret, method, path, raw)
                if change is not None:
                    change(headers)
                target = yarl.URL(url + path, encoded=True)
                async with session.request(
                    method, target, data=raw or None, headers=headers
                ) as answer:
                    answers.append(Answer(answer.status, await answer.text()))
        return answers

    return asyncio.run(main())


def order(side: str, name: str | None, quantity: int = 100, **fields: Any) -> dict[str, Any]:
    """The body of POST /orders."""
    body: dict[str, Any] = {"symbol": "AAPL", "side": side, "quantity": quantity, "price": PRICE}
    return body | ({"client_order_id": name} if name else {}) | fields


@contextmanager
def isolation_world(directory: Path) -> Iterator[World]:
    """A started exchange with OWNER's orders; it is stopped and gone afterwards."""
    limits = {
        "requests_per_second_per_ip": 1_000_000,
        "requests_per_second_per_key": 1_000_000,
        "burst": 100_000,
    }
    exchange = RunningExchange(directory, settings={"api": limits}, sessions=3, web=True)
    try:
        exchange.start()
        keys = {}
        accounts = {"owner": OWNER, "stranger": STRANGER, "other": OTHER, "revoked": OWNER}
        for name, account in accounts.items():
            keys[name] = Credentials(*exchange.make_key(account))
        keys["reader"] = Credentials(*exchange.make_key(OWNER, read_only=True))
        exchange.revoke_key(keys["revoked"].id)
        orders = owners_orders(exchange.url, keys)
        document = call(exchange.url, "GET", "/openapi.json", None).body
        yield World(exchange, exchange.url, keys, orders, document)
        assert exchange.stop() == 0
    finally:
        exchange.close()


def owners_orders(url: str, keys: dict[str, Credentials]) -> dict[str, dict[str, Any]]:
    """Orders of OWNER in every state, far from each other in price."""
    made: dict[str, dict[str, Any]] = {}

    def post(what: str, body: dict[str, Any], status: int = 201) -> None:
        answer = call(url, "POST", "/api/v1/orders", keys["owner"], body)
        assert answer.status == status, answer
        made[what] = answer.body["data"]

    post("filled", order("buy", f"{SECRET_NAME}-1"))
    answer = call(url, "POST", "/api/v1/orders", keys["other"], order("sell", None))
    assert answer.body["data"]["status"] == "filled"
    post("resting", order("buy", f"{SECRET_NAME}-2", price=PRICE - 10_000))
    # a long id is not the token itself
    long_name = f"{SECRET_NAME}-with-more-characters-than-a-token"
    post("named", order("buy", long_name, price=PRICE - 20_000))
    post(
        "stop",
        order("sell", f"{SECRET_NAME}-3", type="stop", stop_price=PRICE - 90_000, price=None),
    )
    post("cancelled", order("buy", f"{SECRET_NAME}-4", price=PRICE - 10_000))
    path = f"/api/v1/orders/{made['cancelled']['order_id']}"
    assert call(url, "DELETE", path, keys["owner"]).status == 200
    post("rejected", order("buy", f"{SECRET_NAME}-5", price=PRICE + 1), 422)
    return made


def owners_view(world: World) -> list[Any]:
    """Everything that OWNER sees of its account."""
    paths = (
        "/orders?limit=1000",
        "/trades?limit=1000",
        "/ledger",
        "/accounts/me",
        "/positions",
    )
    found = calls(
        world.url, [("GET", f"/api/v1{path}", world.keys["owner"], None, None) for path in paths]
    )
    assert all(answer.status == 200 for answer in found)
    return [answer.body["data"] for answer in found]


def ids_in(data: Any) -> set[Any]:
    """Every order id and client order id in an answer."""
    found: set[Any] = set()
    if isinstance(data, dict):
        for name, value in data.items():
            if name in ("order_id", "client_order_id", "replaces", "replaced_by", "cancelled"):
                found |= set(value) if isinstance(value, list) else {value}
            found |= ids_in(value)
    elif isinstance(data, list):
        for value in data:
            found |= ids_in(value)
    return found
