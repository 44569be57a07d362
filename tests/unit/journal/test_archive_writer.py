"""Writing the event archive: holes after a power cut, rolls, truncation, failures."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from journal.archive_writer import synchronise
from journal.errors import FatalJournalError, JournalError
from journal.layout import segment_name
from tests.harness.small_archive import (
    SEGMENT,
    events_of,
    filled,
    reader_of,
    writer_at,
)

SEED = 1815


def test_an_existing_archive_keeps_its_segment_size(tmp_path: Path) -> None:
    filled(tmp_path, 250)
    writer = writer_at(tmp_path, 250, records=1000)
    writer.append(events_of(250, 100))
    writer.close()
    assert reader_of(tmp_path).read(0, 1000).tobytes() == events_of(0, 350).tobytes()
    assert len(list(tmp_path.iterdir())) == 4


def test_lost_pages_are_found_and_written_again(tmp_path: Path) -> None:
    """Seeded power cuts: any set of pages of any segment reads as zeros afterwards."""
    generator = np.random.default_rng(SEED)
    count = 950
    filled(tmp_path, count)
    paths = sorted(tmp_path.iterdir())
    for _ in range(20):
        for path in paths:
            pages = (path.stat().st_size + 4095) // 4096
            with open(path, "r+b") as file:
                for page in range(1, pages):
                    if generator.random() < 0.4:
                        start = page * 4096
                        end = min(start + 4096, path.stat().st_size)
                        file.seek(start)
                        file.write(bytes(end - start))
        reader = reader_of(tmp_path)
        missing = reader.missing(0, count)
        assert {s for a, b in missing for s in range(a, b)} == {
            s for s in range(count) if reader.read_one(s) is None
        }
        assert all(a < b for a, b in missing)
        present = [s for s in range(count) if reader.read_one(s) is not None]
        if present:
            assert reader.last()["sequence"] == present[-1]
        writer = writer_at(tmp_path, count)
        for a, b in missing:
            writer.seek(a)
            writer.append(events_of(a, b - a))
        writer.close()
        fresh = reader_of(tmp_path)
        assert fresh.missing(0, count) == []
        assert fresh.read(0, count + 10).tobytes() == events_of(0, count).tobytes()


def test_truncate(tmp_path: Path) -> None:
    for end in (0, 1, 99, 100, 101, 350, 949, 950, 2000):
        directory = tmp_path / str(end)
        filled(directory, 950)
        writer = writer_at(directory, 950)
        assert writer.truncate(end) == max(950 - end, 0)
        assert writer.next_sequence == min(end, 950)
        writer.append(events_of(writer.next_sequence, 10))
        writer.close()
        kept = min(end, 950)
        reader = reader_of(directory)
        assert reader.read(0, 2000).tobytes() == events_of(0, kept + 10).tobytes()
        assert reader.last()["sequence"] == kept + 9


def test_a_full_disk_at_a_roll_is_fatal_and_leaves_no_half_made_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = writer_at(tmp_path, 0)
    writer.append(events_of(0, SEGMENT))

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "no space")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(FatalJournalError) as caught:
        writer.append(events_of(SEGMENT, 1))
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == [segment_name(0, ".evt")]
    writer.close()


def test_a_named_segment_was_synced_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[str] = []
    for name in ("posix_fallocate", "pwrite", "fdatasync", "rename", "fsync"):
        real = getattr(os, name)

        def call(*arguments: object, name: str = name, real: object = real) -> object:
            steps.append(name)
            return real(*arguments)  # type: ignore[operator]

        monkeypatch.setattr(os, name, call)
    writer_at(tmp_path, 0).close()
    assert steps == ["posix_fallocate", "pwrite", "fdatasync", "rename", "fsync"]


def test_synchronise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(JournalError):
        synchronise(tmp_path, 0, 10, 0)
    filled(tmp_path, 350)
    synced: list[str] = []
    real = os.fsync

    def spy(descriptor: int) -> None:
        synced.append(Path(os.readlink(f"/proc/self/fd/{descriptor}")).name)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", spy)
    synchronise(tmp_path, 150, 300, SEGMENT)
    assert synced == [segment_name(100, ".evt"), segment_name(200, ".evt"), tmp_path.name]


@pytest.mark.parametrize("call", ["pwrite", "fdatasync", "fsync"])
def test_an_archive_that_cannot_be_cut_is_a_failed_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    filled(tmp_path, 150)
    writer = writer_at(tmp_path, 150)

    def fails(*_: object) -> int:
        raise OSError(errno.EIO, "the disk is gone")

    monkeypatch.setattr(os, call, fails)
    with pytest.raises(FatalJournalError) as caught:
        writer.truncate(120)
    assert caught.value.errno == errno.EIO
    writer.close()
