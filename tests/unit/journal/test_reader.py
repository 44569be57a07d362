"""Reading a journal, whole and while it is written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from journal.reader import JournalReader
from tests.harness.small_journal import (
    RING,
    SEED,
    SLOT,
    SLOT_HASH,
    open_writer,
    slots_of,
    write_all,
)

pytestmark = pytest.mark.needs_jit  # the writer calls libc from jitted code


def test_read_into_a_ring(tmp_path: Path) -> None:
    generator = np.random.default_rng(SEED)
    slots = slots_of(1000, generator, 0.1)
    writer = open_writer(tmp_path)
    write_all(writer, slots, generator)
    writer.close()
    for first in (0, 7, 555):
        reader = JournalReader(tmp_path, SLOT, SLOT_HASH, first)
        ring = np.zeros(RING, SLOT)
        sequence = first
        while copied := reader.read_into(ring, sequence + RING):
            for s in range(sequence, sequence + copied):
                assert ring[s & (RING - 1)].tobytes() == slots[s].tobytes()
            sequence += copied
        assert sequence == 1000 == reader.next_sequence


def test_the_reader_follows_a_writer(tmp_path: Path) -> None:
    generator = np.random.default_rng(SEED)
    slots = slots_of(500, generator)
    reader = JournalReader(tmp_path, SLOT, SLOT_HASH)
    assert list(reader.frames()) == []
    writer = open_writer(tmp_path)
    seen = 0
    ring = np.zeros(RING, SLOT)
    for start in range(0, 500, 10):
        for s in range(start, start + 10):
            ring[s & (RING - 1)] = slots[s]
        done = writer.append(ring, 10)
        assert done + writer.append(ring, 10 - done) == 10
        for sequence, records in reader.frames():
            assert sequence == seen
            assert records.tobytes() == slots[seen : seen + len(records)].tobytes()
            seen += len(records)
        assert seen == start + 10
    writer.close()
