"""Frames that no client library sends: broken, endless, in pieces, or one byte at a time."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import os

import pytest
from feed_server import FeedServer, serve
from websocket_client import TIMEOUT_S

MASK = b"\x11\x22\x33\x44"


def masked(payload: bytes) -> bytes:
    return bytes(octet ^ MASK[i % 4] for i, octet in enumerate(payload))


def frame(payload: bytes, opcode: int = 1, final: bool = True, rsv: int = 0) -> bytes:
    """A client's frame."""
    first = (0x80 if final else 0) | rsv << 4 | opcode
    size = len(payload)
    if size < 126:
        head = bytes((first, 0x80 | size))
    elif size < 1 << 16:
        head = bytes((first, 0x80 | 126)) + size.to_bytes(2, "big")
    else:
        head = bytes((first, 0x80 | 127)) + size.to_bytes(8, "big")
    return head + MASK + masked(payload)


PING = b'{"action":"ping"}'


class Raw:
    """A socket after the handshake, without a WebSocket library."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def connect(cls, server: FeedServer) -> Raw:
        host, _, port = server.address.removeprefix("http://").removesuffix("/ws").partition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(
            f"GET /ws HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n"
            "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode()
        )
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), TIMEOUT_S)
        assert b" 101 " in head and b"deflate" not in head
        return cls(reader, writer)

    async def receive(self) -> tuple[int, bytes]:
        """Opcode and payload of the next frame; heartbeats are passed over."""
        while True:
            first, size = await asyncio.wait_for(self.reader.readexactly(2), TIMEOUT_S)
            if size == 126:
                size = int.from_bytes(await self.reader.readexactly(2), "big")
            payload = await self.reader.readexactly(size)
            if b'"heartbeat"' not in payload:
                return first & 0xF, payload

    async def close(self) -> None:
        self.writer.close()
        await self.writer.wait_closed()


async def still_serves(server: FeedServer) -> None:
    client = await server.connect()
    await client.send(action="ping")
    assert (await client.receive())["type"] == "pong"


BROKEN = {
    "no mask": bytes((0x81, len(PING))) + PING,
    "no mask on a control frame": bytes((0x89, 0)),
    "a longer length than is needed": bytes((0x81, 0x80 | 126, 0, len(PING))) + MASK + masked(PING),
    "a length of 64 bits for 300 bytes": bytes((0x81, 0xFF)) + (300).to_bytes(8, "big") + MASK,
    "text within an empty beginning": frame(b"", final=False) + frame(PING),
    "a reserved bit": frame(PING, rsv=4),
    "two reserved bits": frame(PING, rsv=3),
    "an unknown opcode": frame(PING, opcode=3),
    "an unknown control opcode": frame(PING, opcode=11),
    "a continuation of nothing": frame(PING, opcode=0),
    "a control frame in pieces": frame(b"x", opcode=9, final=False),
    "a control frame that is too long": frame(b"x" * 126, opcode=9),
    "text within text": frame(b"{", final=False) + frame(b"{"),
    "a close frame with half a code": frame(b"\x03", opcode=8),
    "a close frame with a code of nobody": frame((999).to_bytes(2, "big"), opcode=8),
    "a size of 2^62": bytes((0x81, 0xFF)) + (1 << 62).to_bytes(8, "big") + MASK + b"x" * 100,
    "a size of 2^63": bytes((0x81, 0xFF)) + (1 << 63).to_bytes(8, "big") + MASK + b"x" * 100,
    "more than is allowed in pieces": frame(b"x" * 40_000, final=False)
    + frame(b"x" * 40_000, opcode=0),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_frame_ends_its_socket_alone(name: str):
    async def test(server: FeedServer) -> None:
        raw = await Raw.connect(server)
        raw.writer.write(BROKEN[name])
        # what is unread when a connection is closed resets it, and may overtake the close frame
        with contextlib.suppress(ConnectionError):
            opcode, payload = await raw.receive()
            assert opcode == 8
            assert int.from_bytes(payload[:2], "big") in (1002, 1009)
        raw.writer.transport.abort()
        await still_serves(server)

    serve(test, close_seconds=0.05)


def test_a_message_in_pieces_with_a_ping_between():
    async def test(server: FeedServer) -> None:
        raw = await Raw.connect(server)
        octets = (
            frame(PING[:5], final=False)
            + frame(b"are you there", opcode=9)
            + frame(PING[5:9], opcode=0, final=False)
            + frame(PING[9:], opcode=0)
        )
        for octet in octets:  # one byte at a time
            raw.writer.write(bytes((octet,)))
            await raw.writer.drain()
        assert await raw.receive() == (10, b"are you there")
        opcode, payload = await raw.receive()
        assert opcode == 1 and b'"pong"' in payload
        await raw.close()

    serve(test)


def test_many_messages_in_one_write_are_answered_in_order():
    async def test(server: FeedServer) -> None:
        raw = await Raw.connect(server)
        raw.writer.write(
            b"".join(frame(b'{"action":"ping","request_id":"%d"}' % n) for n in range(300))
        )
        for n in range(300):
            _, payload = await raw.receive()
            assert b'"request_id":"%d"' % n in payload
        raw.writer.write(frame((1000).to_bytes(2, "big"), opcode=8))
        assert (await raw.receive())[0] == 8
        assert await raw.reader.read() == b""  # the server closes the connection
        await raw.close()

    serve(test)


def test_a_client_that_vanishes_leaves_nothing():
    async def test(server: FeedServer) -> None:
        for octets in (b"", frame(b'{"action":"subscribe","channels":["trade.AAPL"]}'), b"\x81"):
            raw = await Raw.connect(server)
            raw.writer.write(octets)
            await raw.writer.drain()
            raw.writer.transport.abort()
            server.events.trade(1, 1, instrument=2)
            server.apply()
        while server.hub.subscribers:
            await asyncio.sleep(0)
        await still_serves(server)

    serve(test)
