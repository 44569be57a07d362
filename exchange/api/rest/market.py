"""REST: what everybody may know: instruments, books, trades, tickers, K-lines, time and health."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
from orjson import Fragment

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.json import time_text, time_text_or_none
from exchange.api.rest.call import Call, find_instrument
from exchange.api.rest.cursor import make_cursor, read_cursor
from exchange.api.rest.instrument_list import InstrumentList, Made
from exchange.api.rest.row_json import Column, RowWriter, quoted
from exchange.api.rest.row_text import TEXT, TIME
from exchange.api.rest.schemas import DepthQuery, KlinesQuery, PublicTradesQuery, TickersQuery
from exchange.api.rest.ticker_list import TickerList, window_start_ns
from exchange.api.rest.time_range import MILLISECOND_NS, time_range
from exchange.codes import InstrumentState, TradeReason
from exchange.read_model.market.changes import as_kline
from exchange.read_model.market.layout import (
    KLINE_CLOSE,
    KLINE_HIGH,
    KLINE_LOW,
    KLINE_OPEN,
    KLINE_START,
    KLINE_TRADES,
    KLINE_TURNOVER,
    KLINE_VOLUME,
    SUM_HIGH,
    TRADE_PRICE,
    TRADE_QUANTITY,
    TRADE_REASON,
    TRADE_SEQUENCE,
    TRADE_SIDE,
    TRADE_TIMESTAMP_NS,
)

_STATES = {int(state): state.name.lower() for state in InstrumentState}
_LEVELS = RowWriter([Column("price"), Column("quantity")], as_arrays=True)
_TRADES = RowWriter(
    [
        Column("trade_id"),
        Column("price"),
        Column("quantity"),
        Column("side", TEXT, quoted(["buy", "sell"])),
        Column("reason", TEXT, quoted([reason.name.lower() for reason in TradeReason])),
        Column("sequence"),
        Column("executed_at", TIME),
    ]
)
_KLINES = RowWriter(
    [
        Column("timestamp", TIME),
        *map(Column, ("open", "high", "low", "close", "volume", "turnover", "trade_count")),
    ]
)
assert [int(reason) for reason in TradeReason] == list(range(len(TradeReason)))


def _instrument(call: Call) -> tuple[int, str]:
    symbol = call.path["symbol"]
    number = find_instrument(call, symbol)
    assert number is not None
    return number, symbol


async def get_instruments(call: Call) -> Made:
    """`GET /instruments`: every instrument with its terms and state."""
    listed: InstrumentList = call.service.instrument_list
    return listed.look(call.takes_gzip)


async def get_depth(call: Call) -> dict[str, Any]:
    """`GET /depth/{symbol}`: the best levels of the book."""
    query: DepthQuery = call.query
    number, symbol = _instrument(call)
    market = call.market
    depth = market.depth(number, 0)
    return {
        "symbol": symbol,
        "sequence": depth.sequence,
        "timestamp": time_text_or_none(depth.timestamp_ns),
        "bids": Fragment(_LEVELS.make(market.level_rows(number, 0, query.levels))),
        "asks": Fragment(_LEVELS.make(market.level_rows(number, 1, query.levels))),
    }


async def get_public_trades(call: Call) -> dict[str, Any]:
    """`GET /trades/{symbol}`: the newest trades of an instrument."""
    query: PublicTradesQuery = call.query
    number, symbol = _instrument(call)
    times = time_range(query)
    name = f"public trades {symbol} {times.from_ns} {times.to_ns}"
    before = read_cursor(query.cursor, name)
    found = call.market.trade_rows(number, query.limit, before, to_ns=query.to_ms and times.to_ns)
    full = len(found) >= query.limit
    if query.from_ms is not None:
        recent = found[:, TRADE_TIMESTAMP_NS] >= times.from_ns  # times fall: newest first
        full &= bool(recent.all())
        found = found[recent]
    sequences = found[:, TRADE_SEQUENCE]
    more = make_cursor(int(sequences[-1]), name) if full else None
    rows = np.column_stack(
        (
            sequences + 1,
            found[:, TRADE_PRICE],
            found[:, TRADE_QUANTITY],
            found[:, TRADE_SIDE],
            found[:, TRADE_REASON],
            sequences,
            found[:, TRADE_TIMESTAMP_NS],
        )
    )
    return {"symbol": symbol, "trades": Fragment(_TRADES.make(rows)), "next_cursor": more}


async def get_ticker(call: Call) -> dict[str, Any]:
    """`GET /ticker/{symbol}`: the trading day so far."""
    number, symbol = _instrument(call)
    ticker = call.market.ticker(number)
    return {
        "symbol": symbol,
        "last_price": ticker.last_price,
        "last_quantity": ticker.last_quantity,
        "last_at": time_text_or_none(ticker.last_ns or 0),
        "open": ticker.open,
        "high": ticker.high,
        "low": ticker.low,
        "volume": ticker.volume,
        "turnover": ticker.turnover,
        "trade_count": ticker.trade_count,
        "previous_close": ticker.previous_close,
        "reference_price": ticker.reference_price,
        "best_bid": ticker.best_bid,
        "best_bid_quantity": ticker.best_bid_quantity,
        "best_ask": ticker.best_ask,
        "best_ask_quantity": ticker.best_ask_quantity,
        "state": _STATES[ticker.state],
        "state_until": time_text_or_none(ticker.until_ns),
        "auction_price": ticker.auction_price,
        "auction_volume": ticker.auction_volume,
        "auction_imbalance": ticker.auction_imbalance,
        "auction_at": time_text_or_none(ticker.auction_ns or 0),
        "sequence": ticker.sequence,
        "timestamp": time_text_or_none(ticker.timestamp_ns),
    }


async def get_tickers(call: Call) -> bytes | dict[str, Any]:
    """`GET /tickers`: every instrument at a glance, with figures of the last 24 hours."""
    query: TickersQuery = call.query
    listed: TickerList = call.service.ticker_list
    if query.symbol is None:
        return await listed.look()
    find_instrument(call, query.symbol)
    since = time_text(window_start_ns(call.service.clock()))
    return {"since": since, "tickers": listed.one(query.symbol)}


async def get_klines(call: Call) -> dict[str, Any]:
    """`GET /klines/{symbol}`: open, high, low, close and volume by interval."""
    query: KlinesQuery = call.query
    number, symbol = _instrument(call)
    times = time_range(query)
    rows = call.market.kline_rows(
        number,
        query.interval,
        None if query.from_ms is None else times.from_ns,
        None if query.to_ms is None else times.to_ns,
        query.limit,
    )
    return {"symbol": symbol, "interval": query.interval, "klines": _klines(rows)}


def _kline_fields(words: list[int]) -> tuple[int, dict[str, int]]:
    fields = as_kline(words)._asdict()
    return fields.pop("start_ns"), fields


def _klines(rows: np.ndarray) -> Any:
    """K-lines as JSON; ``rows``: int64[n, KLINE_WORDS]."""
    if rows[:, [KLINE_VOLUME + SUM_HIGH, KLINE_TURNOVER + SUM_HIGH]].any():
        # sums beyond 62 bits, which the writer does not know
        return [
            {"timestamp": time_text(start_ns), **kline}
            for start_ns, kline in (_kline_fields(words) for words in rows.tolist())
        ]
    shown = [KLINE_START, KLINE_OPEN, KLINE_HIGH, KLINE_LOW, KLINE_CLOSE, KLINE_VOLUME,
             KLINE_TURNOVER, KLINE_TRADES]  # fmt: skip
    return Fragment(_KLINES.make(rows[:, shown]))


async def get_time(call: Call) -> dict[str, Any]:
    """`GET /time`: the exchange's clock, for the timestamps of signed requests."""
    now_ns = call.service.clock()
    return {"timestamp": now_ns // MILLISECOND_NS, "timestamp_ns": now_ns}


async def get_health(call: Call) -> dict[str, Any]:
    """`GET /health`: 200 while the core moves, otherwise 503 with what is wrong."""
    health = call.service.health()
    described: dict[str, Any] = msgspec.to_builtins(health)
    if not health.healthy:
        raise ApiError(ErrorCode.UNAVAILABLE, "; ".join(health.problems), data=described)
    return described
