"""Indexes and lists of the account model's records, and room for a new order.

Who uses it: the rules (``orders.py``, ``trades.py``, ``definitions.py``) and the look-ups
(``find.py``, ``rows.py``).

The order index needs no hashing: ids grow, so neighbours in time are neighbours in the index. The
token index does, with a seed: clients choose tokens and must not be able to choose collisions.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.accounts.kernel.words import (
    HIGH_HALF,
    field_of,
    high,
    low,
    set_high,
    set_low,
)
from exchange.read_model.accounts.layout import (
    ACCOUNT_CLOSED_OLDEST,
    ACCOUNT_NEWEST_OPEN,
    ACCOUNT_NEWEST_ORDER,
    ACCOUNT_NEWEST_POSITION,
    ACCOUNT_OPEN_COUNT,
    ACCOUNT_ORDER_COUNT,
    DAY_MASK,
    FLAG_DIRTY,
    HALF_BITS,
    HEADER_ACCOUNT_WORDS,
    HEADER_ACCOUNTS,
    HEADER_ACCOUNTS_MAXIMUM,
    HEADER_CLOSED_OLDEST,
    HEADER_DAY,
    HEADER_DIRTY_ACCOUNTS,
    HEADER_DIRTY_ACCOUNTS_COUNT,
    HEADER_DIRTY_ORDERS,
    HEADER_DIRTY_ORDERS_COUNT,
    HEADER_HOLDERS,
    HEADER_LIVE_ORDERS,
    HEADER_ORDER_INDEX,
    HEADER_ORDER_MASK,
    HEADER_ORDERS,
    HEADER_ORDERS_EVICTED,
    HEADER_ORDERS_MAXIMUM,
    HEADER_ORDERS_USED,
    HEADER_POSITION_INDEX,
    HEADER_POSITION_MASK,
    HEADER_POSITIONS,
    HEADER_POSITIONS_MAXIMUM,
    HEADER_POSITIONS_USED,
    HEADER_TOKEN_INDEX,
    HEADER_TOKEN_MASK,
    HEADER_TOKEN_SEED,
    HEADER_TRACK_DIRTY,
    HEADER_VICTIM,
    ORDER_ACCOUNT,
    ORDER_CHAINS,
    ORDER_DAY_SHIFT,
    ORDER_ID,
    ORDER_LINKS,
    ORDER_NEXT_CLOSED,
    ORDER_OPEN_LINKS,
    ORDER_OWNER,
    ORDER_PACKED,
    ORDER_SESSION,
    ORDER_TOKEN_0,
    ORDER_TOKEN_1,
    ORDER_WORDS,
    POSITION_ACCOUNT,
    POSITION_ACCOUNT_NUMBER,
    POSITION_NAME,
    POSITION_OLDER,
    POSITION_WORDS,
    QUEUE_NEWEST,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline_internal, jit_borrowed_internal

ORDERS_FULL = -1
ORDER_NOT_TAKEN = -2
_MIX_BITS = 31
_MIX_MASK = (1 << _MIX_BITS) - 1
_MIX_0 = 0x45D9F3B
_MIX_1 = 0x119DE1F3
_SESSION_BITS = 16


@jit_borrowed_inline_internal
def account_row_of(memory: np.ndarray, account: int) -> int:
    """Address of an account's row; the number has been checked."""
    return memory[HEADER_ACCOUNTS] + account * memory[HEADER_ACCOUNT_WORDS]


# --- indexes ------------------------------------------------------------------------------------


@jit_borrowed_inline_internal
def order_bucket(memory: np.ndarray, order_id: int) -> int:
    """Address of the order index's word for an order id: it names the first order of a chain."""
    return memory[HEADER_ORDER_INDEX] + (order_id & memory[HEADER_ORDER_MASK])


@jit_borrowed_inline_internal
def find_order(memory: np.ndarray, order_id: int) -> int:
    """Address of the order, 0 when it is unknown or no longer kept."""
    order = memory[order_bucket(memory, order_id)]
    while order != 0 and memory[order + ORDER_ID] != order_id:
        order = low(memory[order + ORDER_CHAINS])
    return order


@jit_borrowed_inline_internal
def _mix(value: int, factor: int) -> int:
    """31 bits that depend on the low 31 bits of ``value``; the product stays below 2^62."""
    value = (value & _MIX_MASK) * factor
    return (value ^ (value >> _MIX_BITS)) & _MIX_MASK


@jit_borrowed_inline_internal
def token_bucket(memory: np.ndarray, session: int, token_0: int, token_1: int) -> int:
    """Address of the token index's word for a token (bytes 0 to 7, 8 to 13) of a session."""
    seed = memory[HEADER_TOKEN_SEED]
    mixed = _mix(token_0 ^ seed, _MIX_0)
    mixed = _mix(mixed ^ (token_0 >> _MIX_BITS) ^ (seed >> _MIX_BITS), _MIX_1)
    mixed = _mix(mixed ^ (token_0 >> (2 * _MIX_BITS)) ^ token_1, _MIX_0)
    mixed = _mix(mixed ^ (token_1 >> _MIX_BITS) ^ (session << (_MIX_BITS - _SESSION_BITS)), _MIX_1)
    return memory[HEADER_TOKEN_INDEX] + (_mix(mixed, _MIX_0) & memory[HEADER_TOKEN_MASK])


@jit_borrowed
def find_token(memory: np.ndarray, session: int, token_0: int, token_1: int, days_ago: int) -> int:
    """Address of the newest order of the session with this token, of that trading day, or 0."""
    day = (memory[HEADER_DAY] - days_ago) & DAY_MASK
    owner = (session << ORDER_SESSION.shift) | (day << ORDER_DAY_SHIFT)
    order = memory[token_bucket(memory, session, token_0, token_1)]
    while order != 0:
        if (
            memory[order + ORDER_TOKEN_0] == token_0
            and memory[order + ORDER_TOKEN_1] == token_1
            and memory[order + ORDER_OWNER] & HIGH_HALF == owner
        ):
            return order
        order = high(memory[order + ORDER_CHAINS])
    return 0


@jit_borrowed_inline_internal
def position_place(memory: np.ndarray, account: int, instrument: int) -> int:
    """The place in the position index where probing starts."""
    return (_mix(account, _MIX_0) ^ _mix(instrument, _MIX_1)) & memory[HEADER_POSITION_MASK]


@jit_borrowed_internal
def position_of(memory: np.ndarray, account: int, instrument: int, make: bool) -> int:
    """Address of the position; when it does not exist 0, or with ``make`` a new one.

    A new one has nothing but its name, its account and its place in the account's list. Also 0
    when there is no room for a new one.
    """
    name = (account << POSITION_ACCOUNT_NUMBER.shift) | instrument
    mask = memory[HEADER_POSITION_MASK]
    index = memory[HEADER_POSITION_INDEX]
    place = position_place(memory, account, instrument)
    while True:
        position = memory[index + place]
        if position == 0:
            break
        if memory[position + POSITION_NAME] == name:
            return position
        place = (place + 1) & mask
    used = memory[HEADER_POSITIONS_USED]
    if not make or used == memory[HEADER_POSITIONS_MAXIMUM]:
        return 0
    position = memory[HEADER_POSITIONS] + used * POSITION_WORDS
    memory[HEADER_POSITIONS_USED] = used + 1
    memory[index + place] = position
    account_row = account_row_of(memory, account)
    memory[position + POSITION_NAME] = name
    memory[position + POSITION_ACCOUNT] = account_row
    memory[position + POSITION_OLDER] = memory[account_row + ACCOUNT_NEWEST_POSITION]
    memory[account_row + ACCOUNT_NEWEST_POSITION] = position
    return position


# --- the lists of orders --------------------------------------------------------------------------


@jit_borrowed_inline_internal
def link_newest(memory: np.ndarray, head: int, order: int, links: int) -> None:
    """Put an order before all others of a list.

    ``head``: the word that names the list's newest; ``links``: ORDER_LINKS or ORDER_OPEN_LINKS.
    """
    newest = memory[head]
    memory[order + links] = newest
    if newest != 0:
        set_high(memory, newest + links, order)
    memory[head] = order


@jit_borrowed_inline_internal
def unlink(memory: np.ndarray, head: int, order: int, links: int) -> None:
    """Take an order out of a list; arguments as in ``link_newest``."""
    older, newer = low(memory[order + links]), high(memory[order + links])
    if newer != 0:
        set_low(memory, newer + links, older)
    else:
        memory[head] = older
    if older != 0:
        set_high(memory, older + links, newer)
    memory[order + links] = 0


@jit_borrowed_inline_internal
def owner_row(memory: np.ndarray, order: int) -> int:
    """Address of the row of the order's account."""
    return account_row_of(memory, field_of(memory, order, ORDER_ACCOUNT))


@jit_borrowed_inline_internal
def open_order(memory: np.ndarray, order: int) -> None:
    """The order lives from now on."""
    account_row = owner_row(memory, order)
    link_newest(memory, account_row + ACCOUNT_NEWEST_OPEN, order, ORDER_OPEN_LINKS)
    memory[account_row + ACCOUNT_OPEN_COUNT] += 1
    memory[HEADER_LIVE_ORDERS] += 1


@jit_borrowed_inline_internal
def _queue_of(memory: np.ndarray, account_row: int) -> int:
    """The word that names the oldest of the queue that an account's closed orders are in.

    Whoever takes what changed must find it in time, so there the order that closed first leaves
    first. Everybody else wants each account's latest orders, however many others have.
    """
    if memory[HEADER_TRACK_DIRTY] != 0:
        return HEADER_CLOSED_OLDEST
    return account_row + ACCOUNT_CLOSED_OLDEST


@jit_borrowed_inline_internal
def queue_closed(memory: np.ndarray, order: int) -> None:
    """The order will never change again: it may leave when its time has come."""
    queue = _queue_of(memory, owner_row(memory, order))
    newest = memory[queue + QUEUE_NEWEST]
    if newest != 0:
        memory[newest + ORDER_NEXT_CLOSED] = order
    else:
        memory[queue] = order
    memory[queue + QUEUE_NEWEST] = order
    memory[order + ORDER_NEXT_CLOSED] = 0


@jit_borrowed_inline_internal
def close_order(memory: np.ndarray, order: int) -> None:
    """The order no longer lives."""
    account_row = owner_row(memory, order)
    unlink(memory, account_row + ACCOUNT_NEWEST_OPEN, order, ORDER_OPEN_LINKS)
    memory[account_row + ACCOUNT_OPEN_COUNT] -= 1
    memory[HEADER_LIVE_ORDERS] -= 1
    queue_closed(memory, order)


@jit_borrowed_internal
def _evict(memory: np.ndarray, order: int) -> None:
    """Take a closed order, the first in its queue, out of everything that names it."""
    account_row = owner_row(memory, order)
    queue = _queue_of(memory, account_row)
    memory[queue] = memory[order + ORDER_NEXT_CLOSED]
    if memory[order + ORDER_NEXT_CLOSED] == 0:
        memory[queue + QUEUE_NEWEST] = 0
    unlink(memory, account_row + ACCOUNT_NEWEST_ORDER, order, ORDER_LINKS)
    memory[account_row + ACCOUNT_ORDER_COUNT] -= 1
    if memory[account_row + ACCOUNT_ORDER_COUNT] == 0:
        memory[HEADER_HOLDERS] -= 1

    bucket = order_bucket(memory, memory[order + ORDER_ID])
    other = memory[bucket]
    if other == order:
        memory[bucket] = low(memory[order + ORDER_CHAINS])
    else:
        while low(memory[other + ORDER_CHAINS]) != order:
            other = low(memory[other + ORDER_CHAINS])
        set_low(memory, other + ORDER_CHAINS, low(memory[order + ORDER_CHAINS]))

    session = field_of(memory, order, ORDER_SESSION)
    token_0, token_1 = memory[order + ORDER_TOKEN_0], memory[order + ORDER_TOKEN_1]
    bucket = token_bucket(memory, session, token_0, token_1)
    other = memory[bucket]
    if other == order:
        memory[bucket] = high(memory[order + ORDER_CHAINS])
    else:
        while high(memory[other + ORDER_CHAINS]) != order:
            other = high(memory[other + ORDER_CHAINS])
        set_high(memory, other + ORDER_CHAINS, high(memory[order + ORDER_CHAINS]))
    memory[HEADER_ORDERS_EVICTED] += 1


@jit_borrowed_inline_internal
def _closed_count(memory: np.ndarray, account_row: int) -> int:
    """Number of the account's closed orders that are kept."""
    return memory[account_row + ACCOUNT_ORDER_COUNT] - memory[account_row + ACCOUNT_OPEN_COUNT]


@jit_borrowed_internal
def _makes_room(memory: np.ndarray, account_row: int) -> int:
    """The account (its row) whose oldest closed order is to leave for a new one of another.

    One that has more than its share of those that are kept: itself, else the one that made room
    last, else another one. So an account that trades a lot forgets its own orders and not those of
    the others. There is a closed order.
    """
    closed = memory[HEADER_ORDERS_USED] - memory[HEADER_LIVE_ORDERS]
    share = closed // memory[HEADER_HOLDERS]
    if _closed_count(memory, account_row) > share:
        return account_row
    victim = memory[HEADER_VICTIM]
    if victim != 0 and _closed_count(memory, victim) > share:
        return victim
    first, size = memory[HEADER_ACCOUNTS], memory[HEADER_ACCOUNT_WORDS]
    end = first + memory[HEADER_ACCOUNTS_MAXIMUM] * size
    # somebody has at least the average
    least = max(share, 1)
    victim = max(victim, first)
    while _closed_count(memory, victim) < least:
        victim += size
        if victim == end:
            victim = first
    memory[HEADER_VICTIM] = victim
    return victim


@jit_borrowed_internal
def room_for_order(memory: np.ndarray, account: int) -> int:
    """Address for an order of account number ``account``: unused, or that of a closed order.

    ORDERS_FULL when all orders live, ORDER_NOT_TAKEN when that order is still in the list of
    touched orders.
    """
    used = memory[HEADER_ORDERS_USED]
    if used < memory[HEADER_ORDERS_MAXIMUM]:
        memory[HEADER_ORDERS_USED] = used + 1
        return memory[HEADER_ORDERS] + used * ORDER_WORDS
    if memory[HEADER_LIVE_ORDERS] == used:
        return ORDERS_FULL
    order = memory[HEADER_CLOSED_OLDEST]
    if memory[HEADER_TRACK_DIRTY] == 0:
        account_row = _makes_room(memory, account_row_of(memory, account))
        order = memory[account_row + ACCOUNT_CLOSED_OLDEST]
    if memory[order + ORDER_PACKED] & FLAG_DIRTY != 0:
        return ORDER_NOT_TAKEN
    _evict(memory, order)
    return order


@jit_borrowed_inline_internal
def enlist_order(memory: np.ndarray, order: int, account: int, session: int) -> None:
    """Let an order that has its id, owner and token be found by them and in its account's list."""
    account_row = account_row_of(memory, account)
    link_newest(memory, account_row + ACCOUNT_NEWEST_ORDER, order, ORDER_LINKS)
    memory[account_row + ACCOUNT_ORDER_COUNT] += 1
    if memory[account_row + ACCOUNT_ORDER_COUNT] == 1:
        memory[HEADER_HOLDERS] += 1
    by_id = order_bucket(memory, memory[order + ORDER_ID])
    token_0, token_1 = memory[order + ORDER_TOKEN_0], memory[order + ORDER_TOKEN_1]
    by_token = token_bucket(memory, session, token_0, token_1)
    memory[order + ORDER_CHAINS] = memory[by_id] | (memory[by_token] << HALF_BITS)
    memory[by_id] = order
    memory[by_token] = order


# --- what was touched -----------------------------------------------------------------------------


@jit_borrowed_inline_internal
def touch_order(memory: np.ndarray, order: int) -> None:
    """Remember that an order changed, if anybody wants to know."""
    if memory[HEADER_TRACK_DIRTY] != 0 and memory[order + ORDER_PACKED] & FLAG_DIRTY == 0:
        memory[order + ORDER_PACKED] |= FLAG_DIRTY
        memory[memory[HEADER_DIRTY_ORDERS] + memory[HEADER_DIRTY_ORDERS_COUNT]] = order
        memory[HEADER_DIRTY_ORDERS_COUNT] += 1


@jit_borrowed_inline_internal
def touch(memory: np.ndarray, row: int, mark: int, dirty_list: int, dirty_count: int) -> None:
    """As ``touch_order`` for a row whose mark is the word ``row + mark``.

    ``dirty_list``, ``dirty_count``: header words of the list's first word and its length.
    """
    if memory[HEADER_TRACK_DIRTY] != 0 and memory[row + mark] == 0:
        memory[row + mark] = 1
        memory[memory[dirty_list] + memory[dirty_count]] = row
        memory[dirty_count] += 1


@jit_borrowed_inline_internal
def touch_balance(memory: np.ndarray, row: int, mark: int) -> None:
    """As ``touch`` for a balance (mark BALANCE_DIRTY) or an account's row (mark ACCOUNT_DIRTY)."""
    touch(memory, row, mark, HEADER_DIRTY_ACCOUNTS, HEADER_DIRTY_ACCOUNTS_COUNT)
