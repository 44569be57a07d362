"""The stream against a scripted server: subscriptions, resume, gaps, and coming back."""

import asyncio
import json
import time

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exchange.client import ApiKey, NewOrder, NotReached, RequestFailed, Stream, stream
from exchange.client.messages import (
    Authenticated,
    Connected,
    Disconnected,
    Error,
    Gap,
    Heartbeat,
    Received,
    Subscribed,
    Trade,
)


def trade(sequence):
    return {
        "type": "trade",
        "symbol": "A.B",
        "price": 1,
        "quantity": 2,
        "side": "buy",
        "trade_id": sequence + 1,
        "sequence": sequence,
        "timestamp": 3,
    }


class Script:
    """Each connection runs the next function of ``steps`` with (socket, receive)."""

    def __init__(self, *steps):
        self.steps = list(steps)

    async def handle(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)

        async def receive():
            return json.loads((await socket.receive()).data)

        await self.steps.pop(0)(socket, receive)
        await socket.close()
        return socket


async def clock(request):
    hour_ahead_ms = time.time_ns() // 1_000_000 + 3_600_000
    return web.json_response({"code": 0, "data": {"timestamp": hour_ahead_ms}})


def run(script, test, key=None, **options):
    async def main():
        app = web.Application()
        app.router.add_get("/ws", script.handle)
        app.router.add_get("/api/v1/time", clock)
        async with TestServer(app) as server:
            url = f"http://{server.host}:{server.port}"
            async with Stream(url, key, **options) as client:
                await test(client)

    asyncio.run(main())


async def collect(client, until):
    seen = []
    async for message in client:
        seen.append(message)
        if isinstance(message, until):
            return seen
    return seen


def test_it_comes_back_where_it_was():
    async def first(socket, receive):
        asked = await receive()
        assert asked == {"action": "subscribe", "channels": ["trade.A.B", "depth.A.B"]}
        for channel in asked["channels"]:
            await socket.send_json({"type": "subscribed", "channel": channel, "sequence": 4})
        await socket.send_json(trade(7))

    async def second(socket, receive):
        assert await receive() == {"action": "subscribe", "channels": ["depth.A.B"]}
        assert await receive() == {"action": "subscribe", "channels": ["trade.A.B"], "since": 7}
        await socket.send_json(trade(9))
        await receive()

    async def test(client):
        await client.subscribe("trade.A.B", "depth.A.B")
        seen = await collect(client, Connected)
        assert [type(m) for m in seen] == [Subscribed, Subscribed, Trade, Disconnected, Connected]
        (message,) = await collect(client, Trade)
        assert message.sequence == 9

    run(Script(first, second), test)


def test_what_is_not_kept_is_a_gap():
    async def first(socket, receive):
        await receive()
        await socket.send_json({"type": "subscribed", "channel": "trade.A.B", "sequence": 4})

    async def second(socket, receive):
        assert (await receive())["since"] == 4
        error = {"type": "error", "code": 1007, "message": "too old", "channel": "trade.A.B"}
        await socket.send_json(error)
        assert await receive() == {"action": "subscribe", "channels": ["trade.A.B"]}
        await socket.send_json({"type": "subscribed", "channel": "trade.A.B", "sequence": 90})
        await receive()

    async def test(client):
        await client.subscribe("trade.A.B")
        (gap,) = (await collect(client, Gap))[-1:]
        assert gap == Gap(channel="trade.A.B", first_sequence=5)
        assert (await collect(client, Subscribed))[-1].sequence == 90

    run(Script(first, second), test)


def test_signs_in_first_and_sends_orders():
    async def only(socket, receive):
        auth = await receive()
        assert auth["action"] == "auth" and auth["key"] == "id"
        order = await receive()
        assert order == {
            "action": "order",
            "request_id": "mine",
            "client_order_id": "mine",
            "symbol": "A.B",
            "side": "sell",
            "quantity": 3,
            "price": 4,
        }
        await socket.send_json({"status": "received", "request_id": "mine"})
        for expected in (
            {"action": "cancel", "request_id": "c5", "order_id": 5},
            {"action": "amend", "request_id": "a5", "order_id": 5, "price": 6},
            {"action": "mass_cancel", "request_id": "mass_cancel", "symbol": "A.B"},
            {"action": "cancel_after", "request_id": "cancel_after", "seconds": 9},
        ):
            assert await receive() == expected
        await socket.send_json({"type": "news"})  # unknown: passed over
        await socket.send_json({"type": "error", "code": 4003, "message": "closed"})

    async def test(client):
        order = NewOrder(symbol="A.B", side="sell", quantity=3, price=4, client_order_id="mine")
        assert await client.place(order) == "mine"
        await client.cancel(5)
        await client.amend(5, price=6)
        await client.cancel_all("A.B")
        await client.cancel_after(9)
        seen = await collect(client, Error)
        assert [type(message) for message in seen] == [Received, Error]

    run(Script(only), test, ApiKey("id", "secret"), reconnect=False)


def test_a_revoked_key_ends_it():
    async def first(socket, receive):
        await receive()
        await socket.send_json({"type": "error", "code": 2002, "message": "was revoked"})
        await socket.receive()

    async def test(client):
        with pytest.raises(RequestFailed, match="2002: was revoked"):
            await collect(client, Connected)

    run(Script(first), test, ApiKey("id", "secret"))


def test_a_wrong_clock_is_mended(monkeypatch):
    seen = []

    async def first(socket, receive):
        seen.append((await receive())["timestamp"])
        await socket.send_json({"type": "error", "code": 2004, "message": "old"})
        await socket.receive()

    async def second(socket, receive):
        seen.append((await receive())["timestamp"])
        await socket.send_json({"type": "authenticated", "account": 7})
        await socket.receive()

    async def test(client):
        found = await collect(client, Authenticated)
        assert [type(message) for message in found] == [Disconnected, Connected, Authenticated]
        assert seen[1] - seen[0] > 3_000_000

    run(Script(first, second), test, ApiKey("id", "secret"))


def test_closed_while_it_comes_back():
    async def first(socket, receive):
        return

    async def test(client):
        async for message in client:
            assert isinstance(message, Disconnected)
            await client.close()

    run(Script(first), test)


def test_silence_is_a_lost_connection(monkeypatch):
    monkeypatch.setattr(stream, "SILENCE_S", 0.05)
    beat = {"type": "heartbeat", "timestamp": 1, "sequence": 2}

    async def silent(socket, receive):
        await socket.send_json(beat)
        await socket.receive()

    async def test(client):
        seen = await collect(client, Disconnected)
        assert [type(message) for message in seen] == [Heartbeat, Disconnected]
        assert "nothing came" in seen[-1].reason
        with pytest.raises(NotReached):
            await client.ping()

    run(Script(silent), test, reconnect=False, heartbeats=True)


def test_nonsense_is_a_lost_connection():
    async def nonsense(socket, receive):
        await socket.send_str('{"type": "trade"}')
        await socket.receive()

    async def test(client):
        (message,) = await collect(client, Disconnected)
        assert "not understood" in message.reason

    run(Script(nonsense), test, reconnect=False)


def test_nobody_there():
    async def main():
        with pytest.raises(NotReached):
            async with Stream("http://127.0.0.1:1"):
                pass

    asyncio.run(main())
