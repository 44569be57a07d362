"""The WebSocket endpoint on a port of its own, with a market model that a test feeds.

Who uses it: tests of the hub and the endpoint; they run in one event loop, so what is sent can be
awaited instead of waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from market_events import MarketEvents
from websocket_client import TIMEOUT_S, Client

from exchange.api.errors import answer_errors
from exchange.api.websocket.endpoint import WebSocketEndpoint
from exchange.api.websocket.hub import Hub
from exchange.api.websocket.parameters import WebSocketParameters
from exchange.read_model.market.model import MarketModel

INSTRUMENTS = 16


class FeedServer:
    """``apply`` is what the pump does. ``clock_ms`` may be replaced."""

    def __init__(self, parameters: WebSocketParameters, trades_kept: int) -> None:
        self.events = MarketEvents()
        self.market = MarketModel(INSTRUMENTS, trades_kept=trades_kept)
        self.now_ms = self.events.now_ns // 1_000_000
        self.hub = Hub(self.market, parameters, clock_ms=lambda: self.now_ms)
        self.endpoint = WebSocketEndpoint(self.hub)
        self.address = ""
        self._session: aiohttp.ClientSession | None = None

    def apply(self) -> None:
        """Feed what was added to ``events``."""
        events = self.events.take()
        self.market.apply(events)
        self.hub.publish()

    async def connect(self, **options: Any) -> Client:
        assert self._session is not None
        return Client(await self._session.ws_connect(self.address, **options))

    @asynccontextmanager
    async def running(self) -> AsyncIterator[FeedServer]:
        self.events.open_market()
        self.apply()
        application = web.Application(middlewares=[answer_errors])
        application.router.add_get("/ws", self.endpoint.handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=1.0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        self.address = f"http://127.0.0.1:{port}/ws"
        self.hub.start()
        async with aiohttp.ClientSession() as session:
            self._session = session
            try:
                yield self
            finally:
                self.hub.stop()
        await runner.cleanup()


def serve(test: Callable[[FeedServer], Any], trades_kept: int = 1000, **parameters: Any) -> None:
    """Run ``test`` (a coroutine function) with a server."""

    async def run() -> None:
        server = FeedServer(WebSocketParameters(**parameters), trades_kept)
        async with server.running():
            await asyncio.wait_for(test(server), 3 * TIMEOUT_S)

    asyncio.run(run())
