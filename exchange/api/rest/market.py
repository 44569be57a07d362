"""REST: what everybody may know: instruments, books, trades, tickers, K-lines, time and health."""

from __future__ import annotations

from typing import Any

import msgspec

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.json import time_text, time_text_or_none
from exchange.api.rest.call import Call, find_instrument
from exchange.api.rest.cursor import make_cursor, read_cursor
from exchange.api.rest.schemas import DepthQuery, KlinesQuery, PublicTradesQuery
from exchange.codes import InstrumentState, TradeReason

MILLISECOND_NS = 1_000_000
_SIDES = ("buy", "sell")
_STATES = {int(state): state.name.lower() for state in InstrumentState}
_REASONS = {int(reason): reason.name.lower() for reason in TradeReason}


def _instrument(call: Call) -> tuple[int, str]:
    symbol = call.path["symbol"]
    number = find_instrument(call, symbol)
    assert number is not None
    return number, symbol


async def get_instruments(call: Call) -> dict[str, Any]:
    """`GET /instruments`: every instrument with its terms and state."""
    market = call.market
    listed = []
    for number, terms in sorted(market.instruments.items()):
        ticker = market.ticker(number)
        listed.append(
            {
                "symbol": terms.symbol,
                "price_decimals": terms.price_decimals,
                "tick": terms.tick,
                "lot": terms.lot,
                "minimum_price": terms.minimum_price,
                "maximum_price": terms.maximum_price,
                "maximum_quantity": terms.maximum_quantity,
                "currency": terms.currency,
                "currency_decimals": terms.currency_decimals,
                "group": terms.group,
                "state": _STATES[ticker.state],
                "state_until": time_text_or_none(ticker.until_ns),
                "reference_price": ticker.reference_price,
                "last_price": ticker.last_price,
            }
        )
    return {"instruments": listed}


async def get_depth(call: Call) -> dict[str, Any]:
    """`GET /depth/{symbol}`: the best levels of the book."""
    query: DepthQuery = call.query
    number, symbol = _instrument(call)
    depth = call.market.depth(number, query.levels)
    return {
        "symbol": symbol,
        "sequence": depth.sequence,
        "timestamp": time_text_or_none(depth.timestamp_ns),
        "bids": [level[:2] for level in depth.bids],
        "asks": [level[:2] for level in depth.asks],
    }


async def get_public_trades(call: Call) -> dict[str, Any]:
    """`GET /trades/{symbol}`: the newest trades of an instrument."""
    query: PublicTradesQuery = call.query
    number, symbol = _instrument(call)
    name = f"public trades {symbol}"
    trades = call.market.trades(number, query.limit, read_cursor(query.cursor, name))
    more = make_cursor(trades[-1].sequence, name) if len(trades) >= query.limit else None
    return {
        "symbol": symbol,
        "trades": [
            {
                "trade_id": trade.sequence + 1,
                "price": trade.price,
                "quantity": trade.quantity,
                "side": _SIDES[trade.side],
                "reason": _REASONS[trade.reason],
                "sequence": trade.sequence,
                "executed_at": time_text(trade.timestamp_ns),
            }
            for trade in trades
        ],
        "next_cursor": more,
    }


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


async def get_klines(call: Call) -> dict[str, Any]:
    """`GET /klines/{symbol}`: open, high, low, close and volume by interval."""
    query: KlinesQuery = call.query
    number, symbol = _instrument(call)
    if query.from_ms is not None and query.to_ms is not None and query.from_ms > query.to_ms:
        raise ApiError(
            ErrorCode.INVALID_FIELD,
            f"from: must not be after to ({query.to_ms})",
            data={"field": "from"},
        )
    klines = call.market.klines(
        number,
        query.interval,
        None if query.from_ms is None else query.from_ms * MILLISECOND_NS,
        None if query.to_ms is None else query.to_ms * MILLISECOND_NS,
        query.limit,
    )
    return {
        "symbol": symbol,
        "interval": query.interval,
        "klines": [
            {
                "timestamp": time_text(kline.start_ns),
                "open": kline.open,
                "high": kline.high,
                "low": kline.low,
                "close": kline.close,
                "volume": kline.volume,
                "turnover": kline.turnover,
                "trade_count": kline.trade_count,
            }
            for kline in klines
        ],
    }


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
