"""Cursors of lists: where the next page begins, as opaque text.

Who uses it: the REST routes that answer with lists. A cursor belongs to the list that gave it (the
account and the filters); another list refuses it, instead of leaving out rows unnoticed. The check
detects mistakes and is not a secret: a cursor opens nothing that is closed without it.
"""

from __future__ import annotations

import base64
import binascii
import struct
import zlib
from collections.abc import Sequence

from exchange.api.errors import ApiError, ErrorCode

_WORD_BYTES = 8
_CHECK_BYTES = 4


def _check(raw: bytes, of: str) -> bytes:
    return zlib.crc32(raw + of.encode()).to_bytes(_CHECK_BYTES, "little")


def make_cursor(before: int, of: str, words: Sequence[int] = ()) -> str:
    """The cursor of the page that ends before number ``before`` in the list named ``of``.

    ``words``: what else the next page has to know, signed numbers of 64 bits.
    """
    raw = b"".join(word.to_bytes(_WORD_BYTES, "little", signed=True) for word in (before, *words))
    return base64.urlsafe_b64encode(raw + _check(raw, of)).decode()


def read_cursor(cursor: str | None, of: str) -> int | None:
    """The number that ``make_cursor`` was given. Raises ApiError (INVALID_CURSOR)."""
    if cursor is None:
        return None
    return read_cursor_words(cursor, of, 0)[0]


def read_cursor_words(cursor: str, of: str, most: int) -> list[int]:
    """The number that ``make_cursor`` was given, and its ``words``, of which there are ``most``.

    Raises ApiError (INVALID_CURSOR).
    """
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    words, check = raw[:-_CHECK_BYTES], raw[-_CHECK_BYTES:]
    count, rest = divmod(len(words), _WORD_BYTES)
    if rest or not 1 <= count <= 1 + most or check != _check(words, of):
        raise ApiError(
            ErrorCode.INVALID_CURSOR,
            "cursor: not one of this list; take next_cursor of the page before, with the same "
            "filters",
            data={"field": "cursor"},
        )
    return list(struct.unpack(f"<{count}q", words))
