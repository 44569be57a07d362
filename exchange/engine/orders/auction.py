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

from exchange.codes import FLAG_LEVEL, EventKind, Side
from exchange.engine.book.book import add_executed, remove_order
from exchange.engine.book.levels import level_of, next_worse_key
from exchange.engine.book.order_pool import give_back_slot, order_id_place
from exchange.engine.money.clearing import (
    account_of_order,
    release_at,
    settle_at,
    side_of_order,
    whole_open,
)
from exchange.engine.money.positions import position_find
from exchange.engine.orders.breaker import breaker_auction
from exchange.engine.state.control_events import emit_control
from exchange.engine.state.events import next_session_sequence, write_event
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    ASK_MIRROR,
    BOOK_WORDS,
    COLD_WORDS,
    INSTRUMENT_LAST_PRICE,
    INSTRUMENT_REFERENCE,
    INSTRUMENT_TAKER_FEE,
    INSTRUMENT_TICK,
    INSTRUMENT_WORDS,
    LEVEL_WORDS,
    ORDER_WORDS,
    TRADES,
)
from exchange.engine.state.memory import get, put, touch
from ringbuffer.jit import jit_inline_internal, jit_internal

_BUY = int(Side.BUY)
_SELL = int(Side.SELL)
_TRADE = int(EventKind.TRADE)
_AUCTION = int(EventKind.AUCTION)
_LEVEL = int(EventKind.LEVEL)
_TAIL_48 = (1 << 48) - 1


@jit_inline_internal
def is_crossed(v: Any, instrument: int) -> bool:
    """Whether the best bid is at or above the best ask."""
    bid_key = get(v.books, instrument * 2 * BOOK_WORDS)
    ask_key = get(v.books, (instrument * 2 + 1) * BOOK_WORDS)
    # in ticks: bid key >= ASK_MIRROR - ask key; an empty book has key 0, all others 1..2^30 - 1
    return bid_key + ask_key >= ASK_MIRROR


@jit_inline_internal
def _depth(v: Any, book: int, key: int) -> int:
    """The whole open of the orders on the level of ``key``."""
    at = level_of(v, book, key) * LEVEL_WORDS
    return get(v.levels, at) + get(v.levels, at + 3)


@jit_internal
def auction_volume(v: Any, instrument: int) -> int:
    """The most that can trade at one price."""
    bids = instrument * 2
    asks = bids + 1
    bid_key = get(v.books, bids * BOOK_WORDS)
    ask_key = get(v.books, asks * BOOK_WORDS)
    bid_left = 0
    ask_left = 0
    volume = 0
    # a side is walked on only once its last level is used up, so that neither goes too far
    while bid_key + ask_key >= ASK_MIRROR:
        if bid_left == 0:
            bid_left = _depth(v, bids, bid_key)
        if ask_left == 0:
            ask_left = _depth(v, asks, ask_key)
        traded = min(bid_left, ask_left)
        volume += traded
        bid_left -= traded
        ask_left -= traded
        if bid_left == 0:
            bid_key = next_worse_key(v, bids, bid_key)
        if ask_left == 0:
            ask_key = next_worse_key(v, asks, ask_key)
    return volume


@jit_internal
def _reach(v: Any, book: int, volume: int) -> tuple[int, int, int, int]:
    """Where a side's depth, from its best level on, reaches ``volume`` and where it exceeds it.

    (key that reaches it, key that exceeds it or 0, depth there, key of the next level or 0).
    """
    key = get(v.books, book * BOOK_WORDS)
    depth = _depth(v, book, key)
    while depth < volume:
        key = next_worse_key(v, book, key)
        depth += _depth(v, book, key)
    reaches = key
    if depth == volume:
        key = next_worse_key(v, book, key)
        if key == 0:
            return reaches, 0, volume, 0
        depth += _depth(v, book, key)
    return reaches, key, depth, next_worse_key(v, book, key)


@jit_inline_internal
def _reference_tick(v: Any, instrument: int) -> int:
    """The reference of the auction as a tick number."""
    i = instrument * INSTRUMENT_WORDS
    tick = get(v.instruments, i + INSTRUMENT_TICK)
    price = get(v.instruments, i + INSTRUMENT_LAST_PRICE)
    if price == 0:
        price = get(v.instruments, i + INSTRUMENT_REFERENCE)
    if price != 0:
        return price // tick
    bid = get(v.books, instrument * 2 * BOOK_WORDS)
    ask = ASK_MIRROR - get(v.books, (instrument * 2 + 1) * BOOK_WORDS)
    return (bid + ask) // 2


@jit_internal
def find_auction_price(v: Any, instrument: int) -> tuple[int, int, int]:
    """(price, volume, imbalance D - S) of a crossed instrument's auction."""
    volume = auction_volume(v, instrument)
    bids = instrument * 2
    high, bid_over, bid_depth, bid_next = _reach(v, bids, volume)
    low_key, ask_over_key, ask_depth, ask_next_key = _reach(v, bids + 1, volume)
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
    number = min(max(_reference_tick(v, instrument), first), last)
    imbalance = 0
    if balanced_low > balanced_high:
        imbalance = surplus if number <= bid_over else -shortage
    tick = get(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_TICK)
    return number * tick, volume, imbalance


@jit_internal
def _take_part(v: Any, slot: int, quantity: int) -> None:
    """The order in ``slot`` trades part of what it has open: shown first; it keeps its place."""
    o = slot * ORDER_WORDS
    level = get(v.orders_half, o * 2 + 12) * LEVEL_WORDS
    shown = get(v.orders, o)
    rest = shown - quantity
    if rest <= 0:
        # an iceberg whose shown part is used up
        cold = slot * COLD_WORDS
        hidden = get(v.orders_cold, cold + 3)
        whole = shown + hidden - quantity
        rest = min(get(v.orders_cold, cold + 4), whole)
        put(v.orders_cold, cold + 3, whole - rest)
        put(v.levels, level + 3, get(v.levels, level + 3) - hidden + whole - rest)
    put(v.orders, o, rest)
    put(v.levels, level, get(v.levels, level) - shown + rest)
    add_executed(v, slot, quantity)


@jit_inline_internal
def _emit_auction_trade(
    v: Any, bid: int, ask: int, price: int, quantity: int, remaining: int, reason: int
) -> None:
    put(v.scalars, TRADES, get(v.scalars, TRADES) + 1)
    b = bid * ORDER_WORDS
    a = ask * ORDER_WORDS
    identity = get(v.orders, b + 7)
    contra = get(v.orders, a + 7)
    bid_number = next_session_sequence(v, identity & 0xFFFF)
    ask_number = next_session_sequence(v, contra & 0xFFFF)
    write_event(
        v, get(v.orders, b + 2), price, quantity, 0, 0, bid_number, get(v.orders, b + 3),
        get(v.orders, b + 4), identity, _TRADE, reason, 0, get(v.orders, a + 2), remaining,
        get(v.orders, a + 3), (get(v.orders, a + 4) & _TAIL_48) | ((contra & 0xFFFF) << 48),
        ask_number | (((contra >> 24) & 0xFF) << 32),
    )  # fmt: skip


@jit_internal
def _emit_level(v: Any, instrument: int, side: int, price: int, level: int) -> None:
    """LEVEL: the new totals of a level; 0, 0 for level 0, which no order is ever on."""
    at = level * LEVEL_WORDS
    write_event(
        v, 0, price, 0, get(v.levels, at), get(v.levels, at + 2), 0, 0, instrument << 48,
        side << 24, _LEVEL, 0, FLAG_LEVEL, 0, 0, 0, 0, 0,
    )  # fmt: skip


@jit_inline_internal
def _ask_ahead(v: Any, slot: int) -> None:
    """Fetch the memory of the order behind ``slot`` while ``slot`` trades."""
    touch(v.orders, get(v.orders_half, slot * (ORDER_WORDS * 2) + 10) * ORDER_WORDS)


@jit_inline_internal
def _ask_further(v: Any, following: int) -> None:
    """``following`` is next: fetch what its removal will touch, and the order behind it."""
    touch(v.order_ids, order_id_place(v, get(v.orders, following * ORDER_WORDS + 2)))
    _ask_ahead(v, following)


@jit_inline_internal
def _clear_pair(v: Any, instrument: int, bid: int, ask: int, price: int, quantity: int) -> None:
    """Settle a trade of two resting orders and return what they no longer need frozen."""
    i = instrument * INSTRUMENT_WORDS
    buyer = account_of_order(v, bid)
    seller = account_of_order(v, ask)
    # live orders have positions
    bought = position_find(v, buyer, instrument)
    sold = position_find(v, seller, instrument)
    rate = get(v.instruments, i + INSTRUMENT_TAKER_FEE)
    b = buyer * ACCOUNT_WORDS
    s = seller * ACCOUNT_WORDS
    settle_at(v, i, b, bought, s, sold, price, quantity, rate, rate)
    before = whole_open(v, bid)
    limit = get(v.orders, bid * ORDER_WORDS + 1)
    release_at(v, i, b, bought, _BUY, limit, before, before - quantity)
    before = whole_open(v, ask)
    limit = get(v.orders, ask * ORDER_WORDS + 1)
    release_at(v, i, s, sold, side_of_order(v, ask), limit, before, before - quantity)


@jit_inline_internal
def _head(v: Any, book: int) -> int:
    """The first order of the best level."""
    level = get(v.books, book * BOOK_WORDS + 1)
    return get(v.levels_half, level * (LEVEL_WORDS * 2) + 2)


@jit_inline_internal
def _emptied(v: Any, level: int) -> bool:
    return get(v.levels, level * LEVEL_WORDS + 2) == 0


@jit_internal
def _trade_all(v: Any, instrument: int, price: int, volume: int, reason: int) -> None:
    """Set the first bid and the first ask off against each other until the volume is used up."""
    bids = instrument * 2
    asks = bids + 1
    left = volume
    bid_level = 0
    ask_level = 0
    bid_price = 0
    ask_price = 0
    while left > 0:
        bid = _head(v, bids)
        ask = _head(v, asks)
        _ask_ahead(v, bid)
        _ask_ahead(v, ask)
        bid_level = get(v.books, bids * BOOK_WORDS + 1)
        ask_level = get(v.books, asks * BOOK_WORDS + 1)
        bid_price = get(v.orders, bid * ORDER_WORDS + 1)
        ask_price = get(v.orders, ask * ORDER_WORDS + 1)
        bid_open = whole_open(v, bid)
        ask_open = whole_open(v, ask)
        quantity = min(bid_open, ask_open, left)
        left -= quantity
        _clear_pair(v, instrument, bid, ask, price, quantity)
        _ask_further(v, get(v.orders_half, bid * (ORDER_WORDS * 2) + 10))
        _ask_further(v, get(v.orders_half, ask * (ORDER_WORDS * 2) + 10))
        if quantity == bid_open:
            remove_order(v, bid)
        else:
            _take_part(v, bid, quantity)
        if quantity == ask_open:
            remove_order(v, ask)
        else:
            _take_part(v, ask, quantity)
        _emit_auction_trade(v, bid, ask, price, quantity, bid_open - quantity, reason)
        if quantity == bid_open:
            give_back_slot(v, bid)
        if quantity == ask_open:
            give_back_slot(v, ask)
        if _emptied(v, bid_level):
            _emit_level(v, instrument, _BUY, bid_price, 0)
        if _emptied(v, ask_level):
            _emit_level(v, instrument, _SELL, ask_price, 0)
    if not _emptied(v, bid_level):
        _emit_level(v, instrument, _BUY, bid_price, bid_level)
    if not _emptied(v, ask_level):
        _emit_level(v, instrument, _SELL, ask_price, ask_level)


@jit_internal
def uncross(v: Any, instrument: int, reason: int) -> None:
    """Hold the auction of an instrument whose book is crossed; ``reason``: TradeReason."""
    price, volume, imbalance = find_auction_price(v, instrument)
    emit_control(
        v, _AUCTION, instrument, 0, 0, 0, price, volume, 0, imbalance, 0, 0, 0, 0, 0
    )  # fmt: skip
    put(v.instruments, instrument * INSTRUMENT_WORDS + INSTRUMENT_LAST_PRICE, price)
    _trade_all(v, instrument, price, volume, reason)
    breaker_auction(v, instrument, price)
