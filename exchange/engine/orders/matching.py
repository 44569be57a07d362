"""Matching an aggressor against the opposite book: trades, clearing, self-trade prevention.

``match`` is the innermost loop of the exchange. It moves money and stock of both sides and returns
what resting orders no longer need frozen; what the aggressor has frozen is its caller's.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, SelfTradePrevention, Side
from exchange.engine.book.book import refresh, remove_order
from exchange.engine.book.levels import level_of, next_worse_key
from exchange.engine.book.live_order import account_of_order, add_executed, hidden_of, whole_open
from exchange.engine.book.order_pool import give_back_slot
from exchange.engine.money.clearing import (
    Holding,
    Party,
    adjust_at,
    count_live_at,
    settle_at,
    unfreeze_order,
)
from exchange.engine.money.positions import position_find
from exchange.engine.orders.breaker import breaker_trade
from exchange.engine.state.events import (
    NO_LEVEL,
    Aggressor,
    Detail,
    Subject,
    emit_order_event,
    emit_trade,
    next_session_sequence,
    session_in,
    side_in,
    subject_of_order,
    totals_of,
    write_event,
)
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    INSTRUMENT_WORDS,
    MATCH_END,
    MATCH_TRADED,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.rows import (
    account_prevention_group,
    account_prevention_mode,
    add_to_level_quantity,
    add_to_order_open,
    book_best,
    book_level,
    instrument_maker_fee,
    instrument_taker_fee,
    level_head,
    level_hidden,
    level_quantity,
    order_id_of,
    order_level,
    order_next,
    order_open,
    order_price,
    order_session,
    order_side,
    set_instrument_last_price,
)
from exchange.records import EVENT_LIQUIDITY
from ringbuffer.jit import jit_inline_internal

# values of MATCH_END
ENDED = 0  # the aggressor is filled, or nothing acceptable is left
PREVENTED = 1  # the aggressor met an order of its own group and is gone
TRIPPED = 2  # the last trade tripped the circuit breaker

_RESTING_LIQUIDITY = ord("A") << EVENT_LIQUIDITY.shift
_AGGRESSOR_LIQUIDITY = ord("R") << EVENT_LIQUIDITY.shift


@jit_inline_internal
def same_group(view: Any, account_at: int, other_at: int) -> bool:
    """Whether two accounts must not trade with each other."""
    group = account_prevention_group(view, account_at)
    same = group != 0 and group == account_prevention_group(view, other_at)
    return account_at == other_at or same


@engine_function
def _show_next_part(view: Any, slot: int) -> None:
    """REFRESHED: the iceberg in ``slot``, whose shown part is gone, shows its next one."""
    shown = refresh(view, slot)
    level = order_level(view, slot)
    emit_order_event(view, EventKind.REFRESHED, slot, level, shown, whole_open(view, slot))


@engine_function
def _tell_resting(
    view: Any, slot: int, level: int, lost: int, rest: int, prevented: int, aggressor_id: int
) -> None:
    """SELF_TRADE_PREVENTED of the resting order, which loses ``lost`` and keeps ``rest``."""
    subject = subject_of_order(view, slot, order_price(view, slot), lost)
    number = next_session_sequence(view, order_session(view, slot))
    detail = Detail(aggressor_id, rest, prevented, 0, _RESTING_LIQUIDITY)
    totals = totals_of(view, level)
    write_event(view, EventKind.SELF_TRADE_PREVENTED, 0, subject, totals, number, detail)


@jit_inline_internal
def _tell_aggressor(
    view: Any, aggressor: Aggressor, price: int, lost: int, rest: int, prevented: int, other_id: int
) -> None:
    """SELF_TRADE_PREVENTED of the aggressor, which loses ``lost`` and keeps ``rest``."""
    subject = Subject(
        aggressor.order_id, price, lost, aggressor.token_0, aggressor.token_word,
        aggressor.identity,
    )  # fmt: skip
    number = next_session_sequence(view, session_in(aggressor.identity))
    detail = Detail(other_id, rest, prevented, 0, _AGGRESSOR_LIQUIDITY)
    write_event(view, EventKind.SELF_TRADE_PREVENTED, 0, subject, NO_LEVEL, number, detail)


@engine_function
def _decrement(view: Any, resting: int, quantity: int, aggressor: Aggressor) -> int:
    """Both orders lose what they would have traded; what the aggressor has left."""
    shown = order_open(view, resting)
    whole = whole_open(view, resting)
    price = order_price(view, resting)
    resting_id = order_id_of(view, resting)
    level = order_level(view, resting)
    prevented = min(quantity, shown)
    rest = whole - prevented
    unfreeze_order(view, resting, whole, rest)
    if rest == 0:
        remove_order(view, resting)
    else:
        add_to_order_open(view, resting, -prevented)
        add_to_level_quantity(view, level, -prevented)
    _tell_resting(view, resting, level, prevented, rest, prevented, aggressor.order_id)
    left = quantity - prevented
    _tell_aggressor(view, aggressor, price, prevented, left, prevented, resting_id)
    if rest == 0:
        give_back_slot(view, resting)
    elif shown == prevented:
        _show_next_part(view, resting)
    return left


@engine_function
def prevent(view: Any, mode: int, resting: int, quantity: int, aggressor: Aggressor) -> int:
    """What happens instead of a trade of ``quantity`` with the order in ``resting``; what is left.

    Sets MATCH_END to PREVENTED when the aggressor is gone.
    """
    if mode == SelfTradePrevention.DECREMENT:
        return _decrement(view, resting, quantity, aggressor)
    price = order_price(view, resting)
    resting_id = order_id_of(view, resting)
    prevented = min(quantity, order_open(view, resting))
    if mode != SelfTradePrevention.CANCEL_INCOMING:
        whole = whole_open(view, resting)
        level = order_level(view, resting)
        unfreeze_order(view, resting, whole, 0)
        remove_order(view, resting)
        _tell_resting(view, resting, level, whole, 0, prevented, aggressor.order_id)
        give_back_slot(view, resting)
        if mode == SelfTradePrevention.CANCEL_RESTING:
            return quantity
    _tell_aggressor(view, aggressor, price, quantity, 0, prevented, resting_id)
    put(view.scalars, MATCH_END, PREVENTED)
    return quantity


@jit_inline_internal
def _settle(
    view: Any, instrument: int, buys: bool, own: Party, other: Party, price: int, quantity: int
) -> None:
    """Money and stock of a trade of the aggressor (``own``), which ``buys`` or sells."""
    buyer = Party(
        own.account_at if buys else other.account_at,
        own.position_at if buys else other.position_at,
        own.fee_ppm if buys else other.fee_ppm,
    )
    seller = Party(
        other.account_at if buys else own.account_at,
        other.position_at if buys else own.position_at,
        other.fee_ppm if buys else own.fee_ppm,
    )
    settle_at(view, instrument * INSTRUMENT_WORDS, buyer, seller, price, quantity)


@jit_inline_internal
def _fill(view: Any, resting: int, level: int, traded: int, rest: int, holding: Holding) -> None:
    """A resting order has traded: it leaves its level, or goes on with ``rest`` open."""
    if rest == 0:
        count_live_at(view, holding, -1)
        remove_order(view, resting)
    else:
        add_to_level_quantity(view, level, -traded)
        add_to_order_open(view, resting, -traded)
        add_executed(view, resting, traded)


@jit_inline_internal
def match(
    view: Any, opposite: int, limit_key: int, quantity: int, aggressor: Aggressor, account: int
) -> int:
    """Trade up to ``quantity`` against book ``opposite`` down to ``limit_key``; what is left.

    ``account``: the aggressor's, whose position exists. MATCH_TRADED says how much it traded (not
    what prevention took from it), MATCH_END why it ended.
    """
    scalars = view.scalars
    instrument = opposite >> 1
    instrument_at = instrument * INSTRUMENT_WORDS
    account_at = account * ACCOUNT_WORDS
    taker_fee = instrument_taker_fee(view, instrument_at)
    maker_fee = instrument_maker_fee(view, instrument_at)
    own = Party(account_at, position_find(view, account, instrument), taker_fee)
    mode = account_prevention_mode(view, account_at)
    buys = side_in(aggressor.identity) == Side.BUY
    traded_before = 0
    put(scalars, MATCH_END, ENDED)
    while quantity > 0 and book_best(view, opposite) >= limit_key:
        level = book_level(view, opposite)
        resting = level_head(view, level)
        other = account_of_order(view, resting)
        other_at = other * ACCOUNT_WORDS
        if mode != SelfTradePrevention.NONE and same_group(view, account_at, other_at):
            quantity = prevent(view, mode, resting, quantity, aggressor)
            if get(scalars, MATCH_END) != ENDED:
                break
            continue
        shown = order_open(view, resting)
        price = order_price(view, resting)
        whole = shown + hidden_of(view, resting)
        traded = min(quantity, shown)
        quantity -= traded
        traded_before += traded
        rest = whole - traded
        set_instrument_last_price(view, instrument_at, price)
        holding = Holding(instrument_at, other_at, position_find(view, other, instrument))
        adjust_at(view, holding, order_side(view, resting), price, whole, rest)
        maker = Party(other_at, holding.position_at, maker_fee)
        _settle(view, instrument, buys, own, maker, price, traded)
        _fill(view, resting, level, traded, rest, holding)
        emit_trade(view, resting, level, traded, rest, aggressor)
        if rest == 0:
            give_back_slot(view, resting)
        elif shown == traded:
            _show_next_part(view, resting)
        if breaker_trade(view, instrument, price):
            put(scalars, MATCH_END, TRIPPED)
            break
    put(scalars, MATCH_TRADED, traded_before)
    return quantity


@engine_function
def _count_others(view: Any, account_at: int, level: int, stop_at_own: bool) -> int:
    """What an account may trade with on a level; -1 - that when an own order ends it there."""
    slot = level_head(view, level)
    shown = 0
    hidden = 0
    while slot != 0:
        if same_group(view, account_at, account_of_order(view, slot) * ACCOUNT_WORDS):
            if stop_at_own:
                # hidden parts are shown behind it only
                return -1 - shown
        else:
            shown += order_open(view, slot)
            hidden += hidden_of(view, slot)
        slot = order_next(view, slot)
    return shown + hidden


@engine_function
def could_trade(view: Any, opposite: int, limit_key: int, wanted: int, account: int) -> bool:
    """Whether at least ``wanted`` rests in book ``opposite`` at ``limit_key`` or better.

    Hidden parts count, orders of the account's own group do not while it is protected from them.
    """
    account_at = account * ACCOUNT_WORDS
    mode = account_prevention_mode(view, account_at)
    stop_at_own = mode in (SelfTradePrevention.CANCEL_INCOMING, SelfTradePrevention.CANCEL_BOTH)
    key = book_best(view, opposite)
    while key >= limit_key and key > 0:
        level = level_of(view, opposite, key)
        if mode == SelfTradePrevention.NONE:
            wanted -= level_quantity(view, level) + level_hidden(view, level)
        else:
            found = _count_others(view, account_at, level, stop_at_own)
            if found < 0:
                return wanted <= -1 - found
            wanted -= found
        if wanted <= 0:
            return True
        key = next_worse_key(view, opposite, key)
    return False
