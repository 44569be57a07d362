"""Single-producer ring over shared memory: the vocabulary is the LMAX Disruptor's.

A ring is an array of ``capacity`` slots (a power of two) and a *cursor*: the number of records
published so far, that is the sequence that comes next. The record of sequence ``s`` lives in slot
``s & (capacity - 1)``. Sequences start at 0 and never wrap (int64).

Three roles, each with its functions, and one gate a ring (Decision RNG-6):

- The *producer* is the only writer of the slots and of the cursor. Its own memory holds its next
  sequence. It asks for ``room`` (or ``claim``s a number of slots), writes them, then ``publish``es
  its next sequence. A record may take several slots: publish all of them at once.
- The *gating consumer* reads in order and never loses a record: the producer does not overwrite
  what this consumer has not consumed. It takes a batch of what is ``available``, reads it where it
  lies, then ``publish``es its own next sequence in a second cursor, the *gating sequence*, and asks
  ``producer_may_wait`` whether it has to wake the producer.
- A *non-gating reader* may be lapped. It copies a batch of what is ``available``, then asks
  ``lapped`` whether the producer may have overwritten any of it meanwhile; ``copy_batch`` does
  both. A copy that was lapped is worthless: the reader gets the records from somewhere else (the
  archive).

The stages of the exchange and their rings:

    ring       producer                cursor             gating sequence    non-gating readers
    ingress i  control, order entry,   ingress_published  ingress_consumed
               api                                        (matcher)
    command    matcher                 COMMAND_PUBLISHED  COMMAND_DURABLE
                                                          (journaler)
    event      matcher                 EVENT_PUBLISHED    EVENT_RELEASED     order entry, api, feed,
                                                          (journaler)        store, daemon

A non-gating reader reads behind EVENT_RELEASED and is lapped by EVENT_PUBLISHED. The cursor does
not say which slots the producer is writing just now, so the producer of a ring with such readers
never has more than ``maximum_batch(capacity)`` (a quarter of the ring) records written and
unpublished. When the cursor says P, the producer may be overwriting, at worst, the slots of the
sequences below P + maximum_batch - capacity::

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

In every function ``cursors`` is that array, int64[words]; ``cursor``, ``gate`` are word indices;
sequences, capacities and counts are int64 numbers of slots. All of them run in compiled code and,
called by the interpreter, in Python; a cursor that another process writes is read with
``atomics.load_acquire`` in both.

Decision RNG-6.
"""

from __future__ import annotations

import numpy as np

from ringbuffer.atomics import (
    fence,
    fence_acquire,
    fence_release,
    load_acquire,
    store_release,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

CURSOR_STRIDE = 16  # int64 words from one cursor to the next: 128 bytes
UNGATED = 1 << 62  # a gating sequence that never holds the producer back

# Unpublished records are bounded to 1 / 2**_BATCH_SHIFT of the ring.
_BATCH_SHIFT = 2


@jit_borrowed_inline
def maximum_batch(capacity: int) -> int:
    """The most records that the producer of a ring with non-gating readers may have unpublished."""
    return max(capacity >> _BATCH_SHIFT, 1)


@jit_borrowed_inline
def safe_capacity(capacity: int) -> int:
    """How many records behind the cursor a non-gating reader may still copy."""
    return capacity - maximum_batch(capacity)


# --- the producer -------------------------------------------------------------------------------


@jit_borrowed_inline
def room(cursors: np.ndarray, gate: int, next_sequence: int, capacity: int) -> int:
    """How many slots the producer may write from ``next_sequence`` on.

    ``gate``: word index of the gating sequence of the ring's consumer.
    """
    # acquire: the consumer has finished reading the slots that it gives back before we write them
    return capacity - (next_sequence - load_acquire(cursors, gate))


@jit_borrowed_inline
def claim(cursors: np.ndarray, gate: int, next_sequence: int, capacity: int, wanted: int) -> int:
    """How many of ``wanted`` slots the producer may write now, from ``next_sequence`` on."""
    return min(wanted, room(cursors, gate, next_sequence, capacity))


@jit_borrowed_inline
def publish(cursors: np.ndarray, cursor: int, next_sequence: int) -> None:
    """Set a cursor: the caller has done its work with every record below ``next_sequence``.

    A producer has written them and makes them visible; a consumer has read them and gives their
    slots back. Only the owner of a cursor calls this.
    """
    # release: our writes to the slots (a consumer: our reads of them) are done before the cursor
    # says so
    store_release(cursors, cursor, next_sequence)
    # release fence: the cursor is visible before the slots that are written next, on which a
    # non-gating reader's `lapped` relies (see above)
    fence_release()


# --- the gating consumer ------------------------------------------------------------------------


@jit_borrowed_inline
def available(cursors: np.ndarray, cursor: int, next_sequence: int, limit: int) -> int:
    """How many records from ``next_sequence`` on may be read now, at most ``limit``: a batch.

    0 or less: none. ``cursor``: word index of the cursor behind which the caller reads, the
    producer's or that of a stage behind the producer.
    """
    # acquire: the records below the cursor are written before we read them
    return min(load_acquire(cursors, cursor) - next_sequence, limit)


@jit_borrowed_inline
def producer_may_wait(cursors: np.ndarray, cursor: int, first: int, capacity: int) -> bool:
    """Whether the producer may sleep because it found the ring full: if so, wake it.

    A gating consumer asks after it has published its gating sequence. ``cursor``: the producer's;
    ``first``: what the gating sequence was before. A ring that was less than half full then is not
    worth a wake-up: a producer that waits for room waits at a ring that is at least half full.
    """
    # full fence: our gating sequence is visible before we look at the producer's cursor again. A
    # producer that has found the ring full, looking a last time before it sleeps, had published
    # what we see now; what we saw before our batch may be only a part of that.
    fence()
    # acquire: orders nothing here, no record is read because of this look
    return (load_acquire(cursors, cursor) - first) * 2 >= capacity


# --- the non-gating reader ----------------------------------------------------------------------


@jit_borrowed_inline
def lapped(cursors: np.ndarray, cursor: int, first: int, capacity: int) -> bool:
    """Whether the slots from sequence ``first`` on may have been overwritten while we copied.

    ``cursor``: word index of the *producer's* cursor (not of a stage behind it).
    """
    # acquire fence: the copy is done before the cursor is looked at (see above)
    fence_acquire()
    # acquire: the records below the cursor are written before a copy that follows this look
    return load_acquire(cursors, cursor) - first > safe_capacity(capacity)


@jit_borrowed
def copy_batch(
    slots: np.ndarray, cursors: np.ndarray, cursor: int, first: int, count: int, target: np.ndarray
) -> bool:
    """Copy ``count`` records from sequence ``first`` on to the beginning of ``target``.

    ``slots``: the ring, ``target``: an array of the same dtype with at least ``count`` records;
    ``cursor``: word index of the producer's cursor. The caller has found the records ``available``.
    False: lapped, and what ``target`` holds is worthless.
    """
    capacity = slots.shape[0]
    if lapped(cursors, cursor, first, capacity):
        return False
    for i in range(count):
        target[i] = slots[(first + i) & (capacity - 1)]
    return not lapped(cursors, cursor, first, capacity)
