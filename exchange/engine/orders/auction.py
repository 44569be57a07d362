"""The call auction: one price for all, then the trades at it.

Finding the price. Let V be the most that can trade: what is left of bids and asks when the best of
each are set off against each other as long as they cross. At a price p bids worth D(p) would buy
and asks worth S(p) would sell; D falls and S rises with p, and min(D, S) = V exactly for p from the
ask level that reaches V (from below) to the bid level that reaches V (from above). In that range

    D > V = S   up to the first bid level (from above) whose D exceeds V,
    S > V = D   from the first ask level (from below) whose S exceeds V,
    D = S = V   between them, if there is a tick between them,

so the imbalance D - S only falls, and the prices with the least of it are one range of ticks: those
between, or the ticks next to the gap on the side of the smaller imbalance, or both sides when they
are equal. The price is the tick of that range that is nearest to the reference. Both sides' levels
are walked once for V and once, no further than the range's ends, for the rest.

Decision ENG-5.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind, Side
from exchange.engine.book.book import book_of, remove_order
from exchange.engine.book.levels import level_of, next_worse_key
from exchange.engine.book.live_order import add_executed, whole_open
from exchange.engine.book.order_pool import give_back_slot, order_id_place
from exchange.engine.money.clearing import Party, holding_of, settle_at, unfreeze_at
from exchange.engine.orders.breaker import breaker_auction
from exchange.engine.state.control_events import emit_auction
from exchange.engine.state.events import (
    NO_DETAIL,
    NO_LEVEL,
    Subject,
    aggressor_of,
    contra_detail,
    next_session_sequence,
    subject_of_order,
    totals_of,
    write_event,
)
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ASK_MIRROR,
    INSTRUMENT_WORDS,
    ORDER_WORDS,
    TRADES,
)
from exchange.engine.state.memory import get, put, touch
from exchange.engine.state.rows import (
    add_to_level_hidden,
    add_to_level_quantity,
    book_best,
    book_level,
    instrument_last_price,
    instrument_reference,
    instrument_taker_fee,
    instrument_tick,
    level_head,
    level_hidden,
    level_orders,
    level_quantity,
    order_display_quantity,
    order_hidden,
    order_id_of,
    order_level,
    order_next,
    order_open,
    order_price,
    order_session,
    order_side,
    set_instrument_last_price,
    set_order_hidden,
    set_order_open,
)
from exchange.records import EVENT_INSTRUMENT, EVENT_SIDE
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def is_crossed(view: Any, instrument: int) -> bool:
    """Whether the best bid is at or above the best ask."""
    bid_key = book_best(view, book_of(instrument, Side.BUY))
    ask_key = book_best(view, book_of(instrument, Side.SELL))
    # in ticks: bid key >= ASK_MIRROR - ask key; an empty book has key 0, all others 1..2^30 - 1
    return bid_key + ask_key >= ASK_MIRROR


@jit_inline_internal
def _depth(view: Any, book: int, key: int) -> int:
    """The whole open of the orders on the level of ``key``."""
    level = level_of(view, book, key)
    return level_quantity(view, level) + level_hidden(view, level)


@engine_function
def auction_volume(view: Any, instrument: int) -> int:
    """The most that can trade at one price."""
    bids = book_of(instrument, Side.BUY)
    asks = book_of(instrument, Side.SELL)
    bid_key = book_best(view, bids)
    ask_key = book_best(view, asks)
    bid_left = 0
    ask_left = 0
    volume = 0
    # a side is walked on only once its last level is used up, so that neither goes too far
    while bid_key + ask_key >= ASK_MIRROR:
        if bid_left == 0:
            bid_left = _depth(view, bids, bid_key)
        if ask_left == 0:
            ask_left = _depth(view, asks, ask_key)
        traded = min(bid_left, ask_left)
        volume += traded
        bid_left -= traded
        ask_left -= traded
        if bid_left == 0:
            bid_key = next_worse_key(view, bids, bid_key)
        if ask_left == 0:
            ask_key = next_worse_key(view, asks, ask_key)
    return volume


@engine_function
def _reach(view: Any, book: int, volume: int) -> tuple[int, int, int, int]:
    """Where a side's depth, from its best level on, reaches ``volume`` and where it exceeds it.

    (key that reaches it, key that exceeds it or 0, depth there, key of the next level or 0).
    """
    key = book_best(view, book)
    depth = _depth(view, book, key)
    while depth < volume:
        key = next_worse_key(view, book, key)
        depth += _depth(view, book, key)
    reaches = key
    if depth == volume:
        key = next_worse_key(view, book, key)
        if key == 0:
            return reaches, 0, volume, 0
        depth += _depth(view, book, key)
    return reaches, key, depth, next_worse_key(view, book, key)


@jit_inline_internal
def _reference_tick(view: Any, instrument: int) -> int:
    """The reference of the auction as a tick number."""
    instrument_at = instrument * INSTRUMENT_WORDS
    tick = instrument_tick(view, instrument_at)
    price = instrument_last_price(view, instrument_at)
    if price == 0:
        price = instrument_reference(view, instrument_at)
    if price != 0:
        return price // tick
    bid = book_best(view, book_of(instrument, Side.BUY))
    ask = ASK_MIRROR - book_best(view, book_of(instrument, Side.SELL))
    return (bid + ask) // 2


@engine_function
def find_auction_price(view: Any, instrument: int) -> tuple[int, int, int]:
    """(price, volume, imbalance D - S) of a crossed instrument's auction."""
    volume = auction_volume(view, instrument)
    bids = book_of(instrument, Side.BUY)
    asks = book_of(instrument, Side.SELL)
    high, bid_over, bid_depth, bid_next = _reach(view, bids, volume)
    low_key, ask_over_key, ask_depth, ask_next_key = _reach(view, asks, volume)
    # From here on tick numbers: volume trades at every tick from low to high.
    low = ASK_MIRROR - low_key
    # the ask levels that do not exist lie beyond every bid
    ask_over = ASK_MIRROR - ask_over_key
    ask_next = ASK_MIRROR - ask_next_key
    balanced_low = max(low, bid_over + 1)
    balanced_high = min(high, ask_over - 1)
    if balanced_low <= balanced_high:
        first = balanced_low
        last = balanced_high
        surplus = 0
        shortage = 0
    else:
        # too many bids up to bid_over, too many asks from ask_over = bid_over + 1 on
        surplus = bid_depth - volume if bid_over >= low else -1
        shortage = ask_depth - volume if ask_over <= high else -1
        take_bids = surplus >= 0 and (shortage < 0 or surplus <= shortage)
        take_asks = shortage >= 0 and (surplus < 0 or shortage <= surplus)
        first = max(low, bid_next + 1) if take_bids else ask_over
        last = min(high, ask_next - 1) if take_asks else bid_over
    number = min(max(_reference_tick(view, instrument), first), last)
    imbalance = 0
    if balanced_low > balanced_high:
        imbalance = surplus if number <= bid_over else -shortage
    tick = instrument_tick(view, instrument * INSTRUMENT_WORDS)
    return number * tick, volume, imbalance


@engine_function
def _take_part(view: Any, slot: int, quantity: int) -> None:
    """The order in ``slot`` trades part of what it has open: shown first; it keeps its place."""
    level = order_level(view, slot)
    shown = order_open(view, slot)
    rest = shown - quantity
    if rest <= 0:
        # an iceberg whose shown part is used up
        hidden = order_hidden(view, slot)
        whole = shown + hidden - quantity
        rest = min(order_display_quantity(view, slot), whole)
        set_order_hidden(view, slot, whole - rest)
        add_to_level_hidden(view, level, whole - rest - hidden)
    set_order_open(view, slot, rest)
    add_to_level_quantity(view, level, rest - shown)
    add_executed(view, slot, quantity)


@jit_inline_internal
def _emit_auction_trade(
    view: Any, bid: int, ask: int, price: int, quantity: int, remaining: int, reason: int
) -> None:
    """TRADE of two resting orders; it tells the bid's side, ``remaining`` is the bid's."""
    put(view.scalars, TRADES, get(view.scalars, TRADES) + 1)
    number = next_session_sequence(view, order_session(view, bid))
    contra_number = next_session_sequence(view, order_session(view, ask))
    subject = subject_of_order(view, bid, price, quantity)
    detail = contra_detail(aggressor_of(view, ask), contra_number, remaining)
    write_event(view, EventKind.TRADE, reason, subject, NO_LEVEL, number, detail)


@engine_function
def _emit_level(view: Any, instrument: int, side: int, price: int, level: int) -> None:
    """LEVEL: the new totals of a level; 0, 0 for level 0, which no order is ever on."""
    token_word = instrument << EVENT_INSTRUMENT.shift
    subject = Subject(0, price, 0, 0, token_word, side << EVENT_SIDE.shift)
    write_event(view, EventKind.LEVEL, 0, subject, totals_of(view, level), 0, NO_DETAIL)


@jit_inline_internal
def _ask_ahead(view: Any, slot: int) -> None:
    """Fetch the memory of the order behind ``slot`` while ``slot`` trades."""
    touch(view.orders, order_next(view, slot) * ORDER_WORDS)


@jit_inline_internal
def _ask_further(view: Any, following: int) -> None:
    """``following`` is next: fetch what its removal will touch, and the order behind it."""
    touch(view.order_ids, order_id_place(view, order_id_of(view, following)))
    _ask_ahead(view, following)


@jit_inline_internal
def _clear_pair(view: Any, bid: int, ask: int, price: int, quantity: int) -> None:
    """Settle a trade of two resting orders and return what they no longer need frozen."""
    buyer = holding_of(view, bid)
    seller = holding_of(view, ask)
    instrument_at = buyer.instrument_at
    fee_ppm = instrument_taker_fee(view, instrument_at)
    settle_at(
        view, instrument_at, Party(buyer.account_at, buyer.position_at, fee_ppm),
        Party(seller.account_at, seller.position_at, fee_ppm), price, quantity,
    )  # fmt: skip
    before = whole_open(view, bid)
    unfreeze_at(view, buyer, Side.BUY, order_price(view, bid), before, before - quantity)
    before = whole_open(view, ask)
    side = order_side(view, ask)
    unfreeze_at(view, seller, side, order_price(view, ask), before, before - quantity)


@jit_inline_internal
def _head(view: Any, book: int) -> int:
    """The first order of the best level."""
    return level_head(view, book_level(view, book))


@jit_inline_internal
def _emptied(view: Any, level: int) -> bool:
    return level_orders(view, level) == 0


@engine_function
def _trade_all(view: Any, instrument: int, price: int, volume: int, reason: int) -> None:
    """Set the first bid and the first ask off against each other until the volume is used up."""
    bids = book_of(instrument, Side.BUY)
    asks = book_of(instrument, Side.SELL)
    left = volume
    bid_level = 0
    ask_level = 0
    bid_price = 0
    ask_price = 0
    while left > 0:
        bid = _head(view, bids)
        ask = _head(view, asks)
        _ask_ahead(view, bid)
        _ask_ahead(view, ask)
        bid_level = book_level(view, bids)
        ask_level = book_level(view, asks)
        bid_price = order_price(view, bid)
        ask_price = order_price(view, ask)
        bid_open = whole_open(view, bid)
        ask_open = whole_open(view, ask)
        quantity = min(bid_open, ask_open, left)
        left -= quantity
        _clear_pair(view, bid, ask, price, quantity)
        _ask_further(view, order_next(view, bid))
        _ask_further(view, order_next(view, ask))
        if quantity == bid_open:
            remove_order(view, bid)
        else:
            _take_part(view, bid, quantity)
        if quantity == ask_open:
            remove_order(view, ask)
        else:
            _take_part(view, ask, quantity)
        _emit_auction_trade(view, bid, ask, price, quantity, bid_open - quantity, reason)
        if quantity == bid_open:
            give_back_slot(view, bid)
        if quantity == ask_open:
            give_back_slot(view, ask)
        if _emptied(view, bid_level):
            _emit_level(view, instrument, Side.BUY, bid_price, 0)
        if _emptied(view, ask_level):
            _emit_level(view, instrument, Side.SELL, ask_price, 0)
    if not _emptied(view, bid_level):
        _emit_level(view, instrument, Side.BUY, bid_price, bid_level)
    if not _emptied(view, ask_level):
        _emit_level(view, instrument, Side.SELL, ask_price, ask_level)


@engine_function
def uncross(view: Any, instrument: int, reason: int) -> None:
    """Hold the auction of an instrument whose book is crossed; ``reason``: TradeReason."""
    price, volume, imbalance = find_auction_price(view, instrument)
    emit_auction(view, instrument, price, volume, imbalance)
    set_instrument_last_price(view, instrument * INSTRUMENT_WORDS, price)
    _trade_all(view, instrument, price, volume, reason)
    breaker_auction(view, instrument, price)
