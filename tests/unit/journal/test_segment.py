"""Segment files: preparation, directory syncs, what an interrupted start leaves."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import numpy as np
import pytest

from journal import segment
from journal.layout import (
    JOURNAL_MAGIC,
    SegmentHeader,
)

HEADER = SegmentHeader(JOURNAL_MAGIC, 1, 64, -5, 3, 77, -9, 1234, 8192)


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


def test_a_segment_is_removed_durably(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "segment"
    path.write_bytes(b"")
    synced: list[Path] = []
    monkeypatch.setattr(segment, "sync_directory", synced.append)
    segment.remove_segment(path)
    assert not path.exists() and synced == [tmp_path]
