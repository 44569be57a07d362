"""Reading the event archive: every released record at a place known by arithmetic.

Who writes: the journaler (``archive_writer.py``). Who reads: consumers that were lapped on the
event ring, session resume, the replay tool. The archive is derived from the journal, so nothing is
fsynced while it grows: after a power cut records may be missing anywhere above the last
``synchronise``, and replay writes them again, byte for byte.

A record is present if its own sequence (int64 at offset 0) is its position and its kind byte is
not 0. Records are multiples of 64 bytes and the header is one page, so no record straddles a disk
sector that could be half written. A follower bounds its reads by the released cursor: what it then
reads was written before the cursor moved.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from journal.archive_records import absent, present
from journal.errors import Finding, JournalCorrupt
from journal.frames import end_of_data
from journal.layout import ARCHIVE_MAGIC, ARCHIVE_SUFFIX, HEADER_BYTES, segment_name
from journal.segment import list_segments, map_words, read_header


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
        """The places of records from ``first`` on, present or not; else as ``view``.

        For comparing whole records, which finds the missing ones anyway.
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
                    return self.read_one(segment_first + index)
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
