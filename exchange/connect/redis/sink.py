"""RedisSink: what is written into Redis when, and what is done after anything has failed.

Who uses it: the stage connect_redis, through ``exchange/connect/connector.py``. Main thread:
``encode`` moves the models and makes commands. Writer thread: ``open``, ``write`` and ``close``
talk to Redis; the first ``open`` loads the models, before anybody else has them, and ``begin``
brings them to where Redis stands.

Redis holds the state after the events before ``<prefix>:sequence``. Where that key is gone, or its
state cannot be carried on (older than the models, of another shape, far behind), everything is made
anew: the position goes first, then every key with the prefix, and the position comes back last.

Decisions CON-31, CON-32 and CON-33.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, Protocol

import numpy as np

from exchange.connect.redis.changes import CacheChanges
from exchange.connect.redis.commands import Commands, commands_of
from exchange.connect.redis.content import Shape, content
from exchange.connect.redis.models import CacheModels, ModelSizes
from exchange.connect.redis.server import Position, Server, Touched, owner_of
from exchange.connect.sink import (
    Batch,
    SinkAway,
    SinkPosition,
    SinkRefused,
    check_position,
    exchange_identity,
)
from exchange.core.event_archive import EventArchive
from exchange.read_model.checkpoint import CheckpointWriter
from exchange.settings import Settings

log = logging.getLogger(__name__)

FAR_EVENTS = 1 << 20  # with more to catch up than this everything is made anew: it takes less time
UNLINK_KEYS = 1_000


class World(Protocol):
    """What the sink needs of its stage."""

    data_directory: Path
    settings: Settings

    def archive(self) -> EventArchive:
        """All released events."""

    def released(self) -> int:
        """Number of released events."""

    def heartbeat(self) -> None:
        """The process lives."""


class Tick(NamedTuple):
    """The content of a batch. ``anew``: all that Redis shall hold, not what has changed."""

    anew: bool
    pieces: list[Commands]
    time_ns: int


class RedisSink:
    """See the module; ``exchange.connect.sink.Sink``."""

    title = "Redis"
    begins_with_state = True

    def __init__(self, world: World) -> None:
        section = world.settings.redis
        self._world = world
        self._section = section
        self._archive = world.archive()
        self._shape = shape_of(world.settings)
        self._owner = owner_of(world.data_directory)
        self._sizes = sizes_of(world.data_directory, world.settings)
        self._models: CacheModels | None = None
        self._changes: CacheChanges | None = None
        self._checkpoints: CheckpointWriter | None = None
        self._server: Server | None = None
        self._identity = ""
        self._anew = False  # the next batch is everything
        self._found_empty = False
        self._distrusted = False  # a command has failed in there: nothing is sure
        self._edges: tuple[int, ...] = ()  # where Redis may stand and the batches go on
        self._held = (b"", 0.0)  # another's lock, and since when it has been seen

    # --- the writer thread ----------------------------------------------------------------------

    def open(self) -> SinkPosition | None:
        self.close()
        try:
            self._server = Server(self._section, self._shape.prefix, self._owner)
            self._refuse_eviction(self._server)
            self._take_lock(self._server)
            found = self._server.watch()
        except Touched as error:
            raise SinkAway(str(error)) from None
        released = self._world.released()
        models = self._models or self._sizes.newest(self._archive, released)
        position = None if found is None else self._usable(found, released, models)
        self._found_empty = position is None
        if self._models is None:
            # only here: later the main thread may be making batches at this moment
            end = released if position is None else min(position.next_event, released)
            models.read_on(self._archive, end, lambda: None)
            self._models = models
        return position

    def _refuse_eviction(self, server: Server) -> None:
        """A server that throws keys away under pressure would show half a book."""
        try:
            text = server.ask("INFO", "memory").decode()
        except SinkRefused:
            return  # not allowed to ask
        lines = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
        policy = lines.get("maxmemory_policy", "")
        if policy.startswith("allkeys") and int(lines.get("maxmemory", 0)):
            raise SinkRefused(
                f"Redis may throw away any key when it is full (maxmemory-policy {policy}): set "
                "it to noeviction or to one of volatile-*"
            )

    def _take_lock(self, server: Server) -> None:
        """Raises SinkAway while another's lock may be that of a dead process, then SinkRefused."""
        held = server.take_lock()
        if not held:
            self._held = (b"", 0.0)
            return
        now_s = time.monotonic()
        if held != self._held[0]:
            self._held = (held, now_s)
        name = held.decode(errors="replace").split(" ")[1:2]
        who = f"another instance ({' '.join(name)}) writes to {self._shape.prefix}:*"
        lock_s = self._section.lock_ms / 1000
        if now_s - self._held[1] <= lock_s:
            raise SinkAway(f"{who}, or has died: its lock is looked at for {lock_s:g} s")
        raise SinkRefused(f"{who}: stop it, or give this one another prefix in [redis]")

    def _usable(self, found: Position, released: int, models: CacheModels) -> SinkPosition | None:
        """The position to go on from; None: everything is to be made anew.

        Raises SinkRefused for what is of another exchange, or newer than this one.
        """
        at = found.next_event
        position = SinkPosition(at, found.identity)
        kept = position._replace(next_event=max(at, self._archive.oldest()))
        check_position(self.title, kept, self._archive, max(released, self._archive.oldest()))
        if self._distrusted:
            return None
        if found.shape != self._shape.text:
            log.info("Redis is made anew: its content has another shape (%s)", found.shape)
            return None
        if at in self._edges:
            return position
        if at < models.next_event or released - at > FAR_EVENTS:
            log.info("Redis is made anew: it stands at event %s of %s", at, released)
            return None
        return position

    def write(self, batch: Batch) -> None:
        server, tick = self._server, batch.content
        assert server is not None and isinstance(tick, Tick)
        self._edges = (batch.first, batch.end)
        if not self._identity:
            self._identity = exchange_identity(self._archive)
        position = Position(batch.end, self._identity, self._shape.text, tick.time_ns)
        try:
            if tick.anew:
                self._write_anew(server, tick.pieces, position)
            else:
                self._transact(server, tick.pieces[0].packed, position)
        except Touched as error:
            raise SinkAway(f"what the connector had written was touched: {error}") from None
        self._edges = (batch.end,)

    def _write_anew(self, server: Server, pieces: list[Commands], position: Position) -> None:
        self._transact(server, [], None)
        self._remove_all(server)
        for piece in pieces[:-1]:
            self._transact(server, piece.packed, None)
        self._distrusted = False
        self._transact(server, pieces[-1].packed, position)

    def _transact(self, server: Server, packed: list[bytes], position: Position | None) -> None:
        errors = server.transact(packed, position)
        if errors:
            self._distrusted = True
            raise SinkAway(f"a command failed, so everything is made anew: {errors[0]}")

    def _remove_all(self, server: Server) -> None:
        """Remove every key with the prefix but the lock."""
        cursor = b"0"
        while True:
            cursor, found = server.ask(
                "SCAN", cursor, "MATCH", pattern_of(self._shape.prefix), "COUNT", UNLINK_KEYS
            )
            lock = server.lock_key.encode()
            keys = [key for key in found if key != lock]
            if keys:
                commands = Commands()
                commands.add("UNLINK", *keys)
                self._transact(server, commands.packed, None)
            if cursor == b"0":
                return

    def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None

    # --- the main thread ------------------------------------------------------------------------

    def begin(self, next_event: int) -> None:
        models = self._models
        assert models is not None, "open comes first"
        models.read_on(self._archive, next_event, self._world.heartbeat)
        models.take_changes()
        assert models.next_event == next_event
        self._anew = self._found_empty
        self._changes = CacheChanges(models, self._shape)
        self._changes.reset()
        self._checkpoints = self._checkpoints or self._sizes.writer(
            models, self._archive, self._world.settings.read_model.checkpoint_events
        )

    def encode(self, events: np.ndarray) -> tuple[Tick, int]:
        models, changes = self._models, self._changes
        assert models is not None and changes is not None and self._checkpoints is not None
        models.apply(events)
        pieces: Iterable[Commands]
        anew, self._anew = self._anew, False
        if anew:
            models.take_changes()
            changes.reset()
            pieces = self._beating(commands_of(content(models, self._shape)))
        else:
            pieces = [changes.commands()]
        made = list(pieces)
        self._checkpoints.step()
        return Tick(anew, made, models.market.timestamp_ns), sum(map(len, made))

    def save_models(self) -> None:
        """Write a checkpoint of the models, at a graceful stop."""
        if self._checkpoints is not None:
            self._checkpoints.save_now()

    def _beating(self, pieces: Iterable[Commands]) -> Iterable[Commands]:
        for piece in pieces:
            self._world.heartbeat()
            yield piece


def pattern_of(prefix: str) -> str:
    """What SCAN finds all keys with; a prefix has none of a pattern's signs."""
    return f"{prefix}:*"


def shape_of(settings: Settings) -> Shape:
    """The shape that the settings ask for."""
    section = settings.redis
    return Shape(section.prefix, section.levels, section.trades, section.klines, section.intervals)


def sizes_of(data_directory: Path, settings: Settings) -> ModelSizes:
    """The sizes of the models that the settings ask for."""
    section = settings.redis
    return ModelSizes(data_directory, section.trades, section.klines, section.batch_events)
