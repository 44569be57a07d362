"""MarketService: instruments, books, trades and candles, once and as they change.

Who uses it: lifecycle.py. Public: calls count for the client's address, with REST's weights. The
streams of books and candles show the newest state, so a slow client misses what lay between; that
of trades has each, out of the archive where it must.

Decision CON-44.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

import numpy as np

from exchange.api.orders.terms import invalid
from exchange.api.rest.route import ROWS_OF_WEIGHT
from exchange.api.rest.schemas import (
    KLINES_DEFAULT,
    KLINES_MAXIMUM,
    LEVELS_DEFAULT,
    LEVELS_MAXIMUM,
    PAGE_DEFAULT,
    PAGE_MAXIMUM,
)
from exchange.codes import EventKind, Side
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.handlers import Frame
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.parts import Parts
from exchange.connect.grpc.report_service import first_event, follower_of, read
from exchange.core.counters import Counter
from exchange.read_model.market.model import INTERVALS

if TYPE_CHECKING:
    import grpc

    from exchange.read_model.market.types import Kline

NAME = "MarketService"
TRADES_IN_MESSAGE = 2_000


def _within(field: str, asked: int, default: int, maximum: int) -> int:
    if not 0 <= asked <= maximum:
        raise invalid(field, f"allowed: 1 to {maximum}, 0: {default}")
    return asked or default


def _candle(kline: Kline) -> Any:
    return v1.Candle(
        start_ns=kline.start_ns,
        open=kline.open,
        high=kline.high,
        low=kline.low,
        close=kline.close,
        volume=str(kline.volume),
        turnover=str(kline.turnover),
        trade_count=kline.trade_count,
    )


class MarketService:
    """The methods of the service."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._market = parts.market
        self._interval_s = parts.section.book_interval_ms / 1000

    def handlers(self, frame: Frame) -> dict[str, grpc.RpcMethodHandler]:
        """The handlers by method."""
        calls = {
            "ListInstruments": (v1.ListInstrumentsRequest, self._list),
            "GetBook": (v1.BookRequest, self._book),
            "GetTrades": (v1.TradesRequest, self._get_trades),
            "GetCandles": (v1.CandlesRequest, self._get_candles),
        }
        streams = {
            "Books": (v1.BookRequest, self._books),
            "Trades": (v1.TradesRequest, self._trades),
            "Candles": (v1.CandlesRequest, self._candles),
        }
        made = {name: frame.call(NAME, name, *about, None) for name, about in calls.items()}
        return made | {
            name: frame.stream(NAME, name, *about, None) for name, about in streams.items()
        }

    def _weigh(self, caller: Caller, rows: int) -> None:
        self._parts.access.count(caller, (rows - 1) // ROWS_OF_WEIGHT)

    async def _list(self, caller: Caller, request: Any) -> Any:
        self._parts.access.count(caller, 4)  # an answer about everything counts as 5
        answer = v1.ListInstrumentsResponse()
        for number, terms in sorted(self._market.instruments.items()):
            answer.instruments.add(
                symbol=terms.symbol,
                currency=terms.currency,
                price_decimals=terms.price_decimals,
                currency_decimals=terms.currency_decimals,
                tick=terms.tick,
                lot=terms.lot,
                minimum_price=terms.minimum_price,
                maximum_price=terms.maximum_price,
                maximum_quantity=terms.maximum_quantity,
                state=self._market.state(number).name.lower(),
            )
        return answer

    def _book_of(self, symbol: str, number: int, levels: int) -> Any:
        depth = self._market.depth(number, levels)
        book = v1.Book(symbol=symbol, sequence=depth.sequence, time_ns=depth.timestamp_ns)
        for side, found in ((book.bids, depth.bids), (book.asks, depth.asks)):
            for price, quantity, _ in found:
                side.add(price=price, quantity=quantity)
        return book

    async def _book(self, caller: Caller, request: Any) -> Any:
        levels = _within("levels", request.levels, LEVELS_DEFAULT, LEVELS_MAXIMUM)
        number = self._parts.instrument(request.symbol)
        self._weigh(caller, levels)
        return self._book_of(request.symbol, number, levels)

    async def _books(self, caller: Caller, request: Any) -> AsyncIterator[Any]:
        levels = _within("levels", request.levels, LEVELS_DEFAULT, LEVELS_MAXIMUM)
        number = self._parts.instrument(request.symbol)
        told = -1
        while True:
            self._parts.check_ready()
            sequence = self._market.sequence(number)
            if sequence == told:
                await self._parts.next_turn()
                continue
            told = sequence
            yield self._book_of(request.symbol, number, levels)
            await asyncio.sleep(self._interval_s)

    async def _get_trades(self, caller: Caller, request: Any) -> Any:
        limit = _within("limit", request.limit, PAGE_DEFAULT, PAGE_MAXIMUM)
        number = self._parts.instrument(request.symbol)
        self._weigh(caller, limit)
        answer = v1.TradeBatch(through_sequence=self._market.next_event - 1)
        for trade in self._market.trades(number, limit):
            answer.trades.add(
                sequence=trade.sequence,
                trade_id=trade.sequence + 1,
                symbol=request.symbol,
                price=trade.price,
                quantity=trade.quantity,
                taker_side=v1.SIDE_BUY if trade.side == 0 else v1.SIDE_SELL,
                time_ns=trade.timestamp_ns,
            )
        return answer

    def _trades_of(self, events: np.ndarray) -> list[Any]:
        rows = zip(
            events["sequence"].tolist(),
            events["instrument"].tolist(),
            events["price"].tolist(),
            events["quantity"].tolist(),
            events["contra_side"].tolist(),
            events["timestamp_ns"].tolist(),
            strict=True,
        )
        symbol = self._parts.symbol
        return [
            v1.Trade(
                sequence=sequence,
                trade_id=sequence + 1,
                symbol=symbol(instrument),
                price=price,
                quantity=quantity,
                taker_side=v1.SIDE_BUY if taker == Side.BUY else v1.SIDE_SELL,
                time_ns=time_ns,
            )
            for sequence, instrument, price, quantity, taker, time_ns in rows
        ]

    async def _trades(self, caller: Caller, request: Any) -> AsyncIterator[Any]:
        parts = self._parts
        number = parts.instrument(request.symbol) if request.symbol else None
        follower = follower_of(parts, first_event(parts, request), (EventKind.TRADE,))
        is_first = True
        while True:
            parts.check_ready()
            events = read(parts, follower)
            if number is not None and len(events):
                events = events[events["instrument"] == number]
            for first in range(0, len(events) - TRADES_IN_MESSAGE, TRADES_IN_MESSAGE):
                part = self._trades_of(events[first : first + TRADES_IN_MESSAGE])
                parts.count(Counter.CONNECT_GRPC_RECORDS, len(part))
                yield v1.TradeBatch(trades=part, through_sequence=part[-1].sequence)
            rest = (len(events) - 1) // TRADES_IN_MESSAGE * TRADES_IN_MESSAGE if len(events) else 0
            trades = self._trades_of(events[rest:])
            caught_up = follower.next_sequence >= parts.pump.next_event
            if trades or (is_first and caught_up):
                is_first = False
                parts.count(Counter.CONNECT_GRPC_RECORDS, len(trades))
                yield v1.TradeBatch(trades=trades, through_sequence=follower.next_sequence - 1)
            if follower.next_sequence >= parts.pump.next_event:
                await parts.next_turn()
            else:
                await asyncio.sleep(0)

    def _interval(self, request: Any) -> str:
        if request.interval not in INTERVALS:
            raise invalid("interval", f"allowed: {', '.join(INTERVALS)}")
        return str(request.interval)

    async def _get_candles(self, caller: Caller, request: Any) -> Any:
        limit = _within("limit", request.limit, KLINES_DEFAULT, KLINES_MAXIMUM)
        interval = self._interval(request)
        number = self._parts.instrument(request.symbol)
        self._weigh(caller, limit)
        found = self._market.klines(number, interval, limit=limit)
        return v1.CandleBatch(
            symbol=request.symbol, interval=interval, candles=[_candle(each) for each in found]
        )

    async def _candles(self, caller: Caller, request: Any) -> AsyncIterator[Any]:
        interval = self._interval(request)
        number = self._parts.instrument(request.symbol)
        told: Kline | None = None
        while True:
            self._parts.check_ready()
            newest = self._market.klines(number, interval, limit=2)
            # the last one told may have grown since, and been followed by another one
            changed = [each for each in newest if told is None or each.start_ns >= told.start_ns]
            changed = [each for each in changed if each != told]
            if not changed:
                await self._parts.next_turn()
                continue
            told = changed[-1]
            yield v1.CandleBatch(
                symbol=request.symbol, interval=interval, candles=[_candle(one) for one in changed]
            )
            await asyncio.sleep(self._interval_s)
