"""``exchange-replay book``: the book as it stood after a command, from the rebuilt engine state.

The state is rebuilt up to that command, from the newest snapshot that is not later, and its live
orders are read out of the order pool. Orders of one level are shown oldest first; that is ascending
order id, because an order joins its level's tail exactly when the command that names it is applied.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import Side
from exchange.engine.state import ORDER_HIGH, ORDER_WORDS, EngineState
from replay.directory import Directory
from replay.text import code_name, record_token

# One slot of the order pool as fields: the layout that exchange/engine/state.py draws.
ORDER = np.dtype(
    {
        "names": [
            "open",
            "price",
            "order_id",
            "token_0",
            "token_1",
            "token_2",
            "instrument",
            "session",
            "side",
        ],
        "formats": ["<i8", "<i8", "<i8", "<u8", "<u4", "<u2", "<u2", "<u2", "u1"],
        "offsets": [0, 8, 16, 24, 32, 36, 38, 56, 59],
        "itemsize": 8 * ORDER_WORDS,
    }
)


class Level(NamedTuple):
    """One price level: price in minor units, total open quantity, orders oldest first (ORDER)."""

    price: int
    quantity: int
    orders: np.ndarray


class Book(NamedTuple):
    """Both sides of one instrument, best price first."""

    instrument: int
    bids: list[Level]
    asks: list[Level]


def live_orders(state: EngineState) -> np.ndarray:
    """All live orders, by order id: ORDER array (a copy)."""
    used = int(state.scalars[ORDER_HIGH]) + 1
    orders = state.orders[: used * ORDER_WORDS].view(ORDER)
    orders = orders[orders["order_id"] != 0]
    by_age: np.ndarray = orders[np.argsort(orders["order_id"])]
    return by_age


def books_of(state: EngineState, instrument: int | None = None) -> Iterator[Book]:
    """The non-empty books of ``state`` (or only that of ``instrument``), by instrument id."""
    orders = live_orders(state)
    for number in np.unique(orders["instrument"]):
        if instrument is None or int(number) == instrument:
            mine = orders[orders["instrument"] == number]
            is_bid = mine["side"] == Side.BUY
            yield Book(int(number), _levels(mine[is_bid], descending=True), _levels(mine[~is_bid]))


def _levels(orders: np.ndarray, *, descending: bool = False) -> list[Level]:
    prices = np.unique(orders["price"])
    if descending:
        prices = prices[::-1]
    levels = []
    for price in prices:
        there = orders[orders["price"] == price]
        levels.append(Level(int(price), int(there["open"].sum()), there))
    return levels


def book_fields(book: Book, directory: Directory, levels: int, *, orders: bool) -> dict[str, Any]:
    """A book as a dictionary: at most ``levels`` levels a side, with their orders or counts."""

    def side(all_levels: list[Level]) -> list[dict[str, Any]]:
        out = []
        for level in all_levels[:levels]:
            fields: dict[str, Any] = {
                "price": directory.price(book.instrument, level.price),
                "quantity": level.quantity,
                "orders": len(level.orders),
            }
            if orders:
                fields["orders"] = [
                    {
                        "order_id": int(order["order_id"]),
                        "session": directory.username(int(order["session"])),
                        "token": record_token(order),
                        "side": code_name(Side, int(order["side"])),
                        "quantity": int(order["open"]),
                    }
                    for order in level.orders
                ]
            out.append(fields)
        return out

    return {
        "instrument": directory.symbol(book.instrument),
        "bids": side(book.bids),
        "asks": side(book.asks),
        "bid_levels": len(book.bids),
        "ask_levels": len(book.asks),
    }
