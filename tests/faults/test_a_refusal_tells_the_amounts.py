"""A refused order is told what it needed and what there was, exactly.

Fault 36: "insufficient funds" named neither amount.
"""

from __future__ import annotations

from typing import Any

import pytest
from api_core import ApiCore, run
from funding import admin_command
from order_entry_core import SYMBOL

from exchange.api.errors import ApiError
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.codes import CommandKind, Parameter, Reject

ONE, TWO = 1, 2
CURRENCY = 5  # of 4 decimals: CUR5
LEFT = 12_345_678  # 1,234.5678


def order(**fields: Any) -> NewOrder:
    terms = {"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 100_000}
    return NewOrder(**(terms | fields))


async def refusal(coroutine: Any, reject: Reject) -> str:
    with pytest.raises(ApiError) as caught:
        await coroutine
    assert caught.value.code == 10_000 + reject, caught.value
    return caught.value.message


def command(core: ApiCore, kind: CommandKind, first: dict[str, int], **rest: int) -> None:
    core.apply(admin_command(kind, first, **rest))
    core.deliver()


def leave_money(core: ApiCore, fee_ppm: int = 0) -> None:
    """Of account ONE's money only LEFT stays; an order in SYMBOL costs ``fee_ppm``."""
    balance, _ = core.accounts.account(ONE).balances[CURRENCY]
    command(
        core, CommandKind.WITHDRAW, {"quantity": balance - LEFT}, account=ONE, currency=CURRENCY
    )
    command(
        core, CommandKind.PARAMETER, {"instrument": 1},
        parameter=Parameter.FEES, value_0=fee_ppm, value_1=fee_ppm,
    )  # fmt: skip


def parameter(core: ApiCore, which: Parameter, value: int) -> None:
    command(core, CommandKind.PARAMETER, {}, parameter=which, account=ONE, value_0=value)


@pytest.mark.parametrize(
    ("fee_ppm", "terms", "text"),
    [
        (0, {"quantity": 124}, "1240 CUR5 needed, 1234.5678 CUR5 available"),
        (0, {"quantity": 1, "price": 12_345_679}, "1234.5679 CUR5 needed, 1234.5678 CUR5 av"),
        # 1230 and 0.5 % of it
        (5_000, {"quantity": 123}, "1236.15 CUR5 needed, 1234.5678 CUR5 available"),
        (0, {"quantity": 124, "type": "stop_limit", "stop_price": 100_000}, "1240 CUR5 needed, "),
        (0, {"quantity": 1_000_000, "type": "market", "price": None}, "1234.5678 CUR5 available;"),
    ],
)
def test_insufficient_funds(fee_ppm: int, terms: dict[str, Any], text: str) -> None:
    async def test(core: ApiCore) -> None:
        leave_money(core, fee_ppm)
        found = await refusal(core.gateway.enter(ONE, order(**terms)), Reject.INSUFFICIENT_FUNDS)
        assert found.startswith(f"rejected: insufficient funds: {text}"), found

    run(test)


def test_what_open_orders_freeze_is_not_available() -> None:
    async def test(core: ApiCore) -> None:
        leave_money(core)
        await core.gateway.enter(ONE, order(quantity=100))
        found = await refusal(core.gateway.enter(ONE, order()), Reject.INSUFFICIENT_FUNDS)
        assert found.endswith("1000 CUR5 needed, 234.5678 CUR5 available"), found

    run(test)


def test_a_change_counts_what_the_order_has_frozen_itself() -> None:
    async def test(core: ApiCore) -> None:
        leave_money(core)
        made = await core.gateway.enter(ONE, order(quantity=100))
        found = await refusal(
            core.gateway.amend(ONE, made.order_id, Amendment(quantity=130)),
            Reject.INSUFFICIENT_FUNDS,
        )
        assert found == (
            "rejected: insufficient funds: 1300 CUR5 needed, 1234.5678 CUR5 available; "
            "the order has not changed"
        )
        assert core.accounts.order(made.order_id) == made

    run(test)


def test_insufficient_position() -> None:
    async def test(core: ApiCore) -> None:
        position = core.accounts.position(ONE, 1)
        assert position is not None
        command(
            core, CommandKind.WITHDRAW,
            {"quantity": position.quantity - 70, "instrument": 1}, account=ONE,
        )  # fmt: skip
        await core.gateway.enter(ONE, order(side="sell", quantity=20))
        found = await refusal(
            core.gateway.enter(ONE, order(side="sell", quantity=51)), Reject.INSUFFICIENT_POSITION
        )
        assert found == "rejected: insufficient position: 51 to be sold, 50 available"

    run(test)


def test_limits() -> None:
    async def test(core: ApiCore) -> None:
        instrument = core.market.instruments[1]
        most = instrument.maximum_quantity
        found = await refusal(
            core.gateway.enter(ONE, order(quantity=most + 1)), Reject.QUANTITY_TOO_LARGE
        )
        assert found.endswith(f"quantity must be at most {most}, not {most + 1}")
        high = instrument.maximum_price
        found = await refusal(
            core.gateway.enter(ONE, order(price=high + instrument.tick)), Reject.PRICE_OUT_OF_RANGE
        )
        assert found.endswith(f"to {high}, not {high + instrument.tick}")
        held = core.accounts.position(ONE, 1)
        assert held is not None
        await core.gateway.enter(ONE, order(quantity=30))
        parameter(core, Parameter.POSITION_LIMIT, held.quantity + 40)
        found = await refusal(core.gateway.enter(ONE, order(quantity=11)), Reject.POSITION_LIMIT)
        assert f": 11 ordered beside a position of {held.quantity} and open orders of 30" in found
        parameter(core, Parameter.OPEN_ORDERS, 1)
        found = await refusal(core.gateway.enter(ONE, order(quantity=5)), Reject.OPEN_ORDER_LIMIT)
        assert found.endswith(": 1 orders are open, which is what the account may have")
        parameter(core, Parameter.DAILY_ORDERS, 1)
        found = await refusal(core.gateway.enter(ONE, order(quantity=5)), Reject.DAILY_ORDER_LIMIT)
        assert found.endswith(": 1 orders today, 1 allowed")

    run(test)
