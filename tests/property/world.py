"""What the state machines of this folder share: a script through both exchanges.

Every line goes through the naive exchange and the matcher; their events must be equal as bytes,
both must be consistent in themselves, and their money and stock must agree.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
from hypothesis import note

from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_WORDS,
    MAX_CURRENCIES,
    POSITION_WORDS,
)
from exchange.engine.state.snapshot import read_snapshot, write_snapshot
from exchange.records import EVENT
from tests.model.cases.script import PRELUDE, Script, lines
from tests.model.comparison import Matcher
from tests.model.generators.streams import run
from tests.model.invariants import check
from tests.model.naive.command import Capacities
from tests.model.naive.data import Balance, Position
from tests.model.naive.exchange import NaiveExchange

CAPACITIES = Capacities(
    instruments=8, sessions=8, orders=24, tokens=4096, accounts=12, positions=16
)


class World:
    def __init__(self) -> None:
        self.script = Script()
        self.naive = NaiveExchange(CAPACITIES)
        self.matcher = Matcher(CAPACITIES, ring_slots=64)
        self.position = 0
        self.tokens = 0
        for line in PRELUDE.strip().splitlines():
            self.say(line)

    def say(self, line: str) -> list[str]:
        """Apply one command; its events in words."""
        events = self.apply(line)
        words = lines(events.tobytes(), self.script.order_ids)
        for word in words:
            note(f"    {word}")
        return words

    def apply(self, line: str) -> np.ndarray:
        """Apply one command; its events."""
        note(line)
        slots = self.script.slots(line)
        expected = run(self.naive, slots, self.position, check)
        self.position += len(slots)
        actual = self.matcher.run(slots)
        assert lines(actual, dict(self.script.order_ids)) == lines(
            expected, dict(self.script.order_ids)
        )
        assert actual == expected
        check_state(self.matcher.state)
        self.compare_money()
        return np.frombuffer(actual, EVENT)

    def token(self) -> str:
        self.tokens += 1
        return f"t{self.tokens}"

    def balances(self) -> np.ndarray:
        """The matcher's int64[account, currency, 2]: balance and its frozen part."""
        accounts = self.matcher.state.accounts.reshape(-1, ACCOUNT_WORDS)
        last = ACCOUNT_BALANCES + 2 * MAX_CURRENCIES
        return accounts[:, ACCOUNT_BALANCES:last].reshape(-1, MAX_CURRENCIES, 2)

    def positions(self) -> dict[tuple[int, int], list[int]]:
        """The matcher's by account and instrument: quantity, frozen, cost, open buys and shorts."""
        rows = self.matcher.state.positions.reshape(-1, POSITION_WORDS)
        rows = rows[rows[:, 0] != 0]
        return {(int(r[0] - 1) >> 16, int(r[0] - 1) & 0xFFFF): r[1:6].tolist() for r in rows}

    def compare_money(self) -> None:
        balances = self.balances()
        for number, account in self.naive.accounts.items():
            for currency in range(MAX_CURRENCIES):
                row: Balance = account.balances.get(currency, Balance())
                assert balances[number, currency].tolist() == [row.balance, row.frozen]
        expected = {}
        for key, position in self.naive.positions.items():
            p: Position = position
            expected[key] = [p.quantity, p.frozen, p.total_cost, p.open_buys, p.open_shorts]
        assert self.positions() == expected

    def restart(self) -> None:
        """The matcher goes on from a snapshot of itself; the naive exchange does not notice."""
        note("(restart from a snapshot)")
        with tempfile.TemporaryDirectory() as directory:
            path = write_snapshot(Path(directory), self.matcher.state)
            self.matcher.state = read_snapshot(path)
        check_state(self.matcher.state)
        self.compare_money()
