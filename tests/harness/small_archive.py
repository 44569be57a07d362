"""An archive of small events for tests: 100 a segment."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from journal.archive_reader import ArchiveReader
from journal.archive_writer import ArchiveWriter
from journal.layout import layout_hash

EVENT = np.dtype([("sequence", "<i8"), ("value", "<i8", 14), ("kind", "u1"), ("pad", "u1", 7)])
HASH = layout_hash(EVENT)
KIND = 120
SEGMENT = 100


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
