"""Hypothesis sends operators' commands again and again: a key works once, also after a restart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from exchange.codes import CommandKind, EventKind, Reject
from ringbuffer.jit import JIT_DISABLED
from tests.model.comparison import compare_stream
from tests.model.generators.control import account_command, currency_command, money_command, set_key
from tests.model.generators.streams import as_events
from tests.property.world import CAPACITIES, World

KEYS_REMEMBERED = 65_536
keys = st.sampled_from(["", *(f"key{number}" for number in range(6))])


class Keys(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.used: set[str] = set()
        self.balance = 10**12
        self.accounts = {1, 2, 9}
        self.orders = 0

    def say(self, line: str, key: str, would_work: bool) -> bool:
        """Send a command with ``key``; whether it was carried out, which must be as it should."""
        said = self.world.say(f"{line} key={key}" if key else line)
        if key in self.used:
            assert len(said) == 1 and said[0].endswith("DUPLICATE_KEY")
            return False
        if not would_work:
            assert len(said) == 1 and said[0].startswith("CONTROL_REJECTED")
            return False
        assert not said or not said[0].startswith("CONTROL_REJECTED")
        assert (said[-1:] and said[-1].startswith(f"CONTROL_DONE {key} ")) or not key
        if key:
            self.used.add(key)
        return True

    @rule(key=keys, amount=st.sampled_from([1, 50, 10**12]))
    def deposit(self, key: str, amount: int) -> None:
        if self.say(f"> deposit 1 {amount}", key, True):
            self.balance += amount
        assert self.world.balances()[1, 1, 0] == self.balance

    @rule(key=keys, amount=st.sampled_from([0, 1, 50, 10**12, 10**13]))
    def withdraw(self, key: str, amount: int) -> None:
        free = self.balance - int(self.world.balances()[1, 1, 1])
        if self.say(f"> withdraw 1 {amount}", key, 0 < amount <= free):
            self.balance -= amount
        assert self.world.balances()[1, 1, 0] == self.balance

    @rule(key=keys, account=st.sampled_from([0, 1, 3, 4, 5, 11, 12]))
    def account(self, key: str, account: int) -> None:
        new = 0 < account < CAPACITIES.accounts and account not in self.accounts
        if self.say(f"> account {account}", key, new):
            self.accounts.add(account)

    @rule(key=keys, value=st.sampled_from([0, 1_000, 2_000_000]))
    def collar(self, key: str, value: int) -> None:
        self.say(f"> parameter COLLAR {value} instrument=1", key, value <= 1_000_000)

    @rule(key=keys, state=st.sampled_from(["OPEN", "AUCTION", "7"]))
    def state(self, key: str, state: str) -> None:
        self.say(f"> state {state} instrument=1", key, state != "7")

    @rule(key=keys, account=st.sampled_from([1, 7]), switch=st.sampled_from(["on", "off"]))
    def kill(self, key: str, account: int, switch: str) -> None:
        if self.say(f"> kill ACCOUNT {switch} account={account}", key, account == 1):
            self.orders = 0 if switch == "on" else self.orders

    @rule(key=keys)
    def mass_cancel(self, key: str) -> None:
        self.say("> mass-cancel", key, True)

    @rule(key=keys)
    def review_of_nothing(self, key: str) -> None:
        self.say("> review 999999 yes", key, False)

    @rule()
    def order(self) -> None:
        self.world.say(f"> 1 enter {self.world.token()} B 10 @ 50")

    @precondition(lambda self: not JIT_DISABLED)  # the snapshot's checksum takes plain Python long
    @rule()
    def restart(self) -> None:
        self.world.restart()


Keys.TestCase.settings = settings(
    max_examples=15 if JIT_DISABLED else 80,
    stateful_step_count=30,
    deadline=None,
    derandomize=True,
    print_blob=True,
)
TestKeys = Keys.TestCase


def keyed_deposits(numbers: range) -> np.ndarray:
    """A deposit of 1 for each of the keys ``numbers``: COMMAND[2 * len(numbers)]."""
    return np.concatenate(
        [set_key(money_command(CommandKind.DEPOSIT, 1, 1, 1), n) for n in numbers]
    )


def test_the_oldest_key_is_forgotten_when_there_are_too_many() -> None:
    opening = [account_command(1), currency_command(1, 2, 1)]
    comparison = compare_stream(CAPACITIES, [np.concatenate(opening)], "keys")

    def refused(numbers: Sequence[int]) -> list[bool]:
        events = as_events(comparison.feed(keyed_deposits(numbers)))
        events = events[events["kind"] != EventKind.CHECKPOINT]
        verdicts = events[events["kind"] != EventKind.BALANCE_CHANGED]
        duplicates = verdicts[verdicts["kind"] == EventKind.CONTROL_REJECTED]
        assert set(duplicates["reason"].tolist()) <= {int(Reject.DUPLICATE_KEY)}
        return (verdicts["kind"] == EventKind.CONTROL_REJECTED).tolist()

    for first in range(0, KEYS_REMEMBERED, 8_192):
        assert not any(refused(range(first, first + 8_192)))
    assert all(refused(range(0, 100)))  # a refused command forgets nothing
    assert not any(refused(range(KEYS_REMEMBERED, KEYS_REMEMBERED + 3)))  # in place of 0, 1, 2
    assert refused([3, 4]) == [True, True]
    assert refused([2]) == [False]  # in place of 3
    assert refused([2, 4, 3, 5]) == [True, True, False, True]  # 3 in place of 4
    assert refused([4]) == [False]
