"""Entering an order: ENTER, and what a REPLACE does once its old order is out.

The order of the checks and of the events is that of docs/matching.md.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import (
    DISPLAY_POST_ONLY,
    FLAG_LEVEL,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    CancelReason,
    EventKind,
    OrderType,
    Reject,
)
from exchange.engine.book import (
    book_of,
    could_trade,
    key_of,
    level_of_order,
    match,
    rest_order,
)
from exchange.engine.checks import (
    check_enter,
    identity_of,
    session_defined,
)
from exchange.engine.events import (
    HALF,
    emit_order_event,
    emit_rejected,
    next_session_sequence,
    write_event,
)
from exchange.engine.levels import can_rest
from exchange.engine.memory import get
from exchange.engine.orders import no_free_order
from exchange.engine.state import (
    BOOK_WORDS,
    COMMAND_SEQUENCE,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.tokens import (
    token_insert,
    token_key,
    token_probe,
    token_set_order,
    token_table_full,
    token_well_formed,
)
from ringbuffer.jit import jit_inline

NANOSECONDS = 1_000_000_000
_ACCEPTED = int(EventKind.ACCEPTED)
_CANCELED = int(EventKind.CANCELED)
_RESTED = int(EventKind.RESTED)
_MARKET = int(OrderType.MARKET)
_IMMEDIATE_OR_CANCEL = int(CancelReason.IMMEDIATE_OR_CANCEL)
_POST_ONLY_WOULD_TRADE = int(Reject.POST_ONLY_WOULD_TRADE)
_ORDER_POOL_FULL = int(Reject.ORDER_POOL_FULL)
_LEVEL_POOL_FULL = int(Reject.LEVEL_POOL_FULL)
_INVALID_TOKEN = int(Reject.INVALID_TOKEN)
_TOKEN_TABLE_FULL = int(Reject.TOKEN_TABLE_FULL)


@jit_inline
def expiry_of(timestamp_ns: int, time_in_force: int) -> int:
    """The second at which a good-till-time order expires; 0 if it does not."""
    if time_in_force == 0 or time_in_force > TIME_IN_FORCE_MAXIMUM_SECONDS:
        return 0
    return (timestamp_ns + NANOSECONDS - 1) // NANOSECONDS + time_in_force


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
