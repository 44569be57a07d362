"""Frames by hand against aiohttp's own parser, and the names of channels."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import WSMsgType
from aiohttp._websocket.reader import WebSocketDataQueue
from aiohttp.base_protocol import BaseProtocol
from aiohttp.http_websocket import WebSocketReader
from hypothesis import given
from hypothesis import strategies as st

from exchange.api.websocket.channels import (
    ChannelKey,
    ChannelKind,
    UnknownChannel,
    name_of,
    resolve,
)
from exchange.api.websocket.frames import CloseCode, close_frame, ping_frame, pong_frame, text_frame

BY_SYMBOL = {"2330.TW": 1, "AAPL": 2, "A.1m": 3}
INTERVALS = ("1m", "5m")


def parse(octets: bytes, pieces: int = 1) -> list[tuple[WSMsgType, object, object]]:
    """What aiohttp's parser makes of ``octets``, given in pieces."""

    async def run() -> list[tuple[WSMsgType, object, object]]:
        loop = asyncio.get_running_loop()
        queue = WebSocketDataQueue(BaseProtocol(loop), 1 << 24, loop=loop)
        reader = WebSocketReader(queue, 1 << 24, compress=False, decode_text=True)
        size = -(-len(octets) // pieces)
        for first in range(0, len(octets), size):
            failed, _ = reader.feed_data(octets[first : first + size])
            assert not failed
        found = []
        while queue._buffer:
            message = await queue.read()
            found.append((message.type, message.data, message.extra))
        return found

    return asyncio.run(run())


@pytest.mark.parametrize("size", [0, 1, 125, 126, 127, 65_535, 65_536, 200_000])
def test_a_text_frame_of_any_size(size: int):
    text = "x" * size
    assert parse(text_frame(text.encode()), pieces=3 if size else 1) == [(WSMsgType.TEXT, text, "")]


@given(st.lists(st.text(max_size=300), min_size=1, max_size=8), st.integers(1, 20))
def test_joined_frames_come_out_one_by_one(texts: list[str], pieces: int):
    joined = b"".join(text_frame(text.encode()) for text in texts)
    assert parse(joined, pieces) == [(WSMsgType.TEXT, text, "") for text in texts]


def test_control_frames():
    assert parse(ping_frame(b"p") + pong_frame(b"q" * 200)) == [
        (WSMsgType.PING, b"p", ""),
        (WSMsgType.PONG, b"q" * 125, ""),
    ]


@pytest.mark.parametrize("code", CloseCode)
def test_close_frames(code: CloseCode):
    assert parse(close_frame(code, "why")) == [(WSMsgType.CLOSE, int(code), "why")]


def test_a_long_reason_is_cut_between_characters():
    ((_, _, reason),) = parse(close_frame(1000, "價" * 100))
    assert reason == "價" * 41  # 3 bytes each, 123 may be there


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("trade.2330.TW", ChannelKey(ChannelKind.TRADE, 1, "")),
        ("depth.AAPL", ChannelKey(ChannelKind.DEPTH, 2, "")),
        ("depth_diff.AAPL", ChannelKey(ChannelKind.DEPTH_DIFF, 2, "")),
        ("ticker.2330.TW", ChannelKey(ChannelKind.TICKER, 1, "")),
        ("kline.2330.TW.1m", ChannelKey(ChannelKind.KLINE, 1, "1m")),
        ("kline.A.1m.5m", ChannelKey(ChannelKind.KLINE, 3, "5m")),
        ("trade.A.1m", ChannelKey(ChannelKind.TRADE, 3, "")),
        ("orders", ChannelKey(ChannelKind.ORDERS, 0, "")),
    ],
)
def test_names_of_channels(name: str, key: ChannelKey):
    assert resolve(name, BY_SYMBOL, INTERVALS) == key
    symbols = {number: symbol for symbol, number in BY_SYMBOL.items()}
    assert name_of(key, symbols.get(key.instrument, "")) == name


@pytest.mark.parametrize(
    "name",
    ["", ".", "trade", "trade.", "trade.aapl", "Trade.AAPL", "kline.AAPL", "kline.AAPL.", "orders.",
     "kline.1m", "depth.AAPL.7", "x" * 10_000],
)  # fmt: skip
def test_names_that_are_none(name: str):
    with pytest.raises(UnknownChannel) as caught:
        resolve(name, BY_SYMBOL, INTERVALS)
    assert len(str(caught.value)) < 400
