"""The naive market: everything public that events say, kept as lists of trades and dictionaries.

The independent twin of ``exchange/read_model/market/model.py``: it sums up anew whenever it is
asked.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from exchange.codes import EventKind, Parameter

_COLUMNS = (
    "sequence", "timestamp_ns", "kind", "instrument", "price", "quantity", "side", "contra_side",
    "reason", "display", "parameter", "remaining", "flags", "level_quantity", "level_orders",
    "currency", "token_0", "contra_order_id", "group",
)  # fmt: skip
MINUTES = {"1m": 1, "5m": 5, "15m": 15, "1h": 60, "1d": 1440}


class _Event(NamedTuple):
    sequence: int
    timestamp_ns: int
    kind: int
    instrument: int
    price: int
    quantity: int
    side: int
    contra_side: int
    reason: int
    display: int
    parameter: int
    remaining: int
    flags: int
    level_quantity: int
    level_orders: int
    currency: int
    token_0: int
    contra_order_id: int
    group: int


class NaiveInstrument:
    """One instrument; trades as (sequence, ns, price, quantity, aggressor's side, reason)."""

    def __init__(self, event: _Event, decimals: int) -> None:
        self.definition = event
        self.multiplier = 10 ** (decimals - event.display)
        self.levels: tuple[dict[int, tuple[int, int]], dict[int, tuple[int, int]]] = ({}, {})
        self.trades: list[tuple[int, ...]] = []
        self.first_of_day = 0  # index in trades
        self.previous_close: int | None = None
        self.reference_price: int | None = None
        self.state = self.until_ns = 0
        self.auction: tuple[int, int, int, int] | None = None

    @property
    def day(self) -> list[tuple[int, ...]]:
        return self.trades[self.first_of_day :]

    def side(self, side: int) -> list[tuple[int, int, int]]:
        levels = [(price, *totals) for price, totals in self.levels[side].items()]
        return sorted(levels, reverse=side == 0)

    def sums(self, trades: list[tuple[int, ...]]) -> dict[str, Any]:
        """What a kline and a ticker say of some trades, at least one."""
        prices = [trade[2] for trade in trades]
        return {
            "open": prices[0],
            "high": max(prices),
            "low": min(prices),
            "close": prices[-1],
            "volume": sum(trade[3] for trade in trades),
            "turnover": sum(trade[2] * trade[3] for trade in trades) * self.multiplier,
            "trade_count": len(trades),
        }

    def klines(self, interval: str) -> list[dict[str, Any]]:
        length = MINUTES[interval] * 60 * 10**9
        groups: dict[int, list[tuple[int, ...]]] = {}
        for trade in self.trades:
            groups.setdefault(trade[1] // length * length, []).append(trade)
        return [{"start_ns": start} | self.sums(group) for start, group in groups.items()]

    def ticker(self) -> dict[str, Any]:
        """Without what depends on the market's state and the newest event."""
        day = self.day
        figures = self.sums(day) if day else {}
        bids, asks = self.side(0), self.side(1)
        auction = self.auction or (None, 0, 0, None)
        return {
            "last_price": day[-1][2] if day else None,
            "last_quantity": day[-1][3] if day else None,
            "last_ns": day[-1][1] if day else None,
            "open": figures.get("open"),
            "high": figures.get("high"),
            "low": figures.get("low"),
            "volume": figures.get("volume", 0),
            "turnover": figures.get("turnover", 0),
            "trade_count": len(day),
            "previous_close": self.previous_close,
            "reference_price": self.reference_price,
            "best_bid": bids[0][0] if bids else None,
            "best_bid_quantity": bids[0][1] if bids else 0,
            "best_ask": asks[0][0] if asks else None,
            "best_ask_quantity": asks[0][1] if asks else 0,
            "auction_price": auction[0],
            "auction_volume": auction[1],
            "auction_imbalance": auction[2],
            "auction_ns": auction[3],
        }


class NaiveFigures:
    """Feed it all events, in order, with ``read``."""

    def __init__(self) -> None:
        self.instruments: dict[int, NaiveInstrument] = {}
        self.decimals: dict[int, int] = {}
        self.market_state = self.market_until_ns = 0

    def read(self, events: np.ndarray) -> None:
        for row in zip(*(events[name].tolist() for name in _COLUMNS), strict=True):
            self._read_one(_Event._make(row))

    def _read_one(self, event: _Event) -> None:
        kind = event.kind
        if kind == EventKind.CURRENCY_DEFINED:
            self.decimals[event.currency] = event.display
        elif kind == EventKind.INSTRUMENT_DEFINED:
            made = NaiveInstrument(event, self.decimals[event.currency])
            self.instruments[event.instrument] = made
        elif kind == EventKind.DAY_STARTED:
            for each in self.instruments.values():
                if each.day:
                    each.previous_close = each.day[-1][2]
                each.first_of_day = len(each.trades)
                each.auction = None
        elif kind == EventKind.STATE_CHANGED and event.instrument == 0:
            self.market_state, self.market_until_ns = event.display, event.quantity
        elif event.instrument in self.instruments:
            self._read_of(self.instruments[event.instrument], event)

    def _read_of(self, of: NaiveInstrument, event: _Event) -> None:
        if event.kind == EventKind.STATE_CHANGED:
            of.state, of.until_ns = event.display, event.quantity
        elif event.kind == EventKind.PARAMETER_SET:
            if event.parameter == Parameter.REFERENCE_PRICE:
                of.reference_price = event.price or None
        elif event.kind == EventKind.AUCTION:
            of.auction = (event.price, event.quantity, event.remaining, event.timestamp_ns)
        elif event.kind == EventKind.TRADE:
            side = min(event.contra_side, 1)
            of.trades.append(
                (event.sequence, event.timestamp_ns, event.price, event.quantity, side,
                 event.reason)
            )  # fmt: skip
        if event.flags & 1:
            levels = of.levels[min(event.side, 1)]
            if event.level_quantity:
                levels[event.price] = (event.level_quantity, event.level_orders)
            else:
                levels.pop(event.price, None)
