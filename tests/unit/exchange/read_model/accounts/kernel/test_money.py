"""The account model's integers at their bounds, beside Python's, which have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exchange.codes import EventKind, Parameter, Side
from exchange.read_model.accounts.kernel.money import fee_of, share_of
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.records import EVENT
from exchange.recovery.ledger import Ledger
from exchange.recovery.ledger import fee_of as exact_fee_of
from ringbuffer.jit import JIT_DISABLED, jit

POSITION_MOST = 1 << 41
COST_MOST = (1 << 62) - 1
VALUE_MOST = 1 << 56


@jit
def shares(costs: np.ndarray, parts: np.ndarray, wholes: np.ndarray, found: np.ndarray) -> None:
    for i in range(costs.shape[0]):
        found[i] = share_of(costs[i], parts[i], wholes[i])


@jit
def fees(values: np.ndarray, rates: np.ndarray, found: np.ndarray) -> None:
    for i in range(values.shape[0]):
        found[i] = fee_of(values[i], rates[i])


def spread(random: np.random.Generator, most: int, count: int) -> np.ndarray:
    """Numbers from 0 to ``most`` of every length, and the ends."""
    lengths = random.integers(0, most.bit_length(), count)
    numbers = np.minimum(random.integers(0, 1 << 62, count) >> (62 - lengths), most)
    numbers[:6] = [0, 1, most, most - 1, most // 2, most // 3]
    return random.permutation(numbers)


@pytest.mark.parametrize("seed", range(3))
def test_shares_of_a_cost(seed: int) -> None:
    random = np.random.default_rng(seed)
    count = 2_000 if JIT_DISABLED else 50_000
    wholes = np.maximum(spread(random, POSITION_MOST, count), 1)
    parts = np.clip(spread(random, POSITION_MOST, count), 1, wholes)
    costs = spread(random, COST_MOST, count)
    found = np.zeros(count, np.int64)
    shares(costs, parts, wholes, found)
    rows = zip(costs.tolist(), parts.tolist(), wholes.tolist(), strict=True)
    assert found.tolist() == [cost * part // whole for cost, part, whole in rows]


def test_fees() -> None:
    random = np.random.default_rng(4)
    count = 2_000 if JIT_DISABLED else 50_000
    values = spread(random, VALUE_MOST, count)
    rates = spread(random, 100_000, count) * random.choice([-1, 1], count)
    found = np.zeros(count, np.int64)
    fees(values, rates, found)
    rows = zip(values.tolist(), rates.tolist(), strict=True)
    assert found.tolist() == [exact_fee_of(value, rate) for value, rate in rows]


class Story:
    """Events written by hand, numbered and stamped one after another."""

    def __init__(self) -> None:
        self.events: list[np.ndarray] = []

    def tell(self, kind: EventKind, **fields: Any) -> None:
        event = np.zeros(1, EVENT)
        event["kind"] = kind
        event["sequence"] = len(self.events)
        event["timestamp_ns"] = 1_000 + len(self.events)
        for name, value in fields.items():
            event[name] = value
        self.events.append(event)

    def whole(self) -> np.ndarray:
        return np.frombuffer(b"".join(event.tobytes() for event in self.events), EVENT)


def test_a_chain_of_replacements_whose_value_leaves_64_bits() -> None:
    """Replaced again and again, an order may fill for more than an int64 can say."""
    price, quantity, links = 1 << 30, 1 << 25, 300
    story = Story()
    for account in (1, 2, 3):
        story.tell(EventKind.ACCOUNT_DEFINED, account=account)
        story.tell(EventKind.SESSION_DEFINED, session=account, quantity=account)
    story.tell(EventKind.CURRENCY_DEFINED, currency=1, display=2, account=3)
    story.tell(EventKind.INSTRUMENT_DEFINED, instrument=1, currency=1, display=2)
    story.tell(
        EventKind.PARAMETER_SET, parameter=Parameter.FEES, instrument=1, price=-50, quantity=100
    )
    order: dict[str, Any] = {"instrument": 1, "price": price}

    def accept(order_id: int, session: int, side: Side, size: int) -> None:
        fields = {"order_id": order_id, "session": session, "side": side, "quantity": size}
        story.tell(EventKind.ACCEPTED, **fields, **order)

    def trade(maker: int, of: int, side: Side, left: int, aggressor: int) -> None:
        fields = {"order_id": maker, "session": of, "side": side, "remaining": left}
        contra = {"contra_order_id": aggressor, "contra_session": 3 - of}
        story.tell(EventKind.TRADE, quantity=quantity, **fields, **contra, **order)

    accept(100, 1, Side.BUY, 2 * quantity)
    for link in range(links):
        buyer = 100 + 5 * link
        accept(buyer + 1, 2, Side.SELL_SHORT, quantity)
        trade(buyer, 1, Side.BUY, quantity, buyer + 1)
        # and the stock goes back, as it must within the bounds of positions
        accept(buyer + 2, 2, Side.BUY, quantity)
        accept(buyer + 3, 1, Side.SELL, quantity)
        trade(buyer + 2, 2, Side.BUY, 0, buyer + 3)
        story.tell(EventKind.REMOVED, order_id=buyer, session=1, quantity=quantity, **order)
        story.tell(
            EventKind.REPLACED,
            order_id=buyer + 5,
            contra_order_id=buyer,
            session=1,
            side=Side.BUY,
            quantity=2 * quantity,
            **order,
        )
    events = story.whole()
    model = AccountModel(
        AccountModelCapacity(
            accounts=4, sessions=4, instruments=2, positions=8, orders=2_000, fills=1_000
        )
    )
    model.apply(events)
    last = model.order(100 + 5 * links)
    assert last is not None
    assert (last.filled, last.filled_before) == (0, links * quantity)
    assert last.quantity == last.open == 2 * quantity
    before = model.order(last.replaces)
    assert before is not None and (before.filled, before.cancelled) == (quantity, quantity)
    assert before.filled_value == quantity * price
    ledger = Ledger()
    ledger.apply(events)
    for account in (1, 2, 3):
        balance = ledger.balance(account, 1)
        assert model.account(account).balances[1] == (balance.balance, balance.frozen)
        assert len(model.positions(account)) == (account != 3)
        for held in model.positions(account):
            found = ledger.position(account, 1)
            assert (held.quantity, held.total_cost) == (found.quantity, found.cost)
