"""Fair prices: repeatable, positive, near where the day began, pushed by trades."""

from __future__ import annotations

import math
import random

import pytest

from exchange.demo.prices import FARTHEST, FairPrice


@pytest.mark.parametrize("seed", range(5))
def test_a_price_stays_near_its_reference(seed: int) -> None:
    fair = FairPrice(10_000, random.Random(seed))
    for _ in range(5_000):
        value = fair.advance(1.0)
        assert abs(math.log(value / 10_000)) <= FARTHEST + 1e-9
        assert -1.0 <= fair.mood <= 1.0


def test_the_same_seed_gives_the_same_walk() -> None:
    one, other = (FairPrice(500, random.Random(3)) for _ in range(2))
    assert [one.advance(0.5) for _ in range(50)] == [other.advance(0.5) for _ in range(50)]


def test_it_goes_on_where_the_last_trade_was() -> None:
    assert FairPrice(500, random.Random(3), last_price=512).value == 512.0


def test_trades_push_it_the_more_the_larger_they_are() -> None:
    def after(side: str, size: float) -> float:
        fair = FairPrice(500, random.Random(3), last_price=500)
        fair.traded(side, size)
        return fair.value

    assert after("sell", 4) < after("sell", 1) < 500 < after("buy", 1) < after("buy", 4)
    assert after("buy", 1e9) == after("buy", 1e6)
