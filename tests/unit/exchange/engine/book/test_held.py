"""Held orders beyond what a short case shows: their list, full pools, what they keep frozen.

The readable cases are in ``tests/model/cases/held.py``.
"""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import CancelReason, CommandKind, EventKind, Parameter, Reject
from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_WORDS,
    EXPIRING_ORDERS,
    HELD_HEAD,
    HELD_ORDERS,
    HELD_TAIL,
    LIVE_ORDERS,
    ORDER_WORDS,
    EngineState,
)
from tests.harness.small_engine import (
    CURRENCY,
    SMALL,
    Exchange,
    administer,
    cancel,
    command,
    enter,
    opened,
    parameter,
    replace,
)

BUY, SELL = 0, 1
STOP_LIMIT = 3
VALUE = 1_000


def reviewed(**capacity: int) -> Exchange:
    exchange = opened(SMALL._replace(**capacity))
    exchange.run(parameter(Parameter.REVIEW_VALUE, VALUE, instrument=1))
    return exchange


def review(order_id: int, choice: int) -> np.ndarray:
    return administer(CommandKind.REVIEW, price=order_id, quantity=choice)


def hold(exchange: Exchange, slots: np.ndarray) -> int:
    """Enter an order that is held; its id."""
    events = exchange.run(slots)
    assert events["kind"][-1] == EventKind.HELD
    return int(events["order_id"][0])


def held_ids(state: EngineState) -> list[int]:
    """The list of held orders from its head; checks the links back."""
    found, previous, slot = [], 0, int(state.scalars[HELD_HEAD])
    rows = state.orders.reshape(-1, ORDER_WORDS)
    while slot:
        found.append(int(rows[slot, 2]))
        assert int(rows[slot, 5]) >> 32 == previous
        previous, slot = slot, int(rows[slot, 5]) & 0xFFFF_FFFF
    assert int(state.scalars[HELD_TAIL]) == previous
    assert int(state.scalars[HELD_ORDERS]) == len(found)
    return found


def frozen(state: EngineState, account: int = 1) -> int:
    return int(state.accounts[account * ACCOUNT_WORDS + ACCOUNT_BALANCES + 2 * CURRENCY + 1])


def test_the_list_is_by_age_whatever_leaves_it() -> None:
    exchange = reviewed()
    ids = [hold(exchange, enter(f"h{i}", BUY, 20 + i, 100)) for i in range(6)]
    assert held_ids(exchange.state) == ids
    exchange.run(review(ids[0], 0))  # the head
    exchange.run(review(ids[5], 1))  # the tail
    exchange.run(cancel("h2"))  # from the middle
    assert held_ids(exchange.state) == [ids[1], ids[3], ids[4]]
    ids.append(hold(exchange, enter("h6", SELL, 20, 200)))
    exchange.run(replace("h3", "r3", 30, 100))  # leaves, and its replacement joins the tail
    last = held_ids(exchange.state)
    assert last[:3] == [ids[1], ids[4], ids[6]]
    assert len(last) == 4
    check_state(exchange.state)
    for order_id in last:
        exchange.run(review(order_id, 0))
        check_state(exchange.state)
    assert held_ids(exchange.state) == []
    assert exchange.state.scalars[LIVE_ORDERS] == 1
    assert frozen(exchange.state) == 25 * 100


@pytest.mark.parametrize("end", ["cancel", "refuse", "expire", "kill", "day", "replace", "trade"])
def test_every_end_of_a_held_order_returns_all_it_had(end: str) -> None:
    exchange = reviewed()
    order_id = hold(exchange, enter("h", BUY, 50, 100, time_in_force=5))
    assert frozen(exchange.state) == 5_000
    for i in range(5):  # each too small to be held
        exchange.run(enter(f"m{i}", SELL, 10, 100, session=2))
    steps = {
        "cancel": [cancel("h")],
        "refuse": [review(order_id, 0)],
        "expire": [command(CommandKind.TIMER, timestamp_ns=5_000_000_000)],
        "kill": [
            administer(CommandKind.KILL, terms={"scope": 2, "account": 1, "value_0": 1}),
        ],
        "day": [command(CommandKind.END_OF_DAY)],
        "replace": [replace("h", "r", 5, 10, time_in_force=0)],
        "trade": [parameter(Parameter.REVIEW_VALUE, 0, instrument=1), review(order_id, 1)],
    }
    for slots in steps[end]:
        exchange.run(slots)
    assert held_ids(exchange.state) == []
    assert frozen(exchange.state) == 0
    assert exchange.state.scalars[EXPIRING_ORDERS] == 0
    check_state(exchange.state)


def test_a_released_order_without_a_level_block_is_cancelled_by_the_system() -> None:
    exchange = reviewed(leaves=1)
    order_id = hold(exchange, enter("h", BUY, 20, 100))
    stop_id = hold(exchange, enter("s", BUY, 20, 100, order_type=STOP_LIMIT, stop_price=100))
    # the only block is taken meanwhile
    exchange.run(enter("x", SELL, 1, 500, session=2))
    for number in (order_id, stop_id):
        events = exchange.run(review(number, 1))
        assert events["kind"].tolist() == [EventKind.RELEASED, EventKind.CANCELED]
        assert events["reason"][1] == CancelReason.SYSTEM
    assert frozen(exchange.state) == 0
    check_state(exchange.state)


def test_a_held_order_needs_a_level_block_where_it_may_rest() -> None:
    exchange = reviewed(leaves=1)
    exchange.run(enter("x", SELL, 1, 500, session=2))
    # an immediate order that is held may have to rest, in an auction
    refused = exchange.run(enter("h", BUY, 20, 100, time_in_force=0))
    assert refused["reason"].tolist() == [Reject.LEVEL_POOL_FULL]
    small = exchange.run(enter("i", BUY, 5, 100, time_in_force=0))
    assert small["kind"].tolist() == [EventKind.ACCEPTED, EventKind.CANCELED]


def test_what_a_released_order_has_traded_counts_for_later_cancels() -> None:
    exchange = reviewed()
    order_id = hold(exchange, enter("h", BUY, 50, 100))
    exchange.run(enter("m", SELL, 10, 90, session=2))
    exchange.run(review(order_id, 1))
    assert frozen(exchange.state) == 40 * 100
    events = exchange.run(cancel("h", 30))
    assert events["quantity"].tolist() == [20]
    assert events["remaining"].tolist() == [20]
    assert frozen(exchange.state) == 20 * 100
    check_state(exchange.state)
