"""Shared by benchmarks of one large command: a funded exchange full of orders, and the limit.

The command is applied again and again to copies of one prepared state. The limit, measured in the
same run: a bare pass over the words of all order slots, and bare writing of as many events as the
command emits into a ring of the same size. No engine that looks at its orders and reports them can
be faster.
"""

from __future__ import annotations

import time
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import FLAG_LONG, CommandKind, Parameter
from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.engine.invariants.check import check_state
from exchange.engine.matcher import apply_commands
from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import EngineState
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import (
    ADMIN_CONTINUATION,
    COMMAND,
    COMMAND_SIZE_BYTES,
    COMMAND_TOKEN_0,
    EVENT,
    INSTRUMENT_CONTINUATION,
    TOKEN_BYTES,
)
from ringbuffer.jit import jit
from ringbuffer.prefault import prefault
from scripts.benchmarks.result import check

SESSIONS = 64
FEE_ACCOUNT = 100
EVENT_RING = 1 << 19
MONEY = 1 << 50
STOCK = 1 << 30
CAPACITY = EngineCapacity(
    instruments=128, sessions=128, orders=1 << 18, tokens=1 << 19, accounts=128, positions=1 << 15
)


class Runner:
    """A state with a ring of commands and a ring of events."""

    def __init__(self, state: EngineState) -> None:
        self.state = state
        self.events = np.zeros(EVENT_RING, EVENT)
        prefault(self.events)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.wakeups = np.full(pipeline.AGENTS, -1, np.int64)
        self.ring = np.zeros(1 << 18, COMMAND)

    def apply(self, slots: np.ndarray) -> tuple[np.ndarray, float]:
        """The events of ``slots``, and the seconds that applying them took."""
        s = self.state.scalars
        first, before = int(s[layout.NEXT_COMMAND]), int(s[layout.NEXT_EVENT])
        self.ring[np.arange(first, first + len(slots)) & (len(self.ring) - 1)] = slots
        self.cursors[pipeline.EVENT_RELEASED] = before + EVENT_RING
        rings = Rings(self.ring, self.events, before, self.cursors, self.wakeups, make_links())
        start = time.perf_counter()
        apply_commands(self.state, rings, first, first + len(slots))
        taken_s = time.perf_counter() - start
        return self.events[: int(s[layout.NEXT_EVENT]) - before], taken_s


def command(kind: CommandKind, **fields: int) -> np.ndarray:
    """An operator's command; fields of the continuation too."""
    slots = np.zeros(2, COMMAND)
    slots["kind"][0] = kind
    slots["flags"][0] = FLAG_LONG
    continuation = slots[1:].view(ADMIN_CONTINUATION)
    for name, value in fields.items():
        if name in (ADMIN_CONTINUATION.names or ()):
            continuation[name] = value
        else:
            slots[name][0] = value
    return slots


def _session(session: int) -> np.ndarray:
    slot = np.zeros(1, COMMAND)
    slot["kind"], slot["session"], slot["quantity"] = CommandKind.SESSION, session, session
    return slot


def _instrument(instrument: int) -> np.ndarray:
    slots = np.zeros(2, COMMAND)
    slots["kind"][0], slots["flags"][0] = CommandKind.INSTRUMENT, FLAG_LONG
    slots["instrument"][0], slots["price"][0], slots["quantity"][0] = instrument, 1, 1
    slots["display"][0] = 2
    continuation = slots[1:].view(INSTRUMENT_CONTINUATION)
    continuation["minimum_price"], continuation["maximum_price"] = 1, 1_000_000_000
    continuation["maximum_quantity"], continuation["currency"] = 1_000_000, 1
    return slots


def opening(instruments: int) -> np.ndarray:
    """An account for each session with money and stock, instruments with fees, an open day."""
    parts = [command(CommandKind.ACCOUNT, account=FEE_ACCOUNT)]
    parts.append(command(CommandKind.CURRENCY, currency=1, value_1=2, account=FEE_ACCOUNT))
    parts.append(command(CommandKind.PARAMETER, parameter=Parameter.FEES, value_0=-50, value_1=150))
    parts += [_instrument(number) for number in range(1, instruments + 1)]
    for number in range(1, SESSIONS + 1):
        parts.append(command(CommandKind.ACCOUNT, account=number))
        parts.append(_session(number))
        parts.append(command(CommandKind.DEPOSIT, account=number, currency=1, quantity=MONEY))
        parts += [
            command(
                CommandKind.DEPOSIT, account=number, instrument=i, quantity=STOCK // 64, price=1
            )
            for i in range(1, instruments + 1)
        ]
    start = np.zeros(1, COMMAND)
    start["kind"], start["price"] = CommandKind.START_OF_DAY, 20260101
    return np.concatenate([*parts, start])


def orders(first: int, side: np.ndarray, price: np.ndarray, quantity: np.ndarray) -> np.ndarray:
    """Plain limit orders for the day, their tokens numbered from ``first`` on; instrument 1."""
    made = np.zeros(len(side), COMMAND)
    numbers = np.arange(first, first + len(side))
    made["kind"] = CommandKind.ENTER
    made["instrument"] = 1
    made["session"] = numbers % SESSIONS + 1
    made["side"], made["price"], made["quantity"] = side, price, quantity
    made["time_in_force"] = 99_998
    made["display"], made["capacity"] = ord("Y"), ord("A")
    made["cross_type"] = made["intermarket_sweep"] = ord("N")
    digits = (numbers[:, None] // 10 ** np.arange(13, -1, -1)) % 10 + 48
    octets = made.view(np.uint8).reshape(-1, COMMAND_SIZE_BYTES)
    octets[:, COMMAND_TOKEN_0.offset :][:, :TOKEN_BYTES] = digits
    return made


def new_runner() -> Runner:
    return Runner(create_state(CAPACITY, 1))


def copy_state(state: EngineState) -> EngineState:
    return EngineState(*(array.copy() for array in state))


class Measured(NamedTuple):
    """``best_ms``, ``worst_ms`` of the repeats; the events of the last one, the state after it."""

    best_ms: float
    worst_ms: float
    events: np.ndarray
    state: EngineState


def measure(prepared: EngineState, slots: np.ndarray, repeats: int) -> Measured:
    """Apply ``slots`` to ``repeats`` copies of ``prepared``; all must give the same events."""
    times, digests = [], set()
    for _ in range(repeats):
        runner = Runner(copy_state(prepared))
        events, taken_s = runner.apply(slots)
        times.append(taken_s * 1e3)
        digests.add(chain_digest(runner.state))
    check(len(digests) == 1, "runs from one state gave other events")
    check_state(runner.state)
    return Measured(min(times), max(times), events, runner.state)


@jit
def _sum_words(words: np.ndarray) -> int:
    total = 0
    for i in range(len(words)):
        total += words[i]
    return total


@jit
def _write_words(words: np.ndarray, count: int) -> None:
    for i in range(count):
        words[i] = i


def limit_ms(state: EngineState, events: int) -> dict[str, float]:
    """The bare passes: over the order slots in use, and writing ``events`` events."""
    used = state.orders[: (int(state.scalars[layout.ORDER_HIGH]) + 1) * layout.ORDER_WORDS]
    ring = np.zeros(EVENT_RING * (EVENT.itemsize // 8), np.int64)
    prefault(ring)
    best = {"order_pass_ms": float("inf"), "event_writing_ms": float("inf")}
    calls: tuple[tuple[str, Any], ...] = (
        ("order_pass_ms", lambda: _sum_words(used)),
        ("event_writing_ms", lambda: _write_words(ring, events * (EVENT.itemsize // 8))),
    )
    for name, call in calls:
        call()
        for _ in range(5):
            start = time.perf_counter()
            call()
            best[name] = min(best[name], (time.perf_counter() - start) * 1e3)
    return best
