"""Mass cancels go by order id, however orders lie in their slots and whatever their ids are."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import CancelReason, CommandKind, EventKind, Parameter, Scope
from exchange.core.capacity import EngineCapacity
from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import NEXT_COMMAND
from tests.harness.small_engine import (
    Exchange,
    administer,
    cancel,
    command,
    enter,
    opening,
    parameter,
)

CAPACITY = EngineCapacity(
    instruments=8, sessions=16, orders=4096, leaves=256, nodes=256, tokens=1 << 14, accounts=64
)
SESSIONS = 8


def filled(seed: int, count: int, jump: int = 0) -> tuple[Exchange, dict[int, int]]:
    """An exchange with orders in shuffled slots; session by order id.

    ``jump``: now and then the sequence grows by up to so much, as in a journal of years.
    """
    print(f"seed {seed}")
    random = np.random.default_rng(seed)
    exchange = Exchange(CAPACITY)
    exchange.run(opening(instruments=3, sessions=SESSIONS))
    live: dict[int, int] = {}
    tokens: dict[int, str] = {}
    for number in range(count):
        if live and random.random() < 0.3:
            order_id = int(random.choice(list(live)))
            exchange.run(cancel(tokens[order_id], session=live.pop(order_id)))
            continue
        if jump and random.random() < 0.05:
            exchange.state.scalars[NEXT_COMMAND] += int(random.integers(1, jump))
        session = int(random.integers(1, SESSIONS + 1))
        side = int(random.integers(2))
        price = int(random.integers(1, 500)) + 500 * side
        at = int(random.integers(1, 4))
        event = exchange.run(enter(f"t{number}", side, 5, price, session=session, instrument=at))[0]
        assert event["kind"] == EventKind.ACCEPTED
        live[int(event["order_id"])] = session
        tokens[int(event["order_id"])] = f"t{number}"
    check_state(exchange.state)
    return exchange, live


def cancelled(events: np.ndarray) -> list[int]:
    found: list[int] = events["order_id"][events["kind"] == EventKind.CANCELED].tolist()
    return found


@pytest.mark.parametrize("jump", [0, 1 << 14, 1 << 30, 1 << 44])
def test_a_kill_switch_cancels_by_order_id(jump: int) -> None:
    exchange, live = filled(5, 400, jump)
    events = exchange.run(
        administer(CommandKind.KILL, "key", {"scope": Scope.EXCHANGE, "value_0": 1})
    )
    assert events["kind"][0] == EventKind.KILL_SWITCHED
    assert cancelled(events) == sorted(live)
    assert (events["reason"][1:-1] == CancelReason.SUPERVISORY).all()
    assert (events["kind"][-1], events["quantity"][-1]) == (EventKind.CONTROL_DONE, len(live))
    check_state(exchange.state)


def test_disconnect_of_all_goes_by_session_then_by_order_id() -> None:
    exchange, live = filled(6, 300)
    chosen = (7, 2, 5)
    for session in chosen:
        exchange.run(parameter(Parameter.CANCEL_ON_DISCONNECT, 1, session=session))
    events = exchange.run(command(CommandKind.DISCONNECT))
    expected = sorted((session, order) for order, session in live.items() if session in chosen)
    assert cancelled(events) == [order for _, order in expected]
    assert len(events) == len(expected)
    check_state(exchange.state)


def test_cancel_after_of_many_sessions_in_one_timer() -> None:
    exchange, live = filled(7, 300)
    second = 10**9
    for session, after in ((3, 5), (6, 4), (1, 9)):
        exchange.run(command(CommandKind.CANCEL_AFTER, session=session, quantity=after))
    events = exchange.run(command(CommandKind.TIMER, timestamp_ns=6 * second))
    expected = sorted((session, order) for order, session in live.items() if session in (3, 6))
    assert cancelled(events) == [order for _, order in expected]
    check_state(exchange.state)
    events = exchange.run(command(CommandKind.TIMER, timestamp_ns=9 * second))
    assert cancelled(events) == sorted(order for order, session in live.items() if session == 1)
    assert not len(exchange.run(command(CommandKind.TIMER, timestamp_ns=99 * second)))


def test_one_instrument_is_found_through_its_books() -> None:
    exchange, live = filled(8, 300)
    orders = exchange.state.orders.reshape(-1, 8)
    mine = orders[(orders[:, 2] != 0) & ((orders[:, 4] >> 48) & 0xFFFF == 2)]
    asks = mine[(mine[:, 7] >> 24) & 0xFF != 0, 2]
    events = exchange.run(command(CommandKind.MASS_CANCEL, instrument=2, side=1))
    assert cancelled(events) == sorted(asks.tolist())
    events = exchange.run(command(CommandKind.MASS_CANCEL, instrument=2, side=255))
    assert cancelled(events) == sorted(set(mine[:, 2].tolist()) - set(asks.tolist()))
    assert set(cancelled(events)) < set(live)
    check_state(exchange.state)
