"""Stops under random trading, halts and cancels, judged from the events alone.

The machine keeps the simplest possible account of what waits: a list of stops by instrument, the
last price and the state, all told by events. After every command:

- a stop enters the market only when it is due, its instrument and the market are open, and no other
  due stop of its instrument goes before it;
- instruments take turns in the order in which they became pending;
- a command has at most 64 steps, and if it has fewer, nothing that is due is left waiting.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from hypothesis import note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exchange.codes import EventKind, InstrumentState, OrderType
from exchange.engine.invariants.check import check_state
from tests.model.cases.script import PRELUDE, START_NS, Script
from tests.model.comparison import Matcher
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities

STEPS = 64
CAPACITIES = Capacities(instruments=4, sessions=4, orders=2_000, tokens=1 << 14, accounts=12)
INSTRUMENTS = (1, 2, 3)

instruments = st.sampled_from(INSTRUMENTS)
sides = st.sampled_from("BS")
prices = st.integers(90, 110)
quantities = st.sampled_from([10, 10, 20, 50])
sessions = st.sampled_from([1, 2])


class Stop(NamedTuple):
    order_id: int
    instrument: int
    buys: bool
    stop_price: int
    joined: int  # how many had joined before


class Stops(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.script = Script()
        self.matcher = Matcher(CAPACITIES, ring_slots=64)
        self.names = 0
        self.joined = 0
        self.waiting: dict[int, Stop] = {}
        self.last: dict[int, int] = {}
        self.state = dict.fromkeys((0, *INSTRUMENTS), InstrumentState.OPEN)
        self.queue: list[int] = []
        self.open_tokens: list[tuple[int, str]] = []
        self.now = 0.0

    @initialize()
    def open_the_exchange(self) -> None:
        """Funded accounts, and a last price of 100 everywhere."""
        for line in PRELUDE.strip().splitlines():
            self.matcher.run(self.script.slots(line))
        for number in INSTRUMENTS[1:]:
            self.run(f"> instrument {number} tick=1 lot=10 low=2 high=1000 most=5000")
            for account in (1, 2):
                self.run(f"> deposit {account} 1000000 stock={number} price=50")
        for number in INSTRUMENTS:
            self.trade(100, number)

    # what may happen

    @rule(session=sessions, side=sides, quantity=quantities, price=prices, instrument=instruments)
    def order(self, session: int, side: str, quantity: int, price: int, instrument: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price} instrument={instrument}")

    @rule(session=sessions, side=sides, quantity=quantities, instrument=instruments)
    def immediate(self, session: int, side: str, quantity: int, instrument: int) -> None:
        self.enter(session, f"{side} {quantity} market tif=0 instrument={instrument}")

    @rule(
        session=sessions, side=sides, price=prices, stop_price=prices, instrument=instruments,
        terms=st.sampled_from(["", " show=10", " tif=0", " tif=5"]),
    )  # fmt: skip
    def stop_limit(
        self, session: int, side: str, price: int, stop_price: int, instrument: int, terms: str
    ) -> None:
        self.enter(session, f"{side} 20 @ {price} stop={stop_price} instrument={instrument}{terms}")

    @rule(session=sessions, side=sides, stop_price=prices, instrument=instruments)
    def stop_market(self, session: int, side: str, stop_price: int, instrument: int) -> None:
        self.enter(session, f"{side} 10 market stop={stop_price} instrument={instrument}")

    @rule(
        side=sides, away=st.sampled_from([-2, 1, 1, 2]), instrument=instruments,
        count=st.integers(30, 80),
    )  # fmt: skip
    def many_stops(self, side: str, away: int, instrument: int, count: int) -> None:
        """Stops ``away`` ticks from being due, with limits at which little trades."""
        last = self.last.get(instrument, 100)
        stop_price, price = (last + away, 60) if side == "B" else (last - away, 140)
        for _ in range(count):
            self.enter(1, f"{side} 10 @ {price} stop={stop_price} instrument={instrument}")

    @rule(price=prices, instrument=instruments)
    def trade(self, price: int, instrument: int) -> None:
        """A trade at ``price`` unless better orders are in the way."""
        self.enter(1, f"S 10 @ {price} instrument={instrument}")
        self.enter(2, f"B 10 @ {price} instrument={instrument}")

    @precondition(lambda self: self.open_tokens)
    @rule(data=st.data(), total=st.sampled_from([0, 0, 10]))
    def cancel(self, data: st.DataObject, total: int) -> None:
        session, token = data.draw(st.sampled_from(self.open_tokens))
        self.run(f"> {session} cancel {token} {total}")

    @precondition(lambda self: self.open_tokens)
    @rule(data=st.data(), price=prices, stop_price=prices)
    def replace(self, data: st.DataObject, price: int, stop_price: int) -> None:
        session, token = data.draw(st.sampled_from(self.open_tokens))
        self.names += 1
        self.open_tokens.append((session, f"r{self.names}"))
        self.run(f"> {session} replace {token} r{self.names} 20 @ {price} stop={stop_price}")

    @rule(instrument=instruments, state=st.sampled_from([0, 0, 0, 1, 2, 3]))
    def change_state(self, instrument: int, state: int) -> None:
        self.run(f"> state {state} instrument={instrument}")

    @rule(
        state=st.sampled_from(["OPEN", "HALTED", "CANCEL_ONLY"]), side=sides,
        counts=st.lists(st.integers(0, 50), min_size=3, max_size=3),
    )  # fmt: skip
    def all_at_once(self, state: str, side: str, counts: list[int]) -> None:
        """Stops that are due collect in auctions; the market opens after its instruments."""
        for instrument, count in zip(INSTRUMENTS, counts, strict=True):
            self.run(f"> state AUCTION instrument={instrument}")
            self.many_stops(side, -2, instrument, count)
        self.run(f"> state {state}")
        for instrument in reversed(INSTRUMENTS):
            self.run(f"> state OPEN instrument={instrument}")
        self.run("> state OPEN")

    @rule(instrument=instruments, ppm=st.sampled_from([0, 0, 50_000, 150_000]))
    def breaker(self, instrument: int, ppm: int) -> None:
        self.run(f"> parameter BREAKER {ppm} 16 3 instrument={instrument}")

    @rule(seconds=st.sampled_from([0, 0, 1, 4]))
    def timer(self, seconds: int) -> None:
        self.now += seconds
        self.run("> timer")

    @rule(ends=st.sampled_from([False, False, False, True]))
    def next_day(self, ends: bool) -> None:
        if ends:
            self.run("> end")
            assert not self.waiting
            self.run("> start 20260103")
            self.last.clear()
            self.open_tokens.clear()

    # what must hold

    def enter(self, session: int, words: str) -> None:
        self.names += 1
        self.open_tokens = [*self.open_tokens[-30:], (session, f"o{self.names}")]
        self.run(f"> {session} enter o{self.names} {words}")

    def run(self, line: str) -> None:
        line = f"{line} t={self.now}"
        note(line)
        slots = self.script.slots(line)
        assert slots["timestamp_ns"][0] == START_NS + round(self.now * 1e9)
        events = as_events(self.matcher.run(slots))
        steps, traded = 0, set()
        for event in events:
            kind, instrument = EventKind(int(event["kind"])), int(event["instrument"])
            if kind == EventKind.TRIGGERED:
                # from here on the command is over: what it made pending is in the queue
                self.look(traded)
                traded.clear()
                self.step(event)
                steps += 1
            elif kind == EventKind.TRADE:
                self.last[instrument] = int(event["price"])
                traded.add(instrument)
            elif kind == EventKind.STATE_CHANGED:
                self.state[instrument] = InstrumentState(int(event["display"]))
                if event["display"] == InstrumentState.OPEN:
                    traded |= set(INSTRUMENTS) if instrument == 0 else {instrument}
            elif kind == EventKind.TERMS and event["order_type"] >= OrderType.STOP:
                self.join(event)
                traded.add(instrument)
            elif kind == EventKind.REMOVED or (
                kind == EventKind.CANCELED and event["remaining"] == 0
            ):
                self.waiting.pop(int(event["order_id"]), None)
        self.look(traded)
        if steps < STEPS:
            self.drop_what_cannot_go_on()
            assert not self.queue, "steps were left, and so were due stops"
        assert steps <= STEPS
        self.check_nothing_is_forgotten()

    def join(self, terms: np.ndarray) -> None:
        order_id = int(terms["order_id"])
        self.joined += 1
        self.waiting[order_id] = Stop(
            order_id,
            int(terms["instrument"]),
            int(terms["side"]) == 0,
            int(terms["contra_order_id"]),
            self.joined,
        )

    def is_open(self, instrument: int) -> bool:
        return self.state[0] == self.state[instrument] == InstrumentState.OPEN

    def due(self, instrument: int) -> list[Stop]:
        """The due stops of the instrument, first to enter first."""
        last = self.last.get(instrument, 0)
        found = [
            stop
            for stop in self.waiting.values()
            if stop.instrument == instrument
            and last
            and (last >= stop.stop_price if stop.buys else last <= stop.stop_price)
        ]
        return sorted(
            found,
            key=lambda stop: (
                not stop.buys,
                stop.stop_price if stop.buys else -stop.stop_price,
                stop.joined,
            ),
        )

    def look(self, touched: set[int]) -> None:
        for instrument in sorted(touched):
            if instrument not in self.queue and self.is_open(instrument) and self.due(instrument):
                self.queue.append(instrument)

    def drop_what_cannot_go_on(self) -> None:
        while self.queue and not (self.is_open(self.queue[0]) and self.due(self.queue[0])):
            self.queue.pop(0)

    def step(self, event: np.ndarray) -> None:
        self.drop_what_cannot_go_on()
        assert self.queue, "a stop entered although none is due"
        first = self.due(self.queue[0])[0]
        assert int(event["order_id"]) == first.order_id, "another stop goes first"
        assert int(event["instrument"]) == first.instrument
        del self.waiting[first.order_id]

    def check_nothing_is_forgotten(self) -> None:
        for instrument in INSTRUMENTS:
            if self.is_open(instrument) and self.due(instrument):
                assert instrument in self.queue

    def teardown(self) -> None:
        """Everything that is due enters with a bounded number of further commands."""
        if not self.last and not self.waiting:
            return
        self.run("> state OPEN")
        for instrument in INSTRUMENTS:
            self.run(f"> parameter BREAKER 0 0 0 instrument={instrument}")
            self.run(f"> state OPEN instrument={instrument}")
        for _ in range(len(self.waiting) // STEPS + 2):
            self.run("> timer")
        assert not self.queue
        assert not any(self.due(instrument) for instrument in INSTRUMENTS)
        check_state(self.matcher.state)


Stops.TestCase.settings = settings(
    max_examples=50, stateful_step_count=30, deadline=None, derandomize=True, print_blob=True
)
TestStops = Stops.TestCase
