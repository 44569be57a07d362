"""Entering an order: ENTER, and what a REPLACE does once its old order is out.

The order of the checks and of the events is that of docs/matching.md.

Decision ENG-10.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import (
    DISPLAY_POST_ONLY,
    FLAG_LEVEL,
    FLAG_LONG,
    OPTION_REPRICE,
    TIME_IN_FORCE_MARKET_HOURS,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    CancelReason,
    EventKind,
    OrderType,
    Reject,
)
from exchange.engine.book.book import (
    book_of,
    join_book,
    key_of,
    level_of_order,
    make_order,
    price_of,
)
from exchange.engine.book.held import hold_order
from exchange.engine.book.levels import can_rest
from exchange.engine.book.order_pool import no_free_order
from exchange.engine.book.stops import look_for_due_stops, stop_book_of, stop_key, wait_for_stop
from exchange.engine.book.tokens import (
    token_insert,
    token_key,
    token_probe,
    token_set_order,
    token_table_full,
    token_well_formed,
)
from exchange.engine.money.cancel_ratio import count_order
from exchange.engine.money.clearing import account_of_session, freeze_at
from exchange.engine.money.positions import position_find, position_make
from exchange.engine.orders.checks import (
    check_door,
    check_enter_codes,
    check_price,
    check_quantity,
    check_terms,
    has_limit,
    identity_of,
    is_stop,
    session_defined,
)
from exchange.engine.orders.matching import ENDED, PREVENTED, TRIPPED, could_trade, match
from exchange.engine.orders.risk import (
    check_account,
    check_holdings,
    check_new,
    protection_price,
    reprice,
)
from exchange.engine.state.events import (
    HALF,
    emit_order_event,
    emit_rejected,
    emit_terms,
    next_session_sequence,
    write_event,
)
from exchange.engine.state.layout import (
    ACCOUNT_TODAY,
    ACCOUNT_WORDS,
    ASK_MIRROR,
    BOOK_WORDS,
    COLD_WORDS,
    COMMAND_SEQUENCE,
    INSTRUMENT_MULTIPLIER,
    INSTRUMENT_REVIEW_VALUE,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    MATCH_END,
    MATCH_TRADED,
    ORDER_ICEBERG,
    ORDER_IMMEDIATE,
    ORDER_MARKET_HOURS,
    ORDER_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import divide, get, put
from exchange.engine.state.trading_states import in_auction
from ringbuffer.jit import jit_inline, jit_inline_internal, jit_internal

NANOSECONDS = 1_000_000_000
LONG_COMMAND = FLAG_LONG << 40  # of a command's last word
_ACCEPTED = int(EventKind.ACCEPTED)
_CANCELED = int(EventKind.CANCELED)
_RESTED = int(EventKind.RESTED)
_MARKET = int(OrderType.MARKET)
_IMMEDIATE_OR_CANCEL = int(CancelReason.IMMEDIATE_OR_CANCEL)
_REGULATORY = int(CancelReason.REGULATORY)
_POST_ONLY_WOULD_TRADE = int(Reject.POST_ONLY_WOULD_TRADE)
_ORDER_POOL_FULL = int(Reject.ORDER_POOL_FULL)
_LEVEL_POOL_FULL = int(Reject.LEVEL_POOL_FULL)
_INVALID_TOKEN = int(Reject.INVALID_TOKEN)
_TOKEN_TABLE_FULL = int(Reject.TOKEN_TABLE_FULL)


class Incoming(NamedTuple):
    """An order that has passed its checks: integers that the compiler keeps apart.

    ``price`` is where it would rest: its limit, or the protection price of MARKET and STOP.
    ``key`` is that price's key in ``book``; ``executed`` is what its replace chain has traded.
    """

    account: int
    position: int  # first word of its position, -1 = to be made
    instrument: int
    side: int
    order_type: int
    book: int
    key: int
    price: int
    quantity: int
    token_0: int
    token_tail: int
    identity: int
    time_in_force: int
    minimum: int
    firm: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    executed: int
    stop_price: int
    display_quantity: int
    auction: bool
    held: bool


@jit_inline
def expiry_of(timestamp_ns: int, time_in_force: int) -> int:
    """The second at which a good-till-time order expires; 0 if it does not."""
    if time_in_force == 0 or time_in_force > TIME_IN_FORCE_MAXIMUM_SECONDS:
        return 0
    return divide(timestamp_ns + NANOSECONDS - 1, NANOSECONDS) + time_in_force


@jit_inline_internal
def needs_review(v: Any, i: int, price: int, quantity: int) -> bool:
    """Whether the order's value is above the instrument's review value."""
    review = get(v.instruments, i + INSTRUMENT_REVIEW_VALUE)
    return review != 0 and price * quantity * get(v.instruments, i + INSTRUMENT_MULTIPLIER) > review


@jit_inline_internal
def post_only_price(
    v: Any, i: int, book: int, key: int, price: int, side: int, reprices: bool
) -> int:
    """Rule post-only-reprice: the price at which the order does not trade at once; 0: reject it."""
    best = get(v.books, (book ^ 1) * BOOK_WORDS)
    if best < ASK_MIRROR - key:
        return price
    if not reprices:
        return 0
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    return reprice(v, i, price_of(best, tick, book ^ 1), side)


@jit_inline_internal
def has_room(
    v: Any,
    i: int,
    instrument: int,
    side: int,
    order_type: int,
    stop_price: int,
    book: int,
    key: int,
    may_rest: bool,
) -> bool:
    """Rule level-block: a level block where the order would wait, or rest if it may."""
    if is_stop(order_type):
        stops = stop_book_of(v, instrument, side)
        tick = get(v.instruments, i + INSTRUMENT_TICK)
        return can_rest(v, stops, stop_key(stop_price, tick, stops))
    return not may_rest or can_rest(v, book, key)


@jit_inline_internal
def _take_slot(
    v: Any, order: Incoming, i: int, a: int, p: int, entry: int, quantity: int, executed: int
) -> int:
    """Let an order with ``quantity`` open live: its slot, its token's entry, what it freezes."""
    order_id = get(v.scalars, COMMAND_SEQUENCE)
    flags = 0
    if order.display_quantity != 0:
        flags = ORDER_ICEBERG
    if order.time_in_force == TIME_IN_FORCE_MARKET_HOURS:
        flags |= ORDER_MARKET_HOURS
    elif order.time_in_force == 0:
        flags |= ORDER_IMMEDIATE
    if not has_limit(order.order_type):
        flags |= ORDER_IMMEDIATE
    slot = make_order(
        v, order_id, order.price, quantity, order.token_0, order.token_tail, order.identity,
        order.firm, order.capacity, order.cross_type, executed,
        expiry_of(get(v.scalars, TIMESTAMP_NS), order.time_in_force), flags,
    )  # fmt: skip
    if order.display_quantity != 0:
        put(v.orders_cold, slot * COLD_WORDS + 3, 0)
        put(v.orders_cold, slot * COLD_WORDS + 4, order.display_quantity)
    token_set_order(v, entry, slot, order_id)
    freeze_at(v, i, a, p, order.side, order.price, quantity)
    return slot


@jit_internal
def _set_aside(v: Any, slot: int, held: bool, stop_price: int, minimum: int) -> None:
    """Rules value-review and stop-wait: hold the order for review, or let it wait for its stop."""
    if not held:
        wait_for_stop(v, slot, stop_price)
        return
    put(v.orders_cold, slot * COLD_WORDS + 5, stop_price)
    put(v.orders_cold, slot * COLD_WORDS + 6, minimum)
    hold_order(v, slot)


@jit_inline_internal
def place_order(
    v: Any,
    kind: int,
    order: Incoming,
    entry: int,
    replaced_id: int,
    replaced_token_0: int,
    replaced_tail: int,
) -> None:
    """ACCEPTED or REPLACED of a checked order and what follows: from Rule order-accepted on.

    ``entry``: its token's; ``replaced_*``: 0 for ACCEPTED.
    """
    order_id = get(v.scalars, COMMAND_SEQUENCE)
    session = order.identity & 0xFFFF
    i = order.instrument * INSTRUMENT_WORDS
    a = order.account * ACCOUNT_WORDS
    p = order.position
    if p < 0:
        p = position_make(v, order.account, order.instrument)
    put(v.accounts, a + ACCOUNT_TODAY, get(v.accounts, a + ACCOUNT_TODAY) + 1)
    count_order(v, order.account)
    limited = has_limit(order.order_type)
    told_price = order.price if limited else 0
    stays = limited and order.time_in_force != 0
    aside = order.held or is_stop(order.order_type)
    limit_key = ASK_MIRROR - order.key
    would_trade = not order.auction and get(v.books, (order.book ^ 1) * BOOK_WORDS) >= limit_key
    rests_now = not aside and (order.auction or (stays and not would_trade))
    level_quantity = 0
    level_orders = 0
    flags = 0
    slot = 0
    if rests_now or aside:
        slot = _take_slot(v, order, i, a, p, entry, order.quantity, order.executed)
        if rests_now:
            at = join_book(v, slot, order.book, order.key, order.quantity) * LEVEL_WORDS
            level_quantity = get(v.levels, at)
            level_orders = get(v.levels, at + 2)
            flags = FLAG_LEVEL
    # The level of a MARKET order that rests in AUCTION is at a price that only TERMS tells.
    told = limited and rests_now
    write_event(
        v, order_id, told_price, order.quantity,
        level_quantity if told else 0, level_orders if told else 0,
        next_session_sequence(v, session), order.token_0, order.token_tail, order.identity,
        kind, 0, flags if told else 0, replaced_id, order.time_in_force | (order.minimum << 32),
        replaced_token_0, replaced_tail,
        order.firm | (order.capacity << 40) | (order.intermarket_sweep << 48)
        | (order.cross_type << 56),
    )  # fmt: skip
    if (
        order.display_quantity != 0
        or is_stop(order.order_type)
        or (order.order_type == _MARKET and (order.held or order.auction))
    ):
        emit_terms(
            v, order.price, order.quantity, order.token_0, order.token_tail, order.identity,
            order.stop_price, order.display_quantity,
            0 if told else level_quantity, 0 if told else level_orders, 0 if told else flags,
        )  # fmt: skip
    if rests_now:
        return
    if aside:
        _set_aside(v, slot, order.held, order.stop_price, order.minimum)
        return
    left = order.quantity
    traded = 0
    end = ENDED
    if would_trade and (
        order.minimum == 0
        or could_trade(v, order.book ^ 1, limit_key, order.minimum, order.account)
    ):
        left = match(
            v, order.book ^ 1, limit_key, order.quantity, order_id, order.token_0,
            order.token_tail, order.identity, order.account,
        )  # fmt: skip
        traded = get(v.scalars, MATCH_TRADED)
        end = get(v.scalars, MATCH_END)
        if traded != 0:
            look_for_due_stops(v, order.instrument)
    if left == 0 or end == PREVENTED:
        return
    if not stays or end == TRIPPED:
        write_event(
            v, order_id, told_price, left, 0, 0, next_session_sequence(v, session),
            order.token_0, order.token_tail, order.identity, _CANCELED,
            _REGULATORY if end == TRIPPED else _IMMEDIATE_OR_CANCEL, 0, 0, 0, 0, 0, 0,
        )  # fmt: skip
        return
    slot = _take_slot(v, order, i, a, p, entry, left, order.executed + traded)
    join_book(v, slot, order.book, order.key, left)
    emit_order_event(
        v, slot, level_of_order(v, slot), _RESTED, 0, get(v.orders, slot * ORDER_WORDS), left, 0
    )


@jit_inline_internal
def apply_enter(v: Any, c: int, c2: int, hashed: int) -> None:
    """ENTER at word ``c`` of the command ring, its continuation, if it is long, at ``c2``.

    ``hashed``: its token's hash.
    """
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
    i = instrument * INSTRUMENT_WORDS
    account = account_of_session(v, session)
    a = account * ACCOUNT_WORDS
    side = (w5 >> 24) & 0xFF
    order_type = (w7 >> 56) & 0xFF
    time_in_force = (w5 >> 32) & HALF
    display = w7 & 0xFF
    minimum = w6 & HALF
    is_long = w7 & LONG_COMMAND != 0
    stop_price = 0
    display_quantity = 0
    reprices = False
    if is_long:
        display_quantity = get(v.commands, c2 + 1)
        reprices = get(v.commands, c2 + 2) & OPTION_REPRICE != 0
        if is_stop(order_type):
            stop_price = get(v.commands, c2)
    auction = False
    reject = (w7 >> 48) & 0xFF
    if reject == 0:
        reject = check_door(v, session, a, instrument)
    if reject == 0:
        reject = check_enter_codes(side, w5, w7, is_long)
    if reject == 0:
        reject = check_quantity(v, i, quantity)
    if reject == 0:
        reject = check_price(v, i, order_type, price)
    if reject == 0:
        auction = in_auction(v, i)
        reject = check_terms(
            v, i, auction, order_type, time_in_force, display, quantity, stop_price, minimum,
            display_quantity,
        )  # fmt: skip
    if reject == 0:
        reject = check_account(v, i, a, order_type, side, price)
    if reject != 0:
        emit_rejected(v, price, quantity, token_0, w4, identity, reject)
        return
    p = position_find(v, account, instrument)
    limit = price
    if not has_limit(order_type):
        limit = protection_price(v, i, order_type, side, stop_price)
    book = book_of(instrument, side)
    key = 0
    held = False
    reject = check_new(v, a, p)
    if reject == 0:
        reject = check_holdings(v, i, a, p, side, limit, quantity, 0, 0)
    if reject == 0:
        tick = get(v.instruments, i + INSTRUMENT_TICK)
        key = key_of(limit, tick, book)
        if display == DISPLAY_POST_ONLY and not auction:
            limit = post_only_price(v, i, book, key, limit, side, reprices)
            key = key_of(limit, tick, book)
        held = needs_review(v, i, limit, quantity)
        may_rest = auction or held or (time_in_force != 0 and has_limit(order_type))
        if limit == 0:
            reject = _POST_ONLY_WOULD_TRADE
        elif no_free_order(v):
            reject = _ORDER_POOL_FULL
        elif not has_room(v, i, instrument, side, order_type, stop_price, book, key, may_rest):
            reject = _LEVEL_POOL_FULL
    if reject != 0:
        emit_rejected(v, price, quantity, token_0, w4, identity, reject)
        return
    order = Incoming(
        account, p, instrument, side, order_type, book, key, limit, quantity, token_0, w4,
        identity, time_in_force, minimum, (w6 >> 32) & HALF, (w7 >> 8) & 0xFF,
        (w7 >> 16) & 0xFF, (w7 >> 24) & 0xFF, 0, stop_price, display_quantity,
        auction, held,
    )  # fmt: skip
    place_order(v, _ACCEPTED, order, entry, 0, 0, 0)
