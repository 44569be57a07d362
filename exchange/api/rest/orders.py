"""REST: orders, and what became of them.

Who uses it: the route table in rest.py. Every function gets a ``Call``, whose key, query and body
are checked, and returns what the answer's ``data`` holds, or ``Answer`` with another status.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchange.api.orders.json import OPEN_STATUSES, STATUS_NAMES, fill_json, time_text
from exchange.api.orders.terms import MAXIMUM_ORDER_ID, Amendment, CancelAfter, NewOrder, invalid
from exchange.api.rest.call import Answer, Call, find_instrument
from exchange.api.rest.cursor import make_cursor, read_cursor
from exchange.api.rest.schemas import (
    PAGE_DEFAULT,
    ClientIdQuery,
    FillsQuery,
    MassCancelQuery,
    OrdersQuery,
)
from exchange.api.rest.time_range import time_range
from exchange.read_model.accounts.order_status import OrderStatus

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Fill, Order

SECOND_NS = 1_000_000_000


def order_id_of(call: Call) -> int:
    """The path's order id; one that no order can have is one that is not there."""
    text = call.path["order_id"]
    if not text.isascii() or not text.isdigit() or len(text) > 19:
        raise invalid("order_id", f"allowed: an integer from 1 to {MAXIMUM_ORDER_ID}")
    return int(text)


async def post_order(call: Call) -> Answer:
    """`POST /orders`: enter an order."""
    order: NewOrder = call.body
    made, is_new = await call.gateway.enter_or_find(call.account, order)
    return Answer(with_trades(call, made), 201 if is_new else 200)


def with_trades(call: Call, order: Order) -> dict[str, Any]:
    """The order as JSON with its newest fills, what they cost and their average price."""
    described: dict[str, Any] = call.gateway.describe(order)
    fills: list[Fill] = []
    if order.filled:
        fills = call.accounts.fills(call.account, order_id=order.order_id, limit=PAGE_DEFAULT)
    is_complete = sum(fill.quantity for fill in fills) == order.filled
    described["average_fill_price"] = order.filled_value // order.filled if order.filled else None
    described["fee"] = sum(fill.fee for fill in fills) if is_complete else None
    described["trades"] = [fill_json(fill, described["symbol"]) for fill in fills]
    return described


async def instrument_to_amend(call: Call) -> int:
    """The instrument of the order that a PATCH names. Raises ApiError (ORDER_NOT_FOUND)."""
    if "order_id" in call.path:
        return call.gateway.own_order(call.account, order_id_of(call)).instrument
    query: ClientIdQuery = call.query
    order = await call.gateway.order_named(call.account, query.client_order_id)
    return order.instrument


async def delete_order(call: Call) -> dict[str, Any]:
    """`DELETE /orders/{order_id}`: cancel an order."""
    order = await call.gateway.cancel(call.account, order_id_of(call))
    return call.gateway.describe(order)


async def patch_order(call: Call) -> dict[str, Any]:
    """`PATCH /orders/{order_id}`: change quantity or price of an order."""
    asked: Amendment = call.body
    order = await call.gateway.amend(call.account, order_id_of(call), asked)
    return call.gateway.describe(order)


async def get_order(call: Call) -> dict[str, Any]:
    """`GET /orders/{order_id}`: an order with its newest trades."""
    return with_trades(call, call.gateway.own_order(call.account, order_id_of(call)))


def _statuses(text: str | None) -> set[OrderStatus] | None:
    if text is None:
        return None
    wanted: set[int] = set()
    for name in text.split(","):
        if name == "open":
            wanted |= OPEN_STATUSES
        elif name in STATUS_NAMES[1:]:
            wanted.add(STATUS_NAMES.index(name))
        else:
            raise invalid("status", f"allowed: open, {', '.join(STATUS_NAMES[1:])}")
    return {OrderStatus(number) for number in wanted}


async def get_orders(call: Call) -> dict[str, Any]:
    """`GET /orders`: the account's orders, newest first."""
    query: OrdersQuery = call.query
    if query.client_order_id is not None:
        order = call.gateway.own_order_by_client_id(call.account, query.client_order_id)
        found = [] if order is None else [call.gateway.describe(order)]
        return {"orders": found, "next_cursor": None}
    statuses = _statuses(query.status)
    times = time_range(query)
    instrument = find_instrument(call, query.symbol)
    name = f"orders {call.account} {query.status} {query.symbol} {times.from_ns} {times.to_ns}"
    page = call.accounts.orders_page(
        call.account,
        instrument=instrument,
        open_only=statuses is not None and statuses <= OPEN_STATUSES,
        statuses=statuses,
        before_order_id=read_cursor(query.cursor, name),
        limit=query.limit,
    )
    orders, before = page
    if orders and orders[-1].created_ns < times.from_ns:
        before = None  # all others are older
    more = None if before is None else make_cursor(before, name)
    return {
        "orders": [call.gateway.describe(each) for each in orders if each.created_ns in times],
        "next_cursor": more,
    }


async def delete_orders(call: Call) -> dict[str, Any]:
    """`DELETE /orders`: cancel all of the account's orders."""
    query: MassCancelQuery = call.query
    cancelled = await call.gateway.mass_cancel(call.account, query.symbol, query.side)
    return {"cancelled": cancelled}


async def post_cancel_after(call: Call) -> dict[str, Any]:
    """`POST /orders/cancel-after`: the dead man's switch."""
    wanted: CancelAfter = call.body
    before_ns = call.service.clock()
    await call.gateway.cancel_after(call.account, wanted.seconds)
    # the matcher counts from the full second after its own clock, which is this one or later
    due_ns = (-(-before_ns // SECOND_NS) + wanted.seconds) * SECOND_NS
    return {
        "seconds": wanted.seconds,
        "cancel_at": time_text(due_ns) if wanted.seconds else None,
    }


async def get_fills(call: Call) -> dict[str, Any]:
    """`GET /trades`: the account's own trades, newest first."""
    query: FillsQuery = call.query
    instrument = find_instrument(call, query.symbol)
    if query.order_id is not None:
        call.gateway.own_order(call.account, query.order_id)
    times = time_range(query)
    filters = f"{query.symbol} {query.order_id} {times.from_ns} {times.to_ns}"
    name = f"trades {call.account} {filters}"
    page = call.accounts.fills_page(
        call.account,
        instrument=instrument,
        order_id=query.order_id,
        before_sequence=read_cursor(query.cursor, name),
        limit=query.limit,
    )
    fills, before = page
    if fills and fills[-1].timestamp_ns < times.from_ns:
        before = None  # all others are older
    more = None if before is None else make_cursor(before, name)
    symbols = call.market.instruments
    return {
        "trades": [
            fill_json(fill, symbols[fill.instrument].symbol)
            for fill in fills
            if fill.timestamp_ns in times
        ],
        "next_cursor": more,
    }
