"""Frames of trades in one go: what ``messages.Trade`` would be, byte for byte.

Who uses it: public_frames.py, for the frames that are made most often. Invariant: the same bytes as
``messages.frame(messages.Trade(...))``; trade_text.py writes them without the interpreter.
"""

from __future__ import annotations

import msgspec
import numpy as np

from exchange.api.websocket.trade_text import HEADER_BYTES, TRADE_COLUMNS, put_trades
from exchange.read_model.market.model import Trade

NUMBER_BYTES = 20  # the longest of 64 bits
NUMBERS = 5  # price, quantity, trade_id, sequence, timestamp
SYMBOL_BYTES_MAXIMUM = 1_024  # far above a symbol's 8 characters, however JSON escapes them
# in the order of trade_text.py's parts
_PARTS = (
    b',"quantity":',
    b',"side":"buy","trade_id":',
    b',"side":"sell","trade_id":',
    b',"sequence":',
    b',"timestamp":',
    b"}",
)
_TEXT = np.frombuffer(bytearray(b"".join(_PARTS)), np.uint8)
_ENDS = np.cumsum([len(part) for part in _PARTS])
assert len(Trade._fields) == TRADE_COLUMNS


class TradeFrames:
    """Makes the frames of one instrument's trades."""

    def __init__(self, symbol: str) -> None:
        name = msgspec.json.encode(symbol)
        assert len(name) <= SYMBOL_BYTES_MAXIMUM, "a frame's size must fit 16 bits"
        head = b'{"type":"trade","symbol":' + name + b',"price":'
        self._head = np.frombuffer(bytearray(head), np.uint8)
        self._frame_bytes = HEADER_BYTES + len(head) + len(_TEXT) + NUMBERS * NUMBER_BYTES

    def make(self, trades: np.ndarray) -> bytes:
        """One frame for each row of ``trades`` (int64[n, TRADE_COLUMNS]), joined."""
        out = np.empty(len(trades) * self._frame_bytes, np.uint8)
        rows = np.ascontiguousarray(trades)
        return out[: int(put_trades(rows, self._head, _TEXT, _ENDS, out))].tobytes()


def compile_trade_frames() -> None:
    """Compile the writer, or load its compiled code, before anybody waits for it."""
    TradeFrames("").make(np.zeros((1, TRADE_COLUMNS), np.int64))
