"""Stops beyond what a short case shows: long cascades, the pending queue, full pools.

The readable cases are in ``tests/model/cases/stops.py``.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from exchange.codes import (
    CancelReason,
    CommandKind,
    EventKind,
    InstrumentState,
    Parameter,
    Reject,
)
from exchange.core import pipeline
from exchange.core.counters import COUNTER_WORDS, HISTOGRAM_SECTION_WORDS
from exchange.engine.invariants.check import check_state
from exchange.engine.orders.triggers import STEPS
from exchange.engine.sequencer import MatcherAgent, timer_second
from exchange.engine.state.layout import (
    INSTRUMENT_PENDING_NEXT,
    INSTRUMENT_WORDS,
    NEXT_DEADLINE_SECOND,
    NEXT_EXPIRY_SECOND,
    PENDING_HEAD,
    PENDING_TAIL,
    WAITING_ORDERS,
    EngineState,
)
from exchange.engine.state.snapshot import read_snapshot, write_snapshot
from exchange.records import COMMAND, EVENT
from tests.harness.small_engine import (
    SMALL,
    Exchange,
    administer,
    cancel,
    command,
    enter,
    opened,
    opening,
    parameter,
    replace,
)

ROOMY = SMALL._replace(orders=1024, leaves=256, nodes=256, tokens=4096)
BUY, SELL = 0, 1
STOP_LIMIT = 3
SECOND_NS = 1_000_000_000


def stop(token: str, side: int, price: int, stop_price: int, **fields: int) -> np.ndarray:
    return enter(token, side, 10, price, order_type=STOP_LIMIT, stop_price=stop_price, **fields)


def trade(token: str, price: int, number: int = 1) -> np.ndarray:
    """Two orders that trade 10 at ``price``."""
    return np.concatenate(
        [
            enter(f"{token}m", SELL, 10, price, instrument=number),
            enter(f"{token}t", BUY, 10, price, instrument=number, session=2),
        ]
    )


def state_of(
    state: InstrumentState, number: int = 1, until_ns: int = 0, timestamp_ns: int = 0
) -> np.ndarray:
    return administer(
        CommandKind.INSTRUMENT_STATE,
        terms={"parameter": state, "value_0": until_ns},
        instrument=number,
        timestamp_ns=timestamp_ns,
    )


def triggered(events: np.ndarray) -> np.ndarray:
    found: np.ndarray = events[events["kind"] == EventKind.TRIGGERED]
    return found


def queue(state: EngineState) -> list[int]:
    """The instruments in the pending queue; checks its links."""
    found, instrument = [], int(state.scalars[PENDING_HEAD])
    rows = state.instruments.reshape(-1, INSTRUMENT_WORDS)
    while instrument:
        found.append(instrument)
        assert len(found) <= len(rows)
        assert rows[instrument, INSTRUMENT_PENDING_NEXT] >> 32 == 1
        instrument = int(rows[instrument, INSTRUMENT_PENDING_NEXT]) & 0xFFFF_FFFF
    assert int(state.scalars[PENDING_TAIL]) == (found[-1] if found else 0)
    others = np.setdiff1d(np.arange(len(rows)), found)
    assert not rows[others, INSTRUMENT_PENDING_NEXT].any()
    return found


def with_due_stops(count: int, instruments: int = 1) -> Exchange:
    """``count`` buy stops at 100 on each instrument, the last price 99."""
    exchange = opened(ROOMY, instruments)
    for number in range(1, instruments + 1):
        exchange.run(trade(f"p{number}", 99, number))
        for i in range(count):
            exchange.run(stop(f"s{number}.{i}", BUY, 50, 100, instrument=number))
    return exchange


OTHER_COMMANDS = {
    "an order": enter("x", BUY, 10, 40),
    "a rejected order": enter("x", BUY, 0, 40),
    "an order of no session": enter("x", BUY, 10, 40, session=7),
    "a cancel of nothing": cancel("nothing"),
    "a replace of nothing": replace("nothing", "new", 10, 40),
    "a timer": command(CommandKind.TIMER),
    "a disconnect": command(CommandKind.DISCONNECT, session=1),
    "a client's mass cancel of nothing": command(CommandKind.MASS_CANCEL, session=2, side=BUY),
    "an operator's parameter": parameter(Parameter.COLLAR, 5, instrument=1),
    "a refused parameter": parameter(Parameter.COLLAR, -5, instrument=1),
    "a command of an unknown kind": command(99),
    "an unknown long command": administer(CommandKind(23)),
}


@pytest.mark.parametrize("name", OTHER_COMMANDS)
def test_a_long_cascade_goes_on_at_the_end_of_any_next_command(name: str) -> None:
    exchange = with_due_stops(STEPS + 5)
    first = triggered(exchange.run(trade("go", 100)))
    assert len(first) == STEPS
    assert queue(exchange.state) == [1]
    assert timer_second(exchange.state.scalars) == 1
    rest = exchange.run(OTHER_COMMANDS[name])
    assert len(triggered(rest)) == 5
    # in order of entry over both commands, and each with the command it came with
    ids = np.append(first["order_id"], triggered(rest)["order_id"])
    assert (np.diff(ids) > 0).all()
    assert len(np.unique(triggered(rest)["command_sequence"])) == 1
    assert queue(exchange.state) == []
    assert timer_second(exchange.state.scalars) == 0
    assert exchange.state.scalars[WAITING_ORDERS] == 0
    check_state(exchange.state)


def test_a_cascade_that_feeds_itself_is_cut_in_commands() -> None:
    """Each stop buys what lies one tick higher and makes the next one due: 200 in a row."""
    exchange = opened(ROOMY)
    for i in range(201):
        exchange.run(enter(f"a{i}", SELL, 10, 100 + i))
    for i in range(200):
        exchange.run(stop(f"s{i}", BUY, 101 + i, 100 + i, session=2))
    counts = [len(triggered(exchange.run(enter("go", BUY, 10, 100))))]
    while queue(exchange.state):
        events = exchange.run(command(CommandKind.TIMER))
        assert int((events["kind"] == EventKind.TRADE).sum()) == len(triggered(events))
        counts.append(len(triggered(events)))
    assert counts == [64, 64, 64, 8]
    check_state(exchange.state)


def test_the_first_instrument_finishes_before_the_next_begins() -> None:
    exchange = with_due_stops(40, instruments=3)
    seen = []
    for number in (2, 3, 1):
        seen += triggered(exchange.run(trade(f"go{number}", 100, number)))["instrument"].tolist()
    assert seen == [2] * 40 + [3] * 40 + [1] * 40


def test_when_the_market_opens_instruments_queue_by_id() -> None:
    exchange = with_due_stops(40, instruments=3)
    for number in (3, 2, 1):
        exchange.run(state_of(InstrumentState.AUCTION, number))
        exchange.run(trade(f"go{number}", 100, number))
    exchange.run(state_of(InstrumentState.CANCEL_ONLY, 0))
    for number in (3, 2, 1):
        auction = exchange.run(state_of(InstrumentState.OPEN, number))
        assert (auction["kind"] == EventKind.TRADE).any()
        assert queue(exchange.state) == []
    first = triggered(exchange.run(state_of(InstrumentState.OPEN, 0)))
    assert first["instrument"].tolist() == [1] * 40 + [2] * 24
    assert queue(exchange.state) == [2, 3]
    second = triggered(exchange.run(command(CommandKind.TIMER)))
    assert second["instrument"].tolist() == [2] * 16 + [3] * 40
    assert queue(exchange.state) == []
    check_state(exchange.state)


def test_what_becomes_due_on_another_instrument_queues_behind() -> None:
    exchange = with_due_stops(100, instruments=2)
    first = triggered(exchange.run(trade("go2", 100, 2)))
    assert len(first) == STEPS
    assert queue(exchange.state) == [2]
    # the maker alone changes nothing; the trade lets instrument 1 join behind 2
    second = triggered(exchange.run(enter("m", SELL, 10, 100)))
    assert second["instrument"].tolist() == [2] * 36
    # the 64 steps were not used up, so 2 has left the queue
    assert queue(exchange.state) == []
    third = triggered(exchange.run(enter("t", BUY, 10, 100, session=2)))
    assert third["instrument"].tolist() == [1] * STEPS
    fourth = triggered(exchange.run(command(CommandKind.TIMER)))
    assert fourth["instrument"].tolist() == [1] * 36


def test_after_the_last_step_nothing_leaves_the_queue() -> None:
    """64 due stops are 64 steps: their instrument leaves the queue with the next command."""
    exchange = with_due_stops(STEPS)
    assert len(triggered(exchange.run(trade("go", 100)))) == STEPS
    assert queue(exchange.state) == [1]
    assert len(exchange.run(command(CommandKind.TIMER))) == 0
    assert queue(exchange.state) == []


def test_an_instrument_that_is_halted_in_its_cascade_goes_on_when_it_opens() -> None:
    exchange = with_due_stops(70)
    exchange.run(trade("go", 100))
    halted = exchange.run(
        state_of(InstrumentState.HALTED, until_ns=5 * SECOND_NS, timestamp_ns=SECOND_NS)
    )
    assert len(triggered(halted)) == 0
    assert queue(exchange.state) == []
    assert timer_second(exchange.state.scalars) == 5
    opening_events = exchange.run(command(CommandKind.TIMER, timestamp_ns=5 * SECOND_NS))
    assert opening_events["kind"][0] == EventKind.STATE_CHANGED
    assert len(triggered(opening_events)) == 6
    check_state(exchange.state)


def test_the_end_of_the_day_leaves_nothing_to_trigger() -> None:
    exchange = with_due_stops(100)
    exchange.run(trade("go", 100))
    assert queue(exchange.state) == [1]
    events = exchange.run(command(CommandKind.END_OF_DAY))
    assert len(triggered(events)) == 0
    # 36 that waited and 64 that rest
    assert int((events["kind"] == EventKind.CANCELED).sum()) == 100
    assert queue(exchange.state) == []
    assert exchange.state.scalars[WAITING_ORDERS] == 0
    check_state(exchange.state)


def test_cancelling_the_due_stops_empties_the_queue() -> None:
    exchange = with_due_stops(70)
    exchange.run(trade("go", 100))
    events = exchange.run(command(CommandKind.MASS_CANCEL, session=1, side=255))
    assert int((events["kind"] == EventKind.CANCELED).sum()) == 70
    assert len(triggered(events)) == 0
    assert queue(exchange.state) == []


def test_a_stop_needs_a_level_block_for_its_stop_price() -> None:
    exchange = opened(SMALL._replace(leaves=1))
    exchange.run(stop("a", BUY, 50, 100))
    # the block of the stop prices 64..127 is the only one there is
    rejected = exchange.run(stop("b", BUY, 50, 200))
    assert rejected["reason"].tolist() == [Reject.LEVEL_POOL_FULL]
    fits = exchange.run(stop("c", BUY, 50, 101))
    assert fits["kind"].tolist() == [EventKind.ACCEPTED, EventKind.TERMS]
    check_state(exchange.state)


def test_a_triggered_stop_without_a_level_block_is_cancelled_by_the_system() -> None:
    exchange = opened(SMALL._replace(leaves=3))
    exchange.run(enter("x", SELL, 20, 200))
    exchange.run(enter("y", SELL, 10, 500))
    exchange.run(stop("a", BUY, 40, 200))
    exchange.run(stop("b", BUY, 40, 201))  # keeps the block of the stop prices
    events = exchange.run(enter("z", BUY, 10, 200, session=2, time_in_force=0))
    assert events["kind"].tolist() == [
        EventKind.ACCEPTED,
        EventKind.TRADE,
        EventKind.TRIGGERED,
        EventKind.CANCELED,
    ]
    assert events["reason"][3] == CancelReason.SYSTEM
    assert events["quantity"][3] == 10
    check_state(exchange.state)
    # one that trades whole needs no block
    events = exchange.run(stop("c", BUY, 200, 200))
    assert events["kind"].tolist() == [
        EventKind.ACCEPTED,
        EventKind.TERMS,
        EventKind.TRIGGERED,
        EventKind.TRADE,
    ]


def test_the_second_for_the_timer_is_the_earliest_of_all_reasons() -> None:
    scalars = np.zeros(128, np.int64)
    assert timer_second(scalars) == 0
    scalars[NEXT_EXPIRY_SECOND] = 20
    assert timer_second(scalars) == 20
    scalars[NEXT_DEADLINE_SECOND] = 30
    assert timer_second(scalars) == 20
    scalars[NEXT_DEADLINE_SECOND] = 10
    assert timer_second(scalars) == 10
    scalars[NEXT_EXPIRY_SECOND] = 0
    assert timer_second(scalars) == 10
    scalars[PENDING_HEAD] = 3
    assert timer_second(scalars) == 1


def test_a_snapshot_in_the_middle_of_a_cascade_goes_on_in_the_same_way(tmp_path: Path) -> None:
    exchange = with_due_stops(80, instruments=2)
    exchange.run(parameter(Parameter.BREAKER, 50_000, 60, 30, instrument=1))
    exchange.run(parameter(Parameter.REVIEW_VALUE, 2_000, instrument=1))
    held = int(exchange.run(enter("h", BUY, 50, 104, session=2))["order_id"][0])
    exchange.run(trade("go", 100))
    assert queue(exchange.state) == [1]
    restored = Exchange(ROOMY, read_snapshot(write_snapshot(tmp_path, exchange.state)))
    check_state(restored.state)
    assert queue(restored.state) == [1]
    rest = np.concatenate(
        [
            trade("go2", 100, 2),
            enter("x", SELL, 10, 106, session=2),
            administer(CommandKind.REVIEW, price=held, quantity=1),
            enter("y", BUY, 10, 106),  # trips the breaker: 100 was the lowest price
            command(CommandKind.TIMER, timestamp_ns=40 * SECOND_NS),
            command(CommandKind.END_OF_DAY, timestamp_ns=40 * SECOND_NS),
        ]
    )
    events = exchange.run(rest)
    assert restored.run(rest).tobytes() == events.tobytes()
    kinds = events["kind"].tolist()
    assert kinds.count(EventKind.TRIGGERED) == 16 + 80
    assert kinds.count(EventKind.RELEASED) == 1
    assert kinds.count(EventKind.STATE_CHANGED) == 2


@pytest.mark.needs_jit
def test_the_agent_asks_for_timers_until_the_queue_is_empty() -> None:
    cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
    ingress = np.zeros(1024, COMMAND)
    exchange = Exchange(ROOMY)
    exchange.run(opening())
    agent = MatcherAgent(
        exchange.state,
        {pipeline.IngressRing.ORDER_ENTRY: ingress},
        np.zeros(1024, COMMAND),
        np.zeros(4096, EVENT),
        cursors=cursors,
        counters=np.zeros(COUNTER_WORDS, np.int64),
        histograms=np.zeros(HISTOGRAM_SECTION_WORDS, np.int64),
        wakeups=np.full(pipeline.AGENTS, -1, np.int64),
    )
    agent.on_start()
    sent = 0

    def send(slots: np.ndarray) -> int:
        nonlocal sent
        ingress[np.arange(sent, sent + len(slots)) & 1023] = slots
        sent += len(slots)
        cursors[pipeline.ingress_published(pipeline.IngressRing.ORDER_ENTRY)] = sent
        assert agent.do_work(1024) == len(slots)
        scalars = exchange.state.scalars
        # the journaler keeps up
        cursors[pipeline.COMMAND_DURABLE] = cursors[pipeline.COMMAND_PUBLISHED]
        cursors[pipeline.EVENT_RELEASED] = cursors[pipeline.EVENT_PUBLISHED]
        assert int(cursors[pipeline.NEXT_EXPIRY_SECOND]) == timer_second(scalars)
        return int(cursors[pipeline.NEXT_EXPIRY_SECOND])

    cursors[pipeline.COMMAND_DURABLE] = cursors[pipeline.COMMAND_PUBLISHED]
    cursors[pipeline.EVENT_RELEASED] = cursors[pipeline.EVENT_PUBLISHED]
    for i in range(150):
        assert send(stop(f"s{i}", BUY, 50, 100)) == 0
    asked = [send(trade("go", 100))]
    while asked[-1]:
        asked.append(send(command(CommandKind.TIMER)))
    assert asked == [1, 1, 0]


@pytest.mark.needs_jit
def test_an_agent_that_starts_on_a_rebuilt_state_asks_for_a_timer() -> None:
    exchange = with_due_stops(STEPS + 1)
    exchange.run(trade("go", 100))
    cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
    agent = MatcherAgent(
        exchange.state,
        {pipeline.IngressRing.ORDER_ENTRY: np.zeros(8, COMMAND)},
        np.zeros(8, COMMAND),
        np.zeros(8, EVENT),
        cursors=cursors,
        counters=np.zeros(COUNTER_WORDS, np.int64),
        histograms=np.zeros(HISTOGRAM_SECTION_WORDS, np.int64),
        wakeups=np.full(pipeline.AGENTS, -1, np.int64),
    )
    agent.on_start()
    assert cursors[pipeline.NEXT_EXPIRY_SECOND] == 1


def test_a_stop_that_is_cancelled_after_it_traded_counts_what_it_traded() -> None:
    exchange = opened(ROOMY)
    exchange.run(enter("m", SELL, 10, 100))
    exchange.run(enter("n", SELL, 10, 105))
    exchange.run(enter("a", BUY, 30, 110, order_type=STOP_LIMIT, stop_price=100, session=2))
    exchange.run(enter("t", BUY, 10, 100, session=2))
    # 10 of 30 have traded: an intended total of 20 leaves 10
    events = exchange.run(cancel("a", 20, session=2))
    assert events["quantity"].tolist() == [10]
    assert events["remaining"].tolist() == [10]
    assert events["reason"].tolist() == [CancelReason.USER]
