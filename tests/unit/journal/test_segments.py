"""Segment files: layout, names, preparation, directory syncs, retention."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from journal import segment
from journal.errors import FatalJournalError, Finding, JournalCorrupt, JournalError
from journal.layout import (
    ARCHIVE_MAGIC,
    FRAME_MAGIC,
    HEADER_BYTES,
    JOURNAL_MAGIC,
    SegmentHeader,
    layout_hash,
    pack_header,
    parse_segment_name,
    segment_name,
    unpack_header,
)
from journal.retention import (
    removable_archive_segments,
    removable_journal_segments,
    remove_segments,
)

HEADER = SegmentHeader(JOURNAL_MAGIC, 1, 64, -5, 3, 77, -9, 1234, 8192)


def test_header_round_trip_and_byte_layout() -> None:
    block = pack_header(HEADER)
    assert len(block) == HEADER_BYTES
    assert unpack_header(block) == (HEADER, True)
    assert block[:8] == b"XWALSEG\0"
    assert np.frombuffer(block[:72], "<i8").tolist() == list(HEADER)
    assert set(block[72:4088]) == {0}


def test_names() -> None:
    assert segment_name(12, ".wal") == "00000000000000000012.wal"
    assert parse_segment_name("00000000000000000012.wal", ".wal") == 12
    for bad in ("12.wal", "00000000000000000012.evt", "0000000000000000001x.wal", ".wal", ""):
        assert parse_segment_name(bad, ".wal") is None
    assert parse_segment_name("²" * 20 + ".wal", ".wal") is None


def test_the_layout_hash_sees_every_change() -> None:
    base = {"names": ["a", "b"], "formats": ["<i8", "<i4"], "offsets": [0, 8], "itemsize": 64}
    changes = [
        {"names": ["a", "c"]},
        {"formats": ["<i8", "<u4"]},
        {"formats": ["<i8", ">i4"]},
        {"offsets": [0, 12]},
        {"itemsize": 128},
    ]
    hashes = {layout_hash(np.dtype({**base, **change})) for change in [{}, *changes]}
    assert len(hashes) == 6
    assert layout_hash(np.dtype(base)) == layout_hash(np.dtype(base))


def test_no_timestamp_can_look_like_a_frame() -> None:
    assert FRAME_MAGIC < 0 < 1 << 62


def test_make_directory_syncs_each_parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[Path] = []
    real = segment.sync_directory
    monkeypatch.setattr(segment, "sync_directory", lambda d: (synced.append(d), real(d)))
    segment.make_directory(tmp_path / "a" / "b" / "c")
    assert synced == [tmp_path, tmp_path / "a", tmp_path / "a" / "b"]
    assert stat.S_IMODE((tmp_path / "a" / "b" / "c").stat().st_mode) == 0o700
    synced.clear()
    segment.make_directory(tmp_path / "a" / "b" / "c")
    assert synced == []


def test_installing_syncs_header_before_the_name_and_then_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []

    def spy(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: object) -> object:
            steps.append(name)
            return real(*arguments)

        monkeypatch.setattr(os, name, call)

    segment.prepare(tmp_path, 8192)
    for name in ("pwrite", "fdatasync", "rename", "fsync"):
        spy(name)
    path, descriptor = segment.install_prepared(tmp_path, HEADER)
    os.close(descriptor)
    assert steps == ["pwrite", "fdatasync", "rename", "fsync"]
    assert path.stat().st_size == 8192
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert segment.read_header(path, JOURNAL_MAGIC, 64, -5) == HEADER


def test_a_prepared_segment_is_all_zeros_and_really_allocated(tmp_path: Path) -> None:
    size = (9 << 20) + 4096
    for urgent in (True, False):
        segment.prepare(tmp_path, size, lambda urgent=urgent: urgent)
        path = tmp_path / segment.PREPARED_NAME
        assert path.stat().st_size == size
        assert path.stat().st_blocks * 512 >= size
        assert not np.fromfile(path, np.int64).any()
        kept = path.stat().st_ino
        segment.prepare(tmp_path, size)
        assert path.stat().st_ino == kept, "a complete one is not made again"
        segment.prepare(tmp_path, size + 4096)
        assert path.stat().st_size == size + 4096
        path.unlink()


def test_stopping_a_preparation_leaves_nothing(tmp_path: Path) -> None:
    segment.prepare(tmp_path, 1 << 20, lambda: False, lambda: True)
    assert list(tmp_path.iterdir()) == []
    preparer = segment.Preparer(tmp_path, 1 << 20)
    preparer.finish()
    preparer = segment.Preparer(tmp_path, 64 << 20)
    preparer.start()
    preparer.finish()
    left = list(tmp_path.iterdir())
    assert left == [] or left[0].stat().st_size == 64 << 20


def test_an_error_while_preparing_ahead_comes_out_at_the_roll(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    preparer = segment.Preparer(tmp_path, 8192)
    preparer.start()
    with pytest.raises(OSError, match="no space") as caught:
        preparer.wait()
    assert caught.value.errno == errno.ENOSPC
    assert list(tmp_path.iterdir()) == []


def test_a_leftover_prepared_file_is_no_segment_and_is_replaced(tmp_path: Path) -> None:
    (tmp_path / segment.PREPARED_NAME).write_bytes(b"of another size")
    (tmp_path / segment.PREPARING_NAME).write_bytes(b"unfinished")
    assert segment.list_segments(tmp_path, ".wal") == []
    segment.prepare(tmp_path, 8192)
    assert (tmp_path / segment.PREPARED_NAME).stat().st_size == 8192
    assert not (tmp_path / segment.PREPARING_NAME).exists()


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


def test_error_texts_say_where() -> None:
    error = JournalCorrupt(Finding.BAD_FRAME, "/data/j/0.wal", 4096, 17, "no valid frame here")
    assert str(error) == ("bad frame: /data/j/0.wal at byte 4096, sequence 17: no valid frame here")
    fatal = FatalJournalError("fdatasync", errno.EIO, "/data/j/0.wal", 4096, 17, 3)
    assert "EIO" in str(fatal)
    assert "sequences 17 to 19" in str(fatal)
    short = FatalJournalError("pwritev", 0, "/data/j/0.wal", 4096, 17, 3, 100)
    assert "short write of 100 bytes" in str(short)
    assert isinstance(error, JournalError)
    assert isinstance(fatal, JournalError)
