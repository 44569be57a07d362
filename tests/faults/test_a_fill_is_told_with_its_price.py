"""What a client needs to tell a fill: the price of the trade and not the limit, in auctions too.

Fault 31: the page said a filled order's limit, took every fill of an auction for what the ticket
had told already (all are a taker's), and had no validity for History. The page is looked at by
tests/browser; this is what REST and the private channel give it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from api_core import ApiCore, run
from order_entry_core import SYMBOL

from exchange.api.orders.json import fill_json
from exchange.api.orders.terms import NewOrder
from exchange.api.websocket.execution_reports import orders_after, reports, steps_of
from exchange.codes import InstrumentState
from exchange.commands import set_state

BUYER, SELLER = 1, 2
LIMITS = (52, 48)  # of the buyer, of the seller


def entered(side: str, price: int, **fields: Any) -> NewOrder:
    return NewOrder(symbol=SYMBOL, side=side, quantity=6, price=price, **fields)  # type: ignore[arg-type]


def told(core: ApiCore, account: int) -> list[Any]:
    """The account's execution reports of fills, as the private channel makes them."""
    events = core.archive.events[: core.archive.count]
    owner = np.zeros(1 << 16, np.int32)
    owner[[account, core.api_session(account)]] = account
    fills = {(f.sequence, f.order_id): f for f in core.accounts.fills(account, limit=100)}
    found = orders_after(steps_of(events, owner, account), core.accounts.order)
    return [each for each in reports(found, fills, core.gateway.describe) if each.event == "filled"]


@pytest.mark.parametrize("auction", [False, True])
def test_a_fill_has_the_price_of_its_trade(auction: bool) -> None:
    async def test(core: ApiCore) -> None:
        if auction:
            core.apply(set_state(InstrumentState.AUCTION, instrument=1))
        await core.gateway.enter(BUYER, entered("buy", LIMITS[0]))
        await core.gateway.enter(SELLER, entered("sell", LIMITS[1]))
        if auction:
            core.apply(set_state(InstrumentState.OPEN, instrument=1))
            core.deliver()
        prices = set()
        for account, limit in zip((BUYER, SELLER), LIMITS, strict=True):
            (report,) = told(core, account)
            (fill,) = core.accounts.fills(account, limit=10)
            rest = fill_json(fill, SYMBOL)
            assert (report.last_price, report.last_quantity) == (rest["price"], 6)
            assert report.trade_id == rest["trade_id"] and report.fee == rest["fee"]
            assert report.liquidity == rest["liquidity"]
            assert report.order["price"] == limit and report.order["status"] == "filled"
            assert report.order["filled_value"] == 6 * report.last_price
            prices.add(report.last_price)
        (price,) = prices  # one trade, one price: the resting order's, or the auction's
        assert price == 52 if not auction else LIMITS[1] <= price <= LIMITS[0]
        kinds = [report.liquidity for account in (BUYER, SELLER) for report in told(core, account)]
        assert kinds == (["taker", "taker"] if auction else ["maker", "taker"])

    run(test)


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "day"),
        ({"time_in_force": "ioc"}, "ioc"),
        ({"time_in_force": "gtt", "expire_seconds": 60}, "gtt"),
    ],
)
def test_every_accepted_order_says_how_long_it_is_good(fields: dict[str, Any], name: str) -> None:
    """Also when it is over: History showed null."""

    async def test(core: ApiCore) -> None:
        made = await core.gateway.enter(BUYER, entered("buy", 50, **fields))
        await core.gateway.mass_cancel(BUYER)
        order = core.accounts.order(made.order_id)
        assert order is not None
        described = core.gateway.describe(order)
        assert described["status"] == "cancelled"
        assert described["time_in_force"] == name

    run(test)
