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

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from exchange.api.orders.json import time_text
from exchange.codes import Side
from exchange.connect.directory import Directory, Named

SECOND_NS = 1_000_000_000
MICROSECOND_NS = 1_000


class TradeRecord(NamedTuple):
    """A trade: the sequence of its event, its symbol, and its JSON text (UTF-8)."""

    sequence: int
    symbol: str
    text: bytes


def trade_records(trades: np.ndarray, directory: Directory) -> Iterator[TradeRecord]:
    """``trades`` (TRADE events, in order) as records; ``directory`` knows their instruments."""
    maker_buys = trades["side"] == Side.BUY
    maker, taker = trades["order_id"], trades["contra_order_id"]
    buys = np.where(maker_buys, maker, taker).tolist()
    sells = np.where(maker_buys, taker, maker).tolist()
    parts: dict[int, tuple[str, str, str]] = {}  # instrument: symbol, and the text around
    seconds: dict[int, str] = {}
    for sequence, instrument, buy, sell, price, quantity, time_ns in zip(
        trades["sequence"].tolist(),
        trades["instrument"].tolist(),
        buys,
        sells,
        trades["price"].tolist(),
        trades["quantity"].tolist(),
        trades["timestamp_ns"].tolist(),
        strict=True,
    ):
        if instrument not in parts:
            parts[instrument] = _parts(directory, instrument)
        symbol, front, middle = parts[instrument]
        second, rest_ns = divmod(time_ns, SECOND_NS)
        if second not in seconds:
            seconds[second] = time_text(second * SECOND_NS)[: -len(".000000Z")]
        text = (
            f'{{"sequence":{sequence},"trade_id":{sequence + 1},{front}"buy_order_id":{buy},'
            f'"sell_order_id":{sell},"price":{price},{middle}"quantity":{quantity},'
            f'"executed_at":"{seconds[second]}.{rest_ns // MICROSECOND_NS:06d}Z"}}'
        )
        yield TradeRecord(sequence, symbol, text.encode())


def _parts(directory: Directory, instrument: int) -> tuple[str, str, str]:
    """The symbol of an instrument, and what every trade's text has of it."""
    named = directory.instruments.get(instrument, Named(directory.symbol(instrument), "", 0))
    # symbols and codes are ASCII without quotes or backslashes (exchange/definitions/rules.py)
    front = f'"symbol":"{named.symbol}",'
    middle = f'"price_decimals":{named.price_decimals},"currency":"{named.currency}",'
    return named.symbol, front, middle
