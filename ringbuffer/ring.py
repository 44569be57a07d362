"""Single-producer ring over shared memory: the vocabulary is the LMAX Disruptor's.

A ring is an array of ``capacity`` slots (a power of two) and one *cursor*: the number of records
published so far, that is the sequence that comes next. The record of sequence ``s`` lives in slot
``s & (capacity - 1)``. Sequences start at 0 and never wrap (int64).

Who writes: exactly one producer writes slots and the cursor. Who reads: any number of consumers,
each with a cursor of its own (the number of records it has consumed).

- A *gating* consumer's cursor holds the producer back: ``claim`` never lets the producer overwrite
  what a gating consumer has not consumed.
- A *non-gating* consumer may be lapped. It copies a batch, then asks ``lapped`` whether the
  producer may have overwritten any of it meanwhile; if so the copy is worthless and it must read
  the records from somewhere else (the archive).

All cursors of a region live in one int64 array at a stride of ``CURSOR_STRIDE`` words (two cache
lines, because the hardware prefetches pairs), so that no two of them share a line:

    word   0         16        32
           cursor 0 | cursor 1 | cursor 2 | ...   each followed by 15 words of padding
"""

from __future__ import annotations

import numpy as np

from ringbuffer.atomics import load_acquire, store_release
from ringbuffer.jit import jit, jit_inline

CURSOR_STRIDE = 16  # int64 words from one cursor to the next: 128 bytes
UNGATED = 1 << 62  # a gate that never closes


@jit_inline
def minimum_cursor(cursors: np.ndarray, gates: np.ndarray) -> int:
    """The smallest of the cursors whose word indices are in ``gates`` (a barrier)."""
    lowest = np.int64(UNGATED)
    for i in range(gates.shape[0]):
        # acquire: what those consumers read is finished before we reuse the slots
        value = load_acquire(cursors, gates[i])
        if value < lowest:
            lowest = value
    return lowest


@jit_inline
def room(cursors: np.ndarray, published: int, gates: np.ndarray, capacity: int) -> int:
    """How many slots the producer may claim now, when it has published ``published`` records."""
    return capacity - (published - minimum_cursor(cursors, gates))


@jit_inline
def publish(cursors: np.ndarray, cursor: int, sequence: int) -> None:
    """Make every record below ``sequence`` visible to consumers."""
    # release: the slots are written before the cursor says so
    store_release(cursors, cursor, sequence)


@jit_inline
def lapped(cursors: np.ndarray, producer: int, first: int, capacity: int) -> bool:
    """Whether the slots from sequence ``first`` on may have been overwritten while we copied.

    The producer writes at most up to ``cursor + capacity`` of its *gating* consumers' progress
    before it publishes, so a slot is safe only while ``first`` is above ``cursor - capacity`` by
    the size of the largest batch that may be being written; callers pass the ring's capacity
    already reduced by that batch (see ``Ring.safe_capacity``).
    """
    # acquire: orders the copy before this look only together with the fence in the caller
    return load_acquire(cursors, producer) - first > capacity


@jit
def copy_records(
    slots: np.ndarray, first: int, count: int, target: np.ndarray, target_first: int
) -> None:
    """Copy ``count`` records from sequence ``first`` on into ``target[target_first:]``."""
    mask = slots.shape[0] - 1
    for i in range(count):
        target[target_first + i] = slots[(first + i) & mask]
