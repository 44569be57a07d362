"""``scripts/bench kill``: the exchange's kill switch over 100,000 live orders.

The orders lie in 100 instruments and 64 accounts, partly in slots that were used and freed before,
so that slots are not in order of order id. Checked: each live order is cancelled once, in ascending
order of order id, all invariants of the state hold (nothing is frozen any more), and every repeat
gives the same events.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from exchange.codes import CommandKind, EventKind, Scope
from exchange.engine.state import layout
from exchange.records import COMMAND
from scripts.benchmarks.one_command import (
    Runner,
    command,
    limit_ms,
    measure,
    new_runner,
    opening,
    orders,
)
from scripts.benchmarks.result import check, progress

INSTRUMENTS = 100
MIDDLE = 500_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=9)


def quotes(random: np.random.Generator, first: int, count: int) -> np.ndarray:
    """Orders that do not cross, in all instruments."""
    side = random.integers(0, 2, count)
    away = random.geometric(0.01, count)
    made = orders(
        first, side, MIDDLE + np.where(side == 0, -away, away), random.integers(1, 100, count)
    )
    made["instrument"] = random.integers(1, INSTRUMENTS + 1, count)
    return made


def fill(runner: Runner, count: int) -> None:
    """Have ``count`` orders live, after some of the first ones were cancelled."""
    random = np.random.default_rng(19)
    runner.apply(opening(INSTRUMENTS))
    entered = int(runner.state.scalars[layout.NEXT_COMMAND])
    runner.apply(quotes(random, 0, count))
    cancels = np.zeros(count // 3, COMMAND)
    cancels["kind"] = CommandKind.CANCEL_BY_ORDER_ID
    cancels["price"] = entered + random.choice(count, len(cancels), replace=False)
    runner.apply(cancels)
    runner.apply(quotes(random, count, len(cancels)))
    live = int(runner.state.scalars[layout.LIVE_ORDERS])
    check(live == count, f"{live:,} orders live, {count:,} were aimed at")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of the kill switch, with the bare passes beside it."""
    runner = new_runner()
    progress("entering orders")
    fill(runner, arguments.orders)
    rows = runner.state.orders.reshape(-1, layout.ORDER_WORDS)
    ids = layout.ORDER_ID.column(rows)
    live = np.sort(ids[ids != 0])
    progress("switching")
    switch = command(CommandKind.KILL, scope=Scope.EXCHANGE, value_0=1)
    done = measure(runner.state, switch, arguments.repeats)
    cancelled = done.events[done.events["kind"] == EventKind.CANCELED]
    check(done.events["kind"][0] == EventKind.KILL_SWITCHED, "the switch is not the first event")
    check(np.array_equal(cancelled["order_id"], live), "other orders than those that lived")
    check(int(done.state.scalars[layout.LIVE_ORDERS]) == 0, "an order lives")
    return {
        "orders": len(live),
        "events": len(done.events),
        "kill_ms": done.best_ms,
        "kill_worst_ms": done.worst_ms,
        "limit": limit_ms(runner.state, len(done.events)),
        "method": "one command in process, best of the repeats, each on a copy of one state",
    }
