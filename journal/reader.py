"""Reading a journal, sealed or being written, without ever modifying it.

Who uses it: recovery replay, the replay tool, anything that follows the journal. The file is mapped
read-only, so a reader sees the writer's bytes as they arrive: a frame may be half there. Hence

- a place without a valid frame is the *end so far* as long as nothing valid follows it: the next
  call looks again;
- if something valid follows (a later frame, the next segment), the place is read once more, because
  the writer may have finished it meanwhile; only then is it corruption.

A reader may see records that are not durable yet: a frame is visible before its fdatasync has
returned. A caller that must not act on them stops at the durable cursor.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from journal.errors import Finding, JournalCorrupt
from journal.frames import (
    BAD,
    BROKEN_CHAIN,
    CHECKSUM,
    CURSOR_WORDS,
    EMPTY,
    FULL,
    GAP,
    LIMIT,
    OTHER_SEGMENT,
    POSITION,
    SEGMENT,
    SEQUENCE,
    advance,
    copy_frames,
    find_valid_frame,
    new_scratch,
    next_frame,
    scan,
)
from journal.layout import (
    FRAME_HEADER_WORDS,
    FRAME_TIME_WORD,
    HEADER_WORDS,
    JOURNAL_MAGIC,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
    SLOT_WORDS,
    segment_name,
)
from journal.segment import list_segments, map_words, read_header

_FINDINGS = {
    GAP: Finding.SEQUENCE_GAP,
    BROKEN_CHAIN: Finding.CHAIN_MISMATCH,
    OTHER_SEGMENT: Finding.WRONG_SEGMENT,
    BAD: Finding.BAD_FRAME,
    EMPTY: Finding.BAD_FRAME,
}


class JournalReader:
    """Reads slots from ``first_sequence`` on, in order, frame by frame.

    ``record_dtype``: 64 bytes; ``dtype_hash``: ``layout_hash`` of it. A first sequence in the
    middle of a frame is fine. Raises ``JournalCorrupt`` with the place.
    """

    def __init__(
        self, directory: Path, record_dtype: np.dtype, dtype_hash: int, first_sequence: int = 0
    ) -> None:
        assert record_dtype.itemsize == SLOT_BYTES
        self.directory = Path(directory)
        self.record_dtype = record_dtype
        self.dtype_hash = dtype_hash
        self.next_sequence = first_sequence  # of the next slot to hand out
        self.committed_ns = 0  # CLOCK_REALTIME of the frame handed out last by ``frames``
        self._cursor = np.zeros(CURSOR_WORDS, np.int64)
        self._scratch = new_scratch()
        self._path: Path | None = None
        self._tail_checked = False
        self._words = np.zeros(0, np.int64)

    @property
    def place(self) -> tuple[Path, int]:
        """Segment and byte behind the frame handed out last by ``frames``."""
        assert self._path is not None, "nothing was read yet"
        return self._path, int(self._cursor[POSITION]) * 8

    def frames(self) -> Iterator[tuple[int, np.ndarray]]:
        """(first sequence, records) of each frame up to the end so far; call again for more.

        The records are a read-only view of the mapped file (no copy); it stays valid.
        """
        while self._find_frame():
            count = int(next_frame(self._words, self._cursor, self._scratch))
            position = int(self._cursor[POSITION])
            sequence = int(self._cursor[SEQUENCE])
            payload = position + FRAME_HEADER_WORDS
            slots = self._words[payload : payload + count * SLOT_WORDS].view(self.record_dtype)
            self.committed_ns = int(self._words[position + FRAME_TIME_WORD])
            assert sequence <= self.next_sequence < sequence + count
            skip = self.next_sequence - sequence
            advance(self._words, self._cursor, count)
            self.next_sequence = sequence + count
            yield sequence + skip, slots[skip:]

    def read_into(self, ring: np.ndarray, end_sequence: int) -> int:
        """Copy whole frames below ``end_sequence`` into ``ring``; returns the slots copied.

        ``ring``: record array, a power of two long; sequence ``s`` goes to ``ring[s & (len - 1)]``.
        0 means the end so far, or a frame that passes ``end_sequence``: the ring must be at least
        as large as the largest frame, and the caller must leave room for it.
        """
        words = ring.view(np.int64)
        before = self.next_sequence
        assert end_sequence - before <= len(ring)
        while self._find_frame():
            code = int(
                copy_frames(self._words, self._cursor, words, before, end_sequence, self._scratch)
            )
            self.next_sequence = max(int(self._cursor[SEQUENCE]), before)
            if code == LIMIT:
                break
        return self.next_sequence - before

    def _find_frame(self) -> bool:
        """Put the cursor at the frame that holds the next sequence; False at the end so far."""
        if self._path is None and not self._open_first():
            return False
        while True:
            # Frames wholly below the wanted sequence are checked and passed over.
            code = int(scan(self._words, self._cursor, self.next_sequence, self._scratch))
            if code == LIMIT:
                code = int(next_frame(self._words, self._cursor, self._scratch))
                if code > 0:
                    return True
            if code in (GAP, BROKEN_CHAIN, OTHER_SEGMENT):
                raise self._corrupt(code, "a valid frame that does not belong here")
            following = self._path_of(int(self._cursor[SEQUENCE]))
            if following is not None:
                if code in (EMPTY, FULL):
                    # Look again: the writer may have added a frame and then rolled.
                    if int(next_frame(self._words, self._cursor, self._scratch)) > 0:
                        continue
                    self._open(following)
                    continue
                if int(next_frame(self._words, self._cursor, self._scratch)) > 0:
                    continue
                raise self._corrupt(code, "and a later segment after it")
            if code == BAD or (code == EMPTY and not self._tail_checked):
                first = int(self._cursor[POSITION]) + SLOT_WORDS
                after = int(find_valid_frame(self._words, first, self._scratch))
                if after >= 0:
                    # Look again: the writer may have finished this frame and written that one.
                    if int(next_frame(self._words, self._cursor, self._scratch)) > 0:
                        continue
                    raise self._corrupt(code, f"and a valid frame after it at byte {after * 8}")
            # Zeros in front of valid frames are damage too; one look at the whole tail is enough,
            # because a writer never leaves a gap and looking each time would cost too much.
            self._tail_checked = True
            if self._later_segment():
                if int(next_frame(self._words, self._cursor, self._scratch)) > 0:
                    continue
                if self._path_of(int(self._cursor[SEQUENCE])) is not None:
                    continue
                raise self._corrupt(code, "and a later segment that does not follow")
            return False

    def _open_first(self) -> bool:
        if not self.directory.is_dir():
            return False
        segments = list_segments(self.directory, JOURNAL_SUFFIX)
        if not segments:
            return False
        holding = [path for first, path in segments if first <= self.next_sequence]
        if not holding:
            raise JournalCorrupt(
                Finding.NO_SUCH_SEQUENCE,
                segments[0][1],
                -1,
                self.next_sequence,
                "the oldest segment begins later",
            )
        self._open(holding[-1])
        return True

    def _open(self, path: Path) -> None:
        header = read_header(path, JOURNAL_MAGIC, SLOT_BYTES, self.dtype_hash)
        if self._path is not None:
            sequence = int(self._cursor[SEQUENCE])
            if header.segment_number != self._cursor[SEGMENT] + 1:
                detail = f"segment number {header.segment_number} follows {self._cursor[SEGMENT]}"
                raise JournalCorrupt(Finding.MISSING_SEGMENT, path, 32, sequence, detail)
            if header.previous_checksum != self._cursor[CHECKSUM]:
                detail = "the segment does not follow the last frame of the segment before"
                raise JournalCorrupt(Finding.CHAIN_MISMATCH, path, 48, sequence, detail)
        self._words = map_words(path)
        self._path = path
        self._cursor[POSITION] = HEADER_WORDS
        self._cursor[SEQUENCE] = header.first_sequence
        self._cursor[CHECKSUM] = header.previous_checksum
        self._cursor[SEGMENT] = header.segment_number

    def _path_of(self, sequence: int) -> Path | None:
        """The segment after the open one that begins with ``sequence``, if it is there."""
        path = self.directory / segment_name(sequence, JOURNAL_SUFFIX)
        return path if path != self._path and path.exists() else None

    def _later_segment(self) -> bool:
        assert self._path is not None
        last = list_segments(self.directory, JOURNAL_SUFFIX)[-1][1]
        return last.name > self._path.name

    def _corrupt(self, code: int, detail: str) -> JournalCorrupt:
        assert self._path is not None
        finding = _FINDINGS.get(code, Finding.SEQUENCE_GAP)
        offset = int(self._cursor[POSITION]) * 8
        return JournalCorrupt(finding, self._path, offset, int(self._cursor[SEQUENCE]), detail)
