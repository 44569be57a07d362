"""What changed in the account model, and its rows for bulk readers: nothing is lost on the way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import Order
from tests.model.naive.history import NaiveHistory
from tests.unit.exchange.read_model.accounts.account_streams import (
    ACCOUNTS,
    all_orders,
    capacity,
    fields,
    in_pieces,
    stream_of,
)


@pytest.fixture(scope="module", params=[51, 52])
def stream(request: pytest.FixtureRequest) -> np.ndarray:
    return stream_of(request.param)


def test_what_changed_is_enough_to_keep_a_copy(stream: np.ndarray) -> None:
    """A copy that is brought up to date with the rows of what changed is always complete."""
    random = np.random.default_rng(8)
    model = AccountModel(capacity(), track_dirty=True)
    orders: dict[int, Any] = {}
    balances: dict[tuple[int, int], Any] = {}
    positions: dict[tuple[int, int], Any] = {}
    taken = 0
    for piece in in_pieces(stream, random):
        model.apply(piece)
        dirty = model.take_dirty()
        taken += len(dirty.orders)
        for keys in (dirty.orders, dirty.accounts, dirty.positions):
            assert len(np.unique(keys, axis=0)) == len(keys)
        orders |= {int(row["order_id"]): row for row in model.order_rows(dirty.orders)}
        for row in model.balance_rows(dirty.accounts):
            balances[int(row["account"]), int(row["currency"])] = row
        for row in model.position_rows(dirty.positions):
            positions[int(row["account"]), int(row["instrument"])] = row
    assert len(model.take_dirty().orders) == 0
    assert taken > len(orders)
    for rows, copied in (
        (model.order_rows(np.array([*orders])), orders),
        (model.balance_rows(np.array([*balances])), balances),
        (model.position_rows(np.array([*positions])), positions),
    ):
        assert rows.tolist() == [row.tolist() for row in copied.values()]
    for account in ACCOUNTS:
        for order in all_orders(model, account):
            check_order_row(orders.pop(order.order_id), order)
    for account in model.accounts():
        whole = model.account(account)
        changed_ns = 0
        for currency, money in {0: (0, 0), **whole.balances}.items():
            row = balances.pop((account, currency))
            assert (row["balance"], row["frozen"]) == money
            for name in ("daily_order_count", "daily_order_limit", "created_ns"):
                assert row[name] == getattr(whole, name), name
            changed_ns = max(changed_ns, int(row["updated_ns"]))
        assert changed_ns == whole.updated_ns
        for position in model.positions(account):
            row = positions.pop((account, position.instrument))
            for name in ("quantity", "frozen", "total_cost", "created_ns", "updated_ns"):
                assert row[name] == getattr(position, name), name
    assert not orders and not positions and not balances


def test_what_one_event_changes_is_known_after_it(stream: np.ndarray) -> None:
    """Taken after every single event, also between those of one command."""
    model, history = AccountModel(capacity(), track_dirty=True), NaiveHistory()
    before: dict[int, Any] = {}
    part = stream[:1_500]
    for number in range(len(part)):
        event = part[number : number + 1]
        model.apply(event)
        history.apply(event)
        taken = set(model.take_dirty().orders.tolist())
        ids = {int(event["order_id"][0]), int(event["contra_order_id"][0])}
        for order_id in ids & history.orders.keys():
            now = history.order(order_id)
            assert order_id in taken or before.get(order_id) == now, event
            before[order_id] = now


def check_order_row(row: np.void, order: Order) -> None:
    for name, value in fields(order).items():
        if name == "display":
            assert chr(row[name]) == value
        elif name == "token":
            assert row[name].ljust(14, b"\0") == value
        else:
            assert row[name] == value, name


def test_rows_of_what_is_not_there() -> None:
    model = AccountModel(capacity())
    assert model.order_rows(np.array([5, -1]))["order_id"].tolist() == [0, 0]
    assert model.balance_rows(np.array([[99, 1], [1, 99], [0, 0]]))["account"].tolist() == [0] * 3
    assert model.position_rows(np.array([[1, 1]]))["account"].tolist() == [0]
