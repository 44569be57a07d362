"""Reports on the model tests' random streams: the order of each is what a naive history says.

The naive history takes events one by one; the reports are made from whole batches, of which the
account model only knows the end.
"""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from exchange.api.orders.json import order_json
from exchange.api.websocket.execution_reports import (
    EVENT_NAMES,
    Step,
    orders_after,
    reports,
    steps_of,
)
from exchange.codes import EventKind
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import AccountModelCapacity, Fill, Order
from ringbuffer.jit import JIT_DISABLED
from tests.model.generators.orders import EPISODES, Generator
from tests.model.generators.streams import as_events, commands_of
from tests.model.naive.exchange import NaiveExchange
from tests.model.naive.history import NaiveHistory

COMMANDS = 1_000 if JIT_DISABLED else 3_000
# what is compared of an order; the rest never changes
CHANGING = (
    "side", "quantity", "open", "filled", "filled_value", "status", "reason", "updated_ns",
    "filled_ns", "cancelled_ns",
)  # fmt: skip


def stream(seed: int) -> np.ndarray:
    episode = EPISODES[seed % len(EPISODES)]._replace(day_commands=COMMANDS // 3)
    exchange, sequence, made = NaiveExchange(episode.capacities), 0, bytearray()
    for slots in Generator(seed, episode).chunks(COMMANDS, 500):
        for number, command, continuation in commands_of(slots, sequence):
            made += b"".join(exchange.apply(number, command, continuation))
        sequence += len(slots)
    return as_events(bytes(made))


def owners(history: NaiveHistory) -> np.ndarray:
    found = np.zeros(1 << 16, np.int32)
    for session, account in history.sessions.items():
        found[session] = account
    return found


def lowered_since(events: np.ndarray) -> set[int]:
    """Orders that an event modifies that were there before: what they were before is not said."""
    kinds, ids = events["kind"], events["order_id"]
    modified = set(ids[kinds == EventKind.MODIFIED].tolist())
    arrived = (kinds == EventKind.ACCEPTED) | (kinds == EventKind.REPLACED)
    return modified - set(ids[arrived].tolist())


@pytest.mark.parametrize("seed", range(5))
def test_each_report_has_the_order_as_it_stood_then(seed: int):
    events = stream(seed)
    random = np.random.default_rng(seed)
    model = AccountModel(
        AccountModelCapacity(
            accounts=64, sessions=64, instruments=64, positions=512, orders=1 << 16, fills=1 << 16
        )
    )
    history = NaiveHistory()
    prevented: set[int] = set()
    counted: dict[int, int] = {}
    start = 0
    while start < len(events):
        piece = events[start : start + int(random.choice([1, 3, 50, 800, 5_000]))]
        start += len(piece)
        model.apply(piece)
        # what there was after each event, by sequence and order
        states: dict[tuple[int, int], dict[str, Any]] = {}
        for i in range(len(piece)):
            event = piece[i : i + 1]
            history.apply(event)
            kind = int(event["kind"][0])
            if kind in EVENT_NAMES:
                ids = [int(event["order_id"][0])]
                if kind == EventKind.TRADE:
                    ids.append(int(event["contra_order_id"][0]))
                if kind == EventKind.SELF_TRADE_PREVENTED:
                    prevented.update(ids)
                for order_id in ids:
                    found = history.order(order_id)
                    assert found is not None
                    states[int(event["sequence"][0]), order_id] = found
        told = 0
        vague = prevented | lowered_since(piece)
        for account in set(history.sessions.values()):
            steps = steps_of(piece, owners(history), account)
            for step, order in orders_after(steps, model.order):
                expected = states[step.sequence, step.order_id]
                assert order.account == account == expected["account"]
                waiting_terms = step.kind in (EventKind.ACCEPTED, EventKind.REPLACED)
                for name in CHANGING:
                    if name in ("quantity", "open") and step.order_id in vague:
                        continue  # how far that lowered it nobody says afterwards
                    if name == "updated_ns" and step.kind == EventKind.CANCEL_REJECTED:
                        continue  # it was not updated; when it last was nobody says afterwards
                    if name == "status" and step.kind == EventKind.CANCEL_REJECTED:
                        continue  # a stop may have waited for its price or for a review
                    if name == "status" and waiting_terms and order.status.name == "WAITING":
                        continue  # the TERMS event that says so comes after it
                    assert getattr(order, name) == expected[name], (name, step, order, expected)
                told += 1
                counted[step.kind] = counted.get(step.kind, 0) + 1
        assert told == len(states)
    kinds = {EventKind.ACCEPTED, EventKind.TRADE, EventKind.CANCELED, EventKind.REJECTED}
    assert kinds <= counted.keys()


def some_order(**fields: Any) -> Order:
    empty: dict[str, Any] = {name: 0 for name in Order.__struct_fields__}
    return Order(**empty | {"display": "Y", "token": b"T1".ljust(14), "status": 1} | fields)


def test_a_fill_says_price_fee_and_liquidity():
    step = Step(70, 5_000_000, EventKind.TRADE, 3, 100, 7, 0, 0, 0)
    fill = Fill(70, 5_000_000, 3, 4, 1, 1, 0, 100, 7, "maker", -2, 71)
    (report,) = reports(
        orders_after([step], {3: some_order(order_id=3)}.get),
        {(70, 3): fill},
        lambda order: order_json(order, "AAPL"),
    )
    assert report.event == "filled" and report.timestamp == 5
    assert (report.last_price, report.last_quantity, report.trade_id) == (100, 7, 71)
    assert (report.fee, report.liquidity) == (-2, "maker")
    assert msgspec.to_builtins(report)["order"]["symbol"] == "AAPL"


def test_an_order_that_is_kept_no_more_is_left_out():
    step = Step(70, 0, EventKind.CANCELED, 3, 100, 7, 0, 1, 0)
    assert orders_after([step], lambda order_id: None) == []
