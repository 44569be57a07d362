"""Commands for Redis as bytes, and the texts of values in them.

Who uses it: ``changes.py`` and ``sink.py``. Numbers are written in full as decimal text: prices,
quantities and money are integers, and no floating point takes part (a score of a sorted set is a
double; prices and milliseconds are below 2^53, so it is exact).

Decision CON-30.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import hiredis

from exchange.connect.redis.content import Item, Kind, Value

pack: Any = hiredis.pack_command  # a tuple of words -> bytes; its own types know one word only
CHUNK_COMMANDS = 2_000  # in one transaction while everything is written anew


class Commands:
    """Commands in order: ``packed``, one element each, as they go over the wire."""

    __slots__ = ("packed",)

    def __init__(self) -> None:
        self.packed: list[bytes] = []

    def __len__(self) -> int:
        return len(self.packed)

    def add(self, *words: Value) -> None:
        """Add one command, the words of which are ``words``."""
        self.packed.append(pack(words))

    def add_list(self, words: list[Value]) -> None:
        """As ``add``."""
        self.packed.append(pack(tuple(words)))


def commands_of(items: Iterable[Item]) -> Iterator[Commands]:
    """Commands that make ``items`` where nothing is, in pieces of about CHUNK_COMMANDS."""
    commands = Commands()
    for item in items:
        _make(commands, item)
        if len(commands) >= CHUNK_COMMANDS:
            yield commands
            commands = Commands()
    yield commands


def _make(commands: Commands, item: Item) -> None:
    words: list[Value]
    if item.kind == Kind.STREAM:
        for entry, fields in item.value.items():
            commands.add("XADD", item.key, entry, *(word for pair in fields for word in pair))
        return
    if item.kind == Kind.HASH:
        words = ["HSET", item.key, *(word for pair in item.value.items() for word in pair)]
    elif item.kind == Kind.SET:
        words = ["SADD", item.key, *item.value]
    else:
        words = ["ZADD", item.key]
        for member, score in item.value.items():
            words += (score, member)
    commands.add_list(words)
