"""Which segments may be removed."""

from __future__ import annotations

from pathlib import Path

from journal.layout import (
    ARCHIVE_MAGIC,
    JOURNAL_MAGIC,
    SegmentHeader,
    pack_header,
    segment_name,
)
from journal.retention import (
    removable_archive_segments,
    removable_journal_segments,
    remove_segments,
)


def make_segments(directory: Path, magic: int, suffix: str, record_size: int) -> list[Path]:
    paths = []
    for number, first in enumerate((0, 100, 200, 300)):
        header = SegmentHeader(magic, 1, record_size, -5, number, first, 0, 1000 * number, 4096)
        path = directory / segment_name(first, suffix)
        path.write_bytes(pack_header(header))
        paths.append(path)
    return paths


def test_retention_removes_what_is_covered_and_old_and_never_the_newest(tmp_path: Path) -> None:
    paths = make_segments(tmp_path, JOURNAL_MAGIC, ".wal", 64)

    def removable(snapshot: int, before: int) -> list[Path]:
        return removable_journal_segments(
            tmp_path, -5, snapshot_sequence=snapshot, created_before_ns=before
        )

    everything = 1 << 60
    assert removable(0, everything) == []
    assert removable(99, everything) == []
    assert removable(100, everything) == paths[:1]
    assert removable(299, everything) == paths[:2]
    assert removable(everything, everything) == paths[:3]
    assert removable(everything, 2000) == paths[:1]
    assert removable(everything, 2001) == paths[:2]
    assert removable(everything, 0) == []
    remove_segments(removable(250, everything))
    assert sorted(tmp_path.iterdir()) == paths[2:]


def test_archive_retention(tmp_path: Path) -> None:
    paths = make_segments(tmp_path, ARCHIVE_MAGIC, ".evt", 128)
    assert (
        removable_archive_segments(
            tmp_path, 128, -5, needed_sequence=250, created_before_ns=1 << 60
        )
        == paths[:2]
    )
