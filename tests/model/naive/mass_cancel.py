"""Cancels of many orders in the naive exchange, always in ascending order of their ids."""

from __future__ import annotations

from collections.abc import Iterable

from exchange.codes import MASS_CANCEL_ANY_SIDE, CancelReason
from tests.model.naive.book import ASK, BID, Order, book_side
from tests.model.naive.command import NO_CONTINUATION, Command, Continuation
from tests.model.naive.market import Market

SECOND_NS = 1_000_000_000

TIMER_CANCELS_MAXIMUM = 4096
CANCEL_AFTER_MAXIMUM_S = 99_997


class MassCancel(Market):
    def cancel_orders(
        self, orders: Iterable[Order], reason: int, *, counts_for_ratio: bool = False
    ) -> None:
        for order in sorted(orders, key=lambda order: order.order_id):
            self.cancel_whole(order, reason)
            self.cancelled += 1
            if counts_for_ratio:
                self.count_cancel(self.accounts[order.account])

    def orders_of_session(self, session: int) -> list[Order]:
        return [order for order in self.live_by_id.values() if order.session == session]

    def mass_cancel(self, command: Command, continuation: Continuation | None) -> None:
        if command.session == 0:
            self.operate(command, continuation or NO_CONTINUATION)
        else:
            self.mass_cancel_of_client(command)

    def mass_cancel_of_client(self, command: Command) -> None:
        session = self.sessions.get(command.session)
        if session is None:
            return
        self.cancel_orders(
            [
                order
                for order in self.selected(command, session.account)
                if not self.cancel_refused(order.instrument)
            ],
            CancelReason.USER,
            counts_for_ratio=True,
        )

    def mass_cancel_of_operator(self, command: Command, _: Continuation) -> int:
        self.cancel_orders(self.selected(command, command.quantity), CancelReason.SUPERVISORY)
        return 0

    def selected(self, command: Command, account: int) -> list[Order]:
        """The live orders that MASS_CANCEL means, of an account (0: any)."""
        sides: tuple[int, ...] = (BID, ASK)
        if command.side != MASS_CANCEL_ANY_SIDE:
            sides = tuple(side for side in sides if side == command.side)
        return [
            order
            for order in self.live_by_id.values()
            if account in (0, order.account)
            and command.price in (0, order.session)
            and command.instrument in (0, order.instrument)
            and book_side(order.side) in sides
        ]

    def disconnect(self, command: Command, _: Continuation) -> None:
        for number, session in sorted(self.sessions.items()):
            if command.session in (0, number) and session.cancel_on_disconnect:
                self.cancel_orders(self.orders_of_session(number), CancelReason.SYSTEM)

    def cancel_after(self, command: Command, _: Continuation) -> None:
        session = self.sessions.get(command.session)
        if session is None or not 0 <= command.quantity <= CANCEL_AFTER_MAXIMUM_S:
            return
        session.cancel_after_second = 0
        if command.quantity:
            session.cancel_after_second = -(-self.timestamp_ns // SECOND_NS) + command.quantity

    def timer(self, command: Command, _: Continuation) -> None:
        due = [
            order
            for order in self.good_till_time.values()
            if order.expiry_second * SECOND_NS <= command.timestamp_ns
        ]
        due.sort(key=lambda order: (order.expiry_second, order.order_id))
        for order in due[:TIMER_CANCELS_MAXIMUM]:
            self.cancel_whole(order, CancelReason.TIMEOUT)
        self.end_halts()
        for number, session in sorted(self.sessions.items()):
            if 0 < session.cancel_after_second * SECOND_NS <= self.timestamp_ns:
                session.cancel_after_second = 0
                self.cancel_orders(self.orders_of_session(number), CancelReason.SYSTEM)
