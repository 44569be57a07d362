"""A trade as JSON, against the fields of its event."""

from __future__ import annotations

import json

import numpy as np

from exchange.codes import EventKind, Side
from exchange.connect.directory import Directory, Named
from exchange.connect.trades import trade_records
from exchange.records import EVENT


def trade(sequence: int, maker_side: Side, time_ns: int) -> np.ndarray:
    made = np.zeros(1, EVENT)
    for name, value in {
        "sequence": sequence,
        "kind": EventKind.TRADE,
        "instrument": 5,
        "order_id": 11,
        "contra_order_id": 22,
        "side": maker_side,
        "contra_side": 1 - maker_side,
        "price": 18_742,
        "quantity": 300,
        "timestamp_ns": time_ns,
    }.items():
        made[name] = value
    return made


def test_a_record_says_what_the_event_says() -> None:
    directory = Directory()
    directory.instruments[5] = Named("AAPL", "USD", 2)
    trades = np.concatenate(
        [
            trade(40, Side.BUY, 1_795_000_000_000_001_999),
            trade(41, Side.SELL, 1_795_000_000_999_999_999),
        ]
    )
    one, other = trade_records(trades, directory)
    assert (one.sequence, one.symbol) == (40, "AAPL")
    assert json.loads(one.text) == {
        "sequence": 40,
        "trade_id": 41,
        "symbol": "AAPL",
        "buy_order_id": 11,
        "sell_order_id": 22,
        "price": 18_742,
        "price_decimals": 2,
        "currency": "USD",
        "quantity": 300,
        "executed_at": "2026-11-18T11:06:40.000001Z",
    }
    said = json.loads(other.text)
    assert (said["buy_order_id"], said["sell_order_id"]) == (22, 11)
    assert said["executed_at"] == "2026-11-18T11:06:40.999999Z"


def test_an_instrument_that_is_not_defined_is_called_by_its_number() -> None:
    (record,) = trade_records(trade(1, Side.BUY, 0), Directory())
    assert record.symbol == "#5"
    assert json.loads(record.text)["symbol"] == "#5"
