"""The write-ahead log: the open segment of a journal directory, and its successor.

Who uses it: the journaler, the only writer of a journal directory. Frames are written by
``commit.py``. Invariants:

- the next frame is written only after the frame before it is durable, so at most one frame is torn;
- a segment is complete and named, durably, before its first frame is written;
- the first failed call is final: the state remembers it and every later commit is refused.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from journal.commit import (
    DESCRIPTOR,
    ERRNO,
    FAILED_COUNT,
    FAILURE,
    FILE_SIZE,
    FLAGS_OFFSET,
    LAST_CHECKSUM,
    LONG_MASK,
    MAXIMUM_SLOTS,
    NEXT_SEQUENCE,
    OFFSET,
    SEGMENT_FULL,
    SEGMENT_NUMBER,
    STATE_SIZE,
    SYNC_FAILED,
    WRITE_FAILED,
    WRITTEN_BYTES,
    commit,
)
from journal.errors import FatalJournalError
from journal.layout import (
    HEADER_BYTES,
    JOURNAL_MAGIC,
    JOURNAL_SUFFIX,
    MINIMUM_SEGMENT_BYTES,
    SLOT_BYTES,
    segment_name,
)
from journal.segment import Preparer, fatal_from, install_prepared, make_directory, new_header

if TYPE_CHECKING:
    from journal.recovery import RecoveryReport


class JournalWriter:
    """Owns the open segment of a journal directory. One per directory, by the daemon's lock.

    ``report``: what ``recovery.recover(..., repair=True)`` found; appending goes on exactly there.
    ``flags_offset``, ``long_mask``: the byte of a slot and its bit that mark a two-slot record.
    ``prepare_ahead``: make the next segment in a thread while this one fills.
    """

    def __init__(
        self,
        directory: Path,
        dtype_hash: int,
        report: RecoveryReport,
        *,
        segment_size_bytes: int,
        maximum_frame_slots: int,
        flags_offset: int,
        long_mask: int,
        prepare_ahead: bool = True,
    ) -> None:
        if segment_size_bytes < MINIMUM_SEGMENT_BYTES or segment_size_bytes % HEADER_BYTES:
            raise ValueError(
                f"segment size {segment_size_bytes} must be a multiple of {HEADER_BYTES} above it"
            )
        if maximum_frame_slots < 2:
            raise ValueError("a frame must have room for a long record: two slots")
        self.directory = directory
        self.dtype_hash = dtype_hash
        self.state = np.zeros(STATE_SIZE, np.int64)
        self._prepare_ahead = prepare_ahead
        self._preparer = Preparer(directory, segment_size_bytes)
        words = self.state
        words[DESCRIPTOR] = -1
        words[MAXIMUM_SLOTS] = maximum_frame_slots
        words[FLAGS_OFFSET] = flags_offset
        words[LONG_MASK] = long_mask
        words[NEXT_SEQUENCE] = report.next_sequence
        words[LAST_CHECKSUM] = report.last_checksum
        words[SEGMENT_NUMBER] = report.segment_number
        make_directory(directory)
        if report.segment_number < 0:
            self.roll()
        else:
            self.path = directory / segment_name(report.segment_sequence, JOURNAL_SUFFIX)
            words[DESCRIPTOR] = os.open(self.path, os.O_RDWR | os.O_CLOEXEC)
            words[OFFSET] = report.append_offset
            words[FILE_SIZE] = os.fstat(int(words[DESCRIPTOR])).st_size
            assert HEADER_BYTES <= report.append_offset <= words[FILE_SIZE]
            assert report.append_offset % SLOT_BYTES == 0
            if prepare_ahead:
                self._preparer.start()

    @property
    def next_sequence(self) -> int:
        """Sequence of the next slot: everything below it is durable."""
        return int(self.state[NEXT_SEQUENCE])

    def roll(self) -> None:
        """Seal the open segment and open the next one, durably. Raises ``FatalJournalError``."""
        words = self.state
        sequence = int(words[NEXT_SEQUENCE])
        header = new_header(
            JOURNAL_MAGIC,
            SLOT_BYTES,
            self.dtype_hash,
            int(words[SEGMENT_NUMBER]) + 1,
            sequence,
            int(words[LAST_CHECKSUM]),
            self._preparer.size_bytes,
        )
        try:
            self._preparer.wait()
            path, descriptor = install_prepared(self.directory, header)
        except OSError as error:
            words[FAILURE] = WRITE_FAILED
            raise fatal_from(error, "new segment", self.directory, sequence) from error
        if words[DESCRIPTOR] >= 0:
            os.close(int(words[DESCRIPTOR]))
        self.path = path
        words[DESCRIPTOR] = descriptor
        words[OFFSET] = HEADER_BYTES
        words[FILE_SIZE] = self._preparer.size_bytes
        words[SEGMENT_NUMBER] += 1
        if self._prepare_ahead:
            self._preparer.start()

    def failure(self) -> FatalJournalError:
        """The error for the negative code that ``commit`` has returned."""
        words = self.state
        return FatalJournalError(
            "fdatasync" if words[FAILURE] == SYNC_FAILED else "pwritev",
            int(words[ERRNO]),
            self.path,
            int(words[OFFSET]),
            int(words[NEXT_SEQUENCE]),
            int(words[FAILED_COUNT]),
            int(words[WRITTEN_BYTES]),
        )

    def append(self, ring: np.ndarray, available: int) -> int:
        """Commit up to ``available`` slots, rolling as needed; the cold-path form of ``commit``.

        ``ring``: record array, a power of two long. Returns the slots that became durable.
        """
        ring_words = ring.view(np.int64)
        code = int(commit(self.state, ring_words, available))
        if code == SEGMENT_FULL:
            self.roll()
            code = int(commit(self.state, ring_words, available))
        if code < 0:
            raise self.failure()
        return code

    def close(self) -> None:
        """Close the descriptor and wait for the preparing thread."""
        if self.state[DESCRIPTOR] >= 0:
            os.close(int(self.state[DESCRIPTOR]))
            self.state[DESCRIPTOR] = -1
        self._preparer.finish()
