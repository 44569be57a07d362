"""A WebSocket whose client's frames are held to RFC 6455 before aiohttp reads them.

Who uses it: the endpoint. aiohttp reads frames that no client may send: without a mask (5.1), with
a length in more bytes than it needs (5.2), a new message inside one that has not ended (5.4). Here
such a frame is replaced by one that aiohttp refuses, so the socket is closed with 1002.

Invariant: aiohttp's parser gets whole headers; what is given to it ends with the first wrong one.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from aiohttp import web
from aiohttp.http_websocket import WebSocketError, WSMessage, WSMessageTextBytes
from aiohttp.streams import EofStream

_REFUSED = b"\xf1\x80"  # reserved bits: aiohttp closes with 1002
_FINAL, _OPCODE, _MASKED, _LENGTH = 0x80, 0x0F, 0x80, 0x7F
_CONTINUATION, _CONTROL = 0x0, 0x8
_LENGTH_BYTES = {126: 2, 127: 8}
_MASK_BYTES = 4


class FrameCheck:
    """Stands before ``parser`` and is fed in its place."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser
        self._held = b""  # the beginning of a header
        self._payload_left = 0
        self._in_message = False  # a message has begun and has not ended
        self._refused = False
        self.ended = asyncio.Event()

    def feed_eof(self) -> None:
        """The connection has ended."""
        self.ended.set()
        self._parser.feed_eof()

    def feed_data(self, data: bytes) -> tuple[bool, bytes]:
        """As the parser's, whose errors are in its queue: nothing ends here, all is read."""
        if self._refused:
            return False, b""
        data = self._held + bytes(data)
        self._held = b""
        at = 0
        while True:
            taken = min(self._payload_left, len(data) - at)
            self._payload_left -= taken
            at += taken
            size = self._header_size(data, at)
            if size == 0:
                break
            if not self._is_allowed(data, at, size):
                self._refused = True
                data = data[:at] + _REFUSED
                break
            at += size
        if not self._refused:
            data, self._held = data[:at], data[at:]
        if not data:
            return False, b""
        # What follows a broken frame is read and dropped: a connection that is closed with unread
        # bytes is reset, and the client might never see why.
        self._refused = self._parser.feed_data(data)[0] or self._refused
        return False, b""

    def _header_size(self, data: bytes, at: int) -> int:
        """Bytes of the header at ``at``; 0: it is not there whole, or payload comes first."""
        if self._payload_left or len(data) - at < 2:
            return 0
        masked, length = data[at + 1] & _MASKED, data[at + 1] & _LENGTH
        size = 2 + _LENGTH_BYTES.get(length, 0) + (_MASK_BYTES if masked else 0)
        return size if not masked or len(data) - at >= size else 0

    def _is_allowed(self, data: bytes, at: int, size: int) -> bool:
        """Whether a client may send this header now; it is remembered then."""
        first, second = data[at], data[at + 1]
        length = second & _LENGTH
        more = _LENGTH_BYTES.get(length, 0)
        if more:
            length = int.from_bytes(data[at + 2 : at + 2 + more], "big")
            least = 126 if more == 2 else 1 << 16
            if length < least or length >> 63:
                return False
        opcode = first & _OPCODE
        if not second & _MASKED:
            return False
        if opcode < _CONTROL:
            if self._in_message != (opcode == _CONTINUATION):
                return False
            self._in_message = not first & _FINAL
        self._payload_left = length
        return True


class _CheckedRequest:
    """``request`` for aiohttp's handshake, with a FrameCheck before the parser that it sets."""

    def __init__(self, request: Any) -> None:
        self._request = request
        self.check: FrameCheck | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request, name)

    @property
    def protocol(self) -> _CheckedRequest:
        return self

    def set_parser(self, parser: Any, data_received_cb: Any = None) -> None:
        self.check = FrameCheck(parser)
        self._request.protocol.set_parser(self.check, data_received_cb=data_received_cb)

    def keep_alive(self, value: bool) -> None:
        self._request.protocol.keep_alive(value)


class BrokenFrame(Exception):
    """A client's frame ends its socket. ``code``: of the close frame that is to say so."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class CheckedWebSocket(web.WebSocketResponse[bool]):
    """aiohttp's server side of a WebSocket, which reads what a FrameCheck lets through."""

    _check: FrameCheck

    def _post_start(self, request: Any, protocol: str | None, writer: Any) -> None:
        checked = _CheckedRequest(request)
        super()._post_start(checked, protocol, writer)  # type: ignore[arg-type]
        assert checked.check is not None
        self._check = checked.check

    async def next_message(self) -> WSMessage | WSMessageTextBytes | None:
        """What the client sends next; None: the connection is gone. Raises BrokenFrame.

        aiohttp's ``receive`` would close the connection at a broken frame, with what is unread.
        """
        assert self._reader is not None
        try:
            return await self._reader.read()
        except EofStream:
            return None
        except WebSocketError as error:
            raise BrokenFrame(error.code, str(error)) from error

    async def closed_by_client(self, timeout_s: float) -> None:
        """Wait until the client has closed the connection, at most ``timeout_s``."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._check.ended.wait(), timeout_s)

    async def close(self, **_: Any) -> bool:
        """Nothing: the endpoint has sent the close frame, and the transport is closed by it."""
        self._set_closed()
        self._parser = None
        return True
