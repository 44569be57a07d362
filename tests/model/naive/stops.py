"""Stop orders of the naive exchange: they wait, become due, and enter the market one by one.

See *Stops* in docs/matching.md. A stop book is a list per instrument and side, first due first.
"""

from __future__ import annotations

from bisect import insort

from exchange.codes import EventKind
from tests.model.naive.book import BUY, Order
from tests.model.naive.command import Capacities
from tests.model.naive.market import Market

STOP_STEPS_MAXIMUM = 64


class StopBook:
    """One side's waiting stops of one instrument: lowest BUY and highest sell stop price first."""

    def __init__(self, is_buy: bool) -> None:
        self.is_buy = is_buy
        self.arrivals = 0
        self.waiting: list[tuple[int, int, Order]] = []  # (urgency, arrival, order)

    def add(self, order: Order) -> None:
        self.arrivals += 1
        urgency = order.stop_price if self.is_buy else -order.stop_price
        insort(self.waiting, (urgency, self.arrivals, order))

    def remove(self, order: Order) -> None:
        (index,) = (i for i, entry in enumerate(self.waiting) if entry[2] is order)
        del self.waiting[index]

    def first_due(self, last_price: int) -> Order | None:
        if not self.waiting or last_price == 0:
            return None
        first = self.waiting[0][2]
        is_due = last_price >= first.stop_price if self.is_buy else last_price <= first.stop_price
        return first if is_due else None


class Stops(Market):
    """What happens to orders that wait for the last price to reach their stop price."""

    def __init__(self, capacities: Capacities) -> None:
        super().__init__(capacities)
        self.stop_books: dict[int, tuple[StopBook, StopBook]] = {}  # BUY, sell; by instrument
        self.pending: list[int] = []  # instruments with due stops, in the order they came

    def stop_book(self, order: Order) -> StopBook:
        books = self.stop_books.setdefault(order.instrument, (StopBook(True), StopBook(False)))
        return books[0 if order.side == BUY else 1]

    def wait_for_stop(self, order: Order) -> None:
        """Rule stop-wait: the order joins its stop book."""
        order.waiting = True
        self.stop_book(order).add(order)
        self.look_for_due_stops(order.instrument)

    def leave_stop_book(self, order: Order) -> None:
        """The order keeps its mark, for the event that says why it left."""
        self.stop_book(order).remove(order)

    def first_due_stop(self, instrument: int) -> Order | None:
        last_price = self.instruments[instrument].last_price
        for book in self.stop_books.get(instrument, ()):
            order = book.first_due(last_price)
            if order is not None:
                return order
        return None

    def look_for_due_stops(self, instrument: int) -> None:
        """Put the instrument on the pending queue if it belongs there."""
        if (
            instrument not in self.pending
            and self.is_open(instrument)
            and self.first_due_stop(instrument) is not None
        ):
            self.pending.append(instrument)

    def run_stops(self) -> None:
        """The end of every command: a bounded number of stops enters the market."""
        steps = 0
        while self.pending and steps < STOP_STEPS_MAXIMUM:
            instrument = self.pending[0]
            order = self.first_due_stop(instrument)
            if order is None or not self.is_open(instrument):
                del self.pending[0]
                continue
            steps += 1
            self.leave_stop_book(order)
            order.waiting = False
            self.emit_order(
                EventKind.TRIGGERED,
                order,
                order.open,
                remaining=order.open,
                with_level=False,
                reported=False,
            )
            self.enter_from_stop(order)
