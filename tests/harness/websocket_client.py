"""A client of the WebSocket for tests: sends dicts, receives dicts, waits with a deadline.

Everything that it receives is checked with the AsyncAPI document.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import orjson
import websocket_schema

TIMEOUT_S = 120.0


class Client:
    """A client's socket: sends dicts, receives dicts; heartbeats are passed over."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket

    async def send(self, **message: Any) -> None:
        await self.socket.send_str(orjson.dumps(message).decode())

    async def receive(self, *, heartbeats: bool = False) -> dict[str, Any]:
        """The next message. Raises AssertionError when the socket is closed instead."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), TIMEOUT_S)
            assert message.type is aiohttp.WSMsgType.TEXT, message
            found = orjson.loads(message.data)
            assert isinstance(found, dict)
            websocket_schema.check(found)
            if heartbeats or found["type"] != "heartbeat":
                return found

    async def receive_type(self, *types: str) -> dict[str, Any]:
        """The next message of one of ``types``; others are passed over."""
        while True:
            found = await self.receive(heartbeats=True)
            if found["type"] in types:
                return found

    async def receive_all(self, count: int) -> list[dict[str, Any]]:
        return [await self.receive() for _ in range(count)]

    async def receive_close(self) -> tuple[int, str]:
        """Read until the server closes. Its code and reason."""
        while True:
            message = await asyncio.wait_for(self.socket.receive(), TIMEOUT_S)
            if message.type is not aiohttp.WSMsgType.TEXT:
                assert message.type is aiohttp.WSMsgType.CLOSE, message
                return message.data, message.extra

    async def subscribe(self, *channels: str, **more: Any) -> list[dict[str, Any]]:
        """Subscribe; the acknowledgements, and nothing that follows them."""
        await self.send(action="subscribe", channels=channels, **more)
        return await self.receive_all(len(channels))
