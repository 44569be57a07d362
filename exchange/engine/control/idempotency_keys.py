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
from exchange.engine.state.fields import reader, writer
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import IDEMPOTENCY_KEYS, KEYS_USED
from exchange.engine.state.memory import get, put
from exchange.records import whole

_KEY_WORDS = 2
_INDEX = _KEY_WORDS * IDEMPOTENCY_KEYS
_INDEX_MASK = 4 * IDEMPOTENCY_KEYS - 1  # at most a quarter full


# by place in the ring
_key_0 = reader("keys", _KEY_WORDS, whole(0))
_key_1 = reader("keys", _KEY_WORDS, whole(1))
_set_key_0 = writer("keys", _KEY_WORDS, whole(0))
_set_key_1 = writer("keys", _KEY_WORDS, whole(1))


@engine_function
def _home(view: Any, key_0: int, key_1: int) -> int:
    """Where in the index probing for a key starts."""
    return token_hash(view, key_0, key_1) & _INDEX_MASK


@engine_function
def key_used(view: Any, key_0: int, key_1: int) -> bool:
    """Whether the key is remembered; ``key_1``: bytes 8 to 13."""
    at = _home(view, key_0, key_1)
    while True:
        place = get(view.keys, _INDEX + at) - 1
        if place < 0:
            return False
        if _key_0(view, place) == key_0 and _key_1(view, place) == key_1:
            return True
        at = (at + 1) & _INDEX_MASK


@engine_function
def _forget(view: Any, place: int) -> None:
    """Take the key at ``place`` of the ring out of the index and close the gap behind it."""
    gap = _home(view, _key_0(view, place), _key_1(view, place))
    while get(view.keys, _INDEX + gap) != place + 1:
        gap = (gap + 1) & _INDEX_MASK
    at = gap
    while True:
        at = (at + 1) & _INDEX_MASK
        other = get(view.keys, _INDEX + at) - 1
        if other < 0:
            break
        home = _home(view, _key_0(view, other), _key_1(view, other))
        # move it back unless its home lies cyclically after the gap
        if (at - home) & _INDEX_MASK >= (at - gap) & _INDEX_MASK:
            put(view.keys, _INDEX + gap, other + 1)
            gap = at
    put(view.keys, _INDEX + gap, 0)


@engine_function
def remember_key(view: Any, key_0: int, key_1: int) -> None:
    """Remember a key that is not remembered yet, and forget the oldest when there are too many."""
    used = get(view.scalars, KEYS_USED)
    place = used & (IDEMPOTENCY_KEYS - 1)
    if used >= IDEMPOTENCY_KEYS:
        _forget(view, place)
    _set_key_0(view, place, key_0)
    _set_key_1(view, place, key_1)
    at = _home(view, key_0, key_1)
    while get(view.keys, _INDEX + at) != 0:
        at = (at + 1) & _INDEX_MASK
    put(view.keys, _INDEX + at, place + 1)
    put(view.scalars, KEYS_USED, used + 1)
