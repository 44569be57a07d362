"""WebSocket frames by hand (RFC 6455), made once and written to many sockets.

Who uses it: the hub, for everything that it sends. A server's frames are not masked, and none is
compressed, so the same bytes go to every subscriber and frames may be joined into one write.
What clients send is parsed by aiohttp.

Decision API-6.
"""

from __future__ import annotations

from enum import IntEnum

_FINAL = 0x80
_TEXT = _FINAL | 0x1
_CLOSE = _FINAL | 0x8
_PING = _FINAL | 0x9
_PONG = _FINAL | 0xA
CONTROL_PAYLOAD_BYTES = 125  # the most that a control frame may carry (RFC 6455, 5.5)


class CloseCode(IntEnum):
    """Why the server closes a socket; 4000 and up are this exchange's own."""

    NORMAL = 1000
    GOING_AWAY = 1001  # the stage stops or restarts: connect again
    PROTOCOL_ERROR = 1002
    INVALID_TEXT = 1007  # a text message that is not UTF-8
    POLICY_VIOLATION = 1008
    MESSAGE_TOO_BIG = 1009
    SIGNED_OUT = 4002  # the key that the socket signed in with was revoked
    TOO_SLOW = 4003  # it did not read what was sent to it
    SILENT = 4008  # it did not answer a ping
    GAVE_WAY = 4009  # there was no room for others, and its address had most sockets


def answer_to_close(code: int) -> int:
    """The code that answers a client's close frame with ``code`` (0: it said none): the same.

    Codes that no close frame may carry (RFC 6455, 7.4) are answered as an error.
    """
    if code == 0:
        return CloseCode.NORMAL
    allowed = 3000 <= code < 5000 or code in (*range(1000, 1004), *range(1007, 1015))
    return code if allowed else CloseCode.PROTOCOL_ERROR


def _frame(first_byte: int, payload: bytes) -> bytes:
    size = len(payload)
    if size < 126:
        return bytes((first_byte, size)) + payload
    if size < 1 << 16:
        return bytes((first_byte, 126, size >> 8, size & 0xFF)) + payload
    return bytes((first_byte, 127)) + size.to_bytes(8, "big") + payload


def text_frame(payload: bytes) -> bytes:
    """A whole text message; ``payload`` is UTF-8."""
    return _frame(_TEXT, payload)


def ping_frame(payload: bytes = b"") -> bytes:
    """A ping; the peer answers with a pong of the same payload (at most 125 bytes)."""
    return _frame(_PING, payload[:CONTROL_PAYLOAD_BYTES])


def pong_frame(payload: bytes) -> bytes:
    """The answer to a ping with ``payload`` (at most 125 bytes)."""
    return _frame(_PONG, payload[:CONTROL_PAYLOAD_BYTES])


def close_frame(code: int, reason: str = "") -> bytes:
    """Says that nothing follows, and why; a reason that is too long is cut at a character."""
    octets = reason.encode()[: CONTROL_PAYLOAD_BYTES - 2].decode(errors="ignore").encode()
    return _frame(_CLOSE, code.to_bytes(2, "big") + octets)
