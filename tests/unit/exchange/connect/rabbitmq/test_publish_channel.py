"""Confirmations in any order, against a plain set; windows against a server that answers late."""

from __future__ import annotations

import asyncio
import random
from types import SimpleNamespace
from typing import Any

import pytest
from aiormq import exceptions as amqp
from pamqp import commands

from exchange.connect.rabbitmq.frames import PUBLISH_CHANNEL, Window
from exchange.connect.rabbitmq.publish_channel import Confirmed, PublishChannel
from exchange.connect.sink import SinkAway


@pytest.mark.parametrize("seed", range(20))
def test_confirmations_in_any_order(seed: int) -> None:
    randomly = random.Random(seed)
    confirmed, naive = Confirmed(), set[int]()
    for _ in range(300):
        tag, multiple = randomly.randrange(1, 200), randomly.random() < 0.1
        confirmed.add(tag, multiple)
        naive |= set(range(1, tag + 1)) if multiple else {tag}
        assert confirmed.count == len(naive)


class Connection:
    """As much of a connection as a channel needs; what is written is in ``write_queue``."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.channels: dict[int, Any] = {}
        self.write_queue: asyncio.Queue[Any] = asyncio.Queue()
        self.publisher_confirms = True
        self.connection_tune = SimpleNamespace(frame_max=131_072, heartbeat=0)
        self.is_opened = False
        self._store: Any = None

    def _future_store_child(self) -> Any:
        from aiormq.base import FutureStore

        return FutureStore(self.loop)


WINDOWS = [Window(3, b"one"), Window(3, b"two"), Window(2, b"three")]


def test_at_most_so_many_messages_are_unconfirmed() -> None:
    async def main() -> None:
        connection = Connection()
        channel = PublishChannel(connection)  # type: ignore[arg-type]
        assert connection.channels == {PUBLISH_CHANNEL: channel}
        work = asyncio.create_task(channel.publish(WINDOWS, 6, 60.0))
        written = [(await connection.write_queue.get()).payload for _ in range(2)]
        assert written == [b"one", b"two"]
        await asyncio.sleep(0)
        assert connection.write_queue.empty()
        await channel._on_confirm_frame(commands.Basic.Ack(2, multiple=True))
        assert (await connection.write_queue.get()).payload == b"three"
        await channel._on_confirm_frame(commands.Basic.Ack(8))
        assert not work.done()
        await channel._on_confirm_frame(commands.Basic.Ack(7, multiple=True))
        await work
        await channel.close()

    asyncio.run(main())


def test_silence_a_refusal_and_an_end_are_told() -> None:
    async def main() -> None:
        channel = PublishChannel(Connection())  # type: ignore[arg-type]
        with pytest.raises(SinkAway, match="no confirmation for"):
            await channel.publish(WINDOWS, 6, 0.01)
        await channel.close()

        channel = PublishChannel(Connection())  # type: ignore[arg-type]
        work = asyncio.create_task(channel.publish(WINDOWS, 8, 60.0))
        while not channel._changed:
            await asyncio.sleep(0)
        await channel._on_confirm_frame(commands.Basic.Nack(8, multiple=True))
        with pytest.raises(SinkAway, match="x-overflow reject-publish"):
            await work
        await channel.close()

        channel = PublishChannel(Connection())  # type: ignore[arg-type]
        work = asyncio.create_task(channel.publish(WINDOWS, 8, 60.0))
        while not channel._changed:
            await asyncio.sleep(0)
        await channel.close(amqp.ConnectionClosed(320, "it ends"))
        with pytest.raises(amqp.ConnectionClosed):
            await work

    asyncio.run(main())
