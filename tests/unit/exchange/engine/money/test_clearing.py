"""The arithmetic of fees and average costs is exact, and a trade moves what it should."""

from __future__ import annotations

import random

import pytest

from exchange.codes import CommandKind, Parameter, Side
from exchange.engine.money.clearing import mul_ppm
from exchange.engine.money.positions import share_of_cost
from exchange.engine.state import layout
from tests.harness.small_engine import (
    CURRENCY,
    FEE_ACCOUNT,
    MONEY,
    STOCK,
    Exchange,
    administer,
    cancel,
    enter,
    opened,
    parameter,
)

BUY, SELL, SHORT = int(Side.BUY), int(Side.SELL), int(Side.SELL_SHORT)
CASES = 20_000


def test_a_part_of_a_cost_is_exact_up_to_the_bounds() -> None:
    random_numbers = random.Random(1)
    for _ in range(CASES):
        whole = random_numbers.randint(1, 1 << random_numbers.randint(0, 41))
        part = random_numbers.randint(1, whole)
        cost = random_numbers.randint(0, 1 << random_numbers.randint(0, 62))
        assert share_of_cost(cost, part, whole) == cost * part // whole, (cost, part, whole)
    most = (1 << 62, (1 << 41) - 1, 1 << 41)
    assert share_of_cost(*most) == most[0] * most[1] // most[2]


def test_parts_in_a_million_are_exact_and_truncated_towards_zero() -> None:
    random_numbers = random.Random(2)
    for _ in range(CASES):
        amount = random_numbers.randint(0, 1 << random_numbers.randint(0, 61))
        rate = random_numbers.randint(-1_000_000, 1_000_000)
        exact = abs(amount * rate) // 1_000_000
        assert mul_ppm(amount, rate) == (exact if rate >= 0 else -exact), (amount, rate)


def balance(exchange: Exchange, account: int) -> tuple[int, int]:
    """(balance, frozen) in the harness's currency."""
    at = account * layout.ACCOUNT_WORDS + layout.ACCOUNT_BALANCES + 2 * CURRENCY
    return int(exchange.state.accounts[at]), int(exchange.state.accounts[at + 1])


def position(exchange: Exchange, account: int, instrument: int = 1) -> list[int]:
    """[quantity, frozen, total cost, open buys, open shorts]."""
    rows = exchange.state.positions.reshape(-1, layout.POSITION_WORDS)
    row = rows[rows[:, 0] == ((account << 16) | instrument) + 1]
    return [int(word) for word in row[0, 1:6]]


def live(exchange: Exchange, account: int) -> int:
    word = exchange.state.accounts[account * layout.ACCOUNT_WORDS + layout.ACCOUNT_LIVE]
    return int(word) & 0xFFFFFFFF


def test_an_order_freezes_its_worst_case_and_a_trade_returns_what_it_saved() -> None:
    exchange = opened()
    exchange.run(parameter(Parameter.FEES, -100, 300, instrument=1))
    exchange.run(enter("bid", BUY, 10, 20_000))
    # 200,000 and 0.03 % of it
    assert balance(exchange, 1) == (MONEY, 200_060)
    assert position(exchange, 1)[3] == 10
    assert live(exchange, 1) == 1
    exchange.run(enter("ask", SELL, 4, 19_000, session=2))
    # the maker's price, the maker's rebate, the taker's fee; 6 are still wanted
    assert balance(exchange, 1) == (MONEY - 80_000 + 8, 120_036)
    assert balance(exchange, 2) == (MONEY + 80_000 - 24, 0)
    assert balance(exchange, FEE_ACCOUNT) == (16, 0)
    assert position(exchange, 1) == [STOCK + 4, 0, 100 * STOCK + 80_000, 6, 0]
    assert position(exchange, 2) == [STOCK - 4, 0, 100 * STOCK - 400, 0, 0]
    exchange.run(cancel("bid"))
    assert balance(exchange, 1)[1] == 0
    assert (position(exchange, 1)[3], live(exchange, 1)) == (0, 0)


def test_a_position_is_built_reduced_emptied_and_sold_short() -> None:
    exchange = opened()
    exchange.run(
        administer(
            CommandKind.WITHDRAW, terms={"account": 2}, quantity=STOCK, instrument=1, price=0
        )
    )
    assert position(exchange, 2)[:3] == [0, 0, 0]
    deals = [
        (BUY, 10, 50, [10, 0, 500]),
        (BUY, 5, 61, [15, 0, 805]),
        # 805 x 4 / 15 = 214.67: the part that leaves is rounded down
        (SELL, 4, 70, [11, 0, 591]),
        (SELL, 11, 40, [0, 0, 0]),
        (SHORT, 10, 70, [-10, 0, -700]),
        (BUY, 3, 40, [-7, 0, -490]),
        # through zero: what is left of it starts anew at its own price
        (BUY, 9, 30, [2, 0, 60]),
        (SHORT, 5, 20, [-3, 0, -60]),
    ]
    for number, (side, quantity, price, expected) in enumerate(deals):
        exchange.run(enter(f"maker{number}", BUY if side != BUY else SELL, quantity, price))
        exchange.run(enter(f"deal{number}", side, quantity, price, session=2))
        assert position(exchange, 2)[:3] == expected, number


def test_a_trade_with_oneself_changes_only_the_fees() -> None:
    exchange = opened()
    exchange.run(parameter(Parameter.FEES, 50, 300, instrument=1))
    before = position(exchange, 1)
    exchange.run(enter("a", SELL, 100, 1_000))
    exchange.run(enter("b", BUY, 100, 1_000))
    assert balance(exchange, 1) == (MONEY - 35, 0)
    assert balance(exchange, FEE_ACCOUNT) == (35, 0)
    after = position(exchange, 1)
    assert (after[0], after[1], after[3:]) == (before[0], 0, [0, 0])
    # bought at 100,000, then sold at the average of everything held
    cost = before[2] + 100_000
    assert after[2] == cost - cost * 100 // (before[0] + 100)


@pytest.mark.parametrize("quantity", [1, 7])
def test_an_aggressor_that_trades_at_once_never_counts_as_live(quantity: int) -> None:
    exchange = opened()
    exchange.run(enter("ask", SELL, 10, 500, session=2))
    exchange.run(enter("buy", BUY, quantity, 500, time_in_force=0))
    assert (live(exchange, 1), live(exchange, 2)) == (0, 1)
    assert position(exchange, 2)[1] == 10 - quantity
    assert balance(exchange, 1)[1] == 0
