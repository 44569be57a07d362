"""The WebSocket follows RFC 6455 where clients do not, and says what it refuses."""

from __future__ import annotations

import pytest
from feed_server import FeedServer, serve

from tests.unit.exchange.api.websocket.test_broken_frames import BROKEN, PING, Raw, frame

MESSAGE_BYTES = 65_536


async def code_of(raw: Raw) -> int:
    """The code of the close frame that comes next."""
    opcode, payload = await raw.receive()
    assert opcode == 8, payload
    return int.from_bytes(payload[:2], "big")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (frame(b'{"action":"ping","request_id":"\xff"}'), 1007),
        (frame(b"\xc3\x28"), 1007),
        (frame(b"\xc3", final=False) + frame(b"\x28", opcode=0), 1007),
        (bytes((0x81, len(PING))) + PING, 1002),
        (bytes((0x88, 2)) + (1000).to_bytes(2, "big"), 1002),
        (frame(PING[:4], final=False) + frame(PING), 1002),
        (frame((1000).to_bytes(2, "big"), opcode=8), 1000),
        (frame((4321).to_bytes(2, "big"), opcode=8), 4321),
        (frame((1006).to_bytes(2, "big"), opcode=8), 1002),
        (frame((5000).to_bytes(2, "big"), opcode=8), 1002),
        (frame(b"", opcode=8), 1000),
    ],
)
def test_what_a_client_does_wrong_has_the_code_of_the_rfc(sent: bytes, code: int) -> None:
    async def test(server: FeedServer) -> None:
        raw = await Raw.connect(server)
        raw.writer.write(sent)
        assert await code_of(raw) == code
        raw.writer.transport.abort()

    serve(test, close_seconds=0.5)


@pytest.mark.parametrize("pieces", [1, 2, 7])
def test_a_message_of_the_documented_size_is_read(pieces: int) -> None:
    """And one of a byte more is closed with 1009."""

    async def test(server: FeedServer) -> None:
        padding = MESSAGE_BYTES - len(PING)
        whole = PING[:-1] + b" " * padding + PING[-1:]
        assert len(whole) == MESSAGE_BYTES
        size = -(-len(whole) // pieces)
        parts = [whole[at : at + size] for at in range(0, len(whole), size)]
        for extra, expected in ((b"", 1), (b" ", 8)):
            raw = await Raw.connect(server)
            for number, part in enumerate(parts):
                last = number == len(parts) - 1
                raw.writer.write(
                    frame(part + (extra if last else b""), 1 if number == 0 else 0, final=last)
                )
            opcode, payload = await raw.receive()
            assert opcode == expected
            assert b'"pong"' in payload if opcode == 1 else payload[:2] == (1009).to_bytes(2, "big")
            raw.writer.transport.abort()

    serve(test, close_seconds=0.5, message_bytes=MESSAGE_BYTES)


def test_frames_that_arrive_in_any_pieces_are_checked_alike() -> None:
    async def test(server: FeedServer) -> None:
        octets = frame(PING) + frame(b"", final=False) + frame(PING, opcode=0) + BROKEN["no mask"]
        for size in (1, 3, 5, len(octets)):
            raw = await Raw.connect(server)
            for at in range(0, len(octets), size):
                raw.writer.write(octets[at : at + size])
                await raw.writer.drain()
            for _ in range(2):
                opcode, payload = await raw.receive()
                assert opcode == 1 and b'"pong"' in payload
            assert await code_of(raw) == 1002
            raw.writer.transport.abort()

    serve(test, close_seconds=0.5)


def test_since_that_has_not_happened_is_refused() -> None:
    async def test(server: FeedServer) -> None:
        client = await server.connect()
        newest = server.events.sequence - 1
        await client.send(
            action="subscribe", channels=["trade.AAPL", "trade.2330.TW"], since=newest + 1000,
            request_id="7",
        )  # fmt: skip
        for channel in ("trade.AAPL", "trade.2330.TW"):
            refused = await client.receive()
            assert (refused["type"], refused["channel"]) == ("error", channel)
            assert refused["request_id"] == "7" and str(newest) in refused["message"]
        assert (await client.subscribe("trade.AAPL", since=newest))[0]["type"] == "subscribed"

    serve(test)
