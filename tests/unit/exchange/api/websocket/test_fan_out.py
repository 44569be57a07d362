"""The fan-out over real sockets: readers fast and slow, that come, go and change their group."""

from __future__ import annotations

import asyncio
import socket
from collections import defaultdict

import numpy as np
import pytest

from exchange.api.websocket.channels import ChannelKey, ChannelKind
from exchange.api.websocket.fan_out import MEMBERS_AT_ONCE, FanOut
from exchange.api.websocket.parameters import WebSocketParameters
from exchange.api.websocket.subscriber import Group, Subscriber

PARAMETERS = WebSocketParameters(soft_buffer_bytes=100_000, hard_buffer_bytes=1 << 30)


class Reader:
    """The other end of a subscriber's socket, read by hand."""

    def __init__(self, subscriber: Subscriber, end: socket.socket) -> None:
        self.subscriber = subscriber
        self.end = end
        self.received = bytearray()

    def read(self, limit: int = 1 << 20) -> None:
        try:
            while limit > 0 and (part := self.end.recv(limit)):
                self.received += part
                limit -= len(part)
        except BlockingIOError:
            pass


class World:
    """A fan-out, its groups and its readers; notes who lagged."""

    def __init__(self) -> None:
        self.lagged: dict[int, int] = {}
        self.frames_sent = 0
        self.fan_out = FanOut(
            PARAMETERS.soft_buffer_bytes, sequence=0, lag=self._lag, count=self._count
        )
        self.readers: list[Reader] = []

    def _lag(self, subscriber: Subscriber, sequence: int) -> None:
        subscriber.lagging_since_s = 0.0
        self.lagged[subscriber.number] = sequence

    def _count(self, frames: int) -> None:
        self.frames_sent += frames

    async def connect(self) -> Reader:
        ours, theirs = socket.socketpair()
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4_096)
        for each in (ours, theirs):
            each.setblocking(False)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_connection(asyncio.Protocol, sock=ours)
        number = len(self.readers)
        self.readers.append(Reader(Subscriber(number, transport, PARAMETERS, 0.0), theirs))
        return self.readers[-1]

    async def end(self) -> None:
        for reader in self.readers:
            reader.subscriber._transport.abort()
            reader.end.close()
        await asyncio.sleep(0.01)

    async def read_all(self) -> None:
        """Let everything arrive that is on its way."""
        while True:
            for reader in self.readers:
                reader.read()
            await asyncio.sleep(0)
            if not any(reader.subscriber.unsent_bytes() for reader in self.readers):
                break
        for reader in self.readers:
            reader.read()


def group_of(instrument: int) -> Group:
    return Group(frozenset({ChannelKey(ChannelKind.TRADE, instrument, "")}))


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_each_gets_what_its_group_had_while_it_was_a_member(seed: int) -> None:
    """Whole, once and in order, however slowly it reads; those that lag are told what they had."""

    async def scenario() -> None:
        random = np.random.default_rng(seed)
        world = World()
        groups = [group_of(instrument) for instrument in range(4)]
        expected: dict[int, bytearray] = defaultdict(bytearray)
        for _ in range(20):
            await world.connect()
        for step in range(400):
            reader = world.readers[int(random.integers(0, len(world.readers)))]
            subscriber = reader.subscriber
            what = random.random()
            if what < 0.5:
                group = groups[int(random.integers(0, 4))]
                size = int(random.choice([1, 30, 3_000, 12_000]))
                frames = bytes([step % 256]) * size
                world.fan_out.add(group, frames, 1)
                world.fan_out.sequence = step + 1
                for each in group.members:
                    if each.lagging_since_s is None:
                        expected[each.number] += frames
            elif what < 0.65:
                old, new = subscriber.group, groups[int(random.integers(0, 4))]
                if old is not None:
                    world.fan_out.leave(old, subscriber)
                if subscriber.lagging_since_s is None and random.random() < 0.5:
                    # what it was owed has been written: said in between
                    expected[subscriber.number] += b"said"
                    subscriber.write(b"said")
                world.fan_out.join(new, subscriber)
                subscriber.group = new
            elif what < 0.9:
                reader.read(int(random.integers(1, 50_000)))
            for fast in world.readers[:10]:
                fast.read()
            if random.random() < 0.3:
                world.fan_out.work()
            if random.random() < 0.3:
                await asyncio.sleep(0)
        world.fan_out.finish()
        lagging = {number: sequence for number, sequence in world.lagged.items()}
        await world.read_all()
        for reader in world.readers:
            number = reader.subscriber.number
            wanted = bytes(expected[number])
            if number in lagging:  # what it was sent is where all that it should get begins
                assert wanted.startswith(bytes(reader.received))
                assert len(reader.received) > PARAMETERS.soft_buffer_bytes
                assert 0 < lagging[number] <= 400
            else:
                assert bytes(reader.received) == wanted
        assert 0 < len(lagging) <= 10
        await world.end()

    asyncio.run(scenario())


def test_a_large_group_is_served_in_parts() -> None:
    """One call does a bounded part; the heartbeat's sequence waits until all have it."""

    async def scenario() -> None:
        world, group = World(), group_of(1)
        for _ in range(2 * MEMBERS_AT_ONCE + 5):
            group.add((await world.connect()).subscriber)
        world.fan_out.sequence = 7
        assert world.fan_out.told(group) == 7
        world.fan_out.add(group, b"abc", 1)
        world.fan_out.sequence = 8
        assert world.fan_out.told(group) == 7 and world.fan_out.told(None) == 8
        world.fan_out._begin(world.fan_out._queue.popleft())
        world.fan_out._send_to(MEMBERS_AT_ONCE)
        world.fan_out.add(group, b"def", 2)
        world.fan_out.sequence = 9
        for reader in world.readers:
            reader.read()
        assert {bytes(reader.received) for reader in world.readers} == {b"abc", b""}
        assert world.fan_out.told(group) == 7
        world.fan_out.work()
        while world.fan_out.told(group) < 9:
            await asyncio.sleep(0)
        await world.read_all()
        assert {bytes(reader.received) for reader in world.readers} == {b"abcdef"}
        assert world.frames_sent == 3 * len(world.readers)
        await world.end()

    asyncio.run(scenario())


def test_a_closed_socket_is_not_written_to() -> None:
    """Its descriptor may belong to somebody else by then."""

    async def scenario() -> None:
        world, group = World(), group_of(1)
        readers = [await world.connect() for _ in range(3)]
        for reader in readers:
            group.add(reader.subscriber)
        group.members_now()
        first, second, third = readers
        first.subscriber._transport.abort()
        await asyncio.sleep(0.01)
        one, other = socket.socketpair()  # takes over the descriptor
        assert first.subscriber.descriptor in (one.fileno(), other.fileno())
        second.end.close()  # the peer is gone, and nobody has noticed
        world.fan_out.add(group, b"frames", 1)
        world.fan_out.work()
        while len(third.received) < len(b"frames"):
            await asyncio.sleep(0)
            third.read()
        assert bytes(third.received) == b"frames"
        for each in (one, other):
            each.setblocking(False)
            with pytest.raises(BlockingIOError):
                each.recv(1)
        one.close()
        other.close()
        assert not second.subscriber.is_clear()
        await world.end()

    asyncio.run(scenario())
