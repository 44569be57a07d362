"""Whose place a newcomer takes, against a plain count of all places."""

from __future__ import annotations

import random
from collections import Counter

from exchange.api.access.shares import Shares


def test_the_newest_of_the_name_that_has_most_gives_way() -> None:
    shares: Shares[int] = Shares()
    for number in range(4):
        shares.join("many", number)
    shares.join("one", 10)
    assert (shares.count("many"), shares.count("one"), shares.held) == (4, 1, 5)
    assert shares.gives_way("new") == 3
    assert shares.gives_way("one") == 3
    assert shares.gives_way("many") is None, "nobody has more than the newcomer"
    shares.leave("many", 3)
    assert shares.gives_way("one") == 2
    shares.leave("many", 2)
    assert shares.gives_way("one") is None, "it would have fewer than the newcomer then"
    assert shares.gives_way("new") == 1
    shares.leave("many", 3)
    assert shares.held == 3, "whoever has no place leaves none"


def test_nobody_gives_way_where_nobody_has_two() -> None:
    shares: Shares[int] = Shares()
    assert shares.gives_way("new") is None
    for number in range(3):
        shares.join(f"name {number}", number)
    assert shares.gives_way("new") is None


def test_random_comings_and_goings() -> None:
    dice = random.Random(1)
    shares: Shares[int] = Shares()
    held: list[tuple[str, int]] = []
    for number in range(5_000):
        if held and dice.random() < 0.5:
            name, holder = held.pop(dice.randrange(len(held)))
            shares.leave(name, holder)
        else:
            name = f"name {dice.randrange(6)}"
            shares.join(name, number)
            held.append((name, number))
        counts = Counter(name for name, _ in held)
        most = max(counts.values(), default=0)
        asks = f"name {dice.randrange(7)}"
        found = shares.gives_way(asks)
        assert shares.held == len(held)
        assert shares.count(asks) == counts[asks]
        if most < counts[asks] + 2:
            assert found is None
        else:
            (of,) = [name for name, holder in held if holder == found]
            assert counts[of] == most
            assert found == max(holder for name, holder in held if name == of)
