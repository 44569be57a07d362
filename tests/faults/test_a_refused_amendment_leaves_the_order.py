"""A refused amendment leaves the order as it was, whatever the reason; only OUCH has another rule.

Each row of ``REFUSALS`` ended in a cancelled order once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from api_core import ApiCore, run
from funding import admin_command, parameter
from order_entry_core import MONEY, SYMBOL

from exchange.api.errors import REJECT_BASE, ApiError
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.codes import CommandKind, InstrumentState, Parameter, Reject
from exchange.engine.state.layout import MAX_TOKENS, TOKENS_USED

ONE, TWO = 1, 2


def order(**fields: Any) -> NewOrder:
    return NewOrder(**({"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50} | fields))


def fill_tokens(core: ApiCore) -> None:
    core.state.scalars[MAX_TOKENS] = core.state.scalars[TOKENS_USED]


def band(core: ApiCore) -> None:
    core.apply(admin_command(CommandKind.PARAMETER, {"instrument": 1},
                             parameter=Parameter.REFERENCE_PRICE, value_0=50))  # fmt: skip
    core.apply(admin_command(CommandKind.PARAMETER, {"instrument": 1},
                             parameter=Parameter.PRICE_BAND, value_0=100_000))  # fmt: skip
    core.deliver()


def limited(which: Parameter, *values: int) -> Callable[[ApiCore], None]:
    def act(core: ApiCore) -> None:
        named = {f"value_{number}": value for number, value in enumerate(values)}
        core.apply(admin_command(CommandKind.PARAMETER, {}, parameter=which, account=ONE, **named))
        core.deliver()

    return act


def state(name: InstrumentState) -> Callable[[ApiCore], None]:
    def act(core: ApiCore) -> None:
        core.apply(
            admin_command(CommandKind.INSTRUMENT_STATE, {"instrument": 1}, parameter=int(name))
        )
        core.deliver()

    return act


def spend(core: ApiCore) -> None:
    core.apply(
        admin_command(CommandKind.WITHDRAW, {"quantity": MONEY - 10_000}, account=ONE, currency=5)
    )
    core.deliver()


def nothing(core: ApiCore) -> None:
    """What is refused is refused as it is."""


POST_ONLY = {"post_only": True}
ICEBERG = {"display_quantity": 1}
REFUSALS: dict[str, tuple[dict[str, Any], Callable[[ApiCore], None], dict[str, int], Reject]] = {
    "post-only that would trade": (
        POST_ONLY, nothing, {"price": 60}, Reject.POST_ONLY_WOULD_TRADE),
    "post-only and repriced at its entry": (
        POST_ONLY | {"reprice": True}, nothing, {"price": 60}, Reject.POST_ONLY_WOULD_TRADE),
    "an iceberg of more than a hundred parts": (
        ICEBERG, nothing, {"quantity": 101}, Reject.INVALID_DISPLAY_QUANTITY),
    "the same with another price": (
        ICEBERG, nothing, {"quantity": 200, "price": 49}, Reject.INVALID_DISPLAY_QUANTITY),
    "too much": ({}, nothing, {"quantity": 1_000_001}, Reject.QUANTITY_TOO_LARGE),
    "price out of range": ({}, nothing, {"price": 1 << 30}, Reject.PRICE_OUT_OF_RANGE),
    "price outside the band": ({}, band, {"price": 80}, Reject.PRICE_BAND),
    "no money": ({}, spend, {"quantity": 900_000}, Reject.INSUFFICIENT_FUNDS),
    "daily limit": ({}, limited(Parameter.DAILY_ORDERS, 1), {"price": 51},
                    Reject.DAILY_ORDER_LIMIT),
    "position limit": ({}, limited(Parameter.POSITION_LIMIT, 1), {"price": 51},
                       Reject.POSITION_LIMIT),
    "rate": ({}, limited(Parameter.ACCOUNT_RATE, 1, 1), {"price": 51}, Reject.RATE_LIMITED),
    "blocked": ({}, limited(Parameter.BLOCKED, 1), {"price": 51}, Reject.ACCOUNT_BLOCKED),
    "halted": ({}, state(InstrumentState.HALTED), {"price": 51}, Reject.INSTRUMENT_HALTED),
    "cancel only": ({}, state(InstrumentState.CANCEL_ONLY), {"price": 51}, Reject.CANCEL_ONLY),
    "closed": ({"time_in_force": "system_hours"}, state(InstrumentState.CLOSED), {"price": 51},
               Reject.MARKET_CLOSED),
    "a stop with an impossible stop price": (
        {"type": "stop", "price": None, "stop_price": 90}, nothing, {"stop_price": 1 << 30},
        Reject.INVALID_STOP_PRICE),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_the_order_is_as_it_was(name: str) -> None:
    fields, prepare, terms, reject = REFUSALS[name]

    async def test(core: ApiCore) -> None:
        await core.gateway.enter(TWO, order(side="sell", price=60))
        made = await core.gateway.enter(ONE, order(client_order_id="mine", **fields))
        prepare(core)
        if name == "rate":  # the bucket is empty from now on
            await core.gateway.enter(ONE, order(price=40))
        with pytest.raises(ApiError, match="the order has not changed") as caught:
            await core.gateway.amend(ONE, made.order_id, Amendment(**terms))
        assert caught.value.code == REJECT_BASE + reject
        assert caught.value.data == core.gateway.describe(made)
        assert core.accounts.order(made.order_id) == made
        assert core.gateway.own_order_by_client_id(ONE, "mine") == made

    run(test)


def test_an_amendment_needs_no_place_for_a_token() -> None:
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        fill_tokens(core)
        moved = await core.gateway.amend(ONE, made.order_id, Amendment(price=51))
        assert (moved.price, moved.replaces) == (51, made.order_id)

    run(test)


def test_no_room_for_another_price_leaves_the_order() -> None:
    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        with pytest.raises(ApiError) as full:
            for number in range(1, 1 << 12):
                await core.gateway.enter(TWO, order(price=number << 16, side="sell"))
        assert full.value.code == REJECT_BASE + Reject.LEVEL_POOL_FULL
        with pytest.raises(ApiError) as caught:
            await core.gateway.amend(ONE, made.order_id, Amendment(price=30_000))
        assert caught.value.code == REJECT_BASE + Reject.LEVEL_POOL_FULL
        assert core.accounts.order(made.order_id) == made

    run(test)


@pytest.mark.parametrize("filled", [0, 30])
@pytest.mark.parametrize("terms", [{}, {"price": 51}])
def test_what_is_filled_or_less_cancels_the_rest(filled: int, terms: dict[str, int]) -> None:
    async def test(core: ApiCore) -> None:
        for quantity in {0, filled, max(filled - 1, 0)}:
            made = await core.gateway.enter(ONE, order())
            if filled:
                await core.gateway.enter(TWO, order(side="sell", quantity=filled))
            ended = await core.gateway.amend(
                ONE, made.order_id, Amendment(quantity=quantity, **terms)
            )
            assert (ended.order_id, ended.status.name) == (made.order_id, "CANCELLED")
            assert (ended.filled, ended.open) == (filled, 0)

    run(test)


def test_fills_that_are_under_way_are_counted_too() -> None:
    """The amendment asks for more than is filled; when it arrives, that much has been filled."""

    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(ONE, order())
        core.apply(parameter(Parameter.SHORT_SALES, 1))
        core.release_held = True
        selling = asyncio.ensure_future(core.gateway.enter(TWO, order(side="sell", quantity=40)))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        amending = asyncio.ensure_future(
            core.gateway.amend(ONE, made.order_id, Amendment(quantity=40, price=49))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        core.release()
        assert (await selling).filled == 40
        ended = await amending
        assert (ended.order_id, ended.status.name, ended.filled) == (made.order_id, "CANCELLED", 40)

    run(test)


def test_an_all_or_none_order_that_waits_for_review_stays_one() -> None:
    async def test(core: ApiCore) -> None:
        core.apply(admin_command(CommandKind.PARAMETER, {"instrument": 1},
                                 parameter=Parameter.REVIEW_VALUE, value_0=1_000))  # fmt: skip
        core.deliver()
        for fields in ({"time_in_force": "fok"}, {"time_in_force": "ioc", "minimum_quantity": 20}):
            made = await core.gateway.enter(ONE, order(**fields))
            assert made.status.name == "PENDING_REVIEW"
            moved = await core.gateway.amend(ONE, made.order_id, Amendment(quantity=120, price=49))
            described = core.gateway.describe(moved)
            assert described["time_in_force"] == fields["time_in_force"]
            assert described["minimum_quantity"] == fields.get("minimum_quantity", 120)

    run(test)
