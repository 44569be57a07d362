"""Fetching ahead: ask for the memory that commands will touch long before they are applied.

Measured on one book with 20,000 orders: without this four fifths of the time went to waiting for
the token index, the token log, the order-id table and the order, one after the other, for every
command. Each pass follows that chain one step further for a group of commands, so the waits within
a group overlap; and a pass runs while the *next* pass of the group before it and the application
of an older group still lie between, so that its own answers have arrived when they are needed::

    step n:   gather group n | follow group n-1 | reach group n-2 | apply group n-3

Everything here is a hint. It reads state that commands before it may still change, and changes
nothing but ``scratch``, so events do not depend on where groups begin.

Scratch of each command of a group, 4 words: sequence | token hash | level of an ENTER, token entry
or order slot of the others | kind, SKIP once there is nothing more to follow.

Decision ENG-3.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import CommandKind
from exchange.engine.book.book import book_of, key_of
from exchange.engine.book.levels import cache_place, leaf_name, level_in
from exchange.engine.book.order_pool import low_id_in, order_id_place
from exchange.engine.book.tokens import (
    ENTRY_BITS,
    ENTRY_MASK,
    token_hash,
    token_key,
    token_mark,
    token_place,
)
from exchange.engine.money.clearing import balance_at
from exchange.engine.money.positions import position_place
from exchange.engine.orders.terms import command_size
from exchange.engine.state.commands import (
    command_instrument,
    command_kind,
    command_price,
    command_session,
    command_side,
    command_token_0,
    command_token_word,
)
from exchange.engine.state.layout import (
    ACCOUNT_WINDOW_ORDERS,
    ACCOUNT_WORDS,
    BOOK_WORDS,
    COMMAND_MASK,
    GROUP,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    ORDER_ID_BITS,
    ORDER_IDS_LOW_ID,
    ORDER_IDS_SLOT,
    ORDER_WORDS,
    SCRATCH_WORDS,
    SESSION_WORDS,
    TOKEN_INDEX_MASK,
    TOKEN_WORDS,
)
from exchange.engine.state.memory import get, shift_right, touch
from exchange.engine.state.rows import (
    instrument_maximum_price,
    instrument_minimum_price,
    instrument_tick,
    leaf_name_of,
    level_tail,
    order_instrument,
    order_level,
    order_next,
    order_previous,
    order_session,
    scratch_found,
    scratch_hash,
    scratch_kind,
    scratch_sequence,
    session_account,
    set_scratch_found,
    set_scratch_hash,
    set_scratch_kind,
    set_scratch_sequence,
    token_order_id,
    token_slot,
)
from exchange.records import COMMAND_WORDS
from ringbuffer.jit import jit_inline_internal

_HINT_PROBES = 4
SKIP = 0  # no command's kind


@jit_inline_internal
def _likely_entry(view: Any, hashed: int) -> int:
    """The token entry that this hash most likely names; 0 if none was found at once."""
    mask = get(view.scalars, TOKEN_INDEX_MASK)
    mark = token_mark(view, hashed)
    place = token_place(view, hashed)
    for _ in range(_HINT_PROBES):
        word = get(view.token_index, place)
        if shift_right(word, ENTRY_BITS) == mark:
            return word & ENTRY_MASK
        place = (place + 1) & mask
    return 0


@jit_inline_internal
def _likely_level(view: Any, command_at: int) -> int:
    """The level on which the ENTER would rest, if its leaf is in the cache; or 0."""
    instrument = command_instrument(view, command_at)
    if instrument >= get(view.scalars, MAX_INSTRUMENTS):
        return 0
    instrument_at = instrument * INSTRUMENT_WORDS
    price = command_price(view, command_at)
    # an undefined instrument has maximum 0 and minimum 0
    if (
        price <= 0
        or price < instrument_minimum_price(view, instrument_at)
        or price > instrument_maximum_price(view, instrument_at)
    ):
        return 0
    book = book_of(instrument, command_side(view, command_at))
    touch(view.books, book * BOOK_WORDS)
    key = key_of(price, instrument_tick(view, instrument_at), book)
    name = leaf_name(book, key)
    leaf = get(view.leaf_cache, cache_place(view, name))
    if leaf_name_of(view, leaf) != name:
        return 0
    return level_in(leaf, key)


@jit_inline_internal
def _likely_slot(view: Any, order_id: int) -> int:
    """The slot of the live order ``order_id`` if it was found at once; or 0."""
    mask = (1 << get(view.scalars, ORDER_ID_BITS)) - 1
    place = order_id_place(view, order_id)
    for _ in range(_HINT_PROBES):
        word = get(view.order_ids, place)
        if low_id_in(word) == order_id & ORDER_IDS_LOW_ID.mask:
            return word & ORDER_IDS_SLOT.mask
        place = (place + 1) & mask
    return 0


@jit_inline_internal
def _touch_account(view: Any, session: int) -> None:
    """Ask for the risk words of the session's account; the session's row has arrived."""
    if session < get(view.scalars, MAX_SESSIONS):
        account_at = session_account(view, session) * ACCOUNT_WORDS
        touch(view.accounts, account_at)
        touch(view.accounts, account_at + ACCOUNT_WINDOW_ORDERS)


@jit_inline_internal
def _touch_holdings(view: Any, session: int, instrument: int) -> None:
    """Ask for the balance and the position that an order of the session is about."""
    scalars = view.scalars
    if session < get(scalars, MAX_SESSIONS) and instrument < get(scalars, MAX_INSTRUMENTS):
        account = session_account(view, session)
        instrument_at = instrument * INSTRUMENT_WORDS
        touch(view.accounts, balance_at(view, instrument_at, account * ACCOUNT_WORDS))
        touch(view.positions, position_place(view, account, instrument))


@jit_inline_internal
def gather_group(view: Any, base: int, sequence: int, end_sequence: int) -> int:
    """List up to GROUP whole commands from ``sequence`` on in scratch word ``base`` and following.

    Hashes their tokens and asks for the first memory of each: the token index, and for an ENTER
    also the level and the place in the order-id table. How many there are.
    """
    mask = get(view.scalars, COMMAND_MASK)
    count = 0
    while count < GROUP and sequence < end_sequence:
        command_at = (sequence & mask) * COMMAND_WORDS
        touch(view.commands, ((sequence + 2 * GROUP) & mask) * COMMAND_WORDS)
        size = command_size(view, command_at)
        if sequence + size > end_sequence:
            break
        session = command_session(view, command_at)
        kind = command_kind(view, command_at)
        key_1 = token_key(command_token_word(view, command_at), session)
        hashed = token_hash(view, command_token_0(view, command_at), key_1)
        found = 0
        if kind == CommandKind.CANCEL_BY_ORDER_ID:
            touch(view.order_ids, order_id_place(view, command_price(view, command_at)))
        else:
            touch(view.token_index, token_place(view, hashed))
            if kind == CommandKind.ENTER:
                touch(view.order_ids, order_id_place(view, sequence))
                found = _likely_level(view, command_at)
                touch(view.levels, found * LEVEL_WORDS)
        if session < get(view.scalars, MAX_SESSIONS):
            touch(view.sessions, session * SESSION_WORDS)
        scratch_at = base + count * SCRATCH_WORDS
        set_scratch_sequence(view, scratch_at, sequence)
        set_scratch_hash(view, scratch_at, hashed)
        set_scratch_found(view, scratch_at, found)
        set_scratch_kind(view, scratch_at, kind)
        count += 1
        sequence += size
    return count


@jit_inline_internal
def follow_group(view: Any, base: int, count: int) -> None:
    """Second pass: accounts; the order at the tail of an ENTER's level; a token's log entry."""
    mask = get(view.scalars, COMMAND_MASK)
    for number in range(count):
        scratch_at = base + number * SCRATCH_WORDS
        kind = scratch_kind(view, scratch_at)
        command_at = (scratch_sequence(view, scratch_at) & mask) * COMMAND_WORDS
        session = command_session(view, command_at)
        _touch_account(view, session)
        if kind == CommandKind.ENTER:
            _touch_holdings(view, session, command_instrument(view, command_at))
            # the order behind which it will queue
            tail = level_tail(view, scratch_found(view, scratch_at))
            touch(view.orders, tail * ORDER_WORDS)
            set_scratch_kind(view, scratch_at, SKIP)
        elif kind == CommandKind.CANCEL_BY_ORDER_ID:
            slot = _likely_slot(view, command_price(view, command_at))
            touch(view.orders, slot * ORDER_WORDS)
            set_scratch_found(view, scratch_at, slot)
        else:
            entry = _likely_entry(view, scratch_hash(view, scratch_at))
            touch(view.token_log, entry * TOKEN_WORDS)
            set_scratch_found(view, scratch_at, entry)


@jit_inline_internal
def reach_group(view: Any, base: int, count: int) -> None:
    """Third pass, of what names a live order: that order, and its place in the order-id table."""
    for number in range(count):
        scratch_at = base + number * SCRATCH_WORDS
        kind = scratch_kind(view, scratch_at)
        named_by_token = kind != SKIP and kind != CommandKind.CANCEL_BY_ORDER_ID
        if named_by_token:
            entry = scratch_found(view, scratch_at)
            slot = token_slot(view, entry)
            touch(view.orders, slot * ORDER_WORDS)
            touch(view.order_ids, order_id_place(view, token_order_id(view, entry)))
            set_scratch_found(view, scratch_at, slot)


@jit_inline_internal
def surround_group(view: Any, base: int, count: int) -> None:
    """Last pass: what surrounds the orders that will leave: neighbours, level, holdings."""
    for number in range(count):
        scratch_at = base + number * SCRATCH_WORDS
        if scratch_kind(view, scratch_at) != SKIP:
            slot = scratch_found(view, scratch_at)
            session = order_session(view, slot)
            _touch_holdings(view, session, order_instrument(view, slot))
            touch(view.orders, order_next(view, slot) * ORDER_WORDS)
            touch(view.orders, order_previous(view, slot) * ORDER_WORDS)
            touch(view.levels, order_level(view, slot) * LEVEL_WORDS)
