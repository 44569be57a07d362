"""Removing old segments that recovery does not need any more.

Who uses it: the operator's command and the daemon's housekeeping, never the hot path. A journal
segment may go if all of this holds; otherwise it stays:

- it is not the newest one, and every older one goes too (the journal never has a hole);
- a *verified* snapshot covers it: every sequence in it is below the snapshot's next sequence;
- it is older than the retention: the segment after it was created before ``created_before_ns``.

The caller verifies the snapshot (checksum, and that it loads) before it passes its sequence.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from journal.layout import (
    ARCHIVE_MAGIC,
    ARCHIVE_SUFFIX,
    JOURNAL_MAGIC,
    JOURNAL_SUFFIX,
    SLOT_BYTES,
)
from journal.segment import list_segments, read_header, sync_directory


def _removable(
    directory: Path,
    suffix: str,
    magic: int,
    record_size: int,
    dtype_hash: int,
    covered_sequence: int,
    created_before_ns: int,
) -> list[Path]:
    segments = list_segments(directory, suffix)
    found: list[Path] = []
    for (_, path), (next_first, following) in pairwise(segments):
        header = read_header(following, magic, record_size, dtype_hash)
        if next_first > covered_sequence or header.created_ns >= created_before_ns:
            break
        found.append(path)
    return found


def removable_journal_segments(
    directory: Path, dtype_hash: int, *, snapshot_sequence: int, created_before_ns: int
) -> list[Path]:
    """Segments that may go, oldest first.

    ``snapshot_sequence``: the first command slot that the verified snapshot does not cover.
    ``created_before_ns``: CLOCK_REALTIME; a segment is as old as the start of the one after it.
    """
    return _removable(
        directory,
        JOURNAL_SUFFIX,
        JOURNAL_MAGIC,
        SLOT_BYTES,
        dtype_hash,
        snapshot_sequence,
        created_before_ns,
    )


def removable_archive_segments(
    directory: Path,
    record_size: int,
    dtype_hash: int,
    *,
    needed_sequence: int,
    created_before_ns: int,
) -> list[Path]:
    """Archive segments whose every event is below ``needed_sequence`` and that are old enough.

    ``needed_sequence``: the smallest event that any consumer or session may still ask for, at most
    the verified snapshot's next event.
    """
    return _removable(
        directory,
        ARCHIVE_SUFFIX,
        ARCHIVE_MAGIC,
        record_size,
        dtype_hash,
        needed_sequence,
        created_before_ns,
    )


def remove_segments(paths: list[Path]) -> None:
    """Unlink ``paths``, oldest first, each durably before the next: a crash leaves no hole."""
    for path in paths:
        path.unlink()
        sync_directory(path.parent)
