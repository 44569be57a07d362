"""Fetching ahead: ask for the memory that commands will touch long before they are applied.

Measured on one book with 20,000 orders: without this four fifths of the time went to waiting for
the token index, the token log, the order-id table and the order, one after the other, for every
command. Each pass follows that chain one step further for a group of commands, so the waits within
a group overlap; and a pass runs while the *next* pass of the group before it and the application
of an older group still lie between, so that its own answers have arrived when they are needed::

    step n:   gather group n | follow group n-1 | reach group n-2 | apply group n-3

Everything here is a hint. It reads state that commands before it may still change, and changes
nothing but ``scratch``, so events do not depend on where groups begin.

Scratch of command i of a group, 4 words: sequence | token hash | level of an ENTER, token entry or
order slot of the others | kind, SKIP once there is nothing more to follow.

Decision ENG-3.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CommandKind
from exchange.engine.book.book import book_of, key_of
from exchange.engine.book.levels import cache_place, leaf_name
from exchange.engine.book.order_pool import order_id_place
from exchange.engine.book.tokens import ENTRY_BITS, ENTRY_MASK, token_hash, token_key, token_place
from exchange.engine.money.clearing import account_of_session, balance_at, instrument_of_order
from exchange.engine.money.positions import position_place
from exchange.engine.state.layout import (
    ACCOUNT_WINDOW_ORDERS,
    ACCOUNT_WORDS,
    BOOK_WORDS,
    COMMAND_MASK,
    GROUP,
    INSTRUMENT_WORDS,
    LEAF_WORDS,
    LEVEL_WORDS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    ORDER_ID_BITS,
    ORDER_WORDS,
    SCRATCH_WORDS,
    SESSION_WORDS,
    TOKEN_GENERATION,
    TOKEN_INDEX_MASK,
    TOKEN_WORDS,
)
from exchange.engine.state.memory import get, put, shift_right, touch
from exchange.records import COMMAND_WORDS
from ringbuffer.jit import jit_inline_internal

LONG_FLAG = 1 << 40  # FLAG_LONG in a command's last word
_HINT_PROBES = 4
SKIP = 0  # no command's kind

_ENTER = int(CommandKind.ENTER)
_CANCEL_BY_ORDER_ID = int(CommandKind.CANCEL_BY_ORDER_ID)


@jit_inline_internal
def _likely_entry(v: Any, hashed: int) -> int:
    """The token entry that this hash most likely names; 0 if none was found at once."""
    mask = get(v.scalars, TOKEN_INDEX_MASK)
    mark = (shift_right(hashed, 40) << 12) | get(v.scalars, TOKEN_GENERATION)
    place = hashed & mask
    for _ in range(_HINT_PROBES):
        word = get(v.token_index, place)
        if shift_right(word, ENTRY_BITS) == mark:
            return word & ENTRY_MASK
        place = (place + 1) & mask
    return 0


@jit_inline_internal
def _likely_level(v: Any, c: int) -> int:
    """The level on which the ENTER at word ``c`` would rest, if its leaf is in the cache; or 0."""
    instrument = (get(v.commands, c + 4) >> 48) & 0xFFFF
    if instrument >= get(v.scalars, MAX_INSTRUMENTS):
        return 0
    i = instrument * INSTRUMENT_WORDS
    price = get(v.commands, c + 1)
    # an undefined instrument has maximum 0 and minimum 0
    if price <= 0 or price < get(v.instruments, i + 3) or price > get(v.instruments, i + 4):
        return 0
    book = book_of(instrument, (get(v.commands, c + 5) >> 24) & 0xFF)
    touch(v.books, book * BOOK_WORDS)
    key = key_of(price, get(v.instruments, i + 1), book)
    name = leaf_name(book, key)
    leaf = get(v.leaf_cache, cache_place(v, name))
    if get(v.leaves, leaf * LEAF_WORDS + 1) != name:
        return 0
    return (leaf << 6) | (key & 63)


@jit_inline_internal
def _likely_slot(v: Any, order_id: int) -> int:
    """The slot of the live order ``order_id`` if it was found at once; or 0."""
    mask = (1 << get(v.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(v, order_id)
    for _ in range(_HINT_PROBES):
        word = get(v.order_ids, place)
        if (word >> 32) & 0xFFFFFFFF == order_id & 0xFFFFFFFF:
            return word & 0xFFFFFFFF
        place = (place + 1) & mask
    return 0


@jit_inline_internal
def _touch_account(v: Any, session: int) -> None:
    """Ask for the risk words of the session's account; the session's row has arrived."""
    if session < get(v.scalars, MAX_SESSIONS):
        a = account_of_session(v, session) * ACCOUNT_WORDS
        touch(v.accounts, a)
        touch(v.accounts, a + ACCOUNT_WINDOW_ORDERS)


@jit_inline_internal
def _touch_holdings(v: Any, session: int, instrument: int) -> None:
    """Ask for the balance and the position that an order of the session is about."""
    if session < get(v.scalars, MAX_SESSIONS) and instrument < get(v.scalars, MAX_INSTRUMENTS):
        account = account_of_session(v, session)
        touch(v.accounts, balance_at(v, instrument * INSTRUMENT_WORDS, account * ACCOUNT_WORDS))
        touch(v.positions, position_place(v, account, instrument))


@jit_inline_internal
def gather_group(v: Any, base: int, sequence: int, end_sequence: int) -> int:
    """List up to GROUP whole commands from ``sequence`` on in scratch word ``base`` and following.

    Hashes their tokens and asks for the first memory of each: the token index, and for an ENTER
    also the level and the place in the order-id table. How many there are.
    """
    mask = get(v.scalars, COMMAND_MASK)
    count = 0
    while count < GROUP and sequence < end_sequence:
        c = (sequence & mask) * COMMAND_WORDS
        touch(v.commands, ((sequence + 2 * GROUP) & mask) * COMMAND_WORDS)
        size = 2 if get(v.commands, c + 7) & LONG_FLAG != 0 else 1
        if sequence + size > end_sequence:
            break
        word_5 = get(v.commands, c + 5)
        session = word_5 & 0xFFFF
        kind = (word_5 >> 16) & 0xFF
        hashed = token_hash(v, get(v.commands, c + 3), token_key(get(v.commands, c + 4), session))
        found = 0
        if kind == _CANCEL_BY_ORDER_ID:
            touch(v.order_ids, order_id_place(v, get(v.commands, c + 1)))
        else:
            touch(v.token_index, token_place(v, hashed))
            if kind == _ENTER:
                touch(v.order_ids, order_id_place(v, sequence))
                found = _likely_level(v, c)
                touch(v.levels, found * LEVEL_WORDS)
        if session < get(v.scalars, MAX_SESSIONS):
            touch(v.sessions, session * SESSION_WORDS)
        at = base + count * SCRATCH_WORDS
        put(v.scratch, at, sequence)
        put(v.scratch, at + 1, hashed)
        put(v.scratch, at + 2, found)
        put(v.scratch, at + 3, kind)
        count += 1
        sequence += size
    return count


@jit_inline_internal
def follow_group(v: Any, base: int, count: int) -> None:
    """Second pass: accounts; the order at the tail of an ENTER's level; a token's log entry."""
    mask = get(v.scalars, COMMAND_MASK)
    for number in range(count):
        at = base + number * SCRATCH_WORDS
        kind = get(v.scratch, at + 3)
        c = (get(v.scratch, at) & mask) * COMMAND_WORDS
        session = get(v.commands, c + 5) & 0xFFFF
        _touch_account(v, session)
        if kind == _ENTER:
            _touch_holdings(v, session, (get(v.commands, c + 4) >> 48) & 0xFFFF)
            # the order behind which it will queue
            tail = get(v.levels_half, get(v.scratch, at + 2) * (LEVEL_WORDS * 2) + 3)
            touch(v.orders, tail * ORDER_WORDS)
            put(v.scratch, at + 3, SKIP)
        elif kind == _CANCEL_BY_ORDER_ID:
            slot = _likely_slot(v, get(v.commands, c + 1))
            touch(v.orders, slot * ORDER_WORDS)
            put(v.scratch, at + 2, slot)
        else:
            entry = _likely_entry(v, get(v.scratch, at + 1))
            touch(v.token_log, entry * TOKEN_WORDS)
            put(v.scratch, at + 2, entry)


@jit_inline_internal
def reach_group(v: Any, base: int, count: int) -> None:
    """Third pass, of what names a live order: that order, and its place in the order-id table."""
    for number in range(count):
        at = base + number * SCRATCH_WORDS
        kind = get(v.scratch, at + 3)
        if kind not in (SKIP, _CANCEL_BY_ORDER_ID):
            entry = get(v.scratch, at + 2)
            slot = get(v.token_log, entry * TOKEN_WORDS + 2)
            touch(v.orders, slot * ORDER_WORDS)
            touch(v.order_ids, order_id_place(v, get(v.token_log, entry * TOKEN_WORDS + 3)))
            put(v.scratch, at + 2, slot)


@jit_inline_internal
def surround_group(v: Any, base: int, count: int) -> None:
    """Last pass: what surrounds the orders that will leave: neighbours, level, holdings."""
    for number in range(count):
        at = base + number * SCRATCH_WORDS
        if get(v.scratch, at + 3) != SKIP:
            slot = get(v.scratch, at + 2)
            session = get(v.orders, slot * ORDER_WORDS + 7) & 0xFFFF
            _touch_holdings(v, session, instrument_of_order(v, slot))
            half = slot * (ORDER_WORDS * 2)
            touch(v.orders, get(v.orders_half, half + 10) * ORDER_WORDS)
            touch(v.orders, get(v.orders_half, half + 11) * ORDER_WORDS)
            touch(v.levels, get(v.orders_half, half + 12) * LEVEL_WORDS)
