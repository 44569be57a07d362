"""What FrameCheck lets through to aiohttp's parser, for every way the bytes may arrive."""

from __future__ import annotations

import asyncio

import pytest

from exchange.api.websocket.handshake import FrameCheck
from tests.unit.exchange.api.websocket.test_broken_frames import PING, frame

GOOD = frame(PING) + frame(b"", opcode=9) + frame(b"x" * 300, final=False) + frame(b"", opcode=0)
REFUSED = b"\xf1\x80"


class Parser:
    def __init__(self) -> None:
        self.fed = b""
        self.ended = False

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        assert not self.ended
        self.fed += data
        self.ended = self.fed.endswith(REFUSED)
        return self.ended, b""

    def feed_eof(self) -> None:
        self.ended = True


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
@pytest.mark.parametrize("wrong", [b"", b"\x81\x01x", frame(b"", opcode=0), frame(PING)[:2] * 40])
def test_frames_pass_until_one_is_wrong(size: int, wrong: bytes) -> None:
    async def test() -> None:
        parser = Parser()
        check = FrameCheck(parser)
        octets = GOOD + wrong
        for at in range(0, len(octets), size):
            assert check.feed_data(octets[at : at + size]) == (False, b"")
        if wrong[:1] in (b"\x81", b"\x80") and wrong[1:2] in (b"\x01", b"\x80"):
            assert parser.fed == GOOD + REFUSED
        else:
            assert parser.fed.startswith(GOOD)
        assert not check.ended.is_set()
        parser.ended = False
        check.feed_eof()
        assert check.ended.is_set() and parser.ended

    asyncio.run(test())
