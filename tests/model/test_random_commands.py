"""Millions of seeded random commands through the naive exchange and the matcher.

``EXCHANGE_MODEL_COMMANDS`` changes their number (default 2,000,000), ``EXCHANGE_MODEL_SEED`` the
first seed. A longer run: ``scripts/soak``.
"""

from __future__ import annotations

import os
from collections import Counter

import numpy as np
import pytest

from exchange.codes import CommandKind, EventKind, Reject
from exchange.records import COMMAND
from tests.model.comparison import Comparison, compare_seed, compare_stream, seen_words
from tests.model.generators.control import INSTRUMENTS, SECOND_NS, START_NS, funded_opening
from tests.model.generators.orders import EPISODES, token_bytes
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities
from tests.model.naive.mass_cancel import TIMER_CANCELS_MAXIMUM

COMMANDS = int(os.environ.get("EXCHANGE_MODEL_COMMANDS", "2000000"))
FIRST_SEED = int(os.environ.get("EXCHANGE_MODEL_SEED", "1"))
RUNS = 8
# What no run can see: the twin does not model level pools.
NOT_SEEN = {Reject.NONE, Reject.LEVEL_POOL_FULL}

seen_by_run: dict[int, Counter[tuple[int, int]]] = {}


@pytest.mark.parametrize("number", range(RUNS))
def test_every_event_is_equal(number: int) -> None:
    seed, episode = FIRST_SEED + number, EPISODES[number % len(EPISODES)]
    print(f"seed {seed}, episode {number % len(EPISODES)}")
    shares = number >= len(EPISODES)
    comparison = compare_seed(seed, episode, -(-COMMANDS // RUNS), shares=shares)
    print(f"{comparison.commands:,} commands, {comparison.events:,} events equal")
    print(seen_words(comparison.seen))
    assert comparison.commands >= COMMANDS // RUNS
    seen_by_run[number] = comparison.seen


def test_every_kind_and_reject_has_been_equal() -> None:
    """All together have seen every event kind and every reject."""
    if len(seen_by_run) < RUNS or COMMANDS < 1_000_000:
        pytest.skip("the runs above were not all made, or are short")
    seen = {code for run in seen_by_run.values() for code in run}
    assert {kind for kind, _ in seen} == set(map(int, EventKind))
    kinds = (EventKind.REJECTED, EventKind.CONTROL_REJECTED, EventKind.CANCEL_REJECTED)
    rejects = {reason for kind, reason in seen if kind in kinds}
    assert rejects == set(map(int, Reject)) - NOT_SEEN


def orders(count: int, first: int, **fields: object) -> np.ndarray:
    """``count`` plain orders of session 1 for the first instrument, with ``fields`` set."""
    slots = np.zeros(count, COMMAND)
    slots["timestamp_ns"] = START_NS
    slots["kind"] = CommandKind.ENTER
    slots["session"] = 1
    slots["instrument"] = 1
    slots["price"] = 10_000
    slots["quantity"] = 10
    slots["time_in_force"] = 99_998
    slots["display"], slots["capacity"], slots["cross_type"] = ord("Y"), ord("A"), ord("N")
    for name, value in fields.items():
        slots[name] = value
    slots.view(np.uint8).reshape(count, 64)[:, 24:38] = token_bytes(np.arange(first, first + count))
    return slots


def opening() -> np.ndarray:
    return funded_opening(INSTRUMENTS[0], START_NS)


CAPACITIES = Capacities(instruments=8, sessions=8, orders=1 << 14, tokens=1 << 16)


def timer(second: int) -> np.ndarray:
    slot = np.zeros(1, COMMAND)
    slot["kind"] = CommandKind.TIMER
    slot["timestamp_ns"] = START_NS + second * SECOND_NS
    return slot


def test_a_timer_cancels_a_bounded_number_and_the_next_goes_on() -> None:
    """9,000 orders expire within one second: three TIMER commands are needed."""
    random = np.random.default_rng(3)
    many = orders(9_000, 0, time_in_force=random.integers(1, 4, 9_000))
    comparison = compare_stream(CAPACITIES, [opening(), many], "timer")
    counts = []
    for _ in range(4):
        events = as_events(comparison.feed(timer(50)))
        counts.append(int(np.count_nonzero(events["kind"] == EventKind.CANCELED)))
    limit = TIMER_CANCELS_MAXIMUM
    assert counts == [limit, limit, 9_000 - 2 * limit, 0]


def test_expiries_far_apart_and_in_every_order() -> None:
    """Good-till-time from 1 to 99,997 seconds, timers at odd moments, orders in between."""
    random = np.random.default_rng(4)
    comparison = compare_stream(CAPACITIES, [opening()], "expiries")
    second, first = 0, 0
    while second < 220_000:
        batch = orders(40, first, time_in_force=random.integers(1, 99_998, 40))
        batch["timestamp_ns"] = START_NS + second * SECOND_NS + random.integers(0, SECOND_NS, 40)
        batch["timestamp_ns"] = np.sort(batch["timestamp_ns"])
        first += 40
        comparison.feed(batch)
        second += int(random.choice([1, 2, 60, 4_000, 30_000]))
        comparison.feed(timer(second))
    comparison.feed(timer(400_000))
    assert not comparison.naive.good_till_time
    assert not comparison.naive.live


def test_a_level_of_ten_thousand_orders() -> None:
    """One level, emptied from the front, the middle and the back, then swept by one order."""
    random = np.random.default_rng(5)
    comparison = compare_stream(CAPACITIES, [opening(), orders(10_000, 0)], "deep level")
    cancels = np.zeros(6_000, COMMAND)
    cancels["timestamp_ns"] = START_NS
    cancels["kind"] = CommandKind.CANCEL
    cancels["session"] = 1
    which = random.permutation(10_000)[:6_000]
    cancels.view(np.uint8).reshape(-1, 64)[:, 24:38] = token_bytes(which)
    comparison.feed(cancels)
    events = as_events(comparison.feed(orders(1, 10_000, side=1, quantity=35_005)))
    assert int(np.count_nonzero(events["kind"] == EventKind.TRADE)) == 3_501


def test_prices_that_walk_far() -> None:
    """A book whose price moves through the whole range, leaving quotes behind."""
    random = np.random.default_rng(6)
    comparison: Comparison = compare_stream(CAPACITIES, [opening()], "walk")
    top = INSTRUMENTS[0].maximum_price
    for step in range(40):
        batch = orders(500, step * 500)
        centre = int((np.sin(step / 5) + 1.01) / 2.02 * top)
        side = random.integers(0, 2, 500)
        away = random.geometric(0.001, 500) * np.where(side == 0, -1, 1)
        batch["price"] = np.clip(centre + away, 1, top)
        batch["side"] = side
        batch["time_in_force"] = random.choice([99_998, 0, 30], 500)
        comparison.feed(batch)
    assert comparison.seen[EventKind.TRADE, 0] > 1_000
