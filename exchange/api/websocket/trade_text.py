"""Writes the WebSocket frames of trades, jitted: the bytes that ``messages.Trade`` would give.

Who calls it: trade_frames.py; exchange/connect/trade_text.py uses the two basic ones. All buffers
are uint8; offsets and sizes are in bytes.
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import jit_borrowed

# Columns of a trade, int64[TRADE_COLUMNS]: the fields of read_model.market.model.Trade in order.
SEQUENCE = 0
TIMESTAMP_NS = 1
PRICE = 2
QUANTITY = 3
SIDE = 4
TRADE_COLUMNS = 6  # the last one, the reason, is not shown

# Parts of the text between the numbers, by position in ``ends``.
AFTER_PRICE = 0
AFTER_QUANTITY_OF_BUYER = 1
AFTER_QUANTITY_OF_SELLER = 2
AFTER_TRADE_ID = 3
AFTER_SEQUENCE = 4
AFTER_TIMESTAMP = 5

HEADER_BYTES = 4  # the longest header of a frame whose payload has at most 65,535 bytes
_FINAL_TEXT = 0x81  # RFC 6455: a whole text message
_SIZE_FOLLOWS = 126  # ... the payload's size is in the next two bytes
_NANOSECONDS_PER_MS = 1_000_000
_ZERO = ord("0")


@jit_borrowed
def put(out: np.ndarray, at: int, text: np.ndarray, first: int, end: int) -> int:
    """Copy ``text[first:end]`` to ``out[at]``; returns the offset behind it."""
    for i in range(first, end):
        out[at] = text[i]
        at += 1
    return at


@jit_borrowed
def _put_part(out: np.ndarray, at: int, text: np.ndarray, ends: np.ndarray, part: int) -> int:
    """Copy part ``part`` of ``text`` to ``out[at]``; ``ends``: int64[parts], where each ends."""
    first = ends[part - 1] if part > 0 else 0
    return put(out, at, text, first, ends[part])


@jit_borrowed
def put_number(out: np.ndarray, at: int, number: int) -> int:
    """Write ``number`` (not negative) in decimal to ``out[at]``; returns the offset behind it."""
    digits = 1
    rest = number // 10
    while rest > 0:
        digits += 1
        rest //= 10
    for i in range(at + digits - 1, at - 1, -1):
        out[i] = _ZERO + number % 10
        number //= 10
    return at + digits


@jit_borrowed
def put_trades(
    trades: np.ndarray, head: np.ndarray, text: np.ndarray, ends: np.ndarray, out: np.ndarray
) -> int:
    """Write a frame for each trade to ``out``; returns the bytes written.

    ``trades``: int64[n, TRADE_COLUMNS]. ``head``: uint8, the message up to the price. ``text``:
    uint8, the parts between the numbers; ``ends``: int64, where each part ends. ``out``: uint8, at
    least HEADER_BYTES + head + text + 20 for each number, for each trade.
    """
    at = 0
    for i in range(trades.shape[0]):
        start = at
        at = put(out, at + HEADER_BYTES, head, 0, len(head))
        at = put_number(out, at, trades[i, PRICE])
        at = _put_part(out, at, text, ends, AFTER_PRICE)
        at = put_number(out, at, trades[i, QUANTITY])
        part = AFTER_QUANTITY_OF_BUYER if trades[i, SIDE] == 0 else AFTER_QUANTITY_OF_SELLER
        at = _put_part(out, at, text, ends, part)
        at = put_number(out, at, trades[i, SEQUENCE] + 1)
        at = _put_part(out, at, text, ends, AFTER_TRADE_ID)
        at = put_number(out, at, trades[i, SEQUENCE])
        at = _put_part(out, at, text, ends, AFTER_SEQUENCE)
        at = put_number(out, at, trades[i, TIMESTAMP_NS] // _NANOSECONDS_PER_MS)
        at = _put_part(out, at, text, ends, AFTER_TIMESTAMP)
        size = at - start - HEADER_BYTES
        out[start] = _FINAL_TEXT
        if size >= _SIZE_FOLLOWS:
            out[start + 1] = _SIZE_FOLLOWS
            out[start + 2] = size >> 8
            out[start + 3] = size & 0xFF
        else:
            # a shorter header: the payload moves up to it
            out[start + 1] = size
            at = put(out, start + 2, out, start + HEADER_BYTES, at)
    return at
