"""GET /tickers: what is in it, how often it is made, and that sums of any size are told."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import orjson

from exchange.api.rest.schemas import TickersAnswer
from exchange.api.rest.ticker_list import KEPT_NS, SLICE, TickerList, window_start_ns
from exchange.codes import EventKind, InstrumentState, Side
from exchange.read_model.market.model import MarketModel
from tests.harness.market_events import MarketEvents


class World:
    def __init__(self, instruments: int = 2) -> None:
        self.events = MarketEvents()
        self.events.open_market(tuple(f"S{i}" for i in range(instruments)))
        self.market = MarketModel(instruments + 2)
        self.now_ns = self.events.now_ns
        self.list = TickerList(self.market, lambda: self.now_ns)

    def follow(self) -> None:
        self.market.apply(self.events.take())

    def trade(self, price: int, quantity: int) -> None:
        self.events.add(EventKind.TRADE, instrument=1, price=price, quantity=quantity)

    async def shown(self) -> list[dict[str, Any]]:
        self.follow()
        body = await self.list.look()
        data = json.loads(body)["data"]  # orjson knows 64 bits
        msgspec.convert(data, TickersAnswer)
        return data["tickers"]


def test_what_is_in_it() -> None:
    async def main() -> None:
        world = World()
        world.events.level(Side.BUY, 100, 10)
        world.trade(90, 5)
        world.trade(110, 7)
        first, second = await world.shown()
        assert (first["symbol"], first["state"], first["last_price"]) == ("S0", "open", 110)
        assert (first["open_24h"], first["high_24h"], first["low_24h"]) == (90, 110, 90)
        assert (first["volume_24h"], first["turnover_24h"]) == (12, 90 * 5 + 110 * 7)
        assert (first["best_bid"], first["best_bid_quantity"]) == (100, 10)
        assert (first["best_ask"], first["best_ask_quantity"]) == (None, 0)
        assert second["last_price"] is None and second["volume_24h"] == 0
        assert orjson.loads(orjson.dumps(world.list.one("S0"))) == [first]
        assert world.list.one("S9") == []
        # a day later only the last price is left
        world.now_ns += 24 * 3600 * 10**9
        (first, _) = await world.shown()
        assert (first["last_price"], first["open_24h"], first["volume_24h"]) == (110, None, 0)
        world.events.add(EventKind.STATE_CHANGED, display=int(InstrumentState.CLOSED))
        world.now_ns += KEPT_NS
        assert [row["state"] for row in await world.shown()] == ["closed", "closed"]

    asyncio.run(main())


def test_it_is_shared_and_kept_for_a_while() -> None:
    async def main() -> None:
        world = World(3 * SLICE)
        world.follow()
        bodies = await asyncio.gather(*(world.list.look() for _ in range(5)))
        assert len({id(body) for body in bodies}) == 1
        world.trade(50, 1)
        world.follow()
        assert await world.list.look() is bodies[0]
        world.now_ns += KEPT_NS
        asked = asyncio.ensure_future(world.list.look())
        await asyncio.sleep(0)
        asked.cancel()  # a client that goes away takes the list from nobody
        rows = await world.shown()
        assert len(rows) == 3 * SLICE and rows[0]["last_price"] == 50

    asyncio.run(main())


def test_sums_beyond_64_bits() -> None:
    async def main() -> None:
        world = World()
        for _ in range(9):
            world.trade((1 << 20) - 1, (1 << 40) - 1)
            world.trade(1 << 20, 1 << 41)
        large = 9 * (((1 << 20) - 1) * ((1 << 40) - 1) + (1 << 61))
        assert [row["turnover_24h"] for row in await world.shown()] == [large, 0]
        assert (await world.shown())[0]["volume_24h"] == 9 * ((1 << 40) - 1 + (1 << 41))

    asyncio.run(main())


def test_the_window_has_1440_minutes() -> None:
    minute_ns = 60 * 10**9
    assert window_start_ns(1440 * minute_ns - 1) == 0
    assert window_start_ns(1440 * minute_ns) == minute_ns
