"""Several orders with one request, and orders by client order id."""

from __future__ import annotations

from api_core import ApiCore
from rest_caller import Caller, bid, serve

from exchange.api.errors import ErrorCode


def test_each_order_of_a_batch_is_answered_for_itself():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        first = await one("POST", "/orders", bid(client_order_id="first"))
        asked = [
            bid(client_order_id="first"),  # as before
            bid(client_order_id="first", price=51),  # other terms
            bid(price=45, client_order_id="a"),
            bid(price=45, client_order_id="a"),  # twice in one batch
            bid(symbol="NOPE"),
            bid(price=None),
            bid(price=1 << 40),
            bid(side="sell", quantity=30, price=50, time_in_force="ioc"),  # trades with nobody
        ]
        entries = (await one("POST", "/orders/batch", {"orders": asked}))["orders"]
        assert [(each["status"], each["code"]) for each in entries] == [
            (200, 0),
            (409, ErrorCode.CLIENT_ORDER_ID_USED),
            (201, 0),
            (200, 0),
            (404, ErrorCode.INSTRUMENT_NOT_FOUND),
            (400, ErrorCode.INVALID_FIELD),
            (422, 10_003),
            (201, 0),
        ]
        for entry in entries[:2]:
            assert entry["order"] == {name: first[name] for name in entry["order"]}
        assert entries[2]["order"]["order_id"] == entries[3]["order"]["order_id"]
        assert (entries[4]["field"], entries[5]["field"]) == ("symbol", "price")
        assert entries[6]["order"]["status"] == "rejected"
        # in the order of the request
        ids = [entries[i]["order"]["order_id"] for i in (2, 6, 7)]
        assert ids == sorted(ids)
        cancelled = await one(
            "DELETE",
            "/orders/batch",
            {"order_ids": [first["order_id"], 77, ids[0]], "client_order_ids": ["a", "never"]},
        )
        found = [(each["status"], each["code"]) for each in cancelled["orders"]]
        # the fourth is under way when the third is asked for, or closed already
        assert found[:3] == [(200, 0), (404, ErrorCode.ORDER_NOT_FOUND), (200, 0)]
        assert found[3] in ((200, 0), (409, ErrorCode.ORDER_CLOSED))
        assert found[4] == (404, ErrorCode.ORDER_NOT_FOUND)
        assert (await one("GET", "/orders?status=open"))["orders"] == []
        assert core.gateway.under_way == 0

    serve(test)


def test_a_batch_touches_no_other_accounts_orders():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = await one("POST", "/orders", bid(client_order_id="mine"))
        body = {"order_ids": [made["order_id"]], "client_order_ids": ["mine"]}
        answer = await two("DELETE", "/orders/batch", body)
        assert [each["code"] for each in answer["orders"]] == [ErrorCode.ORDER_NOT_FOUND] * 2
        assert all(each["order"] is None for each in answer["orders"])
        for method, body in (("GET", None), ("PATCH", {"price": 40}), ("DELETE", None)):
            path = "/orders/by-client-id?client_order_id=mine"
            assert await two(method, path, body) == (404, ErrorCode.ORDER_NOT_FOUND)
        assert await one("GET", "/orders/by-client-id?client_order_id=mine") == made

    serve(test)


def test_an_amended_order_keeps_its_name():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        path = "/orders/by-client-id?client_order_id=a%2F%3F%25%2C"
        made = await one("POST", "/orders", bid(client_order_id="a/?%,"))
        moved = await one("PATCH", path, {"price": 49})
        assert moved["replaces"] == made["order_id"]
        assert await one("PATCH", path, {"price": 49}) == moved  # the same again
        assert (await one("GET", path))["order_id"] == moved["order_id"]
        assert (await one("DELETE", path))["order_id"] == moved["order_id"]

    serve(test)
