"""The frame of calls and streams: errors, bugs, places, and clients that do not read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from grpc_world import Aborted, Context, GrpcWorld, call, with_world

from exchange.connect.grpc.messages import v1


async def endless(caller: Any, request: Any) -> AsyncIterator[Any]:
    while True:
        yield v1.Book(symbol="A")
        await asyncio.sleep(0)


def test_a_bug_is_internal_and_a_bad_message_is_refused() -> None:
    async def test(world: GrpcWorld) -> None:
        async def bug(caller: Any, request: Any) -> Any:
            raise KeyError("secret")

        handler = world.frame.call("MarketService", "GetBook", v1.BookRequest, bug, None)
        context = await call(handler, v1.BookRequest(), v1.Book)
        assert context.status == grpc.StatusCode.INTERNAL and "secret" not in context.details
        context = Context()
        with pytest.raises(Aborted):
            await handler.unary_unary(b"\xff\xff", context)
        assert context.status == grpc.StatusCode.INVALID_ARGUMENT
        assert context.trailing["exchange-code"] == "1002"

    with_world(test)


def test_a_client_that_does_not_read_is_dropped_and_hurts_nobody() -> None:
    async def test(world: GrpcWorld) -> None:
        handler = world.frame.stream("MarketService", "Books", v1.BookRequest, endless, None)
        slow, quick = Context(stalled=True), Context()
        other = asyncio.create_task(handler.unary_stream(b"", quick))
        with pytest.raises(Aborted):
            await handler.unary_stream(b"", slow)
        assert slow.status == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert slow.trailing["exchange-code"] == "3003"
        assert len(quick.sent) > 10 and not other.done()
        other.cancel()

    with_world(test)


def test_streams_have_places() -> None:
    async def test(world: GrpcWorld) -> None:
        handler = world.frame.stream("MarketService", "Books", v1.BookRequest, endless, None)
        contexts = [Context() for _ in range(2)]
        tasks = [asyncio.create_task(handler.unary_stream(b"", each)) for each in contexts]
        await asyncio.sleep(0.01)
        third = Context()
        with pytest.raises(Aborted):
            await handler.unary_stream(b"", third)
        assert third.status == grpc.StatusCode.RESOURCE_EXHAUSTED
        tasks[0].cancel()
        await asyncio.sleep(0.01)
        tasks.append(asyncio.create_task(handler.unary_stream(b"", third)))
        await asyncio.sleep(0.01)
        assert third.sent
        for task in tasks:
            task.cancel()

    with_world(test)
