"""The planner's own idea of the book: orders in queues, so that it knows whom a fill will hit."""

from __future__ import annotations

from bisect import bisect_left, insort

BID, ASK = 0, 1


class Order:
    """A resting order. ``file_open`` is what the file says of it: 0 for an anonymous one."""

    __slots__ = ("executed", "file_id", "file_open", "open", "price", "side", "token")

    def __init__(self, token: str, file_id: int, side: int, price: int, quantity: int) -> None:
        self.token = token
        self.file_id = file_id  # -1: anonymous
        self.side = side
        self.price = price
        self.open = quantity
        self.executed = 0
        self.file_open = quantity if file_id >= 0 else 0

    @property
    def surplus(self) -> int:
        """The quantity that rests here beyond the file's idea of this order."""
        return max(0, self.open - self.file_open)


class Level:
    __slots__ = ("orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[str, Order] = {}
        self.quantity = 0


class Book:
    """Levels by price for BID and ASK. ``keys`` are prices in order, best first (bids negated)."""

    def __init__(self) -> None:
        self.levels: tuple[dict[int, Level], dict[int, Level]] = ({}, {})
        self.keys: tuple[list[int], list[int]] = ([], [])

    def add(self, order: Order) -> None:
        level = self.levels[order.side].get(order.price)
        if level is None:
            level = self.levels[order.side][order.price] = Level()
            insort(self.keys[order.side], order.price if order.side == ASK else -order.price)
        level.orders[order.token] = order
        level.quantity += order.open

    def reduce(self, order: Order, quantity: int) -> None:
        level = self.levels[order.side][order.price]
        order.open -= quantity
        level.quantity -= quantity
        if order.open == 0:
            del level.orders[order.token]
            if not level.orders:
                del self.levels[order.side][order.price]
                keys = self.keys[order.side]
                del keys[bisect_left(keys, order.price if order.side == ASK else -order.price)]

    def quantity(self, side: int, price: int) -> int:
        level = self.levels[side].get(price)
        return level.quantity if level is not None else 0

    def best(self, side: int) -> int | None:
        keys = self.keys[side]
        if not keys:
            return None
        return keys[0] if side == ASK else -keys[0]

    def top(self, side: int, levels: int) -> list[tuple[int, int]]:
        """The best ``levels`` levels: (price, quantity), best first."""
        of = self.levels[side]
        if side == ASK:
            return [(key, of[key].quantity) for key in self.keys[ASK][:levels]]
        return [(-key, of[-key].quantity) for key in self.keys[BID][:levels]]
