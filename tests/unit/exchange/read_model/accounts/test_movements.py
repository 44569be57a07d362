"""The ring of deposits and withdrawals, beside a list."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.read_model.accounts.movements import ACCOUNT, CURRENCY, SEQUENCE, Movements
from exchange.records import EVENT


def some_events(count: int, first: int, random: np.random.Generator) -> np.ndarray:
    events = np.zeros(count, EVENT)
    events["sequence"] = np.arange(first, first + count)
    kinds = [EventKind.BALANCE_CHANGED, EventKind.TRADE]
    events["kind"] = random.choice(kinds, count, p=[0.7, 0.3])
    events["account"] = random.integers(1, 4, count)
    events["currency"] = random.integers(1, 3, count)
    events["instrument"] = random.integers(0, 2, count)
    events["quantity"] = random.integers(-100, 100, count)
    return events


@pytest.mark.parametrize("seed", range(5))
def test_the_newest_are_kept(seed: int):
    random = np.random.default_rng(seed)
    movements, kept, expected, first = Movements(10), 10, [], 0
    for _ in range(40):
        events = some_events(int(random.integers(0, 25)), first, random)
        first += len(events)
        movements.learn(events)
        taken = (events["kind"] == EventKind.BALANCE_CHANGED) & (events["instrument"] == 0)
        expected += [
            (int(e["sequence"]), int(e["account"]), int(e["currency"])) for e in events[taken]
        ]
        gone, there = expected[:-kept], expected[-kept:]
        assert movements.complete_from == (gone[-1][0] + 1 if gone else 0)
        if random.random() < 0.3:
            again = Movements(kept)
            again.load(movements.dump(), first)
            movements = again
        account = int(random.integers(1, 4))
        currency = [None, 1, 2][random.integers(0, 3)]
        before = [None, first // 2, first - 5][random.integers(0, 3)]
        limit = int(random.integers(1, 12))
        found = movements.of(account, currency, before, limit)
        rows = [
            row
            for row in reversed(there)
            if row[1] == account and currency in (None, row[2])
            if before is None or row[0] < before
        ][:limit]
        assert [(r[SEQUENCE], r[ACCOUNT], r[CURRENCY]) for r in found.tolist()] == rows


def test_a_smaller_ring_takes_what_it_can():
    movements, smaller = Movements(10), Movements(3)
    events = some_events(100, 0, np.random.default_rng(1))
    movements.learn(events)
    smaller.load(movements.dump(), 100)
    assert smaller.complete_from > movements.complete_from
    newest = [each.tolist() for each in smaller.of(1, None, None, 10)]
    assert newest == [each.tolist() for each in movements.of(1, None, None, 10)][: len(newest)]


def test_what_does_not_fit_is_refused():
    movements = Movements(3)
    movements.load(None, 17)
    assert movements.complete_from == 17
    with pytest.raises(ValueError, match="shape"):
        Movements(3).load(np.zeros((0, 6), np.int64), 0)
