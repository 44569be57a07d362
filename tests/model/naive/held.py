"""Orders of the naive exchange that wait for an operator's review."""

from __future__ import annotations

from exchange.codes import DISPLAY_POST_ONLY, CancelReason, EventKind, Reject
from tests.model.naive.book import Order
from tests.model.naive.command import Capacities, Command, Continuation
from tests.model.naive.market import Market


class Held(Market):
    def __init__(self, capacities: Capacities) -> None:
        super().__init__(capacities)
        self.held: dict[int, Order] = {}  # by order id

    def hold_order(self, order: Order) -> None:
        """Rule value-review."""
        order.held = True
        self.held[order.order_id] = order
        self.emit_order(
            EventKind.HELD,
            order,
            order.open,
            remaining=order.open,
            with_level=False,
            reported=False,
        )

    def leave_held(self, order: Order) -> None:
        del self.held[order.order_id]

    def review(self, command: Command, continuation: Continuation) -> int:
        """The reject, or 0. The order that it cancels counts in ``self.cancelled``."""
        order = self.held.get(command.price)
        if order is None or command.quantity not in (0, 1):
            return Reject.UNKNOWN_ORDER
        if command.quantity == 0:
            self.cancel_whole(order, CancelReason.SUPERVISORY)
            self.cancelled += 1
            return 0
        reason = self.state_reject(order.instrument)
        if reason:
            return reason
        self.leave_held(order)
        order.held = False
        self.emit_order(
            EventKind.RELEASED,
            order,
            order.open,
            remaining=order.open,
            with_level=False,
            reported=False,
        )
        if self.cannot_enter(order):
            self.drop(order, CancelReason.SYSTEM)
        else:
            self.enter_from_review(order)
        return 0

    def cannot_enter(self, order: Order) -> bool:
        """The market has changed so that the order would not be accepted any more."""
        if self.in_auction(order.instrument):
            return order.minimum_quantity > 0
        return order.display == DISPLAY_POST_ONLY and self.would_trade(order)
