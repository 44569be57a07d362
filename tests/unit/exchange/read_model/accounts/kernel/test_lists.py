"""Lists of orders in the account model's memory: who makes room when there is little."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from exchange.codes import EventKind
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import ReadModelFull
from exchange.records import EVENT
from tests.model.naive.history import CLOSED, NaiveHistory
from tests.unit.exchange.read_model.accounts.account_streams import (
    ACCOUNTS,
    all_fills,
    all_orders,
    capacity,
    check_order,
    fields,
    in_pieces,
    stream_of,
)


@pytest.fixture(scope="module", params=[51, 52])
def stream(request: pytest.FixtureRequest) -> np.ndarray:
    return stream_of(request.param)


def test_the_orders_that_closed_first_are_forgotten(stream: np.ndarray) -> None:
    """With little more room than live orders need: live ones stay, pages stay right."""
    history = NaiveHistory()
    most = 0
    live: set[int] = set()
    for start in range(0, len(stream), 50):
        history.apply(stream[start : start + 50])
        live = {o.order_id for o in history.orders.values() if o.status not in CLOSED}
        most = max(most, len(live))
    kept = most + 60
    history = NaiveHistory(kept)
    history.apply(stream)
    model = AccountModel(capacity(orders=kept, fills=90), track_dirty=True)
    for start in range(0, len(stream), 20):
        model.apply(stream[start : start + 20])
        model.take_dirty()
    assert model.evicted_order_count > 0
    assert len(history.orders) == kept
    assert live <= history.orders.keys()
    for order_id in np.unique(stream["order_id"]).tolist():
        check_order(model, history, order_id)
    last_trades = np.flatnonzero(stream["kind"] == EventKind.TRADE)[-45:]
    oldest = int(stream["sequence"][last_trades[0]])
    for account in ACCOUNTS:
        mine = [order.order_id for order in history.of_account(account)]
        assert [order.order_id for order in all_orders(model, account)] == mine
        assert [fields(f) for f in all_fills(model, account)] == [
            fill
            for fill in history.fills[::-1]
            if fill["account"] == account and fill["sequence"] >= oldest
        ]
    resumed = AccountModel(capacity(orders=kept, fills=90), track_dirty=True)
    resumed.load(model.dump())
    for account in ACCOUNTS:
        assert all_orders(resumed, account) == all_orders(model, account)
        assert all_fills(resumed, account) == all_fills(model, account)


def test_every_account_keeps_its_own_latest_orders(stream: np.ndarray) -> None:
    """Without changes to take: live orders stay, and of each account those that closed last."""
    history = NaiveHistory()
    history.apply(stream)
    live = {o.order_id for o in history.orders.values() if o.status not in CLOSED}
    model = AccountModel(capacity(orders=len(stream) // 8))
    random = np.random.default_rng(3)
    resumed = None
    for piece in in_pieces(stream, random):
        model.apply(piece)
        if resumed is not None:
            resumed.apply(piece)
        elif model.evicted_order_count > 100:
            resumed = AccountModel(capacity(orders=len(stream) // 8))
            resumed.load(model.dump())
    assert resumed is not None and model.evicted_order_count > 200
    kept_closed = 0
    for account in ACCOUNTS:
        mine = all_orders(model, account)
        assert all_orders(resumed, account) == mine
        kept = {order.order_id for order in mine}
        for order_id in kept:
            check_order(model, history, order_id)
        closed = [i for i in history.closed if history.orders[i].account == account]
        assert kept - set(closed) == {i for i in live if history.orders[i].account == account}
        latest = closed[len(closed) - len(kept & set(closed)) :]
        assert kept & set(closed) == set(latest)
        kept_closed += len(latest)
    assert kept_closed + len(live) == model.capacity.orders


@pytest.mark.needs_jit  # thousands of orders
def test_who_trades_a_lot_forgets_his_own_orders() -> None:
    """Twenty orders of three accounts each outlive twenty thousand of a fourth."""
    events = [np.zeros(1, EVENT) for _ in range(9)]
    for account in (1, 2, 3, 4):
        events[account]["kind"] = EventKind.ACCOUNT_DEFINED
        events[account]["account"] = account
        events[4 + account]["kind"] = EventKind.SESSION_DEFINED
        events[4 + account]["session"] = events[4 + account]["quantity"] = account
    for count, session in ((20, 1), (10_000, 4), (20, 2), (10_000, 4), (20, 3), (2_000, 4)):
        some = np.zeros(count, EVENT)
        some["kind"], some["session"] = EventKind.REJECTED, session
        events.append(some)
    whole = np.frombuffer(b"".join(part.tobytes() for part in events), EVENT).copy()
    whole["sequence"] = whole["order_id"] = np.arange(len(whole))
    model = AccountModel(capacity(orders=500))
    for start in range(0, len(whole), 700):
        model.apply(whole[start : start + 700])
    counts = [len(model.orders(account, limit=1_000)) for account in (1, 2, 3, 4)]
    assert counts == [20, 20, 20, 440]
    assert model.orders(4)[0].order_id == len(whole) - 1
    # it has the room to itself when the others are not there
    alone = AccountModel(capacity(orders=500))
    alone.apply(whole[:10_000])
    assert len(alone.orders(4, limit=1_000)) == 480


@pytest.mark.parametrize(
    "small",
    [
        {"accounts": 3},
        {"sessions": 3},
        {"instruments": 2},
        {"positions": 2},
        {"orders": 20},
        {"currencies": 2},
    ],
)
def test_too_small_a_capacity_is_named(stream: np.ndarray, small: dict[str, int]) -> None:
    model = AccountModel(msgspec.structs.replace(capacity(), **small))
    with pytest.raises(ReadModelFull, match=f"{next(iter(small))}: configure more"):
        model.apply(stream)
    stopped_at = model.next_event
    assert stopped_at < len(stream)
    with pytest.raises(ReadModelFull):
        model.apply(stream)
    assert model.next_event == stopped_at


def test_changes_nobody_takes_are_not_lost(stream: np.ndarray) -> None:
    model = AccountModel(capacity(orders=1 << 10), track_dirty=True)
    with pytest.raises(ReadModelFull, match="nobody has taken"):
        model.apply(stream)


@pytest.mark.parametrize("small", [{"orders": 1}, {"fills": 0}, {"orders": 1 << 40}])
def test_a_capacity_that_makes_no_sense_is_refused(small: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"orders|fills|bytes"):
        AccountModel(msgspec.structs.replace(capacity(), **small))
