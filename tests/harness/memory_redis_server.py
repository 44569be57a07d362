"""What ``RedisSink`` needs of a server, in memory, on a ``MemoryRedis``. It fails when told to.

``exchange.connect.redis.server.Server`` is the real one.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from memory_redis import MemoryRedis

from exchange.connect.redis.server import Position, Touched
from exchange.connect.sink import SinkAway
from exchange.settings import Settings


class MemoryServer:
    """``redis`` holds the content. ``fail_at``: the transactions, counted from 1, that fail after
    (True) or before (False) they are carried out. ``errors_at``: those in which a command fails."""

    def __init__(self) -> None:
        self.redis = MemoryRedis()
        self.position: Position | None = None
        self.lock_key = "x:lock"
        self.held = b""  # somebody else's lock
        self.memory = b"maxmemory:0\r\nmaxmemory_policy:noeviction\r\n"
        self.fail_at: dict[int, bool] = {}
        self.errors_at: set[int] = set()
        self.transactions = self.opened = self.closed = 0
        self._seen: Position | None = None

    def __call__(self, *_: Any) -> MemoryServer:
        """Connect."""
        self.opened += 1
        return self

    def flush(self) -> None:
        """FLUSHALL."""
        self.redis.items.clear()
        self.position = None

    def take_lock(self) -> bytes:
        return self.held

    def watch(self) -> Position | None:
        self._seen = self.position
        return self.position

    def ask(self, *words: Any) -> Any:
        if words[0] == "INFO":
            return self.memory
        assert words[0] == "SCAN"
        return [b"0", [key.encode() for key in self.redis.items]]

    def transact(self, packed: Sequence[bytes], position: Position | None) -> list[Exception]:
        self.transactions += 1
        there = self.fail_at.get(self.transactions)
        if there is False:
            raise SinkAway("the connection is lost")
        if self.position != self._seen:
            raise Touched("it was emptied")
        self.redis.carry_out(packed)
        self.position = self._seen = position
        if there:
            raise SinkAway("the answer is lost")
        return [ValueError("WRONGTYPE")] if self.transactions in self.errors_at else []

    def close(self) -> None:
        self.closed += 1


class SinkWorld:
    """``exchange.connect.redis.sink.World`` of an archive in memory."""

    def __init__(self, archive: Any, data_directory: Path, settings: Settings) -> None:
        self._archive = archive
        self.data_directory = data_directory
        self.settings = settings

    def archive(self) -> Any:
        return self._archive

    def released(self) -> int:
        return int(self._archive.released())

    def heartbeat(self) -> None:
        """Nobody listens."""
