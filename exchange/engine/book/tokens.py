"""The token table: every (session, token) of the day, and the order that it names.

A log holds the tokens in order of arrival; an index of 8-byte words finds them by open addressing
with linear probing. An index word carries 24 bits of the hash, so a probe reads the log only for
the right entry (or once in 16 million times for a wrong one), and the day's generation, so that a
new day forgets all tokens without touching the table. The hash is seeded per exchange: clients
choose tokens and must not be able to choose collisions. Placement never shows in an event.

Decision ENG-2.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import (
    LOG_AHEAD,
    MAX_TOKENS,
    TOKEN_GENERATION,
    TOKEN_INDEX_MASK,
    TOKEN_SEED_0,
    TOKEN_SEED_1,
    TOKEN_WORDS,
    TOKENS_USED,
)
from exchange.engine.state.memory import add, get, multiply, put, shift_right, signed, touch
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

ENTRY_BITS = 28
ENTRY_MASK = (1 << ENTRY_BITS) - 1
GENERATION_MASK = (1 << 12) - 1
_TAG_MASK = (1 << 24) - 1
_MULTIPLIER_0 = 0x9FB21C651E98DF25 - (1 << 64)
_MULTIPLIER_1 = 0xD6E8FEB86659FD93 - (1 << 64)
_HIGH_BITS = 0x80 * 0x0101010101010101 - (1 << 64)
_LOW_BITS = 0x0101010101010101
_SPACES = 0x2020202020202020
_TAIL_48 = (1 << 48) - 1
_TAIL_FILLER = 0x2020 << 48


@jit_inline
def _printable(word: int) -> bool:
    """Whether all eight bytes are in 0x20..0x7E."""
    # Bit 0 of every byte that is 0x7F: all its seven low bits are set. No carry crosses a byte.
    pairs = word & (word >> 1)
    fours = pairs & (pairs >> 2)
    return (
        word & _HIGH_BITS == 0
        and (word | (word >> 1)) & _SPACES == _SPACES
        and fours & (fours >> 3) & _LOW_BITS == 0
    )


@jit_inline
def token_well_formed(token_0: int, tail: int) -> bool:
    """Whether the 14 bytes are printable and not all spaces; ``tail``: the record's second word."""
    padded = (tail & _TAIL_48) | _TAIL_FILLER
    return _printable(token_0) and _printable(padded) and (token_0 != _SPACES or padded != _SPACES)


@jit_inline
def token_key(tail: int, session: int) -> int:
    """The second key word: token bytes 8 to 13, and the session."""
    return signed((tail & _TAIL_48) | (session << 48))


@jit_inline_internal
def token_hash(v: Any, key_0: int, key_1: int) -> int:
    """64 bits that depend on every bit of both words and on the seeds."""
    s = v.scalars
    mixed = multiply(key_0 ^ get(s, TOKEN_SEED_0), _MULTIPLIER_0)
    mixed ^= shift_right(mixed, 32)
    mixed = multiply(add(mixed, key_1 ^ get(s, TOKEN_SEED_1)), _MULTIPLIER_1)
    mixed ^= shift_right(mixed, 29)
    mixed = multiply(mixed, _MULTIPLIER_0)
    return mixed ^ shift_right(mixed, 32)


@jit_inline_internal
def _mark(v: Any, hashed: int) -> int:
    """What an index word of this hash holds above the entry number."""
    return (shift_right(hashed, 40) << 12) | get(v.scalars, TOKEN_GENERATION)


@jit_inline_internal
def token_place(v: Any, hashed: int) -> int:
    """Where in the index probing starts."""
    return hashed & get(v.scalars, TOKEN_INDEX_MASK)


@jit_inline_internal
def token_probe(v: Any, hashed: int, key_0: int, key_1: int) -> int:
    """The entry of the token, or -1 - the place in the index where it would go."""
    mask = get(v.scalars, TOKEN_INDEX_MASK)
    generation = get(v.scalars, TOKEN_GENERATION)
    mark = _mark(v, hashed)
    place = hashed & mask
    while True:
        word = get(v.token_index, place)
        marked = shift_right(word, ENTRY_BITS)
        if marked & GENERATION_MASK != generation:
            return -1 - place
        if marked == mark:
            entry = word & ENTRY_MASK
            at = entry * TOKEN_WORDS
            if get(v.token_log, at) == key_0 and get(v.token_log, at + 1) == key_1:
                return entry
        place = (place + 1) & mask


@jit_inline_internal
def token_table_full(v: Any) -> bool:
    return get(v.scalars, TOKENS_USED) >= get(v.scalars, MAX_TOKENS)


@jit_inline_internal
def token_insert(v: Any, place: int, hashed: int, key_0: int, key_1: int) -> int:
    """Remember a token at the free ``place`` that ``token_probe`` found; its entry."""
    entry = get(v.scalars, TOKENS_USED) + 1
    put(v.scalars, TOKENS_USED, entry)
    put(v.token_index, place, (_mark(v, hashed) << ENTRY_BITS) | entry)
    at = entry * TOKEN_WORDS
    # written once in order: ask for the lines well ahead (the log ends with as many spare entries)
    touch(v.token_log, at + LOG_AHEAD * TOKEN_WORDS)
    put(v.token_log, at, key_0)
    put(v.token_log, at + 1, key_1)
    put(v.token_log, at + 2, 0)
    put(v.token_log, at + 3, 0)
    return entry


@jit_inline_internal
def token_set_order(v: Any, entry: int, slot: int, order_id: int) -> None:
    """Let the token name the order in ``slot`` for as long as that slot holds ``order_id``."""
    put(v.token_log, entry * TOKEN_WORDS + 2, slot)
    put(v.token_log, entry * TOKEN_WORDS + 3, order_id)


@jit_internal
def forget_tokens(v: Any) -> None:
    """A new day: no token has been used."""
    s = v.scalars
    put(s, TOKENS_USED, 0)
    generation = get(s, TOKEN_GENERATION) + 1
    if generation > GENERATION_MASK:
        # once in 4,095 days the numbers start again and old words could look like new ones
        for place in range(get(s, TOKEN_INDEX_MASK) + 1):
            put(v.token_index, place, 0)
        generation = 1
    put(s, TOKEN_GENERATION, generation)
