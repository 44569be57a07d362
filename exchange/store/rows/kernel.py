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
ESCAPE_BYTES = 4  # a byte that is not printable ASCII becomes \xHH
ESCAPED_BYTES = ESCAPE_BYTES * TOKEN_BYTES
COUNT_BYTES = 2  # of the number of columns, in front of a row
LENGTH_BYTES = 4  # of the length in front of a column
NULL = -1  # the length of a null
_BYTE_BITS = 8
_BYTE_MASK = 0xFF
_SPACE = ord(" ")
_LAST_PRINTABLE = ord("~")
_BACKSLASH = ord("\\")
_LETTER_X = ord("x")
_DIGIT_0 = ord("0")
_AFTER_DIGITS = ord("a") - 10
_DIGIT_BITS = 4
_DIGIT_MASK = 15


@jit_inline
def _put(out: np.ndarray, at: int, value: int, size: int) -> int:
    """Write the low ``size`` bytes of ``value`` to ``out`` (uint8) at ``at``; the place after."""
    for i in range(size):
        out[at + i] = (value >> (_BYTE_BITS * (size - 1 - i))) & _BYTE_MASK
    return at + size


@jit_inline
def _hex_digit(value: int) -> int:
    """The ASCII code of a digit 0 to 15."""
    return value + (_DIGIT_0 if value < 10 else _AFTER_DIGITS)


@jit_inline
def _put_token(out: np.ndarray, at: int, token: np.ndarray) -> int:
    """Write a column with ``token`` (uint8[14]) to ``out`` (uint8) at ``at``; the place after.

    Without the spaces behind it, bad bytes escaped.
    """
    used = TOKEN_BYTES
    while used > 0 and token[used - 1] == _SPACE:
        used -= 1
    start = at + LENGTH_BYTES
    end = start
    for i in range(used):
        octet: int = np.int64(token[i])  # type: ignore[assignment]
        if octet < _SPACE or octet > _LAST_PRINTABLE or octet == _BACKSLASH:
            out[end] = _BACKSLASH
            out[end + 1] = _LETTER_X
            out[end + 2] = _hex_digit(octet >> _DIGIT_BITS)
            out[end + 3] = _hex_digit(octet & _DIGIT_MASK)
            end += ESCAPE_BYTES
        else:
            out[end] = octet
            end += 1
    _put(out, at, end - start, LENGTH_BYTES)
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
        at = _put(out, at, columns, COUNT_BYTES)
        for column in range(columns):
            value = values[column, row]
            kind = kinds[column]
            # a number's kind is its size; constants, so that each copy is unrolled
            if nulls[column, row] != 0 or (kind == TEXT and value < 0):
                at = _put(out, at, NULL, LENGTH_BYTES)
            elif kind == INT8:
                at = _put(out, at, INT8, LENGTH_BYTES)
                at = _put(out, at, value, INT8)
            elif kind == TEXT:
                first = places[value]
                size = places[value + 1] - first
                at = _put(out, at, size, LENGTH_BYTES)
                for i in range(size):
                    out[at + i] = texts[first + i]
                at += size
            elif kind == INT4:
                at = _put(out, at, INT4, LENGTH_BYTES)
                at = _put(out, at, value, INT4)
            elif kind == INT2:
                at = _put(out, at, INT2, LENGTH_BYTES)
                at = _put(out, at, value, INT2)
            else:
                at = _put_token(out, at, tokens[row])
    return at
