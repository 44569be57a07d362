"""Runs the readable cases against one side: the naive exchange, or the matcher itself.

Beside commands a case may ask what an account has, in lines of their own::

    ? money 1                   currency 1 unless currency=2: balance and the frozen part of it
    ? stock 1                   of instrument 1 unless instrument=2: quantity, frozen, total cost
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from exchange.engine.invariants.check import check_state
from exchange.engine.state.layout import ACCOUNT_BALANCES, ACCOUNT_WORDS, POSITION_WORDS
from tests.model.cases import amendments as case_table_amendments
from tests.model.cases import auction as case_table_auction
from tests.model.cases import breaker as case_table_breaker
from tests.model.cases import cancels as case_table_cancels
from tests.model.cases import control as case_table_control
from tests.model.cases import held as case_table_held
from tests.model.cases import money as case_table_money
from tests.model.cases import orders as case_table_orders
from tests.model.cases import shares as case_table_shares
from tests.model.cases import states as case_table_states
from tests.model.cases import stops as case_table_stops
from tests.model.cases import table as case_table
from tests.model.cases.script import PRELUDE, Script, lines
from tests.model.comparison import Matcher
from tests.model.generators.streams import run
from tests.model.invariants import check
from tests.model.naive.command import Capacities
from tests.model.naive.data import Balance, Position
from tests.model.naive.exchange import NaiveExchange

CAPACITIES = Capacities(instruments=8, sessions=8, orders=6, tokens=12, accounts=12, positions=16)
TABLES = {
    "rules": case_table.CASES,
    "money": case_table_money.CASES,
    "orders": case_table_orders.CASES,
    "amendments": case_table_amendments.CASES,
    "stops": case_table_stops.CASES,
    "held": case_table_held.CASES,
    "breaker": case_table_breaker.CASES,
    "shares": case_table_shares.CASES,
    "states": case_table_states.CASES,
    "auction": case_table_auction.CASES,
    "control": case_table_control.CASES,
    "cancels": case_table_cancels.CASES,
}
CASES = {
    f"{table}: {name}": text for table, cases in TABLES.items() for name, text in cases.items()
}


class Side(Protocol):
    """What a case needs of an exchange."""

    def run(self, slots: np.ndarray) -> bytes: ...

    def money(self, account: int, currency: int) -> tuple[int, int]:
        """Balance and frozen part."""

    def stock(self, account: int, instrument: int) -> tuple[int, int, int]:
        """Quantity, frozen, total cost."""


class NaiveSide:
    def __init__(self) -> None:
        self.exchange = NaiveExchange(CAPACITIES)
        self.sequence = 0

    def run(self, slots: np.ndarray) -> bytes:
        events = run(self.exchange, slots, self.sequence, check)
        self.sequence += len(slots)
        return events

    def money(self, account: int, currency: int) -> tuple[int, int]:
        row: Balance = self.exchange.accounts[account].balances[currency]
        return row.balance, row.frozen

    def stock(self, account: int, instrument: int) -> tuple[int, int, int]:
        row = self.exchange.positions.get((account, instrument), Position())
        return row.quantity, row.frozen, row.total_cost


class MatcherSide:
    def __init__(self) -> None:
        self.matcher = Matcher(CAPACITIES, ring_slots=64)

    def run(self, slots: np.ndarray) -> bytes:
        events = self.matcher.run(slots)
        check_state(self.matcher.state)
        return events

    def money(self, account: int, currency: int) -> tuple[int, int]:
        at = account * ACCOUNT_WORDS + ACCOUNT_BALANCES + 2 * currency
        balance, frozen = self.matcher.state.accounts[at : at + 2].tolist()
        return balance, frozen

    def stock(self, account: int, instrument: int) -> tuple[int, int, int]:
        rows = self.matcher.state.positions.reshape(-1, POSITION_WORDS)
        mine = rows[rows[:, 0] == (account << 16 | instrument) + 1]
        quantity, frozen, cost = mine[0, 1:4].tolist() if len(mine) else (0, 0, 0)
        return quantity, frozen, cost


def play(text: str, side: Side) -> tuple[list[str], list[str]]:
    """The lines of a case, and what ``side`` makes of them."""
    script = Script()
    for line in PRELUDE.strip().splitlines():
        side.run(script.slots(line))
    expected: list[str] = []
    got: list[str] = []
    for line in map(str.strip, text.strip().splitlines()):
        expected.append(line)
        if line.startswith(">"):
            got += [line, *lines(side.run(script.slots(line)), script.order_ids)]
        elif line.startswith("?"):
            got.append(_answer(line, side))
    return expected, got


def _answer(line: str, side: Side) -> str:
    question = line.split(":")[0]
    _, what, account, *rest = question.split()
    keys = dict(word.split("=") for word in rest)
    if what == "money":
        balance, frozen = side.money(int(account), int(keys.get("currency", "1")))
        return f"{question}: {balance} frozen {frozen}"
    quantity, frozen, cost = side.stock(int(account), int(keys.get("instrument", "1")))
    return f"{question}: {quantity} frozen {frozen} cost {cost}"
