"""The rules of definitions, against the matcher's own check, and names one by one."""

from __future__ import annotations

import random

import pytest

from exchange.codes import Reject
from exchange.definitions.rules import (
    InstrumentTerms,
    code_problems,
    number_problem,
    range_problems,
    symbol_problems,
    username_problems,
)
from exchange.engine.control.definitions import specification_valid


def test_the_matcher_and_the_door_agree_about_numbers() -> None:
    seed = 20_261_130
    print("seed", seed)
    choose = random.Random(seed)
    edges = [0, 1, 2, 3, 5, 100, (1 << 30) - 1, 1 << 30, 1 << 40, (1 << 40) + 1, 1 << 47]
    edges += [(1 << 47) + 1, -1, 1 << 56, 1 << 61]
    agreed = {True: 0, False: 0}
    for _ in range(20_000):
        tick, lot = choose.choice(edges[:6]), choose.choice(edges[:8])
        minimum = choose.choice([tick, tick * 2, choose.choice(edges)])
        # what a record has room for
        maximum = min(choose.choice([minimum, minimum * 10, choose.choice(edges)]), 1 << 62)
        quantity, decimals = choose.choice(edges), choose.randint(0, 9)
        currency_decimals = choose.randint(0, 8)
        terms = InstrumentTerms("X", tick, lot, decimals, minimum, maximum, quantity, 1, 0)
        valid = bool(
            specification_valid(tick, lot, decimals, currency_decimals, minimum, maximum, quantity)
        )
        assert (next(range_problems(terms, "USD", currency_decimals), None) is None) == valid, terms
        agreed[valid] += 1
    assert min(agreed.values()) > 100, agreed


@pytest.mark.parametrize(
    "problems",
    [
        symbol_problems(2, "AAPL", {"AAPL": 1}, ()),
        symbol_problems(2, "USD", {}, ("USD",)),
        symbol_problems(2, "A,B", {}, ()),
        symbol_problems(2, "<b>", {}, ()),
        username_problems(2, "DEMO1", {"DEMO1": 1}),
        username_problems(2, "DEMO1\n", {}),
        code_problems(2, "USD", {"USD": 1}, ()),
        code_problems(2, "AAPL", {}, ("AAPL",)),
        code_problems(2, "usd", {}, ()),
        number_problem(0, 8, "accounts", Reject.ACCOUNT_OUT_OF_RANGE),
        number_problem(8, 8, "accounts", Reject.ACCOUNT_OUT_OF_RANGE),
    ],
)
def test_a_name_or_a_number_is_refused(problems: object) -> None:
    assert len(list(problems)) == 1  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "problems",
    [
        symbol_problems(1, "AAPL", {"AAPL": 1}, ("USD",)),
        symbol_problems(2, "2330.TW", {"AAPL": 1}, ("USD",)),
        username_problems(1, "DEMO1", {"DEMO1": 1}),
        code_problems(1, "USD", {"USD": 1}, ("AAPL",)),
        number_problem(7, 8, "accounts", Reject.ACCOUNT_OUT_OF_RANGE),
    ],
)
def test_a_name_or_a_number_is_right(problems: object) -> None:
    assert list(problems) == []  # type: ignore[call-overload]
