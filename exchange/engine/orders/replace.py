"""REPLACE: an order leaves and another takes its place, in one command.

Decision GTW-2.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import (
    DISPLAY_POST_ONLY,
    FLAG_WIRE_PRICE,
    OPTION_REPRICE,
    CancelReason,
    EventKind,
    Reject,
)
from exchange.engine.book.book import book_of, executed_of, key_of, remove_order
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.book.tokens import (
    token_hash,
    token_insert,
    token_key,
    token_probe,
    token_table_full,
    token_well_formed,
)
from exchange.engine.money.clearing import (
    account_of_session,
    instrument_of_order,
    release_order,
    side_of_order,
    whole_open,
)
from exchange.engine.money.positions import position_find
from exchange.engine.orders.amend import cancel_whole
from exchange.engine.orders.checks import (
    check_codes,
    check_door,
    check_price,
    check_quantity,
    check_terms,
    has_limit,
    identity_of,
    is_stop,
    price_from_wire,
)
from exchange.engine.orders.enter import (
    Incoming,
    has_room,
    needs_review,
    place_order,
    post_only_price,
)
from exchange.engine.orders.risk import check_account, check_holdings, protection_price
from exchange.engine.state.events import (
    HALF,
    TAIL_48,
    emit_cancel_rejected,
    emit_order_event,
    emit_rejected,
)
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    ORDER_WORDS,
)
from exchange.engine.state.memory import get
from exchange.engine.state.trading_states import in_auction
from ringbuffer.jit import jit_internal

_REPLACED = int(EventKind.REPLACED)
_REMOVED = int(EventKind.REMOVED)
_USER = int(CancelReason.USER)
_INVALID_TOKEN = int(Reject.INVALID_TOKEN)
_TOKEN_TABLE_FULL = int(Reject.TOKEN_TABLE_FULL)
_WIRE_PRICE = FLAG_WIRE_PRICE << 40  # of a command's last word


@jit_internal
def apply_replace(v: Any, c: int, c2: int, slot: int) -> None:
    """REPLACE and REPLACE_BY_ORDER_ID, at word ``c`` and ``c2``, of the live order in ``slot``."""
    if slot == 0:
        return
    price = get(v.commands, c + 1)
    total = get(v.commands, c + 2)
    w5 = get(v.commands, c + 5)
    w6 = get(v.commands, c + 6)
    w7 = get(v.commands, c + 7)
    session = w5 & 0xFFFF
    token_0 = get(v.commands, c2 + 3)
    tail = get(v.commands, c2 + 4) & TAIL_48
    key_1 = token_key(tail, session)
    new_hash = token_hash(v, token_0, key_1)
    place = token_probe(v, new_hash, token_0, key_1)
    if place > 0:
        return
    o = slot * ORDER_WORDS
    instrument = instrument_of_order(v, slot)
    i = instrument * INSTRUMENT_WORDS
    tail |= instrument << 48
    word = get(v.orders, o + 7)
    side = side_of_order(v, slot)
    identity = (identity_of(w5, w7) & ~(0xFF << 24)) | (side << 24)
    reject = 0
    if not token_well_formed(token_0, tail):
        reject = _INVALID_TOKEN
    elif token_table_full(v):
        reject = _TOKEN_TABLE_FULL
    if reject != 0:
        emit_rejected(v, price, total, token_0, tail, identity, reject)
        return
    account = account_of_session(v, session)
    a = account * ACCOUNT_WORDS
    reject = check_door(v, session, a, instrument)
    if reject != 0:
        emit_cancel_rejected(v, slot, reject)
        return
    time_in_force = (w5 >> 32) & HALF
    display = w7 & 0xFF
    order_type = (w7 >> 56) & 0xFF
    minimum = w6 & HALF
    stop_price = get(v.commands, c2) if is_stop(order_type) else 0
    display_quantity = get(v.commands, c2 + 1)
    reprices = get(v.commands, c2 + 2) & OPTION_REPRICE != 0
    executed = executed_of(v, slot)
    quantity = total - executed if total > executed else 0
    if w7 & _WIRE_PRICE != 0:
        price = price_from_wire((get(v.instruments, i) >> 8) & 0xFF, price)
    auction = in_auction(v, i)
    reject = (w7 >> 48) & 0xFF
    if reject == 0:
        reject = check_codes(order_type, time_in_force, display, True)
    if reject == 0:
        reject = check_quantity(v, i, quantity)
    if reject == 0:
        reject = check_price(v, i, order_type, price)
    if reject == 0:
        reject = check_terms(
            v, i, auction, order_type, time_in_force, display, quantity, stop_price, minimum,
            display_quantity,
        )  # fmt: skip
    if reject != 0:
        cancel_whole(v, slot, _USER)
        return
    p = position_find(v, account, instrument)
    old_open = whole_open(v, slot)
    limit = price
    if not has_limit(order_type):
        limit = protection_price(v, i, order_type, side, stop_price)
    reject = check_account(v, i, a, order_type, side, price)
    if reject == 0:
        reject = check_holdings(v, i, a, p, side, limit, quantity, get(v.orders, o + 1), old_open)
    if reject != 0:
        emit_cancel_rejected(v, slot, reject)
        return
    book = book_of(instrument, side)
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    key = key_of(limit, tick, book)
    if display == DISPLAY_POST_ONLY and not auction:
        limit = post_only_price(v, i, book, key, limit, side, reprices)
        key = key_of(limit, tick, book)
    held = needs_review(v, i, limit, quantity)
    may_rest = auction or held or (time_in_force != 0 and has_limit(order_type))
    if limit == 0 or not has_room(
        v, i, instrument, side, order_type, stop_price, book, key, may_rest
    ):
        cancel_whole(v, slot, _USER)
        return
    # All that the replacement takes over is read before the slot is free.
    old_id = get(v.orders, o + 2)
    old_token_0 = get(v.orders, o + 3)
    old_tail = get(v.orders, o + 4) & TAIL_48
    firm = get(v.orders_half, o * 2 + 13) & HALF
    release_order(v, slot, old_open, 0)
    level = remove_order(v, slot)
    emit_order_event(v, slot, level, _REMOVED, 0, old_open, 0, 0)
    give_back_slot(v, slot)
    entry = token_insert(v, -1 - place, new_hash, token_0, key_1)
    order = Incoming(
        account, p, instrument, side, order_type, book, key, limit, quantity, token_0, tail,
        identity, time_in_force, minimum, firm, (word >> 16) & 0xFF, (w7 >> 16) & 0xFF,
        (word >> 32) & 0xFF, executed, stop_price, display_quantity, auction, held,
    )  # fmt: skip
    place_order(v, _REPLACED, order, entry, old_id, old_token_0, old_tail)
