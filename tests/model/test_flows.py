"""Streams with one purpose each: what needs more commands than a readable case can have."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import (
    CommandKind,
    EventKind,
    InstrumentState,
    OrderType,
    Parameter,
    Scope,
)
from exchange.records import ORDER_CONTINUATION
from tests.model.comparison import Comparison, compare_stream
from tests.model.generators.control import (
    INSTRUMENTS,
    SECOND_NS,
    START_NS,
    funded_opening,
    operators_command,
    parameter_command,
    short_command,
    starts_of,
    state_command,
)
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities
from tests.model.naive.stops import STOP_STEPS_MAXIMUM
from tests.model.test_random_commands import orders

CAPACITIES = Capacities(instruments=8, sessions=8, orders=1 << 14, tokens=1 << 16)


def at(slots: np.ndarray, second: int = 0) -> np.ndarray:
    slots["timestamp_ns"][starts_of(slots)] = START_NS + second * SECOND_NS
    return slots


def stops(count: int, first: int, stop_prices: np.ndarray, **fields: object) -> np.ndarray:
    """``count`` stop orders (two slots each), waiting at ``stop_prices``."""
    slots = np.zeros(2 * count, orders(1, 0).dtype)
    slots[::2] = orders(count, first, order_type=OrderType.STOP, price=0, flags=1, **fields)
    slots.view(ORDER_CONTINUATION)["stop_price"][1::2] = stop_prices
    return slots


def count(events: bytes, kind: EventKind) -> int:
    return int(np.count_nonzero(as_events(events)["kind"] == kind))


def opened(label: str, *more: np.ndarray) -> Comparison:
    return compare_stream(CAPACITIES, [funded_opening(INSTRUMENTS[0], START_NS), *more], label)


def test_a_cascade_goes_on_with_the_next_commands() -> None:
    """200 sell stops, each of which trades one tick lower and so makes the next one due."""
    prices = 10_000 - np.arange(202)
    bids = orders(202, 0, price=prices, quantity=1)
    waiting = stops(200, 1_000, prices[:200], side=1, quantity=1)
    comparison = opened("cascade", bids, waiting)
    # the first trade is at 10,000: that makes one due, whose trade at 9,999 makes the next due ...
    told = [count(comparison.feed(orders(1, 2_000, side=1, quantity=1)), EventKind.TRIGGERED)]
    nothing = [
        at(short_command(CommandKind.TIMER)),
        at(short_command(77)),  # an unknown kind
        at(parameter_command(Parameter.COLLAR, 1, 0)),
        at(short_command(CommandKind.CANCEL, session=5)),  # of nobody
    ]
    told += [count(comparison.feed(slots), EventKind.TRIGGERED) for slots in nothing]
    assert told == [STOP_STEPS_MAXIMUM] * 3 + [200 - 3 * STOP_STEPS_MAXIMUM, 0]
    assert comparison.naive.instruments[1].last_price == prices[200]


@pytest.mark.parametrize("state", [InstrumentState.HALTED, InstrumentState.AUCTION])
def test_a_cascade_stops_with_its_instrument(state: InstrumentState) -> None:
    prices = 10_000 - np.arange(202)
    bids = orders(202, 0, price=prices, quantity=1)
    comparison = opened("halt", bids, stops(200, 1_000, prices[:200], side=1, quantity=1))
    comparison.feed(orders(1, 2_000, side=1, quantity=1))
    halted = comparison.feed(at(state_command(state, instrument=1)))
    assert count(halted, EventKind.TRIGGERED) == 0
    assert count(comparison.feed(at(short_command(CommandKind.TIMER))), EventKind.TRIGGERED) == 0
    again = comparison.feed(at(state_command(InstrumentState.OPEN, instrument=1)))
    assert count(again, EventKind.TRIGGERED) == STOP_STEPS_MAXIMUM


def test_stops_of_one_price_trigger_in_the_order_in_which_they_joined() -> None:
    """Those that are released from review stand behind those that came meanwhile."""
    value = 10_000 * 100 * INSTRUMENTS[0].multiplier  # of 100 units
    comparison = opened(
        "join",
        orders(400, 0, price=9_000, quantity=100),
        at(parameter_command(Parameter.REVIEW_VALUE, 1, value // 2)),
    )
    first = comparison.next_sequence
    quantities = np.where(np.arange(40) % 2 == 0, 80, 10)  # every other one is held
    held = stops(40, 1_000, np.full(40, 9_500), side=1, quantity=quantities)
    # a sell stop without collar is worth nothing at its protection price: give it a limit
    held["order_type"][::2] = OrderType.STOP_LIMIT
    held["price"][::2] = 9_000
    comparison.feed(held)
    ids = first + 2 * np.arange(40)
    for order_id in ids[::4]:
        review = {"price": int(order_id), "quantity": 1}
        comparison.feed(at(operators_command(CommandKind.REVIEW, review)))
    events = as_events(comparison.feed(orders(1, 2_000, side=1, quantity=1, price=9_000)))
    triggered = events["order_id"][events["kind"] == EventKind.TRIGGERED].tolist()
    assert triggered == [*ids[1::2].tolist(), *ids[::4].tolist()]


def test_an_auction_over_many_prices() -> None:
    """Far more ticks between best ask and best bid than levels; hidden parts; several times."""
    random = np.random.default_rng(8)
    comparison = opened("auction")
    volumes = []
    for round_ in range(6):
        comparison.feed(at(state_command(InstrumentState.AUCTION, instrument=1)))
        width = [3, 40, 150, 5_000, 400_000, 900_000][round_]
        batch = orders(600, round_ * 1_000, quantity=random.integers(1, 500, 600))
        side = random.integers(0, 2, 600)
        batch["side"] = side
        batch["price"] = np.clip(
            500_000 + np.where(side == 0, 1, -1) * random.integers(-width // 4 - 1, width, 600),
            1,
            1_000_000,
        )
        batch["time_in_force"] = random.choice([0, 99_998, 99_999], 600)
        comparison.feed(batch)
        events = as_events(comparison.feed(at(state_command(InstrumentState.OPEN, instrument=1))))
        (auction,) = events[events["kind"] == EventKind.AUCTION]
        trades = events[events["kind"] == EventKind.TRADE]
        assert int(trades["quantity"].sum()) == auction["quantity"]
        assert (trades["price"] == auction["price"]).all()
        volumes.append(int(auction["quantity"]))
        comparison.feed(at(short_command(CommandKind.MASS_CANCEL, side=255)))
        assert not comparison.naive.live
    assert min(volumes) > 1_000


def test_a_kill_switch_over_many_orders() -> None:
    """All of the account's orders, resting and waiting, in the order of their ids."""
    random = np.random.default_rng(9)
    comparison = opened("many")
    for part in range(3):
        first = part * 3_000
        comparison.feed(orders(2_000, first, price=random.integers(9_000, 9_900, 2_000)))
        prices = random.integers(8_000, 8_900, 1_000)
        comparison.feed(stops(1_000, first + 2_000, prices, side=random.integers(0, 2, 1_000)))
    kill = operators_command(CommandKind.KILL, {}, scope=Scope.ACCOUNT, account=1, value_0=1)
    events = as_events(comparison.feed(at(kill)))
    cancels = events[events["kind"] == EventKind.CANCELED]
    assert len(cancels) == 9_000
    assert (np.diff(cancels["order_id"]) > 0).all()
    assert not comparison.naive.live
