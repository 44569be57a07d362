"""How many slots a frame takes."""

from __future__ import annotations

import numpy as np

from journal import commit
from journal.commit import SEGMENT_FULL, STATE_SIZE, frame_slots, whole_records
from journal.layout import FRAME_HEADER_BYTES, SLOT_BYTES

SEED = 2718
FLAGS = 48  # byte of a slot that says whether a second one follows
LONG = 4


def ring_of(longs: list[bool]) -> np.ndarray:
    """uint8: a ring of 16 slots with these records from slot 13 on, over its end."""
    octets = np.zeros((16, SLOT_BYTES), np.uint8)
    at = 13
    for long in longs:
        octets[at % 16, FLAGS] = LONG if long else 3
        at += 2 if long else 1
    return octets.reshape(-1)


def state_of(room_slots: int, maximum: int) -> np.ndarray:
    state = np.zeros(STATE_SIZE, np.int64)
    state[commit.NEXT_SEQUENCE] = 13
    state[commit.OFFSET] = 4096
    state[commit.FILE_SIZE] = 4096 + FRAME_HEADER_BYTES + room_slots * SLOT_BYTES
    state[commit.MAXIMUM_SLOTS] = maximum
    state[commit.FLAGS_OFFSET] = FLAGS
    state[commit.LONG_MASK] = LONG
    return state


def test_a_frame_never_ends_in_the_middle_of_a_record() -> None:
    generator = np.random.default_rng(SEED)
    for _ in range(200):
        longs = [bool(each) for each in generator.integers(0, 2, 6)]
        ends = np.cumsum([0, *(2 if long else 1 for long in longs)])
        ring = ring_of(longs)
        limit = int(generator.integers(0, ends[-1] + 1))
        expected = int(ends[ends <= limit][-1])
        assert whole_records(ring, 13, limit, FLAGS, LONG) == expected
        words = ring.view(np.int64)
        for state in (state_of(limit, 16), state_of(100, limit)):
            taken = frame_slots(state, words, int(ends[-1]))
            assert taken == (expected if expected > 0 else SEGMENT_FULL)


def test_what_fits_is_taken_whole() -> None:
    words = ring_of([True, False, True]).view(np.int64)
    assert frame_slots(state_of(5, 16), words, 5) == 5
    assert frame_slots(state_of(-1, 16), words, 5) == SEGMENT_FULL
