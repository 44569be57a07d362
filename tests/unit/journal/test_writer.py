"""Writer, reader, recovery and archive on good files: what is written is read back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter
from journal.reader import JournalReader
from journal.recovery import recover
from tests.harness.small_journal import (
    EVENT,
    EVENT_HASH,
    RING,
    SEED,
    SLOT,
    SLOT_HASH,
    open_writer,
    read_all,
    slots_of,
    write_all,
)

pytestmark = pytest.mark.needs_jit  # the writer calls libc from jitted code


def test_round_trip_over_segments_and_reopening(tmp_path: Path) -> None:
    generator = np.random.default_rng(SEED)
    directory = tmp_path / "data" / "journal"
    written = np.zeros(0, SLOT)
    for _ in range(4):
        slots = slots_of(300, generator, 0.2)
        writer = open_writer(directory)
        assert writer.next_sequence == len(written)
        write_all(writer, slots, generator)
        writer.close()
        written = np.concatenate([written, slots])
    assert len(list(directory.glob("*.wal"))) > 10
    assert read_all(directory).tobytes() == written.tobytes()
    for first in (1, 63, 500, 1199):
        assert read_all(directory, first).tobytes() == written[first:].tobytes()
    report = recover(directory, SLOT_HASH, repair=False, from_sequence=1100)
    assert report.next_sequence == 1200
    assert report.segments < 5


def test_long_records_are_never_split(tmp_path: Path) -> None:
    generator = np.random.default_rng(SEED)
    slots = slots_of(2000, generator, 0.7)
    writer = open_writer(tmp_path, segment_size=4096 * 3, maximum=7)
    write_all(writer, slots, generator)
    writer.close()
    begins = set()
    position = 0
    while position < 2000:
        begins.add(position)
        position += 2 if slots["flags"][position] & 1 else 1
    frames = [sequence for sequence, _ in JournalReader(tmp_path, SLOT, SLOT_HASH).frames()]
    assert set(frames) <= begins


def test_a_publish_may_be_cut_by_the_frame_limit(tmp_path: Path) -> None:
    slots = slots_of(RING, np.random.default_rng(SEED))
    writer = open_writer(tmp_path, segment_size=1 << 16)
    done = 0
    while done < RING:
        done += writer.append(slots, RING - done)
    writer.close()
    sizes = [len(records) for _, records in JournalReader(tmp_path, SLOT, SLOT_HASH).frames()]
    assert sizes == [16, 16, 16, 16]


def events_of(first: int, count: int) -> np.ndarray:
    events = np.zeros(count, EVENT)
    events["sequence"] = np.arange(first, first + count)
    events["value"] = events["sequence"][:, None] * 7
    events["kind"] = 3
    return events


def test_archive_round_trip(tmp_path: Path) -> None:
    directory = tmp_path / "archive"

    def writer_at(sequence: int) -> ArchiveWriter:
        return ArchiveWriter(
            directory,
            EVENT,
            EVENT_HASH,
            EVENT.fields["kind"][1],
            segment_records=100,
            next_sequence=sequence,
        )

    reader = ArchiveReader(directory, EVENT, EVENT_HASH, EVENT.fields["kind"][1])
    assert reader.end() == 0
    assert reader.last() is None
    writer = writer_at(0)
    writer.append(events_of(0, 250))
    assert reader.end() == 250
    writer.append(events_of(250, 30))
    writer.close()
    assert reader.read(0, 1000).tobytes() == events_of(0, 280).tobytes()
    assert reader.read(95, 10).tobytes() == events_of(95, 10).tobytes()
    assert len(reader.read(280, 5)) == 0
    assert int(reader.last()["sequence"]) == 279
    # A hole, and its repair.
    writer = writer_at(280)
    assert writer.truncate(150) == 130
    assert writer.next_sequence == 150
    writer.seek(200)
    writer.append(events_of(200, 20))
    assert reader.__class__(directory, EVENT, EVENT_HASH, reader.kind_offset).missing(0, 500) == [
        (150, 200),
        (220, 500),
    ]
    writer.seek(150)
    writer.append(events_of(150, 50))
    writer.close()
    fresh = ArchiveReader(directory, EVENT, EVENT_HASH, reader.kind_offset)
    assert fresh.missing(0, 220) == []
    assert fresh.read(0, 500).tobytes() == events_of(0, 220).tobytes()
