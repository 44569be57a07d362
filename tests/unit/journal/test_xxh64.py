"""XXH64 against the xxhash package (an independent implementation)."""

from __future__ import annotations

import numpy as np
import xxhash

from journal.xxh64 import (
    digest,
    new_state,
    reset,
    unsigned,
    update_stripes,
    xxh64,
)

SEED = 20231


def test_published_values() -> None:
    assert unsigned(xxh64(b"")) == 0xEF46DB3751D8E999
    assert unsigned(xxh64(b"a")) == 0xD24EC4F1A98C6E5B
    assert unsigned(xxh64(b"abc")) == 0x44BC2CF5AD770999


def test_every_short_length_and_alignment() -> None:
    data = np.random.default_rng(SEED).integers(0, 256, 300, np.uint8).tobytes()
    for length in range(0, 140):
        for start in (0, 1, 3, 8):
            part = data[start : start + length]
            assert unsigned(xxh64(part)) == xxhash.xxh64_intdigest(part), (start, length)


def test_streaming_in_pieces_equals_one_call() -> None:
    generator = np.random.default_rng(SEED)
    words = generator.integers(0, 256, 8 * 4096, np.uint8).view(np.int64)
    state = new_state()
    position = 0
    while position < len(words):
        count = min(4 * int(generator.integers(0, 30)), len(words) - position)
        update_stripes(state, words, position, count)
        position += count
        expected = xxhash.xxh64_intdigest(words[:position].tobytes())
        assert unsigned(int(digest(state))) == expected
        assert unsigned(int(digest(state))) == expected, "a digest must not change the state"
    reset(state)
    assert unsigned(int(digest(state))) == xxhash.xxh64_intdigest(b"")


def test_read_only_and_structured_input() -> None:
    data = bytes(range(256))
    assert unsigned(xxh64(data)) == xxhash.xxh64_intdigest(data)
    records = np.zeros(5, np.dtype([("a", "<i8"), ("b", "u1")]))
    records["a"] = np.arange(5)
    assert unsigned(xxh64(records.tobytes())) == xxhash.xxh64_intdigest(records.tobytes())
