"""Frames of trades in one go, jitted: what ``messages.Trade`` would be, byte for byte.

Who uses it: ``public_frames.py``, for what is made most often: each trade that somebody subscribes
to. Invariant: the same bytes as ``messages.frame(messages.Trade(...))``.
"""

from __future__ import annotations

import msgspec
import numpy as np

from ringbuffer.jit import jit_borrowed

NUMBERS_BYTES = 5 * 20  # price, quantity, trade_id, sequence, timestamp
_BETWEEN = (b',"quantity":', b',"side":"buy","trade_id":', b',"side":"sell","trade_id":',
            b',"sequence":', b',"timestamp":', b"}")  # fmt: skip
_TEXT = np.frombuffer(bytearray(b"".join(_BETWEEN)), np.uint8)
_ENDS = np.cumsum([len(part) for part in _BETWEEN])


@jit_borrowed
def _put(out: np.ndarray, at: int, text: np.ndarray, first: int, end: int) -> int:
    for i in range(first, end):
        out[at] = text[i]
        at += 1
    return at


@jit_borrowed
def _put_number(out: np.ndarray, at: int, number: int) -> int:
    digits = 1
    rest = number // 10
    while rest > 0:
        digits += 1
        rest //= 10
    for i in range(at + digits - 1, at - 1, -1):
        out[i] = 48 + number % 10
        number //= 10
    return at + digits


@jit_borrowed
def put_trades(
    trades: np.ndarray, head: np.ndarray, text: np.ndarray, ends: np.ndarray, out: np.ndarray
) -> int:
    """Write a frame for each trade to ``out``; the bytes written.

    ``trades``: int64 (n, 6), sequence, timestamp_ns, price, quantity, side, reason. ``head``: the
    message up to the price. ``out``: n x (4 + head + text + NUMBERS_BYTES) bytes.
    """
    at = 0
    for k in range(trades.shape[0]):
        start = at
        at = _put(out, at + 4, head, 0, len(head))
        at = _put_number(out, at, trades[k, 2])
        at = _put(out, at, text, 0, ends[0])
        at = _put_number(out, at, trades[k, 3])
        side = 1 if trades[k, 4] == 0 else 2
        at = _put(out, at, text, ends[side - 1], ends[side])
        at = _put_number(out, at, trades[k, 0] + 1)
        at = _put(out, at, text, ends[2], ends[3])
        at = _put_number(out, at, trades[k, 0])
        at = _put(out, at, text, ends[3], ends[4])
        at = _put_number(out, at, trades[k, 1] // 1_000_000)
        at = _put(out, at, text, ends[4], ends[5])
        size = at - start - 4
        out[start] = 0x81
        if size >= 126:
            out[start + 1] = 126
            out[start + 2] = size >> 8
            out[start + 3] = size & 0xFF
        else:
            out[start + 1] = size
            at = _put(out, start + 2, out, start + 4, at)
    return at


class TradeFrames:
    """Makes them for one instrument."""

    def __init__(self, symbol: str) -> None:
        head = b'{"type":"trade","symbol":' + msgspec.json.encode(symbol) + b',"price":'
        self._head = np.frombuffer(bytearray(head), np.uint8)
        self._frame_bytes = 4 + len(head) + len(_TEXT) + NUMBERS_BYTES

    def make(self, trades: np.ndarray) -> bytes:
        """One frame for each row of ``trades`` (int64, as Change.trade_words), joined."""
        out = np.empty(len(trades) * self._frame_bytes, np.uint8)
        words = np.ascontiguousarray(trades)
        return out[: put_trades(words, self._head, _TEXT, _ENDS, out)].tobytes()


def compile_trade_frames() -> None:
    """Compile it, or read it back, before anybody waits for it."""
    TradeFrames("").make(np.zeros((1, 6), np.int64))
