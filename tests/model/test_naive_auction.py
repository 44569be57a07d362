"""The naive auction's shortcut over many ticks finds what looking at every tick finds."""

from __future__ import annotations

import random

import pytest

from tests.model.naive import auction as naive_auction
from tests.model.naive.auction import auction_price, candidate_prices
from tests.model.naive.book import ASK, BID, Book, Level


def crossed_book(source: random.Random, tick: int) -> Book:
    book = Book()
    for side in (BID, ASK):
        for _ in range(source.randint(1, 8)):
            low, high = (20, 60) if side == BID else (1, 45)
            price = source.randint(low, high) * tick
            level = book.levels[side].setdefault(price, Level())
            level.quantity += source.randint(1, 5) * 10
            level.hidden += source.choice([0, 0, 30])
        book.prices[side].extend(sorted(book.levels[side]))
    return book


@pytest.mark.parametrize("seed", range(4))
def test_gaps_and_every_tick_agree(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    source = random.Random(seed)
    judged = 0
    for _ in range(500):
        tick = source.choice([1, 7])
        book = crossed_book(source, tick)
        low, high = book.best(ASK), book.best(BID)
        assert low is not None and high is not None
        if low > high:
            continue
        judged += 1
        reference = source.randint(1, 70) * tick
        every_tick = auction_price(book, range(low, high + 1, tick), reference)
        monkeypatch.setattr(naive_auction, "TICKS_LOOKED_AT", 0)
        candidates = candidate_prices(book, tick, reference)
        assert auction_price(book, candidates, reference) == every_tick
    assert judged > 200
