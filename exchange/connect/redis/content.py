"""Everything that Redis holds at a moment, key by key, as the read models say it.

Who uses it: the sink when it writes everything anew, and the check. Keys and texts are described in
docs/connectors.md; whoever changes one raises FORMAT, so that older content is made anew.

Invariant: an empty value has no key, as in Redis.

Decision CON-30.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum
from typing import Any, NamedTuple

import msgspec

from exchange.codes import Side
from exchange.connect.redis.models import CacheModels
from exchange.read_model.market.types import Instrument, Kline, LevelRow, Ticker

FORMAT = 1
Value = str | int | bytes
MILLISECOND_NS = 1_000_000
SIDE_NAMES = {int(side): side.name for side in Side}
BIDS, ASKS = "bids", "asks"


class Kind(IntEnum):
    """What is under a key, and how ``Item.value`` tells it."""

    HASH = 0  # field: text
    SCORES = 1  # a sorted set; member: score
    STREAM = 2  # id of the entry: ((field, text), ...)
    SET = 3  # member: None


class Item(NamedTuple):
    """A key with what is under it."""

    key: str
    kind: Kind
    value: dict[Any, Any]


class Shape(NamedTuple):
    """How much is kept, and where: the settings that decide about the content.

    ``levels``: of each side of a book; ``trades``: of each instrument; ``klines``: of each
    instrument and each of ``intervals``.
    """

    prefix: str
    levels: int
    trades: int
    klines: int
    intervals: Sequence[str]

    @property
    def text(self) -> str:
        """What must be equal, so that the content can be carried on."""
        return (
            f"{FORMAT} levels={self.levels} trades={self.trades} klines={self.klines} "
            f"intervals={','.join(self.intervals)}"
        )

    def key(self, *parts: Value) -> str:
        """``<prefix>:<part>:...``."""
        return ":".join((self.prefix, *map(str, parts)))


def content(models: CacheModels, shape: Shape) -> Iterator[Item]:
    """All keys but the sequence and the lock."""
    market = models.market
    symbols = {instrument.symbol: None for instrument in market.instruments.values()}
    if symbols:
        yield Item(shape.key("symbols"), Kind.SET, symbols)
    for instrument in market.instruments.values():
        yield from _instrument_content(models, shape, instrument)
    currencies = models.currencies()
    for account in models.accounts.accounts():
        balances = models.accounts.account(account).balances
        texts = {currencies[number]: f"{a}:{b}" for number, (a, b) in balances.items()}
        if texts:
            yield Item(shape.key("balances", account), Kind.HASH, texts)
        texts = {
            market.instruments[each.instrument].symbol: (
                f"{each.quantity}:{each.frozen}:{each.total_cost}"
            )
            for each in models.accounts.positions(account)
        }
        if texts:
            yield Item(shape.key("positions", account), Kind.HASH, texts)


def _instrument_content(
    models: CacheModels, shape: Shape, instrument: Instrument
) -> Iterator[Item]:
    market, symbol = models.market, instrument.symbol
    number = instrument.number
    yield Item(
        shape.key("ticker", symbol), Kind.HASH, ticker_texts(instrument, market.ticker(number))
    )
    depth = market.depth(number, shape.levels)
    for side, rows in ((BIDS, depth.bids), (ASKS, depth.asks)):
        levels = level_texts(rows)
        if levels:
            yield Item(
                shape.key(side, symbol), Kind.SCORES, {str(price): price for price in levels}
            )
            texts = {str(price): text for price, text in levels.items()}
            yield Item(shape.key(f"{side}_levels", symbol), Kind.HASH, texts)
    trades = market.trade_rows(number, shape.trades).tolist()
    if trades:
        yield Item(
            shape.key("trades", symbol),
            Kind.STREAM,
            {f"{trade[0]}-0": trade_texts(trade) for trade in reversed(trades)},
        )
    for interval in shape.intervals:
        klines = market.klines(number, interval, limit=shape.klines)
        if klines:
            yield Item(
                shape.key("klines", interval, symbol),
                Kind.SCORES,
                {kline_text(kline): kline_score(kline) for kline in klines},
            )


# --- texts ----------------------------------------------------------------------------------------


def level_texts(rows: Sequence[LevelRow]) -> dict[int, str]:
    """By price: ``quantity:orders``."""
    return {price: f"{quantity}:{orders}" for price, quantity, orders in rows}


def ticker_texts(instrument: Instrument, ticker: Ticker) -> dict[str, str]:
    """The fields of a ticker; "" where there is none."""
    texts = {name: "" if value is None else str(value) for name, value in _fields(ticker)}
    texts["state"] = ticker.state.name
    texts["currency"] = instrument.currency
    texts["price_decimals"] = str(instrument.price_decimals)
    return texts


def _fields(ticker: Ticker) -> Iterator[tuple[str, Any]]:
    return zip(Ticker._fields, ticker, strict=True)


def trade_texts(trade: Sequence[int]) -> tuple[tuple[str, str], ...]:
    """The fields of a trade (the words of market.types.Trade)."""
    _, time_ns, price, quantity, side, _ = trade
    return (
        ("price", str(price)),
        ("quantity", str(quantity)),
        ("side", SIDE_NAMES[side]),
        ("time_ns", str(time_ns)),
    )


def kline_text(kline: Kline) -> str:
    """A JSON array: start in milliseconds, open, high, low, close, volume, turnover, trades."""
    return msgspec.json.encode((kline_score(kline), *kline[1:])).decode()


def kline_score(kline: Kline) -> int:
    """Its start in milliseconds since the epoch (UTC)."""
    return kline.start_ns // MILLISECOND_NS
