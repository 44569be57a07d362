"""A small process that runs the real writer and says what became durable; for fault tests.

    journal_child.py DIRECTORY FRAMES SLOTS_PER_FRAME SEGMENT_BYTES [FSIZE_LIMIT]

Prints ``ready``, then ``durable N`` after each commit (N: next sequence), then ``done``. A fatal
error prints ``fatal OPERATION ERRNO FIRST_SEQUENCE`` and exits with status 74, releasing nothing.
The optional last argument is RLIMIT_FSIZE in bytes, set after the writer is open.
"""

from __future__ import annotations

import resource
import sys
from pathlib import Path

import numpy as np

from journal.errors import FatalJournalError
from journal.layout import layout_hash
from journal.recovery import recover
from journal.writer import JournalWriter

SLOT = np.dtype([("value", "<i8", 7), ("flags", "u1"), ("pad", "u1", 7)])
HASH = layout_hash(SLOT)
FATAL_STATUS = 74
RING = 1024


def value_of(sequence: int) -> int:
    """What record ``sequence`` holds in its first word."""
    return (sequence * 2_654_435_761) & 0x7FFFFFFF


def open_writer(directory: Path, segment_bytes: int, *, prepare_ahead: bool) -> JournalWriter:
    """The real writer, after the real recovery."""
    return JournalWriter(
        directory,
        HASH,
        recover(directory, HASH, repair=True),
        segment_size_bytes=segment_bytes,
        maximum_frame_slots=512,
        flags_offset=56,
        long_mask=1,
        prepare_ahead=prepare_ahead,
    )


def fill(ring: np.ndarray, first: int, count: int) -> None:
    """Put records [first, first + count) into the ring."""
    for sequence in range(first, first + count):
        ring["value"][sequence & (RING - 1)] = value_of(sequence)


def main() -> int:
    directory, frames, slots, segment_bytes = Path(sys.argv[1]), *map(int, sys.argv[2:5])
    ring = np.zeros(RING, SLOT)
    try:
        writer = open_writer(directory, segment_bytes, prepare_ahead=False)
        if len(sys.argv) > 5:
            resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[5]), resource.RLIM_INFINITY))
        print("ready", flush=True)
        for _ in range(frames):
            available = slots
            fill(ring, writer.next_sequence, slots)
            while available:
                available -= writer.append(ring, available)
                print("durable", writer.next_sequence, flush=True)
        writer.close()
        print("done", flush=True)
    except FatalJournalError as error:
        operation = error.operation.replace(" ", "_")
        print("fatal", operation, error.errno, error.first_sequence, flush=True)
        return FATAL_STATUS
    return 0


if __name__ == "__main__":
    sys.exit(main())
