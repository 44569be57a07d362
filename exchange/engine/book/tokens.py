"""The token table: every (session, token) of the day, and the order that it names.

A log holds the tokens in order of arrival; an index of 8-byte words finds them by open addressing
with linear probing. An index word carries 24 bits of the hash, so a probe reads the log only for
the right entry (or once in 16 million times for a wrong one), and the day's generation, so that a
new day forgets all tokens without touching the table. The hash is seeded per exchange: clients
choose tokens and must not be able to choose collisions. Placement never shows in an event.

Decisions ENG-2 and ENG-14.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    LOG_AHEAD,
    MAX_TOKENS,
    SHARES,
    TOKEN_GENERATION,
    TOKEN_INDEX_MASK,
    TOKEN_SEED_0,
    TOKEN_SEED_1,
    TOKEN_WORDS,
    TOKENS_USED,
)
from exchange.engine.state.memory import add, get, multiply, put, shift_right, signed, touch
from exchange.engine.state.rows import (
    add_to_session_tokens,
    session_tokens,
    set_token_key_0,
    set_token_key_1,
    set_token_order_id,
    set_token_slot,
    token_key_0,
    token_key_1,
)
from exchange.records import COMMAND_TOKEN_TAIL
from ringbuffer.jit import jit_inline, jit_inline_internal

ENTRY_BITS = 28
ENTRY_MASK = (1 << ENTRY_BITS) - 1
GENERATION_BITS = 12
GENERATION_MASK = (1 << GENERATION_BITS) - 1
_TAG_SHIFT = ENTRY_BITS + GENERATION_BITS  # the tag is the hash from this bit on
assert ENTRY_BITS + GENERATION_BITS + (64 - _TAG_SHIFT) == 64
_MULTIPLIER_0 = 0x9FB21C651E98DF25 - (1 << 64)
_MULTIPLIER_1 = 0xD6E8FEB86659FD93 - (1 << 64)
_HIGH_BITS = 0x80 * 0x0101010101010101 - (1 << 64)
_LOW_BITS = 0x0101010101010101
_SPACES = 0x2020202020202020
_TAIL_MASK = COMMAND_TOKEN_TAIL.mask
_TAIL_BITS = _TAIL_MASK.bit_length()
_TAIL_FILLER = 0x2020 << _TAIL_BITS


@jit_inline
def _printable(word: int) -> bool:
    """Whether all eight bytes are in 0x20..0x7E."""
    # The high bit of every byte that is 0x7F; no carry crosses a byte while all high bits are 0.
    deletes = add(word & ~_HIGH_BITS, _LOW_BITS)
    return (
        word & _HIGH_BITS == 0
        and (word | (word >> 1)) & _SPACES == _SPACES
        and deletes & _HIGH_BITS == 0
    )


@jit_inline
def token_well_formed(token_0: int, tail: int) -> bool:
    """Whether the 14 bytes are printable and not all spaces; ``tail``: the record's second word."""
    padded = (tail & _TAIL_MASK) | _TAIL_FILLER
    return _printable(token_0) and _printable(padded) and (token_0 != _SPACES or padded != _SPACES)


@jit_inline
def token_key(tail: int, session: int) -> int:
    """The second key word: token bytes 8 to 13, and the session."""
    return signed((tail & _TAIL_MASK) | (session << _TAIL_BITS))


@jit_inline
def session_of_key(key_1: int) -> int:
    """The session of a second key word."""
    return shift_right(key_1, _TAIL_BITS)


@jit_inline_internal
def token_hash(view: Any, key_0: int, key_1: int) -> int:
    """64 bits that depend on every bit of both words and on the seeds."""
    scalars = view.scalars
    mixed = multiply(key_0 ^ get(scalars, TOKEN_SEED_0), _MULTIPLIER_0)
    mixed ^= shift_right(mixed, 32)
    mixed = multiply(add(mixed, key_1 ^ get(scalars, TOKEN_SEED_1)), _MULTIPLIER_1)
    mixed ^= shift_right(mixed, 29)
    mixed = multiply(mixed, _MULTIPLIER_0)
    return mixed ^ shift_right(mixed, 32)


@jit_inline_internal
def token_mark(view: Any, hashed: int) -> int:
    """What an index word of this hash holds above the entry number."""
    tag = shift_right(hashed, _TAG_SHIFT)
    return (tag << GENERATION_BITS) | get(view.scalars, TOKEN_GENERATION)


@jit_inline_internal
def token_place(view: Any, hashed: int) -> int:
    """Where in the index probing starts."""
    return hashed & get(view.scalars, TOKEN_INDEX_MASK)


@jit_inline_internal
def token_probe(view: Any, hashed: int, key_0: int, key_1: int) -> int:
    """The entry of the token, or -1 - the place in the index where it would go."""
    mask = get(view.scalars, TOKEN_INDEX_MASK)
    generation = get(view.scalars, TOKEN_GENERATION)
    mark = token_mark(view, hashed)
    place = hashed & mask
    while True:
        word = get(view.token_index, place)
        marked = shift_right(word, ENTRY_BITS)
        if marked & GENERATION_MASK != generation:
            return -1 - place
        if marked == mark:
            entry = word & ENTRY_MASK
            if token_key_0(view, entry) == key_0 and token_key_1(view, entry) == key_1:
                return entry
        place = (place + 1) & mask


@jit_inline_internal
def token_share_full(view: Any, session: int) -> bool:
    """Whether the session may use no more tokens: it is to leave as many as it has to others."""
    left = get(view.scalars, MAX_TOKENS) - get(view.scalars, TOKENS_USED)
    if get(view.scalars, SHARES.word) == 0:
        return left <= 0
    return session_tokens(view, session) >= left


@jit_inline_internal
def token_insert(view: Any, place: int, hashed: int, key_0: int, key_1: int) -> int:
    """Remember a token at the free ``place`` that ``token_probe`` found; its entry."""
    entry = get(view.scalars, TOKENS_USED) + 1
    put(view.scalars, TOKENS_USED, entry)
    put(view.token_index, place, (token_mark(view, hashed) << ENTRY_BITS) | entry)
    # written once in order: ask for the lines well ahead (the log ends with as many spare entries)
    touch(view.token_log, (entry + LOG_AHEAD) * TOKEN_WORDS)
    if get(view.scalars, SHARES.word) != 0:
        add_to_session_tokens(view, session_of_key(key_1), 1)
    set_token_key_0(view, entry, key_0)
    set_token_key_1(view, entry, key_1)
    set_token_slot(view, entry, 0)
    set_token_order_id(view, entry, 0)
    return entry


@jit_inline_internal
def token_set_order(view: Any, entry: int, slot: int, order_id: int) -> None:
    """Let the token name the order in ``slot`` for as long as that slot holds ``order_id``."""
    set_token_slot(view, entry, slot)
    set_token_order_id(view, entry, order_id)


@engine_function
def forget_tokens(view: Any) -> None:
    """A new day: no token has been used."""
    scalars = view.scalars
    put(scalars, TOKENS_USED, 0)
    generation = get(scalars, TOKEN_GENERATION) + 1
    if generation > GENERATION_MASK:
        # once in 4,095 days the numbers start again and old words could look like new ones
        for place in range(get(scalars, TOKEN_INDEX_MASK) + 1):
            put(view.token_index, place, 0)
        generation = 1
    put(scalars, TOKEN_GENERATION, generation)
