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
  the records from somewhere else (the archive). ``read_batch`` does both.

What a non-gating consumer relies on: the cursor does not tell what the producer is writing just
now, so a producer never has more than ``maximum_batch(capacity)`` (a quarter of the ring) records
written and unpublished. When the cursor says P, the producer may be overwriting, at worst, the
slots of the sequences below P + maximum_batch - capacity::

    sequence   P - capacity      P - safe_capacity                    P          P + maximum_batch
               | may be changing | stable: what a reader may still    | being     |
               |                 | copy, safe_capacity records        | written   |

The check is a sequence lock. Producer: publish P, *release fence*, write the slots of P and beyond.
Reader: copy, *acquire fence*, load the cursor. If the copy saw any byte of sequence s' >= P, then
the load after it sees a cursor of at least P, so ``lapped`` says so.

All cursors of a region live in one int64 array at a stride of ``CURSOR_STRIDE`` words (two cache
lines, because the hardware prefetches pairs), so that no two of them share a line:

    word   0         16        32
           cursor 0 | cursor 1 | cursor 2 | ...   each followed by 15 words of padding

Jitted stages use the functions; ``Ring`` and its producer and consumers are the same thing as
objects, for code that handles few records (the supervisor, tests, tools).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ringbuffer.atomics import (
    fence_acquire,
    fence_release,
    load_acquire,
    store_release,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

CURSOR_STRIDE = 16  # int64 words from one cursor to the next: 128 bytes
UNGATED = 1 << 62  # a gate that never closes
LAPPED = -1  # read_batch: the records are gone from the ring

# A producer's private state: int64[PRODUCER_WORDS], in its own memory.
PRODUCER_NEXT = 0  # sequence of the next record that it will write
PRODUCER_LIMIT = 1  # cached: the gates allow sequences below it
PRODUCER_WORDS = 2

# Unpublished records are bounded to 1 / 2**_BATCH_SHIFT of the ring.
_BATCH_SHIFT = 2


@jit_borrowed_inline
def maximum_batch(capacity: int) -> int:
    """The most records that a producer may have written and not published."""
    return max(capacity >> _BATCH_SHIFT, 1)


@jit_borrowed_inline
def safe_capacity(capacity: int) -> int:
    """How many records behind the cursor a non-gating consumer may still copy."""
    return capacity - maximum_batch(capacity)


@jit_borrowed_inline
def minimum_cursor(cursors: np.ndarray, gates: np.ndarray) -> int:
    """The smallest of the cursors whose word indices are in ``gates`` (a barrier)."""
    lowest = np.int64(UNGATED)
    for i in range(gates.shape[0]):
        # acquire: as a gate, what those consumers read is finished before we reuse the slots; as a
        # consumer's barrier, what those stages wrote is visible before we read it
        value = load_acquire(cursors, gates[i])
        if value < lowest:
            lowest = value
    return lowest


@jit_borrowed_inline
def room(cursors: np.ndarray, published: int, gates: np.ndarray, capacity: int) -> int:
    """How many slots the producer may claim now, when it has published ``published`` records."""
    return capacity - (published - minimum_cursor(cursors, gates))


@jit_borrowed_inline
def claim(
    producer: np.ndarray, cursors: np.ndarray, gates: np.ndarray, capacity: int, wanted: int
) -> int:
    """How many of ``wanted`` records the producer may write now, from PRODUCER_NEXT on.

    At most ``maximum_batch``. ``producer``: int64[PRODUCER_WORDS]. Reads the gates' cursors only
    when what it knows of them does not suffice: each read of another processor's line is a miss.
    """
    wanted = min(wanted, maximum_batch(capacity))
    if producer[PRODUCER_LIMIT] - producer[PRODUCER_NEXT] < wanted:
        producer[PRODUCER_LIMIT] = minimum_cursor(cursors, gates) + capacity
    return min(wanted, producer[PRODUCER_LIMIT] - producer[PRODUCER_NEXT])


@jit_borrowed_inline
def publish(cursors: np.ndarray, cursor: int, sequence: int) -> None:
    """Make every record below ``sequence`` visible to consumers."""
    # release: the slots are written before the cursor says so
    store_release(cursors, cursor, sequence)
    # release fence: this cursor is visible before the slots that are written next (see above)
    fence_release()


@jit_borrowed_inline
def publish_claimed(producer: np.ndarray, cursors: np.ndarray, cursor: int, count: int) -> None:
    """Publish the next ``count`` records, which ``claim`` has allowed."""
    producer[PRODUCER_NEXT] += count
    publish(cursors, cursor, producer[PRODUCER_NEXT])


@jit_borrowed_inline
def lapped(cursors: np.ndarray, producer: int, first: int, capacity: int) -> bool:
    """Whether the slots from sequence ``first`` on may have been overwritten while we copied.

    ``producer`` is the word index of the *producer's* cursor (not of a stage behind it).
    ``capacity`` is ``safe_capacity`` of the ring: already reduced by the largest batch that may be
    being written.
    """
    # acquire fence: the copy is done before the cursor is looked at (see above)
    fence_acquire()
    return load_acquire(cursors, producer) - first > capacity


@jit_borrowed
def copy_records(
    slots: np.ndarray, first: int, count: int, target: np.ndarray, target_first: int
) -> None:
    """Copy ``count`` records from sequence ``first`` on into ``target[target_first:]``."""
    mask = slots.shape[0] - 1
    for i in range(count):
        target[target_first + i] = slots[(first + i) & mask]


@jit_borrowed
def read_batch(
    slots: np.ndarray,
    cursors: np.ndarray,
    producer: int,
    barrier: int,
    first: int,
    limit: int,
    target: np.ndarray,
) -> int:
    """Copy at most ``limit`` records from sequence ``first`` on into ``target``, not gating.

    ``producer``: word index of the producer's cursor; ``barrier``: of the cursor up to which this
    consumer may read (the producer's own, or that of a stage behind it). Returns how many records
    were copied, 0 if there are none, LAPPED if they are gone (``target`` then holds rubbish).
    """
    safe = safe_capacity(slots.shape[0])
    # acquire: the records below the barrier are visible before we copy them
    count = min(load_acquire(cursors, barrier) - first, limit, target.shape[0])
    if count <= 0:
        return 0
    if not lapped(cursors, producer, first, safe):
        copy_records(slots, first, count, target, 0)
        if not lapped(cursors, producer, first, safe):
            return count
    return LAPPED


class Ring:
    """A ring's parts by name; makes its producer and consumers.

    ``slots``: one-dimensional array of records (a power of two of them); ``cursors``: the region's
    int64 cursor array; ``cursor``: word index of the producer's cursor; ``gates``: word indices of
    the gating consumers' cursors.
    """

    def __init__(
        self,
        slots: np.ndarray[Any, Any],
        cursors: np.ndarray[Any, Any],
        cursor: int,
        gates: Sequence[int] = (),
    ) -> None:
        capacity = int(slots.shape[0])
        if capacity < 2 or capacity & (capacity - 1):
            raise ValueError(f"a ring's capacity must be a power of two, not {capacity}")
        self.slots = slots
        self.cursors = cursors
        self.cursor = cursor
        self.gates = np.array(gates, dtype=np.int64)
        self.capacity = capacity
        self.maximum_batch: int = maximum_batch(capacity)
        self.safe_capacity: int = safe_capacity(capacity)

    def published(self) -> int:
        """The producer's cursor."""
        return int(self.cursors[self.cursor])

    def producer(self) -> Producer:
        """The one producer; it goes on where the cursor stands."""
        return Producer(self)

    def consumer(self, cursor: int, barrier: Sequence[int] = ()) -> Consumer:
        """A consumer whose cursor is word ``cursor``; it gates the ring if ``gates`` has that word.

        ``barrier``: word indices of the cursors that it follows; empty: the producer's.
        """
        return Consumer(self, cursor, barrier)

    def reader(self, position: int, barrier: int | None = None) -> Reader:
        """A non-gating consumer that starts at sequence ``position``."""
        return Reader(self, position, self.cursor if barrier is None else barrier)


class Producer:
    """Writes records into a ring. One per ring, in one thread."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._state = np.zeros(PRODUCER_WORDS, np.int64)
        self._state[PRODUCER_NEXT] = ring.published()

    @property
    def next(self) -> int:
        """Sequence of the next record."""
        return int(self._state[PRODUCER_NEXT])

    def try_publish(self, records: np.ndarray[Any, Any]) -> bool:
        """Publish all of ``records`` at once, or nothing and False when there is no room.

        Raises ValueError for more records than the ring's ``maximum_batch``.
        """
        count = int(records.shape[0])
        if count > self._ring.maximum_batch:
            raise ValueError(f"{count} records in one publish, {self._ring.maximum_batch} fit")
        ring = self._ring
        if claim(self._state, ring.cursors, ring.gates, ring.capacity, count) < count:
            return False
        self._write(records)
        return True

    def offer(self, records: np.ndarray[Any, Any]) -> int:
        """Publish as many of ``records`` as fit now, from the first on; how many that were."""
        ring, done = self._ring, 0
        while done < records.shape[0]:
            count = claim(
                self._state, ring.cursors, ring.gates, ring.capacity, int(records.shape[0]) - done
            )
            if count <= 0:
                break
            self._write(records[done : done + count])
            done += int(count)
        return done

    def _write(self, records: np.ndarray[Any, Any]) -> None:
        ring = self._ring
        slots = (self.next + np.arange(records.shape[0])) & (ring.capacity - 1)
        ring.slots[slots] = records
        publish_claimed(self._state, ring.cursors, ring.cursor, int(records.shape[0]))


class Consumer:
    """Reads a ring in order behind a barrier, with a cursor that others see."""

    def __init__(self, ring: Ring, cursor: int, barrier: Sequence[int] = ()) -> None:
        if cursor not in ring.gates:
            raise ValueError(f"cursor {cursor} does not gate the ring: use a reader")
        self._ring = ring
        self._cursor = cursor
        self._barrier = np.array(barrier or (ring.cursor,), dtype=np.int64)

    @property
    def position(self) -> int:
        """Sequence of the next record that it will consume."""
        return int(self._ring.cursors[self._cursor])

    def available(self) -> int:
        """How many records it may read now."""
        return int(minimum_cursor(self._ring.cursors, self._barrier)) - self.position

    def peek(self, limit: int) -> np.ndarray[Any, Any]:
        """A copy of the next records, at most ``limit``; ``advance`` then gives the slots back."""
        first = self.position
        count = max(0, min(self.available(), limit))
        target = np.empty(count, self._ring.slots.dtype)
        copy_records(self._ring.slots, first, count, target, 0)
        return target

    def advance(self, count: int) -> None:
        """Say that the next ``count`` records are consumed: the producer may overwrite them."""
        publish(self._ring.cursors, self._cursor, self.position + count)

    def read(self, limit: int) -> np.ndarray[Any, Any]:
        """``peek`` and ``advance`` over all of it."""
        records = self.peek(limit)
        self.advance(len(records))
        return records


class Reader:
    """Reads a ring without gating it; notices when it has been lapped."""

    def __init__(self, ring: Ring, position: int, barrier: int) -> None:
        self._ring = ring
        self._barrier = barrier
        self.position = position

    def read(self, limit: int) -> np.ndarray[Any, Any] | None:
        """A copy of the next records, at most ``limit`` (none: empty); None when lapped.

        After None, ``position`` stands where it stood: read from there elsewhere, set ``position``
        to where that ended, and come back.
        """
        target = np.empty(max(0, min(limit, self._ring.safe_capacity)), self._ring.slots.dtype)
        count = read_batch(
            self._ring.slots,
            self._ring.cursors,
            self._ring.cursor,
            self._barrier,
            self.position,
            len(target),
            target,
        )
        if count == LAPPED:
            return None
        self.position += int(count)
        return target[:count]
