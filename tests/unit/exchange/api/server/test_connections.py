"""Limits of TCP connections: too many of them, too many of one address, and silent ones."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable

import pytest
from aiohttp import web

from exchange.api.errors import ErrorCode
from exchange.api.server import connections as module
from exchange.api.server.connections import ConnectionLimits

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
LIMIT_S = 120.0
Body = Callable[[ConnectionLimits, int], Awaitable[None]]


def serve(limits: ConnectionLimits, body: Body) -> None:
    """Run ``body`` with a server under ``limits``; it gets the port."""

    async def main() -> None:
        async def answer(request: web.Request) -> web.Response:
            limits.asked(request)
            return web.Response(text="here")

        app = web.Application()
        app.router.add_get("/", answer)
        runner = web.AppRunner(app, access_log=None)
        await runner.setup()
        assert runner.server is not None
        limits.attach(runner.server)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            await asyncio.wait_for(body(limits, runner.addresses[0][1]), LIMIT_S)
        finally:
            await runner.cleanup()

    asyncio.run(main())


async def connect(
    port: int, address: str = "127.0.0.1"
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection("127.0.0.1", port, local_addr=(address, 0))


async def until(condition: Callable[[], bool]) -> None:
    """Let the loop go on until ``condition``; ``serve`` bounds it."""
    while not condition():
        await asyncio.sleep(0.001)


async def ask(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(REQUEST)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    await reader.readexactly(length)
    return head.partition(b"\r\n")[0]


async def close(*writers: asyncio.StreamWriter) -> None:
    for writer in writers:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize("limits", [ConnectionLimits(3, 10), ConnectionLimits(10, 3)])
def test_one_too_many(limits: ConnectionLimits) -> None:
    async def body(limits: ConnectionLimits, port: int) -> None:
        kept = [await connect(port) for _ in range(3)]
        for reader, writer in kept:
            assert await ask(reader, writer) == b"HTTP/1.1 200 OK"
        reader, writer = await connect(port)
        answer = await reader.read()  # refused before it has said anything, and closed
        assert answer.startswith(b"HTTP/1.1 503 ") and b"\r\nRetry-After: 1\r\n" in answer
        content = json.loads(answer.partition(b"\r\n\r\n")[2])
        assert content["code"] == ErrorCode.TOO_MANY_CONNECTIONS
        assert len(limits) == 3
        await close(writer, kept[0][1])
        await until(lambda: len(limits) == 2)
        reader, writer = await connect(port)
        assert await ask(reader, writer) == b"HTTP/1.1 200 OK"
        assert await ask(*kept[1]) == b"HTTP/1.1 200 OK"
        await close(writer, *(writer for _, writer in kept[1:]))
        await until(lambda: len(limits) == 0)

    serve(limits, body)
    assert not limits._addresses.held and not limits._silent, "nothing is remembered"


def test_silent_connections_are_closed() -> None:
    async def body(limits: ConnectionLimits, port: int) -> None:
        silent = await connect(port)
        slow = await connect(port)
        slow[1].write(REQUEST[:10])
        talking = await connect(port)
        await ask(*talking)
        await until(lambda: len(limits) == 3)
        limits.close_silent(time.monotonic())
        assert len(limits) == 3
        limits.close_silent(time.monotonic() + module.FIRST_REQUEST_S + 1)
        for reader, writer in (silent, slow):
            assert await reader.read() == b""
            await close(writer)
        assert await ask(*talking) == b"HTTP/1.1 200 OK"
        await close(talking[1])

    serve(ConnectionLimits(10, 10), body)


def test_connections_that_say_nothing_shut_no_door() -> None:
    async def body(limits: ConnectionLimits, port: int) -> None:
        silent = [await connect(port) for _ in range(5)]
        reader, writer = await connect(port)
        assert await ask(reader, writer) == b"HTTP/1.1 200 OK"
        assert len(limits) == 3
        assert await silent[0][0].read() == b"", "the oldest one gave way"
        await close(writer, *(other for _, other in silent))

    serve(ConnectionLimits(3, 3), body)


def test_the_newest_of_the_address_that_has_most_gives_way() -> None:
    async def body(limits: ConnectionLimits, port: int) -> None:
        many = [await connect(port) for _ in range(4)]
        for reader, writer in many:
            assert await ask(reader, writer) == b"HTTP/1.1 200 OK"
        others = []
        for _ in range(2):
            others.append(await connect(port, "127.0.0.2"))
            assert await ask(*others[-1]) == b"HTTP/1.1 200 OK"
        assert await many[3][0].read() == await many[2][0].read() == b""
        # both have as many: whoever comes now is refused
        for address in ("127.0.0.1", "127.0.0.2"):
            reader, writer = await connect(port, address)
            assert (await reader.read()).startswith(b"HTTP/1.1 503 ")
            await close(writer)
        for reader, writer in (*many[:2], *others):
            assert await ask(reader, writer) == b"HTTP/1.1 200 OK"
        await close(*(writer for _, writer in (*many, *others)))
        await until(lambda: len(limits) == 0)

    serve(ConnectionLimits(4, 4), body)
