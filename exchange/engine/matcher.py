"""The matcher: applies commands to the state and emits their events, as docs/matching.md says.

``apply_commands`` is the only way in. Commands go in groups: their tokens are hashed and the memory
that they will touch is fetched for the whole group first, then they are applied one by one, each
looking everything up again, because the commands before it may have changed anything.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import (
    CAPACITY_CODES,
    CROSS_NONE,
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    FLAG_LEVEL,
    FLAG_WIRE_PRICE,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    TIME_IN_FORCE_SYSTEM_HOURS,
    WIRE_PRICE_DECIMALS,
    CancelReason,
    CommandKind,
    EventKind,
    OrderType,
    Reject,
    Side,
)
from exchange.engine import control
from exchange.engine.book import (
    book_of,
    could_trade,
    executed_of,
    key_of,
    level_of_order,
    match,
    remove_order,
    rest_order,
)
from exchange.engine.chain_hash import chain_roll
from exchange.engine.events import (
    CHECKPOINT_INTERVAL,
    HALF,
    emit_checkpoint,
    emit_control_rejected,
    emit_order_event,
    emit_rejected,
    next_session_sequence,
    write_event,
)
from exchange.engine.expiry import first_expiring
from exchange.engine.levels import can_rest
from exchange.engine.memory import get, put, remainder
from exchange.engine.orders import give_back_slot, no_free_order, order_id_find
from exchange.engine.prefetch import COMMAND_WORDS, LONG_FLAG, fetch_group, gather_group
from exchange.engine.state import (
    ABORTED,
    BOOK_WORDS,
    CHECKPOINT_EVENT,
    COMMAND_MASK,
    COMMAND_SEQUENCE,
    DAY_OPEN,
    EVENT_BASE,
    EVENT_LIMIT,
    EVENT_MASK,
    INSTRUMENT_WORDS,
    LAST_TIMESTAMP_NS,
    LEVEL_WORDS,
    MAX_INSTRUMENTS,
    MAX_SESSIONS,
    NEXT_COMMAND,
    NEXT_EVENT,
    NEXT_EXPIRY_SECOND,
    ORDER_WORDS,
    SCRATCH_WORDS,
    SESSION_WORDS,
    TIMESTAMP_NS,
    TOKEN_WORDS,
)
from exchange.engine.tokens import (
    token_hash,
    token_insert,
    token_key,
    token_probe,
    token_set_order,
    token_table_full,
    token_well_formed,
)
from exchange.engine.view import make_view
from ringbuffer.jit import jit, jit_inline

NANOSECONDS = 1_000_000_000
TIMER_CANCELS = 4096  # per TIMER command

_ENTER = int(CommandKind.ENTER)
_CANCEL = int(CommandKind.CANCEL)
_REPLACE = int(CommandKind.REPLACE)
_MODIFY = int(CommandKind.MODIFY)
_TIMER = int(CommandKind.TIMER)
_START_OF_DAY = int(CommandKind.START_OF_DAY)
_END_OF_DAY = int(CommandKind.END_OF_DAY)
_INSTRUMENT = int(CommandKind.INSTRUMENT)
_SESSION = int(CommandKind.SESSION)
_CANCEL_BY_ORDER_ID = int(CommandKind.CANCEL_BY_ORDER_ID)

_ACCEPTED = int(EventKind.ACCEPTED)
_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_MODIFIED = int(EventKind.MODIFIED)
_RESTED = int(EventKind.RESTED)
_REMOVED = int(EventKind.REMOVED)

_BUY = int(Side.BUY)
_LAST_SIDE = int(Side.SELL_SHORT_EXEMPT)
_LIMIT = int(OrderType.LIMIT)
_MARKET = int(OrderType.MARKET)
_USER = int(CancelReason.USER)
_IMMEDIATE_OR_CANCEL = int(CancelReason.IMMEDIATE_OR_CANCEL)
_TIMEOUT = int(CancelReason.TIMEOUT)

_MARKET_CLOSED = int(Reject.MARKET_CLOSED)
_UNKNOWN_INSTRUMENT = int(Reject.UNKNOWN_INSTRUMENT)
_INVALID_SIDE = int(Reject.INVALID_SIDE)
_INVALID_TIME_IN_FORCE = int(Reject.INVALID_TIME_IN_FORCE)
_INVALID_DISPLAY = int(Reject.INVALID_DISPLAY)
_INVALID_CAPACITY = int(Reject.INVALID_CAPACITY)
_CROSS_NOT_SUPPORTED = int(Reject.CROSS_NOT_SUPPORTED)
_INVALID_QUANTITY = int(Reject.INVALID_QUANTITY)
_QUANTITY_TOO_LARGE = int(Reject.QUANTITY_TOO_LARGE)
_INVALID_PRICE = int(Reject.INVALID_PRICE)
_PRICE_OUT_OF_RANGE = int(Reject.PRICE_OUT_OF_RANGE)
_INVALID_MINIMUM_QUANTITY = int(Reject.INVALID_MINIMUM_QUANTITY)
_POST_ONLY_WOULD_TRADE = int(Reject.POST_ONLY_WOULD_TRADE)
_ORDER_POOL_FULL = int(Reject.ORDER_POOL_FULL)
_LEVEL_POOL_FULL = int(Reject.LEVEL_POOL_FULL)
_INVALID_TOKEN = int(Reject.INVALID_TOKEN)
_TOKEN_TABLE_FULL = int(Reject.TOKEN_TABLE_FULL)
_UNKNOWN_COMMAND = int(Reject.UNKNOWN_COMMAND)

# The codes that are letters, as bits counted from the space.
_DISPLAY_BITS = sum(1 << (code - 32) for code in set(DISPLAY_CODES))
_CAPACITY_BITS = sum(1 << (code - 32) for code in set(CAPACITY_CODES))
_CROSS_BITS = sum(1 << (code - 32) for code in set(CROSS_NONE))
_WIRE_PRICE = FLAG_WIRE_PRICE << 40  # of a command's last word
_IDENTITY_OF_COMMAND = 0xFF0000FF


@jit_inline
def is_code(bits: int, code: int) -> bool:
    """Whether ``code`` is one of the letters in ``bits``; all of them are in 32..94."""
    return 32 <= code < 95 and (bits >> (code - 32)) & 1 != 0


@jit_inline
def identity_of(word_5: int, word_7: int) -> int:
    """Session, side, display and order_type of a command, as in an event's word 10."""
    return (
        (word_5 & 0xFFFF) | (word_5 & 0xFF000000) | ((word_7 & 0xFF) << 48) | ((word_7 >> 56) << 56)
    )


@jit_inline
def session_defined(v: Any, session: int) -> bool:
    return session < get(v.scalars, MAX_SESSIONS) and get(v.sessions, session * SESSION_WORDS) != 0


@jit_inline
def instrument_defined(v: Any, instrument: int) -> bool:
    return (
        instrument < get(v.scalars, MAX_INSTRUMENTS)
        and get(v.instruments, instrument * INSTRUMENT_WORDS) != 0
    )


@jit_inline
def check_price(v: Any, i: int, order_type: int, price: int) -> int:
    """Rule 11; ``i``: the instrument's first word."""
    if order_type == _MARKET:
        return 0 if price == 0 else _INVALID_PRICE
    tick = get(v.instruments, i + 1)
    if price <= 0 or (tick != 1 and remainder(price, tick) != 0):
        return _INVALID_PRICE
    if price < get(v.instruments, i + 3) or price > get(v.instruments, i + 4):
        return _PRICE_OUT_OF_RANGE
    return 0


@jit_inline
def price_from_wire(decimals: int, wire: int) -> int:
    """A price in 1/10,000 as minor units of 10^-decimals; 0, no price, if it is none."""
    for _ in range(decimals - WIRE_PRICE_DECIMALS):
        wire *= 10
    for _ in range(WIRE_PRICE_DECIMALS - decimals):
        if wire <= 0 or remainder(wire, 10) != 0:
            return 0
        wire //= 10
    return wire


@jit_inline
def check_quantity(v: Any, i: int, quantity: int) -> int:
    """Rules 9 and 10."""
    lot = get(v.instruments, i + 2)
    if quantity <= 0 or (lot != 1 and remainder(quantity, lot) != 0):
        return _INVALID_QUANTITY
    if quantity > get(v.instruments, i + 5):
        return _QUANTITY_TOO_LARGE
    return 0


@jit_inline
def check_conditions(
    display: int, order_type: int, time_in_force: int, minimum_quantity: int, quantity: int
) -> int:
    """Rules 12 and 13."""
    if minimum_quantity > 0 and (minimum_quantity > quantity or time_in_force != 0):
        return _INVALID_MINIMUM_QUANTITY
    if display == DISPLAY_POST_ONLY and (order_type == _MARKET or time_in_force == 0):
        return _INVALID_DISPLAY
    return 0


@jit_inline
def check_enter(
    v: Any, instrument: int, side: int, price: int, quantity: int, minimum: int, w5: int, w7: int
) -> int:
    """Rules 1 to 13 of ENTER: the reject or 0."""
    time_in_force = (w5 >> 32) & HALF
    display = w7 & 0xFF
    order_type = (w7 >> 56) & 0xFF
    reject = (w7 >> 48) & 0xFF
    if reject != 0:
        return reject
    if get(v.scalars, DAY_OPEN) == 0:
        return _MARKET_CLOSED
    if not instrument_defined(v, instrument):
        return _UNKNOWN_INSTRUMENT
    if side > _LAST_SIDE:
        return _INVALID_SIDE
    if order_type > _MARKET or time_in_force > TIME_IN_FORCE_SYSTEM_HOURS:
        return _INVALID_TIME_IN_FORCE
    if not is_code(_DISPLAY_BITS, display):
        return _INVALID_DISPLAY
    if not is_code(_CAPACITY_BITS, (w7 >> 8) & 0xFF):
        return _INVALID_CAPACITY
    if not is_code(_CROSS_BITS, (w7 >> 24) & 0xFF):
        return _CROSS_NOT_SUPPORTED
    i = instrument * INSTRUMENT_WORDS
    reject = check_quantity(v, i, quantity)
    if reject != 0:
        return reject
    reject = check_price(v, i, order_type, price)
    if reject != 0:
        return reject
    return check_conditions(display, order_type, time_in_force, minimum, quantity)


@jit_inline
def expiry_of(timestamp_ns: int, time_in_force: int) -> int:
    """The second at which a good-till-time order expires; 0 if it does not."""
    if time_in_force == 0 or time_in_force > TIME_IN_FORCE_MAXIMUM_SECONDS:
        return 0
    return (timestamp_ns + NANOSECONDS - 1) // NANOSECONDS + time_in_force


@jit_inline
def apply_enter(v: Any, c: int, hashed: int) -> None:
    """ENTER at word ``c`` of the command ring; ``hashed``: its token's hash."""
    price = get(v.commands, c + 1)
    quantity = get(v.commands, c + 2)
    token_0 = get(v.commands, c + 3)
    w4 = get(v.commands, c + 4)
    w5 = get(v.commands, c + 5)
    w6 = get(v.commands, c + 6)
    w7 = get(v.commands, c + 7)
    session = w5 & 0xFFFF
    if not session_defined(v, session):
        return
    identity = identity_of(w5, w7)
    if not token_well_formed(token_0, w4):
        emit_rejected(v, price, quantity, token_0, w4, identity, _INVALID_TOKEN)
        return
    key_1 = token_key(w4, session)
    place = token_probe(v, hashed, token_0, key_1)
    if place > 0:
        return
    if token_table_full(v):
        emit_rejected(v, price, quantity, token_0, w4, identity, _TOKEN_TABLE_FULL)
        return
    entry = token_insert(v, -1 - place, hashed, token_0, key_1)
    instrument = (w4 >> 48) & 0xFFFF
    side = (w5 >> 24) & 0xFF
    minimum = w6 & HALF
    reject = check_enter(v, instrument, side, price, quantity, minimum, w5, w7)
    if reject != 0:
        emit_rejected(v, price, quantity, token_0, w4, identity, reject)
        return
    time_in_force = (w5 >> 32) & HALF
    market = (w7 >> 56) & 0xFF == _MARKET
    may_rest = time_in_force != 0 and not market
    book = book_of(instrument, side)
    key = 0
    limit_key = 1
    if not market:
        tick = get(v.instruments, instrument * INSTRUMENT_WORDS + 1)
        key = key_of(price, tick, book)
        limit_key = key_of(price, tick, book ^ 1)
    would_trade = get(v.books, (book ^ 1) * BOOK_WORDS) >= limit_key
    if would_trade and w7 & 0xFF == DISPLAY_POST_ONLY:
        reject = _POST_ONLY_WOULD_TRADE
    elif no_free_order(v):
        reject = _ORDER_POOL_FULL
    elif may_rest and not can_rest(v, book, key):
        reject = _LEVEL_POOL_FULL
    if reject != 0:
        emit_rejected(v, price, quantity, token_0, w4, identity, reject)
        return
    place_order(
        v, _ACCEPTED, book, key, limit_key, would_trade, may_rest, price, quantity,
        token_0, w4, identity, time_in_force, minimum, (w6 >> 32) & HALF,
        (w7 >> 8) & 0xFF, (w7 >> 16) & 0xFF, (w7 >> 24) & 0xFF, 0, entry, 0, 0, 0,
    )  # fmt: skip


@jit_inline
def place_order(
    v: Any,
    kind: int,
    book: int,
    key: int,
    limit_key: int,
    would_trade: bool,
    may_rest: bool,
    price: int,
    quantity: int,
    token_0: int,
    token_tail: int,
    identity: int,
    time_in_force: int,
    minimum: int,
    firm: int,
    capacity: int,
    intermarket_sweep: int,
    cross_type: int,
    executed: int,
    entry: int,
    replaced_id: int,
    replaced_token_0: int,
    replaced_tail: int,
) -> None:
    """ACCEPTED or REPLACED of a checked order and what follows from it (ENTER 3 to 6).

    ``entry``: its token's; ``executed``: by the chain before; ``replaced_*``: 0 for ACCEPTED.
    """
    order_id = get(v.scalars, COMMAND_SEQUENCE)
    session = identity & 0xFFFF
    level_quantity = 0
    level_orders = 0
    flags = 0
    rests_now = may_rest and not would_trade and minimum == 0
    expiry_second = 0
    if may_rest:
        expiry_second = expiry_of(get(v.scalars, TIMESTAMP_NS), time_in_force)
    if rests_now:
        slot = rest_order(
            v, book, key, order_id, price, quantity, token_0, token_tail, identity,
            firm, capacity, cross_type, executed, expiry_second,
        )  # fmt: skip
        token_set_order(v, entry, slot, order_id)
        at = level_of_order(v, slot) * LEVEL_WORDS
        level_quantity = get(v.levels, at)
        level_orders = get(v.levels, at + 2)
        flags = FLAG_LEVEL
    write_event(
        v, order_id, price, quantity, level_quantity, level_orders,
        next_session_sequence(v, session), token_0, token_tail, identity, kind, 0, flags,
        replaced_id, time_in_force | (minimum << 32), replaced_token_0, replaced_tail,
        firm | (capacity << 40) | (intermarket_sweep << 48) | (cross_type << 56),
    )  # fmt: skip
    if rests_now:
        return
    left = quantity
    if would_trade and (minimum == 0 or could_trade(v, book ^ 1, limit_key, minimum)):
        left = match(
            v, book ^ 1, limit_key, quantity, order_id, token_0, token_tail, session,
            (identity >> 24) & 0xFF,
        )  # fmt: skip
    if left == 0:
        return
    if not may_rest or left == quantity:
        # immediate, market, or the minimum quantity was not there
        write_event(
            v, order_id, price, left, 0, 0, next_session_sequence(v, session), token_0,
            token_tail, identity, _CANCELED, _IMMEDIATE_OR_CANCEL, 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        return
    slot = rest_order(
        v, book, key, order_id, price, left, token_0, token_tail, identity,
        firm, capacity, cross_type, executed + quantity - left, expiry_second,
    )  # fmt: skip
    token_set_order(v, entry, slot, order_id)
    emit_order_event(v, slot, level_of_order(v, slot), _RESTED, 0, left, left, 0)


@jit_inline
def live_order(v: Any, hashed: int, token_0: int, tail: int, session: int) -> int:
    """The slot of the live order that (session, token) names; 0 if there is none."""
    entry = token_probe(v, hashed, token_0, token_key(tail, session))
    if entry <= 0:
        return 0
    slot = get(v.token_log, entry * TOKEN_WORDS + 2)
    order_id = get(v.token_log, entry * TOKEN_WORDS + 3)
    if order_id == 0 or get(v.orders, slot * ORDER_WORDS + 2) != order_id:
        return 0
    return slot


@jit_inline
def cancel_whole(v: Any, slot: int, reason: int) -> None:
    """Cancel a live order and say so."""
    level = remove_order(v, slot)
    emit_order_event(v, slot, level, _CANCELED, reason, get(v.orders, slot * ORDER_WORDS), 0, 1)
    give_back_slot(v, slot)


@jit_inline
def lot_of(v: Any, slot: int) -> int:
    instrument = (get(v.orders, slot * ORDER_WORDS + 4) >> 48) & 0xFFFF
    return get(v.instruments, instrument * INSTRUMENT_WORDS + 2)


@jit_inline
def intended_open(v: Any, slot: int, total: int) -> int:
    """What an order keeps open when its chain's intended total is ``total``: whole lots, >= 0."""
    if total <= 0:
        return 0
    rest = total - executed_of(v, slot)
    if rest <= 0:
        return 0
    lot = lot_of(v, slot)
    return rest if lot == 1 else rest - remainder(rest, lot)


@jit_inline
def apply_cancel(v: Any, slot: int, total: int) -> None:
    """CANCEL and CANCEL_BY_ORDER_ID of the live order in ``slot`` (0 = none)."""
    if slot == 0:
        return
    o = slot * ORDER_WORDS
    kept = intended_open(v, slot, total)
    before = get(v.orders, o)
    if kept >= before:
        return
    if kept == 0:
        cancel_whole(v, slot, _USER)
        return
    level = level_of_order(v, slot)
    at = level * LEVEL_WORDS
    put(v.levels, at, get(v.levels, at) - (before - kept))
    put(v.orders, o, kept)
    emit_order_event(v, slot, level, _CANCELED, _USER, before - kept, kept, 1)


@jit
def apply_modify(v: Any, c: int, slot: int) -> None:
    """MODIFY of the live order in ``slot``."""
    o = slot * ORDER_WORDS
    side = (get(v.commands, c + 5) >> 24) & 0xFF
    word = get(v.orders, o + 7)
    old_side = (word >> 24) & 0xFF
    if side > _LAST_SIDE or (side == _BUY) != (old_side == _BUY):
        return
    kept = intended_open(v, slot, get(v.commands, c + 2))
    before = get(v.orders, o)
    if kept <= 0 or kept > before or (kept == before and side == old_side):
        return
    put(v.orders, o + 7, (word & ~(0xFF << 24)) | (side << 24))
    level = 0
    if kept != before:
        level = level_of_order(v, slot)
        put(v.levels, level * LEVEL_WORDS, get(v.levels, level * LEVEL_WORDS) - (before - kept))
        put(v.orders, o, kept)
    emit_order_event(v, slot, level, _MODIFIED, 0, kept, kept, 1)


@jit
def apply_replace(v: Any, c: int, c2: int, hashed: int) -> None:
    """REPLACE at word ``c``, its continuation at word ``c2``."""
    price = get(v.commands, c + 1)
    total = get(v.commands, c + 2)
    w5 = get(v.commands, c + 5)
    w6 = get(v.commands, c + 6)
    w7 = get(v.commands, c + 7)
    session = w5 & 0xFFFF
    slot = live_order(v, hashed, get(v.commands, c + 3), get(v.commands, c + 4), session)
    if slot == 0:
        return
    token_0 = get(v.commands, c2 + 3)
    tail = get(v.commands, c2 + 4) & ((1 << 48) - 1)
    key_1 = token_key(tail, session)
    new_hash = token_hash(v, token_0, key_1)
    place = token_probe(v, new_hash, token_0, key_1)
    if place > 0:
        return
    o = slot * ORDER_WORDS
    instrument = (get(v.orders, o + 4) >> 48) & 0xFFFF
    tail |= instrument << 48
    word = get(v.orders, o + 7)
    side = (word >> 24) & 0xFF
    identity = (identity_of(w5, w7) & ~(0xFF << 24)) | (side << 24)
    reject = 0
    if not token_well_formed(token_0, tail):
        reject = _INVALID_TOKEN
    elif token_table_full(v):
        reject = _TOKEN_TABLE_FULL
    if reject != 0:
        emit_rejected(v, price, total, token_0, tail, identity, reject)
        return
    time_in_force = (w5 >> 32) & HALF
    display = w7 & 0xFF
    order_type = (w7 >> 56) & 0xFF
    minimum = w6 & HALF
    executed = executed_of(v, slot)
    quantity = 0
    if total > executed:
        quantity = total - executed
    i = instrument * INSTRUMENT_WORDS
    if w7 & _WIRE_PRICE != 0:
        price = price_from_wire((get(v.instruments, i) >> 8) & 0xFF, price)
    book = book_of(instrument, side)
    may_rest = time_in_force != 0 and order_type == _LIMIT
    valid = (
        (w7 >> 48) & 0xFF == 0
        and order_type <= _MARKET
        and time_in_force <= TIME_IN_FORCE_SYSTEM_HOURS
        and is_code(_DISPLAY_BITS, display)
        and check_quantity(v, i, quantity) == 0
        and check_price(v, i, order_type, price) == 0
        and check_conditions(display, order_type, time_in_force, minimum, quantity) == 0
    )
    key = 0
    limit_key = 1
    would_trade = False
    if valid:
        if order_type == _LIMIT:
            tick = get(v.instruments, i + 1)
            key = key_of(price, tick, book)
            limit_key = key_of(price, tick, book ^ 1)
        would_trade = get(v.books, (book ^ 1) * BOOK_WORDS) >= limit_key
        if (would_trade and display == DISPLAY_POST_ONLY) or (
            may_rest and not can_rest(v, book, key)
        ):
            valid = False
    if not valid:
        cancel_whole(v, slot, _USER)
        return
    # All that the replacement takes over is read before the slot is free.
    old_id = get(v.orders, o + 2)
    old_token_0 = get(v.orders, o + 3)
    old_tail = get(v.orders, o + 4) & ((1 << 48) - 1)
    firm = get(v.orders_half, slot * (ORDER_WORDS * 2) + 13) & HALF
    old_open = get(v.orders, o)
    level = remove_order(v, slot)
    emit_order_event(v, slot, level, _REMOVED, 0, old_open, 0, 0)
    give_back_slot(v, slot)
    entry = token_insert(v, -1 - place, new_hash, token_0, key_1)
    place_order(
        v, _REPLACED, book, key, limit_key, would_trade, may_rest, price, quantity,
        token_0, tail, identity, time_in_force, minimum, firm,
        (word >> 16) & 0xFF, (w7 >> 16) & 0xFF, (word >> 32) & 0xFF, executed, entry,
        old_id, old_token_0, old_tail,
    )  # fmt: skip


@jit
def apply_timer(v: Any, now_ns: int) -> None:
    """TIMER: cancel what has expired, a bounded number at a time."""
    for _ in range(TIMER_CANCELS):
        second = get(v.scalars, NEXT_EXPIRY_SECOND)
        if second == 0 or second > now_ns // NANOSECONDS:
            return
        cancel_whole(v, first_expiring(v, second), _TIMEOUT)


@jit
def cancel_all(v: Any) -> None:
    """Cancel every live order: by instrument, bids first, best price first, oldest first."""
    for book in range(2, get(v.scalars, MAX_INSTRUMENTS) * 2):
        while get(v.books, book * BOOK_WORDS) != 0:
            level = get(v.books, book * BOOK_WORDS + 1)
            cancel_whole(v, get(v.levels_half, level * (LEVEL_WORDS * 2) + 2), _TIMEOUT)


@jit
def apply_control(v: Any, kind: int, c: int, c2: int, is_long: bool) -> None:
    """Every kind that is not about one order."""
    if kind == _TIMER:
        apply_timer(v, get(v.scalars, TIMESTAMP_NS))
    elif kind == _START_OF_DAY:
        control.start_of_day(v, get(v.commands, c + 2), get(v.commands, c + 1))
    elif kind == _END_OF_DAY:
        if control.day_can_end(v):
            cancel_all(v)
            control.end_of_day(v)
    elif kind == _INSTRUMENT and is_long:
        control.define_instrument(v, c, c2)
    elif kind == _SESSION:
        control.define_session(v, c)
    else:
        word_4 = get(v.commands, c + 4)
        word_5 = get(v.commands, c + 5)
        emit_control_rejected(v, (word_4 >> 48) & 0xFFFF, word_5 & 0xFFFF, _UNKNOWN_COMMAND)


@jit_inline
def apply_one(v: Any, sequence: int, c: int, c2: int, hashed: int) -> None:
    """Apply the command at word ``c`` and emit a CHECKPOINT when one is due."""
    s = v.scalars
    timestamp_ns = get(v.commands, c)
    put(s, COMMAND_SEQUENCE, sequence)
    put(s, TIMESTAMP_NS, timestamp_ns)
    put(s, LAST_TIMESTAMP_NS, timestamp_ns)
    word_5 = get(v.commands, c + 5)
    kind = (word_5 >> 16) & 0xFF
    is_long = get(v.commands, c + 7) & LONG_FLAG != 0
    if kind == _ENTER:
        apply_enter(v, c, hashed)
    elif kind in (_CANCEL, _MODIFY):
        slot = live_order(
            v, hashed, get(v.commands, c + 3), get(v.commands, c + 4), word_5 & 0xFFFF
        )
        if kind == _CANCEL:
            apply_cancel(v, slot, get(v.commands, c + 2))
        elif slot != 0:
            apply_modify(v, c, slot)
    elif kind == _CANCEL_BY_ORDER_ID:
        apply_cancel(v, order_id_find(v, get(v.commands, c + 1)), get(v.commands, c + 2))
    elif kind == _REPLACE and is_long:
        apply_replace(v, c, c2, hashed)
    else:
        apply_control(v, kind, c, c2, is_long)
    if get(s, NEXT_EVENT) - get(s, CHECKPOINT_EVENT) >= CHECKPOINT_INTERVAL:
        emit_checkpoint(v)


@jit
def apply_view(v: Any, first_sequence: int, end_sequence: int) -> None:
    """Apply the commands [first_sequence, end_sequence) of the view's command ring."""
    s = v.scalars
    mask = get(s, COMMAND_MASK)
    sequence = first_sequence
    while sequence < end_sequence and get(s, ABORTED) == 0:
        count = gather_group(v, sequence, end_sequence)
        if count == 0:
            break
        if count > 1:
            fetch_group(v, count)
        for number in range(count):
            at = number * SCRATCH_WORDS
            sequence = get(v.scratch, at)
            c = (sequence & mask) * COMMAND_WORDS
            c2 = ((sequence + 1) & mask) * COMMAND_WORDS
            apply_one(v, sequence, c, c2, get(v.scratch, at + 1))
            sequence += 2 if get(v.commands, c + 7) & LONG_FLAG != 0 else 1
            if get(s, ABORTED) != 0:
                break
            put(s, NEXT_COMMAND, sequence)
        # events are hashed while they are still in the nearest cache
        chain_roll(v)


@jit
def apply_commands(
    state: Any,
    commands: np.ndarray,
    first_sequence: int,
    end_sequence: int,
    events: np.ndarray,
    event_base: int,
    cursors: np.ndarray,
    wakeups: np.ndarray,
) -> int:
    """Apply commands ``first_sequence`` up to ``end_sequence`` (not included); events emitted.

    ``state``: EngineState. ``commands``: COMMAND[n], n a power of two; command s is at
    ``s & (n - 1)``. ``events``: EVENT[m], m a power of two of at least 2; event e goes to
    ``(e - event_base) & (m - 1)``, once ``cursors[EVENT_RELEASED] > e - m + 1``; when there is no
    room the events so far are published (EVENT_PUBLISHED), the journaler is woken through
    ``wakeups`` (int64, eventfds by agent, -1 = none) and the call waits. EVENT_PUBLISHED is not
    touched otherwise: publishing the rest is the caller's.

    A long command whose second slot would be ``end_sequence`` is left for the next call;
    ``state.scalars[NEXT_COMMAND]`` says how far it came. -1: STOP was set while waiting for room;
    the state is then in the middle of a command and the process must go down.
    """
    v = make_view(state, commands, events, cursors, wakeups)
    s = v.scalars
    put(s, COMMAND_MASK, commands.shape[0] - 1)
    put(s, EVENT_BASE, event_base)
    put(s, EVENT_MASK, events.shape[0] - 1)
    put(s, EVENT_LIMIT, 0)
    put(s, ABORTED, 0)
    before = get(s, NEXT_EVENT)
    apply_view(v, first_sequence, end_sequence)
    if get(s, ABORTED) != 0:
        return -1
    return get(s, NEXT_EVENT) - before
