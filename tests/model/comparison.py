"""The same commands through the naive exchange and through the matcher, every event compared.

Events are compared as bytes, so a field that one side leaves unset is a difference too. The first
one found is told in words: seed, command, both events.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

import numpy as np

from exchange.codes import EventKind, Parameter
from exchange.commands import set_parameter
from exchange.core import pipeline
from exchange.core.capacity import EngineCapacity
from exchange.engine.invariants.check import check_state
from exchange.engine.matcher import apply_commands
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import NEXT_COMMAND, NEXT_EVENT
from exchange.engine.state.pointers import Rings, make_links
from exchange.records import COMMAND, EVENT, EVENT_SIZE_BYTES
from tests.model.generators.orders import EPISODES, Episode, Generator
from tests.model.generators.streams import as_events, command_fields, commands_of, event_fields, run
from tests.model.invariants import check, check_changes
from tests.model.naive.command import Capacities
from tests.model.naive.exchange import NaiveExchange

UNGATED = 1 << 62
SLOTS_BETWEEN_CHECKS = 1 << 14
RING_SLOTS = 1 << 15
NO_WAKEUPS = -1  # eventfd of an agent that does not exist


class Matcher:
    """The engine in process, fed with slices of a command ring as a replay feeds it."""

    def __init__(self, capacities: Capacities, ring_slots: int = RING_SLOTS) -> None:
        # The twin does not model the level pools: give every order a level of its own.
        self.state = create_state(
            EngineCapacity(
                instruments=capacities.instruments,
                sessions=capacities.sessions,
                orders=capacities.orders,
                leaves=capacities.orders + 64,
                nodes=4 * capacities.orders + 256,
                tokens=capacities.tokens,
                accounts=capacities.accounts,
                positions=capacities.positions,
            )
        )
        self.ring = np.zeros(ring_slots, COMMAND)
        size = 1 << (capacities.orders + 8 * ring_slots).bit_length()
        self.events = np.zeros(size, EVENT)
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.cursors[pipeline.EVENT_RELEASED] = UNGATED
        self.wakeups = np.full(pipeline.AGENTS, NO_WAKEUPS, np.int64)

    def run(self, slots: np.ndarray, batch_slots: int | None = None) -> bytes:
        """Apply all commands of ``slots``, at most ``batch_slots`` at a time; the events' bytes."""
        limit = min(batch_slots or len(self.ring), len(self.ring))
        ends = batch_ends(slots, limit)
        out, start = [], 0
        for end in ends:
            out.append(self._run_batch(slots[start:end]))
            start = end
        return b"".join(out)

    def _run_batch(self, slots: np.ndarray) -> bytes:
        first = int(self.state.scalars[NEXT_COMMAND])
        event_base = int(self.state.scalars[NEXT_EVENT])
        where = np.arange(first, first + len(slots)) & (len(self.ring) - 1)
        self.ring[where] = slots
        rings = Rings(self.ring, self.events, event_base, self.cursors, self.wakeups, make_links())
        apply_commands(self.state, rings, first, first + len(slots))
        assert int(self.state.scalars[NEXT_COMMAND]) == first + len(slots)
        count = int(self.state.scalars[NEXT_EVENT]) - event_base
        return self.events[:count].tobytes()


def batch_ends(slots: np.ndarray, limit: int) -> list[int]:
    """Where to cut ``slots``: no part longer than ``limit``, no long command cut in two."""
    ends, start, position = [], 0, 0
    for sequence, _, continuation in commands_of(slots, 0):
        size = 1 if continuation is None else 2
        if sequence + size - start > max(limit, 2):
            ends.append(position)
            start = position
        position = sequence + size
    if position > start:
        ends.append(position)
    return ends


class Difference(AssertionError):
    """The naive exchange and the matcher do not agree."""


class Comparison:
    """One stream through both. ``capacities`` bound both alike."""

    def __init__(self, capacities: Capacities, label: str) -> None:
        self.label = label
        self.naive = NaiveExchange(capacities)
        self.matcher = Matcher(capacities)
        self.next_sequence = 0
        self.next_check = 0
        self.commands = 0
        self.events = 0
        self.seen: Counter[tuple[int, int]] = Counter()  # (event kind, reason)

    def feed(self, slots: np.ndarray) -> bytes:
        """Apply ``slots`` to both; raises Difference at the first event that differs.

        Both conservation laws are checked after every command in the naive exchange, and from time
        to time recomputed from all that lives, there and in the matcher.
        """
        expected = run(self.naive, slots, self.next_sequence, check_changes)
        actual = self.matcher.run(slots)
        if expected != actual:
            raise Difference(self.describe(slots, expected, actual))
        self.next_sequence += len(slots)
        if self.next_sequence >= self.next_check:
            self.next_check = self.next_sequence + SLOTS_BETWEEN_CHECKS
            check(self.naive)
            check_state(self.matcher.state)
        events = as_events(expected)
        self.events += len(events)
        codes = events["kind"].astype(np.int64) << 8 | events["reason"]
        for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
            self.seen[int(code) >> 8, int(code) & 255] += int(count)
        return expected

    def describe(self, slots: np.ndarray, expected: bytes, actual: bytes) -> str:
        """The first difference in words."""
        ours, theirs = as_events(expected), as_events(actual)
        common = min(len(ours), len(theirs))
        index = next(
            (
                i
                for i in range(common)
                if expected[i * EVENT_SIZE_BYTES : (i + 1) * EVENT_SIZE_BYTES]
                != actual[i * EVENT_SIZE_BYTES : (i + 1) * EVENT_SIZE_BYTES]
            ),
            common,
        )
        one = ours[index] if index < len(ours) else None
        two = theirs[index] if index < len(theirs) else None
        sequence = min(int(e["command_sequence"]) for e in (one, two) if e is not None)
        lines = [f"{self.label}: the naive exchange and the matcher differ"]
        first = self.next_sequence
        for number, (position, _, continuation) in enumerate(commands_of(slots, first)):
            if position == sequence:
                size = 1 if continuation is None else 2
                command = command_fields(slots[position - first : position - first + size])
                lines.append(f"command {sequence} (number {number} of this batch): {command}")
        for name, event, of in (("naive  ", one, ours), ("matcher", two, theirs)):
            text = event_fields(event) if event is not None else f"nothing ({len(of)} events)"
            lines.append(f"{name}: {text}")
        if one is not None and two is not None:
            a, b = event_fields(one), event_fields(two)
            names = [name for name in {**a, **b} if a.get(name) != b.get(name)]
            lines.append(f"fields that differ: {names or 'bytes that belong to no field'}")
        return "\n".join(lines)


def compare_stream(capacities: Capacities, chunks: Iterable[np.ndarray], label: str) -> Comparison:
    comparison = Comparison(capacities, label)
    for slots in chunks:
        comparison.feed(slots)
    return comparison


def _with_shares(generator: Generator, chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """``chunks``, with the rules of shares between the first and the second."""
    for number, chunk in enumerate(chunks):
        yield chunk
        if number == 0:
            record = set_parameter(Parameter.SHARES, 0, (1, 0, 0))
            record["timestamp_ns"][0] = generator.now_ns
            generator.next_sequence += len(record)
            yield record


def compare_seed(seed: int, episode: Episode, commands: int, *, shares: bool = False) -> Comparison:
    """``commands`` random commands of ``seed`` from an empty exchange.

    ``shares``: the rules of shares hold from some way into them on.
    """
    label = f"seed {seed}, episode {EPISODES.index(episode)}"
    generator = Generator(seed, episode)
    chunks: Iterable[np.ndarray] = generator.chunks(commands)
    if shares:
        chunks = _with_shares(generator, chunks)
    comparison = compare_stream(episode.capacities, chunks, label)
    comparison.commands = generator.commands
    return comparison


def seen_words(seen: Counter[tuple[int, int]]) -> str:
    return ", ".join(
        f"{EventKind(kind).name}/{reason}: {count:,}"
        for (kind, reason), count in sorted(seen.items())
    )
