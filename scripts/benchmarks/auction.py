"""``scripts/bench auction``: one INSTRUMENT_STATE that uncrosses a book of 100,000 orders.

Half of the orders are bids, half asks, at random prices that all cross, so nearly all of them
trade: price finding, trades with settlement and fees in 64 accounts, levels, events, chain hash.
Checked: price, volume and imbalance against a search over every price with numpy, the volume
against the sum of the trades, all invariants of the state (both conservation laws among them), and
that every repeat gives the same events.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from exchange.codes import CommandKind, EventKind, InstrumentState
from scripts.benchmarks.one_command import command, limit_ms, measure, new_runner, opening, orders
from scripts.benchmarks.result import check, progress

MIDDLE = 500_000
WIDTH = 1_000  # ticks


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--repeats", type=int, default=9)


def expected_auction(
    side: np.ndarray, price: np.ndarray, quantity: np.ndarray
) -> tuple[int, int, int]:
    """(price, volume, imbalance) by looking at every tick."""
    ticks = np.arange(price.min(), price.max() + 1)
    at = price - ticks[0]
    bids = np.bincount(at[side == 0], quantity[side == 0], len(ticks)).astype(np.int64)
    asks = np.bincount(at[side == 1], quantity[side == 1], len(ticks)).astype(np.int64)
    demand = bids[::-1].cumsum()[::-1]
    supply = asks.cumsum()
    volume = np.minimum(demand, supply)
    imbalance = demand - supply
    reference = (int(price[side == 0].max()) + int(price[side == 1].min())) // 2
    best = np.lexsort((ticks, abs(ticks - reference), abs(imbalance), -volume))[0]
    return int(ticks[best]), int(volume[best]), int(imbalance[best])


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Milliseconds of the uncrossing, with the bare passes beside it."""
    random = np.random.default_rng(17)
    count = arguments.orders
    side = random.permutation(np.arange(count) % 2)
    away = random.integers(0, WIDTH, count)
    price = MIDDLE + np.where(side == 0, away, -away)
    quantity = random.integers(1, 100, count)
    runner = new_runner()
    progress("filling the book")
    runner.apply(opening(1))
    call = {"parameter": InstrumentState.AUCTION, "instrument": 1}
    runner.apply(command(CommandKind.INSTRUMENT_STATE, **call))
    events, _ = runner.apply(orders(0, side, price, quantity))
    check(int((events["kind"] == EventKind.ACCEPTED).sum()) == count, "an order was refused")
    progress("uncrossing")
    opens = command(CommandKind.INSTRUMENT_STATE, parameter=InstrumentState.OPEN, instrument=1)
    done = measure(runner.state, opens, arguments.repeats)
    auction = done.events[done.events["kind"] == EventKind.AUCTION]
    check(len(auction) == 1, "there was no auction")
    found = (int(auction["price"][0]), int(auction["quantity"][0]), int(auction["remaining"][0]))
    wanted = expected_auction(side, price, quantity)
    check(found == wanted, f"price, volume, imbalance are {found}, should be {wanted}")
    trades = done.events[done.events["kind"] == EventKind.TRADE]
    check(int(trades["quantity"].sum()) == wanted[1], "the trades are not the volume")
    check(bool((trades["price"] == wanted[0]).all()), "a trade at another price")
    return {
        "orders": count,
        "trades": len(trades),
        "events": len(done.events),
        "uncross_ms": done.best_ms,
        "uncross_worst_ms": done.worst_ms,
        "limit": limit_ms(runner.state, len(done.events)),
        "method": "one command in process, best of the repeats, each on a copy of one state",
    }
