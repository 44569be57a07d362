"""Texts and keys as docs/connectors.md describes them."""

from __future__ import annotations

from market_events import MarketEvents
from store_world import MODEL_CAPACITY

from exchange.codes import EventKind, Side
from exchange.connect.redis.content import (
    Item,
    Kind,
    Shape,
    content,
    kline_score,
    kline_text,
    level_texts,
    trade_texts,
)
from exchange.connect.redis.models import CacheModels
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.market.model import MarketModel
from exchange.read_model.market.types import Kline

SHAPE = Shape("x", levels=2, trades=3, klines=4, intervals=("1m",))


def test_the_shape_says_what_the_content_depends_on() -> None:
    assert SHAPE.text == "1 levels=2 trades=3 klines=4 intervals=1m"
    assert SHAPE.key("klines", "1m", "AAPL") == "x:klines:1m:AAPL"


def test_texts() -> None:
    assert level_texts([(100, 5, 2)]) == {100: "5:2"}
    kline = Kline(60_000_000_000, 1, 4, 1, 3, 10, 25, 6)
    assert (kline_score(kline), kline_text(kline)) == (60_000, "[60000,1,4,1,3,10,25,6]")
    assert trade_texts((7, 9, 100, 5, Side.SELL, 0)) == (
        ("price", "100"),
        ("quantity", "5"),
        ("side", "SELL"),
        ("time_ns", "9"),
    )


def test_a_market_without_orders_has_symbols_and_tickers() -> None:
    world = MarketEvents()
    world.open_market()
    events = world.take()
    market = MarketModel(MODEL_CAPACITY.instruments)
    models = CacheModels(market, AccountModel(MODEL_CAPACITY, track_dirty=True), 64)
    models.apply(events[events["kind"] != EventKind.TRADE])
    items = {item.key: item for item in content(models, SHAPE)}
    assert items["x:symbols"] == Item("x:symbols", Kind.SET, {"2330.TW": None, "AAPL": None})
    ticker = items["x:ticker:AAPL"].value
    assert (ticker["last_price"], ticker["best_bid_quantity"]) == ("", "0")
    assert (ticker["currency"], ticker["price_decimals"]) == ("TWD", "2")
    assert not any(key.startswith(("x:bids", "x:trades", "x:balances")) for key in items)
