"""What to do with the journal that a stopped process left: the decision table, and ``recover``.

Who uses it: the daemon before the writer opens (``repair=True``), the replay tool on a journal that
nobody writes (``repair=False``). A frame is durable before the next one is written, and a segment
is complete before the next one gets its name; so an honest crash can damage only the last frame of
the last segment. Any other damage is refused: a guess could lose acknowledged commands.

At the first place where no good frame stands, three things are known: what stands there, whether
the segment is the last one, and what is in the rest of it (all 64-byte places are looked at):

    at the place     segment  rest of segment   decision
    ---------------  -------  ----------------  ----------------------------------------------
    EMPTY or FULL    last     zeros             END: append here
    EMPTY or FULL    last     no valid frame    CUT: a torn tail; zero it, sync, append here
    BAD              last     no valid frame    CUT
    EMPTY, FULL      last     a valid frame     REFUSE bad frame
    or BAD
    EMPTY or FULL    sealed   zeros             NEXT: check the next segment against this one
    EMPTY or FULL    sealed   anything else     REFUSE bad frame
    BAD              sealed   whatever          REFUSE bad frame
    GAP              either   whatever          REFUSE sequence gap
    BROKEN_CHAIN     either   whatever          REFUSE chain mismatch
    OTHER_SEGMENT    either   whatever          REFUSE wrong segment

and for files: foreign file, truncated file, bad header, wrong version, wrong layout, wrong name,
missing segment (numbers not consecutive), first sequence or previous checksum of a segment that is
not where the one before ended: REFUSE, each with its own finding.

The last frame may be whole in the page cache and yet not on the disk: its writer may have been
killed before its fdatasync returned, or the fdatasync failed, after which the kernel calls those
pages clean although they were lost. A repairing recovery therefore writes the last frame once more,
byte for byte, and syncs it and the directory, before anyone builds on it.

One thing a journal cannot tell by itself: whether a damaged *last* frame was torn before its
fdatasync returned, or acknowledged and damaged later. ``durable_sequence`` closes that gap where
something else knows (an archived event proves that its command was durable): a cut below it is
refused as ACKNOWLEDGED_LOST.

Decision JRN-3.
"""

from __future__ import annotations

import os
from enum import IntEnum
from pathlib import Path
from typing import NamedTuple

import numpy as np

from journal.errors import FatalJournalError, Finding, JournalCorrupt
from journal.frames import (
    BAD,
    BROKEN_CHAIN,
    CHECKSUM,
    CURSOR_WORDS,
    EMPTY,
    FRAMES,
    FULL,
    GAP,
    LAST,
    OTHER_SEGMENT,
    POSITION,
    SEGMENT,
    SEQUENCE,
    end_of_data,
    find_valid_frame,
    new_scratch,
    scan,
)
from journal.layout import (
    CHAIN_START,
    FRAME_COUNT_WORD,
    FRAME_HEADER_WORDS,
    FRAME_MAGIC,
    FRAME_SEQUENCE_WORD,
    HEADER_BYTES,
    HEADER_WORDS,
    JOURNAL_MAGIC,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
    SLOT_WORDS,
    SegmentHeader,
)
from journal.segment import (
    list_segments,
    map_words,
    read_header,
    sync_directory,
    write_all,
    write_zeros,
)
from ringbuffer.ring import UNGATED


class Rest(IntEnum):
    """What follows in the segment after the first place without a good frame."""

    ZEROS = 0
    DAMAGE = 1  # something, but no valid frame
    VALID_FRAME = 2


class Action(IntEnum):
    """What recovery does."""

    END = 0
    CUT = 1
    NEXT = 2
    REFUSE = 3


# (code at the place, last segment, rest) -> (action, finding if it refuses)
DECISIONS: dict[tuple[int, bool, Rest], tuple[Action, Finding | None]] = {
    (EMPTY, True, Rest.ZEROS): (Action.END, None),
    (EMPTY, True, Rest.DAMAGE): (Action.CUT, None),
    (EMPTY, True, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    (EMPTY, False, Rest.ZEROS): (Action.NEXT, None),
    (EMPTY, False, Rest.DAMAGE): (Action.REFUSE, Finding.BAD_FRAME),
    (EMPTY, False, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    (FULL, True, Rest.ZEROS): (Action.END, None),
    (FULL, True, Rest.DAMAGE): (Action.CUT, None),
    (FULL, True, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    (FULL, False, Rest.ZEROS): (Action.NEXT, None),
    (FULL, False, Rest.DAMAGE): (Action.REFUSE, Finding.BAD_FRAME),
    (FULL, False, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    # BAD means that something stands there, so the rest is never ZEROS; the row is for completeness
    (BAD, True, Rest.ZEROS): (Action.CUT, None),
    (BAD, True, Rest.DAMAGE): (Action.CUT, None),
    (BAD, True, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    (BAD, False, Rest.ZEROS): (Action.REFUSE, Finding.BAD_FRAME),
    (BAD, False, Rest.DAMAGE): (Action.REFUSE, Finding.BAD_FRAME),
    (BAD, False, Rest.VALID_FRAME): (Action.REFUSE, Finding.BAD_FRAME),
    **{
        (code, last, rest): (Action.REFUSE, finding)
        for code, finding in (
            (GAP, Finding.SEQUENCE_GAP),
            (BROKEN_CHAIN, Finding.CHAIN_MISMATCH),
            (OTHER_SEGMENT, Finding.WRONG_SEGMENT),
        )
        for last in (True, False)
        for rest in Rest
    },
}


class RecoveryReport(NamedTuple):
    """Where the journal ends and what was done. Sequences count slots.

    Numbers only, so that it can be sent to the process that appends.
    """

    first_sequence: int = 0  # of the oldest segment
    next_sequence: int = 0  # everything below it is in the journal
    last_checksum: int = CHAIN_START  # of the last frame; CHAIN_START if there is none
    segment_number: int = -1  # of the segment to append to; -1: the writer makes the first one
    segment_sequence: int = -1  # first sequence of that segment, which names its file; -1: as above
    append_offset: int = 0  # bytes into that segment
    segments: int = 0  # files that were scanned
    frames: int = 0  # valid frames that were scanned
    torn_bytes: int = 0  # 0: the journal ends cleanly
    torn_records: int = 0  # slots of the torn frame, by its header; at most, if that is damaged too
    repaired: bool = False  # whether the torn tail has been zeroed


class _SegmentEnd(NamedTuple):
    """The first place of a segment where no good frame stands. Positions are word indices."""

    path: Path
    words: np.ndarray  # int64[file size // 8], the whole file
    last_frame: int  # position of the last good frame; that of the end if there is none
    position: int  # where the good frames end
    data_end: int  # position after the last word that is not 0
    torn: bool  # whether what stands between the two is cut


def _check_headers(
    segments: list[tuple[int, Path]], dtype_hash: int
) -> list[tuple[Path, SegmentHeader]]:
    checked: list[tuple[Path, SegmentHeader]] = []
    for first_sequence, path in segments:
        header = read_header(path, JOURNAL_MAGIC, SLOT_BYTES, dtype_hash)
        if header.segment_number != (checked[-1][1].segment_number + 1 if checked else 0) and (
            checked or first_sequence == 0
        ):
            before = str(checked[-1][0].name) if checked else "nothing"
            raise JournalCorrupt(
                Finding.MISSING_SEGMENT,
                path,
                32,
                first_sequence,
                f"segment number {header.segment_number} follows {before}",
            )
        checked.append((path, header))
    return checked


def _torn_records(words: np.ndarray, position: int, end: int, sequence: int) -> int:
    """Slots of the torn frame as its header says, or an upper bound from the bytes there."""
    room = (len(words) - position - FRAME_HEADER_WORDS) // SLOT_WORDS
    if len(words) - position >= FRAME_HEADER_WORDS:
        count = int(words[position + FRAME_COUNT_WORD])
        plausible = (
            words[position] == FRAME_MAGIC
            and words[position + FRAME_SEQUENCE_WORD] == sequence
            and 0 < count <= room
        )
        if plausible:
            return count
    return max(-(-(end - position) // SLOT_WORDS) - 1, 0)


def make_tail_durable(end: _SegmentEnd, next_sequence: int) -> None:
    """Zero what is torn, write the last frame once more, sync both. Raises ``FatalJournalError``.

    Recovery goes by what it can read, and that may be in the page cache only: after a killed
    process, or after a failed fdatasync (the pages are then clean, and another fdatasync says that
    all is well). Events of the last frame are about to be released, so it is made dirty and synced
    here. A frame is durable before the next one is written: only the last one matters.
    """
    first = end.last_frame * 8
    frame = end.words[end.last_frame : end.position].tobytes()
    try:
        descriptor = os.open(end.path, os.O_RDWR | os.O_CLOEXEC)
        try:
            write_all(descriptor, frame, first)
            write_zeros(descriptor, end.position * 8, end.data_end * 8)
            os.fdatasync(descriptor)
        finally:
            os.close(descriptor)
        sync_directory(end.path.parent)
    except OSError as error:
        raise FatalJournalError(
            "making the journal's tail durable", error.errno or 0, end.path, first, next_sequence, 0
        ) from error
    assert end_of_data(map_words(end.path), end.position) == end.position


def _refuse(
    finding: Finding, path: Path, words: np.ndarray, cursor: np.ndarray, scratch: np.ndarray
) -> JournalCorrupt:
    position = int(cursor[POSITION])
    details = {
        Finding.BAD_FRAME: "no valid frame here",
        Finding.SEQUENCE_GAP: "a valid frame with another sequence",
        Finding.CHAIN_MISMATCH: "a valid frame that follows another one",
        Finding.WRONG_SEGMENT: "a valid frame of another segment",
    }
    detail = details[finding]
    after = int(find_valid_frame(words, position + SLOT_WORDS, scratch))
    if after >= 0:
        sequence = int(words[after + FRAME_SEQUENCE_WORD])
        detail += f", and a valid frame of sequence {sequence} after it at byte {after * 8}"
    elif finding == Finding.BAD_FRAME:
        detail += ", and a later segment after it"
    return JournalCorrupt(finding, path, position * 8, int(cursor[SEQUENCE]), detail)


def _first_to_scan(checked: list[tuple[Path, SegmentHeader]], from_sequence: int) -> int:
    """Index of the segment that holds ``from_sequence``, or of the last one before it."""
    for index in range(len(checked) - 1, -1, -1):
        if checked[index][1].first_sequence <= from_sequence:
            return index
    raise JournalCorrupt(
        Finding.NO_SUCH_SEQUENCE,
        checked[0][0],
        -1,
        from_sequence,
        "the oldest segment begins later",
    )


def _check_follows(path: Path, header: SegmentHeader, cursor: np.ndarray) -> None:
    """Refuse a segment that does not begin where the cursor has ended the one before."""
    sequence = int(cursor[SEQUENCE])
    if header.first_sequence != sequence:
        detail = f"the segment begins with sequence {header.first_sequence}"
        raise JournalCorrupt(Finding.SEQUENCE_GAP, path, 40, sequence, detail)
    if header.previous_checksum != cursor[CHECKSUM]:
        detail = "the segment does not follow the last frame of the segment before"
        raise JournalCorrupt(Finding.CHAIN_MISMATCH, path, 48, sequence, detail)


def _scan_segment(
    path: Path, header: SegmentHeader, cursor: np.ndarray, scratch: np.ndarray, *, last: bool
) -> _SegmentEnd:
    """Move the cursor over the good frames of a segment; what stands behind them is decided."""
    _check_follows(path, header, cursor)
    words = map_words(path)
    cursor[POSITION] = cursor[LAST] = HEADER_WORDS
    cursor[SEGMENT] = header.segment_number
    code = int(scan(words, cursor, UNGATED, scratch))
    position = int(cursor[POSITION])
    data_end = int(end_of_data(words, position))
    rest = Rest.ZEROS
    if data_end > position:
        found = int(find_valid_frame(words, position + SLOT_WORDS, scratch))
        rest = Rest.VALID_FRAME if found >= 0 else Rest.DAMAGE
    action, finding = DECISIONS[code, last, rest]
    if action == Action.REFUSE:
        assert finding is not None
        raise _refuse(finding, path, words, cursor, scratch)
    assert last or action == Action.NEXT
    torn = action == Action.CUT
    return _SegmentEnd(path, words, int(cursor[LAST]), position, data_end, torn)


def _check_reach(
    end: _SegmentEnd, next_sequence: int, from_sequence: int, durable_sequence: int
) -> None:
    """Refuse a journal that ends before what is known to have been in it."""
    offset = end.position * 8
    if next_sequence < durable_sequence:
        detail = f"everything below sequence {durable_sequence} is known to have been durable"
        raise JournalCorrupt(Finding.ACKNOWLEDGED_LOST, end.path, offset, next_sequence, detail)
    if next_sequence < from_sequence:
        detail = "the journal ends here"
        raise JournalCorrupt(Finding.NO_SUCH_SEQUENCE, end.path, offset, from_sequence, detail)


def recover(
    directory: Path,
    dtype_hash: int,
    *,
    repair: bool,
    from_sequence: int = 0,
    durable_sequence: int = 0,
) -> RecoveryReport:
    """Check the journal and find its end; if ``repair``, cut a torn tail and make the end durable.

    ``from_sequence``: frames are checked from the segment that holds this sequence on (a snapshot
    covers what is before it); file headers are checked in all segments. ``durable_sequence``: the
    journal is known to have held everything below it. With ``repair=False`` nothing is modified.

    Raises ``JournalCorrupt`` with the place, ``FatalJournalError`` when the repair cannot be
    written, and OSError when a file cannot be read.
    """
    segments = list_segments(directory, JOURNAL_SUFFIX) if directory.is_dir() else []
    if not segments:
        wanted = max(from_sequence, durable_sequence)
        if wanted > 0:
            detail = "no segment at all"
            raise JournalCorrupt(Finding.MISSING_SEGMENT, directory, -1, wanted, detail)
        return RecoveryReport()
    checked = _check_headers(segments, dtype_hash)
    scanned = checked[_first_to_scan(checked, from_sequence) :]
    scratch = new_scratch()
    cursor = np.zeros(CURSOR_WORDS, np.int64)
    cursor[SEQUENCE] = scanned[0][1].first_sequence
    cursor[CHECKSUM] = scanned[0][1].previous_checksum
    for path, header in scanned:
        last = path == scanned[-1][0]
        end = _scan_segment(path, header, cursor, scratch, last=last)
    next_sequence = int(cursor[SEQUENCE])
    _check_reach(end, next_sequence, from_sequence, durable_sequence)
    torn_records = 0
    if end.torn:
        torn_records = _torn_records(end.words, end.position, end.data_end, next_sequence)
    if repair:
        make_tail_durable(end, next_sequence)
    return RecoveryReport(
        first_sequence=segments[0][0],
        next_sequence=next_sequence,
        last_checksum=int(cursor[CHECKSUM]),
        segment_number=header.segment_number,
        segment_sequence=header.first_sequence,
        append_offset=end.position * 8,
        segments=len(scanned),
        frames=int(cursor[FRAMES]),
        torn_bytes=(end.data_end - end.position) * 8,
        torn_records=torn_records,
        repaired=end.torn and repair,
    )


assert HEADER_BYTES % SLOT_BYTES == 0
