"""quantity = filled + remaining + prevented + cancelled, of every order, wherever it is told.

And fills count once: an order has its own, not those of the order in whose place it came.
"""

from __future__ import annotations

import asyncio
from typing import Any

import numpy as np
import pytest
from api_core import ApiCore, run
from order_entry_core import SYMBOL

from exchange.api.orders.json import order_json
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.api.websocket.execution_reports import orders_after, steps_of
from exchange.codes import Parameter, SelfTradePrevention
from exchange.read_model.accounts.types import Order
from tests.harness.funding import parameter

ONE, TWO = 1, 2
EVERYTHING = 1 << 20


def order(**fields: Any) -> NewOrder:
    return NewOrder(**({"symbol": SYMBOL, "side": "buy", "quantity": 6, "price": 50} | fields))


def prevention(core: ApiCore, mode: SelfTradePrevention) -> None:
    for account in (ONE, TWO):
        core.apply(parameter(Parameter.SELF_TRADE, int(mode), of_account=account))
    core.deliver()


def check(told: dict[str, Any]) -> None:
    """The arithmetic of an order as JSON."""
    parts = (f"{name}_quantity" for name in ("filled", "remaining", "prevented", "cancelled"))
    assert told["quantity"] == sum(told[part] for part in parts), told
    closed = told["status"] in ("filled", "cancelled", "rejected", "replaced", "expired")
    assert told["remaining_quantity" if closed else "cancelled_quantity"] == 0, told


def check_all(core: ApiCore) -> list[dict[str, Any]]:
    """Every order, and every report that its account gets, adds up; fills are counted once."""
    events = core.archive.events[: core.archive.count]
    owner = np.zeros(1 << 16, np.int32)
    for account in (ONE, TWO):
        owner[[account, core.api_session(account)]] = account
    described = []
    for account in (ONE, TWO):
        found = core.accounts.orders(account, limit=EVERYTHING >> 8)
        fills = core.accounts.fills(account, limit=EVERYTHING >> 8)
        for each in found:
            told = core.gateway.describe(each)
            check(told)
            own = [fill.quantity for fill in fills if fill.order_id == each.order_id]
            assert told["filled_quantity"] == sum(own)
            described.append(told)
        assert sum(each.filled for each in found) == sum(fill.quantity for fill in fills)

        def find(order_id: int) -> Order | None:
            return core.accounts.order(order_id)

        for _, reported in orders_after(steps_of(events, owner, account), find):
            check(order_json(reported, SYMBOL))
    return described


def told_of(core: ApiCore, found: Order) -> dict[str, Any]:
    again = core.accounts.order(found.order_id)
    assert again is not None
    return core.gateway.describe(again)


async def decremented(core: ApiCore) -> Order:
    """A bid of 6 of which prevention has taken 2."""
    prevention(core, SelfTradePrevention.DECREMENT)
    made = await core.gateway.enter(ONE, order())
    await core.gateway.enter(ONE, order(side="sell", quantity=2))
    return made


def test_what_prevention_takes_away_has_a_name() -> None:
    async def test(core: ApiCore) -> None:
        made = await decremented(core)
        told = told_of(core, made)
        assert (told["quantity"], told["filled_quantity"]) == (6, 0)
        assert (told["remaining_quantity"], told["prevented_quantity"]) == (4, 2)
        check_all(core)

    run(test)


def test_a_lower_quantity_after_a_prevention_lowers_and_keeps_the_place() -> None:
    async def test(core: ApiCore) -> None:
        made = await decremented(core)
        lowered = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=5))
        assert (lowered.order_id, lowered.quantity, lowered.open) == (made.order_id, 5, 3)
        same = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=5))
        assert same == lowered
        ended = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=2))
        assert (ended.status.name, ended.prevented, ended.open) == ("CANCELLED", 2, 0)
        check_all(core)

    run(test)


@pytest.mark.parametrize("mode", [each for each in SelfTradePrevention if each])
def test_every_mode_of_prevention(mode: SelfTradePrevention) -> None:
    async def test(core: ApiCore) -> None:
        prevention(core, mode)
        for resting, incoming in ((6, 2), (2, 6), (4, 4)):
            await core.gateway.enter(ONE, order(quantity=resting))
            await core.gateway.enter(TWO, order(side="sell", quantity=1))
            await core.gateway.enter(ONE, order(side="sell", quantity=incoming))
            check_all(core)
            await core.gateway.mass_cancel(ONE)
        told = check_all(core)
        assert sum(each["prevented_quantity"] for each in told) > 0

    run(test)


def test_a_chain_of_replacements_counts_each_fill_once() -> None:
    async def test(core: ApiCore) -> None:
        found = await core.gateway.enter(ONE, order(quantity=100))
        for price, quantity in ((49, 90), (51, 70), (48, 60)):
            await core.gateway.enter(TWO, order(side="sell", quantity=10, price=40))
            found = await core.gateway.amend(
                ONE, found.order_id, Amendment(quantity=quantity, price=price)
            )
            assert (found.open, found.filled, found.quantity) == (quantity - 10, 0, quantity - 10)
        await core.gateway.enter(TWO, order(side="sell", quantity=10, price=40))
        lowered = await core.gateway.amend(ONE, found.order_id, Amendment(quantity=20))
        assert (lowered.order_id, lowered.open, lowered.filled) == (found.order_id, 10, 10)
        told = told_of(core, lowered)
        assert told["chain_filled_quantity"] == 40
        await core.gateway.cancel(ONE, lowered.order_id)
        chain = [each for each in check_all(core) if each["side"] == "buy"]
        assert sum(each["filled_quantity"] for each in chain) == 40

    run(test)


def test_orders_that_end_in_every_other_way() -> None:
    async def test(core: ApiCore) -> None:
        enter = core.gateway.enter
        await enter(TWO, order(side="sell", quantity=3, price=60))
        await enter(ONE, order(price=60, time_in_force="ioc"))  # filled in part, the rest is gone
        await enter(ONE, order(price=70, time_in_force="fok"))
        await enter(ONE, order(type="market", price=None))
        with pytest.raises(Exception, match="rejected"):
            await enter(ONE, order(quantity=1 << 30))
        lowered = await enter(ONE, order())
        await core.gateway.amend(ONE, lowered.order_id, Amendment(quantity=4))
        await enter(TWO, order(side="sell", quantity=1))
        await core.gateway.cancel(ONE, lowered.order_id)
        await enter(ONE, order(time_in_force="system_hours"))
        core.end_day()
        core.deliver()
        await asyncio.sleep(0)
        check_all(core)

    run(test)
