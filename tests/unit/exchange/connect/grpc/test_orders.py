"""OrderService on the real gateway: the calls, and what they refuse."""

from __future__ import annotations

import grpc
from grpc_world import Context, GrpcWorld, call, with_world
from order_entry_core import SYMBOL

from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.orders import OrderService


def test_an_order_is_entered_found_listed_and_cancelled() -> None:
    async def test(world: GrpcWorld) -> None:
        made = OrderService(world).handlers(world.frame)  # type: ignore[arg-type]
        request = v1.SubmitRequest(
            symbol=SYMBOL, side=v1.SIDE_BUY, quantity=100, price=50, client_order_id="one"
        )
        first = await call(made["Submit"], request, v1.SubmitResponse)
        again = await call(made["Submit"], request, v1.SubmitResponse)
        assert first.is_new and not again.is_new and first.order == again.order
        named = v1.OrderReference(client_order_id="one")
        amend = v1.AmendRequest(order=named, quantity=40)
        assert (await call(made["Amend"], amend, v1.Order)).remaining_quantity == 40
        listed = await call(made["List"], v1.ListRequest(open_only=True), v1.ListResponse)
        assert [each.order_id for each in listed.orders] == [first.order.order_id]
        cancelled = await call(made["Cancel"], v1.CancelRequest(order=named), v1.Order)
        assert cancelled.status == v1.ORDER_STATUS_CANCELLED
        assert (await call(made["Query"], v1.QueryRequest(order=named), v1.Order)) == cancelled
        gone = await call(made["MassCancel"], v1.MassCancelRequest(), v1.MassCancelResponse)
        assert not gone.order_ids

    with_world(test)


def test_refusals() -> None:
    async def test(world: GrpcWorld) -> None:
        made = OrderService(world).handlers(world.frame)  # type: ignore[arg-type]
        nothing = v1.OrderReference(client_order_id="nothing")
        for method, request, status in (
            ("Cancel", v1.CancelRequest(order=nothing), grpc.StatusCode.NOT_FOUND),
            ("Cancel", v1.CancelRequest(), grpc.StatusCode.INVALID_ARGUMENT),
            ("List", v1.ListRequest(limit=100_000), grpc.StatusCode.INVALID_ARGUMENT),
            ("List", v1.ListRequest(before_order_id=-1), grpc.StatusCode.INVALID_ARGUMENT),
            ("MassCancel", v1.MassCancelRequest(side=3), grpc.StatusCode.INVALID_ARGUMENT),
            ("Submit", v1.SubmitRequest(symbol=SYMBOL), grpc.StatusCode.INVALID_ARGUMENT),
        ):
            context = await call(made[method], request, v1.Order)
            assert isinstance(context, Context) and context.status == status, method

    with_world(test)
