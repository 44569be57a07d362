"""Finding the next set bit: in one word, and in a three-level bitmap of the expiry wheel."""

from __future__ import annotations

from typing import Any

from exchange.engine.state.memory import get, put, signed, top_bit
from ringbuffer.jit import jit, jit_inline

_WORD_SHIFT = 6  # a word of a bitmap has 64 bits
_LEVELS = 3
_BIT_MASK = (1 << _WORD_SHIFT) - 1


@jit_inline
def bit(number: int) -> int:
    """A word with only bit ``number`` (0 to 63) set."""
    return signed(1 << number)


@jit_inline
def highest_below(bits: int, number: int) -> int:
    """The highest set bit of ``bits`` below ``number`` (0 to 63); -1 if there is none."""
    return top_bit(bits & (bit(number) - 1))


@jit_inline
def lowest_from(bits: int, number: int) -> int:
    """The lowest set bit of ``bits`` at or above ``number`` (0 to 63); -1 if there is none."""
    rest = bits & -bit(number)
    return top_bit(rest & -rest)


@jit
def wheel_set(bitmap: Any, bucket: int, bits: int) -> None:
    """Mark ``bucket`` of a wheel of ``2**bits`` buckets as not empty, in all three levels."""
    base = 0
    for level in range(_LEVELS):
        word = base + (bucket >> _WORD_SHIFT)
        put(bitmap, word, get(bitmap, word) | bit(bucket & _BIT_MASK))
        base += 1 << (bits - _WORD_SHIFT * (level + 1))
        bucket >>= 6


@jit
def wheel_clear(bitmap: Any, bucket: int, bits: int) -> None:
    """Mark ``bucket`` as empty."""
    base = 0
    for level in range(_LEVELS):
        word = base + (bucket >> _WORD_SHIFT)
        rest = get(bitmap, word) & ~bit(bucket & _BIT_MASK)
        put(bitmap, word, rest)
        if rest != 0:
            return
        base += 1 << (bits - _WORD_SHIFT * (level + 1))
        bucket >>= 6


@jit
def wheel_next(bitmap: Any, bucket: int, bits: int) -> int:
    """The first bucket that is not empty at or after ``bucket``; -1 if none up to the end."""
    base_1 = 1 << (bits - _WORD_SHIFT)
    base_2 = base_1 + (1 << (bits - 2 * _WORD_SHIFT))
    top_words = 1 << (bits - 3 * _WORD_SHIFT)
    size = 1 << bits
    if bucket >= size:
        return -1
    found = lowest_from(get(bitmap, bucket >> _WORD_SHIFT), bucket & _BIT_MASK)
    if found >= 0:
        return (bucket & ~_BIT_MASK) + found
    second = (bucket >> _WORD_SHIFT) + 1
    if second >= size >> _WORD_SHIFT:
        return -1
    found = lowest_from(get(bitmap, base_1 + (second >> _WORD_SHIFT)), second & _BIT_MASK)
    if found < 0:
        third = (second >> _WORD_SHIFT) + 1
        found = -1
        while third < size >> 2 * _WORD_SHIFT:
            found = lowest_from(get(bitmap, base_2 + (third >> _WORD_SHIFT)), third & _BIT_MASK)
            if found >= 0:
                third = (third & ~_BIT_MASK) + found
                break
            third = (third & ~_BIT_MASK) + _BIT_MASK + 1
        if found < 0 or (third >> _WORD_SHIFT) >= top_words:
            return -1
        second = (third << _WORD_SHIFT) + lowest_from(get(bitmap, base_1 + third), 0)
    else:
        second = (second & ~_BIT_MASK) + found
    return (second << _WORD_SHIFT) + lowest_from(get(bitmap, second), 0)
