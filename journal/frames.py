"""Checking and copying frames of a mapped journal segment: the jitted half of reader and recovery.

All functions take ``words``: int64[file size // 8], read-only, the whole segment file, and word
positions in it. They never write to it. A frame's checksum covers everything but padding zeros, so
``check_frame`` is the only judge of a frame; the functions above it judge its place in the chain.
"""

from __future__ import annotations

import numpy as np

from journal.layout import (
    FRAME_CHECKSUM_WORD,
    FRAME_COUNT_WORD,
    FRAME_HEADER_WORDS,
    FRAME_MAGIC,
    FRAME_MAGIC_WORD,
    FRAME_PREVIOUS_WORD,
    FRAME_SEGMENT_WORD,
    FRAME_SEQUENCE_WORD,
    SLOT_WORDS,
)
from journal.xxh64 import STATE_WORDS, digest, reset, update_stripes
from ringbuffer.jit import jit

# A check of a position gives a slot count above 0, or one of these.
EMPTY = 0  # 64 zero bytes
FULL = -1  # the segment has no room for a frame header here
BAD = -2  # neither a valid frame nor empty
GAP = -3  # a valid frame of another sequence than expected
BROKEN_CHAIN = -4  # a valid frame that follows another predecessor
OTHER_SEGMENT = -5  # a valid frame that was written for another segment
LIMIT = -6  # the caller's limit is reached

# Words of a scan cursor (int64[CURSOR_WORDS]).
POSITION = 0  # word index of the next frame header
SEQUENCE = 1  # first sequence expected there
CHECKSUM = 2  # checksum of the frame before
SEGMENT = 3  # number of the segment
FRAMES = 4  # frames passed so far
LAST = 5  # word index of the frame passed last
CURSOR_WORDS = 8

SCRATCH_WORDS = STATE_WORDS + FRAME_HEADER_WORDS


@jit
def check_frame(words: np.ndarray, position: int, scratch: np.ndarray) -> int:
    """Slot count of the valid frame at ``position``, or EMPTY, FULL or BAD.

    ``words``: int64[file size // 8]; ``position``: a word index; ``scratch``: int64[SCRATCH_WORDS].
    """
    room = words.shape[0] - position
    if room < FRAME_HEADER_WORDS + SLOT_WORDS:
        return FULL
    if words[position + FRAME_MAGIC_WORD] != FRAME_MAGIC:
        for i in range(FRAME_HEADER_WORDS):
            if words[position + i] != 0:
                return BAD
        return EMPTY
    count: int = words[position + FRAME_COUNT_WORD]
    # Bound the count by the room before multiplying: a damaged one could overflow.
    if count <= 0 or count > (room - FRAME_HEADER_WORDS) // SLOT_WORDS:
        return BAD
    state = scratch[:STATE_WORDS]
    header = scratch[STATE_WORDS:]
    for i in range(FRAME_HEADER_WORDS):
        header[i] = words[position + i]
    header[FRAME_CHECKSUM_WORD] = 0
    reset(state)
    update_stripes(state, header, 0, FRAME_HEADER_WORDS)
    update_stripes(state, words, position + FRAME_HEADER_WORDS, count * SLOT_WORDS)
    if digest(state) != words[position + FRAME_CHECKSUM_WORD]:
        return BAD
    return count


@jit
def next_frame(words: np.ndarray, cursor: np.ndarray, scratch: np.ndarray) -> int:
    """Slot count of the frame at the cursor if it is valid and in its place; the cursor stays.

    Else EMPTY, FULL, BAD, GAP, BROKEN_CHAIN or OTHER_SEGMENT. ``cursor``: int64[CURSOR_WORDS];
    the others as of ``check_frame``.
    """
    position = cursor[POSITION]
    count = check_frame(words, position, scratch)
    if count <= 0:
        return count
    if words[position + FRAME_SEGMENT_WORD] != cursor[SEGMENT]:
        return OTHER_SEGMENT
    if words[position + FRAME_SEQUENCE_WORD] != cursor[SEQUENCE]:
        return GAP
    if words[position + FRAME_PREVIOUS_WORD] != cursor[CHECKSUM]:
        return BROKEN_CHAIN
    return count


@jit
def advance(words: np.ndarray, cursor: np.ndarray, count: int) -> None:
    """Move the cursor (int64[CURSOR_WORDS]) over the frame of ``count`` slots at it."""
    position = cursor[POSITION]
    cursor[LAST] = position
    cursor[CHECKSUM] = words[position + FRAME_CHECKSUM_WORD]
    cursor[SEQUENCE] += count
    cursor[POSITION] = position + FRAME_HEADER_WORDS + count * SLOT_WORDS
    cursor[FRAMES] += 1


@jit
def scan(words: np.ndarray, cursor: np.ndarray, end_sequence: int, scratch: np.ndarray) -> int:
    """Move the cursor over frames until one contains or begins at ``end_sequence``: LIMIT.

    Else until something other than a good frame: that code; the cursor stands at it. Parameters as
    of ``next_frame``.
    """
    while True:
        if cursor[SEQUENCE] >= end_sequence:
            return LIMIT
        count = next_frame(words, cursor, scratch)
        if count <= 0:
            return count
        if cursor[SEQUENCE] + count > end_sequence:
            return LIMIT
        advance(words, cursor, count)


@jit
def copy_frames(
    words: np.ndarray,
    cursor: np.ndarray,
    target: np.ndarray,
    first_sequence: int,
    end_sequence: int,
    scratch: np.ndarray,
) -> int:
    """Copy the slots of whole frames into a ring, from the cursor on.

    ``target``: int64[slots * SLOT_WORDS], slots a power of two; the slot of sequence ``s`` goes to
    ``s & (slots - 1)``. Slots below ``first_sequence`` are checked but not copied. Returns LIMIT
    when the next frame would pass ``end_sequence``, else the code of what stopped it. The others as
    of ``next_frame``.
    """
    mask = target.shape[0] // SLOT_WORDS - 1
    while True:
        count = next_frame(words, cursor, scratch)
        if count <= 0:
            return count
        sequence = cursor[SEQUENCE]
        if sequence + count > end_sequence:
            return LIMIT
        payload = cursor[POSITION] + FRAME_HEADER_WORDS
        for i in range(max(first_sequence - sequence, 0), count):
            to = ((sequence + i) & mask) * SLOT_WORDS
            source = payload + i * SLOT_WORDS
            for word in range(SLOT_WORDS):
                target[to + word] = words[source + word]
        advance(words, cursor, count)


@jit
def find_valid_frame(words: np.ndarray, first: int, scratch: np.ndarray) -> int:
    """Word index of the first valid frame at or after ``first`` (a multiple of 8), or -1.

    ``words``, ``scratch``: as of ``check_frame``.
    """
    for position in range(first, words.shape[0], SLOT_WORDS):
        if words[position] == FRAME_MAGIC and check_frame(words, position, scratch) > 0:
            return position
    return -1


@jit
def end_of_data(words: np.ndarray, first: int) -> int:
    """Word index after the last word at or after ``first`` that is not 0; ``first`` if none.

    ``words``: int64[file size // 8].
    """
    for position in range(words.shape[0] - 1, first - 1, -1):
        if words[position] != 0:
            return position + 1
    return first


def new_scratch() -> np.ndarray:
    """Scratch for the functions here: int64[SCRATCH_WORDS]."""
    return np.zeros(SCRATCH_WORDS, np.int64)
