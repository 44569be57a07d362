"""A journal built from the description of its layout alone, without the writer; and its fate."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from journal.errors import JournalCorrupt
from journal.layout import (
    FRAME_CHECKSUM_WORD,
    FRAME_COUNT_WORD,
    FRAME_MAGIC,
    FRAME_PREVIOUS_WORD,
    FRAME_SEGMENT_WORD,
    FRAME_SEQUENCE_WORD,
    JOURNAL_MAGIC,
    SegmentHeader,
    layout_hash,
    pack_header,
    segment_name,
)
from journal.reader import JournalReader
from journal.recovery import recover
from journal.xxh64 import xxh64

SLOT = np.dtype([("value", "<i8", 7), ("flags", "u1"), ("pad", "u1", 7)])
HASH = layout_hash(SLOT)
SEED = 31337


def payload(first: int, count: int) -> bytes:
    slots = np.zeros(count, SLOT)
    slots["value"] = np.arange(first, first + count)[:, None] * 1_000_003 + np.arange(7)
    return slots.tobytes()


def frame(first: int, count: int, previous: int, segment: int) -> tuple[bytes, int]:
    """A frame built from the layout's description alone, without the writer."""
    words = np.zeros(8, "<i8")
    words[0] = FRAME_MAGIC
    words[FRAME_COUNT_WORD] = count
    words[FRAME_SEQUENCE_WORD] = first
    words[FRAME_PREVIOUS_WORD] = previous
    words[5] = 1_700_000_000_000_000_000 + first
    words[FRAME_SEGMENT_WORD] = segment
    data = payload(first, count)
    checksum = xxh64(words.tobytes() + data)
    words[FRAME_CHECKSUM_WORD] = checksum
    return words.tobytes() + data, checksum


def overwrite(path: Path, data: bytes) -> None:
    """Change a file in place: truncating and refilling it costs a flush of the disk each time."""
    with open(path, "r+b") as file:
        file.write(data)


class Built:
    """A small journal: (path, frames as (offset, first sequence, count)) of every segment."""

    def __init__(self, directory: Path, counts: list[list[int]], size: int = 8192) -> None:
        self.directory = directory
        self.paths: list[Path] = []
        self.frames: list[list[tuple[int, int, int]]] = []
        directory.mkdir(parents=True, exist_ok=True)
        sequence = checksum = 0
        for number, frame_counts in enumerate(counts):
            header = SegmentHeader(
                JOURNAL_MAGIC, 1, 64, HASH, number, sequence, checksum, 123, size
            )
            data = bytearray(pack_header(header))
            places = []
            for count in frame_counts:
                octets, checksum = frame(sequence, count, checksum, number)
                places.append((len(data), sequence, count))
                data += octets
                sequence += count
            assert len(data) <= size
            path = directory / segment_name(header.first_sequence, ".wal")
            path.write_bytes(bytes(data).ljust(size, b"\0"))
            self.paths.append(path)
            self.frames.append(places)
        self.end_sequence = sequence
        self.last_checksum = checksum


def read_values(directory: Path, first: int = 0) -> bytes:
    return b"".join(
        records.tobytes() for _, records in JournalReader(directory, SLOT, HASH, first).frames()
    )


def outcome(directory: Path, **options: int) -> tuple[str, int]:
    """("end" or "cut", next sequence), or (finding, offset)."""
    try:
        report = recover(directory, HASH, repair=False, **options)
    except JournalCorrupt as error:
        return error.finding.name, error.offset
    return ("cut" if report.torn_bytes else "end"), report.next_sequence
