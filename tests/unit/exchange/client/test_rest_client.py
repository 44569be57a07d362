"""The REST client against a small server: signatures, retries, the clock, refusals."""

import asyncio
import datetime
import time

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exchange.access.keys import READ, TRADE, KeyFile, KeyStore
from exchange.api.access.auth import Authenticator
from exchange.api.access.rate_limit import RateLimits
from exchange.api.errors import ApiError, ErrorCode, answer_errors, rejected, success_body
from exchange.client import ApiKey, NewOrder, NotReached, RequestFailed, RestClient
from exchange.codes import Reject

ORDER = {
    "order_id": 5,
    "symbol": "2330.TW",
    "side": "buy",
    "type": "limit",
    "quantity": 10,
    "price": 60000,
    "filled_quantity": 0,
    "remaining_quantity": 10,
    "status": "new",
    "created_at": "2026-11-21T09:30:00.123456Z",
    "updated_at": "2026-11-21T09:30:00.123456Z",
    "something_new": [1],
}


class Exchange:
    """Checks signatures as the real one and answers from ``script``: path -> answers in turn."""

    def __init__(self, directory):
        key, secret = KeyFile(directory).make(
            7, [READ, TRADE], "", datetime.datetime.now(datetime.UTC)
        )
        self.key = ApiKey(key.id, secret)
        self.clock_ahead_ns = 0
        limits = RateLimits(per_address=0, per_key=0, burst=1)
        self.auth = Authenticator(
            KeyStore(directory), limits, clock_ns=lambda: time.time_ns() + self.clock_ahead_ns
        )
        self.seen = []
        self.script = []

    async def handle(self, request):
        body = await request.read()
        if request.path.endswith("/time"):
            now = (time.time_ns() + self.clock_ahead_ns) // 1_000_000
            return web.Response(body=success_body({"timestamp": now}))
        self.auth.authenticate(request, body)
        self.seen.append((request.method, request.raw_path, orjson.loads(body) if body else None))
        answer = self.script.pop(0)
        if answer == "cut":
            request.transport.abort()
            return web.Response()
        if isinstance(answer, Exception):
            raise answer
        return web.Response(body=answer if isinstance(answer, bytes) else success_body(answer))


def run(directory, test, **options):
    async def main():
        exchange = Exchange(directory)
        app = web.Application(middlewares=[answer_errors])
        app.router.add_route("*", "/{path:.*}", exchange.handle)
        async with TestServer(app) as server:
            url = f"http://{server.host}:{server.port}/"
            async with RestClient(url, exchange.key, **options) as client:
                return await test(exchange, client)

    return asyncio.run(main())


def test_an_order_is_placed_with_an_id_of_its_own(tmp_path):
    async def test(exchange, client):
        exchange.script = [ORDER]
        order = await client.place(NewOrder(symbol="2330.TW", side="buy", quantity=10, price=60000))
        assert order.order_id == 5 and order.is_open
        assert order.created_at.microsecond == 123456
        ((method, path, body),) = exchange.seen
        assert (method, path) == ("POST", "/api/v1/orders")
        assert len(body.pop("client_order_id")) == 13
        assert body == {"symbol": "2330.TW", "side": "buy", "quantity": 10, "price": 60000}

    run(tmp_path, test)


def test_what_is_safe_is_repeated_with_the_same_id(tmp_path):
    async def test(exchange, client):
        exchange.script = ["cut", ApiError(ErrorCode.UNAVAILABLE, "away"), ORDER]
        exchange.script[1].headers["Retry-After"] = "0"
        await client.place(NewOrder(symbol="X", side="buy", quantity=1, price=1))
        assert len(exchange.seen) == 3
        assert len({body["client_order_id"] for _, _, body in exchange.seen}) == 1

    run(tmp_path, test)


def test_amendments_are_not_repeated(tmp_path):
    async def test(exchange, client):
        exchange.script = ["cut"]
        with pytest.raises(NotReached):
            await client.amend(5, price=7)
        assert exchange.seen == [("PATCH", "/api/v1/orders/5", {"price": 7})]

    run(tmp_path, test)


def test_refusals_have_code_status_and_data(tmp_path):
    async def test(exchange, client):
        exchange.script = [rejected(Reject.PRICE_BAND, data=ORDER)]
        with pytest.raises(RequestFailed, match="10028: rejected: price band") as raised:
            await client.place(NewOrder(symbol="X", side="buy", quantity=1, price=1))
        assert (raised.value.code, raised.value.status) == (10028, 422)
        assert raised.value.data["order_id"] == 5
        exchange.script = [b"<html>"]
        with pytest.raises(RequestFailed, match="no answer of an exchange"):
            await client.account()

    run(tmp_path, test)


def test_patience_ends(tmp_path):
    async def test(exchange, client):
        exchange.script = [ApiError(ErrorCode.RATE_LIMITED, "slow", headers={"Retry-After": "9"})]
        with pytest.raises(RequestFailed) as raised:
            await client.positions()
        assert raised.value.retry_after_s == 9
        assert len(exchange.seen) == 1

    run(tmp_path, test, patience_s=1.0)


def test_a_wrong_clock_is_set_once(tmp_path):
    async def test(exchange, client):
        exchange.clock_ahead_ns = 3600 * 10**9
        exchange.script = [{"trades": []}, {"orders": [], "next_cursor": "x"}]
        assert (await client.fills(symbol="A B/C")).trades == []
        assert (await client.orders(status="open")).next_cursor == "x"
        assert [path for _, path, _ in exchange.seen] == [
            "/api/v1/trades?symbol=A+B%2FC&limit=100",
            "/api/v1/orders?status=open&limit=100",
        ]

    run(tmp_path, test)


def test_nobody_there():
    async def main():
        async with RestClient("http://127.0.0.1:1", patience_s=0) as client:
            with pytest.raises(NotReached):
                await client.instruments()
            with pytest.raises(ValueError, match="needs an API key"):
                await client.account()

    asyncio.run(main())


def test_a_secret_is_not_printed():
    assert "s3cret" not in repr(ApiKey("id", "s3cret"))
