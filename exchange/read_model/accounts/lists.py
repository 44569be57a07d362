"""Where the account model's records are: indexes, lists, and making room for a new order.

Who uses it: ``accounts_apply.py`` and, for the look-ups, ``accounts_find.py``. ``m`` is the memory
that ``accounts_layout.py`` draws; every function takes and returns addresses in it, 0 for none.

The order index needs no hashing: ids grow, so neighbours in time are neighbours in the index. The
token index does, with a seed: clients choose tokens and must not be able to choose collisions.
"""

from __future__ import annotations

import numpy as np

from exchange.read_model.accounts.layout import (
    A_CLOSED_OLDEST,
    A_NEWEST_OPEN,
    A_NEWEST_ORDER,
    A_NEWEST_POSITION,
    A_OPEN_COUNT,
    A_ORDER_COUNT,
    DAY_MASK,
    DAY_SHIFT,
    FLAG_DIRTY,
    H_ACCOUNT_WORDS,
    H_ACCOUNTS,
    H_ACCOUNTS_MAXIMUM,
    H_CLOSED_OLDEST,
    H_DAY,
    H_DIRTY_ACCOUNTS,
    H_DIRTY_ACCOUNTS_COUNT,
    H_DIRTY_ORDERS,
    H_DIRTY_ORDERS_COUNT,
    H_HOLDERS,
    H_LIVE_ORDERS,
    H_ORDER_INDEX,
    H_ORDER_MASK,
    H_ORDERS,
    H_ORDERS_EVICTED,
    H_ORDERS_MAXIMUM,
    H_ORDERS_USED,
    H_POSITION_INDEX,
    H_POSITION_MASK,
    H_POSITIONS,
    H_POSITIONS_MAXIMUM,
    H_POSITIONS_USED,
    H_TOKEN_INDEX,
    H_TOKEN_MASK,
    H_TOKEN_SEED,
    H_TRACK_DIRTY,
    H_VICTIM,
    HALF,
    HALF_BITS,
    O_CHAINS,
    O_ID,
    O_LINKS,
    O_NEXT_CLOSED,
    O_OPEN_LINKS,
    O_OWNER,
    O_TOKEN_0,
    O_TOKEN_1,
    O_WHAT,
    ORDER_WORDS,
    P_ACCOUNT,
    P_NAME,
    P_OLDER,
    POSITION_WORDS,
    SESSION_SHIFT,
    SHORT,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

ORDERS_FULL = -1
ORDER_NOT_TAKEN = -2
_HIGH_HALF = ~HALF
_MIX_MASK = (1 << 31) - 1
_MIX_0 = 0x45D9F3B
_MIX_1 = 0x119DE1F3


@jit_borrowed_inline
def low(word: int) -> int:
    return word & HALF


@jit_borrowed_inline
def high(word: int) -> int:
    return (word >> HALF_BITS) & HALF


@jit_borrowed_inline
def set_low(m: np.ndarray, at: int, address: int) -> None:
    m[at] = (m[at] & _HIGH_HALF) | address


@jit_borrowed_inline
def set_high(m: np.ndarray, at: int, address: int) -> None:
    m[at] = (m[at] & HALF) | (address << HALF_BITS)


@jit_borrowed_inline
def account_at(m: np.ndarray, account: int) -> int:
    """Address of an account's row; the number has been checked."""
    return m[H_ACCOUNTS] + account * m[H_ACCOUNT_WORDS]


# --- indexes ------------------------------------------------------------------------------------


@jit_borrowed_inline
def find_order(m: np.ndarray, order_id: int) -> int:
    """Address of the order, 0 when it is unknown or no longer kept."""
    at = m[m[H_ORDER_INDEX] + (order_id & m[H_ORDER_MASK])]
    while at != 0 and m[at + O_ID] != order_id:
        at = low(m[at + O_CHAINS])
    return at


@jit_borrowed_inline
def _mix(value: int, by: int) -> int:
    """31 bits that depend on the low 31 bits of ``value``; the product stays below 2^62."""
    value = (value & _MIX_MASK) * by
    return (value ^ (value >> 31)) & _MIX_MASK


@jit_borrowed_inline
def token_bucket(m: np.ndarray, session: int, token_0: int, token_1: int) -> int:
    """Address of the token index's word for a token of a session."""
    seed = m[H_TOKEN_SEED]
    mixed = _mix(token_0 ^ seed, _MIX_0)
    mixed = _mix(mixed ^ (token_0 >> 31) ^ (seed >> 31), _MIX_1)
    mixed = _mix(mixed ^ (token_0 >> 62) ^ token_1, _MIX_0)
    mixed = _mix(mixed ^ (token_1 >> 31) ^ (session << 15), _MIX_1)
    return m[H_TOKEN_INDEX] + (_mix(mixed, _MIX_0) & m[H_TOKEN_MASK])


@jit_borrowed
def find_token(m: np.ndarray, session: int, token_0: int, token_1: int) -> int:
    """Address of the newest order of the session with this token, of the current day, or 0."""
    owner = (session << SESSION_SHIFT) | ((m[H_DAY] & DAY_MASK) << DAY_SHIFT)
    at = m[token_bucket(m, session, token_0, token_1)]
    while at != 0:
        if (
            m[at + O_TOKEN_0] == token_0
            and m[at + O_TOKEN_1] == token_1
            and m[at + O_OWNER] & _HIGH_HALF == owner
        ):
            return at
        at = high(m[at + O_CHAINS])
    return 0


@jit_borrowed_inline
def position_place(m: np.ndarray, account: int, instrument: int) -> int:
    """Where in the position index probing starts."""
    return (_mix(account, _MIX_0) ^ _mix(instrument, _MIX_1)) & m[H_POSITION_MASK]


@jit_borrowed
def position_of(m: np.ndarray, account: int, instrument: int, make: bool) -> int:
    """Address of the position; when it does not exist 0, or with ``make`` a new one.

    A new one has nothing but its name, its account and its place in the account's list. Also 0
    when there is no room for a new one.
    """
    name = (account << 16) | instrument
    mask = m[H_POSITION_MASK]
    index = m[H_POSITION_INDEX]
    place = position_place(m, account, instrument)
    while True:
        at = m[index + place]
        if at == 0:
            break
        if m[at + P_NAME] == name:
            return at
        place = (place + 1) & mask
    used = m[H_POSITIONS_USED]
    if not make or used == m[H_POSITIONS_MAXIMUM]:
        return 0
    at = m[H_POSITIONS] + used * POSITION_WORDS
    m[H_POSITIONS_USED] = used + 1
    m[index + place] = at
    owner = account_at(m, account)
    m[at + P_NAME] = name
    m[at + P_ACCOUNT] = owner
    m[at + P_OLDER] = m[owner + A_NEWEST_POSITION]
    m[owner + A_NEWEST_POSITION] = at
    return at


# --- the lists of orders --------------------------------------------------------------------------


@jit_borrowed_inline
def link_newest(m: np.ndarray, head: int, at: int, links: int) -> None:
    """Put the order at ``at`` before all others of a list; ``head``: where its newest is named."""
    newest = m[head]
    m[at + links] = newest
    if newest != 0:
        set_high(m, newest + links, at)
    m[head] = at


@jit_borrowed_inline
def unlink(m: np.ndarray, head: int, at: int, links: int) -> None:
    """Take the order at ``at`` out of a list."""
    older, newer = low(m[at + links]), high(m[at + links])
    if newer != 0:
        set_low(m, newer + links, older)
    else:
        m[head] = older
    if older != 0:
        set_high(m, older + links, newer)
    m[at + links] = 0


@jit_borrowed_inline
def open_order(m: np.ndarray, at: int) -> None:
    """The order lives from now on."""
    account = account_at(m, low(m[at + O_OWNER]))
    link_newest(m, account + A_NEWEST_OPEN, at, O_OPEN_LINKS)
    m[account + A_OPEN_COUNT] += 1
    m[H_LIVE_ORDERS] += 1


@jit_borrowed_inline
def _queue_of(m: np.ndarray, account: int) -> int:
    """Where the oldest of the queue that an account's closed orders are in is named.

    Whoever takes what changed must find it in time, so there the order that closed first leaves
    first. Everybody else wants each account's latest orders, however many others have.
    """
    return H_CLOSED_OLDEST if m[H_TRACK_DIRTY] != 0 else account + A_CLOSED_OLDEST


@jit_borrowed_inline
def queue_closed(m: np.ndarray, at: int) -> None:
    """The order will never change again: it may leave when its time has come."""
    queue = _queue_of(m, account_at(m, low(m[at + O_OWNER])))
    newest = m[queue + 1]
    if newest != 0:
        m[newest + O_NEXT_CLOSED] = at
    else:
        m[queue] = at
    m[queue + 1] = at
    m[at + O_NEXT_CLOSED] = 0


@jit_borrowed_inline
def close_order(m: np.ndarray, at: int) -> None:
    """The order no longer lives."""
    account = account_at(m, low(m[at + O_OWNER]))
    unlink(m, account + A_NEWEST_OPEN, at, O_OPEN_LINKS)
    m[account + A_OPEN_COUNT] -= 1
    m[H_LIVE_ORDERS] -= 1
    queue_closed(m, at)


@jit_borrowed
def _evict(m: np.ndarray, at: int) -> None:
    """Take a closed order, the first in its queue, out of everything that names it."""
    account = account_at(m, low(m[at + O_OWNER]))
    queue = _queue_of(m, account)
    m[queue] = m[at + O_NEXT_CLOSED]
    if m[at + O_NEXT_CLOSED] == 0:
        m[queue + 1] = 0
    unlink(m, account + A_NEWEST_ORDER, at, O_LINKS)
    m[account + A_ORDER_COUNT] -= 1
    if m[account + A_ORDER_COUNT] == 0:
        m[H_HOLDERS] -= 1

    bucket = m[H_ORDER_INDEX] + (m[at + O_ID] & m[H_ORDER_MASK])
    other = m[bucket]
    if other == at:
        m[bucket] = low(m[at + O_CHAINS])
    else:
        while low(m[other + O_CHAINS]) != at:
            other = low(m[other + O_CHAINS])
        set_low(m, other + O_CHAINS, low(m[at + O_CHAINS]))

    session = (m[at + O_OWNER] >> SESSION_SHIFT) & SHORT
    bucket = token_bucket(m, session, m[at + O_TOKEN_0], m[at + O_TOKEN_1])
    other = m[bucket]
    if other == at:
        m[bucket] = high(m[at + O_CHAINS])
    else:
        while high(m[other + O_CHAINS]) != at:
            other = high(m[other + O_CHAINS])
        set_high(m, other + O_CHAINS, high(m[at + O_CHAINS]))
    m[H_ORDERS_EVICTED] += 1


@jit_borrowed_inline
def _closed_count(m: np.ndarray, account: int) -> int:
    return m[account + A_ORDER_COUNT] - m[account + A_OPEN_COUNT]


@jit_borrowed
def _makes_room(m: np.ndarray, account: int) -> int:
    """The account whose oldest closed order is to leave for a new one of ``account``.

    One that has more than its share of those that are kept: itself, else the one that made room
    last, else another one. So an account that trades a lot forgets its own orders and not those of
    the others. There is a closed order.
    """
    share = (m[H_ORDERS_USED] - m[H_LIVE_ORDERS]) // m[H_HOLDERS]
    if _closed_count(m, account) > share:
        return account
    victim = m[H_VICTIM]
    if victim != 0 and _closed_count(m, victim) > share:
        return victim
    first, size = m[H_ACCOUNTS], m[H_ACCOUNT_WORDS]
    end = first + m[H_ACCOUNTS_MAXIMUM] * size
    # somebody has at least the average
    least = max(share, 1)
    victim = max(victim, first)
    while _closed_count(m, victim) < least:
        victim += size
        if victim == end:
            victim = first
    m[H_VICTIM] = victim
    return victim


@jit_borrowed
def new_order_slot(m: np.ndarray, account: int) -> int:
    """Room for an order of account number ``account``: unused, or that of a closed order.

    ORDERS_FULL when all orders live, ORDER_NOT_TAKEN when that order is still in the list of
    touched orders.
    """
    used = m[H_ORDERS_USED]
    if used < m[H_ORDERS_MAXIMUM]:
        m[H_ORDERS_USED] = used + 1
        return m[H_ORDERS] + used * ORDER_WORDS
    if m[H_LIVE_ORDERS] == used:
        return ORDERS_FULL
    at = m[H_CLOSED_OLDEST]
    if m[H_TRACK_DIRTY] == 0:
        at = m[_makes_room(m, account_at(m, account)) + A_CLOSED_OLDEST]
    if m[at + O_WHAT] & FLAG_DIRTY != 0:
        return ORDER_NOT_TAKEN
    _evict(m, at)
    return at


@jit_borrowed_inline
def enlist_order(m: np.ndarray, at: int, account: int, session: int) -> None:
    """Let an order that has its id, owner and token be found by them and in its account's list."""
    owner = account_at(m, account)
    link_newest(m, owner + A_NEWEST_ORDER, at, O_LINKS)
    m[owner + A_ORDER_COUNT] += 1
    if m[owner + A_ORDER_COUNT] == 1:
        m[H_HOLDERS] += 1
    by_id = m[H_ORDER_INDEX] + (m[at + O_ID] & m[H_ORDER_MASK])
    by_token = token_bucket(m, session, m[at + O_TOKEN_0], m[at + O_TOKEN_1])
    m[at + O_CHAINS] = m[by_id] | (m[by_token] << HALF_BITS)
    m[by_id] = at
    m[by_token] = at


# --- what was touched -----------------------------------------------------------------------------


@jit_borrowed_inline
def touch_order(m: np.ndarray, at: int) -> None:
    """Remember that an order changed, if anybody wants to know."""
    if m[H_TRACK_DIRTY] != 0 and m[at + O_WHAT] & FLAG_DIRTY == 0:
        m[at + O_WHAT] |= FLAG_DIRTY
        m[m[H_DIRTY_ORDERS] + m[H_DIRTY_ORDERS_COUNT]] = at
        m[H_DIRTY_ORDERS_COUNT] += 1


@jit_borrowed_inline
def touch(m: np.ndarray, at: int, mark: int, dirty_list: int, dirty_count: int) -> None:
    """As ``touch_order`` for a row with a mark of its own at ``at + mark``."""
    if m[H_TRACK_DIRTY] != 0 and m[at + mark] == 0:
        m[at + mark] = 1
        m[m[dirty_list] + m[dirty_count]] = at
        m[dirty_count] += 1


@jit_borrowed_inline
def touch_balance(m: np.ndarray, at: int, mark: int) -> None:
    """As ``touch`` for a balance (mark B_DIRTY) or an account's row (mark A_DIRTY)."""
    touch(m, at, mark, H_DIRTY_ACCOUNTS, H_DIRTY_ACCOUNTS_COUNT)
