"""Reading the event archive: presence, places, and files that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from journal.archive_reader import ArchiveReader
from journal.errors import Finding, JournalCorrupt
from journal.layout import HEADER_BYTES, segment_name
from tests.harness.small_archive import (
    EVENT,
    HASH,
    KIND,
    SEGMENT,
    events_of,
    filled,
    reader_of,
    writer_at,
)


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
    (tmp_path / "notes.txt").write_bytes((tmp_path / segment_name(0, ".evt")).read_bytes())
    with pytest.raises(JournalCorrupt) as caught:
        reader_of(tmp_path).last()
    assert caught.value.finding == Finding.FOREIGN_FILE


def test_another_record_layout_is_refused(tmp_path: Path) -> None:
    filled(tmp_path, 10)
    with pytest.raises(JournalCorrupt) as caught:
        ArchiveReader(tmp_path, EVENT, HASH ^ 1, KIND).read(0, 1)
    assert caught.value.finding == Finding.WRONG_RECORD_LAYOUT
