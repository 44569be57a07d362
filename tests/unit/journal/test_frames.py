"""Checking frames: what stands at a place."""

from __future__ import annotations

import numpy as np

from journal.frames import BAD, EMPTY, FULL, check_frame, end_of_data, find_valid_frame, new_scratch
from tests.harness.built_journal import frame


def words_of(*parts: bytes) -> np.ndarray:
    return np.frombuffer(b"".join(parts), np.int64).copy()


def test_what_stands_at_a_place() -> None:
    octets, _ = frame(5, 2, -3, 0)
    words = words_of(octets, bytes(128))
    scratch = new_scratch()
    assert check_frame(words, 0, scratch) == 2
    assert check_frame(words, 24, scratch) == EMPTY
    assert check_frame(words, 32, scratch) == FULL
    for word in range(24):
        damaged = words.copy()
        damaged[word] ^= 1 << 17
        assert check_frame(damaged, 0, scratch) == BAD, word
    # a count that would reach beyond the segment is not multiplied
    damaged = words.copy()
    damaged[1] = 1 << 60
    assert check_frame(damaged, 0, scratch) == BAD


def test_a_valid_frame_is_found_at_any_place_of_64_bytes() -> None:
    octets, _ = frame(5, 2, -3, 0)
    for before in range(4):
        words = words_of(bytes(64) * before, b"\xff" * 64, octets)
        assert find_valid_frame(words, 0, new_scratch()) == 8 * (before + 1)
    assert find_valid_frame(words_of(bytes(64), octets[:-16] + bytes(16)), 0, new_scratch()) == -1


def test_end_of_data() -> None:
    words = np.zeros(16, np.int64)
    assert end_of_data(words, 3) == 3
    words[9] = -1
    assert [end_of_data(words, first) for first in (0, 9, 10)] == [10, 10, 10]
