"""Events about an order in the account model: entry, changes and ends, but no trades.

Who uses it: ``apply.py``; ``trades.py`` shares what changes an order.

A rule takes the memory, events as words and the first word of one event. It returns 0, or an
ERROR_... number before it has changed anything that could be asked for.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import CancelReason, EventKind, OrderType
from exchange.read_model.accounts.kernel.lists import (
    ORDER_NOT_TAKEN,
    account_row_of,
    close_order,
    enlist_order,
    find_order,
    open_order,
    position_of,
    queue_closed,
    room_for_order,
    touch_balance,
    touch_order,
)
from exchange.read_model.accounts.kernel.money import freeze, touch_position
from exchange.read_model.accounts.kernel.words import field_of, set_field
from exchange.read_model.accounts.layout import (
    ACCOUNT_BALANCES,
    ACCOUNT_DAILY_COUNT,
    ACCOUNT_DIRTY,
    ACCOUNT_UPDATED_NS,
    BALANCE_WORDS,
    DAY_MASK,
    ERROR_NOT_TAKEN,
    ERROR_ORDER_EXISTS,
    ERROR_ORDERS,
    ERROR_POSITIONS,
    ERROR_UNKNOWN_INSTRUMENT,
    ERROR_UNKNOWN_ORDER,
    ERROR_UNKNOWN_SESSION,
    FLAG_HELD,
    FLAG_WAITING,
    HEADER_DAY,
    HEADER_INSTRUMENTS,
    HEADER_INSTRUMENTS_MAXIMUM,
    HEADER_SESSIONS,
    HEADER_SESSIONS_MAXIMUM,
    INSTRUMENT_CURRENCY,
    INSTRUMENT_DEFINED,
    INSTRUMENT_WORDS,
    ORDER_CREATED_NS,
    ORDER_DAY_SHIFT,
    ORDER_DISPLAY,
    ORDER_DISPLAY_QUANTITY,
    ORDER_FILLED,
    ORDER_FILLED_BEFORE,
    ORDER_ID,
    ORDER_INSTRUMENT,
    ORDER_MINIMUM_QUANTITY,
    ORDER_NEWEST_FILL,
    ORDER_OPEN,
    ORDER_OPEN_LINKS,
    ORDER_OWNER,
    ORDER_PACKED,
    ORDER_POSITION,
    ORDER_PREVENTED,
    ORDER_PRICE,
    ORDER_QUANTITY,
    ORDER_REASON,
    ORDER_REPLACED_BY,
    ORDER_REPLACES,
    ORDER_SESSION,
    ORDER_SIDE,
    ORDER_STATUS,
    ORDER_STOP_PRICE,
    ORDER_TERMS,
    ORDER_TIME_IN_FORCE,
    ORDER_TOKEN_0,
    ORDER_TOKEN_1,
    ORDER_TYPE,
    ORDER_UPDATED_NS,
    ORDER_VALUE,
    POSITION_BALANCE,
    POSITION_CREATED_NS,
    POSITION_INSTRUMENT,
    SESSION_ACCOUNT,
    SESSION_WORDS,
)
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.records import (
    EVENT_CONTRA_ORDER_ID,
    EVENT_DISPLAY,
    EVENT_INSTRUMENT,
    EVENT_MINIMUM_QUANTITY,
    EVENT_ORDER_ID,
    EVENT_ORDER_TYPE,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REASON,
    EVENT_REMAINING,
    EVENT_SESSION,
    EVENT_SIDE,
    EVENT_TIME_IN_FORCE,
    EVENT_TIMESTAMP_NS,
    EVENT_TOKEN_0,
    EVENT_TOKEN_TAIL,
)
from ringbuffer.jit import jit_borrowed_inline_internal, jit_borrowed_internal


@jit_borrowed_inline_internal
def instrument_is_defined(memory: np.ndarray, instrument: int) -> bool:
    """Whether there has been an INSTRUMENT_DEFINED of this number."""
    if not 0 < instrument < memory[HEADER_INSTRUMENTS_MAXIMUM]:
        return False
    instrument_row = memory[HEADER_INSTRUMENTS] + instrument * INSTRUMENT_WORDS
    return memory[instrument_row + INSTRUMENT_DEFINED] != 0


@jit_borrowed_inline_internal
def _live_status(memory: np.ndarray, order: int) -> int:
    """The OrderStatus of an order that lives."""
    flags = memory[order + ORDER_PACKED]
    if flags & FLAG_HELD != 0:
        return OrderStatus.PENDING_REVIEW
    if flags & FLAG_WAITING != 0:
        return OrderStatus.WAITING
    return OrderStatus.PARTIAL_FILLED if memory[order + ORDER_FILLED] != 0 else OrderStatus.NEW


@jit_borrowed_inline_internal
def set_status(memory: np.ndarray, order: int, status: int) -> None:
    """Give the order at ``order`` an OrderStatus."""
    set_field(memory, order, ORDER_STATUS, status)


@jit_borrowed_inline_internal
def set_open(memory: np.ndarray, order: int, new_open: int, now_ns: int) -> None:
    """The order's open quantity changes, and with it what the order freezes."""
    side = field_of(memory, order, ORDER_SIDE)
    price, before = memory[order + ORDER_PRICE], memory[order + ORDER_OPEN]
    freeze(memory, memory[order + ORDER_POSITION], side, price, before, new_open, now_ns)
    memory[order + ORDER_OPEN] = new_open


@jit_borrowed_internal
def _write_order(
    memory: np.ndarray, events: np.ndarray, event: int, order: int, account: int, status: int
) -> None:
    """All words of a new order, as the ACCEPTED, REPLACED or REJECTED ``event`` says; listed."""
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    session = field_of(events, event, EVENT_SESSION)
    memory[order + ORDER_ID] = field_of(events, event, EVENT_ORDER_ID)
    memory[order + ORDER_PACKED] = (
        status
        | field_of(events, event, EVENT_SIDE) << ORDER_SIDE.shift
        | field_of(events, event, EVENT_ORDER_TYPE) << ORDER_TYPE.shift
        | field_of(events, event, EVENT_DISPLAY) << ORDER_DISPLAY.shift
        | field_of(events, event, EVENT_REASON) << ORDER_REASON.shift
        | field_of(events, event, EVENT_INSTRUMENT) << ORDER_INSTRUMENT.shift
    )
    memory[order + ORDER_PRICE] = field_of(events, event, EVENT_PRICE)
    memory[order + ORDER_OPEN] = 0
    memory[order + ORDER_FILLED] = 0
    memory[order + ORDER_VALUE] = 0
    memory[order + ORDER_POSITION] = 0
    memory[order + ORDER_UPDATED_NS] = now_ns
    memory[order + ORDER_NEWEST_FILL] = 0
    memory[order + ORDER_OPEN_LINKS] = 0
    memory[order + ORDER_PREVENTED] = 0
    memory[order + ORDER_QUANTITY] = field_of(events, event, EVENT_QUANTITY)
    memory[order + ORDER_OWNER] = (
        account
        | session << ORDER_SESSION.shift
        | (memory[HEADER_DAY] & DAY_MASK) << ORDER_DAY_SHIFT
    )
    memory[order + ORDER_CREATED_NS] = now_ns
    memory[order + ORDER_TOKEN_0] = field_of(events, event, EVENT_TOKEN_0)
    memory[order + ORDER_TOKEN_1] = field_of(events, event, EVENT_TOKEN_TAIL)
    memory[order + ORDER_TERMS] = 0
    memory[order + ORDER_STOP_PRICE] = 0
    memory[order + ORDER_DISPLAY_QUANTITY] = 0
    memory[order + ORDER_REPLACES] = 0
    memory[order + ORDER_REPLACED_BY] = 0
    memory[order + ORDER_FILLED_BEFORE] = 0
    enlist_order(memory, order, account, session)


@jit_borrowed_inline_internal
def account_of(memory: np.ndarray, session: int) -> int:
    """The account of a session, 0 when the session is not defined."""
    if session >= memory[HEADER_SESSIONS_MAXIMUM]:
        return 0
    return memory[memory[HEADER_SESSIONS] + session * SESSION_WORDS + SESSION_ACCOUNT]


@jit_borrowed_internal
def position_for(memory: np.ndarray, account: int, instrument: int, now_ns: int) -> int:
    """The position of a defined instrument, made if need be; 0 when the table is full."""
    position = position_of(memory, account, instrument, True)
    if position != 0 and memory[position + POSITION_INSTRUMENT] == 0:
        instrument_row = memory[HEADER_INSTRUMENTS] + instrument * INSTRUMENT_WORDS
        currency = memory[instrument_row + INSTRUMENT_CURRENCY]
        balances = account_row_of(memory, account) + ACCOUNT_BALANCES
        memory[position + POSITION_INSTRUMENT] = instrument_row
        memory[position + POSITION_CREATED_NS] = now_ns
        memory[position + POSITION_BALANCE] = balances + BALANCE_WORDS * currency
        touch_position(memory, position, now_ns)
    return position


@jit_borrowed_internal
def accepted(memory: np.ndarray, events: np.ndarray, event: int, is_replacement: bool) -> int:
    """ACCEPTED, and with ``is_replacement`` REPLACED: a new order that lives."""
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    instrument = field_of(events, event, EVENT_INSTRUMENT)
    account = account_of(memory, field_of(events, event, EVENT_SESSION))
    if account == 0:
        return ERROR_UNKNOWN_SESSION
    if not instrument_is_defined(memory, instrument):
        return ERROR_UNKNOWN_INSTRUMENT
    order_id = field_of(events, event, EVENT_ORDER_ID)
    if find_order(memory, order_id) != 0:
        return ERROR_ORDER_EXISTS
    replaced = 0
    if is_replacement:
        replaced = find_order(memory, field_of(events, event, EVENT_CONTRA_ORDER_ID))
        if replaced == 0:
            return ERROR_UNKNOWN_ORDER
    position = position_for(memory, account, instrument, now_ns)
    if position == 0:
        return ERROR_POSITIONS
    filled_before = 0
    if replaced != 0:
        # read before room is made: the replaced order may be the one that makes it
        filled_before = memory[replaced + ORDER_FILLED] + memory[replaced + ORDER_FILLED_BEFORE]
        memory[replaced + ORDER_REPLACED_BY] = order_id
        touch_order(memory, replaced)  # what touched it before may have been taken already
    order = room_for_order(memory, account)
    if order < 0:
        return ERROR_NOT_TAKEN if order == ORDER_NOT_TAKEN else ERROR_ORDERS
    _write_order(
        memory,
        events,
        event,
        order,
        account,
        OrderStatus.NEW,
    )
    quantity = field_of(events, event, EVENT_QUANTITY)
    memory[order + ORDER_POSITION] = position
    memory[order + ORDER_TERMS] = (
        field_of(events, event, EVENT_TIME_IN_FORCE) << ORDER_TIME_IN_FORCE.shift
        | field_of(events, event, EVENT_MINIMUM_QUANTITY) << ORDER_MINIMUM_QUANTITY.shift
    )
    if is_replacement:
        memory[order + ORDER_REPLACES] = field_of(events, event, EVENT_CONTRA_ORDER_ID)
        memory[order + ORDER_FILLED_BEFORE] = filled_before
    set_open(memory, order, quantity, now_ns)
    open_order(memory, order)
    account_row = account_row_of(memory, account)
    memory[account_row + ACCOUNT_DAILY_COUNT] += 1
    memory[account_row + ACCOUNT_UPDATED_NS] = now_ns
    touch_balance(memory, account_row, ACCOUNT_DIRTY)
    touch_order(memory, order)
    return 0


@jit_borrowed_internal
def rejected(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """REJECTED: an order that never lived."""
    account = account_of(memory, field_of(events, event, EVENT_SESSION))
    if account == 0:
        return ERROR_UNKNOWN_SESSION
    order = room_for_order(memory, account)
    if order < 0:
        return ERROR_NOT_TAKEN if order == ORDER_NOT_TAKEN else ERROR_ORDERS
    _write_order(memory, events, event, order, account, OrderStatus.REJECTED)
    queue_closed(memory, order)
    touch_order(memory, order)
    return 0


@jit_borrowed_inline_internal
def _live_order(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """Address of the order that ``event`` is about; 0 when it is unknown or closed."""
    order = find_order(memory, field_of(events, event, EVENT_ORDER_ID))
    return 0 if order == 0 or memory[order + ORDER_OPEN] == 0 else order


@jit_borrowed_inline_internal
def _lower(memory: np.ndarray, order: int, remaining: int) -> None:
    """Its owner wants the order to have ``remaining`` open; what was prevented was asked for."""
    done = memory[order + ORDER_FILLED] + memory[order + ORDER_PREVENTED]
    memory[order + ORDER_QUANTITY] = done + remaining


@jit_borrowed_internal
def reduced(memory: np.ndarray, events: np.ndarray, event: int, kind: int) -> int:
    """CANCELED, REMOVED, SELF_TRADE_PREVENTED: the order has ``remaining`` left."""
    order = _live_order(memory, events, event)
    if order == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    remaining = field_of(events, event, EVENT_REMAINING)
    set_open(memory, order, remaining, now_ns)
    memory[order + ORDER_UPDATED_NS] = now_ns
    if kind == EventKind.SELF_TRADE_PREVENTED:
        memory[order + ORDER_PREVENTED] += field_of(events, event, EVENT_QUANTITY)
    if remaining == 0:
        reason = field_of(events, event, EVENT_REASON)
        status = OrderStatus.EXPIRED if reason == CancelReason.TIMEOUT else OrderStatus.CANCELLED
        if kind == EventKind.REMOVED:
            status, reason = OrderStatus.REPLACED, 0
        elif kind == EventKind.SELF_TRADE_PREVENTED:
            status, reason = OrderStatus.CANCELLED, CancelReason.SELF_MATCH
        set_status(memory, order, status)
        memory[order + ORDER_PACKED] |= reason << ORDER_REASON.shift
        close_order(memory, order)
    elif kind == EventKind.CANCELED:
        _lower(memory, order, remaining)  # the owner wants less
    touch_order(memory, order)
    return 0


@jit_borrowed_internal
def modified(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """MODIFIED: the order has another side, or less, without losing its place."""
    order = _live_order(memory, events, event)
    if order == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    remaining = field_of(events, event, EVENT_REMAINING)
    set_open(memory, order, 0, now_ns)
    set_field(memory, order, ORDER_SIDE, field_of(events, event, EVENT_SIDE))
    set_open(memory, order, remaining, now_ns)
    _lower(memory, order, remaining)
    memory[order + ORDER_UPDATED_NS] = now_ns
    touch_order(memory, order)
    return 0


@jit_borrowed_internal
def terms_told(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """TERMS: stop price, display quantity and protection price of the order just accepted."""
    order = _live_order(memory, events, event)
    if order == 0:
        return ERROR_UNKNOWN_ORDER
    now_ns = field_of(events, event, EVENT_TIMESTAMP_NS)
    whole = memory[order + ORDER_OPEN]
    set_open(memory, order, 0, now_ns)
    memory[order + ORDER_PRICE] = field_of(events, event, EVENT_PRICE)
    set_open(memory, order, whole, now_ns)
    memory[order + ORDER_STOP_PRICE] = field_of(events, event, EVENT_CONTRA_ORDER_ID)
    memory[order + ORDER_DISPLAY_QUANTITY] = field_of(events, event, EVENT_REMAINING)
    if field_of(memory, order, ORDER_TYPE) in (OrderType.STOP, OrderType.STOP_LIMIT):
        memory[order + ORDER_PACKED] |= FLAG_WAITING
    set_status(memory, order, _live_status(memory, order))
    touch_order(memory, order)
    return 0


@jit_borrowed_internal
def waiting_changed(memory: np.ndarray, events: np.ndarray, event: int, kind: int) -> int:
    """HELD, RELEASED, TRIGGERED: the order waits for something, or no longer does."""
    order = _live_order(memory, events, event)
    if order == 0:
        return ERROR_UNKNOWN_ORDER
    if kind == EventKind.HELD:
        memory[order + ORDER_PACKED] |= FLAG_HELD
    elif kind == EventKind.RELEASED:
        memory[order + ORDER_PACKED] &= ~FLAG_HELD
    else:
        memory[order + ORDER_PACKED] &= ~FLAG_WAITING
    set_status(memory, order, _live_status(memory, order))
    memory[order + ORDER_UPDATED_NS] = field_of(events, event, EVENT_TIMESTAMP_NS)
    touch_order(memory, order)
    return 0
