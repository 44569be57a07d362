"""``scripts/bench matcher``: the matcher in process, on commands as order entry makes them.

Memory is populated first, as in the matcher stage.
Everything is on: unique tokens, token and order-id tables, checks, sessions, events written to a
ring of the default size, chain hash, checkpoints. One order in eight cancels is by order id.

Every session has an account of its own with money and stock. Every risk control is on with limits
so high that nothing is refused (``scripts/benchmarks/funding.py``); fees are charged, and an order
that would trade with one of its own account cancels that one instead. ``without_controls`` is the
same workload with accounts, clearing and settlement but every control off and no fees, in the same
run; ``--profile`` switches the controls off one by one.

- ``one-book``: one instrument, add 60 / cancel 35 / marketable 5 %, about 20,000 orders resting;
- ``wide``: 100 instruments, add 47 / cancel 45 / marketable 8 %, 1,000,000 live orders;
- ``sweep``: 4 deep books whose price walks and jumps, aggressors of about 35 fills.

Commands are generated with the engine's own state at hand (cancels name orders that were live a
moment ago) and then run again from the same prepared state, twice: event count and chain hash must
agree with the generating run, the invariants must hold, and the money and stock of all accounts
must add up to what was deposited.

``commands_per_s``: the faster of the two runs, in calls of 1,024 commands as the agent makes them.
``ns_*``: a third run with one clock reading after every command, each applied alone, so that
nothing is fetched ahead across commands; ``clock_ns`` is what a reading costs.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.definitions.rules import InstrumentTerms
from exchange.engine.invariants.check import check_state
from exchange.engine.matcher import apply_commands, apply_view
from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import EngineState
from exchange.engine.state.pointers import Rings, make_links, make_view
from exchange.records import COMMAND, EVENT
from replay.accounts import frozen_problems, ledger_of
from ringbuffer.jit import jit
from ringbuffer.prefault import prefault
from ringbuffer.system_calls import CLOCK_MONOTONIC, clock_ns
from scripts.benchmarks import funding, ladder_limit
from scripts.benchmarks.result import check, progress

EVENT_RING = 1 << 18
CALL_COMMANDS = 1024
SESSIONS = 64
MIDDLE = 500_000
WALK_HIGHEST = 1_500_000  # of the middle of a book that walks
MAXIMUM_STOCK = 2_000_000_000  # of an instrument: below the position bound at its highest price
START_NS = 1_767_225_600 * 1_000_000_000
COMMAND_INTERVAL_NS = 250  # between the time stamps of two commands
CAPACITY = EngineCapacity(
    instruments=128, sessions=128, tokens=8_000_000, accounts=128, positions=1 << 14
)


class Workload(NamedTuple):
    """The make-up of one workload. ``resting``: live orders per exchange that are aimed at."""

    instruments: int
    add: float
    cancel: float
    resting: int
    fills: float  # orders that one aggressor takes, on average
    width: float  # mean distance of a resting price from the middle, in ticks
    walk: bool
    chunk: int  # commands made from one look at the live orders
    commands: int
    left_out: tuple[str, ...] = ()  # controls that this workload's prices would trip


WORKLOADS = {
    "one-book": Workload(1, 0.60, 0.35, 20_000, 5.0, 60.0, False, 4_096, 2_000_000),
    "wide": Workload(100, 0.47, 0.45, 1_000_000, 0.25, 100.0, False, 100_000, 2_000_000),
    "sweep": Workload(4, 0.90, 0.0725, 50_000, 35.0, 2_000.0, True, 2_048, 1_000_000, ("breaker",)),
}


@jit
def drive(state: Any, rings: Rings, first: int, end: int) -> int:
    """Apply [first, end) in calls of CALL_COMMANDS, releasing events after each; events."""
    emitted = 0
    while first < end:
        last = min(first + CALL_COMMANDS, end)
        emitted += apply_commands(state, rings, first, last)
        first = state.scalars[layout.NEXT_COMMAND]
        rings.cursors[pipeline.EVENT_RELEASED] = state.scalars[layout.NEXT_EVENT]
    return emitted


@jit
def drive_timed(
    state: Any, rings: Rings, first: int, end: int, times: np.ndarray, clock: np.ndarray
) -> None:
    """Apply one command a call; ``times[i]`` (int64) = ns of command i. ``clock``: int64[2]."""
    # an empty call sets the view up for the ones below
    apply_commands(state, rings, first, first)
    view = make_view(state, rings)
    before = clock_ns(CLOCK_MONOTONIC, clock)
    for i in range(end - first):
        apply_view(view, first + i, first + i + 1)
        rings.cursors[pipeline.EVENT_RELEASED] = state.scalars[layout.NEXT_EVENT]
        after = clock_ns(CLOCK_MONOTONIC, clock)
        times[i] = after - before
        before = after


class Runner:
    """A state, its rings and cursors. ``commands``: COMMAND[power of two], the command ring."""

    def __init__(self, state: EngineState, commands: np.ndarray) -> None:
        self.state = state
        events = np.zeros(EVENT_RING, EVENT)
        prefault(events)
        cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        cursors[pipeline.EVENT_RELEASED] = state.scalars[layout.NEXT_EVENT]
        wakeups = np.full(pipeline.AGENTS, -1, np.int64)
        self.rings = Rings(commands, events, 0, cursors, wakeups, make_links())

    @property
    def next_command(self) -> int:
        return int(self.state.scalars[layout.NEXT_COMMAND])

    def run(self, end: int) -> int:
        """Apply the commands of the ring up to sequence ``end``; events emitted."""
        return int(drive(self.state, self.rings, self.next_command, end))

    def feed(self, commands: np.ndarray) -> None:
        """Write commands of one slot each into the ring, and apply them."""
        put_into(self.rings.commands, self.next_command, commands)
        self.run(self.next_command + len(commands))

    def result(self) -> tuple[int, int]:
        """What two runs of the same commands must agree in: number of events and chain hash."""
        return int(self.state.scalars[layout.NEXT_EVENT]), chain_digest(self.state)


def token_words(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """14-byte tokens ``OrderNNNNNNNNN`` of ``numbers``: the first 8 bytes, the last 6 as a u8."""
    digits = (numbers[:, None] // 10 ** np.arange(8, -1, -1)) % 10 + 48
    raw = np.zeros((len(numbers), 16), np.uint8)
    raw[:, :5] = np.frombuffer(b"Order", np.uint8)
    raw[:, 5:14] = digits
    both = raw.view("<u8")
    return both[:, 0].copy(), both[:, 1].copy()


def set_tokens(commands: np.ndarray, numbers: np.ndarray) -> None:
    first, rest = token_words(numbers)
    commands["token_0"] = first
    commands["token_1"] = rest & 0xFFFFFFFF
    commands["token_2"] = rest >> 32


def opening(workload: Workload, controls: Collection[str]) -> np.ndarray:
    """Instruments, sessions with funded accounts, risk controls and the start of the day."""
    terms = [
        InstrumentTerms(f"BOOK{number:03d}", 1, 1, 2, 1, 1_000_000_000, 1_000_000, 1, 1)
        for number in range(1, workload.instruments + 1)
    ]
    return funding.opening(
        terms,
        SESSIONS,
        controls=[name for name in controls if name not in workload.left_out],
        reference_price=WALK_HIGHEST if workload.walk else MIDDLE,
        money=1 << 54,
        stock=MAXIMUM_STOCK // SESSIONS,
        timestamp_ns=START_NS,
    )


class Generator:
    """Makes chunks of commands that fit the live orders of a runner."""

    def __init__(self, workload: Workload, runner: Runner, seed: int) -> None:
        self.workload = workload
        self.runner = runner
        self.random = np.random.default_rng(seed)
        self.tokens = 0
        self.middle = np.full(workload.instruments + 1, MIDDLE, np.int64)

    def enters(self, count: int, marketable: np.ndarray, fills: float) -> np.ndarray:
        w, random = self.workload, self.random
        made = np.zeros(count, COMMAND)
        made["kind"] = CommandKind.ENTER
        made["instrument"] = random.integers(1, w.instruments + 1, count)
        numbers = np.arange(self.tokens, self.tokens + count)
        self.tokens += count
        made["session"] = numbers % SESSIONS + 1
        set_tokens(made, numbers)
        made["side"] = random.integers(0, 2, count)
        made["quantity"] = random.integers(1, 100, count)
        sign = np.where(made["side"] == 0, -1, 1)
        if w.walk:
            self.walk()
            # one order in three leaves a gap of up to some thousand ticks behind it
            distance = (random.pareto(1.0, count) * w.width / 8).astype(np.int64) + 1
        else:
            distance = random.geometric(1 / w.width, count)
        middle = self.middle[made["instrument"]]
        made["price"] = np.maximum(middle + sign * np.minimum(distance, 400_000), 1)
        taken = np.maximum((fills * random.uniform(0.5, 1.5, count) * 50).astype(np.int64), 1)
        made["quantity"][marketable] = np.minimum(taken, 1_000_000)[marketable]
        made["price"][marketable] = (middle - sign * 450_000)[marketable]
        made["time_in_force"] = 99_998
        made["time_in_force"][marketable] = 0
        made["display"] = ord("Y")
        made["capacity"] = ord("A")
        made["cross_type"] = ord("N")
        made["intermarket_sweep"] = ord("N")
        return made

    def walk(self) -> None:
        """Move every middle a little, and seldom a lot."""
        steps = self.random.integers(-200, 201, len(self.middle))
        jumps = self.random.random(len(self.middle)) < 0.02
        steps[jumps] *= 250
        self.middle = np.clip(self.middle + steps, 460_000, WALK_HIGHEST)

    def cancels(self, count: int) -> np.ndarray:
        """Cancels of ``count`` different live orders, one in eight by order id."""
        state = self.runner.state
        used = int(state.scalars[layout.ORDER_HIGH]) + 1
        orders = state.orders[: used * layout.ORDER_WORDS].reshape(-1, layout.ORDER_WORDS)
        live = np.flatnonzero(layout.ORDER_ID.column(orders))
        chosen = orders[self.random.choice(live, min(count, len(live)), replace=False)]
        made = np.zeros(count, COMMAND)
        made["kind"] = CommandKind.CANCEL
        filled = made[: len(chosen)]
        filled["token_0"] = layout.ORDER_TOKEN_0.column(chosen).view(np.uint64)
        tail = layout.ORDER_TOKEN_TAIL.column(chosen)
        filled["token_1"] = tail & 0xFFFFFFFF
        filled["token_2"] = tail >> 32
        filled["session"] = layout.ORDER_SESSION.column(chosen)
        by_id = np.arange(len(chosen)) % 8 == 0
        filled["kind"][by_id] = CommandKind.CANCEL_BY_ORDER_ID
        filled["price"][by_id] = layout.ORDER_ID.column(chosen)[by_id]
        return made

    def chunk(self, count: int) -> np.ndarray:
        w = self.workload
        live = int(self.runner.state.scalars[layout.LIVE_ORDERS])
        draw = self.random.random(count)
        is_cancel = draw < w.cancel
        marketable = draw >= w.cancel + w.add
        made = np.zeros(count, COMMAND)
        # aggressors take more when too many orders rest, less when too few
        fills = w.fills * min(max(1 + 4 * (live / w.resting - 1), 0.2), 3.0)
        entering = ~is_cancel
        made[entering] = self.enters(int(entering.sum()), marketable[entering], fills)
        made[is_cancel] = self.cancels(int(is_cancel.sum()))
        return made


def put_into(ring: np.ndarray, first: int, commands: np.ndarray) -> None:
    """Write commands of one slot each into the ring, with their time stamps."""
    sequences = np.arange(first, first + len(commands))
    commands["timestamp_ns"] = START_NS + COMMAND_INTERVAL_NS * sequences
    ring[np.arange(first, first + len(commands)) & (len(ring) - 1)] = commands


def problems_of(state: EngineState) -> list[str]:
    """Where accounts, positions and live orders do not add up; empty when all is well."""
    ledger = ledger_of(state)
    return ledger.problems() + frozen_problems(ledger)


def copy_state(state: EngineState) -> EngineState:
    """A state of its own, in fresh memory."""
    fresh = create_state(CAPACITY, 1)
    for target, source in zip(fresh, state, strict=True):
        # only what is in use: the rest stays untouched memory
        used = len(source)
        step = 1 << 20
        for start in range(0, used, step):
            part = source[start : start + step]
            if part.any():
                target[start : start + step] = part
    # as the matcher stage does after a start: no command pays for the first touch of a page
    for array in (fresh.token_index, fresh.order_ids, fresh.orders, fresh.token_log):
        prefault(array)
    return fresh


class Prepared(NamedTuple):
    """A workload: ``commands``, the ring with all of them, of which [first, end) are measured."""

    state: EngineState  # before command ``first``
    commands: np.ndarray  # COMMAND[power of two]
    first: int
    end: int
    expected: tuple[int, int]  # the result of whoever applies them
    made: EngineState  # after command ``end - 1``, where they were generated

    def runner(self) -> Runner:
        """Somebody who can apply the commands once more."""
        return Runner(copy_state(self.state), self.commands)


def prepare(name: str, workload: Workload, controls: Collection[str]) -> Prepared:
    """Generate the commands of a workload, and check what they lead to."""
    size = 1 << (workload.commands + workload.resting + (1 << 16)).bit_length()
    ring = np.zeros(size, COMMAND)
    runner = Runner(create_state(CAPACITY, 1), ring)
    state = runner.state
    generator = Generator(workload, runner, seed=11)
    first_slots = opening(workload, controls)
    ring[: len(first_slots)] = first_slots
    runner.run(len(first_slots))
    check(
        int(state.scalars[layout.NEXT_EVENT]) > 0 and problems_of(state) == [],
        f"{name}: the opening is wrong",
    )
    while generator.tokens < workload.resting:
        count = min(1 << 16, workload.resting - generator.tokens)
        runner.feed(generator.enters(count, np.zeros(count, bool), 0.0))
    for _ in range(64 if workload.resting < 100_000 else 1):
        runner.feed(generator.chunk(workload.chunk))
    before = copy_state(state)
    first = runner.next_command
    while (left := first + workload.commands - runner.next_command) > 0:
        runner.feed(generator.chunk(min(workload.chunk, left)))
    check_state(state)
    wrong = problems_of(state)
    check(not wrong, f"{name}: {wrong[:1]}")
    rejects = int(state.scalars[layout.REJECTS])
    check(rejects == 0, f"{name}: {rejects} orders were refused")
    trades = int(state.scalars[layout.TRADES] - before.scalars[layout.TRADES])
    check(trades > 0, f"{name}: nothing traded")
    live = int(state.scalars[layout.LIVE_ORDERS])
    check(
        0.5 * workload.resting < live < 1.6 * workload.resting,
        f"{name}: {live:,} live orders at the end, {workload.resting:,} aimed at",
    )
    return Prepared(before, ring, first, runner.next_command, runner.result(), state)


def fastest_s(name: str, prepared: Prepared) -> float:
    """Seconds for all commands in large calls: the faster of two runs, both checked."""
    best = float("inf")
    for _ in range(2):
        again = prepared.runner()
        start = time.perf_counter()
        again.run(prepared.end)
        best = min(best, time.perf_counter() - start)
        found = again.result()
        check(found == prepared.expected, f"{name}: {found} and {prepared.expected} differ")
    return best


def each_ns(name: str, prepared: Prepared) -> np.ndarray:
    """Nanoseconds of each command, applied alone: int64[commands]."""
    alone = prepared.runner()
    times = np.zeros(prepared.end - prepared.first, np.int64)
    drive_timed(
        alone.state, alone.rings, prepared.first, prepared.end, times, np.zeros(2, np.int64)
    )
    check(alone.result() == prepared.expected, f"{name}: the timed run differs")
    return times


def measure(
    name: str, workload: Workload, controls: Collection[str], *, timed: bool = True
) -> dict[str, Any]:
    """Generate, check and time one workload with ``controls``; ``timed``: percentiles too."""
    progress(f"{name}: generating")
    prepared = prepare(name, workload, controls)
    speed = (prepared.end - prepared.first) / fastest_s(name, prepared)
    if not timed:
        return {"commands_per_s": speed}
    times = each_ns(name, prepared)
    p50, p99, p999 = (float(p) for p in np.percentile(times, (50, 99, 99.9)))
    before, after = prepared.state.scalars, prepared.made.scalars
    result: dict[str, Any] = {
        "commands_per_s": speed,
        "ns_p50": p50,
        "ns_p99": p99,
        "ns_p999": p999,
        "trades": int(after[layout.TRADES] - before[layout.TRADES]),
        "events": int(after[layout.NEXT_EVENT] - before[layout.NEXT_EVENT]),
        "live_orders": int(after[layout.LIVE_ORDERS]),
        "positions": int(after[layout.POSITIONS_USED]),
    }
    if name == "sweep":
        result["p999_over_p50"] = p999 / p50
    return result


def profile(name: str, workload: Workload) -> dict[str, Any]:
    """The cost of each control: ns a command with all of them less without this one.

    Everything is measured next to a run with all of them, because the machine's speed wanders.
    """

    def nanoseconds(controls: Collection[str]) -> float:
        return float(1e9 / measure(name, workload, controls, timed=False)["commands_per_s"])

    rows: dict[str, Any] = {}
    everything = []
    for control in (*funding.CONTROLS, "all"):
        left = [other for other in funding.CONTROLS if control not in (other, "all")]
        progress(f"{name}: without {control}")
        with_all = nanoseconds(funding.CONTROLS)
        everything.append(with_all)
        rows[control] = with_all - nanoseconds(left)
    return {"ns_with_all": float(np.median(everything)), "ns_saved_without": rows}


def clock_cost_ns() -> float:
    scratch = np.zeros(2, np.int64)
    times = np.zeros(1001, np.int64)
    for i in range(len(times)):
        times[i] = _clock_pair(scratch)
    return float(np.median(times[1:]))


@jit
def _clock_pair(scratch: np.ndarray) -> int:
    before = clock_ns(CLOCK_MONOTONIC, scratch)
    return clock_ns(CLOCK_MONOTONIC, scratch) - before


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--workload", choices=sorted(WORKLOADS), action="append", help="only this one (repeatable)"
    )
    parser.add_argument(
        "--controls",
        choices=("all", "none"),
        default="all",
        help="none: only accounts and clearing, without fees",
    )
    parser.add_argument(
        "--profile",
        action="store_true",
        help="also with each control switched off: what it costs (takes minutes)",
    )
    parser.add_argument("--scale", type=float, default=1.0, help="multiplies the commands measured")


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """The figures of the chosen workloads, and the bare ladder in the same process."""
    names = arguments.workload or list(WORKLOADS)
    limit = ladder_limit.commands_per_s()
    workloads = {}
    controls = funding.CONTROLS if arguments.controls == "all" else ()
    result: dict[str, Any] = {}
    for name in names:
        workload = WORKLOADS[name]
        scaled = workload._replace(commands=max(int(workload.commands * arguments.scale), 10_000))
        workloads[name] = measure(name, scaled, controls)
        if controls:
            bare = measure(name, scaled, (), timed=False)
            result.setdefault("without_controls", {})[name] = bare
        if arguments.profile:
            result.setdefault("profile", {})[name] = profile(name, scaled)
    return {
        "workloads": workloads,
        **result,
        "limit": {
            "bare_ladder_commands_per_s": max(limit, ladder_limit.commands_per_s()),
            "clock_ns": clock_cost_ns(),
        },
        "method": "in process, calls of 1,024 commands; ns: a clock reading after every command",
    }
