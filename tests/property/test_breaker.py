"""The circuit breaker against the plainest account of it: a list of all trades of the window.

The engine keeps 16 buckets, thresholds and a range of prices that change nothing. Here every trade
looks at every trade since the window was last emptied, and computes both bounds from nothing.
"""

from __future__ import annotations

from fractions import Fraction
from math import floor

import numpy as np
from hypothesis import event, given, note, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from exchange.codes import EventKind, InstrumentState, StateReason
from exchange.engine.invariants.check import check_state
from tests.model.cases.script import PRELUDE, START_NS, Script
from tests.model.comparison import Matcher
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities

CAPACITIES = Capacities(instruments=4, sessions=4, orders=200, tokens=1 << 14, accounts=12)
BUCKETS = 16
SECOND_NS = 1_000_000_000

# a few prices around each other, and now and then a jump
moves = st.sampled_from([-9, -3, -2, -2, -1, -1, -1, 0, 0, 1, 1, 1, 2, 2, 3, 9])
# in buckets and nanoseconds, so that their edges and the window's are met exactly
waits = st.tuples(
    st.sampled_from([0, 0, 0, 0, 1, 1, 2, 14, 15, 15, 16, 17]),
    st.sampled_from([0, 0, 0, -1, 1, 10_000_000]),
)


class Breaker(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.script = Script()
        self.matcher = Matcher(CAPACITIES, ring_slots=64)
        self.names = 0
        self.price = 100
        self.ppm, self.window_s, self.halt_s = 0, 0, 0
        self.trades: list[tuple[int, int]] = []  # (bucket number, price)
        self.until_ns = 0
        self.is_open = True
        self.in_auction = False

    @initialize(
        ppm=st.sampled_from([20_000, 33_333, 50_000]), window_s=st.sampled_from([1, 3, 60, 86_400])
    )
    def open_the_exchange(self, ppm: int, window_s: int) -> None:
        for line in PRELUDE.strip().splitlines():
            self.matcher.run(self.script.slots(line))
        self.set_breaker(ppm, window_s, 2)

    @rule(
        ppm=st.sampled_from([0, 1, 10_000, 50_000, 1_000_000]),
        window_s=st.sampled_from([1, 3, 60, 86_400]),
        halt_s=st.sampled_from([1, 7]),
        changes=st.sampled_from([False, False, False, True]),
    )
    def parameter(self, ppm: int, window_s: int, halt_s: int, changes: bool) -> None:
        if changes:
            self.set_breaker(ppm, window_s, halt_s)

    def set_breaker(self, ppm: int, window_s: int, halt_s: int) -> None:
        self.run(f"> parameter BREAKER {ppm} {window_s} {halt_s} instrument=1")
        self.ppm, self.window_s, self.halt_s = ppm, window_s, halt_s
        self.trades.clear()

    @rule(wait=waits)
    def wait(self, wait: tuple[int, int]) -> None:
        buckets, nanoseconds = wait
        length_ns = (self.window_s or 1) * SECOND_NS // BUCKETS
        self.script.time_ns += max(0, buckets * length_ns + nanoseconds)

    @rule(steps=st.lists(st.tuples(moves, waits), min_size=3, max_size=25))
    def trade(self, steps: list[tuple[int, tuple[int, int]]]) -> None:
        """Trades, each at a price near the last one; a halt is ended at once."""
        for move, wait in steps:
            self.wait(wait)
            if not self.is_open:
                self.open_up()
            price = max(2, min(self.price + move, 1000))
            self.sell([price])
            self.buy(10, price)

    @rule(steps=st.lists(moves, min_size=2, max_size=6))
    def sweep(self, steps: list[int]) -> None:
        """One order through several prices: it must stop at the trade that trips."""
        prices = sorted(max(2, min(self.price + move, 1000)) for move in steps)
        self.sell(prices)
        self.buy(10 * len(prices), prices[-1])

    @rule(move=moves)
    def auction(self, move: int) -> None:
        self.run("> state AUCTION instrument=1")
        self.is_open, self.in_auction = False, True
        self.price = max(2, min(self.price + move, 1000))
        self.sell([self.price])
        self.buy(10, self.price)
        self.open_up()

    @rule(ends=st.sampled_from([False, False, True]))
    def next_day(self, ends: bool) -> None:
        if ends:
            self.run("> end")
            self.run("> start 20260103")
            self.trades.clear()

    @rule(wait=waits)
    def timer(self, wait: tuple[int, int]) -> None:
        self.wait(wait)
        events = self.run("> timer")
        due = not self.is_open and 0 < self.until_ns <= self.script.time_ns
        changed = events[events["kind"] == EventKind.STATE_CHANGED]
        assert len(changed) == due
        if due:
            assert changed["reason"][0] == StateReason.TIMER
            self.is_open = True

    def sell(self, prices: list[int]) -> None:
        for price in prices:
            self.names += 1
            self.run(f"> 1 enter s{self.names} S 10 @ {price} tif=99999")

    def buy(self, quantity: int, price: int) -> None:
        """Immediate in continuous trading, so that nothing stays behind but unsold asks."""
        self.names += 1
        self.run(f"> 2 enter b{self.names} B {quantity} @ {price} tif=0")
        if not self.in_auction:
            self.run("> mass-cancel")

    def open_up(self) -> None:
        self.run("> state OPEN instrument=1")
        self.is_open, self.in_auction = True, False
        self.until_ns = 0

    def trips(self, price: int) -> bool:
        """Count a continuous trade, and say whether it must halt the instrument."""
        if self.ppm == 0:
            return False
        bucket = floor(
            Fraction(self.script.time_ns, 1) / Fraction(self.window_s * SECOND_NS, BUCKETS)
        )
        self.trades.append((bucket, price))
        window = [p for b, p in self.trades if bucket - (BUCKETS - 1) <= b <= bucket]
        move = Fraction(self.ppm, 1_000_000)
        return price > min(window) + floor(min(window) * move) or price < max(window) - floor(
            max(window) * move
        )

    def run(self, line: str) -> np.ndarray:
        note(f"{line} t={(self.script.time_ns - START_NS) / 1e9:.9f}")
        events = as_events(self.matcher.run(self.script.slots(line)))
        expects_halt = False
        for told in events:
            kind = EventKind(int(told["kind"]))
            if expects_halt:
                assert kind == EventKind.STATE_CHANGED, f"no halt after {self.trades[-1]}"
                assert told["display"] == InstrumentState.HALTED
                assert told["reason"] == StateReason.BREAKER
                self.until_ns = self.script.time_ns + self.halt_s * SECOND_NS
                assert told["quantity"] == self.until_ns
                self.is_open = False
                self.trades.clear()
                expects_halt = False
                event("tripped")
                continue
            assert kind != EventKind.STATE_CHANGED or told["reason"] != StateReason.BREAKER
            if kind == EventKind.AUCTION:
                self.trades.clear()
            elif kind == EventKind.TRADE:
                self.price = int(told["price"])
                if told["reason"] == 0:
                    assert self.is_open, "a trade while it is halted"
                    expects_halt = self.trips(self.price)
                elif self.ppm:
                    self.trips(self.price)
                    # an auction's price is the only one, however often it trades
                    del self.trades[:-1]
        assert not expects_halt
        return events

    def teardown(self) -> None:
        check_state(self.matcher.state)


Breaker.TestCase.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True, print_blob=True
)
TestBreaker = Breaker.TestCase


@settings(max_examples=80, deadline=None, derandomize=True, print_blob=True)
@given(
    ppm=st.sampled_from([20_000, 50_000]),
    window_s=st.sampled_from([1, 3]),
    steps=st.lists(st.tuples(moves, waits), min_size=60, max_size=80),
)
def test_trades_alone(ppm: int, window_s: int, steps: list[tuple[int, tuple[int, int]]]) -> None:
    """Many trades in a row, over the edges of many buckets."""
    breaker = Breaker()
    breaker.open_the_exchange(ppm, window_s)
    breaker.trade(steps)
    breaker.teardown()
