"""Differences between the rows in the database and the rows that should be there, in words.

Who uses it: ``check.py``. Both sides are in the format of binary COPY, so rows that are the same
are the same bytes, and nothing is looked into until a difference is found.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator

import psycopg

from exchange.store.connection import KEYS
from exchange.store.rows.copy_format import HEADER, TRAILER, Rows, Table

_EPOCH = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_KEYS = {"order_events": ("sequence",), "trades": ("id",), "orders": ("id",)}
Row = tuple[bytes | None, ...]


def copied(connection: psycopg.Connection, query: str) -> bytes:
    """The rows of ``query``, as binary COPY sends them, without header and trailer."""
    parts = []
    with connection.cursor().copy(f"COPY ({query}) TO STDOUT (FORMAT binary)".encode()) as copy:
        parts = [bytes(part) for part in copy]
    whole = b"".join(parts)
    assert whole[: len(HEADER)] == HEADER and whole[-2:] == TRAILER
    return whole[len(HEADER) : -2]


def rows_of(data: bytes | memoryview) -> Iterator[Row]:
    """The rows of COPY data, each as the bytes of its columns."""
    view = memoryview(data)
    at = 0
    while at < len(view):
        columns = int.from_bytes(view[at : at + 2], "big")
        at += 2
        row: list[bytes | None] = []
        for _ in range(columns):
            size = int.from_bytes(view[at : at + 4], "big", signed=True)
            at += 4
            row.append(None if size < 0 else bytes(view[at : at + size]))
            at += max(size, 0)
        yield tuple(row)


def shown(name: str, kind: str, value: bytes | None) -> str:
    """A column's value for people."""
    if value is None:
        return "null"
    if kind in ("text", "token"):
        return repr(value.decode(errors="replace").removeprefix("\x01"))
    number = int.from_bytes(value, "big", signed=True)
    if name.endswith("_at") or name == "timestamp":
        return (_EPOCH + datetime.timedelta(microseconds=number)).isoformat()
    return str(number)


def differences(table: Table, found: bytes, wanted: Rows, limit: int) -> list[str]:
    """Differences of the rows in the database from ``wanted``; at most ``limit`` lines."""
    if found == wanted.data:
        return []
    names = [name for name, _ in table.columns]
    key_names = _KEYS.get(table.name) or KEYS[table.name]
    places = [names.index(name) for name in key_names]

    def key(row: Row) -> tuple[bytes | None, ...]:
        return tuple(row[place] for place in places)

    def called(row: Row) -> str:
        parts = [f"{names[place]} {shown(*table.columns[place], row[place])}" for place in places]
        return f"{table.name}: {', '.join(parts)}"

    said: list[str] = []
    there: dict[tuple[bytes | None, ...], Row] = {}
    for row in rows_of(found):
        if key(row) in there:
            said.append(f"{called(row)} is there twice")
        there[key(row)] = row
    for right in rows_of(wanted.data):
        left = there.pop(key(right), None)
        if left is None:
            said.append(f"{called(right)} is missing")
        elif left != right:
            for (name, kind), one, other in zip(table.columns, left, right, strict=True):
                if one != other:
                    said.append(
                        f"{called(right)}: {name} is {shown(name, kind, one)}, the archive says "
                        f"{shown(name, kind, other)}"
                    )
        if len(said) >= limit:
            return said[:limit]
    said += [f"{called(row)} is there and in the archive it is not" for row in there.values()]
    return said[:limit] or [f"{table.name}: the same rows in another order"]
