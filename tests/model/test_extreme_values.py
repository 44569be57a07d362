"""Both exchanges and the ledger at the limits of every amount: equal, and equal to exact numbers.

``tests/unit/exchange/engine/test_bounds.py`` proves that nothing can pass these limits; here
prices, quantities, rates, deposits and positions are driven to them. The twin and the ledger count
with Python's integers, so a wrapped amount in the engine is a difference.
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np
import pytest

from exchange import commands as operators
from exchange.codes import CommandKind, EventKind, Parameter, Reject, Side
from exchange.definitions.rules import InstrumentTerms
from exchange.records import COMMAND
from exchange.recovery.ledger import Ledger
from replay.accounts import frozen_problems, ledger_of
from tests.model.comparison import Comparison
from tests.model.generators.streams import as_events
from tests.model.naive.command import Capacities

NOW_NS = 4_102_444_800_000_000_000  # the year 2100
DECIMALS = 8
MONEY = 1 << 61  # of the currency in all
LARGEST_DEPOSIT = 1 << 56
RATE = 100_000
FEES, BUYER, SELLER, SECOND_BUYER = 1, 2, 3, 4
CAPACITIES = Capacities(
    instruments=8, sessions=8, orders=1 << 12, tokens=1 << 14, accounts=8, positions=64
)


class Extreme(NamedTuple):
    """An instrument at a limit. Prices in minor units; ``multiplier``: to the currency's."""

    name: str
    tick: int
    price: int  # the highest
    quantity: int  # of an order
    price_decimals: int

    @property
    def multiplier(self) -> int:
        return int(10 ** (DECIMALS - self.price_decimals))

    @property
    def bound(self) -> int:
        """Of a position."""
        return min(1 << 40, (1 << 61) // (self.price * self.multiplier))


EXTREMES = (
    Extreme("price", 1 << 18, 1 << 47, 1 << 9, 8),
    Extreme("quantity", 1, 1 << 16, 1 << 40, 8),
    Extreme("multiplier", 1, 720, 1_000_000, 0),
)


class Market:
    """One instrument, three rich accounts with a session each, and everybody's bookkeeping."""

    def __init__(self, extreme: Extreme, maker_rate: int, taker_rate: int) -> None:
        self.extreme = extreme
        self.both = Comparison(CAPACITIES, extreme.name)
        self.ledger = Ledger()
        self.tokens = itertools.count(1)
        terms = InstrumentTerms(
            "EXTREME", extreme.tick, 1, extreme.price_decimals, extreme.tick, extreme.price,
            extreme.quantity, currency=1, group=0,
        )  # fmt: skip
        self.feed(operators.open_account(FEES))
        self.feed(operators.define_currency(1, "BIG", DECIMALS, FEES))
        self.feed(operators.set_parameter(Parameter.FEES, 0, (maker_rate, taker_rate, 0)))
        self.feed(operators.set_parameter(Parameter.SHORT_SALES, 0, (1, 0, 0)))
        self.feed(operators.define_instrument(1, terms))
        for account in (BUYER, SELLER, SECOND_BUYER):
            self.feed(operators.open_account(account))
            self.feed(operators.define_session(account, f"U{account}", account))
        self.feed(operators.start_of_day(21_000_101, NOW_NS))

    def feed(self, slots: np.ndarray) -> np.ndarray:
        """One command to both exchanges and its events to the ledger; all must agree."""
        slots["timestamp_ns"][0] = NOW_NS
        events = as_events(self.both.feed(slots))
        self.ledger.apply(events)
        state = ledger_of(self.both.matcher.state)
        assert self.ledger.difference(state) is None
        assert self.ledger.problems() == [] and frozen_problems(state) == []
        return events

    def order(self, account: int, side: Side, quantity: int, price: int) -> np.ndarray:
        slot = np.zeros(1, COMMAND)
        for name, value in {
            "kind": CommandKind.ENTER,
            "session": account,
            "instrument": 1,
            "side": side,
            "quantity": quantity,
            "price": price,
            "time_in_force": 99_998,
            "display": ord("Y"),
            "capacity": ord("A"),
            "cross_type": ord("N"),
        }.items():
            slot[name] = value
        octets = f"T{next(self.tokens):<13d}".encode()
        slot["token_0"] = int.from_bytes(octets[:8], "little")
        slot["token_1"] = int.from_bytes(octets[8:12], "little")
        slot["token_2"] = int.from_bytes(octets[12:], "little")
        return self.feed(slot)

    def whole(self, account: int, side: Side, total: int, price: int) -> None:
        """Orders of the largest size until ``total`` has been entered; every one is accepted."""
        while total > 0:
            quantity = min(total, self.extreme.quantity)
            events = self.order(account, side, quantity, price)
            assert events["kind"][0] == EventKind.ACCEPTED, Reject(events["reason"][0]).name
            total -= quantity

    def deposit(self, account: int, amount: int) -> np.ndarray:
        return self.feed(operators.move_money(CommandKind.DEPOSIT, account, 1, amount))

    def stock(self, kind: CommandKind, account: int, amount: int) -> None:
        """Stock at the highest price, in as many commands as it takes."""
        while amount > 0:
            part = min(amount, 1 << 40)
            events = self.feed(operators.move_stock(kind, account, 1, part, self.extreme.price))
            assert events["kind"][0] == EventKind.BALANCE_CHANGED
            amount -= part

    def refused(self, events: np.ndarray) -> Reject:
        assert events["kind"][0] in (EventKind.CONTROL_REJECTED, EventKind.REJECTED)
        return Reject(events["reason"][0])


@pytest.fixture(params=EXTREMES, ids=lambda extreme: extreme.name)
def extreme(request: pytest.FixtureRequest) -> Extreme:
    found = request.param
    assert isinstance(found, Extreme)
    assert found.price * found.multiplier * found.quantity > (1 << 56) * 99 // 100
    assert found.bound * found.price * found.multiplier > (1 << 61) * 99 // 100 or (
        found.bound == 1 << 40
    )
    return found


def test_all_the_money_there_can_be(extreme: Extreme) -> None:
    market = Market(extreme, 0, 0)
    assert market.refused(market.deposit(BUYER, LARGEST_DEPOSIT + 1)) == Reject.INVALID_AMOUNT
    for _ in range(MONEY // LARGEST_DEPOSIT):
        market.deposit(BUYER, LARGEST_DEPOSIT)
    assert market.ledger.balance(BUYER, 1).balance == MONEY
    assert market.refused(market.deposit(SELLER, 1)) == Reject.INVALID_AMOUNT
    withdrawn = market.feed(operators.move_money(CommandKind.WITHDRAW, BUYER, 1, 1))
    assert int(withdrawn["remaining"][0]) == MONEY - 1
    market.deposit(SELLER, 1)
    assert market.ledger.currencies[1].net == MONEY


@pytest.mark.parametrize("maker_rate, taker_rate", [(RATE, RATE), (-RATE, RATE), (0, 0)])
def test_largest_orders_at_the_highest_price(
    extreme: Extreme, maker_rate: int, taker_rate: int
) -> None:
    """All of a seller's stock goes to two buyers, each side being the aggressor in turn."""
    market = Market(extreme, maker_rate, taker_rate)
    price, quantity, multiplier = extreme.price, extreme.quantity, extreme.multiplier
    for account in (BUYER, SECOND_BUYER):
        for _ in range(16):
            market.deposit(account, LARGEST_DEPOSIT)
    orders = min(4, extreme.bound // quantity)
    market.stock(CommandKind.DEPOSIT, SELLER, orders * quantity)
    for number in range(orders):
        buyer = BUYER if number % 2 else SECOND_BUYER
        pairs = [(buyer, Side.BUY), (SELLER, Side.SELL)]
        for account, side in pairs if number < orders // 2 else pairs[::-1]:
            market.order(account, side, quantity, price)
    value = price * quantity * multiplier * orders
    assert value > (1 << 56) * 9 // 10 * orders
    maker_fee = value // orders * abs(maker_rate) // 1_000_000 * (1 if maker_rate >= 0 else -1)
    taker_fee = value // orders * taker_rate // 1_000_000
    fees = orders * (maker_fee + taker_fee)
    ledger = market.ledger
    assert ledger.balance(FEES, 1).balance == fees
    paid = 32 * LARGEST_DEPOSIT - sum(
        ledger.balance(account, 1).balance for account in (BUYER, SECOND_BUYER)
    )
    assert paid == ledger.balance(SELLER, 1).balance + fees
    assert abs(paid - value) <= orders * max(abs(maker_fee), taker_fee)
    bought = [ledger.position(account, 1) for account in (BUYER, SECOND_BUYER)]
    assert sum(position.cost for position in bought) == value
    assert sum(position.quantity for position in bought) == orders * quantity
    assert ledger.position(SELLER, 1).quantity == ledger.position(SELLER, 1).cost == 0


def test_positions_at_both_bounds(extreme: Extreme) -> None:
    """From the bound to twice below it, and back in one deposit where a command can hold it."""
    market = Market(extreme, -RATE, RATE)
    bound, price = extreme.bound, extreme.price
    low = max(price // 8 // extreme.tick * extreme.tick, extreme.tick)
    for account in (BUYER, SECOND_BUYER):
        for _ in range(16):
            market.deposit(account, LARGEST_DEPOSIT)
    market.stock(CommandKind.DEPOSIT, SELLER, bound)
    held = market.ledger.position(SELLER, 1)
    assert held.cost == bound * price * extreme.multiplier
    one_more = operators.move_stock(CommandKind.DEPOSIT, SELLER, 1, 1, price)
    assert market.refused(market.feed(one_more)) == Reject.INVALID_AMOUNT
    # shorts are judged while the stock is there; then the stock goes
    market.whole(SELLER, Side.SELL_SHORT, 2 * bound, low)
    assert market.refused(market.order(SELLER, Side.SELL_SHORT, 1, low)) == Reject.POSITION_LIMIT
    market.stock(CommandKind.WITHDRAW, SELLER, bound)
    for account in (BUYER, SECOND_BUYER):
        market.whole(account, Side.BUY, bound, low)
        assert market.ledger.position(account, 1).quantity == bound
        assert market.refused(market.order(account, Side.BUY, 1, low)) == Reject.POSITION_LIMIT
    short = market.ledger.position(SELLER, 1)
    assert short.quantity == -2 * bound
    assert short.cost == -2 * bound * low * extreme.multiplier
    for account in (BUYER, SECOND_BUYER):
        market.stock(CommandKind.WITHDRAW, account, bound)
    assert market.ledger.instruments[1].net_stock == -2 * bound
    market.stock(CommandKind.DEPOSIT, SELLER, 3 * bound)
    again = market.ledger.position(SELLER, 1)
    assert (again.quantity, again.cost) == (bound, bound * price * extreme.multiplier)


def test_average_cost_of_odd_parts(extreme: Extreme) -> None:
    """Costs near 2^61 in parts that divide nothing evenly: floor at every step, never a wrap."""
    market = Market(extreme, RATE, RATE)
    for _ in range(16):
        market.deposit(BUYER, LARGEST_DEPOSIT)
    market.stock(CommandKind.DEPOSIT, SELLER, extreme.bound)
    random = np.random.default_rng(5)
    quantity, cost = extreme.bound, extreme.bound * extreme.price * extreme.multiplier
    low = max(extreme.price // 8 // extreme.tick * extreme.tick, extreme.tick)
    for _ in range(12):
        part = int(random.integers(1, min(extreme.quantity, quantity) + 1))
        market.order(BUYER, Side.BUY, part, low)
        market.order(SELLER, Side.SELL, part, low)
        cost -= cost * part // quantity
        quantity -= part
        held = market.ledger.position(SELLER, 1)
        assert (held.quantity, held.cost) == (quantity, cost)
