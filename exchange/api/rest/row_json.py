"""Lists of many rows as JSON in one go, for the answers that anybody may ask for.

Who uses it: market.py and instrument_list.py. Invariant: the same text as orjson gives for a list
of dictionaries; row_text.py writes it without the interpreter, some 100 ns a row.

Decision API-10.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import orjson

from exchange.api.rest.row_text import (
    NUMBER,
    NUMBER_BYTES,
    TEXT,
    TIME_BYTES,
    put_rows,
)

_NULL = b"null"


class Column(NamedTuple):
    """``name``: the JSON field, "" for one that has only its texts. ``kind``: see row_text.py.

    ``texts``: JSON texts, of a TEXT column.
    """

    name: str
    kind: int = NUMBER
    texts: Sequence[bytes] = ()


def quoted(texts: Sequence[str]) -> list[bytes]:
    """Strings as JSON texts."""
    return [orjson.dumps(text) for text in texts]


class RowWriter:
    """Makes JSON arrays of objects with ``columns``, or of arrays of numbers (``as_arrays``)."""

    def __init__(self, columns: Sequence[Column], *, as_arrays: bool = False) -> None:
        opening, closing = (b"[", b"]") if as_arrays else (b"{", b"}")
        texts, first_texts = [_NULL], []
        for number, column in enumerate(columns):
            before = opening if number == 0 else b","
            if column.name and not as_arrays:
                before += orjson.dumps(column.name) + b":"
            texts.append(before)
        texts.append(closing)
        for column in columns:
            first_texts.append(len(texts))
            texts += column.texts
        self._kinds = np.array([column.kind for column in columns], np.int64)
        self._first_texts = np.array(first_texts, np.int64)
        self._texts = np.frombuffer(bytearray(b"".join(texts)), np.uint8)
        self._ends = np.cumsum([len(text) for text in texts])
        self._row_bytes = sum(len(text) for text in texts[: len(columns) + 2]) + 1
        for column in columns:
            longest = max(map(len, column.texts), default=0)
            self._row_bytes += max(longest, TIME_BYTES, NUMBER_BYTES)

    def make(self, rows: np.ndarray) -> bytes:
        """The JSON array of ``rows``, int64[n, columns]."""
        if not len(rows):
            return b"[]"
        # a number is written behind itself first, also the last one
        out = np.empty(len(rows) * self._row_bytes + NUMBER_BYTES, np.uint8)
        size = put_rows(
            np.ascontiguousarray(rows), self._kinds, self._first_texts, self._texts, self._ends, out
        )
        return b"[" + out[: int(size)].tobytes() + b"]"


def compile_row_json() -> None:
    """Compile the writer, or load its compiled code, before anybody waits for it."""
    RowWriter([Column("n"), Column("t", TEXT, [b"0"])]).make(np.zeros((1, 2), np.int64))
