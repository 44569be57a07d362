"""A book of any size reaches a client whose library takes 1 MiB at a time and which reads slowly.

And who wants less can say how many levels.
"""

from __future__ import annotations

import asyncio

import pytest
from feed_server import FeedServer, serve

from exchange.api.websocket.public_frames import PART_LEVELS
from exchange.client.messages import DepthDiff, DepthSnapshot
from exchange.client.order_book import OrderBook
from exchange.codes import Side

SYMBOL = "2330.TW"
CHANNEL = f"depth_diff.{SYMBOL}"
MESSAGE_BYTES = 1 << 20
MIDDLE = 100_000


def fill(server: FeedServer, levels: int) -> None:
    """``levels`` of each side."""
    for number in range(levels):
        server.events.level(Side.BUY, MIDDLE - number, 1_000_000 + number)
        server.events.level(Side.SELL, MIDDLE + 1 + number, 2_000_000 + number)
    server.apply()


def whole_book(server: FeedServer) -> tuple[dict[int, int], dict[int, int]]:
    depth = server.market.depth(1, None)
    return (
        {price: quantity for price, quantity, _ in depth.bids},
        {price: quantity for price, quantity, _ in depth.asks},
    )


@pytest.mark.parametrize(("levels", "busy"), [(10, False), (23_000, False), (23_000, True)])
def test_the_whole_book_arrives_while_it_changes(levels: int, busy: bool) -> None:
    async def test(server: FeedServer) -> None:
        fill(server, levels)
        client = await server.connect(max_msg_size=MESSAGE_BYTES)
        await client.subscribe(CHANNEL)
        book, messages = OrderBook(SYMBOL), 0
        while (book.bids, book.asks) != whole_book(server):
            if busy and messages < 40:
                for number in range(50):
                    server.events.level(Side.BUY, MIDDLE - 7 * number - messages, 5 + number)
                server.events.level(Side.SELL, MIDDLE + levels - messages, 0)
                server.apply()
            message = await client.receive_type("depth_snapshot", "depth_diff")
            kind = message.pop("type")
            assert len(message["bids"]) <= 2 * PART_LEVELS
            made = (DepthSnapshot if kind == "depth_snapshot" else DepthDiff)(**message)
            book.apply(made)  # raises when a diff is missing or the checksum differs
            messages += 1
            assert kind == "depth_diff" or messages == 1, "never the whole again"
            assert messages < 1_000
        await client.send(action="ping", request_id="1")
        assert (await client.receive_type("pong"))["request_id"] == "1"

    # a small buffer: most of the book waits in this process
    serve(test, soft_buffer_bytes=64 * 1024, hard_buffer_bytes=1 << 20, send_buffer_bytes=16_384)


def test_what_waits_of_a_snapshot_is_forgotten_when_nobody_wants_it() -> None:
    async def test(server: FeedServer) -> None:
        fill(server, 3 * PART_LEVELS)
        client = await server.connect(max_msg_size=MESSAGE_BYTES)
        for _ in range(3):
            await client.send(action="subscribe", channels=[CHANNEL])
            await client.send(action="unsubscribe", channels=[CHANNEL])
        await client.send(action="subscribe", channels=[CHANNEL])
        book = OrderBook(SYMBOL)
        async with asyncio.timeout(60):
            while (book.bids, book.asks) != whole_book(server):
                message = await client.receive_type("depth_snapshot", "depth_diff")
                kind = message.pop("type")
                book.apply((DepthSnapshot if kind == "depth_snapshot" else DepthDiff)(**message))

    serve(test, soft_buffer_bytes=64 * 1024, hard_buffer_bytes=4 << 20, send_buffer_bytes=16_384)


@pytest.mark.parametrize("levels", [1, 5, 50, 1000])
def test_as_many_levels_as_the_client_chooses(levels: int) -> None:
    async def test(server: FeedServer) -> None:
        fill(server, 1_200)
        client = await server.connect()
        answer = (await client.subscribe(f"depth.{SYMBOL}.{levels}"))[0]
        assert answer["channel"] == f"depth.{SYMBOL}.{levels}"
        depth = await client.receive()
        assert (len(depth["bids"]), len(depth["asks"])) == (levels, levels)
        server.events.level(Side.BUY, MIDDLE, 7)
        server.apply()
        assert (await client.receive())["bids"][0] == [MIDDLE, 7]
        refused = (await client.subscribe(f"depth.{SYMBOL}.7"))[0]
        assert refused["type"] == "error" and "1000" in refused["message"]

    serve(test)
