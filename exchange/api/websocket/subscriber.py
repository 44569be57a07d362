"""A subscriber: one connected WebSocket, its channels, and how many bytes it has not read.

Who uses it: the endpoint makes it and closes it, the hub writes to it. A subscriber writes whole
frames to the transport. What the client does not read stays in the transport's buffer, and the size
of that buffer decides: over the soft limit the subscriber *lags* (the hub sends it nothing more
until it has read half of that), over the hard limit it is closed.
"""

from __future__ import annotations

import asyncio
import socket
from collections import deque

import numpy as np

from exchange.api.websocket.channels import ChannelKey
from exchange.api.websocket.frames import CloseCode, close_frame
from exchange.api.websocket.parameters import WebSocketParameters


class Group:
    """Subscribers with the same set of channels, and what this tick has for them."""

    __slots__ = (
        "_now",
        "channels",
        "frames",
        "members",
        "part_bytes",
        "parts",
        "skips",
        "told_sequence",
    )

    def __init__(self, channels: frozenset[ChannelKey]) -> None:
        self.channels = channels
        self.members: set[Subscriber] = set()
        self._now: tuple[list[Subscriber], np.ndarray] | None = None
        self.parts: list[bytes] = []
        self.frames = 0  # in parts
        self.part_bytes = 0  # in parts
        self.skips: dict[Subscriber, int] = {}  # bytes of `parts` from before a member joined
        self.told_sequence = -1  # newest event that every member has been told of

    def add(self, subscriber: Subscriber) -> None:
        """Add a member."""
        self.members.add(subscriber)
        self._now = None

    def discard(self, subscriber: Subscriber) -> None:
        """Remove a member. Idempotent."""
        self.members.discard(subscriber)
        self.skips.pop(subscriber, None)
        self._now = None

    def members_now(self) -> tuple[list[Subscriber], np.ndarray]:
        """Snapshot of the members and their descriptors (int64[members])."""
        if self._now is None:
            members = list(self.members)
            self._now = members, np.array([each.descriptor for each in members], np.int64)
        return self._now


class Subscriber:
    """``transport``: of the connection after the handshake. ``now_s``: monotonic."""

    __slots__ = (
        "_close_timer",
        "_parameters",
        "_transport",
        "begun",
        "channels",
        "closing",
        "descriptor",
        "dropped",
        "group",
        "heard_s",
        "lagging_since_s",
        "number",
        "parts",
        "pinged",
        "sent_sequence",
        "slice",
        "told_sequence",
    )

    def __init__(
        self,
        number: int,
        transport: asyncio.Transport,
        parameters: WebSocketParameters,
        now_s: float,
    ) -> None:
        self.number = number  # counts connections: for logs
        self.channels: set[ChannelKey] = set()
        self.group: Group | None = None
        self.closing = False
        self.dropped = False  # because it was too slow
        self.heard_s = now_s  # when the client last sent anything
        self.pinged = False  # whether a ping was sent since then
        self.lagging_since_s: float | None = None
        self.told_sequence = -1  # newest event it had been told of when it joined its group
        self.sent_sequence = -1  # while it lags: events up to this one have been sent
        self.slice = 0  # which slice of the hub's heartbeats it belongs to
        # depth_diff: parts of snapshots that wait, and the event at which each channel began
        self.parts: deque[tuple[ChannelKey, bytes]] = deque()
        self.begun: dict[ChannelKey, int] = {}
        self._transport = transport
        self._parameters = parameters
        self._close_timer: asyncio.TimerHandle | None = None
        # of the socket, for writes that bypass the transport; -1: only the transport may write
        connected: socket.socket | None = transport.get_extra_info("socket")
        encrypted = transport.get_extra_info("sslcontext") is not None
        self.descriptor = -1 if connected is None or encrypted else connected.fileno()

    def is_clear(self) -> bool:
        """Whether ``descriptor`` may be written to directly: the transport holds no bytes of it."""
        transport = self._transport
        return (
            not self.closing
            and self.lagging_since_s is None
            and not transport.is_closing()
            and transport.get_write_buffer_size() == 0
        )

    def unsent_bytes(self) -> int:
        """Bytes that wait in the transport, beyond those that the kernel holds."""
        return self._transport.get_write_buffer_size()

    def write(self, frames: bytes) -> int:
        """Send whole frames. Returns ``unsent_bytes()``.

        Closes the socket as too slow when they exceed the hard limit.
        """
        transport = self._transport
        if self.closing or transport.is_closing():
            return 0
        transport.write(frames)
        unsent_bytes = transport.get_write_buffer_size()
        if unsent_bytes > self._parameters.hard_buffer_bytes:
            self.close(
                CloseCode.TOO_SLOW,
                f"too slow: {unsent_bytes} bytes unread, "
                f"{self._parameters.hard_buffer_bytes} are allowed",
            )
        return unsent_bytes

    def close(self, code: CloseCode, reason: str) -> None:
        """Send a close frame; nothing is sent after it. The client has close_seconds to answer.

        The endpoint reads and drops input until the client closes or the time is over: a socket
        that is closed with unread input is reset, and the client may never see the reason.
        """
        if self.closing:
            return
        self.closing = True
        self.dropped = code == CloseCode.TOO_SLOW
        if not self._transport.is_closing():
            self._transport.write(close_frame(code, reason))
            self._close_timer = asyncio.get_running_loop().call_later(
                self._parameters.close_seconds, self._transport.abort
            )

    def hang_up(self) -> None:
        """Close the connection after the unsent bytes. Called once, at the end."""
        self.closing = True
        if not self._transport.is_closing():
            self._transport.close()
        if self._close_timer is not None:
            self._close_timer.cancel()
        if self._transport.get_write_buffer_size():
            # a client that never reads must not hold the connection forever
            self._close_timer = asyncio.get_running_loop().call_later(
                self._parameters.close_seconds, self._transport.abort
            )
