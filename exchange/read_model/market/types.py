"""The market model's answers.

Prices are in minor units of the instrument, quantities in units, values in minor units of the
currency, times in nanoseconds since the epoch (UTC). Sides: 0 bids (buy), 1 asks (sell).
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec

from exchange.codes import InstrumentState

LevelRow = tuple[int, int, int]  # price, quantity, orders
ChangedLevel = tuple[int, int, int, int]  # side, price, quantity (0: gone), orders


class Instrument(msgspec.Struct, frozen=True):
    """An instrument's terms. ``currency``: its code; prices in 10 ** -price_decimals of it."""

    number: int
    symbol: str
    price_decimals: int
    tick: int
    lot: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    currency: str
    currency_decimals: int
    group: int
    currency_number: int


class Trade(NamedTuple):
    """A trade. ``side``: the aggressor's; ``reason``: codes.TradeReason."""

    sequence: int
    timestamp_ns: int
    price: int
    quantity: int
    side: int
    reason: int


class Kline(NamedTuple):
    """Trades of one interval that had any."""

    start_ns: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    trade_count: int


class Depth(NamedTuple):
    """The best levels, best first, after event ``sequence``, the newest about the instrument."""

    sequence: int
    timestamp_ns: int
    bids: list[LevelRow]
    asks: list[LevelRow]


class Ticker(NamedTuple):
    """The trading day so far. None: there is none yet (or none is set).

    ``auction_...``: the result of the day's last call auction.
    """

    last_price: int | None
    last_quantity: int | None
    last_ns: int | None
    open: int | None
    high: int | None
    low: int | None
    volume: int
    turnover: int
    trade_count: int
    previous_close: int | None
    reference_price: int | None
    best_bid: int | None
    best_bid_quantity: int
    best_ask: int | None
    best_ask_quantity: int
    state: InstrumentState
    until_ns: int
    auction_price: int | None
    auction_volume: int
    auction_imbalance: int
    auction_ns: int | None
    sequence: int
    timestamp_ns: int
