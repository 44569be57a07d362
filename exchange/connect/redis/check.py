"""``exchange connect check redis``: every key of the cache, compared with the archive.

Who uses it: the registry. What Redis shall hold at its own position is made of the archive
(``content.py``) and compared value by value. Redis is read in one transaction, so its connector may
go on writing; it is read again when keys have appeared between their listing and that moment.

Decision CON-30.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from exchange.connect.checking import LIMIT, CheckedWorld, CheckResult
from exchange.connect.redis.commands import pack
from exchange.connect.redis.content import Item, Kind, Shape, content
from exchange.connect.redis.models import CacheModels
from exchange.connect.redis.server import make_connection, told
from exchange.connect.redis.sink import pattern_of, shape_of, sizes_of
from exchange.connect.sink import SinkPosition, SinkRefused, check_position
from exchange.store.offline import ArchiveSource

ATTEMPTS = 10
SCAN_KEYS = 1_000
READ = {
    b"hash": ("HGETALL",),
    b"set": ("SMEMBERS",),
    b"stream": ("XRANGE", "-", "+"),
    b"zset": ("ZRANGE", 0, -1, "WITHSCORES"),
    b"string": ("GET",),
}


class _Seen:
    """Redis at one moment: ``found`` is key -> (type, answer)."""

    def __init__(self, connection: Any, shape: Shape) -> None:
        self._connection = connection
        keys = set(self._keys(shape))
        self.found: dict[str, tuple[bytes, Any]] = {}
        types = self._pipeline([("TYPE", key) for key in keys])
        with_types = [(key, kind) for key, kind in zip(keys, types, strict=True) if kind in READ]
        reads: list[tuple[Any, ...]] = [("HGETALL", shape.key("sequence"))]
        reads += [(READ[kind][0], key, *READ[kind][1:]) for key, kind in with_types]
        position, *answers = self._pipeline([("MULTI",), *reads, ("EXEC",)])[-1]
        self.position = _pairs(position)
        for (key, kind), answer in zip(with_types, answers, strict=True):
            self.found[key.decode()] = (kind, answer)
        for part in ("sequence", "lock"):
            self.found.pop(shape.key(part), None)

    def _keys(self, shape: Shape) -> Iterator[bytes]:
        cursor = b"0"
        while True:
            scan = ("SCAN", cursor, "MATCH", pattern_of(shape.prefix), "COUNT", SCAN_KEYS)
            [[cursor, keys]] = self._pipeline([scan])
            yield from keys
            if cursor == b"0":
                return

    def _pipeline(self, commands: list[tuple[Any, ...]]) -> list[Any]:
        with told():
            packed = b"".join(pack(words) for words in commands)
            self._connection.send_packed_command([packed], check_health=False)
            return [self._connection.read_response(disable_decoding=True) for _ in commands]


def check(world: CheckedWorld) -> CheckResult:
    """Compare. Raises SinkAway, SinkRefused."""
    shape = shape_of(world.settings)
    models = sizes_of(world.data_directory, world.settings).empty()
    connection = make_connection(world.settings.redis)
    with told():
        connection.connect()
    try:
        for _ in range(ATTEMPTS):
            seen = _Seen(connection, shape)
            _follow(models, world, _position(seen, shape))
            expected = {item.key: item for item in content(models, shape)}
            if expected.keys() <= seen.found.keys():
                break
    finally:
        connection.disconnect()
    differences = list(_differences(expected, seen))
    records = sum(len(item.value) for item in expected.values())
    note = f"Redis is compared as it was before event {models.next_event:,}"
    return CheckResult(records, differences[:LIMIT], [note])


def _position(seen: _Seen, shape: Shape) -> SinkPosition:
    if b"next_event" not in seen.position:
        raise SinkRefused(
            f"Redis has no {shape.key('sequence')}: nothing was written there, or it is being "
            "written anew at this moment"
        )
    held = seen.position[b"shape"].decode()
    if held != shape.text:
        raise SinkRefused(f"Redis holds another shape ({held}) than the settings ({shape.text})")
    identity = seen.position[b"identity"].decode()
    return SinkPosition(int(seen.position[b"next_event"]), identity)


def _follow(models: CacheModels, world: CheckedWorld, position: SinkPosition) -> None:
    """Bring the models to the position."""
    if position.next_event > world.end:
        world.look_again()
    check_position("Redis", position, world.archive, world.end)
    if position.next_event < models.next_event:
        raise SinkRefused("Redis was set back during the check: check again")
    source = ArchiveSource(world.archive, models.next_event, position.next_event)
    while source.behind() > 0:
        events: np.ndarray = source.read(models.batch_events)
        assert len(events) > 0, f"event {source.next_event} is not in the archive"
        models.apply(events)
        models.take_changes()
        world.progress(source.next_event)


def _differences(expected: dict[str, Item], seen: _Seen) -> Iterator[str]:
    """Key by key, as text."""
    for key in sorted(expected.keys() | seen.found.keys()):
        if key not in expected:
            yield f"{key}: is there, and should not be"
        elif key not in seen.found:
            yield f"{key}: is missing"
        else:
            yield from _value_differences(expected[key], *seen.found[key])


def _value_differences(item: Item, kind: bytes, answer: Any) -> Iterator[str]:
    kinds = {b"hash": Kind.HASH, b"zset": Kind.SCORES, b"stream": Kind.STREAM, b"set": Kind.SET}
    if kinds.get(kind) != item.kind:
        yield f"{item.key}: is a {kind.decode()}"
        return
    found = _as_value(item.kind, answer)
    wanted = dict(item.value)
    for name in sorted(found.keys() | wanted.keys(), key=str):
        if found.get(name, "absent") != wanted.get(name, "absent"):
            is_, should = found.get(name, "absent"), wanted.get(name, "absent")
            yield f"{item.key}: {name} is {is_}, the archive says {should}"


def _as_value(kind: Kind, answer: Any) -> dict[Any, Any]:
    """An answer of Redis as ``Item.value`` tells it."""
    if kind == Kind.SET:
        return {member.decode(): None for member in answer}
    if kind == Kind.STREAM:
        return {
            entry.decode(): tuple((a.decode(), b.decode()) for a, b in _pairs(fields).items())
            for entry, fields in answer
        }
    pairs = {name.decode(): text.decode() for name, text in _pairs(answer).items()}
    if kind == Kind.SCORES:
        return {member: int(score) for member, score in pairs.items()}
    return pairs


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    """A flat list of names and values as a mapping, in order."""
    each = iter(flat)
    return dict(zip(each, each, strict=True))
