"""Rows in the format of ``COPY ... WITH (FORMAT binary)``, built by compiled code.

Who uses it: ``copy_format.py`` only. Apart, because compiled code is kept by what its module
imports, and this one imports nothing that changes.

A row is an int16 (number of columns), then per column an int32 length, -1 for null, and that many
bytes. Everything is big-endian. The header and the trailer are not written here.
"""

from __future__ import annotations

import numpy as np

from ringbuffer.jit import jit, jit_inline

# How a column is written: its value is a number, an index into the texts, or nothing (TOKEN)
INT2 = 2
INT4 = 4
INT8 = 8
TEXT = 100  # a negative index: null
TOKEN = 101
TOKEN_BYTES = 14
ESCAPED_BYTES = 4 * TOKEN_BYTES  # a byte that is no printable ASCII becomes \xHH


@jit_inline
def _put(out: np.ndarray, at: int, value: int, size: int) -> int:
    """Write the low ``size`` bytes of ``value``; where the next one goes."""
    for i in range(size):
        out[at + i] = (value >> (8 * (size - 1 - i))) & 0xFF
    return at + size


@jit_inline
def _hex_digit(value: int) -> int:
    return value + 48 if value < 10 else value + 87


@jit_inline
def _put_token(out: np.ndarray, at: int, token: np.ndarray) -> int:
    """Write a column with a token: without the spaces behind it, bad bytes escaped."""
    used = TOKEN_BYTES
    while used > 0 and token[used - 1] == 32:
        used -= 1
    start = at + 4
    end = start
    for i in range(used):
        octet: int = np.int64(token[i])  # type: ignore[assignment]
        if octet < 32 or octet > 126 or octet == 92:
            out[end] = 92
            out[end + 1] = 120
            out[end + 2] = _hex_digit(octet >> 4)
            out[end + 3] = _hex_digit(octet & 15)
            end += 4
        else:
            out[end] = octet
            end += 1
    _put(out, at, end - start, 4)
    return end


@jit
def write_rows(
    values: np.ndarray,
    nulls: np.ndarray,
    kinds: np.ndarray,
    tokens: np.ndarray,
    texts: np.ndarray,
    places: np.ndarray,
    out: np.ndarray,
) -> int:
    """Write one row per column of ``values``; returns the number of bytes.

    ``values``: int64[columns, rows]; ``nulls``: uint8 of the same shape, 1 = null; ``kinds``:
    int64[columns], INT2 ... TOKEN; ``tokens``: uint8[rows, 14] (any shape where no column is a
    TOKEN); ``texts``: uint8, all texts one after another; ``places``: int64[n + 1], where text i
    begins and the one before it ends; ``out``: uint8, large enough (``copy_format.Table.bound``).
    """
    at = 0
    columns = values.shape[0]
    for row in range(values.shape[1]):
        at = _put(out, at, columns, 2)
        for column in range(columns):
            value = values[column, row]
            kind = kinds[column]
            if nulls[column, row] != 0 or (kind == TEXT and value < 0):
                at = _put(out, at, -1, 4)
            elif kind == INT8:
                at = _put(out, at, 8, 4)
                at = _put(out, at, value, 8)
            elif kind == TEXT:
                first = places[value]
                size = places[value + 1] - first
                at = _put(out, at, size, 4)
                for i in range(size):
                    out[at + i] = texts[first + i]
                at += size
            elif kind == INT4:
                at = _put(out, at, 4, 4)
                at = _put(out, at, value, 4)
            elif kind == INT2:
                at = _put(out, at, 2, 4)
                at = _put(out, at, value, 2)
            else:
                at = _put_token(out, at, tokens[row])
    return at
