"""Changing and ending live orders: CANCEL, MODIFY, REPLACE."""

from __future__ import annotations

from typing import Any

from exchange.codes import (
    DISPLAY_CODES,
    DISPLAY_POST_ONLY,
    FLAG_WIRE_PRICE,
    TIME_IN_FORCE_SYSTEM_HOURS,
    CancelReason,
    EventKind,
    OrderType,
    Reject,
    Side,
)
from exchange.engine.book import (
    book_of,
    executed_of,
    key_of,
    level_of_order,
    remove_order,
)
from exchange.engine.checks import (
    check_conditions,
    check_price,
    check_quantity,
    identity_of,
    is_code,
    price_from_wire,
)
from exchange.engine.enter import place_order
from exchange.engine.events import (
    HALF,
    emit_order_event,
    emit_rejected,
)
from exchange.engine.levels import can_rest
from exchange.engine.memory import get, put, remainder
from exchange.engine.orders import give_back_slot
from exchange.engine.state import (
    BOOK_WORDS,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    ORDER_WORDS,
    TOKEN_WORDS,
)
from exchange.engine.tokens import (
    token_hash,
    token_insert,
    token_key,
    token_probe,
    token_table_full,
    token_well_formed,
)
from ringbuffer.jit import jit, jit_inline

_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_MODIFIED = int(EventKind.MODIFIED)
_REMOVED = int(EventKind.REMOVED)

_BUY = int(Side.BUY)
_LAST_SIDE = int(Side.SELL_SHORT_EXEMPT)
_LIMIT = int(OrderType.LIMIT)
_MARKET = int(OrderType.MARKET)
_USER = int(CancelReason.USER)

_INVALID_TOKEN = int(Reject.INVALID_TOKEN)
_TOKEN_TABLE_FULL = int(Reject.TOKEN_TABLE_FULL)
_DISPLAY_BITS = sum(1 << (code - 32) for code in set(DISPLAY_CODES))
_WIRE_PRICE = FLAG_WIRE_PRICE << 40  # of a command's last word


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
