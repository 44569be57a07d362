"""Rows of binary COPY beside rows that are packed one by one."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from exchange.store.rows.kernel import INT2, INT4, INT8, TEXT, TOKEN, TOKEN_BYTES, write_rows

KINDS = (INT2, INT4, INT8, TEXT, TOKEN)
TEXTS = [b"", b"x", "grün".encode()]


def escaped(token: bytes) -> bytes:
    return b"".join(
        bytes([octet]) if 32 <= octet < 127 and octet != 0x5C else b"\\x%02x" % octet
        for octet in token.rstrip(b" ")
    )


def packed(kind: int, value: int, token: bytes) -> bytes:
    """A column's bytes without their length."""
    if kind == TEXT:
        return TEXTS[value]
    if kind == TOKEN:
        return escaped(token)
    return struct.pack({INT2: ">h", INT4: ">i", INT8: ">q"}[kind], value)


@pytest.mark.parametrize("seed", range(3))
def test_rows_are_what_postgres_reads(seed: int) -> None:
    random = np.random.default_rng(seed)
    rows = 50
    values = np.stack(
        [
            random.integers(-(1 << 15), 1 << 15, rows),
            random.integers(-(1 << 31), 1 << 31, rows),
            random.integers(-(1 << 62), 1 << 62, rows),
            random.integers(-1, len(TEXTS), rows),
            np.zeros(rows, np.int64),
        ]
    ).astype(np.int64)
    nulls = (random.random(values.shape) < 0.2).astype(np.uint8)
    tokens = random.choice(np.frombuffer(b"aZ ~\\\x00\x7f\xff", np.uint8), (rows, TOKEN_BYTES))
    tokens[:5, 3:] = 32
    tokens[5] = 32
    places = np.cumsum([0, *map(len, TEXTS)])
    joined = np.frombuffer(b"".join(TEXTS), np.uint8).copy()
    out = np.zeros(rows * 200, np.uint8)
    size = write_rows(values, nulls, np.array(KINDS), tokens, joined, places, out)
    expected = b""
    for row in range(rows):
        expected += struct.pack(">h", len(KINDS))
        for column, kind in enumerate(KINDS):
            value = int(values[column, row])
            if nulls[column, row] or (kind == TEXT and value < 0):
                expected += struct.pack(">i", -1)
            else:
                octets = packed(kind, value, tokens[row].tobytes())
                expected += struct.pack(">i", len(octets)) + octets
    assert out[:size].tobytes() == expected
