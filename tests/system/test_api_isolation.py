"""No account sees or touches another's: every endpoint of /openapi.json and every WebSocket action.

One exchange. OWNER has orders in every state; STRANGER asks for each of them by its ids, in every
way that the documents offer, and must get the very answer that an id gets that never was. Then who
may ask at all: no, wrong, replayed, late, revoked and read-only credentials, foreign origins.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, NamedTuple

import aiohttp
import msgspec
import pytest
import yarl
from exchange_process import RunningExchange

from exchange.api.private_side import PrivateAction
from exchange.api.signature import signed_headers, signed_websocket

OWNER, STRANGER, OTHER = 1, 2, 3
PRICE = 1_500_000  # AAPL, minor units
UNKNOWN_ORDER = 4_000_000_000_000
SECRET_NAME = "OWNERS-NAME"  # every client order id of OWNER begins so
MESSAGES_S = 20.0


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


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    directory: Path = tmp_path_factory.mktemp("isolation")
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
    paths = ("/orders?limit=1000", "/trades?limit=1000", "/accounts/me", "/positions")
    found = calls(
        world.url, [("GET", f"/api/v1{path}", world.keys["owner"], None, None) for path in paths]
    )
    assert all(answer.status == 200 for answer in found)
    return [answer.body["data"] for answer in found]


def operations(world: World) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """(method, path template, operation) of the document."""
    for path, methods in world.document["paths"].items():
        for method, operation in methods.items():
            if method in ("get", "post", "patch", "delete", "put"):
                yield method.upper(), path, operation


def is_private(operation: dict[str, Any]) -> bool:
    return bool(operation.get("security"))


# --- REST -----------------------------------------------------------------------------------------


def filled_in(
    path: str, operation: dict[str, Any], order_id: int, name: str
) -> Iterator[tuple[str, dict[str, Any] | None]]:
    """Requests of an operation that name the order in every place where one can be named."""
    base = path.replace("{order_id}", str(order_id)).replace("{symbol}", "AAPL")
    if not base.startswith("/api/v1"):
        base = f"/api/v1{base}"
    bodies: list[dict[str, Any] | None] = [None]
    if "requestBody" in operation and path.endswith("{order_id}"):
        bodies = [{"quantity": 50}, {"price": PRICE - 30_000}]
    elif "requestBody" in operation:
        bodies = [{"seconds": 0}] if path.endswith("cancel-after") else [order("buy", None)]
    for body in bodies:
        yield base, body
        for parameter in operation.get("parameters", ()):
            if parameter["in"] != "query":
                continue
            value = {"order_id": str(order_id), "client_order_id": name, "symbol": "AAPL"}.get(
                parameter["name"]
            )
            if value is not None:
                yield f"{base}?{parameter['name']}={value}", body


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


def test_the_document_has_every_endpoint(world: World) -> None:
    known = {(method, path) for method, path, _ in operations(world)}
    assert len(known) >= 17
    private = [path for _, path, operation in operations(world) if is_private(operation)]
    assert len(private) >= 10


@pytest.mark.parametrize("what", ["filled", "resting", "named", "stop", "cancelled", "rejected"])
def test_another_accounts_order_is_as_one_that_never_was(world: World, what: str) -> None:
    owned = world.orders[what]
    before = owners_view(world)
    own_ids = {each["order_id"] for each in world.orders.values()}
    tried = 0
    for method, path, operation in operations(world):
        if path.endswith("/orders") and method == "POST":
            continue  # test_the_same_client_order_id_is_another_order
        real = list(filled_in(path, operation, owned["order_id"], owned["client_order_id"]))
        never = list(filled_in(path, operation, UNKNOWN_ORDER, "NEVER-USED"))
        answers = calls(
            world.url,
            [
                (method, target, world.keys["stranger"], body, None)
                for pair in zip(real, never, strict=True)
                for target, body in pair
            ],
        )
        for (target, _), answer, other in zip(real, answers[::2], answers[1::2], strict=True):
            tried += 1
            assert SECRET_NAME not in answer.text, target
            if "application/json" not in str(operation["responses"]):
                continue
            assert not ids_in(answer.body) & own_ids, target
            if owned["order_id"] in (None, 0) or "{order_id}" not in path:
                continue
            assert answer.status == other.status == 404, (target, answer)
            same = answer.text.replace(str(owned["order_id"]), str(UNKNOWN_ORDER))
            assert same == other.text
    assert tried > 20
    assert owners_view(world) == before


def test_cursors_of_another_account_show_nothing(world: World) -> None:
    for path in ("/api/v1/orders", "/api/v1/trades"):
        page = call(world.url, "GET", f"{path}?limit=1", world.keys["owner"]).body["data"]
        if page["next_cursor"] is None:
            continue
        target = f"{path}?limit=1&cursor={page['next_cursor']}"
        answer = call(world.url, "GET", target, world.keys["stranger"])
        assert SECRET_NAME not in answer.text
        assert not answer.body["data"] or not ids_in(answer.body["data"]) - {None}


def test_the_same_client_order_id_is_another_order(world: World) -> None:
    body = order("buy", world.orders["resting"]["client_order_id"], price=PRICE - 50_000)
    answer = call(world.url, "POST", "/api/v1/orders", world.keys["stranger"], body)
    assert answer.status == 201
    assert answer.body["data"]["order_id"] != world.orders["resting"]["order_id"]
    path = f"/api/v1/orders/{answer.body['data']['order_id']}"
    assert call(world.url, "DELETE", path, world.keys["owner"]).status == 404
    assert call(world.url, "DELETE", path, world.keys["stranger"]).status == 200


def test_public_answers_name_nobody(world: World) -> None:
    requests = [
        ("GET", f"/api/v1{path}", None, None, None)
        for path in ("/trades/AAPL", "/depth/AAPL", "/ticker/AAPL", "/klines/AAPL", "/instruments")
    ]
    for answer in calls(world.url, requests):
        assert answer.status == 200 and SECRET_NAME not in answer.text
        assert not {"order_id", "client_order_id", "account"} & set(_names(answer.body))


def _names(data: Any) -> Iterator[str]:
    if isinstance(data, dict):
        for name, value in data.items():
            yield name
            yield from _names(value)
    elif isinstance(data, list):
        for value in data:
            yield from _names(value)


def _replace(name: str, value: Callable[[str], str]) -> Callable[[dict[str, str]], None]:
    def change(headers: dict[str, str]) -> None:
        headers[name] = value(headers[name])

    return change


def _drop(name: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.pop(name) and None


def _late(milliseconds: int) -> Callable[[dict[str, str]], None]:
    return _replace("X-TIMESTAMP", lambda text: str(int(text) + milliseconds))


REFUSALS: dict[str, tuple[str | None, Any, int, int]] = {
    "nobody": (None, None, 401, 2001),
    "no signature": ("owner", _drop("X-SIGNATURE"), 401, 2001),
    "no nonce": ("owner", _drop("X-NONCE"), 401, 2001),
    "wrong signature": ("owner", _replace("X-SIGNATURE", lambda text: text[::-1]), 401, 2003),
    "another's key": ("stranger", _replace("X-API-KEY", lambda text: "A" * 20), 401, 2002),
    "late": ("owner", _late(-6_000), 401, 2004),
    "early": ("owner", _late(6_000), 401, 2004),
    "altered time": ("owner", _late(1), 401, 2003),
    "revoked": ("revoked", None, 401, 2002),
}


@pytest.mark.parametrize("what", REFUSALS)
def test_nothing_private_without_good_credentials(world: World, what: str) -> None:
    name, change, status, code = REFUSALS[what]
    key = world.keys[name] if name else None
    requests = []
    for method, path, operation in operations(world):
        if is_private(operation):
            target, body = next(filled_in(path, operation, UNKNOWN_ORDER, "x"))
            requests.append((method, target, key, body, change))
    for request, answer in zip(requests, calls(world.url, requests), strict=True):
        assert (answer.status, answer.code) == (status, code), (request[:2], answer)
        assert answer.body["data"] is None


def test_a_request_counts_once(world: World) -> None:
    for method, path, body in (
        ("GET", "/api/v1/orders", None),
        ("POST", "/api/v1/orders/cancel-after", {"seconds": 0}),
    ):
        kept: dict[str, str] = {}
        first = call(world.url, method, path, world.keys["owner"], body, kept.update)
        assert first.status == 200

        def same(headers: dict[str, str], kept: dict[str, str] = kept) -> None:
            headers.update(kept)

        again = call(world.url, method, path, world.keys["owner"], body, same)
        assert (again.status, again.code) == (401, 2005), (kept, again)


def test_a_read_only_key_reads_and_no_more(world: World) -> None:
    before = owners_view(world)
    resting = world.orders["resting"]["order_id"]
    for method, path, operation in operations(world):
        if not is_private(operation):
            continue
        target, body = next(filled_in(path, operation, resting, "x"))
        answer = call(world.url, method, target, world.keys["reader"], body)
        if method == "GET":
            assert answer.status == 200, answer
        else:
            assert (answer.status, answer.code) == (403, 2006), (method, target, answer)
    assert owners_view(world) == before


def test_pages_of_other_sites_can_do_nothing(world: World) -> None:
    before = owners_view(world)
    for method, path, operation in operations(world):
        if is_private(operation) and method != "GET":
            target, body = next(
                filled_in(path, operation, world.orders["resting"]["order_id"], "x")
            )

            def foreign(headers: dict[str, str]) -> None:
                headers["Origin"] = "https://elsewhere.example"

            answer = call(world.url, method, target, world.keys["owner"], body, foreign)
            assert (answer.status, answer.code) == (403, 2007), (method, target, answer)
    assert owners_view(world) == before


# --- WebSocket ------------------------------------------------------------------------------------


@asynccontextmanager
async def socket(
    world: World, name: str | None, **options: Any
) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
    """A WebSocket, signed in with the key ``name``."""
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(world.url + "/ws", **options) as made,
    ):
        if name is not None:
            key = world.keys[name]
            await made.send_json(signed_websocket(key.id, key.secret))
            assert (await read_until(made, lambda m: m["type"] == "authenticated"))[-1]
        yield made


async def read_until(
    made: aiohttp.ClientWebSocketResponse, wanted: Callable[[dict[str, Any]], bool]
) -> list[dict[str, Any]]:
    """Messages up to the first wanted one, heartbeats left out."""
    found: list[dict[str, Any]] = []
    end_s = time.monotonic() + MESSAGES_S
    while time.monotonic() < end_s:
        frame = await made.receive(MESSAGES_S)
        assert frame.type == aiohttp.WSMsgType.TEXT, (frame, found)
        message = json.loads(frame.data)
        if message["type"] != "heartbeat":
            found.append(message)
            if wanted(message):
                return found
    raise AssertionError(f"nothing of what was waited for: {found}")


async def after_ping(made: aiohttp.ClientWebSocketResponse) -> list[dict[str, Any]]:
    """Everything that comes before the answer to a ping."""
    await made.send_json({"action": "ping", "request_id": "the end"})
    return (await read_until(made, lambda m: m.get("request_id") == "the end"))[:-1]


def actions_about(owned: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Every private action, naming an order of somebody else where it can name one."""
    order_id, name = owned["order_id"], owned["client_order_id"]
    return {
        "auth": [{}],
        "order": [order("buy", name, price=PRICE - 60_000)],
        "cancel": [{"order_id": order_id}],
        "amend": [
            {"order_id": order_id, "quantity": 50},
            {"order_id": order_id, "price": PRICE - 30_000},
        ],
        "mass_cancel": [{}, {"symbol": "AAPL"}, {"side": "buy"}],
        "cancel_after": [{"seconds": 1}, {"seconds": 0}],
    }


def test_every_action_is_tried() -> None:
    kinds = PrivateAction.__args__
    tags = {str(msgspec.inspect.type_info(kind).tag) for kind in kinds}  # type: ignore[union-attr]
    assert set(actions_about({"order_id": 1, "client_order_id": "x"})) == tags


def test_actions_do_not_reach_another_accounts_orders(world: World) -> None:
    before = owners_view(world)

    async def main() -> None:
        async with socket(world, "stranger") as made:
            for owned in world.orders.values():
                for action, bodies in actions_about(owned).items():
                    if action == "auth":
                        continue
                    for number, body in enumerate(bodies):
                        request_id = f"{action}-{number}"
                        await made.send_json({"action": action, "request_id": request_id} | body)
                        found = await read_until(
                            made, lambda m, name=request_id: m.get("request_id") == name
                        )
                        if action in ("cancel", "amend"):
                            while found[-1]["type"] == "received":
                                found = await read_until(
                                    made, lambda m, name=request_id: m.get("request_id") == name
                                )
                            assert found[-1]["code"] == 4001, found
                for message in await after_ping(made):
                    assert_strangers(world, message)
            await made.send_json({"action": "mass_cancel"})
            await after_ping(made)

    asyncio.run(main())
    assert owners_view(world) == before


def assert_strangers(world: World, message: dict[str, Any]) -> None:
    """A message of STRANGER's socket tells of its own orders only."""
    own_ids = {each["order_id"] for each in world.orders.values()}
    assert not ids_in({k: v for k, v in message.items() if k == "order"}) & own_ids, message
    assert message.get("account", STRANGER) == STRANGER


def test_the_private_channel_is_the_accounts_own(world: World) -> None:
    name = f"{SECRET_NAME}-7"

    async def main() -> None:
        async with (
            socket(world, "stranger") as strange,
            socket(world, None) as anonymous,
            socket(world, "reader") as reader,
        ):
            for made in (strange, anonymous, reader):
                await made.send_json(
                    {"action": "subscribe", "channels": ["orders", "trade.AAPL"], "since": 0}
                )
                await after_ping(made)
            body = order("buy", name, price=PRICE - 70_000)
            answer = await asyncio.to_thread(
                call, world.url, "POST", "/api/v1/orders", world.keys["owner"], body
            )
            order_id = answer.body["data"]["order_id"]
            # the owner's other key sees it; when it has, the others would have seen it as well
            await read_until(
                reader,
                lambda m: m["type"] == "execution_report" and m["order"]["client_order_id"] == name,
            )
            for made in (strange, anonymous):
                for message in await after_ping(made):
                    assert name not in json.dumps(message)
                    assert_strangers(world, message)
            await asyncio.to_thread(
                call, world.url, "DELETE", f"/api/v1/orders/{order_id}", world.keys["owner"]
            )

    asyncio.run(main())


def test_the_past_of_another_account_is_not_replayed(world: World) -> None:
    async def main() -> None:
        async with socket(world, "stranger") as made:
            await made.send_json({"action": "subscribe", "channels": ["orders"], "since": 0})
            for message in await after_ping(made):
                assert_strangers(world, message)
                orders = [message["order"]] if "order" in message else message.get("orders", [])
                own = {each["order_id"] for each in world.orders.values()}
                assert not own & {each["order_id"] for each in orders}

    asyncio.run(main())


def test_actions_need_a_signed_in_socket_that_may_trade(world: World) -> None:
    before = owners_view(world)

    async def main() -> None:
        for name, code in ((None, 2001), ("reader", 2006)):
            async with socket(world, name) as made:
                for action, bodies in actions_about(world.orders["resting"]).items():
                    if action == "auth":
                        continue
                    await made.send_json({"action": action, "request_id": "r"} | bodies[0])
                    found = await read_until(made, lambda m: m.get("request_id") == "r")
                    assert (found[-1]["type"], found[-1]["code"]) == ("error", code), found

    asyncio.run(main())
    assert owners_view(world) == before


def test_signing_in_with_bad_credentials(world: World) -> None:
    async def main() -> None:
        owner, revoked = world.keys["owner"], world.keys["revoked"]
        good = signed_websocket(owner.id, owner.secret)
        cases: list[tuple[dict[str, object], int]] = [
            (good | {"signature": "0" * 64}, 2003),
            (good | {"nonce": "another"}, 2003),
            (good | {"key": "A" * 20}, 2002),
            (good | {"timestamp": int(str(good["timestamp"])) - 6_000}, 2004),
            (signed_websocket(revoked.id, revoked.secret), 2002),
        ]
        async with socket(world, None) as made:
            for message, code in cases:
                await made.send_json(message)
                found = await read_until(made, lambda m: m["type"] in ("error", "authenticated"))
                assert found[-1].get("code") == code, found
            await made.send_json(good)
            await read_until(made, lambda m: m["type"] == "authenticated")
        async with socket(world, None) as made:
            await made.send_json(good)
            found = await read_until(made, lambda m: m["type"] in ("error", "authenticated"))
            assert found[-1].get("code") == 2005, found
        with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
            async with socket(world, None, origin="https://elsewhere.example"):
                pass
        assert raised.value.status == 403

    asyncio.run(main())


def test_revoking_a_key_closes_its_sockets_at_once(world: World) -> None:
    key = Credentials(*world.exchange.make_key(OWNER))
    world.keys["short-lived"] = key

    async def main() -> None:
        async with (
            socket(world, "short-lived") as idle,
            socket(world, "short-lived") as active,
            socket(world, "owner") as untouched,
        ):
            await idle.send_json({"action": "subscribe", "channels": ["orders"]})
            await after_ping(idle)
            await asyncio.to_thread(world.exchange.revoke_key, key.id)
            # the next action is refused, and nothing private comes any more
            await active.send_json(
                {"action": "order", "request_id": "r"} | order("buy", None, price=PRICE - 80_000)
            )
            for made in (active, idle):
                while not made.closed:
                    frame = await made.receive(MESSAGES_S)
                    if frame.type == aiohttp.WSMsgType.TEXT:
                        message = json.loads(frame.data)
                        assert message["type"] in ("heartbeat", "error"), message
                assert made.close_code == 4002
            assert await after_ping(untouched) == []

    asyncio.run(main())
    answer = call(world.url, "GET", "/api/v1/orders", key)
    assert (answer.status, answer.code) == (401, 2002)
