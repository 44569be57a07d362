"""The matcher agent: sequencing, fairness, long commands, back-pressure, counters, latency."""

from __future__ import annotations

import os
import threading
import time

import numpy as np
import pytest

from exchange.codes import FLAG_LONG, CommandKind, EventKind, Reject
from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, HISTOGRAM_SECTION_WORDS, Counter
from exchange.engine.sequencer import MatcherAgent
from exchange.engine.state.create import create_state
from exchange.records import COMMAND, EVENT
from ringbuffer.counters import COUNTER_STRIDE
from tests.harness.small_engine import SMALL, command, enter, opening, replace

pytestmark = pytest.mark.needs_jit


class Bench:
    """An agent over private arrays, with the producers' and the journaler's side by hand."""

    def __init__(self, commands: int = 256, events: int = 1024, ingress: int = 64) -> None:
        self.cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
        self.counters = np.zeros(COUNTER_WORDS, np.int64)
        self.histograms = np.zeros(HISTOGRAM_SECTION_WORDS, np.int64)
        self.ingress = {i: np.zeros(ingress, COMMAND) for i in (0, 1)}
        self.command_ring = np.zeros(commands, COMMAND)
        self.event_ring = np.zeros(events, EVENT)
        self.agent = MatcherAgent(
            create_state(SMALL, 1),
            self.ingress,
            self.command_ring,
            self.event_ring,
            cursors=self.cursors,
            counters=self.counters,
            histograms=self.histograms,
            wakeups=np.full(pipeline.AGENTS, -1, np.int64),
        )
        self.agent.on_start()

    def send(self, ring: int, slots: np.ndarray, publish: int | None = None) -> None:
        at = int(self.cursors[pipeline.ingress_published(ring)])
        for i, slot in enumerate(slots):
            self.ingress[ring][(at + i) & (len(self.ingress[ring]) - 1)] = slot
        count = len(slots) if publish is None else publish
        self.cursors[pipeline.ingress_published(ring)] = at + count

    def release(self) -> None:
        """Everything published so far is durable."""
        self.cursors[pipeline.COMMAND_DURABLE] = self.cursors[pipeline.COMMAND_APPLIED]
        self.cursors[pipeline.EVENT_RELEASED] = self.cursors[pipeline.EVENT_PUBLISHED]

    @property
    def applied(self) -> int:
        return int(self.cursors[pipeline.COMMAND_APPLIED])

    def count(self, counter: Counter) -> int:
        return int(self.counters[counter * COUNTER_STRIDE])

    def events(self) -> np.ndarray:
        end = int(self.cursors[pipeline.EVENT_PUBLISHED])
        return self.event_ring[np.arange(end) & (len(self.event_ring) - 1)]


def started(**sizes: int) -> Bench:
    """A day has started, and everything so far is durable and released."""
    bench = Bench(**sizes)
    slots = opening()
    while len(slots):
        size = 2 if slots["flags"][0] & FLAG_LONG else 1
        bench.send(0, slots[:size])
        assert bench.agent.do_work(64) == size
        slots = slots[size:]
        bench.release()
    return bench


def test_nothing_to_do() -> None:
    bench = Bench()
    assert bench.agent.do_work(64) == 0
    assert bench.count(Counter.MATCHER_HEARTBEAT_NS) > 0


def test_commands_are_stamped_sequenced_applied_and_counted() -> None:
    bench = started()
    before = time.time_ns()
    received = before - 1_000_000
    orders = [enter("a", 0, 10, 100, timestamp_ns=received), enter("b", 1, 10, 100)]
    orders[1]["timestamp_ns"] = received
    bench.send(1, np.concatenate(orders))
    assert bench.agent.do_work(64) == 2
    cursors = bench.cursors
    assert cursors[pipeline.COMMAND_PUBLISHED] == bench.applied == len(opening()) + 2
    assert cursors[pipeline.ingress_consumed(1)] == 2
    slots = bench.command_ring[: bench.applied]
    # the start of the day and the orders; a continuation is not stamped
    assert (np.diff(slots["timestamp_ns"][-3:]) >= 0).all()
    assert before <= slots["timestamp_ns"][-1] <= time.time_ns()
    kinds = [EventKind(k).name for k in bench.events()["kind"][-3:]]
    assert kinds == ["ACCEPTED", "ACCEPTED", "TRADE"]
    assert bench.count(Counter.COMMANDS_ENTER) == 2
    assert bench.count(Counter.COMMANDS_INSTRUMENT) == 1
    assert bench.count(Counter.TRADES) == 1
    continuations = np.count_nonzero(opening()["flags"] & FLAG_LONG)
    assert bench.histograms[0] == bench.applied - continuations
    assert bench.histograms[3] >= 1_000_000


def test_every_kind_has_its_counter() -> None:
    bench = started()
    at_first = bench.count(Counter.COMMANDS_ACCOUNT)
    for kind in CommandKind:
        counter = Counter[f"COMMANDS_{kind.name}"]
        before = bench.count(counter)
        bench.send(0, command(kind, session=7))
        assert bench.agent.do_work(64) == 1
        assert bench.count(counter) == before + 1
        bench.release()
    assert bench.count(Counter.COMMANDS_ACCOUNT) == at_first + 1
    assert bench.count(Counter.COMMANDS_OTHER) == 0


def test_an_unknown_kind_is_a_control_reject() -> None:
    bench = started()
    bench.send(1, command(200, session=3, instrument=9))
    assert bench.agent.do_work(64) == 1
    event = bench.events()[-1]
    assert (event["kind"], event["reason"]) == (EventKind.CONTROL_REJECTED, Reject.UNKNOWN_COMMAND)
    assert (event["session"], event["instrument"]) == (3, 9)
    assert bench.count(Counter.COMMANDS_OTHER) == 1
    assert bench.count(Counter.REJECTS) == 1


def test_a_long_command_waits_for_its_second_slot() -> None:
    bench = started()
    bench.send(1, enter("a", 0, 10, 100))
    bench.send(1, replace("a", "b", 20, 101), publish=1)
    assert bench.agent.do_work(64) == 1
    assert bench.agent.do_work(64) == 0
    bench.cursors[pipeline.ingress_published(1)] += 1
    assert bench.agent.do_work(64) == 2
    assert [EventKind(k).name for k in bench.events()["kind"][-2:]] == ["REMOVED", "REPLACED"]


def test_a_long_command_is_not_split_by_the_limit() -> None:
    bench = started()
    bench.send(1, np.concatenate([enter("a", 0, 10, 100), replace("a", "b", 20, 101)]))
    assert bench.agent.do_work(2) == 1
    assert bench.agent.do_work(2) == 2


def test_rings_are_served_in_turns() -> None:
    bench = started()
    timers = np.concatenate([command(CommandKind.TIMER)] * 8)
    orders = np.concatenate([enter(f"t{i}", 0, 1, 100) for i in range(8)])
    bench.send(0, timers)
    bench.send(1, orders)
    consumed = int(bench.cursors[pipeline.ingress_consumed(0)])
    for done in (2, 4, 6, 8):
        assert bench.agent.do_work(2) == 4
        for ring, before in ((0, consumed), (1, 0)):
            assert bench.cursors[pipeline.ingress_consumed(ring)] == before + done


def test_a_full_command_ring_holds_the_matcher_back() -> None:
    bench = started(commands=8)
    bench.send(1, np.concatenate([enter(f"t{i}", 0, 1, 100) for i in range(12)]))
    assert bench.agent.do_work(64) == 8
    assert bench.agent.do_work(64) == 0
    bench.release()
    assert bench.agent.do_work(64) == 4
    assert bench.applied == len(opening()) + 12


def test_a_producer_that_filled_its_ring_is_woken() -> None:
    bench = started(ingress=8)
    eventfd = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        bench.agent._sequencer.wakeups[pipeline.AGENT_ORDER_ENTRY] = eventfd
        flag = pipeline.sleeping(pipeline.AGENT_ORDER_ENTRY)
        bench.cursors[flag] = 1
        bench.send(1, enter("a", 0, 1, 100))
        bench.agent.do_work(64)
        assert bench.cursors[flag] == 1
        bench.send(1, np.concatenate([enter(f"t{i}", 0, 1, 100) for i in range(8)]))
        bench.agent.do_work(64)
        assert bench.cursors[flag] == 0
        assert os.eventfd_read(eventfd) == 1
    finally:
        os.close(eventfd)


def test_stop_ends_the_wait_for_a_full_event_ring() -> None:
    bench = started(events=8)
    first_event = int(bench.cursors[pipeline.EVENT_PUBLISHED])
    bench.send(1, np.concatenate([enter(f"t{i}", 0, 1, 100) for i in range(12)]))
    bench.cursors[pipeline.STOP] = 1
    assert bench.agent.do_work(64) == 0
    assert bench.agent.do_work(64) == 0
    # what was not released was not overwritten, and only whole written events are published
    assert bench.cursors[pipeline.EVENT_PUBLISHED] == first_event + 7
    assert (bench.events()["sequence"][-7:] == first_event + np.arange(7)).all()
    assert bench.applied == len(opening())


def test_the_event_ring_fills_in_the_middle_of_one_command() -> None:
    bench = started(events=16)
    bench.cursors[pipeline.COMMAND_DURABLE] = 1 << 40
    collected: list[bytes] = []
    done = threading.Event()

    def drain() -> None:
        """The journaler's side: takes events out a few at a time."""
        released = int(bench.cursors[pipeline.EVENT_RELEASED])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            finished = done.is_set()
            published = int(bench.cursors[pipeline.EVENT_PUBLISHED])
            while released < published:
                collected.append(bench.event_ring[released & 15].tobytes())
                released += 1
                bench.cursors[pipeline.EVENT_RELEASED] = released
            if finished:
                return

    reader = threading.Thread(target=drain)
    reader.start()
    try:
        bench.send(1, np.concatenate([enter(f"t{i}", 1, 1, 100 + i) for i in range(40)]))
        for _ in range(4):
            bench.agent.do_work(64)
        bench.send(1, enter("sweep", 0, 100, 1000))
        assert bench.agent.do_work(64) == 1
    finally:
        done.set()
        reader.join(60)
    events = np.frombuffer(b"".join(collected), EVENT)
    assert (np.diff(events["sequence"]) == 1).all()
    assert (events["kind"] == EventKind.TRADE).sum() == 40
    assert events["kind"][-1] == EventKind.RESTED
    assert bench.count(Counter.MATCHER_WAITS) > 0


def test_capacities_are_checked() -> None:
    with pytest.raises(ValueError, match="powers of two"):
        Bench(commands=100)


def test_flag_long_is_the_only_flag_of_commands() -> None:
    assert FLAG_LONG == 1
