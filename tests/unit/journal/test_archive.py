"""The event archive: presence, holes after a power cut, refusals, rolls, truncation."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest

from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter, synchronise
from journal.errors import FatalJournalError, Finding, JournalCorrupt, JournalError
from journal.layout import HEADER_BYTES, layout_hash, segment_name

EVENT = np.dtype([("sequence", "<i8"), ("value", "<i8", 14), ("kind", "u1"), ("pad", "u1", 7)])
HASH = layout_hash(EVENT)
KIND = 120
SEGMENT = 100
SEED = 1815


def events_of(first: int, count: int) -> np.ndarray:
    events = np.zeros(count, EVENT)
    events["sequence"] = np.arange(first, first + count)
    events["value"] = events["sequence"][:, None] * 31 + np.arange(14)
    events["kind"] = 1 + events["sequence"] % 200
    return events


def writer_at(directory: Path, sequence: int, records: int = SEGMENT) -> ArchiveWriter:
    return ArchiveWriter(
        directory, EVENT, HASH, KIND, segment_records=records, next_sequence=sequence
    )


def reader_of(directory: Path) -> ArchiveReader:
    return ArchiveReader(directory, EVENT, HASH, KIND)


def filled(directory: Path, count: int) -> None:
    writer = writer_at(directory, 0)
    writer.append(events_of(0, count))
    writer.close()


def test_an_empty_archive(tmp_path: Path) -> None:
    for directory in (tmp_path, tmp_path / "none"):
        reader = reader_of(directory)
        assert reader.end() == 0
        assert reader.last() is None
        assert reader.oldest() == 0
        assert len(reader.read(0, 10)) == 0
        assert reader.missing(0, 5) == [(0, 5)]
        assert reader.segment_records == 0


def test_record_zero_is_told_from_an_empty_place(tmp_path: Path) -> None:
    writer = writer_at(tmp_path, 0)
    assert reader_of(tmp_path).end() == 0, "sequence 0 at place 0 of an empty file is no record"
    writer.append(events_of(0, 1))
    assert reader_of(tmp_path).end() == 1
    writer.close()


def test_an_existing_archive_keeps_its_segment_size(tmp_path: Path) -> None:
    filled(tmp_path, 250)
    writer = writer_at(tmp_path, 250, records=1000)
    writer.append(events_of(250, 100))
    writer.close()
    assert reader_of(tmp_path).read(0, 1000).tobytes() == events_of(0, 350).tobytes()
    assert len(list(tmp_path.iterdir())) == 4


def test_read_and_view(tmp_path: Path) -> None:
    filled(tmp_path, 250)
    reader = reader_of(tmp_path)
    view = reader.view(120, 1000)
    assert (view["sequence"][0], len(view)) == (120, 80)
    assert not view.flags.writeable
    assert reader.read(120, 1000).tobytes() == events_of(120, 130).tobytes()
    assert reader.read(120, 3).tobytes() == events_of(120, 3).tobytes()
    assert reader.read_one(249)["sequence"] == 249
    assert reader.read_one(250) is None
    assert reader.last()["sequence"] == 249
    assert reader.end(200) == 250
    assert (reader.oldest(), reader.segment_records) == (0, SEGMENT)


def test_the_oldest_segments_may_be_gone(tmp_path: Path) -> None:
    filled(tmp_path, 250)
    (tmp_path / segment_name(0, ".evt")).unlink()
    reader = reader_of(tmp_path)
    assert reader.oldest() == 100
    assert reader.end(100) == 250
    assert reader.missing(0, 250) == [(0, 100)]


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


def test_a_stale_record_beyond_a_hole_is_seen_by_last(tmp_path: Path) -> None:
    filled(tmp_path, 80)
    path = tmp_path / segment_name(0, ".evt")
    with open(path, "r+b") as file:
        file.seek(HEADER_BYTES + 10 * 128)
        file.write(bytes(60 * 128))
    reader = reader_of(tmp_path)
    assert reader.end() == 10
    assert reader.last()["sequence"] == 79
    assert reader.missing(0, 90) == [(10, 70), (80, 90)]


@pytest.mark.parametrize(
    ("offset", "finding"),
    [(0, Finding.BAD_HEADER), (300, Finding.BAD_HEADER), (4090, Finding.BAD_HEADER)],
)
def test_a_damaged_header_is_refused(tmp_path: Path, offset: int, finding: Finding) -> None:
    filled(tmp_path, 150)
    path = tmp_path / segment_name(100, ".evt")
    data = bytearray(path.read_bytes())
    data[offset] ^= 4
    path.write_bytes(data)
    for attempt in (
        lambda: reader_of(tmp_path).read(0, 1000),
        lambda: writer_at(tmp_path, 150),
    ):
        with pytest.raises(JournalCorrupt) as caught:
            attempt()
        assert caught.value.finding == finding
        assert caught.value.path == path


def test_a_truncated_or_foreign_file_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 150)
    os.truncate(tmp_path / segment_name(100, ".evt"), HEADER_BYTES + 128)
    with pytest.raises(JournalCorrupt) as caught:
        reader_of(tmp_path).read(0, 1000)
    assert caught.value.finding == Finding.TRUNCATED_FILE
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(JournalCorrupt) as caught:
        reader_of(tmp_path).last()
    assert caught.value.finding == Finding.FOREIGN_FILE


def test_another_record_layout_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    with pytest.raises(JournalCorrupt) as caught:
        ArchiveReader(tmp_path, EVENT, HASH ^ 1, KIND).read(0, 1)
    assert caught.value.finding == Finding.WRONG_RECORD_LAYOUT


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
