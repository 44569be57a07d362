"""The trading day and time: START_OF_DAY, END_OF_DAY, TIMER."""

from __future__ import annotations

from exchange.codes import CancelReason, EventKind, Reject, SystemEvent
from tests.model.naive_command import Command, Continuation
from tests.model.naive_market import Market

TIMER_CANCELS_MAXIMUM = 4096
SECOND_NS = 1_000_000_000


class Days(Market):
    def timer(self, command: Command, _: Continuation | None) -> None:
        due = [
            order
            for order in self.good_till_time.values()
            if order.expiry_second * SECOND_NS <= command.timestamp_ns
        ]
        due.sort(key=lambda order: (order.expiry_second, order.order_id))
        for order in due[:TIMER_CANCELS_MAXIMUM]:
            self.cancel_whole(order, CancelReason.TIMEOUT)

    def start_of_day(self, command: Command, _: Continuation | None) -> None:
        if self.day_open:
            self.refuse_control(command, Reject.DAY_ALREADY_OPEN)
            return
        self.used_tokens.clear()
        for session in self.session_numbers:
            self.session_numbers[session] = 0
        self.day_open = True
        self.midnight_ns = command.quantity
        self.day_number = command.price
        self.emit(EventKind.DAY_STARTED, price=self.day_number, quantity=self.midnight_ns)
        for session in sorted(self.session_numbers):
            self.emit_system(session, SystemEvent.START_OF_DAY)

    def end_of_day(self, command: Command, _: Continuation | None) -> None:
        if not self.day_open:
            self.refuse_control(command, Reject.DAY_NOT_OPEN)
            return
        for order_id in sorted(self.live_by_id):
            self.cancel_whole(self.live_by_id[order_id], CancelReason.TIMEOUT)
        for session in sorted(self.session_numbers):
            self.emit_system(session, SystemEvent.END_OF_DAY)
        self.emit(EventKind.DAY_ENDED, price=self.day_number, quantity=self.midnight_ns)
        self.day_open = False

    def emit_system(self, session: int, reason: int) -> None:
        self.emit(
            EventKind.SYSTEM,
            price=self.day_number,
            quantity=self.midnight_ns,
            session_sequence=self.next_number(session),
            session=session,
            reason=reason,
        )
