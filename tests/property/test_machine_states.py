"""Hypothesis halts, opens, kills and restarts: nothing trades or enters while it must not.

What the state is, is told by the events alone: the machine remembers every STATE_CHANGED and
KILL_SWITCHED, and judges every ACCEPTED, TRADE and TRIGGERED by them.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from exchange.codes import EventKind, InstrumentState, Scope, TradeReason
from ringbuffer.jit import JIT_DISABLED
from tests.property.world import World

OPEN, AUCTION, HALTED = InstrumentState.OPEN, InstrumentState.AUCTION, InstrumentState.HALTED
INSTRUMENTS = (1, 2)
ENTERING = (EventKind.ACCEPTED, EventKind.REPLACED)

sessions = st.sampled_from([1, 1, 2, 2, 3])
instruments = st.sampled_from(INSTRUMENTS)
sides = st.sampled_from("BS")
quantities = st.sampled_from([10, 20, 30, 40])
prices = st.sampled_from([46, 48, 49, 50, 51, 52, 54])
states = st.sampled_from(["OPEN", "OPEN", "OPEN", "AUCTION", "HALTED", "CANCEL_ONLY", "CLOSED"])
switches = st.sampled_from(["on", "off", "off"])


class States(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.market: int = OPEN
        self.own: dict[int, int] = dict.fromkeys(INSTRUMENTS, OPEN)
        self.killed: set[tuple[int, int]] = set()  # scope, id
        self.seconds = 0.0
        self.orders: list[tuple[int, str]] = []

    @initialize()
    def begin(self) -> None:
        self.say("> instrument 2 tick=1 lot=10 low=2 high=1000 most=5000 group=1")
        self.say("> session 3 account=1")
        for account in (1, 2):
            self.say(f"> deposit {account} 100000 stock=2 price=50")
        self.say("> parameter BREAKER 30000 10 5 instrument=1")
        self.say("> parameter REVIEW_VALUE 1900 instrument=2")

    def state_of(self, instrument: int) -> int:
        return self.market or self.own[instrument]

    def is_killed(self, session: int) -> bool:
        account = 2 if session == 2 else 1
        wanted = {(Scope.EXCHANGE, 0), (Scope.ACCOUNT, account), (Scope.SESSION, session)}
        return bool(self.killed & wanted)

    def say(self, line: str, resumes: bool = False) -> None:
        """Apply a command and judge its events, one after another."""
        for event in self.world.apply(line):
            kind, instrument = int(event["kind"]), int(event["instrument"])
            if kind == EventKind.STATE_CHANGED:
                if instrument:
                    self.own[instrument] = int(event["display"])
                else:
                    self.market = int(event["display"])
            elif kind == EventKind.KILL_SWITCHED:
                key = (int(event["scope"]), int(event["account"]) or int(event["session"]))
                (self.killed.add if event["quantity"] else self.killed.discard)(key)
            elif kind in ENTERING:
                assert self.state_of(instrument) in (OPEN, AUCTION)
                assert not self.is_killed(int(event["session"]))
                self.orders.append((int(event["session"]), self.token_of(event)))
            elif kind == EventKind.RELEASED:
                assert self.state_of(instrument) in (OPEN, AUCTION)
            elif kind == EventKind.TRIGGERED:
                assert self.state_of(instrument) == OPEN
            elif kind == EventKind.TRADE:
                if event["reason"] == TradeReason.CONTINUOUS:
                    assert self.state_of(instrument) == OPEN
                else:
                    assert self.own[instrument] in (OPEN, InstrumentState.CLOSED)
            elif kind == EventKind.CANCEL_REJECTED and line.split()[2] in ("cancel", "modify"):
                assert self.state_of(instrument) == HALTED or "modify" in line

    def token_of(self, event: object) -> str:
        token = event.tobytes()[64:78].rstrip(b" ").decode()  # type: ignore[attr-defined]
        self.world.script.order_ids[token] = int(event["order_id"])  # type: ignore[index]
        return token

    @rule(state=states, instrument=instruments)
    def instrument_state(self, state: str, instrument: int) -> None:
        self.say(f"> state {state} instrument={instrument}")

    @rule(seconds=st.sampled_from([0, 1, 3]), instrument=instruments)
    def halt_until(self, seconds: int, instrument: int) -> None:
        self.say(f"> state HALTED instrument={instrument} until={self.seconds + seconds}")

    @rule(state=st.sampled_from(["OPEN", "OPEN", "OPEN", "HALTED", "CANCEL_ONLY"]))
    def market_state(self, state: str) -> None:
        self.say(f"> state {state}")

    @rule(seconds=st.sampled_from([0.5, 1, 2, 20]))
    def timer(self, seconds: float) -> None:
        self.seconds += seconds
        self.say(f"> timer t={self.seconds}")

    @rule(switch=switches)
    def kill_exchange(self, switch: str) -> None:
        self.say(f"> kill EXCHANGE {switch}")

    @rule(switch=switches, account=st.sampled_from([1, 2]))
    def kill_account(self, switch: str, account: int) -> None:
        self.say(f"> kill ACCOUNT {switch} account={account}")

    @rule(switch=switches, session=sessions)
    def kill_session(self, switch: str, session: int) -> None:
        self.say(f"> kill SESSION {switch} session={session}")

    def enter(self, session: int, words: str, instrument: int) -> None:
        token = self.world.token()
        self.say(f"> {session} enter {token} {words} instrument={instrument}")

    @rule(session=sessions, side=sides, quantity=quantities, price=prices, instrument=instruments)
    def limit(self, session: int, side: str, quantity: int, price: int, instrument: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price}", instrument)

    @rule(session=sessions, side=sides, quantity=quantities, instrument=instruments)
    def market(self, session: int, side: str, quantity: int, instrument: int) -> None:
        self.enter(session, f"{side} {quantity} market", instrument)

    @rule(session=sessions, side=sides, quantity=quantities, stop=prices, instrument=instruments)
    def stop(self, session: int, side: str, quantity: int, stop: int, instrument: int) -> None:
        self.enter(session, f"{side} {quantity} market stop={stop}", instrument)

    @rule(session=sessions, side=sides, price=prices, instrument=instruments)
    def expiring(self, session: int, side: str, price: int, instrument: int) -> None:
        self.enter(session, f"{side} 10 @ {price} tif=2", instrument)

    @rule(pick=st.integers(0, 63))
    def review(self, pick: int) -> None:
        if self.orders:
            self.say(f"> review :{self.orders[pick % len(self.orders)][1]} yes")

    @rule(pick=st.integers(0, 63), verb=st.sampled_from(["cancel", "modify", "replace"]))
    def amend(self, pick: int, verb: str) -> None:
        if self.orders:
            session, token = self.orders[pick % len(self.orders)]
            words = {"cancel": "0", "modify": "B 10", "replace": f"{self.world.token()} 20 @ 50"}
            self.say(f"> {session} {verb} {token} {words[verb]}")

    @rule(session=sessions)
    def mass_cancel(self, session: int) -> None:
        self.say(f"> {session} mass-cancel")

    @rule(session=sessions, seconds=st.sampled_from([0, 1, 2]))
    def cancel_after(self, session: int, seconds: int) -> None:
        self.say(f"> {session} cancel-after {seconds}")

    @rule(day=st.integers(3, 9))
    def next_day(self, day: int) -> None:
        self.say("> end")
        self.say(f"> start 2026010{day}")

    @precondition(lambda self: not JIT_DISABLED)  # the snapshot's checksum takes plain Python long
    @rule()
    def restart(self) -> None:
        self.world.restart()


States.TestCase.settings = settings(
    max_examples=15 if JIT_DISABLED else 80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    print_blob=True,
)
TestStates = States.TestCase
