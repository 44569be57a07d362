"""The jitted writer's times and numbers, against Python's own."""

from __future__ import annotations

import json
import random
import time

import numpy as np
import pytest

from exchange.connect.directory import Directory, Named
from exchange.connect.trade_text import TIME_BYTES, put_time
from exchange.connect.trades import trade_records
from exchange.records import EVENT

SECOND_NS = 1_000_000_000
LAST_NS = (1 << 63) - 1  # in the year 2262


def python_time(timestamp_ns: int) -> str:
    seconds, rest = divmod(timestamp_ns, SECOND_NS)
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
    return f"{text}.{rest // 1000:06d}Z"


def written(timestamp_ns: int) -> str:
    out = np.zeros(TIME_BYTES, np.uint8)
    assert put_time(out, 0, timestamp_ns) == TIME_BYTES
    return out.tobytes().decode()


@pytest.mark.parametrize(
    ("timestamp_ns", "text"),
    [
        (0, "1970-01-01T00:00:00.000000Z"),
        (951_782_400 * SECOND_NS - 1, "2000-02-28T23:59:59.999999Z"),
        (951_782_400 * SECOND_NS, "2000-02-29T00:00:00.000000Z"),
        (4_107_542_400 * SECOND_NS, "2100-03-01T00:00:00.000000Z"),
        (1_798_761_599_999_999_999, "2026-12-31T23:59:59.999999Z"),
    ],
)
def test_days_that_are_special(timestamp_ns: int, text: str) -> None:
    assert written(timestamp_ns) == text == python_time(timestamp_ns)


def test_any_time_is_pythons() -> None:
    dice = random.Random(5)
    for timestamp_ns in [LAST_NS, *(dice.randrange(LAST_NS) for _ in range(2_000))]:
        assert written(timestamp_ns) == python_time(timestamp_ns)


def test_many_trades_of_several_instruments() -> None:
    """Every number of up to 62 bits, in whatever order the instruments come."""
    dice = random.Random(6)
    directory = Directory()
    directory.instruments = {7: Named("A", "USD", 4), 300: Named("2330.TW", "TWD", 2)}
    trades = np.zeros(500, EVENT)
    for i in range(len(trades)):
        trades[i]["sequence"] = 10 * i
        trades[i]["instrument"] = dice.choice((7, 300, 5))
        trades[i]["timestamp_ns"] = dice.randrange(LAST_NS)
        for name in ("order_id", "contra_order_id", "price", "quantity"):
            trades[i][name] = dice.randrange(1 << dice.randrange(1, 63))
        trades[i]["side"] = dice.randrange(2)
    found = trade_records(trades, directory)
    assert len(found) == len(trades)
    for event, record in zip(trades, found, strict=True):
        named = directory.instruments.get(int(event["instrument"]), Named("#5", "", 0))
        orders = [int(event["order_id"]), int(event["contra_order_id"])]
        buy, sell = orders if event["side"] == 0 else reversed(orders)
        assert (record.sequence, record.symbol) == (int(event["sequence"]), named.symbol)
        assert json.loads(record.text) == {
            "sequence": int(event["sequence"]),
            "trade_id": int(event["sequence"]) + 1,
            "symbol": named.symbol,
            "buy_order_id": buy,
            "sell_order_id": sell,
            "price": int(event["price"]),
            "price_decimals": named.price_decimals,
            "currency": named.currency,
            "quantity": int(event["quantity"]),
            "executed_at": python_time(int(event["timestamp_ns"])),
        }
