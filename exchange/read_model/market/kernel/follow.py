"""Events into the market model's arrays, jitted: one pass over a batch of them.

Who calls it: MarketModel (``exchange/read_model/market/model.py``). The rules are those of
``docs/matching.md``; an event that says nothing public changes nothing but ``NEXT_EVENT``.
``follow`` stops before an event that may need more room than there is; the caller makes room and
goes on from there.

Decision RDM-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, Parameter, Side
from exchange.read_model.market.kernel.book import lacking, set_level
from exchange.read_model.market.layout import (
    AUCTION_IMBALANCE,
    AUCTION_NS,
    AUCTION_PRICE,
    AUCTION_VOLUME,
    CHANGED_LEVEL_BOOK,
    CHANGED_LEVEL_ORDERS,
    CHANGED_LEVEL_PLACE,
    CHANGED_LEVEL_PRICE,
    CHANGED_LEVEL_QUANTITY,
    CHANGED_LEVEL_WORDS,
    CHANGED_LEVELS,
    CHANGED_TRADE_ROW,
    CHANGED_TRADE_WORDS,
    CHANGED_TRADE_WORDS_BEFORE,
    CHANGED_TRADES,
    CURRENCIES,
    CURRENCY,
    CURRENCY_CODE,
    CURRENCY_DECIMALS,
    CURRENCY_WORDS,
    DAY_FIRST,
    DAY_HIGH,
    DAY_LOW,
    DAY_NUMBER,
    DAY_OPEN,
    DAY_TRADES,
    DAY_TURNOVER,
    DAY_VOLUME,
    DONE,
    FIRST_SEQUENCE,
    GROUP,
    INTERVALS,
    KLINE_CLOSE,
    KLINE_HIGH,
    KLINE_LOW,
    KLINE_OPEN,
    KLINE_START,
    KLINE_TRADES,
    KLINE_TURNOVER,
    KLINE_VOLUME,
    KLINE_WORDS,
    KLINES_KEPT,
    LAST_NS,
    LAST_PRICE,
    LAST_QUANTITY,
    LAST_TRADE_NS,
    LOT,
    LOW_LIMIT,
    MARKET_STATE,
    MARKET_UNTIL_NS,
    MAXIMUM_PRICE,
    MAXIMUM_QUANTITY,
    MINIMUM_PRICE,
    MULTIPLIER,
    NEED_CHANGED_LEVELS,
    NEED_CHANGED_TRADES,
    NEED_ROWS,
    NEXT_EVENT,
    NUMBER,
    PREVIOUS_CLOSE,
    PRICE_DECIMALS,
    REFERENCE_PRICE,
    ROW_WORDS,
    ROWS,
    SEQUENCE,
    STATE,
    SUM_HIGH,
    SYMBOL,
    TICK,
    TIMESTAMP_NS,
    TOUCH_ANY,
    TOUCH_STATE,
    TOUCH_TICKER,
    TOUCH_TRADES,
    TOUCHED,
    TOUCHES,
    TRACK,
    TRADE_PRICE,
    TRADE_QUANTITY,
    TRADE_REASON,
    TRADE_SEQUENCE,
    TRADE_SIDE,
    TRADE_TIMESTAMP_NS,
    TRADE_WORDS,
    TRADES,
    TRADES_KEPT,
    UNTIL_NS,
    MarketArrays,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline_internal, jit_borrowed_internal

# kinds from here on are not about an order, or public only with level fields
_SELDOM = EventKind.INSTRUMENT_DEFINED
# how a level's place in the index of changed levels is found: 30 bits times 31 bits, so no product
# leaves an int64
_FOLDED_BITS = 29
_BOOK_SHIFT = 13
_FACTOR_BITS = 30
_FACTOR = 0x5BD1E995
_MIXED_SHIFT = 16


@jit_borrowed_inline_internal
def _touch(market: MarketArrays, row: int, sequence: int, timestamp_ns: int, how: int) -> None:
    """Event ``sequence`` was about the row's instrument; ``how``: TOUCH_... bits."""
    at = row * ROW_WORDS
    market.rows[at + SEQUENCE] = sequence
    market.rows[at + TIMESTAMP_NS] = timestamp_ns
    if market.scalars[TRACK] == 0:
        return
    if market.rows[at + TOUCHES] == 0:
        market.rows[at + FIRST_SEQUENCE] = sequence
        count = market.scalars[TOUCHED]
        market.touched[count] = row
        market.scalars[TOUCHED] = count + 1
    market.rows[at + TOUCHES] |= how | TOUCH_ANY


@jit_borrowed_internal
def _place_of(market: MarketArrays, book: int, price: int) -> int:
    """The place in the index of a changed level, or the empty one where it belongs."""
    mixed = price ^ (price >> _FOLDED_BITS) ^ (book << _BOOK_SHIFT)
    mixed = (mixed & ((1 << _FACTOR_BITS) - 1)) * _FACTOR
    mask = len(market.change_index) - 1
    place = (mixed >> _MIXED_SHIFT ^ mixed) & mask
    while True:
        entry = market.change_index[place]
        if entry == 0:
            return place
        at = (entry - 1) * CHANGED_LEVEL_WORDS
        if (
            market.changed_levels[at + CHANGED_LEVEL_PRICE] == price
            and market.changed_levels[at + CHANGED_LEVEL_BOOK] == book
        ):
            return place
        place = (place + 1) & mask


@jit_borrowed_internal
def _note_level(market: MarketArrays, book: int, price: int, quantity: int, orders: int) -> None:
    """Remember a changed level's totals, in place of those that it had before."""
    place = _place_of(market, book, price)
    entry = market.change_index[place]
    if entry == 0:
        entry = market.scalars[CHANGED_LEVELS] + 1
        market.scalars[CHANGED_LEVELS] = entry
        market.change_index[place] = entry
        at = (entry - 1) * CHANGED_LEVEL_WORDS
        market.changed_levels[at + CHANGED_LEVEL_BOOK] = book
        market.changed_levels[at + CHANGED_LEVEL_PRICE] = price
        market.changed_levels[at + CHANGED_LEVEL_PLACE] = place
    at = (entry - 1) * CHANGED_LEVEL_WORDS
    market.changed_levels[at + CHANGED_LEVEL_QUANTITY] = quantity
    market.changed_levels[at + CHANGED_LEVEL_ORDERS] = orders


@jit_borrowed
def index_changed_levels(market: MarketArrays) -> None:
    """Fill the emptied index anew after it has grown."""
    count = market.scalars[CHANGED_LEVELS]
    for entry in range(count):
        at = entry * CHANGED_LEVEL_WORDS
        book = market.changed_levels[at + CHANGED_LEVEL_BOOK]
        place = _place_of(market, book, market.changed_levels[at + CHANGED_LEVEL_PRICE])
        market.change_index[place] = entry + 1
        market.changed_levels[at + CHANGED_LEVEL_PLACE] = place


@jit_borrowed
def forget_changes(market: MarketArrays) -> None:
    """Forget all changes, which have been taken. The cost grows with them, not with the index."""
    for entry in range(market.scalars[CHANGED_LEVELS]):
        at = entry * CHANGED_LEVEL_WORDS
        market.change_index[market.changed_levels[at + CHANGED_LEVEL_PLACE]] = 0
    market.scalars[CHANGED_LEVELS] = 0
    market.scalars[CHANGED_TRADES] = 0
    for i in range(market.scalars[TOUCHED]):
        row = market.touched[i]
        market.rows[row * ROW_WORDS + TOUCHES] = 0
        for counter in range(row * INTERVALS, (row + 1) * INTERVALS):
            market.kline_taken[counter] = market.kline_counts[counter]
    market.scalars[TOUCHED] = 0


@jit_borrowed_inline_internal
def _add(words: np.ndarray, at: int, amount: int) -> None:
    """Add to the sum in the two words from ``at`` of ``words`` (int64); 0 <= amount < 2^62."""
    low = words[at] + amount
    if low >= LOW_LIMIT:
        low -= LOW_LIMIT
        words[at + SUM_HIGH] += 1
    words[at] = low


@jit_borrowed_internal
def _add_to_kline(
    market: MarketArrays,
    row: int,
    interval: int,
    timestamp_ns: int,
    price: int,
    quantity: int,
    value: int,
) -> None:
    """Count a trade in the newest kline of a row and interval (0 to INTERVALS - 1), or begin one.

    ``value``: in the currency's minor unit.
    """
    length_ns = market.intervals_ns[interval]
    start_ns = timestamp_ns - timestamp_ns % length_ns
    kept = market.scalars[KLINES_KEPT]
    counter = row * INTERVALS + interval
    count = market.kline_counts[counter]
    at = (counter * kept + (count - 1) % kept) * KLINE_WORDS
    if count == 0 or market.klines[at + KLINE_START] != start_ns:
        at = (counter * kept + count % kept) * KLINE_WORDS
        market.kline_counts[counter] = count + 1
        for i in range(at, at + KLINE_WORDS):
            market.klines[i] = 0
        market.klines[at + KLINE_START] = start_ns
        market.klines[at + KLINE_OPEN] = price
        market.klines[at + KLINE_HIGH] = price
        market.klines[at + KLINE_LOW] = price
    market.klines[at + KLINE_HIGH] = max(market.klines[at + KLINE_HIGH], price)
    market.klines[at + KLINE_LOW] = min(market.klines[at + KLINE_LOW], price)
    market.klines[at + KLINE_CLOSE] = price
    _add(market.klines, at + KLINE_VOLUME, quantity)
    _add(market.klines, at + KLINE_TURNOVER, value)
    market.klines[at + KLINE_TRADES] += 1


@jit_borrowed_internal
def _keep_trade(market: MarketArrays, row: int, event: Any) -> None:
    """Into the row's ring of trades, and with TRACK among what changed."""
    kept = market.scalars[TRADES_KEPT]
    count = market.rows[row * ROW_WORDS + TRADES]
    market.rows[row * ROW_WORDS + TRADES] = count + 1
    trade = (row * kept + count % kept) * TRADE_WORDS
    market.trades[trade + TRADE_SEQUENCE] = event.sequence
    market.trades[trade + TRADE_TIMESTAMP_NS] = event.timestamp_ns
    market.trades[trade + TRADE_PRICE] = event.price
    market.trades[trade + TRADE_QUANTITY] = event.quantity
    market.trades[trade + TRADE_SIDE] = 0 if np.int64(event.contra_side) == Side.BUY else 1
    market.trades[trade + TRADE_REASON] = np.int64(event.reason)
    if market.scalars[TRACK] != 0:
        entry = market.scalars[CHANGED_TRADES]
        market.scalars[CHANGED_TRADES] = entry + 1
        at = entry * CHANGED_TRADE_WORDS
        market.changed_trades[at + CHANGED_TRADE_ROW] = row
        for word in range(TRADE_WORDS):
            value = market.trades[trade + word]
            market.changed_trades[at + CHANGED_TRADE_WORDS_BEFORE + word] = value


@jit_borrowed_internal
def _trade(market: MarketArrays, row: int, event: Any) -> None:
    """A TRADE (EVENT record) of the row's instrument: ring, the day's figures, klines."""
    at = row * ROW_WORDS
    timestamp_ns, price, quantity = event.timestamp_ns, event.price, event.quantity
    _keep_trade(market, row, event)
    if market.rows[at + DAY_TRADES] == 0:
        market.rows[at + DAY_FIRST] = price
        market.rows[at + DAY_HIGH] = price
        market.rows[at + DAY_LOW] = price
    market.rows[at + DAY_HIGH] = max(market.rows[at + DAY_HIGH], price)
    market.rows[at + DAY_LOW] = min(market.rows[at + DAY_LOW], price)
    market.rows[at + DAY_TRADES] += 1
    market.rows[at + LAST_PRICE] = price
    market.rows[at + LAST_QUANTITY] = quantity
    market.rows[at + LAST_TRADE_NS] = timestamp_ns
    # at most 2^56: price x multiplier x quantity of an order is bounded (docs/matching.md)
    value = price * quantity * market.rows[at + MULTIPLIER]
    _add(market.rows, at + DAY_VOLUME, quantity)
    _add(market.rows, at + DAY_TURNOVER, value)
    for interval in range(INTERVALS):
        _add_to_kline(market, row, interval, timestamp_ns, price, quantity, value)


@jit_borrowed_internal
def _define_instrument(market: MarketArrays, event: Any) -> None:
    """INSTRUMENT_DEFINED (EVENT record): the next row."""
    row = market.scalars[ROWS]
    market.scalars[ROWS] = row + 1
    market.row_of[np.int64(event.instrument)] = row + 1
    at = row * ROW_WORDS
    currency = np.int64(event.currency)
    decimals = 0
    if currency < CURRENCIES:
        decimals = market.currencies[currency * CURRENCY_WORDS + CURRENCY_DECIMALS]
    multiplier = 1
    for _ in range(np.int64(event.display), decimals):
        multiplier *= 10
    market.rows[at + NUMBER] = np.int64(event.instrument)
    market.rows[at + SYMBOL] = np.int64(event.token_0)  # ASCII: the highest bit is clear
    market.rows[at + PRICE_DECIMALS] = np.int64(event.display)
    market.rows[at + TICK] = event.price
    market.rows[at + LOT] = event.quantity
    market.rows[at + MINIMUM_PRICE] = event.level_quantity
    market.rows[at + MAXIMUM_PRICE] = event.contra_order_id
    market.rows[at + MAXIMUM_QUANTITY] = event.remaining
    market.rows[at + CURRENCY] = currency
    market.rows[at + GROUP] = np.int64(event.group)
    market.rows[at + MULTIPLIER] = multiplier
    _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)


@jit_borrowed_internal
def _start_day(market: MarketArrays, event: Any) -> None:
    """DAY_STARTED (EVENT record): last prices are forgotten, the day's figures begin."""
    market.scalars[DAY_NUMBER] = event.price
    market.scalars[DAY_OPEN] = 1
    for row in range(market.scalars[ROWS]):
        at = row * ROW_WORDS
        if market.rows[at + LAST_PRICE] != 0:
            market.rows[at + PREVIOUS_CLOSE] = market.rows[at + LAST_PRICE]
        for i in range(at + LAST_PRICE, at + SEQUENCE):
            market.rows[i] = 0
        _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)


@jit_borrowed_internal
def _change_state(market: MarketArrays, event: Any) -> None:
    """STATE_CHANGED (EVENT record) of an instrument, or of the market: instrument 0."""
    state = np.int64(event.display)
    instrument = np.int64(event.instrument)
    if instrument == 0:
        market.scalars[MARKET_STATE] = state
        market.scalars[MARKET_UNTIL_NS] = event.quantity
        for row in range(market.scalars[ROWS]):
            _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)
        return
    row = market.row_of[instrument] - 1
    if row >= 0:
        market.rows[row * ROW_WORDS + STATE] = state
        market.rows[row * ROW_WORDS + UNTIL_NS] = event.quantity
        _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)


@jit_borrowed_internal
def _rare(market: MarketArrays, event: Any, kind: int) -> None:
    """An event (EVENT record) of one of the kinds that come seldom."""
    if kind == EventKind.CURRENCY_DEFINED:
        at = np.int64(event.currency) * CURRENCY_WORDS
        if at < len(market.currencies):
            market.currencies[at + CURRENCY_CODE] = np.int64(event.token_0)
            market.currencies[at + CURRENCY_DECIMALS] = np.int64(event.display)
    elif kind == EventKind.INSTRUMENT_DEFINED:
        _define_instrument(market, event)
    elif kind == EventKind.DAY_STARTED:
        _start_day(market, event)
    elif kind == EventKind.DAY_ENDED:
        market.scalars[DAY_OPEN] = 0
    elif kind == EventKind.STATE_CHANGED:
        _change_state(market, event)
    elif kind == EventKind.PARAMETER_SET:
        row = market.row_of[np.int64(event.instrument)] - 1
        if np.int64(event.parameter) == Parameter.REFERENCE_PRICE and row >= 0:
            market.rows[row * ROW_WORDS + REFERENCE_PRICE] = event.price
            _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)
    elif kind == EventKind.AUCTION:
        row = market.row_of[np.int64(event.instrument)] - 1
        if row >= 0:
            at = row * ROW_WORDS
            market.rows[at + AUCTION_PRICE] = event.price
            market.rows[at + AUCTION_VOLUME] = event.quantity
            market.rows[at + AUCTION_IMBALANCE] = event.remaining
            market.rows[at + AUCTION_NS] = event.timestamp_ns
            _touch(market, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)


@jit_borrowed
def follow(market: MarketArrays, events: np.ndarray, first: int) -> tuple[int, int]:
    """Follow ``events[first:]`` (EVENT records); stop where there may be too little room.

    Returns the index of the first event that was not followed, and DONE or a NEED_... number.
    """
    why = DONE
    i = first
    count = len(events)
    tracking = market.scalars[TRACK] != 0
    while i < count:
        event = events[i]
        kind: Any = np.int64(event.kind)
        has_level = (np.int64(event["flags"]) & FLAG_LEVEL) != 0
        if has_level or kind == EventKind.TRADE:
            row = market.row_of[np.int64(event.instrument)] - 1
            if row >= 0:
                how = TOUCH_ANY
                if has_level:
                    side = 0 if np.int64(event.side) == Side.BUY else 1
                    book = 2 * row + side
                    why = lacking(market, book)
                    if tracking and (
                        (market.scalars[CHANGED_LEVELS] + 1) * CHANGED_LEVEL_WORDS
                        > len(market.changed_levels)
                    ):
                        why = NEED_CHANGED_LEVELS
                if kind == EventKind.TRADE and tracking:
                    entries = market.scalars[CHANGED_TRADES] + 1
                    if entries * CHANGED_TRADE_WORDS > len(market.changed_trades):
                        why = NEED_CHANGED_TRADES
                if why != DONE:
                    break
                if has_level:
                    quantity = event.level_quantity
                    orders: Any = np.int64(event.level_orders) if quantity != 0 else 0
                    key = event.price if side == 0 else -event.price
                    if set_level(market, book, key, quantity, orders):
                        how |= TOUCH_TICKER
                    if tracking:
                        _note_level(market, book, event.price, quantity, orders)
                if kind == EventKind.TRADE:
                    _trade(market, row, event)
                    how |= TOUCH_TICKER | TOUCH_TRADES
                _touch(market, row, event.sequence, event.timestamp_ns, how)
        elif kind >= _SELDOM:
            if kind == EventKind.INSTRUMENT_DEFINED:
                full = (market.scalars[ROWS] + 1) * ROW_WORDS > len(market.rows)
                if full:
                    why = NEED_ROWS
                    break
            _rare(market, event, kind)
        i += 1
    if i > first:
        market.scalars[NEXT_EVENT] = np.int64(events[i - 1].sequence) + 1
        market.scalars[LAST_NS] = np.int64(events[i - 1].timestamp_ns)
    return i, why
