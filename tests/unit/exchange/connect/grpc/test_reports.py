"""Events as execution reports."""

from __future__ import annotations

import numpy as np

from exchange.api.orders.terms import client_order_id_of
from exchange.codes import CancelReason, EventKind, Reject
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.reports import KINDS, reports_of
from exchange.records import EVENT


def made(*rows: dict[str, int], own: tuple[int, ...] = (1,)) -> list[object]:
    events = np.zeros(len(rows), EVENT)
    for event, row in zip(events, rows, strict=True):
        for name, value in row.items():
            event[name] = value
    sessions = np.zeros(1 << 16, np.bool_)
    sessions[list(own)] = True
    return reports_of(events, sessions, lambda number: f"I{number}", client_order_id_of)


def test_a_trade_is_seen_from_the_own_side() -> None:
    trade = {
        "kind": EventKind.TRADE, "sequence": 9, "order_id": 5, "session": 1, "side": 0,
        "contra_order_id": 6, "contra_session": 2, "contra_side": 1, "quantity": 3, "price": 8,
        "remaining": 4, "instrument": 7,
    }  # fmt: skip
    (maker,) = made(trade)
    assert (maker.order_id, maker.is_maker, maker.remaining_quantity) == (5, True, 4)
    assert (maker.trade_id, maker.symbol, maker.side) == (10, "I7", v1.SIDE_BUY)
    (taker,) = made(trade, own=(2,))
    assert (taker.order_id, taker.is_maker, taker.side) == (6, False, v1.SIDE_SELL)
    assert not taker.HasField("remaining_quantity")
    both = made(trade, own=(1, 2))
    assert [each.order_id for each in both] == [5, 6]
    assert made(trade, own=(3,)) == []


def test_every_kind_has_its_report() -> None:
    assert sorted(KINDS.values()) == [1, 2, 3, 4, *range(6, 13)]
    canceled = {"kind": EventKind.CANCELED, "session": 1, "reason": CancelReason.TIMEOUT}
    rejected = {"kind": EventKind.REJECTED, "session": 1, "reason": Reject.INVALID_PRICE}
    replaced = {"kind": EventKind.REPLACED, "session": 1, "contra_order_id": 4, "quantity": 2}
    expired, refused, changed = made(canceled, rejected, replaced)
    assert expired.kind == v1.REPORT_KIND_EXPIRED and expired.reason == "timeout"
    assert refused.code == 10_000 + Reject.INVALID_PRICE and refused.reason == "invalid_price"
    assert (changed.replaces, changed.remaining_quantity) == (4, 2)
