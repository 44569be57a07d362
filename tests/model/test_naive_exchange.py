"""The oracle and the generator themselves: what they must be able to do to be worth anything."""

from __future__ import annotations

import sys
from collections import Counter
from types import FrameType
from typing import Any

import numpy as np
import pytest

from exchange.codes import CancelReason, EventKind, OrderType, Reject, StateReason, TradeReason
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, run
from tests.model.invariants import check, check_changes
from tests.model.naive import amend as naive_amend
from tests.model.naive import auction as naive_auction
from tests.model.naive import book as naive_book
from tests.model.naive import breaker as naive_breaker
from tests.model.naive import checks as naive_checks
from tests.model.naive import clearing as naive_clearing
from tests.model.naive import control as naive_control
from tests.model.naive import definitions as naive_definitions
from tests.model.naive import enter as naive_enter
from tests.model.naive import events as naive_events
from tests.model.naive import exchange as naive_exchange
from tests.model.naive import held as naive_held
from tests.model.naive import market as naive_market
from tests.model.naive import mass_cancel as naive_mass_cancel
from tests.model.naive import matching as naive_matching
from tests.model.naive import parameters as naive_parameters
from tests.model.naive import states as naive_states
from tests.model.naive import stops as naive_stops
from tests.model.naive.exchange import NaiveExchange

# What no generated stream can cause: level pools are not modelled by the twin; the reason of a
# prevented self-trade is told by an event of its own.
NOT_GENERATED = {Reject.NONE, Reject.LEVEL_POOL_FULL}
NEVER_USED = {CancelReason.SELF_MATCH}
SEEDS_FOR_EVERY_LINE = 40  # the first few reach most; the rarest lines need some more


def test_generator_reaches_every_kind_and_reject() -> None:
    seen: Counter[tuple[int, int]] = Counter()
    types: set[tuple[int, int]] = set()
    for number, episode in enumerate(EPISODES):
        exchange = NaiveExchange(episode.capacities)
        sequence = 0
        for slots in Generator(number, episode).chunks(60_000):
            events = as_events(run(exchange, slots, sequence, check_changes))
            sequence += len(slots)
            codes = events["kind"].astype(np.int64) << 8 | events["reason"]
            seen.update((code >> 8, code & 255) for code in codes.tolist())
            types |= set(zip(events["kind"].tolist(), events["order_type"].tolist(), strict=True))
    assert {kind for kind, _ in seen} == {int(kind) for kind in EventKind}

    def reasons(*kinds: EventKind) -> set[int]:
        return {reason for kind, reason in seen if kind in kinds}

    rejecting = (EventKind.REJECTED, EventKind.CONTROL_REJECTED, EventKind.CANCEL_REJECTED)
    assert reasons(*rejecting) == set(map(int, Reject)) - NOT_GENERATED
    assert reasons(EventKind.CANCELED) == set(map(int, CancelReason)) - NEVER_USED
    assert reasons(EventKind.TRADE) == set(map(int, TradeReason))
    assert reasons(EventKind.STATE_CHANGED) == set(map(int, StateReason))
    for order_type in OrderType:
        for kind in (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.TRADE, EventKind.CANCELED):
            # what has traded as a maker has rested: a STOP never does
            if (kind, order_type) != (EventKind.TRADE, OrderType.STOP):
                assert (kind, order_type) in types, f"{kind.name} of {order_type.name}"


RULES = (
    naive_amend,
    naive_auction,
    naive_book,
    naive_breaker,
    naive_checks,
    naive_clearing,
    naive_control,
    naive_definitions,
    naive_enter,
    naive_events,
    naive_exchange,
    naive_held,
    naive_market,
    naive_mass_cancel,
    naive_matching,
    naive_parameters,
    naive_states,
    naive_stops,
)


def executable_lines(path: str) -> set[int]:
    """Lines of a file's methods and functions that hold code."""
    found: set[int] = set()

    def walk(code: Any) -> None:
        if code.co_flags & 0x2:  # a function's body, not a module's or a class's
            # the first line is the `def`, which is run when the module is imported
            found.update(line for _, _, line in code.co_lines() if line is not None)
            found.discard(code.co_firstlineno)
        for constant in code.co_consts:
            if hasattr(constant, "co_code"):
                walk(constant)

    with open(path, encoding="utf-8") as source:
        walk(compile(source.read(), path, "exec"))
    return found


def test_generator_reaches_every_line_of_the_naive_exchange(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The generator's decay would show as a line of the rules that no command reaches."""
    # 65,536 keys would take too long here; tests/property/test_machine_keys.py has as many
    monkeypatch.setattr(naive_control, "KEYS_REMEMBERED", 40)
    reached: dict[str, set[int]] = {str(module.__file__): set() for module in RULES}

    unseen: dict[Any, set[int]] = {}  # of each function that has been called

    def trace(frame: FrameType, event: str, _: object) -> Any:
        lines = reached.get(frame.f_code.co_filename)
        if lines is None:
            return None
        left = unseen.get(frame.f_code)
        if left is None:
            left = {line for _, _, line in frame.f_code.co_lines() if line is not None}
            left.discard(frame.f_code.co_firstlineno)
            unseen[frame.f_code] = left
        if event == "line":
            lines.add(frame.f_lineno)
            left.discard(frame.f_lineno)
        return trace if left else None  # a function that is known to its last line runs untraced

    def missed() -> dict[str, list[int]]:
        lines = {path: sorted(executable_lines(path) - seen) for path, seen in reached.items()}
        return {path: numbers for path, numbers in lines.items() if numbers}

    before = sys.gettrace()
    for seed in range(SEEDS_FOR_EVERY_LINE):
        episode = EPISODES[seed % len(EPISODES)]
        chunks = Generator(seed, episode._replace(day_commands=12_000)).chunks(40_000)
        sequence = 0
        sys.settrace(trace)
        try:
            exchange = NaiveExchange(episode.capacities)
            for slots in chunks:
                run(exchange, slots, sequence)
                sequence += len(slots)
        finally:
            sys.settrace(before)
        if not missed():
            break
    assert not missed(), "no command reached these lines"


def test_invariants_hold_after_every_command() -> None:
    for number, episode in enumerate(EPISODES[:3]):
        exchange = NaiveExchange(episode.capacities)
        sequence = 0
        for slots in Generator(40 + number, episode._replace(day_commands=900)).chunks(2_000, 500):
            run(exchange, slots, sequence, check)
            sequence += len(slots)
