"""What becomes of an order that has passed its checks: it is told, trades, rests, waits or is held.

Used by ENTER and by REPLACE once its old order is out. The order of the events is that of
docs/matching.md.

Decision ENG-10.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.codes import (
    DISPLAY_POST_ONLY,
    TIME_IN_FORCE_MARKET_HOURS,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    CancelReason,
    EventKind,
    OrderType,
    Reject,
)
from exchange.engine.book.book import NewOrder, book_of, join_book, key_of, make_order, price_of
from exchange.engine.book.held import hold_order
from exchange.engine.book.levels import may_rest
from exchange.engine.book.order_pool import no_free_order
from exchange.engine.book.stops import look_for_due_stops, stop_book_of, stop_key, wait_for_stop
from exchange.engine.book.tokens import token_set_order
from exchange.engine.money.cancel_ratio import count_order
from exchange.engine.money.clearing import Holding, freeze_at
from exchange.engine.money.positions import position_find, position_make
from exchange.engine.orders.matching import ENDED, PREVENTED, TRIPPED, could_trade, match
from exchange.engine.orders.risk import Replaced, protection_price, reprice
from exchange.engine.orders.terms import Terms, has_limit, identity_of, is_stop
from exchange.engine.state.events import (
    NO_DETAIL,
    NO_LEVEL,
    Aggressor,
    Detail,
    LevelTotals,
    Subject,
    emit_order_event,
    emit_terms,
    next_session_sequence,
    totals_of,
    write_event,
)
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    ASK_MIRROR,
    COMMAND_SEQUENCE,
    INSTRUMENT_WORDS,
    MATCH_END,
    MATCH_TRADED,
    ORDER_ICEBERG,
    ORDER_IMMEDIATE,
    ORDER_MARKET_HOURS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import divide, get
from exchange.engine.state.rows import (
    add_to_account_today_orders,
    book_best,
    instrument_multiplier,
    instrument_review_value,
    instrument_tick,
    order_open,
    set_order_display_quantity,
    set_order_hidden,
    set_order_minimum_quantity,
    set_order_stop_price,
)
from exchange.engine.state.trading_states import in_auction
from exchange.records import (
    EVENT_CAPACITY,
    EVENT_CROSS_TYPE,
    EVENT_INTERMARKET_SWEEP,
    EVENT_MINIMUM_QUANTITY,
)
from ringbuffer.jit import jit_inline, jit_inline_internal

NANOSECONDS = 1_000_000_000


class Incoming(NamedTuple):
    """Where an order that has passed its checks goes: integers that LLVM keeps apart.

    ``price`` is where it would rest: its limit, or the protection price of MARKET and STOP; 0 for
    a post-only order that may not be anywhere. ``key`` is that price's key in ``book``.
    """

    holding: Holding
    account: int
    book: int
    key: int
    price: int
    auction: bool  # its instrument is in a call auction
    held: bool  # an operator must review it


@jit_inline
def expiry_of(timestamp_ns: int, time_in_force: int) -> int:
    """The second at which a good-till-time order expires; 0 if it does not."""
    if time_in_force == 0 or time_in_force > TIME_IN_FORCE_MAXIMUM_SECONDS:
        return 0
    return divide(timestamp_ns + NANOSECONDS - 1, NANOSECONDS) + time_in_force


@jit_inline_internal
def holding_if_any(view: Any, account: int, instrument: int) -> Holding:
    """Of an account and an instrument; ``position_at`` is -1 while they have no position."""
    position_at = position_find(view, account, instrument)
    return Holding(instrument * INSTRUMENT_WORDS, account * ACCOUNT_WORDS, position_at)


@jit_inline_internal
def limit_of(view: Any, terms: Terms) -> int:
    """The price at which an order rests: its limit or its protection price."""
    if has_limit(terms.order_type):
        return terms.price
    return protection_price(
        view, terms.instrument * INSTRUMENT_WORDS, terms.order_type, terms.side, terms.stop_price
    )


@jit_inline_internal
def needs_review(view: Any, instrument_at: int, price: int, quantity: int) -> bool:
    """Whether the order's value is above the instrument's review value."""
    limit = instrument_review_value(view, instrument_at)
    return limit != 0 and price * quantity * instrument_multiplier(view, instrument_at) > limit


@jit_inline_internal
def post_only_price(view: Any, terms: Terms, book: int, key: int, limit: int) -> int:
    """Rule post-only-reprice: the price at which the order does not trade at once; 0: reject it."""
    best = book_best(view, book ^ 1)
    if best < ASK_MIRROR - key:
        return limit
    if not terms.reprices:
        return 0
    instrument_at = terms.instrument * INSTRUMENT_WORDS
    best_price = price_of(best, instrument_tick(view, instrument_at), book ^ 1)
    return reprice(view, instrument_at, best_price, terms.side)


@jit_inline_internal
def incoming_of(view: Any, terms: Terms, holding: Holding, account: int, limit: int) -> Incoming:
    """Where an order goes that its account can afford at ``limit``."""
    instrument_at = holding.instrument_at
    tick = instrument_tick(view, instrument_at)
    book = book_of(terms.instrument, terms.side)
    key = key_of(limit, tick, book)
    auction = in_auction(view, instrument_at)
    if terms.display == DISPLAY_POST_ONLY and not auction:
        limit = post_only_price(view, terms, book, key, limit)
        key = key_of(limit, tick, book)
    held = needs_review(view, instrument_at, limit, terms.quantity)
    return Incoming(holding, account, book, key, limit, auction, held)


@jit_inline_internal
def with_position(view: Any, order: Incoming, instrument: int) -> Incoming:
    """The order of an account that has no position in the instrument yet: it is made."""
    position_at = position_make(view, order.account, instrument)
    holding = Holding(order.holding.instrument_at, order.holding.account_at, position_at)
    return Incoming(
        holding, order.account, order.book, order.key, order.price, order.auction, order.held
    )  # fmt: skip


@jit_inline_internal
def has_room(view: Any, terms: Terms, order: Incoming) -> bool:
    """Rule level-block: a level block where the order would wait, or rest if it may."""
    if is_stop(terms.order_type):
        stops = stop_book_of(view, terms.instrument, terms.side)
        tick = instrument_tick(view, order.holding.instrument_at)
        key = stop_key(terms.stop_price, tick, stops)
        return may_rest(view, stops, key, order.holding.account_at)
    stays = terms.time_in_force != 0 and has_limit(terms.order_type)
    if not (order.auction or order.held or stays):
        return True
    return may_rest(view, order.book, order.key, order.holding.account_at)


@jit_inline_internal
def place_reject(view: Any, terms: Terms, order: Incoming, needs_slot: bool) -> int:
    """From Rule post-only-reprice to Rule level-block; ``needs_slot``: it replaces no order."""
    if order.price == 0:
        return Reject.POST_ONLY_WOULD_TRADE
    if needs_slot and no_free_order(view, order.holding.account_at):
        return Reject.ORDER_POOL_FULL
    return 0 if has_room(view, terms, order) else Reject.LEVEL_POOL_FULL


@jit_inline_internal
def _flags_of(terms: Terms) -> int:
    """The ORDER_... bits that the terms give an order from the beginning."""
    flags = 0
    if terms.display_quantity != 0:
        flags = ORDER_ICEBERG
    if terms.time_in_force == TIME_IN_FORCE_MARKET_HOURS:
        flags |= ORDER_MARKET_HOURS
    elif terms.time_in_force == 0:
        flags |= ORDER_IMMEDIATE
    if not has_limit(terms.order_type):
        flags |= ORDER_IMMEDIATE
    return flags


@jit_inline_internal
def _take_slot(
    view: Any, terms: Terms, order: Incoming, entry: int, quantity: int, executed: int
) -> int:
    """Let an order with ``quantity`` open live: its slot, its token's entry, what it freezes."""
    order_id = get(view.scalars, COMMAND_SEQUENCE)
    slot = make_order(
        view,
        NewOrder(
            order_id=order_id,
            price=order.price,
            quantity=quantity,
            token_0=terms.token_0,
            token_word=terms.token_word,
            identity=identity_of(terms),
            firm=terms.firm,
            capacity=terms.capacity,
            cross_type=terms.cross_type,
            executed=executed,
            expiry_second=expiry_of(get(view.scalars, TIMESTAMP_NS), terms.time_in_force),
            flags=_flags_of(terms),
        ),
    )
    if terms.display_quantity != 0:
        set_order_hidden(view, slot, 0)
        set_order_display_quantity(view, slot, terms.display_quantity)
    token_set_order(view, entry, slot, order_id)
    freeze_at(view, order.holding, terms.side, order.price, quantity)
    return slot


@engine_function
def _set_aside(view: Any, slot: int, held: bool, stop_price: int, minimum_quantity: int) -> None:
    """Rules value-review and stop-wait: hold the order for review, or let it wait for its stop."""
    if not held:
        wait_for_stop(view, slot, stop_price)
        return
    set_order_stop_price(view, slot, stop_price)
    set_order_minimum_quantity(view, slot, minimum_quantity)
    hold_order(view, slot)


@jit_inline_internal
def _subject(view: Any, terms: Terms, price: int, quantity: int) -> Subject:
    """The order that the running command makes, at ``price`` and with ``quantity``."""
    order_id = get(view.scalars, COMMAND_SEQUENCE)
    identity = identity_of(terms)
    return Subject(order_id, price, quantity, terms.token_0, terms.token_word, identity)


@jit_inline_internal
def told_price(terms: Terms, order: Incoming) -> int:
    """The price that events tell of an order: 0 for one whose price only TERMS tells."""
    return order.price if has_limit(terms.order_type) else 0


@jit_inline_internal
def _tell(
    view: Any, kind: int, terms: Terms, order: Incoming, level: LevelTotals, old: Replaced
) -> None:
    """ACCEPTED or REPLACED, and TERMS if it has more to say.

    ``level``: of an order that rests at once. A MARKET order in AUCTION rests at a price that only
    TERMS tells, which then also has the level's totals.
    """
    limited = has_limit(terms.order_type)
    detail = Detail(
        old.order_id,
        terms.time_in_force | (terms.minimum_quantity << EVENT_MINIMUM_QUANTITY.shift),
        old.token_0,
        old.token_tail,
        terms.firm
        | (terms.capacity << EVENT_CAPACITY.shift)
        | (terms.intermarket_sweep << EVENT_INTERMARKET_SWEEP.shift)
        | (terms.cross_type << EVENT_CROSS_TYPE.shift),
    )
    subject = _subject(view, terms, told_price(terms, order), terms.quantity)
    number = next_session_sequence(view, terms.session)
    write_event(view, kind, 0, subject, level if limited else NO_LEVEL, number, detail)
    if (
        terms.display_quantity != 0
        or is_stop(terms.order_type)
        or (terms.order_type == OrderType.MARKET and (order.held or order.auction))
    ):
        emit_terms(
            view, _subject(view, terms, order.price, terms.quantity),
            NO_LEVEL if limited else level, terms.stop_price, terms.display_quantity,
        )  # fmt: skip


@jit_inline_internal
def _trade_and_rest(
    view: Any, terms: Terms, order: Incoming, entry: int, would_trade: bool
) -> None:
    """From Rule continuous-matching on: trade, then rest with what is left, or end."""
    left = terms.quantity
    traded = 0
    end = ENDED
    opposite = order.book ^ 1
    limit_key = ASK_MIRROR - order.key
    minimum = terms.minimum_quantity
    if would_trade and (
        minimum == 0 or could_trade(view, opposite, limit_key, minimum, order.account)
    ):
        aggressor = Aggressor(
            get(view.scalars, COMMAND_SEQUENCE), terms.token_0, terms.token_word,
            identity_of(terms),
        )  # fmt: skip
        left = match(view, opposite, limit_key, terms.quantity, aggressor, order.account)
        traded = get(view.scalars, MATCH_TRADED)
        end = get(view.scalars, MATCH_END)
        if traded != 0:
            look_for_due_stops(view, terms.instrument)
    if left == 0 or end == PREVENTED:
        return
    stays = has_limit(terms.order_type) and terms.time_in_force != 0
    if not stays or end == TRIPPED:
        reason = CancelReason.REGULATORY if end == TRIPPED else CancelReason.IMMEDIATE_OR_CANCEL
        subject = _subject(view, terms, told_price(terms, order), left)
        number = next_session_sequence(view, terms.session)
        write_event(view, EventKind.CANCELED, reason, subject, NO_LEVEL, number, NO_DETAIL)
        return
    slot = _take_slot(view, terms, order, entry, left, terms.executed + traded)
    level = join_book(view, slot, order.book, order.key, left)
    emit_order_event(view, EventKind.RESTED, slot, level, order_open(view, slot), left)


@jit_inline_internal
def place_order(
    view: Any, kind: int, terms: Terms, order: Incoming, entry: int, old: Replaced
) -> None:
    """ACCEPTED or REPLACED of a checked order and what follows: from Rule order-accepted on.

    ``entry``: its token's. Its position exists.
    """
    add_to_account_today_orders(view, order.holding.account_at, 1)
    count_order(view, order.account)
    stays = has_limit(terms.order_type) and terms.time_in_force != 0
    aside = order.held or is_stop(terms.order_type)
    crosses = book_best(view, order.book ^ 1) >= ASK_MIRROR - order.key
    would_trade = not order.auction and crosses
    rests_now = not aside and (order.auction or (stays and not would_trade))
    totals = NO_LEVEL
    slot = 0
    if rests_now or aside:
        slot = _take_slot(view, terms, order, entry, terms.quantity, terms.executed)
        if rests_now:
            level = join_book(view, slot, order.book, order.key, terms.quantity)
            totals = totals_of(view, level)
    _tell(view, kind, terms, order, totals, old)
    if aside:
        _set_aside(view, slot, order.held, terms.stop_price, terms.minimum_quantity)
    elif not rests_now:
        _trade_and_rest(view, terms, order, entry, would_trade)
