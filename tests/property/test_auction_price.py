"""The call auction against a search over every tick and a trade-by-trade reckoning of its own.

The reckoning shares nothing with the engine: it adds up interest at every tick of the instrument
and sets orders off against each other in lists.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from exchange.codes import CommandKind, EventKind, InstrumentState, Parameter, Side
from exchange.engine.invariants.check import check_state
from tests.harness.small_engine import Exchange, administer, deposit, enter, instrument, opening
from tests.harness.small_engine import parameter as set_parameter

HIGHEST = 40  # ticks
INSTRUMENT = 2


class Interest(NamedTuple):
    """An order of the call phase; ``price`` in ticks, ``shown`` 0 = no iceberg."""

    side: int
    price: int
    quantity: int
    shown: int


class Trade(NamedTuple):
    bid: int
    ask: int
    quantity: int
    remaining: int


interests = st.builds(
    Interest,
    st.sampled_from([Side.BUY, Side.SELL, Side.SELL_SHORT]),
    st.integers(1, HIGHEST),
    st.integers(1, 9),
    st.sampled_from([0, 0, 1, 3]),
)


def expected_price(orders: list[Interest], tick: int, reference: int) -> tuple[int, int, int]:
    """(price, volume, imbalance) among all ticks; ``reference`` 0: the middle of the best."""
    bids = [order for order in orders if order.side == Side.BUY]
    asks = [order for order in orders if order.side != Side.BUY]
    if reference == 0:
        middle = (max(b.price for b in bids) + min(a.price for a in asks)) * tick // 2
        reference = middle - middle % tick
    ranked = []
    for number in range(1, HIGHEST + 1):
        demand = sum(order.quantity for order in bids if order.price >= number)
        supply = sum(order.quantity for order in asks if order.price <= number)
        price = number * tick
        volume, imbalance = min(demand, supply), demand - supply
        ranked.append((-volume, abs(imbalance), abs(price - reference), price, imbalance))
    volume, _, _, price, imbalance = min(ranked)
    return price, -volume, imbalance


def expected_trades(orders: list[Interest], volume: int) -> list[Trade]:
    """Best price first, then the oldest; orders by their number."""
    bids = sorted((-o.price, n) for n, o in enumerate(orders) if o.side == Side.BUY)
    asks = sorted((o.price, n) for n, o in enumerate(orders) if o.side != Side.BUY)
    left = [order.quantity for order in orders]
    trades = []
    while volume:
        bid = next(n for _, n in bids if left[n])
        ask = next(n for _, n in asks if left[n])
        quantity = min(left[bid], left[ask], volume)
        volume -= quantity
        left[bid] -= quantity
        left[ask] -= quantity
        trades.append(Trade(bid, ask, quantity, left[bid]))
    return trades


def final_levels(events: np.ndarray) -> dict[tuple[int, int], tuple[int, int]]:
    """What the LEVEL events say last of each (side, price)."""
    told = events[events["kind"] == EventKind.LEVEL]
    return {
        (int(e["side"]), int(e["price"])): (int(e["level_quantity"]), int(e["level_orders"]))
        for e in told
    }


@settings(deadline=None, max_examples=150)
@given(
    st.lists(interests, min_size=2, max_size=14),
    st.sampled_from([1, 5]),
    st.sampled_from([0, 0, 1, 7, 20, 33, HIGHEST]),
    st.sampled_from([InstrumentState.OPEN, InstrumentState.CLOSED]),
)
def test_an_auction_is_what_a_search_over_all_ticks_says(
    orders: list[Interest], tick: int, reference: int, state: InstrumentState
) -> None:
    exchange = Exchange()
    exchange.run(opening())
    exchange.run(
        instrument(INSTRUMENT, tick=tick, minimum_price=tick, maximum_price=HIGHEST * tick)
    )
    exchange.run(np.concatenate([deposit(n, 1 << 20, INSTRUMENT, 1) for n in (1, 2)]))
    if reference:
        exchange.run(
            set_parameter(Parameter.REFERENCE_PRICE, reference * tick, instrument=INSTRUMENT)
        )
    auction = {"parameter": InstrumentState.AUCTION}
    exchange.run(administer(CommandKind.INSTRUMENT_STATE, None, auction, instrument=INSTRUMENT))
    ids = []
    for number, order in enumerate(orders):
        terms = {"display_quantity": min(order.shown, order.quantity)} if order.shown else {}
        events = exchange.run(
            enter(
                f"t{number}",
                order.side,
                order.quantity,
                order.price * tick,
                instrument=INSTRUMENT,
                session=1 + number % 2,
                time_in_force=99_999,
                **terms,
            )
        )
        assert events["kind"][0] == EventKind.ACCEPTED
        ids.append(int(events["order_id"][0]))
    events = exchange.run(
        administer(CommandKind.INSTRUMENT_STATE, None, {"parameter": state}, instrument=INSTRUMENT)
    )
    check_state(exchange.state)
    bids = [order.price for order in orders if order.side == Side.BUY]
    asks = [order.price for order in orders if order.side != Side.BUY]
    if not bids or not asks or max(bids) < min(asks):
        assert events["kind"].tolist() == [EventKind.STATE_CHANGED]
        return
    price, volume, imbalance = expected_price(orders, tick, reference * tick)
    found = events[1]
    assert found["kind"] == EventKind.AUCTION
    assert (found["price"], found["quantity"], found["remaining"]) == (price, volume, imbalance)
    trades = events[events["kind"] == EventKind.TRADE]
    assert (trades["price"] == price).all()
    got = [
        Trade(ids.index(bid), ids.index(ask), quantity, remaining)
        for bid, ask, quantity, remaining in zip(
            trades["order_id"].tolist(),
            trades["contra_order_id"].tolist(),
            trades["quantity"].tolist(),
            trades["remaining"].tolist(),
            strict=True,
        )
    ]
    assert got == expected_trades(orders, volume)
    traded = {(0, orders[trade.bid].price * tick) for trade in got}
    traded |= {(1, orders[trade.ask].price * tick) for trade in got}
    assert set(final_levels(events)) == traded
