"""The jitted half of the journal's writer: one frame per commit, straight from the command ring.

Who uses it: ``writer.py`` (the Python shell) and ``duty_cycle.py`` (the journaler). Invariants:

- a frame is written by one ``pwritev`` (header, slots, slots after the ring's wrap) and is durable
  when the ``fdatasync`` after it has returned; only then may the caller publish;
- the first failed call is final: the state remembers it and every later commit is refused;
- a long record (two slots) is never split over two frames.
"""

from __future__ import annotations

import numpy as np

from journal.layout import (
    FRAME_CHECKSUM_WORD,
    FRAME_COUNT_WORD,
    FRAME_HEADER_BYTES,
    FRAME_HEADER_WORDS,
    FRAME_MAGIC,
    FRAME_MAGIC_WORD,
    FRAME_PREVIOUS_WORD,
    FRAME_SEGMENT_WORD,
    FRAME_SEQUENCE_WORD,
    FRAME_TIME_WORD,
    FRAME_ZERO_WORD,
    SLOT_BYTES,
    SLOT_WORDS,
)
from journal.xxh64 import STATE_WORDS, digest, reset, update_stripes
from ringbuffer.jit import jit
from ringbuffer.system_calls import (
    CLOCK_MONOTONIC,
    CLOCK_REALTIME,
    clock_ns,
    errno,
    fdatasync,
    pwritev,
)

# The writer's state is one int64 array: passing an array to a jitted function costs about 0.2 µs,
# and the duty cycle of one order in flight is a few. First its words:
DESCRIPTOR = 0
OFFSET = 1  # bytes; where the next frame goes
FILE_SIZE = 2  # bytes
NEXT_SEQUENCE = 3
LAST_CHECKSUM = 4
SEGMENT_NUMBER = 5
MAXIMUM_SLOTS = 6  # of one frame
FLAGS_OFFSET = 7  # byte in a slot that holds the long flag
LONG_MASK = 8  # the bit of that byte
FAILURE = 9  # 0, or the code of the first failed commit
ERRNO = 10  # of that failure; 0 for a short write
WRITTEN_BYTES = 11  # what the failed pwritev returned
FAILED_COUNT = 12  # slots of the failed frame
SYNC_NS = 13  # duration of the last fdatasync
WRITE_NS = 14  # duration of the last checksum + pwritev
# then the areas that system calls and the checksum need:
_HEADER = 16  # [FRAME_HEADER_WORDS] the frame header being written
_VECTORS = _HEADER + FRAME_HEADER_WORDS  # [6] three struct iovec (address, length)
_HASH = _VECTORS + 6  # [STATE_WORDS]
CLOCK = _HASH + STATE_WORDS  # [2] a struct timespec
STATE_SIZE = CLOCK + 2

# Results of ``commit`` below 0.
SEGMENT_FULL = -1  # no error: the caller rolls to the next segment and commits again
WRITE_FAILED = -2
SYNC_FAILED = -3
SHORT_WRITE = -4


@jit
def whole_records(
    ring_bytes: np.ndarray, first: int, limit: int, flags_offset: int, long_mask: int
) -> int:
    """How many of the ``limit`` slots from sequence ``first`` on are whole records.

    ``first`` must be the first slot of a record. ``ring_bytes``: uint8[slots * SLOT_BYTES].
    """
    mask = ring_bytes.shape[0] // SLOT_BYTES - 1
    count = 0
    while count < limit:
        flags = ring_bytes[((first + count) & mask) * SLOT_BYTES + flags_offset]
        step = 2 if flags & long_mask else 1
        if count + step > limit:
            break
        count += step
    return count


@jit
def frame_slots(words: np.ndarray, ring_words: np.ndarray, available: int) -> int:
    """How many of ``available`` slots the next frame takes: whole records, at least one slot.

    SEGMENT_FULL if the segment has no room for that. ``words``: int64[STATE_SIZE]; ``ring_words``:
    int64[slots * SLOT_WORDS].
    """
    room = (words[FILE_SIZE] - words[OFFSET] - FRAME_HEADER_BYTES) // SLOT_BYTES
    count: int = min(available, words[MAXIMUM_SLOTS], room)
    if count == available:
        return count
    if count > 0:
        # Cut by a limit, not by the producer: that may be in the middle of a long record.
        count = whole_records(
            ring_words.view(np.uint8),
            words[NEXT_SEQUENCE],
            count,
            words[FLAGS_OFFSET],
            words[LONG_MASK],
        )
    return count if count > 0 else SEGMENT_FULL


@jit
def seal_header(words: np.ndarray, ring_words: np.ndarray, start: int, count: int) -> None:
    """Fill the frame header in the state, checksum included, for ``count`` slots.

    ``words``: int64[STATE_SIZE]; ``ring_words``: int64[slots * SLOT_WORDS]; ``start``: the slot of
    the ring at which the frame begins. The slots go on at the ring's beginning after its end.
    """
    header = words[_HEADER : _HEADER + FRAME_HEADER_WORDS]
    header[FRAME_MAGIC_WORD] = FRAME_MAGIC
    header[FRAME_COUNT_WORD] = count
    header[FRAME_SEQUENCE_WORD] = words[NEXT_SEQUENCE]
    header[FRAME_CHECKSUM_WORD] = 0
    header[FRAME_PREVIOUS_WORD] = words[LAST_CHECKSUM]
    header[FRAME_TIME_WORD] = clock_ns(CLOCK_REALTIME, words[CLOCK : CLOCK + 2])
    header[FRAME_SEGMENT_WORD] = words[SEGMENT_NUMBER]
    header[FRAME_ZERO_WORD] = 0
    before_wrap = min(count, ring_words.shape[0] // SLOT_WORDS - start)
    state = words[_HASH : _HASH + STATE_WORDS]
    reset(state)
    update_stripes(state, header, 0, FRAME_HEADER_WORDS)
    update_stripes(state, ring_words, start * SLOT_WORDS, before_wrap * SLOT_WORDS)
    update_stripes(state, ring_words, 0, (count - before_wrap) * SLOT_WORDS)
    header[FRAME_CHECKSUM_WORD] = digest(state)


@jit
def write_frame(words: np.ndarray, ring_words: np.ndarray, start: int, count: int) -> int:
    """Write the sealed header and its slots at the state's offset: what pwritev returns, in bytes.

    Parameters as of ``seal_header``.
    """
    before_wrap = min(count, ring_words.shape[0] // SLOT_WORDS - start)
    header = words[_HEADER : _HEADER + FRAME_HEADER_WORDS]
    vectors = words[_VECTORS : _VECTORS + 6]
    ring_address = np.int64(ring_words.ctypes.data)
    vectors[0] = np.int64(header.ctypes.data)
    vectors[1] = FRAME_HEADER_BYTES
    vectors[2] = ring_address + start * SLOT_BYTES
    vectors[3] = before_wrap * SLOT_BYTES
    vectors[4] = ring_address
    vectors[5] = (count - before_wrap) * SLOT_BYTES
    vector_count = np.int32(3 if count > before_wrap else 2)
    written: int = pwritev(
        np.int32(words[DESCRIPTOR]), vectors.ctypes.data, vector_count, words[OFFSET]
    )
    return written


@jit
def remember_failure(words: np.ndarray, code: int, written: int, count: int) -> int:
    """Make ``code`` the answer to every later commit, and return it. ``words``: int64[STATE_SIZE].

    ``written``: bytes that pwritev said; ``count``: slots of the frame.
    """
    words[ERRNO] = 0 if code == SHORT_WRITE else errno()
    words[WRITTEN_BYTES] = written
    words[FAILED_COUNT] = count
    words[FAILURE] = code
    return code


@jit
def commit(words: np.ndarray, ring_words: np.ndarray, available: int) -> int:
    """Write up to ``available`` slots from the writer's next sequence on as one frame and sync it.

    ``words``: the writer's state, int64[STATE_SIZE]. ``ring_words``: int64[slots * SLOT_WORDS], the
    ring; its slots up to ``next sequence + available`` must be published, and a publish never
    splits a long record.
    Returns the number of slots that are durable now (0 if ``available`` is 0), SEGMENT_FULL, or
    WRITE_FAILED, SYNC_FAILED, SHORT_WRITE: then nothing of it may be released, ever.
    """
    failure: int = words[FAILURE]
    if failure != 0:
        return failure
    if available <= 0:
        return 0
    count = frame_slots(words, ring_words, available)
    if count < 0:
        return count
    clock = words[CLOCK : CLOCK + 2]
    started_ns = clock_ns(CLOCK_MONOTONIC, clock)
    start = words[NEXT_SEQUENCE] & (ring_words.shape[0] // SLOT_WORDS - 1)
    seal_header(words, ring_words, start, count)
    size = FRAME_HEADER_BYTES + count * SLOT_BYTES
    written = write_frame(words, ring_words, start, count)
    if written != size:
        return remember_failure(words, WRITE_FAILED if written < 0 else SHORT_WRITE, written, count)
    written_ns = clock_ns(CLOCK_MONOTONIC, clock)
    if fdatasync(np.int32(words[DESCRIPTOR])) != 0:
        return remember_failure(words, SYNC_FAILED, written, count)
    words[SYNC_NS] = clock_ns(CLOCK_MONOTONIC, clock) - written_ns
    words[WRITE_NS] = written_ns - started_ns
    words[OFFSET] += size
    words[NEXT_SEQUENCE] += count
    words[LAST_CHECKSUM] = words[_HEADER + FRAME_CHECKSUM_WORD]
    return count
