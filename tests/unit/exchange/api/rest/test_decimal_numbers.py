"""``?numbers=decimal``: answers equal those in integers, scaled by an oracle that parses."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import msgspec
import orjson
import pytest
from api_core import ApiCore
from order_entry_core import SYMBOL
from rest_caller import Caller, bid, serve

from exchange.api.errors import ApiError
from exchange.api.rest import decimal_numbers
from exchange.api.rest.decimal_numbers import decimal_text, in_decimals, minor_units
from exchange.api.rest.routes import ROUTES
from exchange.api.rest.scales import (
    LEVEL_FIELDS,
    MONEY_FIELDS,
    OWN_DECIMALS_FIELDS,
    PRICE_FIELDS,
)
from exchange.api.rest.schemas import NumbersQuery
from exchange.read_model.market.model import MarketModel

DECIMALS = 4  # of price and currency of every instrument here
SCALED = {*PRICE_FIELDS, *MONEY_FIELDS, *OWN_DECIMALS_FIELDS}


def scaled(data: Any, decimals: int = DECIMALS) -> Any:
    """The oracle: ``data`` with its prices and money as decimal strings."""
    if isinstance(data, list):
        return [scaled(each) for each in data]
    if not isinstance(data, dict):
        return data
    found = {}
    for name, value in data.items():
        if name in LEVEL_FIELDS:
            found[name] = [[shown(price), quantity] for price, quantity in value]
        elif name in SCALED and value is not None:
            found[name] = shown(value)
        else:
            found[name] = scaled(value)
    return found


def shown(value: int) -> str:
    return f"{Decimal(value).scaleb(-DECIMALS):.{DECIMALS}f}"


async def decimals_of(caller: Caller, method: str, path: str, body: Any = None) -> Any:
    joined = f"{path}{'&' if '?' in path else '?'}numbers=decimal"
    response = await caller.raw(method, joined, json=body)
    answer = json.loads(await response.read())
    return answer["data"] if answer["code"] == 0 else (response.status, answer)


@pytest.mark.parametrize("piece_bytes", [1, 4_096])
def test_every_answer_in_decimals(monkeypatch: pytest.MonkeyPatch, piece_bytes: int):
    monkeypatch.setattr(decimal_numbers, "PIECE_BYTES", piece_bytes)

    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        made = await one("POST", "/orders", bid(client_order_id="c", price=1234567))
        for quantity in (10, 20):
            await two("POST", "/orders", bid(side="sell", quantity=quantity, price=1000005))
        await two("POST", "/orders", bid(side="sell", price=2000005))
        for path in (
            "/orders",
            f"/orders/{made['order_id']}",
            "/orders/by-client-id?client_order_id=c",
            "/trades",
            "/ledger?limit=3",
            "/accounts/me",
            "/positions",
            "/instruments",
            f"/depth/{SYMBOL}?levels=5",
            f"/trades/{SYMBOL}?limit=5",
            f"/ticker/{SYMBOL}",
            "/tickers",
            f"/tickers?symbol={SYMBOL}",
            f"/klines/{SYMBOL}?interval=5m&from=0",
        ):
            plain = await one("GET", path)
            found = await decimals_of(one, "GET", path)
            expected = scaled(plain)
            assert found == expected != plain, path
        assert (await decimals_of(one, "GET", "/orders"))["orders"][0]["price"] == "123.4567"

    serve(test)


def test_orders_with_decimal_prices():
    async def test(core: ApiCore, one: Caller, two: Caller) -> None:
        body = bid(price="12.5", client_order_id="d")
        made = await decimals_of(one, "POST", "/orders", body)
        assert (made["price"], made["quantity"]) == ("12.5000", 100)
        assert (await one("GET", f"/orders/{made['order_id']}"))["price"] == 125_000
        again = await decimals_of(one, "POST", "/orders", bid(price="12.50", client_order_id="d"))
        assert again["order_id"] == made["order_id"]
        path = f"/orders/{made['order_id']}"
        changed = await decimals_of(one, "PATCH", path, {"price": "12.75"})
        assert changed["price"] == "12.7500"
        named = "/orders/by-client-id?client_order_id=d"
        assert (await decimals_of(one, "PATCH", named, {"price": "13"}))["price"] == "13.0000"
        batch = {"orders": [bid(price="0.0001"), bid(symbol="NOPE", price="1")]}
        first, second = (await decimals_of(one, "POST", "/orders/batch", batch))["orders"]
        assert (first["status"], first["order"]["price"]) == (201, "0.0001")
        assert (second["status"], second["code"]) == (404, 4002)
        gone = await decimals_of(one, "DELETE", named)
        assert (gone["status"], gone["price"]) == ("cancelled", "13.0000")
        status, refused = await decimals_of(one, "DELETE", named)
        assert (status, refused["code"], refused["data"]["price"]) == (409, 4003, "13.0000")
        for wrong in ("1.00001", "1e3", "-1", "0", "", " 1", "1.", ".5", "NaN", 12, 1.5, "9" * 40):
            for asked, method, sent, field in (
                ("/orders", "POST", bid(price=wrong), "price"),
                ("/orders/batch", "POST", {"orders": [bid(price=wrong)]}, "orders[0].price"),
                (f"/orders/{first['order']['order_id']}", "PATCH", {"price": wrong}, "price"),
            ):
                status, answer = await decimals_of(one, method, asked, sent)
                assert (status, answer["code"], answer["data"]) == (400, 1002, {"field": field})
                assert '"0.0001"' in answer["message"] and "4 decimals" in answer["message"]
        status, answer = await decimals_of(one, "PATCH", "/orders/999999", {"price": "1"})
        assert (status, answer["code"]) == (404, 4001)
        # who does not ask for decimals sends integers
        assert await one("POST", "/orders", bid(price="12.5")) == (400, 1002)
        assert await one("GET", "/orders?numbers=float") == (400, 1002)
        for raw in (b"[]", b"1", b'{"orders":[1]}', b'{"orders":2}', b'{"symbol":1,"price":"1"}'):
            for asked in ("/orders", "/orders/batch"):
                assert await one("POST", f"{asked}?numbers=decimal", raw) == (400, 1002), raw
        assert await one("POST", "/orders?numbers=decimal", b"{") == (400, 1001)

    serve(test)


def test_an_answer_is_changed_exactly():
    for value in (0, 7, 99, 100, -1, -123456, 1 << 80, -(1 << 63)):
        for decimals in range(7):
            found = decimal_text(str(value).encode(), decimals).decode()
            assert Decimal(found).scaleb(decimals) == value
            assert len(found.partition(".")[2]) == decimals
    assert minor_units("000150.25", 4, "price") == 1_502_500
    with pytest.raises(ApiError, match="2 decimals"):
        minor_units("1.125", 2, "price")


def test_texts_of_clients_stay_as_they_are():
    text = '"price":5,"open":7,[1,2],"symbol":"X"'
    body = orjson.dumps({"client_order_id": text, "message": text.replace('"', "")})
    found = asyncio.run(in_decimals(body, MarketModel(4)))
    assert json.loads(found)["client_order_id"] == text


def test_every_answer_with_prices_can_be_asked_for_in_decimals():
    for route in ROUTES:
        _, components = msgspec.json.schema_components([route.answer])
        names = {name for each in components.values() for name in each.get("properties", ())} - {
            "open",
            "balance",
            "amount",
        }
        if names & (SCALED | set(LEVEL_FIELDS)):
            assert issubclass(route.query, NumbersQuery), route.path
