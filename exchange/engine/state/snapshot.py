"""Snapshots: the whole engine state in a file, so that a restart need not replay the journal.

    header, 4096 bytes
        0 magic 8 bytes | 8 version u4 | 12 array count u4 | 16 layout hash u8 |
        24 next command i8 | 32 next event i8 | 40 chain hash u8 |
        48 payload bytes u8 | 56 payload checksum u8 (XXH64) | 64 header checksum u8 (XXH64 of the
        header with this field 0) | 72 pad | 128.. per array: length in words u8, stored words u8
    payload: the stored words of each array in order, each padded to 4096 bytes

Only the used part of each array is stored (see ``used_words``); the rest of the state is zero.
A file is written beside its name, synced, read back, renamed and the directory synced, so an
interrupted write never replaces a good snapshot. Reading checks everything before it returns a
state.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np

from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.layout import EngineState
from exchange.errors import SnapshotInvalid
from exchange.records import COMMAND, EVENT
from journal import xxh64
from journal.layout import layout_hash
from journal.segment import pass_over, sync_directory

MAGIC = b"EXCHSNAP"
VERSION = 2
SUFFIX = ".snap"
HEADER_BYTES = 4096
PAGE_BYTES = 4096
_HEADER = struct.Struct("<8sIIQqqQQQQ")
_CHECKSUM_OFFSET = 64
_LENGTHS_OFFSET = 128
_STEP_BYTES = 8 << 20

Pace = Callable[[int, int], None]


def state_layout_hash() -> int:
    """A hash of the numbers and arrays that give the arrays' words their meaning.

    The fields of rows (``Field`` in layout.py) are not part of it: they were named after snapshots
    had been written. Whoever moves one raises VERSION; a test holds where they are.
    """
    parts = [
        f"{name}={value}"
        for name, value in sorted(vars(layout).items())
        if name.isupper() and isinstance(value, int)
    ]
    parts += list(EngineState._fields)
    parts += [str(layout_hash(COMMAND)), str(layout_hash(EVENT))]
    return xxh64.unsigned(xxh64.xxh64("\n".join(parts).encode()))


def used_words(state: EngineState) -> list[int]:
    """How many words of each array, from its start, may be other than zero."""
    scalars = state.scalars
    used = {name: len(array) for name, array in zip(state._fields, state, strict=True)}
    used["orders"] = (int(scalars[layout.ORDER_HIGH]) + 1) * layout.ORDER_WORDS
    used["orders_cold"] = (int(scalars[layout.ORDER_HIGH]) + 1) * layout.COLD_WORDS
    used["levels"] = (int(scalars[layout.LEAF_HIGH]) + 1) * layout.LEAF_LEVELS * layout.LEVEL_WORDS
    used["leaves"] = (int(scalars[layout.LEAF_HIGH]) + 1) * layout.LEAF_WORDS
    used["nodes"] = (int(scalars[layout.NODE_HIGH]) + 1) * layout.NODE_WORDS
    used["token_log"] = (int(scalars[layout.TOKENS_USED]) + 1) * layout.TOKEN_WORDS
    if scalars[layout.TOKENS_USED] == 0 and scalars[layout.TOKEN_GENERATION] == 1:
        used["token_index"] = 0
    if scalars[layout.LIVE_ORDERS] == 0:
        used["order_ids"] = 0
    if scalars[layout.EXPIRING_ORDERS] == 0:
        used["expiry_wheel"] = 0
    if scalars[layout.POSITIONS_USED] == 0:
        used["positions"] = 0
    if scalars[layout.KEYS_USED] == 0:
        used["keys"] = 0
    used["scratch"] = 0
    used["selection"] = 0
    return [used[name] for name in state._fields]


def _padded(size_bytes: int) -> int:
    return -(-size_bytes // PAGE_BYTES) * PAGE_BYTES


def _checksum(octets: list[np.ndarray]) -> int:
    """XXH64 over the arrays one after the other, each padded with zeros to whole pages."""
    state = xxh64.new_state()
    for words in octets:
        striped = len(words) - len(words) % xxh64.STRIPE_WORDS
        xxh64.update_stripes(state, words, 0, striped)
        tail = np.zeros((_padded(len(words) * 8) - striped * 8) // 8, np.int64)
        tail[: len(words) - striped] = words[striped:]
        xxh64.update_stripes(state, tail, 0, len(tail))
    return xxh64.unsigned(int(xxh64.digest(state)))


def _pack_header(state: EngineState, stored: list[int], checksum: int) -> bytes:
    block = bytearray(HEADER_BYTES)
    _HEADER.pack_into(
        block,
        0,
        MAGIC,
        VERSION,
        len(stored),
        state_layout_hash(),
        int(state.scalars[layout.NEXT_COMMAND]),
        int(state.scalars[layout.NEXT_EVENT]),
        chain_digest(state),
        sum(_padded(count * 8) for count in stored),
        checksum,
        0,
    )
    for i, (array, count) in enumerate(zip(state, stored, strict=True)):
        struct.pack_into("<QQ", block, _LENGTHS_OFFSET + 16 * i, len(array), count)
    struct.pack_into("<Q", block, _CHECKSUM_OFFSET, xxh64.unsigned(xxh64.xxh64(bytes(block))))
    return bytes(block)


def snapshot_path(directory: Path, next_command: int) -> Path:
    """The file of the snapshot that holds every command below ``next_command``."""
    return directory / f"{next_command:020d}{SUFFIX}"


def list_snapshots(directory: Path) -> list[tuple[int, Path]]:
    """(next command, file) of every snapshot in ``directory`` by sequence; none if it is absent."""
    if not directory.is_dir():
        return []
    found = []
    for path in directory.iterdir():
        stem = path.name.removesuffix(SUFFIX)
        if path.name.endswith(SUFFIX) and len(stem) == 20 and stem.isascii() and stem.isdigit():
            found.append((int(stem), path))
        elif SUFFIX not in path.name:
            pass_over(str(path), "snapshot")
    return sorted(found)


def write_snapshot(directory: Path, state: EngineState, pace: Pace | None = None) -> Path:
    """Write ``state`` as the snapshot of its next command; its file.

    Before it gets its name it is read back, from the disk where that is possible, and compared.
    ``state`` must be between two calls of ``apply_commands``. ``directory`` must exist. ``pace``:
    called with the descriptor and the bytes of each part that was written; it may sync and wait.

    Raises SnapshotInvalid when it reads otherwise, OSError.
    """
    scalars = state.scalars
    assert scalars[layout.CHAIN_EVENTS] == scalars[layout.NEXT_EVENT], "within a call"
    stored = used_words(state)
    arrays = [array[:count] for array, count in zip(state, stored, strict=True)]
    header = _pack_header(state, stored, _checksum(arrays))
    path = snapshot_path(directory, int(state.scalars[layout.NEXT_COMMAND]))
    temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as file:
            _write_all(file.fileno(), header)
            for array in arrays:
                view = memoryview(array.data).cast("B")
                for start in range(0, len(view), _STEP_BYTES):
                    part = view[start : start + _STEP_BYTES]
                    _write_all(file.fileno(), part)
                    if pace is not None:
                        pace(file.fileno(), len(part))
                _write_all(file.fileno(), bytes(_padded(len(view)) - len(view)))
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        wrong = _difference(state, read_snapshot(temporary))
        if wrong is not None:
            raise SnapshotInvalid(f"{path.name}: read back differently: {wrong}")
        os.rename(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_directory(directory)
    return path


def _write_all(descriptor: int, data: bytes | memoryview) -> None:
    view = memoryview(data)
    while len(view):
        view = view[os.write(descriptor, view) :]


def _read_header(file: int, path: Path) -> tuple[list[tuple[int, int]], int, int, int, int, int]:
    """The checked header: (length, stored) of each array, then the fields in order."""
    block = bytearray(os.pread(file, HEADER_BYTES, 0))
    if len(block) < HEADER_BYTES or block[:8] != MAGIC:
        raise SnapshotInvalid(f"{path.name}: not a snapshot")
    _, version, count, hashed, command, event, chain, size, checksum, own = _HEADER.unpack_from(
        block
    )
    struct.pack_into("<Q", block, _CHECKSUM_OFFSET, 0)
    if xxh64.unsigned(xxh64.xxh64(bytes(block))) != own:
        raise SnapshotInvalid(f"{path.name}: header checksum is wrong")
    if version != VERSION or hashed != state_layout_hash() or count != len(EngineState._fields):
        which = "a newer" if version > VERSION else "another"
        raise SnapshotInvalid(f"{path.name}: written by {which} version of the engine")
    lengths = [struct.unpack_from("<QQ", block, _LENGTHS_OFFSET + 16 * i) for i in range(count)]
    expected = sum(_padded(stored * 8) for _, stored in lengths)
    if size != expected or os.fstat(file).st_size != HEADER_BYTES + size:
        raise SnapshotInvalid(f"{path.name}: file size is wrong")
    return lengths, command, event, chain, size, checksum


def read_snapshot(path: Path) -> EngineState:
    """The state in ``path``. Raises SnapshotInvalid when anything is wrong with it, OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        lengths, command, event, chain, _, checksum = _read_header(descriptor, path)
        if any(stored > length for length, stored in lengths):
            raise SnapshotInvalid(f"{path.name}: array lengths are wrong")
        offset = HEADER_BYTES
        arrays = []
        for length, stored in lengths:
            array = np.zeros(length, np.int64)
            view = memoryview(array.data).cast("B")[: stored * 8]
            done = 0
            while done < len(view):
                step = os.preadv(descriptor, [view[done : done + _STEP_BYTES]], offset + done)
                if step == 0:
                    raise SnapshotInvalid(f"{path.name}: file ends early")
                done += step
            padding = _padded(stored * 8) - stored * 8
            if os.pread(descriptor, padding, offset + stored * 8) != bytes(padding):
                raise SnapshotInvalid(f"{path.name}: padding is not zero")
            offset += _padded(stored * 8)
            arrays.append(array)
    finally:
        os.close(descriptor)
    stored_arrays = [array[:stored] for array, (_, stored) in zip(arrays, lengths, strict=True)]
    if _checksum(stored_arrays) != checksum:
        raise SnapshotInvalid(f"{path.name}: payload checksum is wrong")
    state = EngineState(*arrays)
    scalars = state.scalars
    if (
        scalars[layout.NEXT_COMMAND] != command
        or scalars[layout.NEXT_EVENT] != event
        or chain_digest(state) != chain
    ):
        raise SnapshotInvalid(f"{path.name}: header and state do not agree")
    return state


def read_places(path: Path) -> tuple[int, int]:
    """The first command and the first event that a snapshot does not hold, by its header alone.

    Raises SnapshotInvalid when the header or the size of the file is wrong, OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        _, command, event, *_ = _read_header(descriptor, path)
    finally:
        os.close(descriptor)
    return command, event


def _difference(written: EngineState, found: EngineState) -> str | None:
    """In what a snapshot that was read back is other than what was written; None: in nothing."""
    if chain_digest(written) != chain_digest(found):
        return f"chain hash {chain_digest(found):016x} instead of {chain_digest(written):016x}"
    for name, left, right, used in zip(
        written._fields, written, found, used_words(written), strict=True
    ):
        if len(left) != len(right) or not np.array_equal(left[:used], right[:used]):
            return f"other {name}"
    return None
