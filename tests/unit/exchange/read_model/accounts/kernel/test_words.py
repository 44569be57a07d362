"""Fields of words beside the bytes that they are."""

from __future__ import annotations

import numpy as np
import pytest

from exchange.read_model.accounts.kernel.words import (
    field_of,
    high,
    low,
    set_field,
    set_high,
    set_low,
)
from exchange.read_model.accounts.layout import ORDER_SIDE, ORDER_STATUS
from exchange.records import EVENT, EVENT_WORDS, Field, field, part
from ringbuffer.jit import jit

NAMES = [name for name in EVENT.names or () if not name.startswith("contra_token")]


@jit
def read_field(words: np.ndarray, row: int, wanted: Field) -> int:
    return field_of(words, row, wanted)


@jit
def write_field(words: np.ndarray, row: int, wanted: Field, value: int) -> None:
    set_field(words, row, wanted, value)


@jit
def write_halves(words: np.ndarray, at: int, lower: int, upper: int) -> None:
    set_low(words, at, lower)
    set_high(words, at, upper)


@jit
def read_halves(word: int) -> tuple[int, int]:
    return low(word), high(word)


def random_events(seed: int) -> np.ndarray:
    octets = np.random.default_rng(seed).integers(0, 256, 3 * EVENT.itemsize, np.uint8)
    return octets.view(EVENT)


@pytest.mark.parametrize("name", NAMES)
def test_a_field_of_a_record_is_what_numpy_says(name: str) -> None:
    events = random_events(3)
    words = events.view(np.int64).reshape(-1)
    for number in range(len(events)):
        found = int(read_field(words, number * EVENT_WORDS, field(EVENT, name)))
        expected = int(events[name][number])
        # 64 bits are signed here, whatever they are in the record
        assert found == (expected - (1 << 64) if expected >> 63 == 1 else expected), name


@pytest.mark.parametrize("wanted", [ORDER_STATUS, ORDER_SIDE, part(5, 32, 16), part(6, 0, 64)])
def test_a_change_of_a_field_changes_nothing_else(wanted: Field) -> None:
    words = np.random.default_rng(5).integers(-(1 << 62), 1 << 62, 24, np.int64)
    expected = words.copy()
    octets = expected.view(np.uint8)
    size = 8 if wanted.mask == -1 else wanted.mask.bit_length() // 8
    octets[64 + wanted.offset :][:size] = np.frombuffer((0x5A).to_bytes(size, "little"), np.uint8)
    write_field(words, 8, wanted, 0x5A)
    assert words.tolist() == expected.tolist()
    assert read_field(words, 8, wanted) == 0x5A


def test_halves() -> None:
    words = np.array([-1, 0x1122334455667788], np.int64)
    write_halves(words, 0, 0xDDCCBBAA, 0x12345678)
    assert words.tolist() == [0x12345678DDCCBBAA, 0x1122334455667788]
    assert read_halves(int(words[0])) == (0xDDCCBBAA, 0x12345678)
