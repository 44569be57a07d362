"""Cursors of lists: where the next page begins, as text that only the exchange understands.

Who uses it: the REST routes that answer with lists. A cursor is bound to the list that gave it (the
account and the filters): with another one it is refused, instead of leaving out rows unnoticed. It
is a mistake detector, no secret: nothing can be read with it that could not be read without.
"""

from __future__ import annotations

import base64
import binascii
import zlib

from exchange.api.errors import ApiError, ErrorCode

_POSITION_BYTES = 8
_CHECK_BYTES = 4


def _check(position: bytes, of: str) -> bytes:
    return zlib.crc32(position + of.encode()).to_bytes(_CHECK_BYTES, "little")


def make_cursor(position: int, of: str) -> str:
    """The cursor that goes on before ``position`` in the list named ``of``."""
    raw = position.to_bytes(_POSITION_BYTES, "little")
    return base64.urlsafe_b64encode(raw + _check(raw, of)).decode()


def read_cursor(cursor: str | None, of: str) -> int | None:
    """The position. Raises ApiError (INVALID_CURSOR)."""
    if cursor is None:
        return None
    try:
        raw = base64.b64decode(cursor.encode("ascii"), altchars=b"-_", validate=True)
    except (binascii.Error, UnicodeEncodeError):
        raw = b""
    position, check = raw[:_POSITION_BYTES], raw[_POSITION_BYTES:]
    if len(raw) != _POSITION_BYTES + _CHECK_BYTES or check != _check(position, of):
        raise ApiError(
            ErrorCode.INVALID_CURSOR,
            "cursor: not one of this list; take next_cursor of the page before, with the same "
            "filters",
            data={"field": "cursor"},
        )
    return int.from_bytes(position, "little")
