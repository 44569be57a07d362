"""Cancelling many orders in one command, always in ascending order of order id.

Candidates are collected in ``v.selection``, sorted there (radix sort, least significant digit
first) and cancelled one after the other, with the memory of those to come asked for ahead. An
instrument's orders are found through its books; all others by one pass over the order slots.

    selection   0 ..            SELECTION_COUNTERS counters of a pass
                _FIRST ..       pairs: order id | slot, session in the high half
                .. then as many again, the other side of a pass

Decision ENG-6.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import MASS_CANCEL_ANY_SIDE
from exchange.engine.book.levels import level_of, next_worse_key
from exchange.engine.book.order_pool import order_id_place
from exchange.engine.money.cancel_ratio import count_cancel
from exchange.engine.money.clearing import account_of_session
from exchange.engine.orders.amend import cancel_whole
from exchange.engine.state.layout import (
    BOOK_WORDS,
    HELD_HEAD,
    INSTRUMENT_LIVE_ORDERS,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    MAX_INSTRUMENTS,
    MAX_ORDERS,
    ORDER_HELD,
    ORDER_HIGH,
    ORDER_IMMEDIATE,
    ORDER_MARKET_HOURS,
    ORDER_WAITING,
    ORDER_WORDS,
    SELECTION_COUNTERS,
    SESSION_CANCEL_FLAG,
    SESSION_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put, touch
from exchange.engine.state.trading_states import NANOSECONDS, cancel_refused
from ringbuffer.jit import jit_inline_internal, jit_internal

ANY_SIDE = MASS_CANCEL_ANY_SIDE

# Which of the orders that pass the filters are meant.
EVERY = 0
NOT_HALTED = 1  # a client's mass cancel
ON_DISCONNECT = 2  # of sessions with CANCEL_ON_DISCONNECT; by session, then by order id
OVERDUE = 3  # of sessions whose cancel-after second has come; by session, then by order id
IMMEDIATE = 4  # resting, but only until the auction ends
MARKET_HOURS = 5

_FIRST = SELECTION_COUNTERS
_DIGIT_BITS = 11
_DIGIT_MASK = SELECTION_COUNTERS - 1
_HALF = (1 << 32) - 1
_AHEAD = 8
_FLAGS_SHIFT = 40
_NOT_RESTING = (ORDER_WAITING | ORDER_HELD) << _FLAGS_SHIFT
_IMMEDIATE_FLAG = ORDER_IMMEDIATE << _FLAGS_SHIFT
_MARKET_HOURS_FLAG = ORDER_MARKET_HOURS << _FLAGS_SHIFT

assert SELECTION_COUNTERS == 1 << _DIGIT_BITS


@jit_inline_internal
def _meant(v: Any, slot: int, session: int, word: int, rule: int) -> bool:
    """Whether ``rule`` means the live order in ``slot``; ``word``: its identity and flags."""
    if rule == EVERY:
        return True
    if rule == NOT_HALTED:
        instrument = (get(v.orders, slot * ORDER_WORDS + 4) >> 48) & 0xFFFF
        return not cancel_refused(v, instrument * INSTRUMENT_WORDS)
    if rule == ON_DISCONNECT:
        return get(v.sessions, session * SESSION_WORDS) & SESSION_CANCEL_FLAG != 0
    if rule == OVERDUE:
        second = get(v.sessions, session * SESSION_WORDS + 7)
        return second != 0 and second <= get(v.scalars, TIMESTAMP_NS) // NANOSECONDS
    if rule == IMMEDIATE:
        return word & _NOT_RESTING == 0 and word & _IMMEDIATE_FLAG != 0
    return word & _MARKET_HOURS_FLAG != 0


@jit_inline_internal
def _consider(
    v: Any, slot: int, account: int, session: int, side: int, rule: int, count: int
) -> int:
    """Select the live order in ``slot`` if it passes; how many are selected now."""
    word = get(v.orders, slot * ORDER_WORDS + 7)
    own_session = word & 0xFFFF
    if session not in (0, own_session):
        return count
    if account not in (0, account_of_session(v, own_session)):
        return count
    if side != ANY_SIDE and ((word >> 24) & 0xFF != 0) != (side != 0):
        return count
    if not _meant(v, slot, own_session, word, rule):
        return count
    at = _FIRST + count * 2
    put(v.selection, at, get(v.orders, slot * ORDER_WORDS + 2))
    put(v.selection, at + 1, slot | (own_session << 32))
    return count + 1


@jit_internal
def _select_all(v: Any, account: int, session: int, side: int, rule: int) -> int:
    count = 0
    for slot in range(1, get(v.scalars, ORDER_HIGH) + 1):
        if get(v.orders, slot * ORDER_WORDS + 2) != 0:
            count = _consider(v, slot, account, session, side, rule, count)
    return count


@jit_internal
def _select_in_book(
    v: Any, book: int, account: int, session: int, side: int, rule: int, count: int
) -> int:
    key = get(v.books, book * BOOK_WORDS)
    while key != 0:
        slot = get(v.levels_half, level_of(v, book, key) * (LEVEL_WORDS * 2) + 2)
        while slot != 0:
            count = _consider(v, slot, account, session, side, rule, count)
            slot = get(v.orders_half, slot * (ORDER_WORDS * 2) + 10)
        key = next_worse_key(v, book, key)
    return count


@jit_internal
def _select_in_instrument(
    v: Any, account: int, session: int, instrument: int, side: int, rule: int
) -> int:
    if instrument >= get(v.scalars, MAX_INSTRUMENTS):
        return 0
    if get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_LIVE_ORDERS) == 0:
        return 0
    stops = instrument + get(v.scalars, MAX_INSTRUMENTS)
    count = 0
    for book in (instrument * 2, instrument * 2 + 1, stops * 2, stops * 2 + 1):
        count = _select_in_book(v, book, account, session, side, rule, count)
    slot = get(v.scalars, HELD_HEAD)
    while slot != 0:
        if (get(v.orders, slot * ORDER_WORDS + 4) >> 48) & 0xFFFF == instrument:
            count = _consider(v, slot, account, session, side, rule, count)
        slot = get(v.orders_half, slot * (ORDER_WORDS * 2) + 10)
    return count


@jit_internal
def _pass(v: Any, source: int, target: int, count: int, word: int, least: int, shift: int) -> None:
    """One stable pass: by one digit of (``word`` of each pair - ``least``)."""
    n = v.selection
    for digit in range(SELECTION_COUNTERS):
        put(n, digit, 0)
    for k in range(count):
        digit = ((get(n, source + 2 * k + word) - least) >> shift) & _DIGIT_MASK
        put(n, digit, get(n, digit) + 1)
    total = 0
    for digit in range(SELECTION_COUNTERS):
        here = get(n, digit)
        put(n, digit, total)
        total += here
    for k in range(count):
        at = source + 2 * k
        digit = ((get(n, at + word) - least) >> shift) & _DIGIT_MASK
        place = get(n, digit)
        put(n, digit, place + 1)
        put(n, target + 2 * place, get(n, at))
        put(n, target + 2 * place + 1, get(n, at + 1))


@jit_internal
def sort_selection(v: Any, count: int, by_session: bool) -> int:
    """Sort the first ``count`` pairs by order id, or by session and then order id; where they are.

    Orders entered one after the other often lie in ascending slots: then there is nothing to do.
    """
    n = v.selection
    source = _FIRST
    target = _FIRST + 2 * (get(v.scalars, MAX_ORDERS) + 1)
    if count < 2:
        return source
    least = get(n, source)
    most = least
    sorted_already = True
    for k in range(1, count):
        order_id = get(n, source + 2 * k)
        if order_id < get(n, source + 2 * k - 2):
            sorted_already = False
        least = min(least, order_id)
        most = max(most, order_id)
    shift = 0
    while not sorted_already and shift < 63 and (most - least) >> shift != 0:
        _pass(v, source, target, count, 0, least, shift)
        source, target = target, source
        shift += _DIGIT_BITS
    if by_session:
        for shift in (32, 32 + _DIGIT_BITS):
            _pass(v, source, target, count, 1, 0, shift)
            source, target = target, source
    return source


@jit_inline_internal
def _prefetch(v: Any, at: int, k: int, count: int) -> None:
    """Ask for what cancelling pair ``k`` + some will touch, the nearer the more of it."""
    n = v.selection
    if k + 2 * _AHEAD < count:
        touch(v.orders, (get(n, at + 2 * (k + 2 * _AHEAD) + 1) & _HALF) * ORDER_WORDS)
    if k + _AHEAD < count:
        slot = get(n, at + 2 * (k + _AHEAD) + 1) & _HALF
        half = slot * (ORDER_WORDS * 2)
        touch(v.orders, get(v.orders_half, half + 10) * ORDER_WORDS)
        touch(v.orders, get(v.orders_half, half + 11) * ORDER_WORDS)
        touch(v.levels, get(v.orders_half, half + 12) * LEVEL_WORDS)
        touch(v.order_ids, order_id_place(v, get(n, at + 2 * (k + _AHEAD))))


@jit_internal
def _cancel_selection(v: Any, at: int, count: int, reason: int, counted: bool) -> None:
    """Cancel the ``count`` orders whose pairs are at ``at``; ``counted``: for the cancel ratio."""
    for k in range(count):
        _prefetch(v, at, k, count)
        pair = get(v.selection, at + 2 * k + 1)
        cancel_whole(v, pair & _HALF, reason)
        if counted:
            count_cancel(v, account_of_session(v, pair >> 32))


@jit_internal
def select_and_cancel(
    v: Any, account: int, session: int, instrument: int, side: int, rule: int, reason: int
) -> int:
    """Cancel the live orders that pass all filters (0: any; ANY_SIDE) and ``rule``; how many."""
    if instrument == 0:
        count = _select_all(v, account, session, side, rule)
    else:
        count = _select_in_instrument(v, account, session, instrument, side, rule)
    at = sort_selection(v, count, rule in (ON_DISCONNECT, OVERDUE))
    _cancel_selection(v, at, count, reason, rule == NOT_HALTED)
    return count
