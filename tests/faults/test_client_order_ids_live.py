"""A client order id names one order: over amendments, repetitions, restarts, the day's roll."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from api_core import ApiCore, run
from order_entry_core import DAY, MIDNIGHT_NS, SYMBOL

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.gateway import ID_OUTLIVES_DAY_NS
from exchange.api.orders.terms import SIDE_NAMES, Amendment, NewOrder
from exchange.codes import CommandKind
from exchange.records import COMMAND

ONE, TWO = 1, 2
LONG_ID = "2026-11-30/strategy-7/order-000001"


def order(**fields: Any) -> NewOrder:
    asked = {"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50, "client_order_id": "a"}
    return NewOrder(**(asked | fields))


def roll(core: ApiCore, ago_ns: int = 0) -> None:
    """The day ends, and the next one started ``ago_ns`` ago."""
    core.end_day()
    start = np.zeros(1, COMMAND)
    start["kind"], start["quantity"] = int(CommandKind.START_OF_DAY), MIDNIGHT_NS
    start["price"] = DAY + 1
    core.apply(start, time.time_ns() - ago_ns)
    core.deliver()


@pytest.mark.parametrize("client_order_id", ["a", LONG_ID])
def test_through_amendments(client_order_id: str, tmp_path: Path) -> None:
    async def test(core: ApiCore) -> None:
        core.client_order_ids = tmp_path / "client_order_ids"
        core.restart_gateway()
        asked = order(client_order_id=client_order_id)
        first = await core.gateway.enter(ONE, asked)
        amended = first
        for terms in ({"price": 49}, {"quantity": 120}, {"quantity": 80}, {"price": 51}):
            amended = await core.gateway.amend(ONE, amended.order_id, Amendment(**terms))
            assert core.gateway.describe(amended)["client_order_id"] == client_order_id
            assert core.gateway.own_order_by_client_id(ONE, client_order_id) == amended
            # the request that entered it, again, after a restart as well
            again, is_new = await core.gateway.enter_or_find(ONE, asked)
            assert (again, is_new) == (amended, False)
            core.restart_gateway()
        with pytest.raises(ApiError) as caught:
            await core.gateway.enter(ONE, order(client_order_id=client_order_id, price=47))
        assert caught.value.code == ErrorCode.CLIENT_ORDER_ID_USED
        assert len(core.accounts.orders(ONE, open_only=True)) == 1

    run(test)


@pytest.mark.parametrize(
    "terms", [{"price": 49}, {"quantity": 120}, {"quantity": 90}, {"quantity": 60, "price": 52}]
)
def test_the_same_amendment_again_is_answered_alike(terms: dict[str, int]) -> None:
    async def test(core: ApiCore) -> None:
        first = await core.gateway.enter(ONE, order())
        await core.gateway.enter(TWO, order(side="sell", quantity=10))
        amended = await core.gateway.amend(ONE, first.order_id, Amendment(**terms))
        for _ in range(2):
            core.restart_gateway()
            assert await core.gateway.amend(ONE, first.order_id, Amendment(**terms)) == amended
        if amended.order_id != first.order_id:
            with pytest.raises(ApiError) as caught:  # another one comes too late
                await core.gateway.amend(ONE, first.order_id, Amendment(price=45))
            assert caught.value.code == ErrorCode.ORDER_CLOSED
        # what has become of it since is told, and it is not amended again
        await core.gateway.enter(TWO, order(side="sell", quantity=5, client_order_id="b", price=40))
        now = core.accounts.order(amended.order_id)
        assert now is not None and now.filled > amended.filled
        assert await core.gateway.amend(ONE, first.order_id, Amendment(**terms)) == now

    run(test)


def test_the_same_cancel_of_the_rest_again() -> None:
    async def test(core: ApiCore) -> None:
        first = await core.gateway.enter(ONE, order())
        ended = await core.gateway.amend(ONE, first.order_id, Amendment(quantity=0))
        assert ended.status.name == "CANCELLED"
        assert await core.gateway.amend(ONE, first.order_id, Amendment(quantity=0)) == ended

    run(test)


@pytest.mark.parametrize("side", SIDE_NAMES)
def test_another_side_is_a_conflict(side: str) -> None:
    async def test(core: ApiCore) -> None:
        await core.gateway.enter(ONE, order(side=side, price=60))
        for other in SIDE_NAMES:
            if other != side:
                with pytest.raises(ApiError) as caught:
                    await core.gateway.enter(ONE, order(side=other, price=60))
                assert caught.value.code == ErrorCode.CLIENT_ORDER_ID_USED

    run(test)


def test_yesterdays_id_is_yesterdays_order() -> None:
    async def test(core: ApiCore) -> None:
        bought = await core.gateway.enter(ONE, order())
        await core.gateway.enter(TWO, order(side="sell", client_order_id="b"))
        bought = core.gateway.own_order(ONE, bought.order_id)
        assert bought.status.name == "FILLED"
        await core.gateway.enter(TWO, order(side="sell", client_order_id="c", time_in_force="ioc"))
        roll(core)
        core.restart_gateway()
        position = core.accounts.position(ONE, 1)
        assert await core.gateway.enter_or_find(ONE, order()) == (bought, False)
        assert core.gateway.own_order_by_client_id(ONE, "a") == bought
        for refused in (core.gateway.enter(ONE, order(price=49)),):
            with pytest.raises(ApiError) as caught:
                await refused
            assert caught.value.code == ErrorCode.CLIENT_ORDER_ID_USED
        with pytest.raises(ApiError) as caught:
            core.gateway.send_enter(ONE, order())
        assert caught.value.code == ErrorCode.CLIENT_ORDER_ID_USED
        assert core.accounts.position(ONE, 1) == position

    run(test)


def test_long_after_the_roll_the_id_is_free() -> None:
    async def test(core: ApiCore) -> None:
        yesterday = await core.gateway.enter(ONE, order())
        roll(core, ago_ns=ID_OUTLIVES_DAY_NS + 1)
        assert core.gateway.own_order_by_client_id(ONE, "a") == core.accounts.order(
            yesterday.order_id
        )
        today, is_new = await core.gateway.enter_or_find(ONE, order())
        assert is_new and today.order_id > yesterday.order_id
        assert core.gateway.own_order_by_client_id(ONE, "a") == today

    run(test)
