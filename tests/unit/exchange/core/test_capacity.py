"""Capacities, and from which command on they have held."""

from __future__ import annotations

import pytest

from exchange.core.capacity import CapacityHistory, CapacityPeriod, EngineCapacity

SMALL = EngineCapacity(
    instruments=4, sessions=5, orders=6, leaves=7, nodes=8, tokens=9, accounts=10, positions=11
)
MEDIUM, LARGE = SMALL._replace(orders=60), SMALL._replace(orders=600, tokens=900)
HISTORY = CapacityHistory(
    (CapacityPeriod(0, SMALL), CapacityPeriod(100, MEDIUM), CapacityPeriod(200, LARGE))
)


def test_what_is_smaller_is_named() -> None:
    assert SMALL.smaller_than(LARGE) == ["orders 6 (of 600)", "tokens 9 (of 900)"]
    assert LARGE.smaller_than(SMALL) == SMALL.smaller_than(SMALL) == []


def test_a_command_has_the_capacity_of_its_period() -> None:
    found = {command: HISTORY.at(command) for command in (0, 99, 100, 199, 200, 1 << 60)}
    assert list(found.values()) == [SMALL, SMALL, MEDIUM, MEDIUM, LARGE, LARGE]
    assert HISTORY.latest == LARGE


@pytest.mark.parametrize(
    ("command", "allowed"),
    [(0, [SMALL]), (99, [SMALL]), (100, [SMALL, MEDIUM]), (101, [MEDIUM]), (200, [MEDIUM, LARGE])],
)
def test_a_state_may_have_a_capacity_of_before_or_after_its_next_command(
    command: int, allowed: list[EngineCapacity]
) -> None:
    found = [each for each in (SMALL, MEDIUM, LARGE) if HISTORY.allow(each, command)]
    assert found == allowed
    assert HISTORY.allow(MEDIUM._replace(tokens=300), 200)
    assert not HISTORY.allow(SMALL._replace(tokens=300), 200)


def test_a_start_enlarges_from_its_next_command_on() -> None:
    first = CapacityHistory.of(SMALL)
    assert first.enlarged(0, LARGE) == CapacityHistory.of(LARGE), "no command has had the smaller"
    assert first.enlarged(50, SMALL) == first
    second = first.enlarged(50, MEDIUM)
    assert second == ((0, SMALL), (50, MEDIUM))
    assert second.enlarged(50, LARGE) == ((0, SMALL), (50, LARGE)), "nor has any this"
    assert second.enlarged(51, LARGE) == ((0, SMALL), (50, MEDIUM), (51, LARGE))
    # a journal that ends before a period began has no command of it
    assert HISTORY.enlarged(150, LARGE) == ((0, SMALL), (100, MEDIUM), (150, LARGE))


@pytest.mark.parametrize(
    ("periods", "problem"),
    [
        ((), "from command 0"),
        (((1, SMALL),), "from command 0"),
        (((0, SMALL), (0, LARGE)), "later command"),
        (((0, SMALL), (5, MEDIUM), (4, LARGE)), "later command"),
        (((0, LARGE), (5, SMALL)), r"cannot become smaller: orders 6 \(of 600\), tokens"),
    ],
)
def test_what_is_no_history_is_refused(
    periods: tuple[tuple[int, EngineCapacity], ...], problem: str
) -> None:
    with pytest.raises(ValueError, match=problem):
        CapacityHistory(tuple(CapacityPeriod(*each) for each in periods))
