"""ccxt.pro's methods: the exchange's WebSocket as ccxt's caches.

Who uses it: classes.py. One connection carries public channels, another the private one; ccxt
connects again by itself when a method is called after a lost connection.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ccxt.async_support.base.ws.cache import (
    ArrayCache,
    ArrayCacheBySymbolById,
    ArrayCacheByTimestamp,
)

from exchange.contrib.ccxt import convert
from exchange.contrib.ccxt.convert import Json
from exchange.contrib.ccxt.description import WATCHED

KEPT = 1_000  # rows of each cache
_SOCKET = "/ws"
_SIGNED_IN = "authenticated"


class Streams:
    """The part of the class that watches; mixed in before the async class."""

    def describe(self: Any) -> Json:
        own = {"has": {name: True for name in WATCHED}, "streaming": {"keepAlive": 15_000}}
        return self.deep_extend(super().describe(), own)  # type: ignore[misc]

    def _address(self: Any, private: bool) -> str:
        base = str(self.urls["api"]["private" if private else "public"])
        # the two connections are told apart by their address
        return base.replace("http", "ws", 1) + _SOCKET + ("?private" if private else "")

    async def _channel(self: Any, channel: str) -> Any:
        request = {"action": "subscribe", "channels": [channel]}
        return await self.watch(self._address(False), channel, request, channel)

    async def _private(self: Any, message_hash: str) -> Any:
        """The next news of ``message_hash``, after signing in and subscribing once."""
        url = self._address(True)
        self.check_required_credentials()
        client = self.client(url)
        if _SIGNED_IN not in client.subscriptions:
            timestamp = self.milliseconds() - int(self.options["timeDifference"])
            nonce = self.uuid()
            payload = "\n".join(("GET", _SOCKET, str(timestamp), nonce, ""))
            signature = self.hmac(self.encode(payload), self.encode(self.secret), hashlib.sha256)
            action = {
                "action": "auth",
                "key": self.apiKey,
                "timestamp": timestamp,
                "nonce": nonce,
                "signature": signature,
            }
            waiting = self.watch(url, _SIGNED_IN, action, _SIGNED_IN)
            await waiting
        request = {"action": "subscribe", "channels": ["orders"]}
        return await self.watch(url, message_hash, request, "orders")

    # --- what is watched --------------------------------------------------------------------------

    async def watch_order_book(
        self: Any, symbol: str, limit: int | None = None, params: Any = None
    ) -> Any:
        await self.load_markets()
        book = await self._channel(f"depth_diff.{self.market(symbol)['id']}")
        return book.limit()

    async def watch_trades(
        self: Any, symbol: str, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> Any:  # fmt: skip
        await self.load_markets()
        trades = await self._channel(f"trade.{self.market(symbol)['id']}")
        if self.newUpdates:
            limit = trades.getLimit(symbol, limit)
        return self.filter_by_since_limit(trades, since, limit, "timestamp", True)

    async def watch_ticker(self: Any, symbol: str, params: Any = None) -> Any:
        await self.load_markets()
        return await self._channel(f"ticker.{self.market(symbol)['id']}")

    async def watch_tickers(
        self: Any, symbols: Sequence[str] | None = None, params: Any = None
    ) -> Any:
        await self.load_markets()
        symbols = self.market_symbols(symbols) or self.symbols
        channels = [f"ticker.{self.market(symbol)['id']}" for symbol in symbols]
        request = {"action": "subscribe", "channels": channels}
        ticker = await self.watch_multiple(self._address(False), channels, request, channels)
        return {ticker["symbol"]: ticker}

    async def watch_ohlcv(
        self: Any, symbol: str, timeframe: str = "1m", since: int | None = None,
        limit: int | None = None, params: Any = None,
    ) -> Any:  # fmt: skip
        await self.load_markets()
        candles = await self._channel(f"kline.{self.market(symbol)['id']}.{timeframe}")
        if self.newUpdates:
            limit = candles.getLimit(symbol, limit)
        return self.filter_by_since_limit(candles, since, limit, 0, True)

    async def watch_orders(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> Any:  # fmt: skip
        await self.load_markets()
        orders = await self._private("orders" if symbol is None else f"orders:{symbol}")
        if self.newUpdates:
            limit = orders.getLimit(symbol, limit)
        return self.filter_by_symbol_since_limit(orders, symbol, since, limit, True)

    async def watch_my_trades(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> Any:  # fmt: skip
        await self.load_markets()
        trades = await self._private("fills" if symbol is None else f"fills:{symbol}")
        if self.newUpdates:
            limit = trades.getLimit(symbol, limit)
        return self.filter_by_symbol_since_limit(trades, symbol, since, limit, True)

    async def watch_balance(self: Any, params: Any = None) -> Any:
        await self.load_markets()
        return await self._private("balance")

    # --- what comes -------------------------------------------------------------------------------

    def handle_message(self: Any, client: Any, message: Json) -> None:
        """Take one message of the exchange."""
        handlers = {
            "authenticated": self._handle_signed_in,
            "error": self._handle_error,
            "trade": self._handle_trade,
            "ticker": self._handle_ticker,
            "kline": self._handle_kline,
            "depth_snapshot": self._handle_book,
            "depth_diff": self._handle_diff,
            "orders_snapshot": self._handle_orders,
            "execution_report": self._handle_report,
            "balance": self._handle_balance,
            "position": self._handle_position,
        }
        handler = handlers.get(message["type"])
        if handler is not None:
            handler(client, message)

    def _handle_signed_in(self: Any, client: Any, message: Json) -> None:
        client.resolve(message, _SIGNED_IN)

    def _handle_error(self: Any, client: Any, message: Json) -> None:
        try:
            self.raise_error(message["code"], message["message"])
        except Exception as error:
            client.reject(error, message.get("channel"))

    def _handle_trade(self: Any, client: Any, message: Json) -> None:
        market = self.safe_market(message["symbol"])
        trade = self.safe_trade(convert.trade_of(message, market, message["timestamp"]), market)
        trade["datetime"] = self.iso8601(message["timestamp"])
        trades = self.trades.setdefault(market["symbol"], ArrayCache(KEPT))
        trades.append(trade)
        client.resolve(trades, f"trade.{message['symbol']}")

    def _handle_ticker(self: Any, client: Any, message: Json) -> None:
        market = self.safe_market(message["symbol"])
        shown = message | {
            "high_24h": message["high"],
            "low_24h": message["low"],
            "open_24h": message["open"],
            "volume_24h": message["volume"],
            "turnover_24h": message["turnover"],
        }
        ticker = convert.ticker_of(shown, market) | {
            "timestamp": message["timestamp"],
            "datetime": self.iso8601(message["timestamp"]),
            "previousClose": convert.price(message["previous_close"], market),
            "info": message,
        }
        ticker = self.safe_ticker(ticker, market)
        self.tickers[market["symbol"]] = ticker
        client.resolve(ticker, f"ticker.{message['symbol']}")

    def _handle_kline(self: Any, client: Any, message: Json) -> None:
        market = self.safe_market(message["symbol"])
        interval = message["interval"]
        candles = self.ohlcvs.setdefault(market["symbol"], {}).setdefault(
            interval, ArrayCacheByTimestamp(KEPT)
        )
        prices = (message[name] for name in ("open", "high", "low", "close"))
        candles.append(
            [
                message["timestamp"],
                *(self.parse_number(convert.price(price, market)) for price in prices),
                self.parse_number(str(message["volume"])),
            ]
        )
        client.resolve(candles, f"kline.{message['symbol']}.{interval}")

    def _levels(self: Any, levels: Sequence[Sequence[int]], market: Json) -> list[list[Any]]:
        return [
            [self.parse_number(convert.price(price, market)), float(quantity)]
            for price, quantity in levels
        ]

    def _handle_book(self: Any, client: Any, message: Json) -> None:
        market = self.safe_market(message["symbol"])
        book = self.order_book({})
        self.orderbooks[market["symbol"]] = book
        book.reset(
            {
                "bids": self._levels(message["bids"], market),
                "asks": self._levels(message["asks"], market),
                "symbol": market["symbol"],
                "timestamp": message["timestamp"],
                "datetime": self.iso8601(message["timestamp"]),
                "nonce": message["sequence"],
            }
        )
        client.resolve(book, f"depth_diff.{message['symbol']}")

    def _handle_diff(self: Any, client: Any, message: Json) -> None:
        market = self.safe_market(message["symbol"])
        book = self.orderbooks[market["symbol"]]
        for name in ("bids", "asks"):
            for price, quantity in self._levels(message[name], market):
                book[name].store(price, quantity)
        book["nonce"] = message["last_sequence"]
        book["timestamp"] = message["timestamp"]
        book["datetime"] = self.iso8601(message["timestamp"])
        client.resolve(book, f"depth_diff.{message['symbol']}")

    def _keep_order(self: Any, row: Json) -> str:
        if self.orders is None:
            self.orders = ArrayCacheBySymbolById(KEPT)
        order = self._order(row)
        self.orders.append(order)
        return str(order["symbol"])

    def _handle_orders(self: Any, client: Any, message: Json) -> None:
        symbols = {self._keep_order(row) for row in message["orders"]}
        for symbol in symbols:
            client.resolve(self.orders, f"orders:{symbol}")
        if symbols:
            client.resolve(self.orders, "orders")

    def _handle_report(self: Any, client: Any, message: Json) -> None:
        symbol = self._keep_order(message["order"])
        client.resolve(self.orders, f"orders:{symbol}")
        client.resolve(self.orders, "orders")
        if message["event"] != "filled":
            return
        market = self.market(symbol)
        order = message["order"]
        fill = {
            "trade_id": message["match_number"],
            "order_id": order["order_id"],
            "side": order["side"],
            "price": message["last_price"],
            "quantity": message["last_quantity"],
            "fee": message["fee"],
            "liquidity": message["liquidity"],
        }
        trade = self.safe_trade(convert.fill_of(fill, market, message["timestamp"]), market)
        trade["datetime"] = self.iso8601(message["timestamp"])
        trade["info"] = message
        if self.myTrades is None:
            self.myTrades = ArrayCacheBySymbolById(KEPT)
        self.myTrades.append(trade)
        client.resolve(self.myTrades, f"fills:{symbol}")
        client.resolve(self.myTrades, "fills")

    def _handle_balance(self: Any, client: Any, message: Json) -> None:
        decimals = message["decimals"]
        self._keep_balance(
            client,
            message,
            message["currency"],
            total=convert.decimal(message["balance"], decimals),
            used=convert.decimal(message["frozen_balance"], decimals),
            free=convert.decimal(message["available_balance"], decimals),
        )

    def _handle_position(self: Any, client: Any, message: Json) -> None:
        self._keep_balance(
            client,
            message,
            message["symbol"],
            total=str(message["quantity"]),
            used=str(message["frozen_quantity"]),
            free=str(message["available_quantity"]),
        )

    def _keep_balance(
        self: Any, client: Any, message: Json, code: str, **amounts: str | None
    ) -> None:
        self.balance[code] = dict(amounts)
        self.balance["info"] = message
        self.balance["timestamp"] = message["timestamp"]
        self.balance["datetime"] = self.iso8601(message["timestamp"])
        self.balance = self.safe_balance(self.balance)
        client.resolve(self.balance, "balance")
