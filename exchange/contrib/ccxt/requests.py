"""Signing, errors, and ccxt's methods that ask for the market and for the account.

Who uses it: classes.py, which makes the sync and the async class of it. Methods are coroutines; in
the sync class ``settled`` never waits, since there ccxt's own methods return their results.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Sequence
from typing import Any

from ccxt.base.errors import ArgumentsRequired, ExchangeError

from exchange.contrib.ccxt import convert
from exchange.contrib.ccxt.convert import Json
from exchange.contrib.ccxt.description import PREFIX, TIMEFRAMES, description

PAGE_ROWS = 1_000  # the most that a page of the exchange has
LEDGER_ROWS = 100
PAGES = 20  # that one call asks for at most
KLINES = 1_500
_BODY_METHODS = ("POST", "PATCH")


async def settled(value: Any) -> Any:
    """What ``value`` is, or will be."""
    return await value if inspect.isawaitable(value) else value


class Requests:
    """The part of the class that asks; mixed in before ccxt's own class."""

    def describe(self: Any) -> Json:
        return self.deep_extend(super().describe(), description())  # type: ignore[misc]

    # --- how --------------------------------------------------------------------------------------

    def sign(
        self: Any, path: str, api: str = "public", method: str = "GET", params: Any = None,
        headers: Any = None, body: Any = None,
    ) -> Json:  # fmt: skip
        """The request as ccxt sends it. ``params["body"]``: of a DELETE with a body."""
        params = dict(params or {})
        content = params.pop("body", None)
        target = f"{PREFIX}/{path}"
        if method in _BODY_METHODS and content is None:  # all of it
            content = params
            params = {}
        if params:
            target += "?" + self.urlencode(params)
        text = "" if content is None else self.json(content)
        if api == "private":
            self.check_required_credentials()
            timestamp = str(self.milliseconds() - int(self.options["timeDifference"]))
            nonce = self.uuid()
            payload = "\n".join((method, target, timestamp, nonce, text))
            headers = {
                "X-API-KEY": self.apiKey,
                "X-TIMESTAMP": timestamp,
                "X-NONCE": nonce,
                "X-SIGNATURE": self.hmac(
                    self.encode(payload), self.encode(self.secret), hashlib.sha256
                ),
            }
            if text:
                headers["Content-Type"] = "application/json"
        url = self.urls["api"][api] + target
        return {"url": url, "method": method, "body": text or None, "headers": headers}

    def handle_errors(self: Any, *answer: Any) -> None:
        """Raise ccxt's error for the code of an answer.

        ``answer``: HTTP status, reason, url, method, headers, body, the body decoded, and more.
        """
        response = answer[6]
        code = response.get("code") if isinstance(response, dict) else None
        if code:
            self.raise_error(code, response.get("message"))

    def raise_error(self: Any, code: int, message: Any) -> None:
        """Raise ccxt's error for ``code``."""
        text = f"{self.id} {code} {message}"
        self.throw_exactly_matched_exception(self.exceptions["exact"], str(code), text)
        raise ExchangeError(text)

    async def ask(self: Any, method: str, path: str, private: bool, params: Json) -> Any:
        """The ``data`` of an answer."""
        api = "private" if private else "public"
        answer = await settled(self.fetch2(path, api, method, params))
        return answer["data"]

    async def _market(self: Any, symbol: str) -> Json:
        await settled(self.load_markets())
        found: Json = self.market(symbol)
        return found

    def _milliseconds(self: Any, time: str | None) -> int | None:
        found: int | None = self.parse8601(time)
        return found

    async def pages(
        self: Any, path: str, name: str, private: bool, params: Json, limit: int | None
    ) -> list[Json]:
        """Rows of a list, newest first; of PAGES pages at most. ``limit`` None: what one has."""
        wanted = limit or PAGE_ROWS
        rows: list[Json] = []
        query = self.extend({"limit": min(wanted, PAGE_ROWS)}, params)
        for _ in range(PAGES):
            page = await self.ask("GET", path, private, query)
            rows += page[name]
            if len(rows) >= wanted or page["next_cursor"] is None:
                break
            query = self.extend(query, {"cursor": page["next_cursor"]})
        return rows[:wanted]

    def _times(self: Any, since: int | None, params: Json) -> Json:
        """The query's time filter: ccxt's ``since`` and ``until``."""
        query = self.omit(params, "until")
        if since is not None:
            query = self.extend(query, {"from": since})
        if params.get("until") is not None:
            query = self.extend(query, {"to": params["until"] + 1})
        found: Json = query
        return found

    # --- the market -------------------------------------------------------------------------------

    async def fetch_markets(self: Any, params: Any = None) -> list[Json]:
        if self.options["adjustForTimeDifference"]:
            await settled(self.load_time_difference())
        answer = await self.ask("GET", "instruments", False, params or {})
        return [
            self.safe_market_structure(convert.market_of(instrument))
            for instrument in answer["instruments"]
        ]

    async def fetch_currencies(self: Any, params: Any = None) -> Json:
        answer = await self.ask("GET", "instruments", False, params or {})
        precisions: dict[str, float] = {}
        kinds: dict[str, str] = {}
        for instrument in answer["instruments"]:
            unit = convert.unit(instrument["currency_decimals"])
            precisions[instrument["currency"]] = float(unit)
            precisions[instrument["symbol"]] = float(instrument["lot"])
            kinds |= {instrument["currency"]: "fiat", instrument["symbol"]: "other"}
        return {
            code: self.safe_currency_structure(
                {
                    "id": code,
                    "code": code,
                    "name": code,
                    "type": kinds[code],
                    "active": True,
                    "deposit": False,
                    "withdraw": False,
                    "precision": precision,
                    "limits": {"amount": {"min": precision, "max": None}},
                    "networks": {},
                    "info": {"code": code},
                }
            )
            for code, precision in precisions.items()
        }

    async def fetch_time(self: Any, params: Any = None) -> int:
        return int((await self.ask("GET", "time", False, params or {}))["timestamp"])

    async def fetch_status(self: Any, params: Any = None) -> Json:
        health = await self.ask("GET", "health", False, params or {})
        status = "ok" if health["healthy"] else "maintenance"
        return {"status": status, "updated": None, "eta": None, "url": None, "info": health}

    def _ticker(self: Any, ticker: Json, market: Json) -> Json:
        time_ms = self._milliseconds(ticker["timestamp"])
        shown = convert.ticker_of(ticker, market) | {"timestamp": time_ms}
        shown["datetime"] = self.iso8601(time_ms)
        found: Json = self.safe_ticker(shown, market)
        return found

    async def fetch_ticker(self: Any, symbol: str, params: Any = None) -> Json:
        market = await self._market(symbol)
        query = self.extend({"symbol": market["id"]}, params or {})
        found = (await self.ask("GET", "tickers", False, query))["tickers"]
        ticker: Json = self._ticker(found[0], market)
        return ticker

    async def fetch_tickers(
        self: Any, symbols: Sequence[str] | None = None, params: Any = None
    ) -> Json:
        await settled(self.load_markets())
        symbols = self.market_symbols(symbols)
        answer = await self.ask("GET", "tickers", False, params or {})
        tickers = [
            self._ticker(ticker, self.safe_market(ticker["symbol"]))
            for ticker in answer["tickers"]
            if ticker["symbol"] in self.markets_by_id
        ]
        found: Json = self.filter_by_array_tickers(tickers, "symbol", symbols)
        return found

    async def fetch_bids_asks(
        self: Any, symbols: Sequence[str] | None = None, params: Any = None
    ) -> Json:
        return await settled(self.fetch_tickers(symbols, params))

    async def fetch_order_book(
        self: Any, symbol: str, limit: int | None = None, params: Any = None
    ) -> Json:
        market = await self._market(symbol)
        query = self.extend({"levels": limit or 100}, params or {})
        depth = await self.ask("GET", f"depth/{self._quoted(market)}", False, query)
        sides = {
            name: [[convert.price(each[0], market), each[1]] for each in depth[name]]
            for name in ("bids", "asks")
        }
        time_ms = self._milliseconds(depth["timestamp"])
        book: Json = self.parse_order_book(sides, market["symbol"], time_ms)
        book["nonce"] = depth["sequence"]
        return book

    def _quoted(self: Any, market: Json) -> str:
        found: str = self.encode_uri_component(market["id"])
        return found

    async def fetch_trades(
        self: Any, symbol: str, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        market = await self._market(symbol)
        query = self._times(since, params or {})
        rows = await self.pages(f"trades/{self._quoted(market)}", "trades", False, query, limit)
        trades = [
            self.safe_trade(
                convert.trade_of(row, market, self._milliseconds(row["executed_at"])), market
            )
            for row in rows
        ]
        return self._in_order(trades, market, since, limit)

    def _in_order(
        self: Any, rows: list[Json], market: Json | None, since: int | None, limit: int | None
    ) -> list[Json]:
        """Oldest first, with ``datetime``, as ccxt gives lists."""
        for row in rows:
            row["datetime"] = self.iso8601(row["timestamp"])
        symbol = None if market is None else market["symbol"]
        ordered = self.sort_by_2(rows, "timestamp", "id")
        found: list[Json] = self.filter_by_symbol_since_limit(ordered, symbol, since, limit)
        return found

    async def fetch_ohlcv(
        self: Any, symbol: str, timeframe: str = "1m", since: int | None = None,
        limit: int | None = None, params: Any = None,
    ) -> list[list[Any]]:  # fmt: skip
        market = await self._market(symbol)
        query = self._times(since, params or {})
        query = self.extend(
            {"interval": TIMEFRAMES[timeframe], "limit": min(limit or 500, KLINES)}, query
        )
        answer = await self.ask("GET", f"klines/{self._quoted(market)}", False, query)
        return [
            [
                self._milliseconds(kline["timestamp"]),
                *(
                    self.parse_number(convert.price(kline[name], market))
                    for name in ("open", "high", "low", "close")
                ),
                self.parse_number(str(kline["volume"])),
            ]
            for kline in answer["klines"]
        ]

    def _fee(self: Any, market: Json) -> Json:
        return {
            "info": market["info"],
            "symbol": market["symbol"],
            "maker": market["maker"],
            "taker": market["taker"],
            "percentage": True,
            "tierBased": False,
        }

    async def fetch_trading_fee(self: Any, symbol: str, params: Any = None) -> Json:
        found: Json = self._fee(await self._market(symbol))
        return found

    async def fetch_trading_fees(self: Any, params: Any = None) -> Json:
        await settled(self.load_markets())
        return {symbol: self._fee(market) for symbol, market in self.markets.items()}

    # --- the account ------------------------------------------------------------------------------

    async def fetch_balance(self: Any, params: Any = None) -> Json:
        await settled(self.load_markets())
        account = await self.ask("GET", "accounts/me", True, params or {})
        positions = (await self.ask("GET", "positions", True, {}))["positions"]
        result: Json = {"info": {"account": account, "positions": positions}}
        for money in account["balances"]:
            decimals = money["decimals"]
            result[money["currency"]] = {
                "total": convert.decimal(money["balance"], decimals),
                "used": convert.decimal(money["frozen_balance"], decimals),
                "free": convert.decimal(money["available_balance"], decimals),
            }
        for position in positions:
            result[position["symbol"]] = {
                "total": str(position["quantity"]),
                "used": str(position["frozen_quantity"]),
                "free": str(position["available_quantity"]),
            }
        balance: Json = self.safe_balance(result)
        return balance

    async def fetch_ledger(
        self: Any, code: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        await settled(self.load_markets())
        query = self._times(since, self.extend({"limit": LEDGER_ROWS}, params or {}))
        if code is not None:
            query = self.extend(query, {"currency": self.currency(code)["id"]})
        rows = await self.pages("ledger", "entries", True, query, limit)
        entries = [
            self.safe_ledger_entry(
                convert.ledger_entry_of(row, self._milliseconds(row["timestamp"])),
                self.currency(row["currency"]),
            )
            for row in reversed(rows)
        ]
        found: list[Json] = self.filter_by_currency_since_limit(entries, code, since, limit)
        return found

    async def fetch_my_trades(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        await settled(self.load_markets())
        market = None if symbol is None else self.market(symbol)
        query = self._times(since, params or {})
        if market is not None:
            query = self.extend(query, {"symbol": market["id"]})
        rows = await self.pages("trades", "trades", True, query, limit)
        trades = [self._fill(row) for row in rows]
        return self._in_order(trades, market, since, limit)

    def _fill(self: Any, row: Json) -> Json:
        market = self.safe_market(row["symbol"])
        time_ms = self._milliseconds(row["executed_at"])
        trade: Json = self.safe_trade(convert.fill_of(row, market, time_ms), market)
        trade["datetime"] = self.iso8601(time_ms)
        return trade

    async def fetch_order_trades(
        self: Any, id: str, symbol: str | None = None, since: int | None = None,
        limit: int | None = None, params: Any = None,
    ) -> list[Json]:  # fmt: skip
        query = self.extend({"order_id": id}, params or {})
        return await settled(self.fetch_my_trades(symbol, since, limit, query))

    def _order(self: Any, row: Json) -> Json:
        market = self.safe_market(row["symbol"])
        times = self._milliseconds(row["created_at"]), self._milliseconds(row["updated_at"])
        shown = convert.order_of(row, market, *times)
        shown["datetime"] = self.iso8601(times[0])
        if shown["fee"] is not None:
            shown["fee"]["cost"] = self.parse_number(shown["fee"]["cost"])
        fills = row.get("trades")
        if fills:
            shown["trades"] = [self._fill(each) for each in reversed(fills)]
            shown["lastTradeTimestamp"] = self._milliseconds(fills[0]["executed_at"])
        order: Json = self.safe_order(shown, market)
        return order

    async def fetch_order(
        self: Any, id: str | None, symbol: str | None = None, params: Any = None
    ) -> Json:
        await settled(self.load_markets())
        path, query = self.order_path(id, params or {})
        order: Json = self._order(await self.ask("GET", path, True, query))
        return order

    def order_path(self: Any, id: str | None, params: Json) -> tuple[str, Json]:
        """The path of an order by its id, or by ``clientOrderId`` in ``params``."""
        name = self.safe_string(params, "clientOrderId")
        if name is not None:
            rest = self.extend(self.omit(params, "clientOrderId"), {"client_order_id": name})
            return "orders/by-client-id", rest
        if id is None:
            raise ArgumentsRequired(f"{self.id}: an order id or params clientOrderId is needed")
        return f"orders/{id}", params

    async def fetch_orders(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        await settled(self.load_markets())
        market = None if symbol is None else self.market(symbol)
        query = self._times(since, params or {})
        if market is not None:
            query = self.extend(query, {"symbol": market["id"]})
        rows = await self.pages("orders", "orders", True, query, limit)
        orders = [self._order(row) for row in rows]
        return self._in_order(orders, market, since, limit)

    async def _orders_with(
        self: Any, status: str, symbol: str | None, since: int | None, limit: int | None,
        params: Any,
    ) -> list[Json]:  # fmt: skip
        query = self.extend({"status": status}, params or {})
        return await settled(self.fetch_orders(symbol, since, limit, query))

    async def fetch_open_orders(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        return await settled(self._orders_with("open", symbol, since, limit, params))

    async def fetch_closed_orders(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        return await settled(self._orders_with("filled", symbol, since, limit, params))

    async def fetch_canceled_orders(
        self: Any, symbol: str | None = None, since: int | None = None, limit: int | None = None,
        params: Any = None,
    ) -> list[Json]:  # fmt: skip
        status = "cancelled,replaced"
        return await settled(self._orders_with(status, symbol, since, limit, params))
