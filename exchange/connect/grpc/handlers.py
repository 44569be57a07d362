"""The frame of every call and stream: access, limits, errors, and clients that do not read.

Who uses it: lifecycle.py, which registers what ``Frame`` makes of the services. Requests arrive as
bytes, since they are what is signed. A bug is logged and answered as INTERNAL; nothing of it leaves
the process. Memory is bounded: a stream has one message under way, and makes the next one when that
has been taken; one that is not taken in time ends the stream.

Decisions CON-43 and CON-44.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from exchange.access.keys import Permission
from exchange.api.access.shares import Shares
from exchange.api.errors import ApiError, ErrorCode, internal_error
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.errors import metadata_of, status_of
from exchange.connect.grpc.messages import path_of
from exchange.connect.grpc.parts import Parts
from exchange.core.counters import Counter

log = logging.getLogger(__name__)

Call = Callable[[Caller, Any], Awaitable[Any]]
Stream = Callable[[Caller, Any], AsyncIterator[Any]]
Both = Callable[[Caller, AsyncIterator[Any]], AsyncIterator[Any]]


def too_slow() -> ApiError:
    """TOO_SLOW."""
    return ApiError(
        ErrorCode.TOO_SLOW,
        "a message was not taken in time: read faster, or resume after the newest sequence",
    )


def decoded(kind: Any, raw: bytes) -> Any:
    """``raw`` as a message. Raises ApiError (INVALID_FIELD)."""
    try:
        return kind.FromString(raw)
    except DecodeError as error:
        raise ApiError(ErrorCode.INVALID_FIELD, f"not a {kind.DESCRIPTOR.name}: {error}") from None


class Frame:
    """Makes gRPC's handlers of the functions of the services."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._streams: Shares[object] = Shares()

    def call(
        self, service: str, method: str, kind: Any, body: Call, permission: Permission | None
    ) -> grpc.RpcMethodHandler:
        """A call with one answer; ``kind``: of its request."""
        path = path_of(service, method)

        async def handle(raw: bytes, context: Any) -> bytes:
            self._parts.count(Counter.GRPC_CALLS)
            try:
                self._parts.check_ready()
                caller = self._parts.access.check(context, path, raw, permission)
                return bytes((await body(caller, decoded(kind, raw))).SerializeToString())
            except Exception as error:
                self._parts.count(Counter.GRPC_CALLS_FAILED)
                await self._refuse(context, path, error)
                raise

        return grpc.unary_unary_rpc_method_handler(handle)

    def stream(
        self, service: str, method: str, kind: Any, body: Stream, permission: Permission | None
    ) -> grpc.RpcMethodHandler:
        """A call that is answered with a stream."""
        path = path_of(service, method)

        async def handle(raw: bytes, context: Any) -> None:
            try:
                self._parts.check_ready()
                caller = self._parts.access.check(context, path, raw, permission)
                await self._send_all(context, caller, body(caller, decoded(kind, raw)))
            except Exception as error:
                await self._refuse(context, path, error)

        return grpc.unary_stream_rpc_method_handler(handle)

    def both(
        self, service: str, method: str, kind: Any, body: Both, permission: Permission
    ) -> grpc.RpcMethodHandler:
        """A stream that is answered with a stream; it is signed over no bytes."""
        path = path_of(service, method)

        async def handle(requests: AsyncIterator[bytes], context: Any) -> None:
            async def read() -> AsyncIterator[Any]:
                async for raw in requests:
                    yield decoded(kind, raw)

            try:
                self._parts.check_ready()
                caller = self._parts.access.check(context, path, b"", permission)
                await self._send_all(context, caller, body(caller, read()))
            except Exception as error:
                await self._refuse(context, path, error)

        return grpc.stream_stream_rpc_method_handler(handle)

    async def _send_all(self, context: Any, caller: Caller, messages: AsyncIterator[Any]) -> None:
        """Send a stream; it has a place among all streams while it lasts. Raises ApiError."""
        section, place = self._parts.section, object()
        if self._streams.held >= section.streams:
            raise ApiError(ErrorCode.TOO_MANY_SUBSCRIPTIONS, "too many streams are open")
        if self._streams.count(caller.address) >= section.streams_per_address:
            raise ApiError(
                ErrorCode.TOO_MANY_SUBSCRIPTIONS,
                f"{section.streams_per_address} streams of this address are open",
            )
        self._streams.join(caller.address, place)
        self._parts.count(Counter.GRPC_STREAMS)
        stall_s = section.stall_timeout_ms / 1000
        try:
            async for message in messages:
                write = asyncio.ensure_future(context.write(message.SerializeToString()))
                done, _ = await asyncio.wait({write}, timeout=stall_s)
                if not done:
                    write.cancel()
                    self._parts.count(Counter.GRPC_STREAMS_DROPPED)
                    raise too_slow()
                await write
                self._parts.count(Counter.CONNECT_GRPC_WRITES)
        finally:
            self._streams.leave(caller.address, place)
            self._parts.count(Counter.GRPC_STREAMS, -1)

    async def _refuse(self, context: Any, path: str, error: Exception) -> None:
        """End the call with ``error``; what is not an ApiError is a bug."""
        if isinstance(error, grpc.aio.AbortError | grpc.aio.UsageError | grpc.aio.BaseError):
            raise error  # gRPC's own: the call has ended already
        if not isinstance(error, ApiError):
            log.exception("bug while answering %s", path)
            error = internal_error()
        await context.abort(status_of(error), error.message, metadata_of(error))
