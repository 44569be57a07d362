"""No account sees or touches another's: every action and the private channel of the WebSocket.

STRANGER names OWNER's orders in every action there is; sockets that have not signed in, or with a
key that may only read, or whose key is revoked, can do nothing. REST: test_api_isolation.py.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from isolation_world import (
    OWNER,
    PRICE,
    SECRET_NAME,
    STRANGER,
    Credentials,
    World,
    call,
    ids_in,
    isolation_world,
    order,
    owners_view,
)

from exchange.access.signature import signed_websocket
from exchange.api.websocket.private_actions import PrivateAction

pytestmark = pytest.mark.needs_jit

MESSAGES_S = 180.0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with isolation_world(tmp_path_factory.mktemp("isolation")) as made:
        yield made


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
            (good | {"timestamp": int(str(good["timestamp"])) - 120_000}, 2004),
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
