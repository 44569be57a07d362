"""The naive exchange's order book: dictionaries and sorted lists, nothing clever.

It shares no code with the engine.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from exchange.codes import OrderType, Side

# Plain ints instead of enum members: the members cost a third of the running time.
BUY, LIMIT, MARKET = int(Side.BUY), int(OrderType.LIMIT), int(OrderType.MARKET)
BID, ASK = 0, 1


class Order:
    __slots__ = (
        "capacity",
        "cross_type",
        "display",
        "executed",
        "expiry_second",
        "firm",
        "instrument",
        "intermarket_sweep",
        "minimum_quantity",
        "open",
        "order_id",
        "order_type",
        "price",
        "session",
        "side",
        "time_in_force",
        "token",
    )

    order_id: int
    instrument: int
    session: int
    token: bytes
    side: int
    display: int
    order_type: int
    price: int
    open: int
    executed: int
    time_in_force: int
    minimum_quantity: int
    firm: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    expiry_second: int


class Level:
    """The orders resting at one price, oldest first (a dict keeps the order of insertion)."""

    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.quantity = 0


class Book:
    """One instrument: for bids and asks the levels by price, and the prices in rising order."""

    __slots__ = ("levels", "prices")

    def __init__(self) -> None:
        self.levels: tuple[dict[int, Level], dict[int, Level]] = ({}, {})
        self.prices: tuple[list[int], list[int]] = ([], [])

    def best(self, side: int) -> int | None:
        prices = self.prices[side]
        if not prices:
            return None
        return prices[-1] if side == BID else prices[0]

    def add(self, side: int, order: Order) -> None:
        level = self.levels[side].get(order.price)
        if level is None:
            level = self.levels[side][order.price] = Level()
            insort(self.prices[side], order.price)
        level.orders[order.order_id] = order
        level.quantity += order.open

    def reduce(self, side: int, order: Order, quantity: int) -> None:
        """Take ``quantity`` off a resting order; at 0 it leaves, and with it an empty level."""
        level = self.levels[side][order.price]
        order.open -= quantity
        level.quantity -= quantity
        if order.open == 0:
            self.remove(side, order)

    def remove(self, side: int, order: Order) -> None:
        level = self.levels[side][order.price]
        level.quantity -= order.open
        del level.orders[order.order_id]
        if not level.orders:
            del self.levels[side][order.price]
            prices = self.prices[side]
            del prices[bisect_left(prices, order.price)]

    def level(self, side: int, price: int) -> tuple[int, int]:
        """Total quantity and number of orders at a price."""
        level = self.levels[side].get(price)
        return (level.quantity, len(level.orders)) if level is not None else (0, 0)


def book_side(side: int) -> int:
    return BID if side == BUY else ASK


def is_acceptable(side: int, order_type: int, limit: int, price: int) -> bool:
    """Whether an aggressor may trade at ``price``."""
    if order_type == MARKET:
        return True
    return price <= limit if side == BUY else price >= limit
