"""The few commands of Redis that the connector uses, in memory: what a list of them leaves behind.

It takes commands as they go over the wire, and refuses what a real server refuses.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import hiredis

from exchange.connect.redis.content import Item, Kind


class MemoryRedis:
    """``items``: key -> what is under it, as ``content`` tells it."""

    def __init__(self) -> None:
        self.items: dict[str, Item] = {}

    def carry_out(self, packed: Iterable[bytes]) -> None:
        """Carry out commands, in order."""
        reader = hiredis.Reader(encoding="utf-8")
        for command in packed:
            reader.feed(command)
            name, key, *words = reader.gets()
            if name == "UNLINK":
                for each in (key, *words):
                    del self.items[each]
                continue
            getattr(self, f"_{name.lower()}")(key, words)
            assert reader.gets() is False
            if key in self.items and not self.items[key].value:
                del self.items[key]

    def _of(self, key: str, kind: Kind) -> dict[Any, Any]:
        item = self.items.setdefault(key, Item(key, kind, {}))
        assert item.kind == kind, f"WRONGTYPE {key}"
        return item.value

    def _hset(self, key: str, words: list[str]) -> None:
        self._of(key, Kind.HASH).update(zip(words[::2], words[1::2], strict=True))

    def _hdel(self, key: str, words: list[str]) -> None:
        for word in words:
            del self._of(key, Kind.HASH)[word]

    def _sadd(self, key: str, words: list[str]) -> None:
        self._of(key, Kind.SET).update(dict.fromkeys(words))

    def _zadd(self, key: str, words: list[str]) -> None:
        scores = map(int, words[::2])
        self._of(key, Kind.SCORES).update(zip(words[1::2], scores, strict=True))

    def _zrem(self, key: str, words: list[str]) -> None:
        for word in words:
            del self._of(key, Kind.SCORES)[word]

    def _zremrangebyscore(self, key: str, words: list[str]) -> None:
        low, high = map(int, words)
        scores = self._of(key, Kind.SCORES)
        for member in [member for member, score in scores.items() if low <= score <= high]:
            del scores[member]

    def _zremrangebyrank(self, key: str, words: list[str]) -> None:
        first, last = map(int, words)
        scores = self._of(key, Kind.SCORES)
        ranked = sorted(scores, key=lambda member: (scores[member], member))
        for member in ranked[first : len(ranked) + last + 1 if last < 0 else last + 1]:
            del scores[member]

    def _xadd(self, key: str, words: list[str]) -> None:
        entry, *fields = words
        entries = self._of(key, Kind.STREAM)
        newest = max((int(each.partition("-")[0]) for each in entries), default=0)
        number, part = map(int, entry.split("-"))
        assert number > newest and part == 0, "the ID is equal or smaller than the newest"
        entries[entry] = tuple(zip(fields[::2], fields[1::2], strict=True))

    def _xtrim(self, key: str, words: list[str]) -> None:
        assert words[:2] == ["MAXLEN", "="]
        entries = self._of(key, Kind.STREAM)
        for entry in list(entries)[: max(0, len(entries) - int(words[2]))]:
            del entries[entry]
