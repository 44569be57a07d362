"""How the benchmarks' exchanges begin: nothing of it may be refused, or rejects are measured."""

from __future__ import annotations

import pytest

from exchange.codes import EventKind
from exchange.core.capacity import EngineCapacity
from replay.accounts import ledger_of
from scripts.benchmarks import funding
from scripts.benchmarks.matcher import WORKLOADS, Workload, opening
from tests.harness.small_engine import Exchange

CAPACITY = EngineCapacity(
    instruments=128, sessions=128, orders=64, leaves=64, nodes=64, tokens=256, accounts=128,
    positions=1 << 13,
)  # fmt: skip


@pytest.mark.parametrize("name", ["one-book", "sweep"])
@pytest.mark.parametrize("left_out", [(), ("prevention", "fees"), funding.CONTROLS])
def test_an_opening_is_carried_out(name: str, left_out: tuple[str, ...]) -> None:
    workload: Workload = WORKLOADS[name]
    controls = [control for control in funding.CONTROLS if control not in left_out]
    exchange = Exchange(CAPACITY)
    events = exchange.run(opening(workload, controls))
    kinds = events["kind"].tolist()
    assert EventKind.CONTROL_REJECTED not in kinds and EventKind.DAY_STARTED in kinds
    ledger = ledger_of(exchange.state)
    assert ledger.problems() == []
    traders = set(range(funding.FIRST_ACCOUNT, funding.FIRST_ACCOUNT + len(ledger.sessions)))
    assert set(ledger.sessions.values()) == traders
    assert all(ledger.balance(account, funding.CURRENCY).balance == 1 << 54 for account in traders)
    assert len(ledger.positions) == len(traders) * workload.instruments
    fees = ledger.instruments[1].taker_rate
    assert fees == (100 if "fees" in controls else 0)


def test_first_slots() -> None:
    slots = opening(WORKLOADS["one-book"], ())
    starts = funding.first_slots(slots)
    assert (slots["kind"][starts] != 0).all()
    assert int(slots["flags"][starts].sum()) == len(slots) - len(starts)
