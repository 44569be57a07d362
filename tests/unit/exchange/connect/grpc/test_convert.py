"""Requests as REST's Structs, and orders as messages: the same fields, bounds and texts."""

from __future__ import annotations

from typing import Any

import pytest
from grpc_world import GrpcWorld, with_world
from order_entry_core import SYMBOL

from exchange.api.errors import ApiError
from exchange.api.orders.terms import NewOrder
from exchange.connect.grpc.convert import (
    amendment_of,
    mass_cancel_side_of,
    new_order_of,
    order_of_json,
)
from exchange.connect.grpc.messages import v1


def test_every_field_of_an_order() -> None:
    request = v1.SubmitRequest(
        symbol="AAPL", side=v1.SIDE_SELL_SHORT, quantity=9, type=v1.ORDER_TYPE_STOP_LIMIT,
        price=8, time_in_force=v1.TIME_IN_FORCE_GTT, expire_seconds=7, stop_price=6,
        display_quantity=5, minimum_quantity=4, post_only=True, reprice=True, client_order_id="c",
    )  # fmt: skip
    assert new_order_of(request) == NewOrder(
        symbol="AAPL", side="sell_short", quantity=9, type="stop_limit", price=8,
        time_in_force="gtt", expire_seconds=7, stop_price=6, display_quantity=5,
        minimum_quantity=4, post_only=True, reprice=True, client_order_id="c",
    )  # fmt: skip
    plain = v1.SubmitRequest(symbol="A", side=v1.SIDE_BUY, quantity=1, price=1)
    assert new_order_of(plain) == NewOrder(symbol="A", side="buy", quantity=1, price=1)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"side": 9}, "side"),
        ({"type": 9}, "type"),
        ({"quantity": -1}, "quantity"),
        ({"price": 0}, "price"),
        ({"symbol": ""}, "symbol"),
        ({"client_order_id": ""}, "client_order_id"),
    ],
)
def test_what_is_wrong_is_named(fields: dict[str, Any], field: str) -> None:
    good = {"symbol": "A", "side": v1.SIDE_BUY, "quantity": 1, "price": 1}
    with pytest.raises(ApiError, match=f"^{field}: ") as raised:
        new_order_of(v1.SubmitRequest(**(good | fields)))
    assert raised.value.data == {"field": field}


def test_amendments_and_sides() -> None:
    assert amendment_of(v1.AmendRequest(quantity=0)).quantity == 0
    with pytest.raises(ApiError, match="at least one"):
        amendment_of(v1.AmendRequest())
    assert mass_cancel_side_of(v1.MassCancelRequest()) is None
    assert mass_cancel_side_of(v1.MassCancelRequest(side=v1.SIDE_SELL)) == "sell"


def test_an_order_is_the_same_from_the_model_and_from_rests_description() -> None:
    async def test(world: GrpcWorld) -> None:
        asked = NewOrder(
            symbol=SYMBOL, side="buy", quantity=100, price=50, time_in_force="gtt",
            expire_seconds=600, client_order_id="a", post_only=True,
        )  # fmt: skip
        for order in (
            await world.gateway.enter(1, asked),
            await world.gateway.cancel(1, world.gateway.own_order_by_client_id(1, "a").order_id),  # type: ignore[union-attr]
        ):
            message = world.message_of(order)  # type: ignore[misc,arg-type]
            described = order_of_json(world.gateway.describe(order))
            for each in (message, described):
                each.created_ns = each.created_ns // 1000 * 1000
                each.updated_ns = each.updated_ns // 1000 * 1000
            assert message == described

    with_world(test)
