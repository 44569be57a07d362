"""Idempotency keys: the last 65,536 keys of commands that were carried out.

    keys    0 ..            ring of keys, 2 words each: token_0 | token_1, token_2
            _INDEX ..       open addressing with linear probing, at most a quarter full:
                            place in the ring + 1, 0 = empty

The oldest key leaves when a new one needs its place in the ring; what was behind it in the index
is shifted back, so there are no tombstones. KEYS_USED counts all keys ever remembered.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.book.tokens import token_hash
from exchange.engine.state.layout import IDEMPOTENCY_KEYS, KEYS_USED
from exchange.engine.state.memory import get, put
from ringbuffer.jit import jit_internal

_INDEX = 2 * IDEMPOTENCY_KEYS
_INDEX_MASK = 4 * IDEMPOTENCY_KEYS - 1


@jit_internal
def _home(v: Any, key_0: int, key_1: int) -> int:
    """Where in the index probing for a key starts."""
    return token_hash(v, key_0, key_1) & _INDEX_MASK


@jit_internal
def key_used(v: Any, key_0: int, key_1: int) -> bool:
    """Whether the key is remembered; ``key_1``: bytes 8 to 13."""
    at = _home(v, key_0, key_1)
    while True:
        place = get(v.keys, _INDEX + at) - 1
        if place < 0:
            return False
        if get(v.keys, place * 2) == key_0 and get(v.keys, place * 2 + 1) == key_1:
            return True
        at = (at + 1) & _INDEX_MASK


@jit_internal
def _forget(v: Any, place: int) -> None:
    """Take the key at ``place`` of the ring out of the index and close the gap behind it."""
    gap = _home(v, get(v.keys, place * 2), get(v.keys, place * 2 + 1))
    while get(v.keys, _INDEX + gap) != place + 1:
        gap = (gap + 1) & _INDEX_MASK
    at = gap
    while True:
        at = (at + 1) & _INDEX_MASK
        other = get(v.keys, _INDEX + at) - 1
        if other < 0:
            break
        home = _home(v, get(v.keys, other * 2), get(v.keys, other * 2 + 1))
        # move it back unless its home lies cyclically after the gap
        if (at - home) & _INDEX_MASK >= (at - gap) & _INDEX_MASK:
            put(v.keys, _INDEX + gap, other + 1)
            gap = at
    put(v.keys, _INDEX + gap, 0)


@jit_internal
def remember_key(v: Any, key_0: int, key_1: int) -> None:
    """Remember a key that is not remembered yet, and forget the oldest when there are too many."""
    used = get(v.scalars, KEYS_USED)
    place = used & (IDEMPOTENCY_KEYS - 1)
    if used >= IDEMPOTENCY_KEYS:
        _forget(v, place)
    put(v.keys, place * 2, key_0)
    put(v.keys, place * 2 + 1, key_1)
    at = _home(v, key_0, key_1)
    while get(v.keys, _INDEX + at) != 0:
        at = (at + 1) & _INDEX_MASK
    put(v.keys, _INDEX + at, place + 1)
    put(v.scalars, KEYS_USED, used + 1)
