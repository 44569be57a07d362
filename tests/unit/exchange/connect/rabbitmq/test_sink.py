"""What the sink makes of events, and how it reads its position."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import msgspec
import numpy as np
import pytest
from store_world import MemoryArchive, random_events

from exchange.codes import EventKind
from exchange.connect.directory import Directory
from exchange.connect.rabbitmq.broker import BrokerParameters
from exchange.connect.rabbitmq.sink import (
    Message,
    Progress,
    RabbitmqParameters,
    RabbitmqSink,
    messages_of,
    read_position,
)
from exchange.connect.sink import SinkRefused


@pytest.fixture(scope="module")
def events() -> np.ndarray:
    return random_events(1, 1_500)


def made(events: np.ndarray, *, trades: bool = True, reports: bool = True) -> list[Message]:
    directory = Directory()
    directory.learn(events)
    return messages_of(events, directory, trades=trades, reports=reports)


def test_messages_are_in_the_order_of_their_events(events: np.ndarray) -> None:
    messages = made(events)
    sequences = [message.sequence for message in messages]
    assert sequences == sorted(sequences)
    ids = [message.message_id for message in messages]
    assert len(set(ids)) == len(ids)
    trades = [message for message in messages if message.routing_key.startswith("trade.")]
    assert len(trades) == np.count_nonzero(events["kind"] == EventKind.TRADE) > 0
    assert all(message.message_id == str(message.sequence) for message in trades)
    reports = [message for message in messages if message.routing_key.startswith("report.")]
    assert len(trades) + len(reports) == len(messages)
    assert made(events, reports=False) == trades
    assert made(events, trades=False) == reports


def test_however_events_are_split_the_frames_are_the_same(events: np.ndarray) -> None:
    parameters = RabbitmqParameters(BrokerParameters("amqp://localhost/"), "events", window=100)

    def frames(size: int) -> tuple[bytes, int]:
        sink = RabbitmqSink(parameters, Directory(), MemoryArchive(events))
        sink.begin(0)
        encoded = [sink.encode(events[at : at + size]) for at in range(0, len(events), size)]
        assert all(window.messages <= 100 for windows, _ in encoded for window in windows)
        sink.close()
        text = b"".join(window.frames for windows, _ in encoded for window in windows)
        return text, sum(records for _, records in encoded)

    assert frames(37) == frames(len(events))
    assert frames(37)[1] == len(made(events))


class Queue:
    """A channel that gets from one queue, as the server would."""

    def __init__(self, *bodies: bytes) -> None:
        self.ready = list(bodies)
        self.taken: dict[int, bytes] = {}

    async def basic_get(self, queue: str, timeout: float) -> Any:
        if not self.ready:
            return SimpleNamespace(delivery_tag=None, message_count=None, body=b"")
        tag = len(self.taken) + 1
        self.taken[tag] = self.ready.pop(0)
        return SimpleNamespace(
            delivery_tag=tag, message_count=len(self.ready), body=self.taken[tag]
        )

    async def basic_reject(self, tag: int, requeue: bool) -> None:
        self.ready.append(self.taken.pop(tag))

    async def basic_ack(self, tag: int) -> None:
        del self.taken[tag]


def test_the_newest_position_stays_and_older_ones_go() -> None:
    older, newer = (msgspec.json.encode(Progress(at, "ab")) for at in (5, 9))
    for bodies in ((newer,), (older, newer), (newer, older), ()):
        queue = Queue(*bodies)
        found = asyncio.run(read_position(queue, "progress"))  # type: ignore[arg-type]
        assert found == (Progress(9, "ab") if bodies else None)
        assert (queue.ready, queue.taken) == ([newer] if bodies else [], {})


def test_a_message_of_somebody_else_is_refused() -> None:
    with pytest.raises(SinkRefused, match="not ours"):
        asyncio.run(read_position(Queue(b"hello"), "progress"))  # type: ignore[arg-type]


def test_names_are_known_wherever_it_goes_on(events: np.ndarray) -> None:
    """A connector that restarts alone was told of the names at the core's start only."""
    parameters = RabbitmqParameters(BrokerParameters("amqp://localhost/"), "events", window=100)
    whole = RabbitmqSink(parameters, Directory(), MemoryArchive(events))
    whole.begin(0)
    at = len(events) // 2
    whole.encode(events[:at])
    later = RabbitmqSink(parameters, Directory(), MemoryArchive(events))
    later.begin(at)
    assert later.encode(events[at:]) == whole.encode(events[at:])
