"""REST over HTTP, on the real engine and models: every route, every way to ask wrongly."""

from __future__ import annotations

import asyncio
import datetime

import orjson
from api_core import ApiCore
from order_entry_core import SYMBOL
from rest_caller import Caller, bid, serve

from exchange.api.errors import ErrorCode
from exchange.api.rest.routes import ROUTES

ORIGIN = "https://friend.example"


def test_every_route_answers_in_its_shape():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = await one("POST", "/orders", bid(client_order_id="c"))
        again = await one.raw("POST", "/orders", json=bid(client_order_id="c"))
        assert again.status == 200
        order_id = made["order_id"]
        await two("POST", "/orders", bid(side="sell", quantity=30, type="market", price=None))
        for method, path, body in (
            ("GET", "/orders", None),
            ("GET", "/orders?status=open", None),
            ("GET", f"/orders/{order_id}", None),
            ("PATCH", f"/orders/{order_id}", {"quantity": 90}),
            ("GET", "/trades", None),
            ("GET", f"/trades?symbol={SYMBOL}&order_id={order_id}", None),
            ("GET", "/accounts/me", None),
            ("GET", "/ledger?limit=3", None),
            ("GET", "/positions", None),
            ("GET", "/instruments", None),
            ("GET", f"/depth/{SYMBOL}?levels=5", None),
            ("GET", f"/trades/{SYMBOL}?limit=5", None),
            ("GET", f"/ticker/{SYMBOL}", None),
            ("GET", "/ticker/S2", None),
            ("GET", "/tickers", None),
            ("GET", f"/tickers?symbol={SYMBOL}", None),
            ("GET", f"/klines/{SYMBOL}?interval=5m&from=0", None),
            ("GET", "/time", None),
            ("GET", "/health", None),
            ("POST", "/orders/cancel-after", {"seconds": 10}),
            ("POST", "/orders/cancel-after", {"seconds": 0}),
            ("DELETE", f"/orders/{order_id}", None),
            ("POST", "/orders/batch", {"orders": [bid(client_order_id="d")]}),
            ("GET", "/orders/by-client-id?client_order_id=d", None),
            ("PATCH", "/orders/by-client-id?client_order_id=d", {"quantity": 90}),
            ("DELETE", "/orders/by-client-id?client_order_id=d", None),
            ("DELETE", "/orders/batch", {"client_order_ids": ["d"]}),
            ("DELETE", f"/orders?symbol={SYMBOL}&side=sell", None),
        ):
            assert isinstance(await one(method, path, body), dict), (method, path)
        tested = {(each.method, each.path) for each in ROUTES}
        assert len(tested) == len(ROUTES) == 24

    serve(test)


def test_an_order_with_its_trades():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = await one("POST", "/orders", bid())
        for quantity in (10, 20):
            await two("POST", "/orders", bid(side="sell", quantity=quantity))
        found = await one("GET", f"/orders/{made['order_id']}")
        assert [fill["quantity"] for fill in found["trades"]] == [20, 10]
        assert found["filled_quantity"] == 30
        assert [fill["trade_id"] for fill in found["trades"]] == [
            trade["trade_id"] for trade in (await one("GET", f"/trades/{SYMBOL}"))["trades"]
        ]
        (kline,) = (await one("GET", f"/klines/{SYMBOL}"))["klines"]
        assert (kline["open"], kline["volume"], kline["trade_count"]) == (50, 30, 2)
        depth = await one("GET", f"/depth/{SYMBOL}")
        assert (depth["bids"], depth["asks"]) == ([[50, 70]], [])

    serve(test)


def test_pages_follow_each_other():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        ids = [(await one("POST", "/orders", bid(price=40 + i)))["order_id"] for i in range(7)]
        await two("POST", "/orders", bid(side="sell", quantity=650, price=40))
        for path, name, field, expected in (
            ("/orders?limit=3", "orders", "order_id", ids[::-1]),
            ("/orders?limit=3&status=filled", "orders", "order_id", ids[:0:-1]),
            ("/orders?limit=2&status=open,cancelled", "orders", "order_id", ids[:1]),
            ("/trades?limit=2", "trades", "order_id", ids),
            (f"/trades/{SYMBOL}?limit=4", "trades", "price", list(range(40, 47))),
        ):
            found: list[int] = []
            cursor = ""
            for _ in range(10):
                page = await one("GET", path + cursor)
                found += [row[field] for row in page[name]]
                if page["next_cursor"] is None:
                    break
                cursor = f"&cursor={page['next_cursor']}"
            assert found == expected, path
        page = await one("GET", "/orders?limit=3")
        for other in ("/orders?limit=3&symbol=ACME", "/trades?limit=3"):
            assert await one("GET", f"{other}&cursor={page['next_cursor']}") == (400, 1007)
        assert await two("GET", f"/orders?cursor={page['next_cursor']}") == (400, 1007)

    serve(test)


def test_lists_between_two_times():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = [await one("POST", "/orders", bid(price=40 + i)) for i in range(5)]
        await two("POST", "/orders", bid(side="sell", quantity=500, price=40))
        trades = (await one("GET", "/trades"))["trades"]
        milliseconds = [_milliseconds(each["created_at"]) for each in made]
        for path, name, rows, times in (
            ("/orders", "orders", made[::-1], milliseconds[::-1]),
            ("/trades", "trades", trades, [_milliseconds(t["executed_at"]) for t in trades]),
            (
                f"/trades/{SYMBOL}",
                "trades",
                trades,
                [_milliseconds(t["executed_at"]) for t in trades],
            ),
        ):
            key = "order_id" if name == "orders" else "trade_id"
            for low, high in ((times[-1], times[0] + 1), (times[2], times[1]), (0, times[-1])):
                expected = [
                    row[key] for row, ms in zip(rows, times, strict=True) if low <= ms < high
                ]
                found: list[int] = []
                cursor = ""
                for _ in range(20):
                    page = await one("GET", f"{path}?limit=2&from={low}&to={high}{cursor}")
                    found += [row[key] for row in page[name]]
                    if page["next_cursor"] is None:
                        break
                    cursor = f"&cursor={page['next_cursor']}"
                assert found == expected, (path, low, high)
            page = await one("GET", f"{path}?from={times[0] + 1}")
            assert (page[name], page["next_cursor"]) == ([], None)
            assert await one("GET", f"{path}?from=5&to=4") == (400, 1002)

    serve(test)


def _milliseconds(text: str) -> int:
    moment = datetime.datetime.fromisoformat(text)
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
    return (moment - epoch) // datetime.timedelta(milliseconds=1)


def test_the_answer_to_an_order_has_what_it_traded_at_once():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        for price in (50, 51):
            await one("POST", "/orders", bid(price=price, quantity=10))
        made = await two("POST", "/orders", bid(side="sell", quantity=30, price=50))
        assert [trade["price"] for trade in made["trades"]] == [50, 51]
        assert made["average_fill_price"] == 50
        assert made["fee"] == sum(trade["fee"] for trade in made["trades"])
        assert made == await two("GET", f"/orders/{made['order_id']}")
        resting = await two("POST", "/orders", bid(side="sell", price=60))
        assert (resting["average_fill_price"], resting["fee"], resting["trades"]) == (None, 0, [])

    serve(test)


def test_finding_an_order_by_its_client_order_id():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        long_id = "order-000000000000000000001"
        for name in ("short", long_id):
            made = await one("POST", "/orders", bid(client_order_id=name))
            (found,) = (await one("GET", f"/orders?client_order_id={name}"))["orders"]
            assert found == {field: made[field] for field in found}
            assert found["client_order_id"] == name
            assert (await two("GET", f"/orders?client_order_id={name}"))["orders"] == []

    serve(test)


MISTAKES = (
    ("GET", "/nothing", None, (404, 1005)),
    ("PUT", "/orders", None, (405, 1006)),
    ("OPTIONS", "/orders", None, (405, 1006)),
    ("GET", "/orders/abc", None, (400, 1002)),
    ("GET", "/orders/-1", None, (400, 1002)),
    ("GET", "/orders/0", None, (404, 4001)),
    ("GET", "/orders/9223372036854775807", None, (404, 4001)),
    ("GET", "/orders/9999999999999999999", None, (404, 4001)),
    ("GET", "/orders/99999999999999999999", None, (400, 1002)),
    ("DELETE", "/orders/77", None, (404, 4001)),
    ("PATCH", "/orders/77", {"quantity": 1}, (404, 4001)),
    ("GET", "/orders?status=old", None, (400, 1002)),
    ("GET", "/orders?symbol=NOPE", None, (404, 4002)),
    ("GET", "/orders?cursor=x", None, (400, 1007)),
    ("GET", "/orders?limit=1001", None, (400, 1002)),
    ("GET", "/trades?order_id=77", None, (404, 4001)),
    ("GET", "/accounts/me?x=1", None, (400, 1002)),
    ("GET", "/depth/NOPE", None, (404, 4002)),
    ("GET", "/depth/%00", None, (404, 4002)),
    ("GET", "/depth/ACME?levels=1001", None, (400, 1002)),
    ("GET", "/tickers?symbol=NOPE", None, (404, 4002)),
    ("GET", "/tickers?symbols=ACME", None, (400, 1002)),
    ("GET", "/klines/ACME?interval=2m", None, (400, 1002)),
    ("GET", "/klines/ACME?from=2&to=1", None, (400, 1002)),
    ("GET", "/klines/ACME?from=9223372036855", None, (400, 1002)),
    ("DELETE", "/orders?side=sell_short", None, (400, 1002)),
    ("DELETE", "/orders", {"symbol": "ACME"}, (400, 1002)),
    ("POST", "/orders", b"", (400, 1001)),
    ("POST", "/orders", b"{", (400, 1001)),
    ("POST", "/orders", {}, (400, 1002)),
    ("POST", "/orders", b"x" * 70_000, (413, 1003)),
    ("POST", "/orders", bid(symbol="NOPE"), (404, 4002)),
    ("POST", "/orders", bid(price=1 << 40), (422, 10_003)),
    ("POST", "/orders/cancel-after", {"seconds": 99_998}, (400, 1002)),
    ("POST", "/orders/batch", {"orders": []}, (400, 1002)),
    ("POST", "/orders/batch", {"orders": [bid()] * 21}, (400, 1002)),
    ("POST", "/orders/batch", {"orders": [bid(), bid(x=1)]}, (400, 1002)),
    ("DELETE", "/orders/batch", {}, (400, 1002)),
    (
        "DELETE",
        "/orders/batch",
        {"order_ids": [1] * 11, "client_order_ids": ["x"] * 10},
        (400, 1002),
    ),
    ("GET", "/orders/by-client-id", None, (400, 1002)),
    ("DELETE", "/orders/by-client-id?client_order_id=never", None, (404, 4001)),
    ("PATCH", "/orders/by-client-id?client_order_id=never", {"price": 1}, (404, 4001)),
)


def test_every_mistake_has_its_answer():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        for method, path, body, expected in MISTAKES:
            assert await one(method, path, body) == expected, (method, path, body)
            assert core.gateway.under_way == 0

    serve(test)


def test_media_types_encodings_and_permissions():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        good = orjson.dumps(bid())
        for headers, expected in (
            ({"Content-Type": "text/plain"}, (415, 1004)),
            ({"Content-Type": "application/json", "Content-Encoding": "gzip"}, (415, 1004)),
            ({"Content-Type": "application/json", "Content-Encoding": "x"}, (415, 1004)),
        ):
            response = await one.raw("POST", "/orders", data=good, headers=headers)
            code = orjson.loads(await response.read())["code"]
            assert (response.status, code) == expected
        read_only = Caller(one._client, "1r")
        for method, path, body in (
            ("POST", "/orders", bid()),
            ("DELETE", "/orders", None),
            ("DELETE", "/orders/1", None),
            ("PATCH", "/orders/1", {"quantity": 1}),
            ("POST", "/orders/cancel-after", {"seconds": 1}),
        ):
            assert await read_only(method, path, body) == (403, ErrorCode.PERMISSION_DENIED)
        assert isinstance(await read_only("GET", "/orders"), dict)
        assert core.gateway.under_way == 0

    serve(test)


def test_pages_of_other_sites_may_not_trade():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        own = str(one._client.make_url("/")).rstrip("/")
        for origin, status in (
            (own, 201),
            ("https://evil.example", 403),
            ("null", 403),
            (own + "0", 403),
            ("http://[", 403),
        ):
            response = await one.raw("POST", "/orders", json=bid(), headers={"Origin": origin})
            assert response.status == status, origin
            assert "Access-Control-Allow-Origin" not in response.headers
        response = await one.raw("GET", "/orders", headers={"Origin": "https://evil.example"})
        assert response.status == 200
        assert "Access-Control-Allow-Origin" not in response.headers

    serve(test)


def test_pages_of_allowed_origins():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        for method in ("POST", "GET"):
            options = {"json": bid()} if method == "POST" else {}
            response = await one.raw(method, "/orders", headers={"Origin": ORIGIN}, **options)
            assert response.status < 300
            assert response.headers["Access-Control-Allow-Origin"] == ORIGIN
            assert response.headers["Vary"] == "Origin"
        response = await one.raw("OPTIONS", "/orders", headers={"Origin": ORIGIN})
        assert response.status == 204
        assert "PATCH" in response.headers["Access-Control-Allow-Methods"]
        assert "X-SIGNATURE" in response.headers["Access-Control-Allow-Headers"]
        response = await one.raw("OPTIONS", "/orders", headers={"Origin": "https://evil.example"})
        assert response.status == 403
        assert "Access-Control-Allow-Origin" not in response.headers

    serve(test, allowed_origins=(ORIGIN,))


def test_another_accounts_orders_are_not_there():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = (await one("POST", "/orders", bid()))["order_id"]
        for method, path, body in (
            ("GET", f"/orders/{made}", None),
            ("DELETE", f"/orders/{made}", None),
            ("PATCH", f"/orders/{made}", {"quantity": 5}),
            ("GET", f"/trades?order_id={made}", None),
        ):
            assert await two(method, path, body) == (404, ErrorCode.ORDER_NOT_FOUND)
        assert (await two("GET", "/orders"))["orders"] == []

    serve(test)


def test_many_orders_at_once():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = await asyncio.gather(*(one("POST", "/orders", bid()) for _ in range(200)))
        assert len({each["order_id"] for each in made}) == 200
        assert core.gateway.under_way == 0

    serve(test)
