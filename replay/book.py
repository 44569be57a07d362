"""``exchange-replay book``: the book as it stood after a command, from the rebuilt engine state.

The state is rebuilt up to that command, from the newest snapshot that is not later, and its live
orders are read out of the order pool. Orders of one level are shown in the order in which they will
trade. That is not always the order of their ids: an iceberg goes to the tail with each part that it
shows, and a triggered stop or a released order joins when it enters the market.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import OrderType, Side
from exchange.engine.state import layout
from exchange.engine.state.layout import EngineState
from exchange.records import part, token_text
from replay.directory import Directory
from replay.text import code_name

# One slot of the order pool as fields: name, format, and where it lies in the slot.
_SLOT_FIELDS = (
    ("open", "<i8", layout.ORDER_OPEN),
    ("price", "<i8", layout.ORDER_PRICE),
    ("order_id", "<i8", layout.ORDER_ID),
    ("token_0", "<u8", layout.ORDER_TOKEN_0),
    ("token_1", "<u4", layout.ORDER_TOKEN_TAIL),
    ("token_2", "<u2", part(layout.ORDER_TOKEN_TAIL.word, 32, 16)),
    ("instrument", "<u2", layout.ORDER_INSTRUMENT),
    ("next", "<u4", layout.ORDER_NEXT),
    ("level", "<u4", layout.ORDER_LEVEL),
    ("session", "<u2", layout.ORDER_SESSION),
    ("side", "u1", layout.ORDER_SIDE),
    ("flags", "u1", layout.ORDER_FLAGS),
    ("order_type", "u1", layout.ORDER_TYPE),
)
_SLOT = np.dtype(
    {
        "names": [name for name, _, _ in _SLOT_FIELDS],
        "formats": [code for _, code, _ in _SLOT_FIELDS],
        "offsets": [where.offset for _, _, where in _SLOT_FIELDS],
        "itemsize": 8 * layout.ORDER_WORDS,
    }
)
# A live order. ``open``: what its level shows of it; ``hidden``: the rest of an iceberg's;
# ``price``: limit or protection price; ``place``: how many are before it at its level or among the
# held ones.
ORDER = np.dtype(
    [
        ("order_id", "<i8"),
        ("instrument", "<u2"),
        ("session", "<u2"),
        ("token_0", "<u8"),
        ("token_1", "<u4"),
        ("token_2", "<u2"),
        ("side", "u1"),
        ("order_type", "u1"),
        ("flags", "u1"),
        ("price", "<i8"),
        ("open", "<i8"),
        ("hidden", "<i8"),
        ("display_quantity", "<i8"),
        ("stop_price", "<i8"),
        ("executed", "<i8"),
        ("place", "<i8"),
    ]
)
_STOP_TYPES = (OrderType.STOP, OrderType.STOP_LIMIT)


class Level(NamedTuple):
    """One price level: price in minor units, quantity shown, orders first to last (ORDER)."""

    price: int
    quantity: int
    orders: np.ndarray


class Book(NamedTuple):
    """One instrument: both sides, best price first; stops, the one that is due first; held."""

    instrument: int
    bids: list[Level]
    asks: list[Level]
    buy_stops: list[Level]
    sell_stops: list[Level]
    held: np.ndarray


def live_orders(state: EngineState) -> np.ndarray:
    """All live orders, by order id: ORDER array (a copy)."""
    used = int(state.scalars[layout.ORDER_HIGH]) + 1
    slots = state.orders[: used * layout.ORDER_WORDS].view(_SLOT)
    cold = state.orders_cold[: used * layout.COLD_WORDS].reshape(-1, layout.COLD_WORDS)
    where = np.flatnonzero(slots["order_id"])
    where = where[np.argsort(slots["order_id"][where])]
    orders = np.zeros(len(where), ORDER)
    for name in _SLOT.names or ():
        if name in (ORDER.names or ()):
            orders[name] = slots[name][where]
    flags = orders["flags"]
    stops = (flags & layout.ORDER_WAITING) | (flags & layout.ORDER_HELD)
    for name, where_in_row, valid in (
        ("hidden", layout.COLD_HIDDEN, flags & layout.ORDER_ICEBERG),
        ("display_quantity", layout.COLD_DISPLAY_QUANTITY, flags & layout.ORDER_ICEBERG),
        (
            "stop_price",
            layout.COLD_STOP_PRICE,
            (stops != 0) & np.isin(orders["order_type"], _STOP_TYPES),
        ),
        ("executed", layout.COLD_EXECUTED, flags & layout.ORDER_HAS_EXECUTED),
    ):
        orders[name] = np.where(valid, where_in_row.column(cold[where]), 0)
    orders["place"] = _places(state, slots)[where]
    return orders


def _places(state: EngineState, slots: np.ndarray) -> np.ndarray:
    """Per slot: how many orders are before it in its list."""
    places = np.zeros(len(slots), np.int64)
    levels = state.levels.reshape(-1, layout.LEVEL_WORDS)
    following = slots["next"].tolist()
    in_use = np.unique(slots["level"][slots["order_id"] != 0])
    heads = layout.LEVEL_HEAD.column(levels[in_use[in_use != 0]]).tolist()
    for head in (*heads, int(state.scalars[layout.HELD_HEAD])):
        slot, place = head, 0
        while slot:
            places[slot] = place
            slot, place = following[slot], place + 1
    return places


def books_of(state: EngineState, instrument: int | None = None) -> Iterator[Book]:
    """The non-empty books of ``state`` (or only that of ``instrument``), by instrument id."""
    orders = live_orders(state)
    for number in np.unique(orders["instrument"]):
        if instrument is None or int(number) == instrument:
            mine = orders[orders["instrument"] == number]
            is_bid = mine["side"] == Side.BUY
            waits = (mine["flags"] & layout.ORDER_WAITING) != 0
            held = (mine["flags"] & layout.ORDER_HELD) != 0
            rests = ~(waits | held)
            yield Book(
                int(number),
                bids=_levels(mine[is_bid & rests], "price", descending=True),
                asks=_levels(mine[~is_bid & rests], "price"),
                buy_stops=_levels(mine[is_bid & waits], "stop_price"),
                sell_stops=_levels(mine[~is_bid & waits], "stop_price", descending=True),
                held=np.sort(mine[held], order="place"),
            )


def _levels(orders: np.ndarray, key: str, *, descending: bool = False) -> list[Level]:
    prices = np.unique(orders[key])
    if descending:
        prices = prices[::-1]
    levels = []
    for price in prices:
        there = np.sort(orders[orders[key] == price], order="place")
        levels.append(Level(int(price), int(there["open"].sum()), there))
    return levels


def _order_fields(order: Any, directory: Directory) -> dict[str, Any]:
    instrument = int(order["instrument"])
    fields: dict[str, Any] = {
        "order_id": int(order["order_id"]),
        "session": directory.username(int(order["session"])),
        "token": token_text(order),
        "side": code_name(Side, int(order["side"])),
        "quantity": int(order["open"]),
    }
    if int(order["flags"]) & layout.ORDER_ICEBERG:
        fields["hidden"] = int(order["hidden"])
        fields["display_quantity"] = int(order["display_quantity"])
    if int(order["flags"]) & (layout.ORDER_WAITING | layout.ORDER_HELD):
        fields["order_type"] = code_name(OrderType, int(order["order_type"]))
        fields["price"] = directory.price(instrument, int(order["price"]))
        if int(order["stop_price"]):
            fields["stop_price"] = directory.price(instrument, int(order["stop_price"]))
    return fields


def book_fields(
    book: Book, directory: Directory, levels: int, *, orders: bool, waiting: bool = False
) -> dict[str, Any]:
    """A book as a dictionary: at most ``levels`` levels a side, with their orders or counts.

    ``quantity`` is what is shown. ``waiting``: with stops and held orders, each of them named.
    """

    def side(all_levels: list[Level]) -> list[dict[str, Any]]:
        out = []
        for level in all_levels[:levels]:
            fields: dict[str, Any] = {
                "price": directory.price(book.instrument, level.price),
                "quantity": level.quantity,
                "orders": len(level.orders),
            }
            hidden = int(level.orders["hidden"].sum())
            if hidden:
                fields["hidden"] = hidden
            if orders:
                fields["orders"] = [_order_fields(order, directory) for order in level.orders]
            out.append(fields)
        return out

    def named(all_levels: list[Level]) -> list[dict[str, Any]]:
        return [_order_fields(o, directory) for level in all_levels for o in level.orders]

    fields = {
        "instrument": directory.symbol(book.instrument),
        "bids": side(book.bids),
        "asks": side(book.asks),
        "bid_levels": len(book.bids),
        "ask_levels": len(book.asks),
    }
    if waiting:
        fields["buy_stops"] = named(book.buy_stops)
        fields["sell_stops"] = named(book.sell_stops)
        fields["held"] = [_order_fields(order, directory) for order in book.held]
    return fields
