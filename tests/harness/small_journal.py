"""A journal of small segments for tests, written by the writer."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from journal.layout import layout_hash
from journal.reader import JournalReader
from journal.recovery import recover
from journal.writer import JournalWriter

SEED = 4711
SLOT = np.dtype([("time", "<i8"), ("value", "<i8", 5), ("flags", "u1"), ("pad", "u1", 15)])
SLOT_HASH = layout_hash(SLOT)
EVENT = np.dtype([("sequence", "<i8"), ("value", "<i8", 14), ("kind", "u1"), ("pad", "u1", 7)])
EVENT_HASH = layout_hash(EVENT)
RING = 64


def slots_of(count: int, generator: np.random.Generator, long_share: float = 0.0) -> np.ndarray:
    """``count`` slots; a long record's first slot has flag 1, its second one random bytes."""
    slots = generator.integers(0, 256, count * 64, np.uint8).view(SLOT)
    slots["time"] = np.arange(count)
    slots["flags"] = 0
    position = 0
    while position < count - 1:
        if generator.random() < long_share:
            slots["flags"][position] = 1
            slots["flags"][position + 1] = generator.integers(0, 2)
            position += 1
        position += 1
    return slots


def open_writer(directory: Path, segment_size: int = 8192, maximum: int = 16) -> JournalWriter:
    report = recover(directory, SLOT_HASH, repair=True)
    return JournalWriter(
        directory,
        SLOT_HASH,
        report,
        segment_size_bytes=segment_size,
        maximum_frame_slots=maximum,
        flags_offset=SLOT.fields["flags"][1],
        long_mask=1,
    )


def write_all(writer: JournalWriter, slots: np.ndarray, generator: np.random.Generator) -> None:
    """Through a ring, in publishes of random size that never split a long record."""
    ring = np.zeros(RING, SLOT)
    published = durable = writer.next_sequence
    end = published + len(slots)
    base = published
    while durable < end:
        batch = int(generator.integers(1, 20))
        while batch > 0 and published < end and published - durable < RING - 2:
            long = slots["flags"][published - base] & 1
            for _ in range(1 + int(long)):
                ring[published & (RING - 1)] = slots[published - base]
                published += 1
            batch -= 1
        durable += writer.append(ring, published - durable)


def read_all(directory: Path, first: int = 0) -> np.ndarray:
    parts = []
    expected = first
    for sequence, records in JournalReader(directory, SLOT, SLOT_HASH, first).frames():
        assert sequence == expected
        expected += len(records)
        parts.append(records.copy())
    return np.concatenate(parts) if parts else np.zeros(0, SLOT)
