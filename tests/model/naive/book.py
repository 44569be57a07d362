"""The naive exchange's orders and order book: dictionaries and sorted lists, nothing clever.

It shares no code with the engine.
"""

from __future__ import annotations

from bisect import bisect_left, insort

from exchange.codes import TIME_IN_FORCE_MARKET_HOURS, OrderType, Side

# Plain ints instead of enum members: the members cost a third of the running time.
BUY, SELL = int(Side.BUY), int(Side.SELL)
LIMIT, MARKET = int(OrderType.LIMIT), int(OrderType.MARKET)
STOP, STOP_LIMIT = int(OrderType.STOP), int(OrderType.STOP_LIMIT)
BID, ASK = 0, 1


class Order:
    """An order. It is resting, waiting for its stop, held, or in the hands of the matching."""

    __slots__ = (
        "account",  # the account's id
        "capacity",
        "cross_type",
        "display",
        "display_quantity",  # of an iceberg, else 0
        "executed",
        "expiry_second",  # of a good-till-time order, else 0
        "firm",
        "held",  # True while it waits for a review
        "hidden",  # the part of `open` that its level does not show
        "instrument",
        "intermarket_sweep",
        "minimum_quantity",
        "open",  # the whole of it, hidden part included
        "order_id",
        "order_type",
        "price",  # limit price, or the protection price of MARKET and STOP
        "reprice",  # OPTION_REPRICE
        "session",
        "side",
        "stop_price",
        "time_in_force",
        "token",
        "waiting",  # True while it is in its stop book
    )

    order_id: int
    instrument: int
    session: int
    account: int
    token: bytes
    side: int
    display: int
    order_type: int
    price: int
    open: int
    hidden: int
    executed: int
    time_in_force: int
    minimum_quantity: int
    firm: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    expiry_second: int
    display_quantity: int
    stop_price: int
    reprice: bool
    waiting: bool
    held: bool

    @property
    def is_immediate(self) -> bool:
        """It rests at most until the auction ends."""
        return self.time_in_force == 0 or self.order_type in (MARKET, STOP)

    @property
    def is_market_hours(self) -> bool:
        return self.time_in_force == TIME_IN_FORCE_MARKET_HOURS

    @property
    def shown(self) -> int:
        return self.open - self.hidden


class Level:
    """The orders resting at one price, oldest first (a dict keeps the order of insertion)."""

    __slots__ = ("hidden", "orders", "quantity")

    def __init__(self) -> None:
        self.orders: dict[int, Order] = {}
        self.quantity = 0  # shown
        self.hidden = 0


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
        """To the tail of its level; an iceberg shows its first part."""
        level = self.levels[side].get(order.price)
        if level is None:
            level = self.levels[side][order.price] = Level()
            insort(self.prices[side], order.price)
        if order.display_quantity:
            order.hidden = max(0, order.open - order.display_quantity)
        level.orders[order.order_id] = order
        level.quantity += order.open - order.hidden
        level.hidden += order.hidden

    def reduce(self, side: int, order: Order, shown: int, hidden: int = 0) -> None:
        """Take quantities off a resting order; at 0 it leaves, and with it an empty level.

        An iceberg may be left with nothing shown: `refresh` follows.
        """
        level = self.levels[side][order.price]
        order.open -= shown + hidden
        order.hidden -= hidden
        level.quantity -= shown
        level.hidden -= hidden
        if order.open == 0:
            self.remove(side, order)

    def refresh(self, side: int, order: Order) -> int:
        """Let an iceberg show its next part at the tail of its level; how much it shows now."""
        level = self.levels[side][order.price]
        shown = min(order.display_quantity, order.hidden)
        order.hidden -= shown
        level.hidden -= shown
        level.quantity += shown
        del level.orders[order.order_id]
        level.orders[order.order_id] = order
        return shown

    def remove(self, side: int, order: Order) -> None:
        """Take a resting order out; it shows all of itself again."""
        level = self.levels[side][order.price]
        level.quantity -= order.open - order.hidden
        level.hidden -= order.hidden
        order.hidden = 0
        del level.orders[order.order_id]
        if not level.orders:
            del self.levels[side][order.price]
            prices = self.prices[side]
            del prices[bisect_left(prices, order.price)]

    def level(self, side: int, price: int) -> tuple[int, int]:
        """Total shown quantity and number of orders at a price."""
        level = self.levels[side].get(price)
        return (level.quantity, len(level.orders)) if level is not None else (0, 0)


def book_side(side: int) -> int:
    return BID if side == BUY else ASK


def is_acceptable(side: int, limit: int, price: int) -> bool:
    """Whether an aggressor with this limit may trade at ``price``."""
    return price <= limit if side == BUY else price >= limit
