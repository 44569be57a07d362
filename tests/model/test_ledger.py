"""The ledger of the events alone beside the engine's state, on the model tests' random streams."""

from __future__ import annotations

import json

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.recovery.ledger import Ledger, LedgerBroken
from replay.accounts import frozen_problems, ledger_of
from tests.model.comparison import Matcher
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events

COMMANDS = 60_000


@pytest.mark.parametrize("seed", [101, 102, 103, 104])
def test_ledger_equals_the_engines_state(seed: int) -> None:
    """After every chunk; and a ledger that starts from a dump in the middle ends the same."""
    episode = EPISODES[seed % len(EPISODES)]
    print(f"seed {seed}")
    matcher, ledger, resumed = Matcher(episode.capacities), Ledger(), None
    seen: set[int] = set()
    random = np.random.default_rng(seed)
    commands = 0
    orders_seen = False  # at the end of one chunk at least: the stream may end with a day
    for slots in Generator(seed, episode).chunks(COMMANDS):
        events = as_events(matcher.run(slots))
        seen.update(np.unique(events["kind"]).tolist())
        cut = int(random.integers(0, len(events) + 1))
        ledger.apply(events[:cut])
        if resumed is None and commands > COMMANDS // 2:
            # between the events of one command too, and through JSON as a store would keep it
            resumed = Ledger.load(json.loads(json.dumps(ledger.dump())))
        ledger.apply(events)  # those before the cut have been seen
        if resumed is not None:
            resumed.apply(events)
        commands += len(slots)
        state = ledger_of(matcher.state)
        assert ledger.difference(state) is None
        assert ledger.next_event == state.next_event
        orders_seen |= bool(ledger.orders)
        assert state.problems() == [] and frozen_problems(state) == []
    assert resumed is not None
    assert resumed.difference(ledger) is None
    assert ledger.problems() == []
    assert {EventKind.TRADE, EventKind.TERMS, EventKind.MODIFIED, EventKind.BALANCE_CHANGED} <= seen
    assert ledger.positions and orders_seen and len(ledger.balances) > 3


def stream() -> np.ndarray:
    """The events of a short stream."""
    episode = EPISODES[0]
    matcher = Matcher(episode.capacities)
    parts = [matcher.run(slots) for slots in Generator(7, episode).chunks(3_000)]
    return as_events(b"".join(parts))


def test_a_gap_is_noticed() -> None:
    events, ledger = stream(), Ledger()
    ledger.apply(events[:100])
    with pytest.raises(LedgerBroken, match="event 100 is missing"):
        ledger.apply(events[101:])
    ledger.apply(events[50:])  # an overlap is none
    assert ledger.next_event == len(events)


@pytest.mark.parametrize("field, wrong", [("quantity", 1), ("remaining", 1), ("order_id", 1 << 40)])
def test_a_changed_trade_is_noticed(field: str, wrong: int) -> None:
    """Some of what a TRADE says is said twice; the rest shows beside the true ledger."""
    events = stream()
    true, changed = Ledger(), events.copy()
    true.apply(events)
    trade = int(np.flatnonzero(events["kind"] == EventKind.TRADE)[-1])
    changed[field][trade] += wrong
    with pytest.raises(LedgerBroken):
        Ledger().apply(changed)
    other = events.copy()
    other["price"][trade] += 1
    false = Ledger()
    false.apply(other)
    assert true.difference(false) is not None


def test_lost_money_is_a_problem() -> None:
    ledger = Ledger()
    ledger.apply(stream())
    assert ledger.problems() == []
    account, currency = next(key for key, row in ledger.balances.items() if row.balance)
    ledger.balances[account, currency].balance -= 1
    assert any("balances add up to" in problem for problem in ledger.problems())
    ledger.balances[account, currency].balance += 1
    key = next(key for key, row in ledger.positions.items() if row.quantity)
    ledger.positions[key].quantity += 1
    assert any("positions add up to" in problem for problem in ledger.problems())


def test_another_format_is_refused() -> None:
    with pytest.raises(ValueError, match="format"):
        Ledger.load({"format": 99})
