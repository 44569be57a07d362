"""Appending to the event archive: the single writer of an archive directory.

Who uses it: the journaler, and recovery where it writes missing events again. Records are appended
by ``archive_records.py``; ``archive_reader.py`` says what an archive is.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from journal.archive_reader import ArchiveReader
from journal.archive_records import (
    DESCRIPTOR,
    ERRNO,
    FAILED_COUNT,
    FAILURE,
    NEXT_SEQUENCE,
    RECORD_SIZE,
    SEGMENT_FIRST,
    SEGMENT_RECORDS,
    SHORT_WRITE,
    STATE_SIZE,
    WRITE_FAILED,
    WRITTEN_BYTES,
)
from journal.errors import FatalJournalError, JournalError
from journal.frames import end_of_data
from journal.layout import ARCHIVE_MAGIC, ARCHIVE_SUFFIX, HEADER_BYTES, pack_header, segment_name
from journal.segment import (
    PREPARED_NAME,
    fatal_from,
    list_segments,
    make_directory,
    map_words,
    new_header,
    sync_directory,
    write_zeros,
)


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
            raise fatal_from(error, "new archive segment", path, sequence) from error
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
        Raises ``FatalJournalError``.
        """
        records = int(self.state[SEGMENT_RECORDS])
        removed = 0
        for segment_first, path in list_segments(self.directory, ARCHIVE_SUFFIX):
            if segment_first + records <= end_sequence:
                continue
            kept = max(end_sequence - segment_first, 0)
            for start, end in self._present_runs(segment_first + kept, segment_first + records):
                removed += end - start
            try:
                if kept == 0 and segment_first != self.state[SEGMENT_FIRST]:
                    path.unlink()
                else:
                    self._zero_from(path, kept)
                sync_directory(self.directory)
            except OSError as error:
                raise fatal_from(error, "cutting the archive", path, end_sequence) from error
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
            write_zeros(descriptor, offset, end)
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

    Who calls it: ``exchange-replay snapshot``, before the snapshot becomes valid: replay from a
    snapshot cannot write again what lies before it.
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
