"""Finding the next set bit: in one word, and in a three-level bitmap of the expiry wheel."""

from __future__ import annotations

from typing import Any

from exchange.engine.state.memory import get, put, signed, top_bit
from ringbuffer.jit import jit, jit_inline


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
    for level in range(3):
        word = base + (bucket >> 6)
        put(bitmap, word, get(bitmap, word) | bit(bucket & 63))
        base += 1 << (bits - 6 * (level + 1))
        bucket >>= 6


@jit
def wheel_clear(bitmap: Any, bucket: int, bits: int) -> None:
    """Mark ``bucket`` as empty."""
    base = 0
    for level in range(3):
        word = base + (bucket >> 6)
        rest = get(bitmap, word) & ~bit(bucket & 63)
        put(bitmap, word, rest)
        if rest != 0:
            return
        base += 1 << (bits - 6 * (level + 1))
        bucket >>= 6


@jit
def wheel_next(bitmap: Any, bucket: int, bits: int) -> int:
    """The first bucket that is not empty at or after ``bucket``; -1 if none up to the end."""
    base_1 = 1 << (bits - 6)
    base_2 = base_1 + (1 << (bits - 12))
    top_words = 1 << (bits - 18)
    size = 1 << bits
    if bucket >= size:
        return -1
    found = lowest_from(get(bitmap, bucket >> 6), bucket & 63)
    if found >= 0:
        return (bucket & ~63) + found
    second = (bucket >> 6) + 1
    if second >= size >> 6:
        return -1
    found = lowest_from(get(bitmap, base_1 + (second >> 6)), second & 63)
    if found < 0:
        third = (second >> 6) + 1
        found = -1
        while third < size >> 12:
            found = lowest_from(get(bitmap, base_2 + (third >> 6)), third & 63)
            if found >= 0:
                third = (third & ~63) + found
                break
            third = (third & ~63) + 64
        if found < 0 or (third >> 6) >= top_words:
            return -1
        second = (third << 6) + lowest_from(get(bitmap, base_1 + third), 0)
    else:
        second = (second & ~63) + found
    return (second << 6) + lowest_from(get(bitmap, second), 0)
