"""The oracle and the generator themselves: what they must be able to do to be worth anything."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

from exchange.codes import CancelReason, EventKind, Reject
from tests.model import naive_book, naive_events, naive_exchange
from tests.model.comparison import compare_seed
from tests.model.generator import EPISODES, Generator
from tests.model.invariants import check
from tests.model.naive_exchange import NaiveExchange
from tests.model.streams import commands_of, run

# A reject that no generated stream can cause: halts are a matter of a later kind of command (the
# number itself comes in through order entry's verdict), level pools are not modelled by the twin.
NOT_GENERATED = {Reject.NONE, Reject.LEVEL_POOL_FULL}


def test_generator_reaches_every_kind_and_reject() -> None:
    seen: set[tuple[int, int]] = set()
    for number, episode in enumerate(EPISODES):
        seen |= set(compare_seed(number, episode, 60_000).seen)
    kinds = {kind for kind, _ in seen}
    assert kinds == {int(kind) for kind in EventKind}
    rejects = {
        reason for kind, reason in seen if kind in (EventKind.REJECTED, EventKind.CONTROL_REJECTED)
    }
    assert rejects == {int(reject) for reject in Reject if reject not in NOT_GENERATED}
    cancels = {reason for kind, reason in seen if kind == EventKind.CANCELED}
    assert cancels == {
        int(reason)
        for reason in (
            CancelReason.USER,
            CancelReason.IMMEDIATE_OR_CANCEL,
            CancelReason.TIMEOUT,
        )
    }


RULES = (naive_exchange, naive_book, naive_events)


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


def test_generator_reaches_every_line_of_the_naive_exchange() -> None:
    """The generator's decay would show as a line of the rules that no command reaches."""
    reached: dict[str, set[int]] = {str(module.__file__): set() for module in RULES}

    def trace(frame: FrameType, event: str, _: object) -> Any:
        lines = reached.get(frame.f_code.co_filename)
        if lines is None:
            return None
        if event == "line":
            lines.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    for number, episode in enumerate(EPISODES[:3]):
        chunks = Generator(number, episode._replace(day_commands=20_000)).chunks(30_000)
        sequence = 0
        sys.settrace(trace)
        try:
            exchange = NaiveExchange(episode.capacities)
            for slots in chunks:
                run(exchange, slots, sequence)
                sequence += len(slots)
        finally:
            sys.settrace(before)
    for path, lines in reached.items():
        missed = sorted(executable_lines(path) - lines)
        assert not missed, f"no command reached lines {missed} of {path}"


def test_invariants_hold_after_every_command() -> None:
    for number, episode in enumerate(EPISODES[:3]):
        exchange = NaiveExchange(episode.capacities)
        sequence = 0
        for slots in Generator(40 + number, episode._replace(day_commands=900)).chunks(2_000, 500):
            for at, command, continuation in commands_of(slots, sequence):
                exchange.apply(at, command, continuation)
                if len(exchange.live) < 60 or at % 16 == 0:
                    check(exchange)
            sequence += len(slots)
