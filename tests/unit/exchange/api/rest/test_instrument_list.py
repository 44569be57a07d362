"""GET /instruments is made once, and again only when something in it has changed."""

from __future__ import annotations

import asyncio
import gzip
from types import SimpleNamespace
from typing import Any

import numpy as np
import orjson

from exchange.api.rest.instrument_list import InstrumentList, Made
from exchange.codes import Side
from exchange.read_model.market.model import MarketModel
from tests.harness.market_events import SYMBOLS, MarketEvents


class World:
    def __init__(self) -> None:
        self.events = MarketEvents()
        self.events.open_market()
        self.market = MarketModel(64)
        self.rates = np.zeros((len(SYMBOLS), 2), np.int64)
        accounts = SimpleNamespace(fee_rates=lambda numbers: self.rates.copy())
        self.list = InstrumentList(self.market, accounts)  # type: ignore[arg-type]

    def look(self, compress: bool = False) -> Made:
        self.market.apply(self.events.take())
        return self.list.look(compress)

    def shown(self) -> list[dict[str, Any]]:
        data: dict[str, Any] = orjson.loads(self.look().body)["data"]
        found: list[dict[str, Any]] = data["instruments"]
        return found


def test_it_is_kept_until_something_changes() -> None:
    world = World()
    first = world.look()
    assert world.look().body is first.body and world.look().etag == first.etag
    world.events.level(Side.BUY, 100, 10)
    assert world.look().body is first.body, "a level is not in it"
    world.events.halt()
    second = world.look()
    assert second.etag != first.etag
    assert world.shown()[0]["state"] == "halted"
    world.rates[1] = (-20, 30)
    row = world.shown()[1]
    assert (row["maker_fee_ppm"], row["taker_fee_ppm"]) == (-20, 30)


def test_what_is_in_it() -> None:
    world = World()
    shown = world.shown()
    assert [row["symbol"] for row in shown] == list(SYMBOLS)
    for number, row in enumerate(shown, 1):
        terms = world.market.instruments[number]
        assert row["tick"] == terms.tick and row["currency"] == terms.currency
        assert row["last_price"] == world.market.last_price(number)
        assert row["reference_price"] == world.market.reference_price(number)


def test_another_process_has_another_etag() -> None:
    assert World().look().etag != World().look().etag


def test_it_is_compressed_once_beside_the_loop() -> None:
    world = World()

    async def look() -> None:
        first = world.look(compress=True)
        assert first.compressed is None, "nobody waits for it"
        while (made := world.look(compress=True)).compressed is None:
            await asyncio.sleep(0)
        assert gzip.decompress(made.compressed) == first.body
        assert world.look(compress=True).compressed is made.compressed

    asyncio.run(look())
