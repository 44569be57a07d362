"""A shared-memory region: one named block that holds every array its processes share.

Who creates: the supervisor, once, before its stages start; it is the *owner*. Who attaches: the
stages (read and write) and observers (read only). Invariants: the file is fully allocated before
the header says so, hence no access ever dies with SIGBUS on a full memory file system; the layout
never changes after creation; an attach that expects another layout is refused, never reinterpreted.

The header, then the sections, each at a multiple of 128 bytes (two cache lines, because the
hardware prefetches pairs); all integers little-endian::

    offset
       0  magic, 8 bytes "RINGSHM\\0"
       8  version u4         | 12 header size in bytes u4
      16  total size in bytes u8
      24  layout hash u8       first 8 bytes of SHA-256 over the section table
      32  owner pid i8
      40  owner start time i8  clock ticks since boot: notices that a pid was reused
      48  table length u4    | 52 state u4    0 = being made, 1 = ready
      56  reserved u8
      64  section table        JSON: [[name, dtype, count, offset], ...]
    header size  section 0 | padding to 128 | section 1 | ...           padding to a page

``multiprocessing.shared_memory`` makes and maps the block. Its resource tracker is kept out of it
(as ``track=False`` does from Python 3.13 on): a tracker would unlink the region, or warn about it,
when any process that attached exits.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import mmap
import os
import struct
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import shared_memory
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from ringbuffer.errors import (
    RegionExists,
    RegionInUse,
    RegionMismatch,
    RegionNoSpace,
    RegionNotFound,
)
from ringbuffer.jit import JIT_DISABLED

MAGIC = b"RINGSHM\0"
VERSION = 1
SECTION_ALIGNMENT_BYTES = 128
PAGE_BYTES = 4096
STATE_MAKING = 0
STATE_READY = 1
MODE = 0o600

_FIXED_HEADER = struct.Struct("<8sIIQQqqIIQ")
_STATE_OFFSET = 52
assert _FIXED_HEADER.size == 64

SHARED_MEMORY_DIRECTORY = Path("/dev/shm")


@dataclass(frozen=True)
class Section:
    """One array of a region: ``count`` elements of ``dtype``, zero-initialised."""

    name: str
    dtype: Any
    count: int

    @property
    def size_bytes(self) -> int:
        return int(np.dtype(self.dtype).itemsize) * self.count


@dataclass(frozen=True)
class Owner:
    """The process that made a region."""

    pid: int
    start_ticks: int  # clock ticks since boot, 0 = unknown

    def alive(self) -> bool:
        """Whether that very process (not another one with its pid) still runs."""
        ticks = process_start_ticks(self.pid)
        return ticks is not None and (self.start_ticks in (0, ticks))


def process_start_ticks(pid: int) -> int | None:
    """Start time of a process in clock ticks since boot; None when it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command name is in parentheses and may itself contain spaces and parentheses.
    fields = text.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None  # dead, only not yet reaped by its parent
    return int(fields[19])


# --- the description of a layout --------------------------------------------------------------


def _describe(dtype: np.dtype[Any]) -> Any:
    """A dtype as JSON: field names, formats and offsets, so that overlapping fields survive."""
    if dtype.subdtype is not None:
        base, shape = dtype.subdtype
        return {"base": _describe(base), "shape": list(shape)}
    if dtype.names is None:
        return dtype.str
    fields = dtype.fields
    assert fields is not None
    return {
        "names": list(dtype.names),
        "formats": [_describe(fields[name][0]) for name in dtype.names],
        "offsets": [int(fields[name][1]) for name in dtype.names],
        "itemsize": int(dtype.itemsize),
    }


def _dtype_of(description: Any) -> np.dtype[Any]:
    if isinstance(description, str):
        return np.dtype(description)
    if "base" in description:
        return np.dtype((_dtype_of(description["base"]), tuple(description["shape"])))
    layout = np.dtype(
        {
            "names": description["names"],
            "formats": [_dtype_of(part) for part in description["formats"]],
            "offsets": description["offsets"],
            "itemsize": description["itemsize"],
        }
    )
    # compiled code reads fields as attributes; plain Python needs np.record for that
    return np.dtype((np.record, layout)) if JIT_DISABLED else layout


def _align(value: int, alignment: int) -> int:
    return -(-value // alignment) * alignment


@dataclass(frozen=True)
class _Layout:
    table: bytes
    header_size_bytes: int
    offsets: tuple[int, ...]
    size_bytes: int

    @property
    def hash(self) -> int:
        return int.from_bytes(hashlib.sha256(self.table).digest()[:8], "little")


def _lay_out(sections: Sequence[Section]) -> _Layout:
    names = [section.name for section in sections]
    if len(set(names)) != len(names):
        raise ValueError(f"section names are not unique: {names}")
    for section in sections:
        if section.count < 0:
            raise ValueError(f"section {section.name}: count {section.count} is negative")

    def table(first: int) -> tuple[bytes, list[int], int]:
        offsets, offset = [], first
        for section in sections:
            offsets.append(offset)
            offset = _align(offset + section.size_bytes, SECTION_ALIGNMENT_BYTES)
        rows = [
            [section.name, _describe(np.dtype(section.dtype)), section.count, position]
            for section, position in zip(sections, offsets, strict=True)
        ]
        return json.dumps(rows, separators=(",", ":")).encode(), offsets, offset

    # The table's length depends on the offsets in it, these on the header's size: grow it to fit.
    header = PAGE_BYTES
    while True:
        encoded, offsets, end = table(header)
        needed = _align(_FIXED_HEADER.size + len(encoded), PAGE_BYTES)
        if needed <= header:
            return _Layout(encoded, header, tuple(offsets), _align(end, PAGE_BYTES))
        header = needed


# --- keeping multiprocessing's resource tracker out --------------------------------------------


class _NoTracker:
    """Stands in for ``multiprocessing.resource_tracker``: registers nothing, starts no process."""

    @staticmethod
    def register(name: str, kind: str) -> None:
        """Do not track."""

    @staticmethod
    def unregister(name: str, kind: str) -> None:
        """Nothing was tracked."""


_patch_lock = threading.Lock()


@contextlib.contextmanager
def _untracked() -> Iterator[dict[str, Any]]:
    """Within this block, ``multiprocessing.shared_memory`` tells no resource tracker.

    Gives the keyword arguments that say so from Python 3.13 on; before, the tracker is replaced.
    """
    if sys.version_info >= (3, 13):
        yield {"track": False}
        return
    module: Any = shared_memory
    with _patch_lock:
        original = module.resource_tracker
        module.resource_tracker = _NoTracker
        try:
            yield {}
        finally:
            module.resource_tracker = original


class _Block(shared_memory.SharedMemory):
    """A shared-memory block that may be closed while numpy still looks at it.

    The standard class raises BufferError then, and again from its destructor at interpreter exit.
    Here the views keep the mapping alive and the last one to go unmaps it; the name and the file
    descriptor go at once.
    """

    def close(self) -> None:
        block: Any = self
        try:
            super().close()
        except BufferError:
            block._buf = None
            block._mmap = None
            super().close()  # nothing is left but the file descriptor


def _open_block(name: str, create: bool, size_bytes: int) -> _Block:
    with _untracked() as keywords:
        return _Block(name=name, create=create, size=size_bytes, **keywords)


# --- the region ---------------------------------------------------------------------------------


class Region:
    """A mapped region; ``arrays`` maps section names to one-dimensional numpy arrays.

    Make one with ``create``, ``attach`` or ``attach_read_only``. As a context manager it closes
    (the creator's also unlinks). Arrays that outlive ``close`` stay valid.
    """

    def __init__(
        self, name: str, block: _Block | None, buffer: Any, sections: list[Section], owner: Owner
    ) -> None:
        self.name = name
        self.sections = sections
        self.owner = owner
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}
        self._block = block
        self._buffer = buffer
        self._created = False
        layout = _lay_out(sections)
        self.size_bytes = layout.size_bytes
        for section, offset in zip(sections, layout.offsets, strict=True):
            # frombuffer holds on to the mapping, ndarray(buffer=...) would not
            if section.count == 0:
                self.arrays[section.name] = np.zeros(0, section.dtype)
            else:
                self.arrays[section.name] = np.frombuffer(
                    buffer, dtype=section.dtype, count=section.count, offset=offset
                )

    @classmethod
    def create(cls, name: str, sections: Sequence[Section]) -> Region:
        """Make and map a region owned by this process; every byte of it is allocated and zero.

        Raises RegionExists, RegionNoSpace, ValueError (bad sections).
        """
        layout = _lay_out(sections)
        try:
            block = _open_block(name, True, layout.size_bytes)
        except FileExistsError:
            raise RegionExists(f"shared memory region {name!r} exists already") from None
        except OSError as error:
            if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                raise
            raise _no_space(name, layout.size_bytes) from error
        try:
            descriptor: int = block._fd  # type: ignore[attr-defined]
            os.fchmod(descriptor, MODE)
            try:
                # A sparse file would end in SIGBUS on the first write that finds no memory.
                os.posix_fallocate(descriptor, 0, layout.size_bytes)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.ENOMEM):
                    raise
                raise _no_space(name, layout.size_bytes) from error
            buffer: Any = block.buf
            owner = Owner(os.getpid(), process_start_ticks(os.getpid()) or 0)
            _FIXED_HEADER.pack_into(
                buffer,
                0,
                MAGIC,
                VERSION,
                layout.header_size_bytes,
                layout.size_bytes,
                layout.hash,
                owner.pid,
                owner.start_ticks,
                len(layout.table),
                STATE_MAKING,
                0,
            )
            start = _FIXED_HEADER.size
            buffer[start : start + len(layout.table)] = layout.table
            # Last: from here on an attach may succeed.
            struct.pack_into("<I", buffer, _STATE_OFFSET, STATE_READY)
            region = cls(name, block, buffer, list(sections), owner)
        except BaseException:
            block.close()
            _unlink(name)
            raise
        region._created = True
        return region

    @classmethod
    def attach(cls, name: str, expected_sections: Sequence[Section] | None = None) -> Region:
        """Map an existing region for reading and writing.

        Raises RegionNotFound; RegionMismatch when the header is not this version's, the creator
        has not finished, or the layout is not that of ``expected_sections``.
        """
        try:
            block = _open_block(name, False, 0)
        except FileNotFoundError:
            raise RegionNotFound(f"there is no shared memory region {name!r}") from None
        except ValueError:
            raise RegionMismatch(f"shared memory region {name!r} is empty: not finished") from None
        try:
            sections, owner = _read_header(name, block.buf, block.size, expected_sections)
            return cls(name, block, block.buf, sections, owner)
        except BaseException:
            block.close()
            raise

    @classmethod
    def attach_read_only(
        cls, name: str, expected_sections: Sequence[Section] | None = None
    ) -> Region:
        """As ``attach``; the mapping and the arrays refuse every write."""
        try:
            descriptor = os.open(_path(name), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            raise RegionNotFound(f"there is no shared memory region {name!r}") from None
        try:
            size_bytes = os.fstat(descriptor).st_size
            if size_bytes == 0:
                raise RegionMismatch(f"shared memory region {name!r} is empty: not finished")
            mapping = mmap.mmap(descriptor, size_bytes, mmap.MAP_SHARED, mmap.PROT_READ)
        finally:
            os.close(descriptor)
        sections, owner = _read_header(name, mapping, size_bytes, expected_sections)
        return cls(name, None, mapping, sections, owner)

    @staticmethod
    def reclaim(name: str) -> bool:
        """Remove a region whose owner is gone; False when there is none.

        A region without a complete header has no known owner: it is removed too (its creator died
        while making it; the caller's own lock must rule out that one is being made right now).
        Raises RegionInUse when the owner lives.
        """
        try:
            with _path(name).open("rb") as stream:
                head = stream.read(_FIXED_HEADER.size)
        except FileNotFoundError:
            return False
        if len(head) == _FIXED_HEADER.size:
            fields = _FIXED_HEADER.unpack(head)
            if fields[0] == MAGIC:
                owner = Owner(fields[5], fields[6])
                if owner.alive():
                    raise RegionInUse(
                        f"shared memory region {name!r} belongs to process {owner.pid}, which runs"
                    )
            elif any(head):
                raise RegionMismatch(f"shared memory block {name!r} is not a region of ours")
        _unlink(name)
        return True

    def close(self) -> None:
        """Unmap (arrays that someone still holds keep the mapping until they go). Idempotent."""
        self.arrays = {}
        self._buffer = None
        if self._block is not None:
            self._block.close()
            self._block = None

    def unlink(self) -> None:
        """Remove the name; mappings stay valid. Idempotent."""
        _unlink(self.name)

    def __enter__(self) -> Region:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
        if self._created:
            self.unlink()


def _path(name: str) -> Path:
    return SHARED_MEMORY_DIRECTORY / name.lstrip("/")


def _unlink(name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        _path(name).unlink()


def _no_space(name: str, size_bytes: int) -> RegionNoSpace:
    return RegionNoSpace(
        f"no room for shared memory region {name!r}: {size_bytes} bytes needed in "
        f"{SHARED_MEMORY_DIRECTORY}; make the memory file system larger or the rings smaller"
    )


def _read_header(
    name: str, buffer: Any, size_bytes: int, expected_sections: Sequence[Section] | None
) -> tuple[list[Section], Owner]:
    """The sections and the owner, or RegionMismatch with what is wrong."""

    def refuse(reason: str) -> RegionMismatch:
        return RegionMismatch(f"shared memory region {name!r}: {reason}")

    if size_bytes < _FIXED_HEADER.size:
        raise refuse(f"{size_bytes} bytes are too few for a header")
    (magic, version, header_bytes, total_bytes, stored_hash, pid, ticks, length, state, _) = (
        _FIXED_HEADER.unpack(bytes(buffer[: _FIXED_HEADER.size]))
    )
    if magic != MAGIC:
        raise refuse(f"bad magic {magic!r}, expected {MAGIC!r}")
    if version != VERSION:
        raise refuse(f"version {version}, this program knows {VERSION}")
    if state != STATE_READY:
        raise refuse("its creator has not finished making it")
    if size_bytes < total_bytes or _FIXED_HEADER.size + length > header_bytes:
        raise refuse(f"{size_bytes} bytes long, its header says {total_bytes}")
    table = bytes(buffer[_FIXED_HEADER.size : _FIXED_HEADER.size + length])
    if int.from_bytes(hashlib.sha256(table).digest()[:8], "little") != stored_hash:
        raise refuse("layout hash does not match its section table")
    rows = json.loads(table)
    sections = [Section(row[0], _dtype_of(row[1]), int(row[2])) for row in rows]
    layout = _lay_out(sections)
    if layout.table != table or layout.size_bytes != total_bytes:
        raise refuse("its section table describes another layout than its header")
    if expected_sections is not None:
        expected = _lay_out(expected_sections)
        if expected.hash != stored_hash:
            raise refuse(_first_difference(json.loads(expected.table), rows))
    return sections, Owner(pid, ticks)


def _first_difference(expected: list[Any], found: list[Any]) -> str:
    """Says which section differs first, and how."""
    for mine, theirs in zip(expected, found, strict=False):
        if mine[0] != theirs[0]:
            return f"layout mismatch: section {theirs[0]!r} where {mine[0]!r} was expected"
        if mine[1] != theirs[1]:
            return f"layout mismatch: section {mine[0]!r} has another record layout"
        if mine[2] != theirs[2]:
            return f"layout mismatch: section {mine[0]!r} has {theirs[2]} elements, not {mine[2]}"
    return f"layout mismatch: {len(found)} sections, {len(expected)} were expected"
