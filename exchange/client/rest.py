"""REST for bots: one method per request, signed, with retries where they do no harm.

Who uses it: bots (exchange/demo), tests, benchmarks. One ``RestClient`` keeps its connections open
and may be used by many tasks at once. Repeated after a lost connection, an answer 429 or 503, with
growing pauses, until ``patience_s``: requests that only ask, orders (their client order id makes
them one order), cancels and cancel-after. Amendments are not repeated.
"""

from __future__ import annotations

import asyncio
import random
import secrets
import time
import urllib.parse
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, TypeVar

import aiohttp
import msgspec
import yarl

from exchange.access.signature import signed_headers
from exchange.client.types import (
    Account,
    ApiKey,
    BatchEntry,
    Depth,
    Fills,
    Instrument,
    Kline,
    LedgerEntries,
    NewOrder,
    NotReached,
    Order,
    Orders,
    OrderWithTrades,
    Position,
    PublicTrade,
    RequestFailed,
    RollingTicker,
    Side,
    Ticker,
)

Decoded = TypeVar("Decoded")
PREFIX = "/api/v1"
TIME_PATH = f"{PREFIX}/time"
BATCH_PATH = "/orders/batch"
NAMED_PATH = "/orders/by-client-id"
TIMESTAMP_OUTSIDE_WINDOW = 2004
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
REQUEST_TIMEOUT_S = 10.0


class _Envelope(msgspec.Struct):
    code: int
    message: str
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Batch(msgspec.Struct):
    orders: list[BatchEntry]


class _Tickers(msgspec.Struct):
    tickers: list[RollingTicker]


class _PublicTrades(msgspec.Struct):
    trades: list[PublicTrade]


class _Klines(msgspec.Struct):
    klines: list[Kline]


def clock_ahead_ns(time_answer: bytes | msgspec.Raw) -> int:
    """The exchange's clock minus ours, from the data of ``GET /time`` that came just now."""
    body = msgspec.json.decode(time_answer, type=dict[str, int])
    return body["timestamp"] * 1_000_000 - time.time_ns()


def made_up_id() -> str:
    """A new client order id: 13 characters of 65 random bits."""
    return secrets.token_hex(7)[:13]


class RestClient:
    """``base_url``: for example http://127.0.0.1:8081. Without ``key`` only public requests work.

    Use it as ``async with RestClient(...) as client``. Every method raises RequestFailed or
    NotReached.
    """

    def __init__(
        self, base_url: str, key: ApiKey | None = None, *, patience_s: float = 10.0
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._patience_s = patience_s
        self._http: aiohttp.ClientSession | None = None
        self._clock_ahead_ns = 0  # the exchange's clock minus ours

    async def __aenter__(self) -> RestClient:
        timeout = aiohttp.ClientTimeout(total=REQUEST_TIMEOUT_S)
        connector = aiohttp.TCPConnector(limit=0)
        self._http = aiohttp.ClientSession(timeout=timeout, connector=connector)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connections. Idempotent."""
        if self._http is not None:
            await self._http.close()
            self._http = None

    # --- the market ---------------------------------------------------------------------------

    async def time(self) -> dict[str, Any]:
        """The time of the exchange's clock."""
        return await self._get("/time", dict[str, Any], private=False)

    async def instruments(self) -> list[Instrument]:
        """Everything that can be traded."""
        found = await self._get("/instruments", dict[str, list[Instrument]], private=False)
        return found["instruments"]

    async def depth(self, symbol: str, levels: int = 20) -> Depth:
        """The best ``levels`` of the book."""
        return await self._get(
            f"/depth/{_quoted(symbol)}", Depth, {"levels": levels}, private=False
        )

    async def ticker(self, symbol: str) -> Ticker:
        """An instrument at a glance."""
        return await self._get(f"/ticker/{_quoted(symbol)}", Ticker, private=False)

    async def tickers(self, symbol: str | None = None) -> list[RollingTicker]:
        """All instruments at a glance, or one, with figures of the last 24 hours."""
        query = {"symbol": symbol}
        return (await self._get("/tickers", _Tickers, query, private=False)).tickers

    async def trades(self, symbol: str, limit: int = 100) -> list[PublicTrade]:
        """The newest trades of the market, newest first."""
        path, query = f"/trades/{_quoted(symbol)}", {"limit": limit}
        return (await self._get(path, _PublicTrades, query, private=False)).trades

    async def klines(
        self,
        symbol: str,
        interval: str = "1m",
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        limit: int = 500,
    ) -> list[Kline]:
        """Candles, oldest first; ``interval``: 1m, 5m, 15m, 1h or 1d; times: ms since 1970."""
        query = {"interval": interval, "from": from_ms, "to": to_ms, "limit": limit}
        path = f"/klines/{_quoted(symbol)}"
        return (await self._get(path, _Klines, query, private=False)).klines

    # --- the key's account --------------------------------------------------------------------

    async def place(self, order: NewOrder) -> OrderWithTrades:
        """Enter an order; answered when it is durable. A reject raises RequestFailed."""
        if order.client_order_id is None:
            order = msgspec.structs.replace(order, client_order_id=made_up_id())
        body = msgspec.json.encode(order)
        return await self._send("POST", "/orders", OrderWithTrades, body=body, repeat=True)

    async def cancel(self, order_id: int) -> Order:
        """Cancel an order. One that is closed already raises RequestFailed 4003."""
        return await self._send("DELETE", f"/orders/{order_id}", Order, repeat=True)

    async def amend(
        self, order_id: int, *, quantity: int | None = None, price: int | None = None
    ) -> Order:
        """Change quantity (the whole order's) or price. A new order id unless only reduced."""
        wanted = {"quantity": quantity, "price": price}
        body = msgspec.json.encode({k: v for k, v in wanted.items() if v is not None})
        return await self._send("PATCH", f"/orders/{order_id}", Order, body=body)

    async def place_many(self, orders: Sequence[NewOrder]) -> list[BatchEntry]:
        """Enter up to 20 orders with one request; what became of each, in their order."""
        named = [
            order
            if order.client_order_id is not None
            else msgspec.structs.replace(order, client_order_id=made_up_id())
            for order in orders
        ]
        body = msgspec.json.encode({"orders": named})
        found = await self._send("POST", BATCH_PATH, _Batch, body=body, repeat=True)
        return found.orders

    async def cancel_many(
        self, order_ids: Sequence[int] = (), client_order_ids: Sequence[str] = ()
    ) -> list[BatchEntry]:
        """Cancel up to 20 orders with one request; first those that are named by their ids."""
        wanted = {"order_ids": order_ids, "client_order_ids": client_order_ids}
        body = msgspec.json.encode(wanted)
        found = await self._send("DELETE", BATCH_PATH, _Batch, body=body, repeat=True)
        return found.orders

    async def cancel_named(self, client_order_id: str) -> Order:
        """Cancel the newest order with this client order id."""
        query = {"client_order_id": client_order_id}
        return await self._send("DELETE", NAMED_PATH, Order, query=query, repeat=True)

    async def amend_named(
        self, client_order_id: str, *, quantity: int | None = None, price: int | None = None
    ) -> Order:
        """``amend`` the newest order with this client order id, which the new one keeps."""
        wanted = {"quantity": quantity, "price": price}
        body = msgspec.json.encode({k: v for k, v in wanted.items() if v is not None})
        query = {"client_order_id": client_order_id}
        return await self._send("PATCH", NAMED_PATH, Order, query=query, body=body)

    async def cancel_all(self, symbol: str | None = None, side: Side | None = None) -> list[int]:
        """Cancel all open orders, of an instrument, of a side ("buy" or "sell"). Their ids."""
        query = {"symbol": symbol, "side": side}
        found = await self._send(
            "DELETE", "/orders", dict[str, list[int]], query=query, repeat=True
        )
        return found["cancelled"]

    async def order(self, order_id: int) -> OrderWithTrades:
        """An order of this account, with its newest fills."""
        return await self._get(f"/orders/{order_id}", OrderWithTrades)

    async def orders(
        self,
        *,
        symbol: str | None = None,
        status: str | None = None,
        client_order_id: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Orders:
        """A page of orders, newest first. ``status``: statuses joined by commas, or "open"."""
        query = {
            "from": from_ms,
            "to": to_ms,
            "symbol": symbol,
            "status": status,
            "client_order_id": client_order_id,
            "cursor": cursor,
            "limit": limit,
        }
        return await self._get("/orders", Orders, query)

    async def fills(
        self,
        *,
        symbol: str | None = None,
        order_id: int | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> Fills:
        """A page of this account's trades, newest first."""
        query = {"symbol": symbol, "order_id": order_id, "cursor": cursor, "limit": limit}
        return await self._get("/trades", Fills, query | {"from": from_ms, "to": to_ms})

    async def ledger(
        self,
        *,
        currency: str | None = None,
        from_ms: int | None = None,
        to_ms: int | None = None,
        cursor: str | None = None,
        limit: int = 100,
    ) -> LedgerEntries:
        """A page of the changes of this account's balances, newest first; ``limit``: to 100."""
        query = {"currency": currency, "from": from_ms, "to": to_ms, "cursor": cursor}
        return await self._get("/ledger", LedgerEntries, query | {"limit": limit})

    async def account(self) -> Account:
        """Money and limits."""
        return await self._get("/accounts/me", Account)

    async def positions(self) -> list[Position]:
        """Stock."""
        return (await self._get("/positions", dict[str, list[Position]]))["positions"]

    async def cancel_after(self, seconds: int) -> dict[str, Any]:
        """Dead man's switch: cancel everything unless called again within ``seconds``; 0: off."""
        body = msgspec.json.encode({"seconds": seconds})
        return await self._send(
            "POST", "/orders/cancel-after", dict[str, Any], body=body, repeat=True
        )

    # --- how ----------------------------------------------------------------------------------

    async def _get(
        self,
        path: str,
        kind: type[Decoded],
        query: Mapping[str, Any] | None = None,
        *,
        private: bool = True,
    ) -> Decoded:
        return await self._send("GET", path, kind, query=query, private=private, repeat=True)

    async def _send(
        self,
        method: str,
        path: str,
        kind: type[Decoded],
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
        private: bool = True,
        repeat: bool = False,
    ) -> Decoded:
        raw = await self.request(
            method, PREFIX + path, query=query, body=body, private=private, repeat=repeat
        )
        return msgspec.json.decode(raw, type=kind)

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, Any] | None = None,
        body: bytes = b"",
        private: bool = True,
        repeat: bool = False,
    ) -> msgspec.Raw:
        """Any request; returns the answer's ``data`` as JSON text.

        ``path`` from the root on; what is None in ``query`` is left out; ``repeat``: whether doing
        it twice does no harm.
        """
        present = {k: v for k, v in (query or {}).items() if v is not None}
        if present:
            path += "?" + urllib.parse.urlencode(present)
        end_s = time.monotonic() + self._patience_s
        pause_s = FIRST_PAUSE_S
        clock_set = False
        while True:
            try:
                return await self._once(method, path, body, private)
            except RequestFailed as failed:
                if failed.code == TIMESTAMP_OUTSIDE_WINDOW and not clock_set:
                    clock_set = True
                    await self._set_clock()
                    continue
                wait_s = max(pause_s, failed.retry_after_s)
                again = repeat and failed.status in (429, 503)
                if not again or time.monotonic() + wait_s > end_s:
                    raise
            except (aiohttp.ClientError, TimeoutError, OSError) as error:
                wait_s = pause_s
                if not repeat or time.monotonic() + wait_s > end_s:
                    raise NotReached(f"{method} {path}: {error or type(error).__name__}") from error
            # not all clients at the same moment
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)

    async def _once(self, method: str, path: str, body: bytes, private: bool) -> msgspec.Raw:
        assert self._http is not None, "use the client with `async with`"
        headers = {"Content-Type": "application/json"} if body else {}
        if private:
            if self._key is None:
                raise ValueError(f"{method} {path} needs an API key")
            now_ns = time.time_ns() + self._clock_ahead_ns
            headers |= signed_headers(
                self._key.id, self._key.secret, method, path, body, now_ns=now_ns
            )
        # encoded: what is signed is what is sent
        url = yarl.URL(self._base_url + path, encoded=True)
        async with self._http.request(method, url, data=body or None, headers=headers) as answer:
            text = await answer.read()
            status = answer.status
            retry_after = answer.headers.get("Retry-After", "")
        try:
            envelope = msgspec.json.decode(text, type=_Envelope)
        except msgspec.DecodeError:
            raise RequestFailed(0, f"no answer of an exchange (HTTP {status})", status) from None
        if envelope.code == 0 and status < 400:
            return envelope.data
        raise RequestFailed(
            envelope.code,
            envelope.message,
            status,
            msgspec.json.decode(envelope.data),
            int(retry_after) if retry_after.isdecimal() else 0,
        )

    async def _set_clock(self) -> None:
        """Our clock is wrong: sign with the exchange's from now on."""
        raw = await self._once("GET", TIME_PATH, b"", False)
        self._clock_ahead_ns = clock_ahead_ns(raw)


def _quoted(symbol: str) -> str:
    return urllib.parse.quote(symbol, safe="")
