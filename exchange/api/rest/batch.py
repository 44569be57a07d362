"""REST: several orders with one request, each answered for itself; orders by client order id.

Who uses it: the route table in routes.py. All orders of a batch reach the matcher in the order of
the request, published together. Invariant: one that is refused changes nothing about the others;
a bug is never an entry of the answer: it fails the request.

Decision API-20.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any

from exchange.api.errors import ApiError
from exchange.api.orders.terms import Amendment, CancelBatch, NewOrder, OrderBatch
from exchange.api.rest.call import Call
from exchange.api.rest.orders import with_trades
from exchange.api.rest.schemas import ClientIdQuery

Entry = dict[str, Any]
_ORDER_ID = "order_id"


async def post_orders(call: Call) -> dict[str, Any]:
    """`POST /orders/batch`: enter several orders, each answered for itself."""
    batch: OrderBatch = call.body
    return await _answers([_entered(call, order) for order in batch.orders])


async def delete_some_orders(call: Call) -> dict[str, Any]:
    """`DELETE /orders/batch`: cancel several orders, each answered for itself."""
    batch: CancelBatch = call.body
    batch.check()
    return await _answers(
        [
            *(_cancelled(call, order_id) for order_id in batch.order_ids),
            *(_cancelled_named(call, name) for name in batch.client_order_ids),
        ]
    )


async def get_named_order(call: Call) -> dict[str, Any]:
    """`GET /orders/by-client-id`: the newest order with a client order id."""
    query: ClientIdQuery = call.query
    order = await call.gateway.order_named(call.account, query.client_order_id)
    return with_trades(call, order)


async def patch_named_order(call: Call) -> dict[str, Any]:
    """`PATCH /orders/by-client-id`: change the newest order with a client order id."""
    query: ClientIdQuery = call.query
    asked: Amendment = call.body
    order = await call.gateway.order_named(call.account, query.client_order_id)
    order = await call.gateway.amend(call.account, order.order_id, asked)
    return call.gateway.describe(order)


async def delete_named_order(call: Call) -> dict[str, Any]:
    """`DELETE /orders/by-client-id`: cancel the newest order with a client order id."""
    query: ClientIdQuery = call.query
    order = await call.gateway.order_named(call.account, query.client_order_id)
    return call.gateway.describe(await call.gateway.cancel(call.account, order.order_id))


async def _entered(call: Call, order: NewOrder) -> Entry:
    made, is_new = await call.gateway.enter_or_find(call.account, order)
    return _entry(201 if is_new else 200, call.gateway.describe(made))


async def _cancelled(call: Call, order_id: int) -> Entry:
    return _entry(200, call.gateway.describe(await call.gateway.cancel(call.account, order_id)))


async def _cancelled_named(call: Call, client_order_id: str) -> Entry:
    order = await call.gateway.order_named(call.account, client_order_id)
    return await _cancelled(call, order.order_id)


def _entry(status: int, order: dict[str, Any]) -> Entry:
    return {"status": status, "code": 0, "message": "success", "order": order, "field": None}


def _refused(error: ApiError) -> Entry:
    """What went wrong with one order. ``error.data``: an order, {"field": ...} or None."""
    data = error.data or {}
    return {
        "status": error.status,
        "code": error.code,
        "message": error.message,
        "order": data if _ORDER_ID in data else None,
        "field": data.get("field"),
    }


async def _answers(asked: Sequence[Coroutine[Any, Any, Entry]]) -> dict[str, Any]:
    """Await all; each begins before any of them waits, in their order."""
    answers: list[Entry] = []
    for found in await asyncio.gather(*asked, return_exceptions=True):
        if isinstance(found, ApiError):
            answers.append(_refused(found))
        elif isinstance(found, BaseException):
            raise found
        else:
            answers.append(found)
    return {"orders": answers}
