"""What each event means for the market model, jitted: one pass over a batch of events.

Who calls it: MarketModel (``market.py``). The rules are those of ``docs/matching.md``; an event
that says nothing public changes nothing but ``NEXT_EVENT``. ``follow`` stops before an event that
may need more room than there is; the caller makes room and goes on from there.

Decision RDM-1.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, Parameter, Side
from exchange.read_model.market.book import lacking, set_level
from exchange.read_model.market.layout import (
    AUCTION_IMBALANCE,
    AUCTION_NS,
    AUCTION_PRICE,
    AUCTION_VOLUME,
    CHANGED_LEVEL_WORDS,
    CHANGED_LEVELS,
    CHANGED_TRADE_WORDS,
    CHANGED_TRADES,
    CURRENCIES,
    CURRENCY,
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
    TRADE_WORDS,
    TRADES,
    TRADES_KEPT,
    UNTIL_NS,
)
from ringbuffer.jit import jit_borrowed, jit_borrowed_inline

_TRADE = int(EventKind.TRADE)
_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_CURRENCY_DEFINED = int(EventKind.CURRENCY_DEFINED)
_DAY_STARTED = int(EventKind.DAY_STARTED)
_DAY_ENDED = int(EventKind.DAY_ENDED)
_PARAMETER_SET = int(EventKind.PARAMETER_SET)
_STATE_CHANGED = int(EventKind.STATE_CHANGED)
_AUCTION = int(EventKind.AUCTION)
# kinds from here on are not about an order, or public only with level fields
_SELDOM = _INSTRUMENT_DEFINED
_REFERENCE_PRICE = int(Parameter.REFERENCE_PRICE)
_BUY = int(Side.BUY)


@jit_borrowed_inline
def _touch(v: Any, row: int, sequence: int, timestamp_ns: int, how: int) -> None:
    at = row * ROW_WORDS
    v.rows[at + SEQUENCE] = sequence
    v.rows[at + TIMESTAMP_NS] = timestamp_ns
    if v.scalars[TRACK] == 0:
        return
    if v.rows[at + TOUCHES] == 0:
        v.rows[at + FIRST_SEQUENCE] = sequence
        count = v.scalars[TOUCHED]
        v.touched[count] = row
        v.scalars[TOUCHED] = count + 1
    v.rows[at + TOUCHES] |= how | TOUCH_ANY


@jit_borrowed
def _slot_of(v: Any, book: int, price: int) -> int:
    """Where in the index the changed level is, or the empty slot where it belongs."""
    # 30 bits times 31 bits: no product leaves an int64
    mixed = ((price ^ (price >> 29) ^ (book << 13)) & 0x3FFFFFFF) * 0x5BD1E995
    mask = len(v.change_index) - 1
    slot = (mixed >> 16 ^ mixed) & mask
    while True:
        entry = v.change_index[slot]
        if entry == 0:
            return slot
        at = (entry - 1) * CHANGED_LEVEL_WORDS
        if v.changed_levels[at + 1] == price and v.changed_levels[at] == book:
            return slot
        slot = (slot + 1) & mask


@jit_borrowed
def _note_level(v: Any, book: int, price: int, quantity: int, orders: int) -> None:
    slot = _slot_of(v, book, price)
    entry = v.change_index[slot]
    if entry == 0:
        entry = v.scalars[CHANGED_LEVELS] + 1
        v.scalars[CHANGED_LEVELS] = entry
        v.change_index[slot] = entry
        v.changed_levels[(entry - 1) * CHANGED_LEVEL_WORDS] = book
        v.changed_levels[(entry - 1) * CHANGED_LEVEL_WORDS + 1] = price
        v.changed_levels[(entry - 1) * CHANGED_LEVEL_WORDS + 4] = slot
    at = (entry - 1) * CHANGED_LEVEL_WORDS
    v.changed_levels[at + 2] = quantity
    v.changed_levels[at + 3] = orders


@jit_borrowed
def index_changed_levels(model: Any) -> None:
    """Fill the emptied index anew after it has grown."""
    count = model.scalars[CHANGED_LEVELS]
    for entry in range(count):
        at = entry * CHANGED_LEVEL_WORDS
        slot = _slot_of(model, model.changed_levels[at], model.changed_levels[at + 1])
        model.change_index[slot] = entry + 1
        model.changed_levels[at + 4] = slot


@jit_borrowed
def forget_changes(model: Any) -> None:
    """What has changed has been taken. Costs what has changed, however large the index is."""
    for entry in range(model.scalars[CHANGED_LEVELS]):
        model.change_index[model.changed_levels[entry * CHANGED_LEVEL_WORDS + 4]] = 0
    model.scalars[CHANGED_LEVELS] = 0
    model.scalars[CHANGED_TRADES] = 0
    for i in range(model.scalars[TOUCHED]):
        row = model.touched[i]
        model.rows[row * ROW_WORDS + TOUCHES] = 0
        for k in range(row * INTERVALS, (row + 1) * INTERVALS):
            model.kline_taken[k] = model.kline_counts[k]
    model.scalars[TOUCHED] = 0


@jit_borrowed_inline
def _add(v: Any, words: Any, at: int, amount: int) -> None:
    """Add to a sum of two words; 0 <= amount < 2^62."""
    low = words[at] + amount
    if low >= LOW_LIMIT:
        low -= LOW_LIMIT
        words[at + 1] += 1
    words[at] = low


@jit_borrowed
def _add_to_kline(
    v: Any, row: int, interval: int, timestamp_ns: int, price: int, quantity: int, value: int
) -> None:
    length = v.intervals_ns[interval]
    start_ns = timestamp_ns - timestamp_ns % length
    kept = v.scalars[KLINES_KEPT]
    counter = row * INTERVALS + interval
    count = v.kline_counts[counter]
    at = (counter * kept + (count - 1) % kept) * KLINE_WORDS
    if count == 0 or v.klines[at + KLINE_START] != start_ns:
        at = (counter * kept + count % kept) * KLINE_WORDS
        v.kline_counts[counter] = count + 1
        for i in range(at, at + KLINE_WORDS):
            v.klines[i] = 0
        v.klines[at + KLINE_START] = start_ns
        v.klines[at + KLINE_OPEN] = price
        v.klines[at + KLINE_HIGH] = price
        v.klines[at + KLINE_LOW] = price
    v.klines[at + KLINE_HIGH] = max(v.klines[at + KLINE_HIGH], price)
    v.klines[at + KLINE_LOW] = min(v.klines[at + KLINE_LOW], price)
    v.klines[at + KLINE_CLOSE] = price
    _add(v, v.klines, at + KLINE_VOLUME, quantity)
    _add(v, v.klines, at + KLINE_TURNOVER, value)
    v.klines[at + KLINE_TRADES] += 1


@jit_borrowed
def _trade(
    v: Any, row: int, sequence: int, timestamp_ns: int, price: int, quantity: int, side: int,
    reason: int,
) -> None:  # fmt: skip
    """``side``: 0 when the aggressor bought."""
    at = row * ROW_WORDS
    kept = v.scalars[TRADES_KEPT]
    count = v.rows[at + TRADES]
    v.rows[at + TRADES] = count + 1
    slot = (row * kept + count % kept) * TRADE_WORDS
    v.trades[slot] = sequence
    v.trades[slot + 1] = timestamp_ns
    v.trades[slot + 2] = price
    v.trades[slot + 3] = quantity
    v.trades[slot + 4] = side
    v.trades[slot + 5] = reason
    if v.scalars[TRACK] != 0:
        entry = v.scalars[CHANGED_TRADES]
        v.scalars[CHANGED_TRADES] = entry + 1
        v.changed_trades[entry * CHANGED_TRADE_WORDS] = row
        for i in range(TRADE_WORDS):
            v.changed_trades[entry * CHANGED_TRADE_WORDS + 1 + i] = v.trades[slot + i]
    if v.rows[at + DAY_TRADES] == 0:
        v.rows[at + DAY_FIRST] = price
        v.rows[at + DAY_HIGH] = price
        v.rows[at + DAY_LOW] = price
    v.rows[at + DAY_HIGH] = max(v.rows[at + DAY_HIGH], price)
    v.rows[at + DAY_LOW] = min(v.rows[at + DAY_LOW], price)
    v.rows[at + DAY_TRADES] += 1
    v.rows[at + LAST_PRICE] = price
    v.rows[at + LAST_QUANTITY] = quantity
    v.rows[at + LAST_TRADE_NS] = timestamp_ns
    # at most 2^56: price x multiplier x quantity of an order is bounded (docs/matching.md)
    value = price * quantity * v.rows[at + MULTIPLIER]
    _add(v, v.rows, at + DAY_VOLUME, quantity)
    _add(v, v.rows, at + DAY_TURNOVER, value)
    for interval in range(INTERVALS):
        _add_to_kline(v, row, interval, timestamp_ns, price, quantity, value)


@jit_borrowed
def _define_instrument(v: Any, event: Any) -> None:
    row = v.scalars[ROWS]
    v.scalars[ROWS] = row + 1
    v.row_of[np.int64(event.instrument)] = row + 1
    at = row * ROW_WORDS
    currency = np.int64(event.currency)
    decimals = v.currencies[currency * CURRENCY_WORDS + 1] if currency < CURRENCIES else 0
    multiplier = 1
    for _ in range(np.int64(event.display), decimals):
        multiplier *= 10
    v.rows[at + NUMBER] = np.int64(event.instrument)
    v.rows[at + SYMBOL] = np.int64(event.token_0)  # ASCII: the highest bit is clear
    v.rows[at + PRICE_DECIMALS] = np.int64(event.display)
    v.rows[at + TICK] = event.price
    v.rows[at + LOT] = event.quantity
    v.rows[at + MINIMUM_PRICE] = event.level_quantity
    v.rows[at + MAXIMUM_PRICE] = event.contra_order_id
    v.rows[at + MAXIMUM_QUANTITY] = event.remaining
    v.rows[at + CURRENCY] = currency
    v.rows[at + GROUP] = np.int64(event.group)
    v.rows[at + MULTIPLIER] = multiplier
    _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)


@jit_borrowed
def _start_day(v: Any, event: Any) -> None:
    """Last prices are forgotten, the day's figures begin."""
    v.scalars[DAY_NUMBER] = event.price
    v.scalars[DAY_OPEN] = 1
    for row in range(v.scalars[ROWS]):
        at = row * ROW_WORDS
        if v.rows[at + LAST_PRICE] != 0:
            v.rows[at + PREVIOUS_CLOSE] = v.rows[at + LAST_PRICE]
        for i in range(at + LAST_PRICE, at + SEQUENCE):
            v.rows[i] = 0
        _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)


@jit_borrowed
def _change_state(v: Any, event: Any) -> None:
    state = np.int64(event.display)
    instrument = np.int64(event.instrument)
    if instrument == 0:
        v.scalars[MARKET_STATE] = state
        v.scalars[MARKET_UNTIL_NS] = event.quantity
        for row in range(v.scalars[ROWS]):
            _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)
        return
    row = v.row_of[instrument] - 1
    if row >= 0:
        v.rows[row * ROW_WORDS + STATE] = state
        v.rows[row * ROW_WORDS + UNTIL_NS] = event.quantity
        _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_STATE | TOUCH_TICKER)


@jit_borrowed
def _rare(v: Any, event: Any, kind: int) -> None:
    """The kinds that come seldom."""
    if kind == _CURRENCY_DEFINED:
        at = np.int64(event.currency) * CURRENCY_WORDS
        if at < len(v.currencies):
            v.currencies[at] = np.int64(event.token_0)
            v.currencies[at + 1] = np.int64(event.display)
    elif kind == _INSTRUMENT_DEFINED:
        _define_instrument(v, event)
    elif kind == _DAY_STARTED:
        _start_day(v, event)
    elif kind == _DAY_ENDED:
        v.scalars[DAY_OPEN] = 0
    elif kind == _STATE_CHANGED:
        _change_state(v, event)
    elif kind == _PARAMETER_SET:
        row = v.row_of[np.int64(event.instrument)] - 1
        if np.int64(event.parameter) == _REFERENCE_PRICE and row >= 0:
            v.rows[row * ROW_WORDS + REFERENCE_PRICE] = event.price
            _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)
    elif kind == _AUCTION:
        row = v.row_of[np.int64(event.instrument)] - 1
        if row >= 0:
            at = row * ROW_WORDS
            v.rows[at + AUCTION_PRICE] = event.price
            v.rows[at + AUCTION_VOLUME] = event.quantity
            v.rows[at + AUCTION_IMBALANCE] = event.remaining
            v.rows[at + AUCTION_NS] = event.timestamp_ns
            _touch(v, row, event.sequence, event.timestamp_ns, TOUCH_TICKER)


@jit_borrowed
def follow(model: Any, events: np.ndarray, first: int) -> tuple[int, int]:
    """Follow ``events[first:]`` (EVENT). (index of the first not followed, DONE or NEED_...)."""
    why = DONE
    i = first
    count = len(events)
    tracking = model.scalars[TRACK] != 0
    while i < count:
        event = events[i]
        kind = np.int64(event.kind)
        has_level = (np.int64(event["flags"]) & FLAG_LEVEL) != 0
        if has_level or kind == _TRADE:
            row = model.row_of[np.int64(event.instrument)] - 1
            if row >= 0:
                how = TOUCH_ANY
                if has_level:
                    side = 0 if np.int64(event.side) == _BUY else 1
                    book = 2 * row + side
                    why = lacking(model, book)
                    if tracking and (
                        (model.scalars[CHANGED_LEVELS] + 1) * CHANGED_LEVEL_WORDS
                        > len(model.changed_levels)
                    ):
                        why = NEED_CHANGED_LEVELS
                if kind == _TRADE and tracking:
                    entries = model.scalars[CHANGED_TRADES] + 1
                    if entries * CHANGED_TRADE_WORDS > len(model.changed_trades):
                        why = NEED_CHANGED_TRADES
                if why != DONE:
                    break
                if has_level:
                    quantity = event.level_quantity
                    orders = np.int64(event.level_orders) if quantity != 0 else 0
                    key = event.price if side == 0 else -event.price
                    if set_level(model, book, key, quantity, orders):
                        how |= TOUCH_TICKER
                    if tracking:
                        _note_level(model, book, event.price, quantity, orders)
                if kind == _TRADE:
                    aggressor = 0 if np.int64(event.contra_side) == _BUY else 1
                    _trade(
                        model,
                        row,
                        event.sequence,
                        event.timestamp_ns,
                        event.price,
                        event.quantity,
                        aggressor,
                        np.int64(event.reason),
                    )
                    how |= TOUCH_TICKER | TOUCH_TRADES
                _touch(model, row, event.sequence, event.timestamp_ns, how)
        elif kind >= _SELDOM:
            if kind == _INSTRUMENT_DEFINED:
                full = (model.scalars[ROWS] + 1) * ROW_WORDS > len(model.rows)
                if full:
                    why = NEED_ROWS
                    break
            _rare(model, event, kind)
        i += 1
    if i > first:
        model.scalars[NEXT_EVENT] = np.int64(events[i - 1].sequence) + 1
        model.scalars[LAST_NS] = np.int64(events[i - 1].timestamp_ns)
    return i, why
