"""OrderService: orders in, changed, cancelled, looked up; and the stream of batches.

Who uses it: lifecycle.py. What REST answers about an order is answered here with the same words.

Decisions CON-43 and CON-44.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from exchange.access.keys import READ, TRADE
from exchange.api.orders.json import OPEN_STATUSES
from exchange.api.orders.terms import invalid
from exchange.api.rest.route import PRIVATE_ROWS_OF_WEIGHT
from exchange.api.rest.schemas import PAGE_DEFAULT, PAGE_MAXIMUM
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.batches import Batches, order_id_of
from exchange.connect.grpc.convert import amendment_of, mass_cancel_side_of, new_order_of
from exchange.connect.grpc.handlers import Frame
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.parts import Parts
from exchange.read_model.accounts.order_status import OrderStatus

if TYPE_CHECKING:
    import grpc

    from exchange.read_model.accounts.types import Order

NAME = "OrderService"


class OrderService:
    """The methods of the service."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._gateway = parts.gateway

    def handlers(self, frame: Frame) -> dict[str, grpc.RpcMethodHandler]:
        """The handlers by method."""
        calls = {
            "Submit": (v1.SubmitRequest, self._submit, TRADE),
            "Amend": (v1.AmendRequest, self._amend, TRADE),
            "Cancel": (v1.CancelRequest, self._cancel, TRADE),
            "MassCancel": (v1.MassCancelRequest, self._mass_cancel, TRADE),
            "Query": (v1.QueryRequest, self._query, READ),
            "List": (v1.ListRequest, self._list, READ),
        }
        made = {name: frame.call(NAME, name, *about) for name, about in calls.items()}
        made["Trade"] = frame.both(NAME, "Trade", v1.InstructionBatch, self._trade, TRADE)
        return made

    def _message(self, order: Order) -> Any:
        return self._parts.message_of(order)

    def _named(self, caller: Caller, request: Any) -> int:
        return order_id_of(self._gateway, caller.account, request.order)

    async def _submit(self, caller: Caller, request: Any) -> Any:
        order, is_new = await self._gateway.enter_or_find(caller.account, new_order_of(request))
        return v1.SubmitResponse(order=self._message(order), is_new=is_new)

    async def _amend(self, caller: Caller, request: Any) -> Any:
        asked = amendment_of(request)
        order_id = self._named(caller, request)
        return self._message(await self._gateway.amend(caller.account, order_id, asked))

    async def _cancel(self, caller: Caller, request: Any) -> Any:
        order_id = self._named(caller, request)
        return self._message(await self._gateway.cancel(caller.account, order_id))

    async def _mass_cancel(self, caller: Caller, request: Any) -> Any:
        symbol = request.symbol if request.HasField("symbol") else None
        side = mass_cancel_side_of(request)
        cancelled = await self._gateway.mass_cancel(caller.account, symbol, side)
        return v1.MassCancelResponse(order_ids=cancelled)

    async def _query(self, caller: Caller, request: Any) -> Any:
        order_id = self._named(caller, request)
        return self._message(self._gateway.own_order(caller.account, order_id))

    async def _list(self, caller: Caller, request: Any) -> Any:
        limit = request.limit or PAGE_DEFAULT
        if not 1 <= limit <= PAGE_MAXIMUM:
            raise invalid("limit", f"allowed: 1 to {PAGE_MAXIMUM}, 0: {PAGE_DEFAULT}")
        if request.before_order_id < 0:
            raise invalid("before_order_id", "allowed: an order id, or 0")
        self._parts.access.count(caller, (limit - 1) // PRIVATE_ROWS_OF_WEIGHT)
        symbol = request.symbol if request.HasField("symbol") else None
        page = self._parts.accounts.orders_page(
            caller.account,
            instrument=None if symbol is None else self._parts.instrument(symbol),
            open_only=request.open_only,
            statuses={OrderStatus(each) for each in OPEN_STATUSES} if request.open_only else None,
            before_order_id=request.before_order_id or None,
            limit=limit,
        )
        return v1.ListResponse(
            orders=[self._message(order) for order in page.orders],
            next_before_order_id=page.before_order_id or 0,
        )

    def _trade(self, caller: Caller, batches: AsyncIterator[Any]) -> AsyncIterator[Any]:
        return Batches(self._parts, caller).answers(batches)
