"""Trades as the records that other systems get: one JSON object each.

Who uses it: the connectors that pass trades on as text. The fields have the names and units of the
REST interface (docs/connectors.md)::

    sequence         of the event: readers tell by it what they have seen
    trade_id         the match number, as REST, OUCH and Postgres have it: sequence + 1
    symbol
    buy_order_id
    sell_order_id
    price            minor units of the instrument's currency
    price_decimals   decimals of such a unit: price / 10 ** price_decimals
    quantity         units
    currency
    executed_at      RFC 3339, UTC, microseconds
"""

from __future__ import annotations

import itertools
from typing import NamedTuple

import numpy as np

from exchange.codes import Side
from exchange.connect.directory import Directory, Named
from exchange.connect.trade_text import (
    NUMBER_BYTES,
    NUMBERS,
    TIME_BYTES,
    TRADE_COLUMNS,
    put_trades,
)

SECOND_NS = 1_000_000_000
MICROSECOND_NS = 1_000
# in the order of trade_text.py's parts
_PARTS = (
    b'{"sequence":',
    b',"trade_id":',
    b',"buy_order_id":',
    b',"sell_order_id":',
    b',"price":',
    b',"quantity":',
    b',"executed_at":"',
    b'"}',
)
_TEXT = np.frombuffer(bytearray(b"".join(_PARTS)), np.uint8)
_ENDS = np.cumsum([len(part) for part in _PARTS])


class TradeRecord(NamedTuple):
    """A trade: the sequence of its event, its symbol, and its JSON text (UTF-8)."""

    sequence: int
    symbol: str
    text: bytes


def trade_records(trades: np.ndarray, directory: Directory) -> list[TradeRecord]:
    """``trades`` (TRADE events, in order) as records; ``directory`` knows their instruments."""
    if len(trades) == 0:
        return []
    instruments, which = np.unique(trades["instrument"], return_inverse=True)
    named = [_named(directory, int(each)) for each in instruments]
    parts = [part for each in named for part in _parts(each)]
    out = np.empty(
        len(trades) * (len(_TEXT) + NUMBERS * NUMBER_BYTES + TIME_BYTES + max(map(len, parts)) * 2),
        np.uint8,
    )
    ends: np.ndarray = np.zeros(len(trades), np.int64)
    size = put_trades(
        _columns(trades, which),
        _TEXT,
        _ENDS,
        np.frombuffer(bytearray(b"".join(parts)), np.uint8),
        np.cumsum([len(part) for part in parts]),
        out,
        ends,
    )
    text = out[: int(size)].tobytes()
    bounds = [0, *ends.tolist()]
    symbols = [each.symbol for each in named]
    records = zip(
        trades["sequence"].tolist(),
        map(symbols.__getitem__, which.tolist()),
        [text[first:end] for first, end in itertools.pairwise(bounds)],
        strict=True,
    )
    return list(map(TradeRecord._make, records))


def _columns(trades: np.ndarray, which: np.ndarray) -> np.ndarray:
    """int64[n, TRADE_COLUMNS], in the order of trade_text.py. ``which``: of the instruments."""
    maker_buys = trades["side"] == Side.BUY
    maker, taker = trades["order_id"], trades["contra_order_id"]
    columns = np.empty((len(trades), TRADE_COLUMNS), np.int64)
    for place, values in enumerate(
        (
            trades["sequence"],
            which,
            np.where(maker_buys, maker, taker),
            np.where(maker_buys, taker, maker),
            trades["price"],
            trades["quantity"],
            trades["timestamp_ns"],
        )
    ):
        columns[:, place] = values
    return columns


def _named(directory: Directory, instrument: int) -> Named:
    return directory.instruments.get(instrument, Named(directory.symbol(instrument), "", 0))


def _parts(named: Named) -> tuple[bytes, bytes]:
    """What every text of an instrument has: its symbol, and its decimals and currency."""
    # symbols and codes are ASCII without quotes or backslashes (exchange/definitions/rules.py)
    symbol = f',"symbol":"{named.symbol}"'
    unit = f',"price_decimals":{named.price_decimals},"currency":"{named.currency}"'
    return symbol.encode(), unit.encode()
