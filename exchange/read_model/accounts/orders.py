"""What each event about an order does to the account model: entry, changes, ends; no trades.

Who uses it: ``accounts_apply.py``; ``accounts_trades.py`` shares what changes an order. ``m`` is
the memory of ``accounts_layout.py``, ``e`` events as 64-bit words, ``i`` the first word of one.

A rule returns 0, or an ERROR_... number before it has changed anything that could be asked for.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import CancelReason, EventKind, OrderType
from exchange.read_model.accounts.layout import (
    A_BALANCES,
    A_DAILY_COUNT,
    A_DIRTY,
    A_UPDATED_NS,
    BALANCE_WORDS,
    BYTE,
    DAY_MASK,
    DAY_SHIFT,
    DISPLAY_SHIFT,
    E_CONTRA_ORDER_ID,
    E_ORDER_ID,
    E_PRICE,
    E_QUANTITY,
    E_REMAINING,
    E_TIMESTAMP_NS,
    E_TOKEN_0,
    E_TOKEN_1,
    E_WHAT,
    ERROR_NOT_TAKEN,
    ERROR_ORDER_EXISTS,
    ERROR_ORDERS,
    ERROR_POSITIONS,
    ERROR_UNKNOWN_INSTRUMENT,
    ERROR_UNKNOWN_ORDER,
    ERROR_UNKNOWN_SESSION,
    EVENT_DISPLAY_SHIFT,
    EVENT_INSTRUMENT_SHIFT,
    EVENT_REASON_SHIFT,
    EVENT_SIDE_SHIFT,
    EVENT_TYPE_SHIFT,
    FLAG_HELD,
    FLAG_WAITING,
    H_DAY,
    H_INSTRUMENTS,
    H_INSTRUMENTS_MAXIMUM,
    H_SESSIONS,
    H_SESSIONS_MAXIMUM,
    I_CURRENCY,
    I_DEFINED,
    INSTRUMENT_SHIFT,
    INSTRUMENT_WORDS,
    O_CREATED_NS,
    O_DISPLAY_QUANTITY,
    O_FILLED,
    O_ID,
    O_NEWEST_FILL,
    O_NEXT_CLOSED,
    O_OPEN,
    O_OPEN_LINKS,
    O_OWNER,
    O_POSITION,
    O_PRICE,
    O_QUANTITY,
    O_REPLACED_BY,
    O_REPLACES,
    O_STOP_PRICE,
    O_TERMS,
    O_TOKEN_0,
    O_TOKEN_1,
    O_UPDATED_NS,
    O_VALUE,
    O_VALUE_HIGH,
    O_WHAT,
    P_BALANCE,
    P_CREATED_NS,
    P_INSTRUMENT,
    REASON_SHIFT,
    S_ACCOUNT,
    SESSION_SHIFT,
    SESSION_WORDS,
    SHORT,
    SIDE_SHIFT,
    STATUS_MASK,
    TOKEN_TAIL,
    TYPE_SHIFT,
)
from exchange.read_model.accounts.lists import (
    ORDER_NOT_TAKEN,
    account_at,
    close_order,
    enlist_order,
    find_order,
    new_order_slot,
    open_order,
    position_of,
    queue_closed,
    touch_balance,
    touch_order,
)
from exchange.read_model.accounts.money import freeze, touch_position
from exchange.read_model.accounts.order_status import OrderStatus
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

_CANCELED = int(EventKind.CANCELED)
_REMOVED = int(EventKind.REMOVED)
_HELD = int(EventKind.HELD)
_RELEASED = int(EventKind.RELEASED)
_SELF_TRADE_PREVENTED = int(EventKind.SELF_TRADE_PREVENTED)
_STOP = int(OrderType.STOP)
_STOP_LIMIT = int(OrderType.STOP_LIMIT)
_R_TIMEOUT = int(CancelReason.TIMEOUT)
_R_SELF_MATCH = int(CancelReason.SELF_MATCH)
_NEW = int(OrderStatus.NEW)
_PARTIAL_FILLED = int(OrderStatus.PARTIAL_FILLED)
_CANCELLED = int(OrderStatus.CANCELLED)
_EXPIRED = int(OrderStatus.EXPIRED)
_IS_REJECTED = int(OrderStatus.REJECTED)
_IS_REPLACED = int(OrderStatus.REPLACED)
_PENDING_REVIEW = int(OrderStatus.PENDING_REVIEW)
_WAITING = int(OrderStatus.WAITING)


@jit_borrowed_inline
def instrument_defined(m: np.ndarray, instrument: int) -> bool:
    return (
        0 < instrument < m[H_INSTRUMENTS_MAXIMUM]
        and m[m[H_INSTRUMENTS] + instrument * INSTRUMENT_WORDS + I_DEFINED] != 0
    )


@jit_borrowed_inline
def _live_status(m: np.ndarray, at: int) -> int:
    """The status of an order that lives."""
    what = m[at + O_WHAT]
    if what & FLAG_HELD != 0:
        return _PENDING_REVIEW
    if what & FLAG_WAITING != 0:
        return _WAITING
    return _PARTIAL_FILLED if m[at + O_FILLED] != 0 else _NEW


@jit_borrowed_inline
def set_status(m: np.ndarray, at: int, status: int) -> None:
    m[at + O_WHAT] = (m[at + O_WHAT] & ~STATUS_MASK) | status


@jit_borrowed_inline
def set_open(m: np.ndarray, at: int, new_open: int, now_ns: int) -> None:
    """The order's open quantity changes, and with it what the order freezes."""
    side = (m[at + O_WHAT] >> SIDE_SHIFT) & BYTE
    freeze(m, m[at + O_POSITION], side, m[at + O_PRICE], m[at + O_OPEN], new_open, now_ns)
    m[at + O_OPEN] = new_open


@jit_borrowed
def _write_order(m: np.ndarray, e: np.ndarray, i: int, at: int, account: int, status: int) -> None:
    """All words of a new order, as the ACCEPTED, REPLACED or REJECTED at ``i`` says; listed."""
    what = e[i + E_WHAT]
    now_ns = e[i + E_TIMESTAMP_NS]
    session = what & SHORT
    m[at + O_ID] = e[i + E_ORDER_ID]
    m[at + O_WHAT] = (
        status
        | ((what >> EVENT_SIDE_SHIFT) & BYTE) << SIDE_SHIFT
        | ((what >> EVENT_TYPE_SHIFT) & BYTE) << TYPE_SHIFT
        | ((what >> EVENT_DISPLAY_SHIFT) & BYTE) << DISPLAY_SHIFT
        | ((what >> EVENT_REASON_SHIFT) & BYTE) << REASON_SHIFT
        | ((e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT) << INSTRUMENT_SHIFT
    )
    m[at + O_PRICE] = e[i + E_PRICE]
    m[at + O_OPEN] = 0
    m[at + O_FILLED] = 0
    m[at + O_VALUE] = 0
    m[at + O_POSITION] = 0
    m[at + O_UPDATED_NS] = now_ns
    m[at + O_NEWEST_FILL] = 0
    m[at + O_OPEN_LINKS] = 0
    m[at + O_NEXT_CLOSED] = 0
    m[at + O_QUANTITY] = e[i + E_QUANTITY]
    m[at + O_OWNER] = account | session << SESSION_SHIFT | (m[H_DAY] & DAY_MASK) << DAY_SHIFT
    m[at + O_CREATED_NS] = now_ns
    m[at + O_TOKEN_0] = e[i + E_TOKEN_0]
    m[at + O_TOKEN_1] = e[i + E_TOKEN_1] & TOKEN_TAIL
    m[at + O_TERMS] = 0
    m[at + O_STOP_PRICE] = 0
    m[at + O_DISPLAY_QUANTITY] = 0
    m[at + O_REPLACES] = 0
    m[at + O_REPLACED_BY] = 0
    m[at + O_VALUE_HIGH] = 0
    enlist_order(m, at, account, session)


@jit_borrowed_inline
def account_of(m: np.ndarray, session: int) -> int:
    """The account of a session, 0 when the session is not defined."""
    if session >= m[H_SESSIONS_MAXIMUM]:
        return 0
    return m[m[H_SESSIONS] + session * SESSION_WORDS + S_ACCOUNT]


@jit_borrowed
def position_for(m: np.ndarray, account: int, instrument: int, now_ns: int) -> int:
    """The position of a defined instrument, made if need be; 0 when the table is full."""
    at = position_of(m, account, instrument, True)
    if at != 0 and m[at + P_INSTRUMENT] == 0:
        terms = m[H_INSTRUMENTS] + instrument * INSTRUMENT_WORDS
        m[at + P_INSTRUMENT] = terms
        m[at + P_CREATED_NS] = now_ns
        row = account_at(m, account)
        m[at + P_BALANCE] = row + A_BALANCES + BALANCE_WORDS * m[terms + I_CURRENCY]
        touch_position(m, at, now_ns)
    return at


@jit_borrowed
def accepted(m: np.ndarray, e: np.ndarray, i: int, is_replacement: bool) -> int:
    now_ns = e[i + E_TIMESTAMP_NS]
    instrument = (e[i + E_TOKEN_1] >> EVENT_INSTRUMENT_SHIFT) & SHORT
    account = account_of(m, e[i + E_WHAT] & SHORT)
    if account == 0:
        return ERROR_UNKNOWN_SESSION
    if not instrument_defined(m, instrument):
        return ERROR_UNKNOWN_INSTRUMENT
    order_id = e[i + E_ORDER_ID]
    if find_order(m, order_id) != 0:
        return ERROR_ORDER_EXISTS
    replaced = 0
    if is_replacement:
        replaced = find_order(m, e[i + E_CONTRA_ORDER_ID])
        if replaced == 0:
            return ERROR_UNKNOWN_ORDER
    position = position_for(m, account, instrument, now_ns)
    if position == 0:
        return ERROR_POSITIONS
    filled, value, value_high = 0, 0, 0
    if replaced != 0:
        # read before room is made: the replaced order may be the one that makes it
        filled, value = m[replaced + O_FILLED], m[replaced + O_VALUE]
        value_high = m[replaced + O_VALUE_HIGH]
        m[replaced + O_REPLACED_BY] = order_id
        touch_order(m, replaced)  # what touched it before may have been taken already
    at = new_order_slot(m, account)
    if at < 0:
        return ERROR_NOT_TAKEN if at == ORDER_NOT_TAKEN else ERROR_ORDERS
    _write_order(m, e, i, at, account, _PARTIAL_FILLED if filled != 0 else _NEW)
    m[at + O_POSITION] = position
    m[at + O_TERMS] = e[i + E_REMAINING]  # time in force and minimum quantity
    if is_replacement:
        m[at + O_REPLACES] = e[i + E_CONTRA_ORDER_ID]
        m[at + O_FILLED] = filled
        m[at + O_VALUE] = value
        m[at + O_VALUE_HIGH] = value_high
        m[at + O_QUANTITY] = filled + e[i + E_QUANTITY]
    set_open(m, at, e[i + E_QUANTITY], now_ns)
    open_order(m, at)
    row = account_at(m, account)
    m[row + A_DAILY_COUNT] += 1
    m[row + A_UPDATED_NS] = now_ns
    touch_balance(m, row, A_DIRTY)
    touch_order(m, at)
    return 0


@jit_borrowed
def rejected(m: np.ndarray, e: np.ndarray, i: int) -> int:
    account = account_of(m, e[i + E_WHAT] & SHORT)
    if account == 0:
        return ERROR_UNKNOWN_SESSION
    at = new_order_slot(m, account)
    if at < 0:
        return ERROR_NOT_TAKEN if at == ORDER_NOT_TAKEN else ERROR_ORDERS
    _write_order(m, e, i, at, account, _IS_REJECTED)
    queue_closed(m, at)
    touch_order(m, at)
    return 0


@jit_borrowed
def reduced(m: np.ndarray, e: np.ndarray, i: int, kind: int) -> int:
    """CANCELED, REMOVED, SELF_TRADE_PREVENTED: the order has ``remaining`` left."""
    at = find_order(m, e[i + E_ORDER_ID])
    if at == 0 or m[at + O_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = e[i + E_TIMESTAMP_NS]
    remaining = e[i + E_REMAINING]
    set_open(m, at, remaining, now_ns)
    m[at + O_UPDATED_NS] = now_ns
    if remaining == 0:
        reason = (e[i + E_WHAT] >> EVENT_REASON_SHIFT) & BYTE
        status = _EXPIRED if reason == _R_TIMEOUT else _CANCELLED
        if kind == _REMOVED:
            status, reason = _IS_REPLACED, 0
        elif kind == _SELF_TRADE_PREVENTED:
            status, reason = _CANCELLED, _R_SELF_MATCH
        set_status(m, at, status)
        m[at + O_WHAT] |= reason << REASON_SHIFT
        close_order(m, at)
    elif kind == _CANCELED:
        # the owner wants less; what self-trade prevention takes away was still asked for
        m[at + O_QUANTITY] = m[at + O_FILLED] + remaining
    touch_order(m, at)
    return 0


@jit_borrowed
def modified(m: np.ndarray, e: np.ndarray, i: int) -> int:
    at = find_order(m, e[i + E_ORDER_ID])
    if at == 0 or m[at + O_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = e[i + E_TIMESTAMP_NS]
    remaining = e[i + E_REMAINING]
    side = (e[i + E_WHAT] >> EVENT_SIDE_SHIFT) & BYTE
    set_open(m, at, 0, now_ns)
    m[at + O_WHAT] = (m[at + O_WHAT] & ~(BYTE << SIDE_SHIFT)) | side << SIDE_SHIFT
    set_open(m, at, remaining, now_ns)
    m[at + O_QUANTITY] = m[at + O_FILLED] + remaining
    m[at + O_UPDATED_NS] = now_ns
    touch_order(m, at)
    return 0


@jit_borrowed
def terms(m: np.ndarray, e: np.ndarray, i: int) -> int:
    at = find_order(m, e[i + E_ORDER_ID])
    if at == 0 or m[at + O_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = e[i + E_TIMESTAMP_NS]
    whole = m[at + O_OPEN]
    set_open(m, at, 0, now_ns)
    m[at + O_PRICE] = e[i + E_PRICE]
    set_open(m, at, whole, now_ns)
    m[at + O_STOP_PRICE] = e[i + E_CONTRA_ORDER_ID]
    m[at + O_DISPLAY_QUANTITY] = e[i + E_REMAINING]
    order_type = (m[at + O_WHAT] >> TYPE_SHIFT) & BYTE
    if order_type in (_STOP, _STOP_LIMIT):
        m[at + O_WHAT] |= FLAG_WAITING
    set_status(m, at, _live_status(m, at))
    touch_order(m, at)
    return 0


@jit_borrowed
def moved(m: np.ndarray, e: np.ndarray, i: int, kind: int) -> int:
    """HELD, RELEASED, TRIGGERED: the order waits for something, or no longer does."""
    at = find_order(m, e[i + E_ORDER_ID])
    if at == 0 or m[at + O_OPEN] == 0:
        return ERROR_UNKNOWN_ORDER
    if kind == _HELD:
        m[at + O_WHAT] |= FLAG_HELD
    elif kind == _RELEASED:
        m[at + O_WHAT] &= ~FLAG_HELD
    else:
        m[at + O_WHAT] &= ~FLAG_WAITING
    set_status(m, at, _live_status(m, at))
    m[at + O_UPDATED_NS] = e[i + E_TIMESTAMP_NS]
    touch_order(m, at)
    return 0
