"""The WebSocket for bots: subscribes, signs in, and comes back by itself after a lost connection.

Who uses it: bots (exchange/demo), tests, benchmarks::

    async with Stream("http://127.0.0.1:8081", key) as stream:
        await stream.subscribe("depth.AAPL", "orders")
        async for message in stream:
            ...

One task iterates; any task may send. Reconnecting is part of the iteration: it yields
``Disconnected``, waits (longer each time), connects, signs in, subscribes to everything again and
yields ``Connected``. Trades and execution reports that were missed meanwhile are asked for by
sequence and come first; what the exchange has no more is a ``Gap``. Depth begins with a new
snapshot. Actions that were under way when the connection broke have an unknown outcome: the order
channel, or REST with the client order id, tells.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from types import TracebackType
from typing import Any

import aiohttp
import msgspec

import exchange.client.messages as messages
from exchange.access.signature import signed_websocket
from exchange.client.messages import Message
from exchange.client.rest import (
    TIME_PATH,
    TIMESTAMP_OUTSIDE_WINDOW,
    clock_ahead_ns,
    made_up_id,
)
from exchange.client.types import ApiKey, NewOrder, NotReached, RequestFailed

PATH = "/ws"
SILENCE_S = 5.0  # the exchange's heartbeat comes every second
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 5.0
MAXIMUM_MESSAGE_BYTES = 16 << 20  # a snapshot of a whole book
KEY_REFUSED = (2002, 2003)  # unknown or revoked, wrong secret: trying again changes nothing


class Stream:
    """``base_url``: as of RestClient. ``reconnect`` False: the iteration ends with the connection.

    ``heartbeats``: yield them too. The iteration raises RequestFailed when the key is refused.
    """

    def __init__(
        self,
        base_url: str,
        key: ApiKey | None = None,
        *,
        reconnect: bool = True,
        heartbeats: bool = False,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._url = self._base_url.replace("http", "ws", 1) + PATH
        self._clock_ahead_ns = 0  # the exchange's clock minus ours
        self._clock_set = False
        self._key = key
        self._reconnect = reconnect
        self._heartbeats = heartbeats
        self._http: aiohttp.ClientSession | None = None
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self._channels: dict[str, int | None] = {}  # channel -> newest sequence, where it resumes
        self._closed = False

    async def __aenter__(self) -> Stream:
        self._http = aiohttp.ClientSession()
        try:
            await self._connect()
        except NotReached:
            await self.close()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection and end the iteration. Idempotent."""
        self._closed = True
        if self._socket is not None:
            await self._socket.close()
            self._socket = None
        if self._http is not None:
            await self._http.close()
            self._http = None

    # --- what a bot asks ----------------------------------------------------------------------

    async def subscribe(self, *channels: str) -> None:
        """Subscribe; each channel is acknowledged (Subscribed) or refused (Error)."""
        self._channels |= {name: self._channels.get(name) for name in channels}
        await self._send({"action": "subscribe", "channels": list(channels)})

    async def unsubscribe(self, *channels: str) -> None:
        """Leave channels."""
        for name in channels:
            self._channels.pop(name, None)
        await self._send({"action": "unsubscribe", "channels": list(channels)})

    async def resubscribe(self, channel: str) -> None:
        """Leave a channel and enter it again: a new snapshot of ``depth_diff``."""
        await self._send({"action": "unsubscribe", "channels": [channel]})
        await self.subscribe(channel)

    async def place(self, order: NewOrder) -> str:
        """Send an order. Returns its client order id; reports follow on channel ``orders``."""
        name = order.client_order_id or made_up_id()
        order = msgspec.structs.replace(order, client_order_id=name)
        fields: dict[str, Any] = msgspec.to_builtins(order)
        await self._send({"action": "order", "request_id": name} | fields)
        return name

    async def cancel(self, order_id: int) -> None:
        """Ask for a cancel."""
        await self._send({"action": "cancel", "request_id": f"c{order_id}", "order_id": order_id})

    async def amend(
        self, order_id: int, *, quantity: int | None = None, price: int | None = None
    ) -> None:
        """Ask for another quantity (of the whole order) or price."""
        wanted = {"quantity": quantity, "price": price}
        fields = {name: value for name, value in wanted.items() if value is not None}
        request = {"action": "amend", "request_id": f"a{order_id}", "order_id": order_id}
        await self._send(request | fields)

    async def cancel_all(self, symbol: str | None = None) -> None:
        """Ask to cancel all open orders (of ``symbol``)."""
        request = {"action": "mass_cancel", "request_id": "mass_cancel"}
        await self._send(request | ({"symbol": symbol} if symbol else {}))

    async def cancel_after(self, seconds: int) -> None:
        """Dead man's switch: cancel everything unless asked again within ``seconds``; 0: off."""
        await self._send(
            {"action": "cancel_after", "request_id": "cancel_after", "seconds": seconds}
        )

    async def ping(self) -> None:
        """Ask for a Pong."""
        await self._send({"action": "ping"})

    async def _send(self, action: dict[str, Any]) -> None:
        """Raises NotReached when there is no connection (the iteration is making one)."""
        socket = self._socket
        if socket is None or socket.closed:
            raise NotReached("the stream is not connected")
        try:
            await socket.send_str(msgspec.json.encode(action).decode())
        except (ConnectionError, aiohttp.ClientError) as error:
            raise NotReached(f"the stream lost its connection: {error}") from error

    # --- what comes ---------------------------------------------------------------------------

    async def __aiter__(self) -> AsyncIterator[Message]:
        while not self._closed:
            reason = ""
            while not reason:
                message, reason = await self._receive()
                if message is not None:
                    yield message
            if self._closed:
                return
            if self._socket is not None:
                await self._socket.close()
                self._socket = None
            yield messages.Disconnected(reason=reason)
            if not self._reconnect:
                return
            attempts = await self._come_back()
            if attempts:
                yield messages.Connected(attempts=attempts)

    async def _receive(self) -> tuple[Message | None, str]:
        """The next message, or None and, when the connection is gone, why."""
        assert self._socket is not None, "use the stream with `async with`"
        try:
            frame = await self._socket.receive(timeout=SILENCE_S)
        except TimeoutError:
            return None, f"nothing came for {SILENCE_S:g} s"
        if frame.type != aiohttp.WSMsgType.TEXT:
            code = self._socket.close_code
            return None, f"closed by the exchange (code {code}) {frame.extra or ''}".strip()
        try:
            message = messages.decode(frame.data)
        except msgspec.DecodeError as error:
            return None, f"not understood: {error}: {frame.data[:200]}"
        if message is None:
            return None, ""
        self._note(message)
        if isinstance(message, messages.Error):
            if self._key is not None and message.code in KEY_REFUSED:
                await self.close()
                raise RequestFailed(message.code, message.message)
            if message.code == TIMESTAMP_OUTSIDE_WINDOW and not self._clock_set:
                return None, await self._set_clock()
            if self._channels.get(message.channel or ""):
                try:
                    return await self._resume_refused(message), ""
                except NotReached as error:
                    return None, str(error)
        if isinstance(message, messages.Heartbeat) and not self._heartbeats:
            return None, ""
        return message, ""

    def _note(self, message: Message) -> None:
        """Remember how far a channel that can be resumed has come."""
        if isinstance(message, messages.Trade):
            channel, sequence = f"trade.{message.symbol}", message.sequence
        elif isinstance(message, messages.ExecutionReport):
            channel, sequence = "orders", message.sequence
        elif isinstance(message, messages.Subscribed) and _resumes(message.channel):
            channel, sequence = message.channel, self._channels.get(message.channel) or 0
            sequence = sequence or message.sequence
        else:
            return
        if channel in self._channels:
            self._channels[channel] = sequence

    async def _resume_refused(self, error: messages.Error) -> Message:
        """The exchange no longer keeps what was missed: go on from now, and say so."""
        assert error.channel is not None
        since = self._channels[error.channel]
        self._channels[error.channel] = None
        await self.subscribe(error.channel)
        return messages.Gap(channel=error.channel, first_sequence=(since or 0) + 1)

    async def _set_clock(self) -> str:
        """Our clock is wrong: take the exchange's and connect again. Why the connection ends."""
        assert self._http is not None
        self._clock_set = True
        try:
            async with self._http.get(self._base_url + TIME_PATH) as answer:
                body = msgspec.json.decode(await answer.read(), type=dict[str, msgspec.Raw])
            self._clock_ahead_ns = clock_ahead_ns(body["data"])
        except (aiohttp.ClientError, OSError, msgspec.DecodeError, KeyError) as error:
            self._clock_set = False
            return f"the exchange's clock cannot be asked for: {error}"
        return "this machine's clock is wrong: signing in again by the exchange's"

    # --- the connection -----------------------------------------------------------------------

    async def _come_back(self) -> int:
        """Connect again. Returns how many attempts it took; 0 when the stream was closed."""
        attempts, pause_s = 0, FIRST_PAUSE_S
        while not self._closed:
            # not all clients at the same moment
            await asyncio.sleep(pause_s * random.uniform(0.5, 1.0))
            attempts += 1
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                await self._connect()
                return attempts
            except NotReached:
                continue
        return 0

    async def _connect(self) -> None:
        """Connect, sign in and subscribe to everything. Raises NotReached."""
        if self._http is None:
            raise NotReached("the stream is closed")
        try:
            self._socket = await self._http.ws_connect(
                self._url, max_msg_size=MAXIMUM_MESSAGE_BYTES, autoping=True
            )
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise NotReached(f"{self._url}: {error or type(error).__name__}") from error
        if self._key is not None:
            now_ns = time.time_ns() + self._clock_ahead_ns
            await self._send(signed_websocket(self._key.id, self._key.secret, now_ns=now_ns))
        fresh = [name for name, since in self._channels.items() if not since]
        if fresh:
            await self._send({"action": "subscribe", "channels": fresh})
        for name, since in self._channels.items():
            if since:
                await self._send({"action": "subscribe", "channels": [name], "since": since})


def _resumes(channel: str) -> bool:
    """Whether a subscription to ``channel`` may begin at a sequence of the past."""
    return channel == "orders" or channel.startswith("trade.")
