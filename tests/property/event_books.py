"""The books as a reader of the event stream alone would have them: no oracle, no engine.

Every event that names a level's totals is compared with the sums over the orders so far.
"""

from __future__ import annotations

import itertools

import numpy as np

from exchange.codes import FLAG_LEVEL, EventKind, InstrumentState, Side

_COLUMNS = (
    "kind", "order_id", "instrument", "side", "price", "quantity", "flags", "remaining",
    "contra_order_id", "contra_side", "level_quantity", "level_orders", "command_sequence",
    "reason", "display", "liquidity",
)  # fmt: skip
_RESTING_SIDE = ord("A")


class OpenOrder:
    """An order; ``shown``: what its level shows of it."""

    def __init__(self, instrument: int, is_bid: bool, price: int, quantity: int) -> None:
        self.instrument = instrument
        self.is_bid = is_bid
        self.price = price
        self.open = quantity
        self.shown = 0
        self.display_quantity = 0
        self.on_level = False

    def show_next(self) -> None:
        self.shown = min(self.open, self.display_quantity or self.open)


class EventBooks:
    """Feed it all events, in order, with ``read``."""

    def __init__(self) -> None:
        self.orders: dict[int, OpenOrder] = {}
        self.totals: dict[tuple[int, bool, int], list[int]] = {}  # level -> quantity, orders
        self.states: dict[int, int] = {}
        self.traded = 0
        self.levels_checked = 0
        self.looks = 0

    def read(self, events: np.ndarray) -> None:
        rows = list(zip(*(events[name].tolist() for name in _COLUMNS), strict=True))
        rows.append((0,) * len(_COLUMNS))
        for row, following in itertools.pairwise(rows):
            self.apply(row, following)

    # Levels --------------------------------------------------------------------------------------

    def put(self, order: OpenOrder) -> None:
        order.on_level = True
        total = self.totals.setdefault((order.instrument, order.is_bid, order.price), [0, 0])
        total[0] += order.shown
        total[1] += 1

    def take(self, order: OpenOrder) -> None:
        order.on_level = False
        key = (order.instrument, order.is_bid, order.price)
        total = self.totals[key]
        total[0] -= order.shown
        total[1] -= 1
        if total[1] == 0:
            assert total[0] == 0
            del self.totals[key]

    def put_back(self, order_id: int, order: OpenOrder, was_on_level: bool) -> None:
        if order.open == 0:
            del self.orders[order_id]
        elif was_on_level:
            self.put(order)

    def reduce(self, order_id: int, remaining: int) -> None:
        """CANCELED, MODIFIED: the hidden part goes first."""
        order = self.orders[order_id]
        was_on_level = order.on_level
        if was_on_level:
            self.take(order)
            hidden = order.open - order.shown
            order.shown -= max(0, order.open - remaining - hidden)
        order.open = remaining
        self.put_back(order_id, order, was_on_level)

    def fill(self, order_id: int, quantity: int) -> None:
        """Quantity off the shown part of a resting order, or off an aggressor."""
        order = self.orders[order_id]
        was_on_level = order.on_level
        if was_on_level:
            self.take(order)
            order.shown -= quantity
        order.open -= quantity
        assert order.open >= 0 and order.shown >= 0
        self.put_back(order_id, order, was_on_level)

    def fill_in_auction(self, order_id: int, quantity: int, price: int) -> None:
        order = self.orders[order_id]
        assert order.on_level
        assert order.price >= price if order.is_bid else order.price <= price
        self.take(order)
        order.open -= quantity
        if quantity < order.shown:
            order.shown -= quantity
        else:
            order.show_next()
        self.put_back(order_id, order, True)

    # Events --------------------------------------------------------------------------------------

    def apply(self, row: tuple[int, ...], following: tuple[int, ...]) -> None:
        (kind, order_id, instrument, side, price, quantity, flags, remaining, contra_order_id,
         contra_side, level_quantity, level_orders, command, reason, display,
         liquidity) = row  # fmt: skip
        is_bid = side == Side.BUY
        if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            self.accept(row, following)
        elif kind == EventKind.TRADE:
            self.traded += quantity
            assert (contra_side == Side.BUY) != is_bid
            if reason:
                assert is_bid
                self.fill_in_auction(order_id, quantity, price)
                self.fill_in_auction(contra_order_id, quantity, price)
            else:
                maker = self.orders[order_id]
                assert (maker.instrument, maker.is_bid, maker.price) == (instrument, is_bid, price)
                assert not self.orders[contra_order_id].on_level
                self.fill(order_id, quantity)
                self.fill(contra_order_id, quantity)
            assert remaining == (self.orders[order_id].open if order_id in self.orders else 0)
        elif kind == EventKind.RESTED:
            order = self.orders[order_id]
            assert order.open == remaining and not order.on_level
            order.shown = quantity
            self.put(order)
        elif kind == EventKind.REFRESHED:
            order = self.orders[order_id]
            assert order.open == remaining
            self.take(order)
            order.shown = quantity
            self.put(order)
        elif kind in (EventKind.REMOVED, EventKind.CANCELED, EventKind.MODIFIED):
            lost = (
                remaining if kind == EventKind.MODIFIED else self.orders[order_id].open - quantity
            )
            assert lost == remaining
            self.reduce(order_id, remaining)
        elif kind == EventKind.SELF_TRADE_PREVENTED:
            assert self.orders[order_id].on_level == (liquidity == _RESTING_SIDE)
            if remaining == 0:
                assert self.orders[order_id].open == quantity
                self.reduce(order_id, 0)
            else:
                self.fill(order_id, quantity)
        elif kind == EventKind.STATE_CHANGED and instrument:
            self.states[instrument] = display
        if flags & FLAG_LEVEL:
            self.levels_checked += 1
            found = self.totals.get((instrument, is_bid, price), [0, 0])
            assert found == [level_quantity, level_orders], f"level {instrument} {is_bid} {price}"
        if following[_COLUMNS.index("command_sequence")] != command and instrument:
            self.check_not_crossed(instrument)

    def accept(self, row: tuple[int, ...], following: tuple[int, ...]) -> None:
        _, order_id, instrument, side, price, quantity, flags, *_ = row
        order = OpenOrder(instrument, side == Side.BUY, price, quantity)
        terms = dict(zip(_COLUMNS, following, strict=True))
        if terms["kind"] == EventKind.TERMS and terms["order_id"] == order_id:
            order.price = terms["price"]
            order.display_quantity = terms["remaining"]
            flags |= terms["flags"]
        self.orders[order_id] = order
        if flags & FLAG_LEVEL:
            order.show_next()
            self.put(order)

    def check_not_crossed(self, instrument: int) -> None:
        """By now and then looking at all levels: a crossed book does not heal by itself."""
        self.looks += 1
        if self.looks % 97 or self.states.get(instrument, 0) != InstrumentState.OPEN:
            return
        bids = [price for one, is_bid, price in self.totals if one == instrument and is_bid]
        asks = [price for one, is_bid, price in self.totals if one == instrument and not is_bid]
        assert not bids or not asks or max(bids) < min(asks)
