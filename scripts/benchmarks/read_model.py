"""``scripts/bench read_model``: how fast the read models follow events, and come back from disk.

The matcher makes the events in process, of the workloads of ``scripts/bench matcher``:

- ``one-book``: one instrument, about 20,000 orders resting;
- ``wide``: 100 instruments, half a million live orders that lie all over the memory.

They are then applied to the market and the account model in batches of the size that the stages
use, each batch copied as a follower does (``events_per_s``: of the half after the orders rest;
``both``: one model after the other; ``events_per_processor_s``: what other processes take away
counts less). Beside them: a pass that only sums up the same records
(``limit``), and the time to write and to load a checkpoint of both models.

Checked: balances, positions and live orders equal the matcher's own state, in the models that
followed and in those that were loaded; trades and best prices are there.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np

from exchange.core import pipeline
from exchange.engine.matcher import apply_commands
from exchange.engine.state import layout
from exchange.engine.state.create import create_state
from exchange.engine.state.pointers import make_links
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.read_model.checkpoint import load_newest, save
from exchange.read_model.market.model import MarketModel
from exchange.records import COMMAND, EVENT
from replay.accounts import ledger_of
from scripts.benchmarks import funding
from scripts.benchmarks.matcher import (
    CAPACITY,
    WORKLOADS,
    Generator,
    Runner,
    Workload,
    opening,
    put_into,
)
from scripts.benchmarks.own_exchange import own_folder
from scripts.benchmarks.result import check, progress

WORKLOADS_HERE = {"one-book": WORKLOADS["one-book"], "wide": WORKLOADS["wide"]}
WIDE_RESTING = 500_000
CLOSED_ORDERS_KEPT = 300_000
FILLS_KEPT = 300_000
EVENT_BUFFER = 1 << 20


class Recorder:
    """The matcher, and every event that it made."""

    def __init__(self, slots: int) -> None:
        self.ring = np.zeros(slots, COMMAND)
        self.runner = Runner(create_state(CAPACITY, 1), self.ring)
        self.events = np.zeros(EVENT_BUFFER, EVENT)
        self.parts: list[bytes] = []
        self.count = 0

    def run(self, end: int) -> None:
        """Apply the commands of the ring below ``end``."""
        runner, state = self.runner, self.runner.state
        while runner.next_command < end:
            first = runner.next_command
            base = int(state.scalars[layout.NEXT_EVENT])
            # every call writes its events from the buffer's start on
            rings = runner.rings._replace(events=self.events, event_base=base, links=make_links())
            apply_commands(state, rings, first, min(first + 4_096, end))
            made = int(state.scalars[layout.NEXT_EVENT]) - base
            rings.cursors[pipeline.EVENT_RELEASED] = base + made
            self.parts.append(self.events[:made].tobytes())
            self.count += made

    def feed(self, commands: np.ndarray) -> None:
        first = self.runner.next_command
        put_into(self.ring, first, commands)
        self.run(first + len(commands))


class Archive:
    """Events in memory, read as from the archive."""

    def __init__(self, events: np.ndarray) -> None:
        self.events = events

    def view(self, first: int, count: int) -> np.ndarray:
        return self.events[first : first + count]


def record(workload: Workload) -> tuple[Recorder, np.ndarray, int]:
    """The matcher afterwards, all events, and the first one after the orders rest."""
    recorder = Recorder(1 << (workload.commands + workload.resting + (1 << 16)).bit_length())
    generator = Generator(workload, recorder.runner, seed=11)
    slots = opening(workload, funding.CONTROLS)
    recorder.ring[: len(slots)] = slots
    recorder.run(len(slots))
    while generator.tokens < workload.resting:
        count = min(1 << 16, workload.resting - generator.tokens)
        recorder.feed(generator.enters(count, np.zeros(count, bool), 0.0))
    resting_from = recorder.count
    made = 0
    while made < workload.commands:
        count = min(workload.chunk, workload.commands - made)
        recorder.feed(generator.chunk(count))
        made += count
    return recorder, np.frombuffer(b"".join(recorder.parts), EVENT), resting_from


def make_models(resting: int) -> tuple[MarketModel, AccountModel]:
    capacity = AccountModelCapacity(
        accounts=CAPACITY.accounts,
        sessions=CAPACITY.sessions,
        instruments=CAPACITY.instruments,
        positions=CAPACITY.positions,
        orders=2 * resting + CLOSED_ORDERS_KEPT,
        fills=FILLS_KEPT,
    )
    return MarketModel(CAPACITY.instruments, track_changes=False), AccountModel(capacity)


def follow(
    models: list[Any], events: np.ndarray, batch: int, timed_from: int
) -> tuple[float, float]:
    """Apply everything; events a second of those from ``timed_from`` on, and a processor second."""
    octets = events.view(np.uint8)
    size = EVENT.itemsize
    seconds = processor_seconds = 0.0
    for first in range(0, len(events), batch):
        started, processor_started = time.perf_counter(), time.thread_time()
        copied = octets[first * size : (first + batch) * size].copy().view(EVENT)
        for model in models:
            model.apply(copied)
        if first >= timed_from:
            seconds += time.perf_counter() - started
            processor_seconds += time.thread_time() - processor_started
    timed = len(events) - -(-timed_from // batch) * batch
    return timed / seconds, timed / processor_seconds


def check_models(name: str, market: Any, accounts: Any, recorder: Recorder) -> None:
    """The models say what the matcher's state says."""
    state = recorder.runner.state
    ledger = ledger_of(state)
    check(accounts.next_event == recorder.count, f"{name}: not all events were followed")
    check(accounts.live_order_count == len(ledger.orders), f"{name}: live orders differ")
    ids = np.array(sorted(ledger.orders))
    rows = accounts.order_rows(ids)
    wanted = [ledger.orders[order_id].open for order_id in ids.tolist()]
    check(rows["order_id"].tolist() == ids.tolist(), f"{name}: a live order is missing")
    check(rows["open"].tolist() == wanted, f"{name}: open quantities differ")
    for (account, currency), money in ledger.balances.items():
        found = accounts.account(account).balances.get(currency, (0, 0))
        check(found == (money.balance, money.frozen), f"{name}: balance of account {account}")
    for account in accounts.accounts():
        for held in accounts.positions(account):
            expected = ledger.positions[account, held.instrument]
            found = (held.quantity, held.total_cost, held.frozen, held.open_buys)
            check(
                found == (expected.quantity, expected.cost, expected.frozen, expected.open_buys),
                f"{name}: position of account {account} in {held.instrument}",
            )
    ticker = market.ticker(1)
    check(ticker.best_bid is not None and ticker.trade_count > 0, f"{name}: no market")


def measure(name: str, workload: Workload, batch: int, repeats: int) -> dict[str, Any]:
    progress(f"{name}: making events")
    recorder, events, resting_from = record(workload)
    rates: dict[str, float] = {}
    processor_rates: dict[str, float] = {}
    memory_pass = 0.0
    market, accounts = make_models(workload.resting)
    for _ in range(repeats):
        progress(f"{name}: following {len(events):,} events")
        for what in ("market", "accounts", "both"):
            market, accounts = make_models(workload.resting)
            models = {"market": [market], "accounts": [accounts], "both": [market, accounts]}[what]
            rate, processor_rate = follow(models, events, batch, resting_from)
            rates[what] = max(rates.get(what, 0.0), rate)
            processor_rates[what] = max(processor_rates.get(what, 0.0), processor_rate)
        started = time.thread_time()
        events.view(np.int64).sum()
        memory_pass = max(memory_pass, len(events) / (time.thread_time() - started))
        check_models(name, market, accounts, recorder)
    with own_folder("read-model-benchmark-") as directory:
        started = time.perf_counter()
        path = save(directory, [market, accounts], Archive(events))
        saved_s = time.perf_counter() - started
        check(path is not None, f"{name}: no checkpoint")
        assert path is not None
        size = path.stat().st_size
        started = time.perf_counter()
        loaded = load_newest(
            directory, lambda: make_models(workload.resting), len(events), Archive(events)
        )
        loaded_s = time.perf_counter() - started
        check(loaded.next_event == len(events), f"{name}: {loaded.notes}")
        check_models(name, *loaded.models, recorder)
    return {
        "events": len(events),
        "live_orders": accounts.live_order_count,
        "orders_forgotten": accounts.evicted_order_count,
        "events_per_s": rates,
        "events_per_processor_s": processor_rates,
        "checkpoint": {"bytes": size, "save_s": saved_s, "load_s": loaded_s},
        "limit": {"memory_pass_events_per_processor_s": memory_pass},
    }


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--workload", choices=sorted(WORKLOADS_HERE), action="append")
    parser.add_argument("--batch", type=int, default=16_384, help="events a batch")
    parser.add_argument("--commands", type=int, default=600_000, help="commands measured")
    parser.add_argument("--repeats", type=int, default=2)


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the chosen workloads."""
    result: dict[str, Any] = {}
    for name in arguments.workload or list(WORKLOADS_HERE):
        workload = WORKLOADS_HERE[name]._replace(commands=max(arguments.commands, 20_000))
        if name == "wide":
            workload = workload._replace(resting=min(WIDE_RESTING, 2 * workload.commands))
        result[name] = measure(name, workload, max(arguments.batch, 1), max(arguments.repeats, 1))
    return result
