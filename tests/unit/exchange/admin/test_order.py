"""The small order client: its parsing of orders."""

from __future__ import annotations

import pytest

from exchange.admin.order import Order, parse_order
from exchange.errors import ConfigurationError
from exchange.gateway.protocol import ouch


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("buy 100 AAPL @ 150.00", Order("B", 100, "AAPL", 1_500_000)),
        ("sell 1 2330.TW @0.0001", Order("S", 1, "2330.TW", 1)),
        ("short 5 MSFT@99", Order("T", 5, "MSFT", 990_000)),
        ("BUY 7 AMZN", Order("B", 7, "AMZN", ouch.PRICE_MARKET)),
    ],
)
def test_parse_order(text: str, order: Order) -> None:
    assert parse_order(text.split()) == order


@pytest.mark.parametrize(
    "text",
    [
        "buy",
        "hold 1 AAPL",
        "buy 0 AAPL",
        "buy -1 AAPL",
        "buy 1.5 AAPL",
        "buy 1 AAPL 150",
        "buy 1 AAPL @ 0",
        "buy 1 AAPL @ x",
        "buy 1 AAPL @ nan",
        "buy 1 AAPL @ 1.00001",
        "buy 1 AAPL @ 214748.3647",
        "buy 4294967296 AAPL",
        "buy 1 TOOLONGNAME",
    ],
)
def test_parse_order_refuses(text: str) -> None:
    with pytest.raises(ConfigurationError, match="an order is: "):
        parse_order(text.split())
