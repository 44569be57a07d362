"""Publishes messages in windows, and follows what the server has confirmed of them.

Who uses it: the sink. The library's own way makes a future for each message and waits for it; here
a window is one write, and its confirmations only move a mark: 2 us a message instead of 130. At
most ``ahead`` messages are unconfirmed at a time, so the server is never given more than it takes.

Decision CON-21.
"""

from __future__ import annotations

import asyncio
from typing import Any

import aiormq
from aiormq.abc import ChannelFrame
from aiormq.channel import Channel
from pamqp import commands

from exchange.connect.rabbitmq.frames import PUBLISH_CHANNEL, Window
from exchange.connect.sink import SinkAway


class Confirmed:
    """Which of the messages with the tags 1, 2, ... are confirmed; answers come in any order."""

    def __init__(self) -> None:
        self._all_to = 0  # every tag up to it
        self._above: set[int] = set()  # single ones beyond it

    def add(self, tag: int, multiple: bool) -> None:
        """``tag`` is confirmed; ``multiple``: and all before it."""
        if multiple:
            if tag > self._all_to:
                self._above = {each for each in self._above if each > tag}
                self._all_to = tag
        elif tag > self._all_to:
            self._above.add(tag)
        while self._all_to + 1 in self._above:
            self._all_to += 1
            self._above.remove(self._all_to)

    @property
    def count(self) -> int:
        """How many."""
        return self._all_to + len(self._above)


class PublishChannel(Channel):
    """A channel that only publishes, and counts confirmations (see the module).

    ``open`` it before use. Invariant: nothing else publishes on it, so tags are counted here.
    """

    def __init__(self, connection: aiormq.Connection) -> None:
        super().__init__(connection, PUBLISH_CHANNEL)
        connection.channels[PUBLISH_CHANNEL] = self
        self._sent = 0
        self._confirmed = Confirmed()
        self._refused: str = ""
        self._changed: asyncio.Future[Any] | None = None

    async def _on_confirm_frame(self, frame: Any) -> None:
        """Called by the library for each answer of the server."""
        if isinstance(frame, commands.Basic.Nack):
            self._refused = (
                "the server has not taken a message: a queue that is bound to the exchange is full "
                "and refuses (x-overflow reject-publish), or failed"
            )
        assert frame.delivery_tag is not None
        self._confirmed.add(frame.delivery_tag, bool(frame.multiple))
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)

    async def publish(self, windows: list[Window], ahead: int, timeout_s: float) -> None:
        """Publish ``windows``; every message is confirmed when it returns.

        ``ahead``: unconfirmed messages at most (a window alone may be larger). ``timeout_s``: the
        longest time without any confirmation. Raises SinkAway and what the library raises.
        """
        for window in windows:
            await self._wait(max(ahead - window.messages, 0), timeout_s)
            self._sent += window.messages
            await self.write_queue.put(ChannelFrame(payload=window.frames, should_close=False))
        await self._wait(0, timeout_s)

    async def _wait(self, unconfirmed: int, timeout_s: float) -> None:
        """Wait until at most ``unconfirmed`` messages are unconfirmed."""
        while self._sent - self._confirmed.count > unconfirmed:
            # rejected by the library when the connection or the channel closes
            self._changed = self.create_future()
            try:
                await asyncio.wait_for(self._changed, timeout_s)
            except TimeoutError:
                raise SinkAway(
                    f"no confirmation for {timeout_s:g} s: the server stands still, or takes "
                    "nothing for want of memory or disk space"
                ) from None
            if self._refused:
                raise SinkAway(self._refused)
