"""The event archive: every released record at a place known by arithmetic.

Who writes: the journaler (``ArchiveWriter``). Who reads: consumers that were lapped on the event
ring, session resume, the replay tool (``ArchiveReader``). The archive is derived from the journal,
so nothing is fsynced while it grows: after a power cut records may be missing anywhere above the
last ``synchronise``, and replay writes them again, byte for byte.

A record is present if its own sequence (int64 at offset 0) is its position and its kind byte is
not 0. Records are multiples of 64 bytes and the header is one page, so no record straddles a disk
sector that could be half written. A follower bounds its reads by the released cursor: what it then
reads was written before the cursor moved.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from journal.errors import FatalJournalError, Finding, JournalCorrupt, JournalError
from journal.frames import end_of_data
from journal.layout import ARCHIVE_MAGIC, ARCHIVE_SUFFIX, HEADER_BYTES, pack_header, segment_name
from journal.segment import (
    PREPARED_NAME,
    list_segments,
    make_directory,
    map_words,
    new_header,
    read_header,
    sync_directory,
)
from ringbuffer.jit import jit
from ringbuffer.system_calls import errno, pwritev

# The appender's state is one int64 array (see writer.py). Its words:
DESCRIPTOR = 0
NEXT_SEQUENCE = 1
SEGMENT_FIRST = 2  # first sequence of the open segment
SEGMENT_RECORDS = 3
RECORD_SIZE = 4  # bytes
FAILURE = 5
ERRNO = 6
WRITTEN_BYTES = 7
FAILED_COUNT = 8
_VECTORS = 9  # [4] two struct iovec (address, length)
STATE_SIZE = _VECTORS + 4

SEGMENT_FULL = -1
WRITE_FAILED = -2
SHORT_WRITE = -4


@jit
def append(words: np.ndarray, ring_words: np.ndarray, available: int) -> int:
    """Write up to ``available`` records from the archive's next sequence on, out of the ring.

    ``words``: int64[STATE_SIZE]; ``ring_words``: int64 view of the ring. Returns the number
    written (0 if none was asked for), SEGMENT_FULL (roll and call again), or WRITE_FAILED,
    SHORT_WRITE: fatal.
    """
    if words[FAILURE] != 0:
        return words[FAILURE]
    if available <= 0:
        return 0
    record_size = words[RECORD_SIZE]
    first = words[NEXT_SEQUENCE]
    index = first - words[SEGMENT_FIRST]
    count = min(available, words[SEGMENT_RECORDS] - index)
    if count <= 0:
        return SEGMENT_FULL
    capacity = ring_words.shape[0] * 8 // record_size
    start = first & (capacity - 1)
    before_wrap = min(count, capacity - start)
    address = np.int64(ring_words.ctypes.data)
    vectors = words[_VECTORS : _VECTORS + 4]
    vectors[0] = address + start * record_size
    vectors[1] = before_wrap * record_size
    vectors[2] = address
    vectors[3] = (count - before_wrap) * record_size
    written = pwritev(
        np.int32(words[DESCRIPTOR]),
        vectors.ctypes.data,
        np.int32(2 if count > before_wrap else 1),
        HEADER_BYTES + index * record_size,
    )
    if written != count * record_size:
        words[ERRNO] = errno() if written < 0 else 0
        words[WRITTEN_BYTES] = written
        words[FAILED_COUNT] = count
        words[FAILURE] = WRITE_FAILED if written < 0 else SHORT_WRITE
        return words[FAILURE]
    words[NEXT_SEQUENCE] = first + count
    return count


@jit
def present(
    words: np.ndarray, octets: np.ndarray, index: int, limit: int, place: np.ndarray
) -> int:
    """How many records from ``index`` on are there without a gap, at most ``limit``.

    ``words``, ``octets``: int64 and uint8 views of the mapped segment; ``place``: int64[3], first
    sequence of the segment, record size, offset of the kind byte.
    """
    first_sequence, record_size, kind_offset = place[0], place[1], place[2]
    for i in range(limit):
        offset = HEADER_BYTES + (index + i) * record_size
        if words[offset // 8] != first_sequence + index + i or octets[offset + kind_offset] == 0:
            return i
    return limit


@jit
def absent(words: np.ndarray, octets: np.ndarray, index: int, limit: int, place: np.ndarray) -> int:
    """How many records from ``index`` on are missing before the next one that is there."""
    first_sequence, record_size, kind_offset = place[0], place[1], place[2]
    for i in range(limit):
        offset = HEADER_BYTES + (index + i) * record_size
        if words[offset // 8] == first_sequence + index + i and octets[offset + kind_offset] != 0:
            return i
    return limit


class ArchiveReader:
    """Reads records by sequence; never modifies. ``record_dtype``: see the module's docstring."""

    def __init__(
        self, directory: Path, record_dtype: np.dtype, dtype_hash: int, kind_offset: int
    ) -> None:
        self.directory = Path(directory)
        self.record_dtype = record_dtype
        self.dtype_hash = dtype_hash
        self.kind_offset = kind_offset
        self._segment_records = 0  # unknown until a segment has been seen
        self._maps: dict[int, np.ndarray] = {}

    @property
    def segment_records(self) -> int:
        """Records per segment, by the files themselves; 0 while there is none."""
        if self._segment_records == 0 and self.directory.is_dir():
            segments = list_segments(self.directory, ARCHIVE_SUFFIX)
            if segments:
                self._segment_records = self._records_of(segments[0][1])
        return self._segment_records

    def _records_of(self, path: Path) -> int:
        size = self.record_dtype.itemsize
        header = read_header(path, ARCHIVE_MAGIC, size, self.dtype_hash)
        records = (header.file_size - HEADER_BYTES) // size
        if records <= 0 or header.first_sequence % records:
            detail = f"first sequence {header.first_sequence} with {records} records a segment"
            raise JournalCorrupt(Finding.WRONG_NAME, path, 40, header.first_sequence, detail)
        return records

    def _map(self, segment_first: int) -> np.ndarray | None:
        words = self._maps.get(segment_first)
        if words is None:
            path = self.directory / segment_name(segment_first, ARCHIVE_SUFFIX)
            if not path.exists():
                return None
            if self._records_of(path) != self.segment_records:
                detail = f"other size than segments of {self.segment_records} records"
                raise JournalCorrupt(Finding.TRUNCATED_FILE, path, -1, segment_first, detail)
            words = map_words(path)
            if len(self._maps) >= 2:  # few: touched pages of a mapping count as resident memory
                del self._maps[next(iter(self._maps))]
            self._maps[segment_first] = words
        return words

    def _part(self, sequence: int) -> tuple[np.ndarray, np.ndarray, int, int] | None:
        """(words, place, index, records left in the segment) of ``sequence``; None: no segment."""
        records = self.segment_records
        if records == 0:
            return None
        segment_first = sequence - sequence % records
        words = self._map(segment_first)
        if words is None:
            return None
        place = np.array([segment_first, self.record_dtype.itemsize, self.kind_offset], np.int64)
        return words, place, sequence - segment_first, segment_first + records - sequence

    def view(self, first: int, count: int) -> np.ndarray:
        """Present records from ``first`` on, at most ``count``, to the end of the segment at most.

        A read-only view of the mapped file: no copy. Empty: the record is not there (yet).
        """
        part = self._part(first)
        if part is None or count <= 0:
            return np.zeros(0, self.record_dtype)
        words, place, index, left = part
        here = int(present(words, words.view(np.uint8), index, min(count, left), place))
        size = self.record_dtype.itemsize
        start = HEADER_BYTES + index * size
        octets = words.view(np.uint8)[start : start + here * size]
        return octets.view(self.record_dtype)

    def places(self, first: int, count: int) -> np.ndarray:
        """The places of records from ``first`` on, whatever stands there; else as ``view``.

        For who compares whole records and so needs no look at each one's presence first.
        """
        part = self._part(first)
        if part is None or count <= 0:
            return np.zeros(0, self.record_dtype)
        words, _, index, left = part
        size = self.record_dtype.itemsize
        start = HEADER_BYTES + index * size
        octets = words.view(np.uint8)[start : start + min(count, left) * size]
        return octets.view(self.record_dtype)

    def read(self, first: int, count: int) -> np.ndarray:
        """A copy of the present records from ``first`` on, at most ``count``, over segments."""
        parts = []
        while count > 0:
            part = self.view(first, count)
            if len(part) == 0:
                break
            parts.append(part)
            first += len(part)
            count -= len(part)
        if not parts:
            return np.zeros(0, self.record_dtype)
        # As bytes: numpy would repack a record whose fields overlap.
        octets = np.concatenate([part.view(np.uint8) for part in parts])
        return octets.view(self.record_dtype)

    def read_one(self, sequence: int) -> np.void | None:
        """The record of ``sequence``, or None."""
        records = self.view(sequence, 1)
        return records[0] if len(records) else None

    def end(self, first: int = 0) -> int:
        """The first sequence from ``first`` on whose record is missing."""
        while True:
            here = len(self.view(first, 1 << 62))
            if here == 0:
                return first
            first += here

    def oldest(self) -> int:
        """First sequence of the oldest segment; 0 if there is none."""
        if not self.directory.is_dir():
            return 0
        segments = list_segments(self.directory, ARCHIVE_SUFFIX)
        return segments[0][0] if segments else 0

    def last(self) -> np.void | None:
        """The present record with the highest sequence, looking back from the newest segment."""
        if not self.directory.is_dir():
            return None
        for segment_first, _ in reversed(list_segments(self.directory, ARCHIVE_SUFFIX)):
            part = self._part(segment_first)
            assert part is not None
            words, place, _, records = part
            size = self.record_dtype.itemsize
            filled = (
                int(end_of_data(words, HEADER_BYTES // 8)) * 8 - HEADER_BYTES + size - 1
            ) // size
            octets = words.view(np.uint8)
            for index in range(min(filled, records) - 1, -1, -1):
                if int(present(words, octets, index, 1, place)):
                    return self.view(segment_first + index, 1)[0]
        return None

    def missing(self, first: int, end: int) -> list[tuple[int, int]]:
        """(first, end) of every run of missing records in [first, end), ascending."""
        runs: list[tuple[int, int]] = []
        while first < end:
            first = min(self.end(first), end)
            start = first
            while first < end:
                part = self._part(first)
                if part is None:
                    records = self.segment_records
                    first = end if records == 0 else min(first - first % records + records, end)
                    continue
                words, place, index, left = part
                limit = min(left, end - first)
                gap = int(absent(words, words.view(np.uint8), index, limit, place))
                first += gap
                if gap < limit:
                    break
            if first > start:
                runs.append((start, first))
        return runs


class ArchiveWriter:
    """Appends records; the single writer of an archive directory.

    ``next_sequence``: where appending goes on; what is there from it on must be cut (``truncate``)
    or be written again with the same bytes. ``segment_records``: for a new archive; an existing one
    keeps its own. Raises ``JournalCorrupt`` for a damaged header (the archive is derived: removing
    that file lets replay rebuild it) and ``FatalJournalError`` when a segment cannot be made.
    """

    def __init__(
        self,
        directory: Path,
        record_dtype: np.dtype,
        dtype_hash: int,
        kind_offset: int,
        *,
        segment_records: int,
        next_sequence: int,
    ) -> None:
        if segment_records < 1 or record_dtype.itemsize % 64:
            raise ValueError("an archive segment holds at least one record of 64 * n bytes")
        self.directory = Path(directory)
        self.dtype_hash = dtype_hash
        self.reader = ArchiveReader(directory, record_dtype, dtype_hash, kind_offset)
        self.state = np.zeros(STATE_SIZE, np.int64)
        make_directory(self.directory)
        (self.directory / PREPARED_NAME).unlink(missing_ok=True)
        words = self.state
        words[DESCRIPTOR] = -1
        words[RECORD_SIZE] = record_dtype.itemsize
        words[SEGMENT_RECORDS] = self.reader.segment_records or segment_records
        words[NEXT_SEQUENCE] = next_sequence
        self._open(next_sequence)

    @property
    def next_sequence(self) -> int:
        """Sequence of the next record to append."""
        return int(self.state[NEXT_SEQUENCE])

    @property
    def path(self) -> Path:
        """The open segment."""
        return self.directory / segment_name(int(self.state[SEGMENT_FIRST]), ARCHIVE_SUFFIX)

    def seek(self, sequence: int) -> None:
        """Go on with ``sequence``: to write missing records again."""
        self._open(sequence)
        self.state[NEXT_SEQUENCE] = sequence

    def roll(self) -> None:
        """Open the segment of the next sequence."""
        self._open(self.next_sequence)

    def _open(self, sequence: int) -> None:
        words = self.state
        records = int(words[SEGMENT_RECORDS])
        segment_first = sequence - sequence % records
        path = self.directory / segment_name(segment_first, ARCHIVE_SUFFIX)
        try:
            if path.exists():
                self.reader._records_of(path)  # checks the header
                descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
            else:
                descriptor = self._create(path, segment_first)
        except OSError as error:
            words[FAILURE] = WRITE_FAILED
            raise FatalJournalError(
                "new archive segment", error.errno or 0, path, 0, sequence, 0
            ) from error
        if words[DESCRIPTOR] >= 0:
            os.close(int(words[DESCRIPTOR]))
        words[DESCRIPTOR] = descriptor
        words[SEGMENT_FIRST] = segment_first

    def _create(self, path: Path, segment_first: int) -> int:
        words = self.state
        size = HEADER_BYTES + int(words[SEGMENT_RECORDS] * words[RECORD_SIZE])
        header = new_header(
            ARCHIVE_MAGIC,
            int(words[RECORD_SIZE]),
            self.dtype_hash,
            segment_first // int(words[SEGMENT_RECORDS]),
            segment_first,
            0,
            size,
        )
        prepared = self.directory / PREPARED_NAME
        prepared.unlink(missing_ok=True)
        descriptor = os.open(prepared, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            # The whole file now: a full disk is met here, between two records, not inside one.
            os.posix_fallocate(descriptor, 0, size)
            if os.pwrite(descriptor, pack_header(header), 0) != HEADER_BYTES:
                raise OSError(0, "short write of the header")
            # The header is durable before the name is, so a named segment has a good header.
            os.fdatasync(descriptor)
            os.rename(prepared, path)
            sync_directory(self.directory)
        except OSError:
            os.close(descriptor)
            prepared.unlink(missing_ok=True)
            raise
        return descriptor

    def append(self, records: np.ndarray) -> None:
        """Append ``records`` (an array of consecutive sequences): the cold-path form of ``append``.

        Raises ``FatalJournalError``.
        """
        if len(records) == 0:
            return
        assert int(records.view(np.int64)[0]) == self.next_sequence, "appended out of order"
        size = records.dtype.itemsize
        octets = np.ascontiguousarray(records).view(np.uint8).reshape(-1)
        done = 0
        while done < len(records):
            words = self.state
            index = self.next_sequence - int(words[SEGMENT_FIRST])
            count = min(len(records) - done, int(words[SEGMENT_RECORDS]) - index)
            if count <= 0:
                self.roll()
                continue
            part = octets[done * size : (done + count) * size].data
            offset = HEADER_BYTES + index * size
            try:
                written = os.pwrite(int(words[DESCRIPTOR]), part, offset)
            except OSError as error:
                words[ERRNO], words[FAILURE] = error.errno or 0, WRITE_FAILED
                written = -1
            if written != len(part):
                words[WRITTEN_BYTES], words[FAILED_COUNT] = written, count
                words[FAILURE] = words[FAILURE] or SHORT_WRITE
                raise self.failure()
            words[NEXT_SEQUENCE] += count
            done += count

    def failure(self) -> FatalJournalError:
        """The error for the negative code that the jitted ``append`` has returned."""
        words = self.state
        index = int(words[NEXT_SEQUENCE] - words[SEGMENT_FIRST])
        return FatalJournalError(
            "archive pwritev",
            int(words[ERRNO]),
            self.path,
            HEADER_BYTES + index * int(words[RECORD_SIZE]),
            int(words[NEXT_SEQUENCE]),
            int(words[FAILED_COUNT]),
            int(words[WRITTEN_BYTES]),
        )

    def truncate(self, end_sequence: int) -> int:
        """Remove every record from ``end_sequence`` on, durably; returns how many were there.

        Files keep their size (a reader may have them mapped): records are zeroed, and whole later
        segments unlinked. Durable, because a stale record that comes back would look present.
        """
        records = int(self.state[SEGMENT_RECORDS])
        removed = 0
        segments = list_segments(self.directory, ARCHIVE_SUFFIX)
        for segment_first, path in segments:
            if segment_first + records <= end_sequence:
                continue
            kept = max(end_sequence - segment_first, 0)
            for start, end in self._present_runs(segment_first + kept, segment_first + records):
                removed += end - start
            if kept == 0 and segment_first != self.state[SEGMENT_FIRST]:
                path.unlink()
            else:
                self._zero_from(path, kept)
        sync_directory(self.directory)
        self.reader = ArchiveReader(
            self.directory, self.reader.record_dtype, self.dtype_hash, self.reader.kind_offset
        )
        if self.next_sequence > end_sequence:
            self.seek(end_sequence)
        return removed

    def _present_runs(self, first: int, end: int) -> list[tuple[int, int]]:
        runs = []
        position = first
        for start, stop in [*self.reader.missing(first, end), (end, end)]:
            if start > position:
                runs.append((position, start))
            position = stop
        return runs

    def _zero_from(self, path: Path, index: int) -> None:
        offset = HEADER_BYTES + index * int(self.state[RECORD_SIZE])
        end = int(end_of_data(map_words(path), offset // 8)) * 8
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        try:
            chunk = bytes(1 << 20)
            while offset < end:
                offset += os.pwrite(descriptor, chunk[: end - offset], offset)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)

    def close(self) -> None:
        """Close the descriptor."""
        if self.state[DESCRIPTOR] >= 0:
            os.close(int(self.state[DESCRIPTOR]))
            self.state[DESCRIPTOR] = -1


def synchronise(directory: Path, first: int, end: int, segment_records: int) -> None:
    """fsync the segments that hold [first, end), and the directory.

    Who calls it: whoever makes a snapshot, before it becomes valid: replay from a snapshot cannot
    write again what lies before it.
    """
    if segment_records <= 0:
        raise JournalError("the archive has no segment yet")
    for segment_first in range(first - first % segment_records, end, segment_records):
        descriptor = os.open(directory / segment_name(segment_first, ARCHIVE_SUFFIX), os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_directory(directory)
