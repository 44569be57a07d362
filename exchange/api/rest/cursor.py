"""Cursors of lists: where the next page begins, as opaque text.

Who uses it: the REST routes that answer with lists. A cursor belongs to the list that gave it (the
account and the filters); another list refuses it, instead of leaving out rows unnoticed. The check
detects mistakes and is not a secret: a cursor opens nothing that is closed without it.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from exchange.api.errors import ApiError, ErrorCode

_BEFORE_BYTES = 8
_CHECK_BYTES = 4


def _check(before: bytes, of: str) -> bytes:
    return zlib.crc32(before + of.encode()).to_bytes(_CHECK_BYTES, "little")


def make_cursor(before: int, of: str) -> str:
    """The cursor of the page that ends before number ``before`` in the list named ``of``."""
    raw = before.to_bytes(_BEFORE_BYTES, "little")
    return base64.urlsafe_b64encode(raw + _check(raw, of)).decode()


def read_cursor(cursor: str | None, of: str) -> int | None:
    """The number that ``make_cursor`` was given. Raises ApiError (INVALID_CURSOR)."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    before, check = raw[:_BEFORE_BYTES], raw[_BEFORE_BYTES:]
    if len(raw) != _BEFORE_BYTES + _CHECK_BYTES or check != _check(before, of):
        raise ApiError(
            ErrorCode.INVALID_CURSOR,
            "cursor: not one of this list; take next_cursor of the page before, with the same "
            "filters",
            data={"field": "cursor"},
        )
    return int.from_bytes(before, "little")
