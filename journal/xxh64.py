"""XXH64, seed 0: the checksum of journal frames, headers and snapshots, and the event chain hash.

Who uses it: the journal's writer, reader and recovery; the engine's chain hash; snapshots. Written
from the format's description (https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md); the
tests compare it with the xxhash package.

Four lanes of 64 bits each take one word of every 32-byte stripe, so a processor runs the four
multiply chains side by side. Streaming state, int64[STATE_WORDS] (the bits of unsigned words)::

    word  0       1       2       3       4            5..7
          lane 1  lane 2  lane 3  lane 4  total bytes  spare

Invariant: the streaming functions take whole stripes only, so ``total bytes`` is a multiple of 32
and the state never holds a partial stripe. Everything here is little-endian.

Under the JIT the arithmetic is uint64 and wraps; with ``NUMBA_DISABLE_JIT=1`` it is Python integers
with explicit masks (numpy scalars would warn about each overflow).

Decision ARC-6.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ringbuffer.jit import JIT_DISABLED, jit, jit_inline

STATE_WORDS = 8
STRIPE_WORDS = 4  # 32 bytes
STRIPE_BYTES = 32
TOTAL_BYTES = 4  # index in the state

_PRIME_1 = 0x9E3779B185EBCA87
_PRIME_2 = 0xC2B2AE3D27D4EB4F
_PRIME_3 = 0x165667B19E3779F9
_PRIME_4 = 0x85EBCA77C2B2AE63
_PRIME_5 = 0x27D4EB2F165667C5
_MASK = 0xFFFFFFFFFFFFFFFF

if JIT_DISABLED:
    P1: Any = _PRIME_1
    P2: Any = _PRIME_2
    P3: Any = _PRIME_3
    P4: Any = _PRIME_4
    P5: Any = _PRIME_5

    _ONE: Any = 1
    _TWO: Any = 2
    _THREE: Any = 3

    def _index(value: int) -> Any:
        return int(value)

    def _word(value: Any) -> Any:
        return int(value) & _MASK

    def _signed(value: Any) -> int:
        return int(value - (1 << 64) if value >> 63 else value)

    def _rotate(value: Any, bits: int) -> Any:
        return ((value << bits) | (value >> (64 - bits))) & _MASK

    def _multiply(left: Any, right: Any) -> Any:
        return (left * right) & _MASK

    def _add(left: Any, right: Any) -> Any:
        return (left + right) & _MASK

    def _shifted(value: Any, bits: int) -> Any:
        return value >> bits

else:
    P1 = np.uint64(_PRIME_1)
    P2 = np.uint64(_PRIME_2)
    P3 = np.uint64(_PRIME_3)
    P4 = np.uint64(_PRIME_4)
    P5 = np.uint64(_PRIME_5)

    @jit_inline
    def _word(value: Any) -> Any:
        return np.uint64(value)

    _ONE, _TWO, _THREE = np.uint64(1), np.uint64(2), np.uint64(3)

    @jit_inline
    def _index(value: int) -> Any:
        return np.uint64(value)

    @jit_inline
    def _signed(value: Any) -> int:
        return np.int64(value)  # type: ignore[return-value]

    @jit_inline
    def _rotate(value: Any, bits: int) -> Any:
        return (value << np.uint64(bits)) | (value >> np.uint64(64 - bits))

    @jit_inline
    def _multiply(left: Any, right: Any) -> Any:
        return left * right

    @jit_inline
    def _add(left: Any, right: Any) -> Any:
        return left + right

    @jit_inline
    def _shifted(value: Any, bits: int) -> Any:
        return value >> np.uint64(bits)


@jit_inline
def _round(lane: Any, word: Any) -> Any:
    """Take a word into a lane: uint64 all."""
    return _multiply(_rotate(_add(lane, _multiply(word, P2)), 31), P1)


@jit_inline
def _merge(digest: Any, lane: Any) -> Any:
    """Take a lane into the digest: uint64 all."""
    mixed = _multiply(_rotate(_multiply(lane, P2), 31), P1)
    return _add(_multiply(digest ^ mixed, P1), P4)


@jit_inline
def _avalanche(digest: Any) -> Any:
    """Spread each bit of a uint64 digest over all of it."""
    digest = _multiply(digest ^ _shifted(digest, 33), P2)
    digest = _multiply(digest ^ _shifted(digest, 29), P3)
    return digest ^ _shifted(digest, 32)


@jit_inline
def _tail_word(digest: Any, word: Any) -> Any:
    """Take a word behind the last stripe into the digest: uint64 all."""
    mixed = _multiply(_rotate(_multiply(word, P2), 31), P1)
    return _add(_multiply(_rotate(digest ^ mixed, 27), P1), P4)


@jit_inline
def _merged(state: np.ndarray) -> Any:
    """The uint64 digest before the tail: the four lanes, or the seed constant if none was used.

    ``state``: int64[STATE_WORDS].
    """
    total = _word(state[TOTAL_BYTES])
    if total >= _word(STRIPE_BYTES):
        lane_1 = _word(state[0])
        lane_2 = _word(state[1])
        lane_3 = _word(state[2])
        lane_4 = _word(state[3])
        digest = _add(
            _add(_rotate(lane_1, 1), _rotate(lane_2, 7)),
            _add(_rotate(lane_3, 12), _rotate(lane_4, 18)),
        )
        digest = _merge(digest, lane_1)
        digest = _merge(digest, lane_2)
        digest = _merge(digest, lane_3)
        digest = _merge(digest, lane_4)
    else:
        digest = P5
    return digest


@jit
def reset(state: np.ndarray) -> None:
    """Make ``state`` (int64[STATE_WORDS]) the state of a hash of nothing."""
    state[0] = _signed(_add(P1, P2))
    state[1] = _signed(P2)
    state[2] = 0
    state[3] = _signed(_add(P1 ^ _word(_MASK), _word(1)))  # 0 - P1
    state[TOTAL_BYTES] = 0


@jit
def update_stripes(state: np.ndarray, words: np.ndarray, first_word: int, word_count: int) -> None:
    """Hash ``words[first_word : first_word + word_count]`` into ``state``.

    ``words``: int64 or uint64, one-dimensional, contiguous. ``word_count`` must be a multiple of
    ``STRIPE_WORDS``; a remainder would be left out of the hash, so callers hash records whose size
    is a multiple of 32 bytes.
    """
    lane_1 = _word(state[0])
    lane_2 = _word(state[1])
    lane_3 = _word(state[2])
    lane_4 = _word(state[3])
    # An unsigned index needs no look at its sign: numba would test each for a negative one.
    for stripe in range(word_count // STRIPE_WORDS):
        i = _index(first_word + stripe * STRIPE_WORDS)
        lane_1 = _round(lane_1, _word(words[i]))
        lane_2 = _round(lane_2, _word(words[i + _ONE]))
        lane_3 = _round(lane_3, _word(words[i + _TWO]))
        lane_4 = _round(lane_4, _word(words[i + _THREE]))
    state[0] = _signed(lane_1)
    state[1] = _signed(lane_2)
    state[2] = _signed(lane_3)
    state[3] = _signed(lane_4)
    state[TOTAL_BYTES] += word_count * 8


@jit
def digest(state: np.ndarray) -> int:
    """XXH64 of everything hashed into ``state`` so far, as a signed int64; it is unchanged.

    ``state``: int64[STATE_WORDS].
    """
    return _signed(_avalanche(_add(_merged(state), _word(state[TOTAL_BYTES]))))


@jit
def _xxh64_bytes(words: np.ndarray, rest: np.ndarray, state: np.ndarray) -> int:
    """XXH64 as a signed int64 of ``words`` (uint64) and of ``rest`` (uint8, at most 7) after them.

    ``state``: int64[STATE_WORDS], overwritten.
    """
    word_count = words.shape[0]
    reset(state)
    striped = word_count - word_count % STRIPE_WORDS
    update_stripes(state, words, 0, striped)
    value = _add(_merged(state), _word(word_count * 8 + rest.shape[0]))
    for i in range(striped, word_count):
        value = _tail_word(value, _word(words[i]))
    position = 0
    if rest.shape[0] >= 4:
        half = _word(0)
        for i in range(4):
            half = half | (_word(rest[i]) << _word(8 * i))
        value = value ^ _multiply(half, P1)
        value = _add(_multiply(_rotate(value, 23), P2), P3)
        position = 4
    for i in range(position, rest.shape[0]):
        value = value ^ _multiply(_word(rest[i]), P5)
        value = _multiply(_rotate(value, 11), P1)
    return _signed(_avalanche(value))


def new_state() -> np.ndarray:
    """A fresh streaming state: int64[STATE_WORDS], of a hash of nothing."""
    state = np.zeros(STATE_WORDS, np.int64)
    reset(state)
    return state


def xxh64(data: Any) -> int:
    """XXH64 of any contiguous bytes-like object or array, of any length, as a signed int64.

    The object may start at any address (unaligned loads are ordinary loads on x86-64 and AArch64).
    """
    octets = np.frombuffer(data, np.uint8)
    whole = len(octets) - len(octets) % 8
    return int(_xxh64_bytes(octets[:whole].view("<u8"), octets[whole:], new_state()))


def unsigned(value: int) -> int:
    """The digest as it is usually printed: 0 .. 2**64 - 1."""
    return value & _MASK
