"""Cancelling many orders in one command, always in ascending order of order id.

Candidates are collected in ``view.selection``, sorted there (radix sort, least significant digit
first) and cancelled one after the other, with the memory of those to come asked for ahead. An
instrument's orders are found through its books; all others by one pass over the order slots.

    selection   0 ..            SELECTION_COUNTERS counters of a pass
                _FIRST ..       pairs: order id | slot, session in the high half
                .. then as many again, the other side of a pass

Decision ENG-6.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import MASS_CANCEL_ANY_SIDE, Side
from exchange.engine.book.book import NOT_RESTING, book_of
from exchange.engine.book.levels import level_of, next_worse_key
from exchange.engine.book.order_pool import order_id_place
from exchange.engine.book.stops import stop_book_of
from exchange.engine.money.cancel_ratio import count_cancel
from exchange.engine.orders.amend import cancel_whole
from exchange.engine.state.fields import reader, writer
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    HELD_HEAD,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    MAX_INSTRUMENTS,
    MAX_ORDERS,
    ORDER_HIGH,
    ORDER_IMMEDIATE,
    ORDER_MARKET_HOURS,
    ORDER_WORDS,
    SELECTION_COUNTERS,
    SESSION_CANCEL_FLAG,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put, touch
from exchange.engine.state.rows import (
    book_best,
    instrument_live_orders,
    level_head,
    order_flags,
    order_id_of,
    order_instrument,
    order_level,
    order_next,
    order_previous,
    order_session,
    order_side,
    session_account,
    session_cancel_after,
    session_flags,
)
from exchange.engine.state.trading_states import NANOSECONDS, cancel_refused
from exchange.records import part, whole
from ringbuffer.jit import jit_inline_internal

ANY_SIDE = MASS_CANCEL_ANY_SIDE

# Which of the orders that pass the filters are meant.
EVERY = 0
NOT_HALTED = 1  # a client's mass cancel
ON_DISCONNECT = 2  # of sessions with CANCEL_ON_DISCONNECT; by session, then by order id
OVERDUE = 3  # of sessions whose cancel-after second has come; by session, then by order id
IMMEDIATE = 4  # resting, but only until the auction ends
MARKET_HOURS = 5

_PAIR_WORDS = 2
_PAIR_ORDER_ID = whole(0)
_PAIR_SLOT = part(1, 0, 32)
_PAIR_SESSION = part(1, 32, 32)
_FIRST = SELECTION_COUNTERS
_DIGIT_BITS = 11
_DIGIT_MASK = SELECTION_COUNTERS - 1
_LARGEST_BITS = 63  # of an order id
_AHEAD = 8

assert SELECTION_COUNTERS == 1 << _DIGIT_BITS

# by the first word of a pair
_pair_order_id = reader("selection", 1, _PAIR_ORDER_ID)
_pair_slot = reader("selection", 1, _PAIR_SLOT)
_pair_session = reader("selection", 1, _PAIR_SESSION)
_set_pair_order_id = writer("selection", 1, _PAIR_ORDER_ID)
_set_pair_slot = writer("selection", 1, _PAIR_SLOT)
_set_pair_session = writer("selection", 1, _PAIR_SESSION)


class Wanted(NamedTuple):
    """Which live orders are meant: those that pass all filters (0: any; ANY_SIDE) and ``rule``."""

    account: int
    session: int
    side: int
    rule: int


@jit_inline_internal
def _meant(view: Any, slot: int, session: int, rule: int) -> bool:
    """Whether ``rule`` means the live order in ``slot``, which is of ``session``."""
    if rule == EVERY:
        return True
    if rule == NOT_HALTED:
        return not cancel_refused(view, order_instrument(view, slot) * INSTRUMENT_WORDS)
    if rule == ON_DISCONNECT:
        return session_flags(view, session) & SESSION_CANCEL_FLAG != 0
    if rule == OVERDUE:
        second = session_cancel_after(view, session)
        return second != 0 and second <= get(view.scalars, TIMESTAMP_NS) // NANOSECONDS
    flags = order_flags(view, slot)
    if rule == IMMEDIATE:
        return flags & NOT_RESTING == 0 and flags & ORDER_IMMEDIATE != 0
    return flags & ORDER_MARKET_HOURS != 0


@jit_inline_internal
def _consider(view: Any, slot: int, wanted: Wanted, count: int) -> int:
    """Select the live order in ``slot`` if it passes; how many are selected now."""
    session = order_session(view, slot)
    if wanted.session not in (0, session):
        return count
    if wanted.account not in (0, session_account(view, session)):
        return count
    sells = order_side(view, slot) != Side.BUY
    if wanted.side != ANY_SIDE and sells != (wanted.side != Side.BUY):
        return count
    if not _meant(view, slot, session, wanted.rule):
        return count
    pair_at = _FIRST + count * _PAIR_WORDS
    _set_pair_order_id(view, pair_at, order_id_of(view, slot))
    _set_pair_slot(view, pair_at, slot)
    _set_pair_session(view, pair_at, session)
    return count + 1


@engine_function
def _select_all(view: Any, wanted: Wanted) -> int:
    count = 0
    for slot in range(1, get(view.scalars, ORDER_HIGH) + 1):
        if order_id_of(view, slot) != 0:
            count = _consider(view, slot, wanted, count)
    return count


@engine_function
def _select_in_book(view: Any, book: int, wanted: Wanted, count: int) -> int:
    key = book_best(view, book)
    while key != 0:
        slot = level_head(view, level_of(view, book, key))
        while slot != 0:
            count = _consider(view, slot, wanted, count)
            slot = order_next(view, slot)
        key = next_worse_key(view, book, key)
    return count


@engine_function
def _select_in_instrument(view: Any, instrument: int, wanted: Wanted) -> int:
    if instrument >= get(view.scalars, MAX_INSTRUMENTS):
        return 0
    if instrument_live_orders(view, instrument * INSTRUMENT_WORDS) == 0:
        return 0
    count = 0
    for side in (Side.BUY, Side.SELL):
        count = _select_in_book(view, book_of(instrument, side), wanted, count)
    for side in (Side.SELL, Side.BUY):
        count = _select_in_book(view, stop_book_of(view, instrument, side), wanted, count)
    slot = get(view.scalars, HELD_HEAD)
    while slot != 0:
        if order_instrument(view, slot) == instrument:
            count = _consider(view, slot, wanted, count)
        slot = order_next(view, slot)
    return count


@engine_function
def _pass(
    view: Any, source: int, target: int, count: int, word: int, least: int, shift: int
) -> None:
    """One stable pass: by one digit of (``word`` of each pair - ``least``)."""
    selection = view.selection
    for digit in range(SELECTION_COUNTERS):
        put(selection, digit, 0)
    for number in range(count):
        sorted_by = get(selection, source + _PAIR_WORDS * number + word)
        digit = ((sorted_by - least) >> shift) & _DIGIT_MASK
        put(selection, digit, get(selection, digit) + 1)
    total = 0
    for digit in range(SELECTION_COUNTERS):
        here = get(selection, digit)
        put(selection, digit, total)
        total += here
    for number in range(count):
        source_at = source + _PAIR_WORDS * number
        digit = ((get(selection, source_at + word) - least) >> shift) & _DIGIT_MASK
        place = get(selection, digit)
        put(selection, digit, place + 1)
        for each in range(_PAIR_WORDS):
            put(selection, target + _PAIR_WORDS * place + each, get(selection, source_at + each))


@engine_function
def sort_selection(view: Any, count: int, by_session: bool) -> int:
    """Sort the first ``count`` pairs by order id, or by session and then order id; where they are.

    Orders entered one after the other often lie in ascending slots: then there is nothing to do.
    """
    source = _FIRST
    target = _FIRST + _PAIR_WORDS * (get(view.scalars, MAX_ORDERS) + 1)
    if count < 2:
        return source
    least = _pair_order_id(view, source)
    most = least
    previous = least
    sorted_already = True
    for number in range(1, count):
        order_id = _pair_order_id(view, source + _PAIR_WORDS * number)
        if order_id < previous:
            sorted_already = False
        previous = order_id
        least = min(least, order_id)
        most = max(most, order_id)
    shift = 0
    while not sorted_already and shift < _LARGEST_BITS and (most - least) >> shift != 0:
        _pass(view, source, target, count, _PAIR_ORDER_ID.word, least, shift)
        source, target = target, source
        shift += _DIGIT_BITS
    if by_session:
        for shift in (_PAIR_SESSION.shift, _PAIR_SESSION.shift + _DIGIT_BITS):
            _pass(view, source, target, count, _PAIR_SESSION.word, 0, shift)
            source, target = target, source
    return source


@jit_inline_internal
def _prefetch(view: Any, pairs_at: int, number: int, count: int) -> None:
    """Ask for what cancelling pair ``number`` + some will touch, the nearer the more of it."""
    if number + 2 * _AHEAD < count:
        far_at = pairs_at + _PAIR_WORDS * (number + 2 * _AHEAD)
        touch(view.orders, _pair_slot(view, far_at) * ORDER_WORDS)
    if number + _AHEAD < count:
        near_at = pairs_at + _PAIR_WORDS * (number + _AHEAD)
        slot = _pair_slot(view, near_at)
        touch(view.orders, order_next(view, slot) * ORDER_WORDS)
        touch(view.orders, order_previous(view, slot) * ORDER_WORDS)
        touch(view.levels, order_level(view, slot) * LEVEL_WORDS)
        touch(view.order_ids, order_id_place(view, _pair_order_id(view, near_at)))


@engine_function
def _cancel_selection(view: Any, pairs_at: int, count: int, reason: int, counted: bool) -> None:
    """Cancel ``count`` orders, whose pairs are at ``pairs_at``; ``counted``: in cancel ratios."""
    for number in range(count):
        _prefetch(view, pairs_at, number, count)
        pair_at = pairs_at + _PAIR_WORDS * number
        session = _pair_session(view, pair_at)
        cancel_whole(view, _pair_slot(view, pair_at), reason)
        if counted:
            count_cancel(view, session_account(view, session))


@engine_function
def select_and_cancel(view: Any, instrument: int, wanted: Wanted, reason: int) -> int:
    """Cancel the live orders of an instrument (0: of all) that are ``wanted``; how many."""
    if instrument == 0:
        count = _select_all(view, wanted)
    else:
        count = _select_in_instrument(view, instrument, wanted)
    pairs_at = sort_selection(view, count, wanted.rule in (ON_DISCONNECT, OVERDUE))
    _cancel_selection(view, pairs_at, count, reason, wanted.rule == NOT_HALTED)
    return count
