"""ccxt's methods that send, change and cancel orders.

Who uses it: classes.py, which makes the sync and the async class of it (see requests.py).
Invariant: what ccxt gives as numbers becomes integers by way of texts; a fraction that the
instrument cannot have is rounded by ccxt's own ``price_to_precision``, and never by a float.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ccxt.base.errors import InvalidOrder

from exchange.contrib.ccxt import convert
from exchange.contrib.ccxt.convert import Json
from exchange.contrib.ccxt.requests import settled

BATCH = 20  # orders of one request
_TIMES_IN_FORCE = {"GTC": "day", "DAY": "day", "IOC": "ioc", "FOK": "fok", "PO": "day"}
_OWN = ["clientOrderId", "timeInForce", "postOnly", "triggerPrice", "stopPrice"]


class Trading:
    """The part of the class that trades; mixed in before ccxt's own class."""

    def _minor_price(self: Any, market: Json, price: Any) -> int:
        text = self.price_to_precision(market["symbol"], price)
        return convert.minor(text, market["info"]["price_decimals"])

    def _quantity(self: Any, market: Json, amount: Any) -> int:
        return convert.minor(self.amount_to_precision(market["symbol"], amount), 0)

    def order_request(
        self: Any, symbol: str, kind: str, side: str, amount: Any, price: Any, params: Json
    ) -> Json:
        """The body of ``POST /orders`` for an order as ccxt describes it; ``kind``: its type."""
        market = self.market(symbol)
        if kind not in ("limit", "market"):
            raise InvalidOrder(f"{self.id}: the type of an order is limit or market, not {kind}")
        trigger = self.safe_string_2(params, "triggerPrice", "stopPrice")
        name = self.safe_string(params, "clientOrderId")
        time_in_force = self.safe_string_upper(params, "timeInForce")
        post_only = bool(params.get("postOnly")) or time_in_force == "PO"
        request: Json = {
            "symbol": market["id"],
            "side": side,
            "type": kind,
            "quantity": self._quantity(market, amount),
        }
        if trigger is not None:
            request["type"] = "stop" if kind == "market" else "stop_limit"
            request["stop_price"] = self._minor_price(market, trigger)
        if kind == "limit":
            if price is None:
                raise InvalidOrder(f"{self.id}: a limit order needs a price")
            request["price"] = self._minor_price(market, price)
        if time_in_force is not None:
            if time_in_force not in _TIMES_IN_FORCE:
                allowed = ", ".join(_TIMES_IN_FORCE)
                raise InvalidOrder(f"{self.id}: timeInForce is {allowed}, not {time_in_force}")
            request["time_in_force"] = _TIMES_IN_FORCE[time_in_force]
        if post_only:
            request["post_only"] = True
        # a name of its own: sent again after a lost answer it is the same order
        request["client_order_id"] = name or self.uuid22()
        found: Json = self.extend(request, self.omit(params, _OWN))
        return found

    async def create_order(
        self: Any, symbol: str, type: str, side: str, amount: Any, price: Any = None,
        params: Any = None,
    ) -> Json:  # fmt: skip
        await settled(self.load_markets())
        request = self.order_request(symbol, type, side, amount, price, params or {})
        order: Json = self._order(await self.ask("POST", "orders", True, request))
        return order

    async def create_orders(self: Any, orders: Sequence[Json], params: Any = None) -> list[Json]:
        await settled(self.load_markets())
        requests = [
            self.order_request(
                each["symbol"],
                each["type"],
                each["side"],
                each["amount"],
                each.get("price"),
                self.extend(params or {}, each.get("params") or {}),
            )
            for each in orders
        ]
        found: list[Json] = []
        for first in range(0, len(requests), BATCH):
            body = {"orders": requests[first : first + BATCH]}
            answer = await self.ask("POST", "orders/batch", True, body)
            found += self._entries(answer["orders"], requests[first : first + BATCH])
        return found

    def _entries(self: Any, entries: Sequence[Json], requests: Sequence[Json]) -> list[Json]:
        """An order for each entry of a batch; of a refused one ``info`` says why."""
        found = []
        for entry, request in zip(entries, requests, strict=True):
            if entry["order"] is not None:
                order = self._order(entry["order"])
            else:
                order = self.safe_order({"clientOrderId": request.get("client_order_id")})
            if entry["code"]:
                order["status"] = "rejected"
                order["info"] = entry
            found.append(order)
        return found

    async def edit_order(
        self: Any, id: str | None, symbol: str, type: str | None = None, side: str | None = None,
        amount: Any = None, price: Any = None, params: Any = None,
    ) -> Json:  # fmt: skip
        market = await self._market(symbol)
        path, query = self.order_path(id, params or {})
        trigger = self.safe_string_2(query, "triggerPrice", "stopPrice")
        body = self.omit(query, [*_OWN, "client_order_id"])
        if amount is not None:
            body["quantity"] = self._quantity(market, amount)
        if price is not None:
            body["price"] = self._minor_price(market, price)
        if trigger is not None:
            body["stop_price"] = self._minor_price(market, trigger)
        request: Json = {"body": body}
        if "client_order_id" in query:
            request["client_order_id"] = query["client_order_id"]
        order: Json = self._order(await self.ask("PATCH", path, True, request))
        return order

    async def edit_order_with_client_order_id(
        self: Any, clientOrderId: str, symbol: str, type: str | None = None,
        side: str | None = None, amount: Any = None, price: Any = None, params: Any = None,
    ) -> Json:  # fmt: skip
        query = self.extend({"clientOrderId": clientOrderId}, params or {})
        edited = self.edit_order(None, symbol, type, side, amount, price, query)
        return await settled(edited)

    async def cancel_order(
        self: Any, id: str | None, symbol: str | None = None, params: Any = None
    ) -> Json:
        await settled(self.load_markets())
        path, query = self.order_path(id, params or {})
        order: Json = self._order(await self.ask("DELETE", path, True, query))
        return order

    async def _cancel_many(self: Any, field: str, names: Sequence[Any]) -> list[Json]:
        await settled(self.load_markets())
        found: list[Json] = []
        for first in range(0, len(names), BATCH):
            some = list(names[first : first + BATCH])
            answer = await self.ask("DELETE", "orders/batch", True, {"body": {field: some}})
            for entry in answer["orders"]:
                if entry["code"]:
                    self.raise_error(entry["code"], entry["message"])
                found.append(self._order(entry["order"]))
        return found

    async def cancel_orders(
        self: Any, ids: Sequence[str], symbol: str | None = None, params: Any = None
    ) -> list[Json]:
        return await self._cancel_many("order_ids", [int(id) for id in ids])

    async def cancel_orders_with_client_order_ids(
        self: Any, clientOrderIds: Sequence[str], symbol: str | None = None, params: Any = None
    ) -> list[Json]:
        return await self._cancel_many("client_order_ids", clientOrderIds)

    async def cancel_all_orders(
        self: Any, symbol: str | None = None, params: Any = None
    ) -> list[Json]:
        await settled(self.load_markets())
        query = dict(params or {})
        if symbol is not None:
            query["symbol"] = self.market(symbol)["id"]
        answer = await self.ask("DELETE", "orders", True, query)
        return [
            self.safe_order({"id": str(order_id), "status": "canceled", "info": {"id": order_id}})
            for order_id in answer["cancelled"]
        ]

    async def cancel_all_orders_after(self: Any, timeout: int, params: Any = None) -> Json:
        """``timeout``: milliseconds, rounded up to seconds; 0 switches it off."""
        body = self.extend({"seconds": -(-int(timeout) // 1000)}, params or {})
        answer = await self.ask("POST", "orders/cancel-after", True, body)
        return {"info": answer, "triggerTime": self.parse8601(answer["cancel_at"])}
