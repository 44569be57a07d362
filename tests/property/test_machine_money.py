"""Hypothesis moves money and stock around: nothing appears, nothing is lost, nobody overdraws.

The ledger is the machine's own, made of what it has paid in and taken out.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ringbuffer.jit import JIT_DISABLED
from tests.property.world import World

ACCOUNTS = (1, 2, 3, 9)
SESSIONS = (1, 2, 3)
PREPAID = {1: 10**12, 2: 10**12}
PREPAID_STOCK = {1: 10**6, 2: 10**6}

sessions = st.sampled_from(SESSIONS)
accounts = st.sampled_from(ACCOUNTS)
sides = st.sampled_from("BBBSSSTE")
quantities = st.sampled_from([10, 20, 30, 50, 100, 110])
prices = st.sampled_from([47, 48, 49, 50, 51, 52, 53])
amounts = st.sampled_from([1, 9, 100, 1_000, 10_000, 500_000])
fees = st.sampled_from([(0, 0), (-20_000, 30_000), (10_000, 10_000), (-100_000, 100_000), (0, 1)])


class Money(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.paid = Counter(PREPAID)
        self.delivered = Counter(PREPAID_STOCK)
        self.orders: list[tuple[int, str]] = []

    @initialize()
    def open_a_poor_account(self) -> None:
        self.world.say("> account 3")
        self.world.say("> session 3 account=3")

    # what an operator does

    @rule(account=accounts, amount=amounts, instrument=st.booleans())
    def deposit(self, account: int, amount: int, instrument: bool) -> None:
        stock = " stock=1 price=50" if instrument else ""
        (said,) = self.world.say(f"> deposit {account} {amount}{stock}")
        assert said.startswith("BALANCE_CHANGED")
        (self.delivered if instrument else self.paid)[account] += amount

    @rule(account=accounts, amount=amounts, instrument=st.booleans())
    def withdraw(self, account: int, amount: int, instrument: bool) -> None:
        if instrument:
            held, frozen, *_ = self.world.positions().get((account, 1), [0, 0])
        else:
            held, frozen = self.world.balances()[account, 1].tolist()
        stock = " stock=1" if instrument else ""
        (said,) = self.world.say(f"> withdraw {account} {amount}{stock}")
        assert said.startswith("BALANCE_CHANGED") == (amount <= held - frozen)
        if said.startswith("BALANCE_CHANGED"):
            (self.delivered if instrument else self.paid)[account] -= amount

    @rule(rates=fees)
    def change_fees(self, rates: tuple[int, int]) -> None:
        self.world.say(f"> parameter FEES {rates[0]} {rates[1]} instrument=1")

    @rule(account=st.sampled_from([1, 2, 3]), mode=st.integers(0, 4), group=st.integers(0, 1))
    def prevent(self, account: int, mode: int, group: int) -> None:
        self.world.say(f"> parameter SELF_TRADE {mode} {group} account={account}")

    @rule(state=st.sampled_from(["AUCTION", "OPEN", "OPEN", "CLOSED"]))
    def state(self, state: str) -> None:
        self.world.say(f"> state {state} instrument=1")

    @rule(value=st.sampled_from([0, 1_000, 4_000]))
    def review_from(self, value: int) -> None:
        self.world.say(f"> parameter REVIEW_VALUE {value} instrument=1")

    @rule(pick=st.integers(0, 63), choice=st.sampled_from(["yes", "yes", "no"]))
    def review(self, pick: int, choice: str) -> None:
        if self.orders:
            self.world.say(f"> review :{self.orders[pick % len(self.orders)][1]} {choice}")

    # what clients do

    def enter(self, session: int, words: str) -> None:
        token = self.world.token()
        said = self.world.say(f"> {session} enter {token} {words}")
        if said[0].startswith("ACCEPTED"):
            self.orders.append((session, token))

    @rule(session=sessions, side=sides, quantity=quantities, price=prices)
    def limit(self, session: int, side: str, quantity: int, price: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price}")

    @rule(session=sessions, side=sides, quantity=quantities, price=prices)
    def immediate(self, session: int, side: str, quantity: int, price: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price} tif=0")

    @rule(session=sessions, side=sides, quantity=quantities)
    def market(self, session: int, side: str, quantity: int) -> None:
        self.enter(session, f"{side} {quantity} market")

    @rule(session=sessions, side=sides, quantity=quantities, price=prices)
    def iceberg(self, session: int, side: str, quantity: int, price: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price} show=10")

    @rule(session=sessions, side=sides, quantity=quantities, price=prices, stop=prices)
    def stop(self, session: int, side: str, quantity: int, price: int, stop: int) -> None:
        self.enter(session, f"{side} {quantity} @ {price} stop={stop}")

    @rule(pick=st.integers(0, 63), quantity=st.sampled_from([0, 10, 20, 60]))
    def cancel(self, pick: int, quantity: int) -> None:
        if self.orders:
            session, token = self.orders[pick % len(self.orders)]
            self.world.say(f"> {session} cancel {token} {quantity}")

    @rule(pick=st.integers(0, 63), quantity=quantities, price=prices)
    def replace(self, pick: int, quantity: int, price: int) -> None:
        if self.orders:
            session, token = self.orders[pick % len(self.orders)]
            new = self.world.token()
            said = self.world.say(f"> {session} replace {token} {new} {quantity} @ {price}")
            if said and said[0].startswith("REMOVED"):
                self.orders.append((session, new))

    @rule(pick=st.integers(0, 63), side=st.sampled_from("BSTE"), quantity=quantities)
    def modify(self, pick: int, side: str, quantity: int) -> None:
        if self.orders:
            session, token = self.orders[pick % len(self.orders)]
            self.world.say(f"> {session} modify {token} {side} {quantity}")

    @precondition(lambda self: not JIT_DISABLED)  # the snapshot's checksum takes plain Python long
    @rule()
    def restart(self) -> None:
        self.world.restart()

    @invariant()
    def nothing_appears_and_nothing_is_lost(self) -> None:
        balances = self.world.balances()[:, 1, 0]
        assert int(balances.sum()) == sum(self.paid.values())
        quantities = [row[0] for row in self.world.positions().values()]
        assert sum(quantities) == sum(self.delivered.values())

    @invariant()
    def nobody_overdraws(self) -> None:
        balances = self.world.balances()
        assert (balances[:, :, 1] >= 0).all()
        assert (balances[:, :, 1] <= balances[:, :, 0]).all()
        for quantity, frozen, _, open_buys, open_shorts in self.world.positions().values():
            assert 0 <= frozen <= max(quantity, 0)
            assert open_buys >= 0 and open_shorts >= 0


Money.TestCase.settings = settings(
    max_examples=15 if JIT_DISABLED else 80,
    stateful_step_count=40,
    deadline=None,
    derandomize=True,
    print_blob=True,
)
TestMoney = Money.TestCase
