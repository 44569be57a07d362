"""Turns a LOBSTER day into orders: which message to send for which row of the file.

The book starts from row 0. Type 1 enters, 2 cancels down, 3 deletes, 4 is an aggressor of the
opposite side at that price and size (executions with one timestamp belong to one aggressor), all
others do nothing. The file shows a window of the book only: what happens out of view is not in it.
So when a level comes into view, it is made what that row says: *reveals* enter an anonymous order
for what is missing and cancel what has gone meanwhile. They touch only levels that were out of view
in the row before; a level in view follows from the messages alone, and if it ever does not, the row
counts as *unexplained* (it is put right, so that later rows can still be judged).

Reveals are sent before the row's own message. They lie beyond the view of the row before, so
nothing that is compared sees them early; and an aggressor that eats through several levels of a
narrow file finds them there.

Every message sent has at least one event, and fills are simulated in the order of the queues, so
for each row it is known after which event the book must be the file's.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scripts.lobster_replay.book import ASK, BID, Book, Order
from scripts.lobster_replay.day import (
    CANCELLATION,
    DELETION,
    EXECUTION,
    NO_PRICE,
    SUBMISSION,
    Day,
    occupied,
)
from scripts.lobster_replay.lookahead import NO_LIMIT, Lookahead

ALL_TRADES = -1


class Message(NamedTuple):
    """One message to send. ``price`` < 0: CANCEL of ``token`` to the new total ``shares``."""

    token: str
    side: int
    shares: int
    price: int
    is_immediate: bool


class Fill(NamedTuple):
    """An execution in the file: which trades of which message it is, whom it should hit."""

    row: int
    message: int
    first_trade: int
    end_trade: int
    token: str  # of the order that the file names; "" = one that never was entered by its id


class Plan(NamedTuple):
    messages: list[Message]
    # For each row: the book is the file's after trade number `row_trade` (1-based) of message
    # `row_message`, or after all its events (ALL_TRADES).
    row_message: np.ndarray
    row_trade: np.ndarray
    fills: list[Fill]
    unexplained_rows: list[int]
    impossible_fills: int
    reveals: int
    reveal_cancels: int
    trades: int


class Aggressor:
    """The aggressor being put together from executions with one timestamp."""

    def __init__(self, time_ns: int, side: int) -> None:
        self.time_ns = time_ns
        self.side = side  # of the book that it trades with
        self.price = 0
        self.shares = 0
        self.trades = 0
        self.rows: list[tuple[int, int]] = []  # row, trades up to and including it
        self.fills: list[tuple[int, int, int, str]] = []


class Planner:
    """Goes through a day once; ``plan`` gives the result."""

    def __init__(self, day: Day) -> None:
        self.day = day
        self.book = Book()
        self.known: dict[int, Order] = {}
        self.token_uses: dict[int, int] = {}
        self.revealed_tokens: set[str] = set()  # entered by a reveal, not by a submission
        self.messages: list[Message] = []
        self.row_message = np.zeros(day.rows, np.int64)
        self.row_trade = np.full(day.rows, ALL_TRADES, np.int64)
        self.fills: list[Fill] = []
        self.unexplained_rows: list[int] = []
        self.impossible_fills = 0
        self.reveals = 0
        self.reveal_cancels = 0
        self.trades = 0
        self.anonymous = 0
        self.aggressors = 0
        self.aggressor: Aggressor | None = None
        # a view's worst price on each side (as a key: bids negated); beyond it nothing is known
        self.view_end = [-NO_LIMIT, -NO_LIMIT]
        self.lookahead = Lookahead(day)
        self.last_mention = self._last_mentions()

    def _last_mentions(self) -> dict[int, int]:
        """For each order id of the file its last row."""
        ids, first_in_reverse = np.unique(self.day.order_id[::-1], return_index=True)
        last = self.day.rows - 1 - first_in_reverse
        return dict(zip(ids.tolist(), last.tolist(), strict=True))

    def plan(self) -> Plan:
        day = self.day
        columns = zip(
            day.time_ns.tolist(),
            day.type.tolist(),
            day.order_id.tolist(),
            day.size.tolist(),
            day.price.tolist(),
            day.direction.tolist(),
            strict=True,
        )
        for row, (time_ns, kind, order_id, size, price, direction) in enumerate(columns):
            if self.aggressor is not None and (
                kind in (SUBMISSION, CANCELLATION, DELETION) or time_ns != self.aggressor.time_ns
            ):
                self._send_aggressor()
            side = BID if direction == 1 else ASK
            if row == 0:
                pass  # the opening book holds it already
            elif kind == SUBMISSION:
                self._submit(order_id, side, price, size)
            elif kind in (CANCELLATION, DELETION):
                self._cancel(order_id, side, price, size)
            elif kind == EXECUTION:
                self._execute(row, time_ns, order_id, side, price, size)
            self._show(row)
        self._send_aggressor()
        return Plan(
            self.messages,
            self.row_message,
            self.row_trade,
            self.fills,
            self.unexplained_rows,
            self.impossible_fills,
            self.reveals,
            self.reveal_cancels,
            self.trades,
        )

    # Messages ------------------------------------------------------------------------------------

    def _send_enter(self, order: Order) -> None:
        self.messages.append(Message(order.token, order.side, order.open, order.price, False))
        self.book.add(order)

    def _send_cancel(self, order: Order, quantity: int) -> None:
        self.book.reduce(order, quantity)
        self.messages.append(
            Message(order.token, order.side, order.executed + order.open, -1, False)
        )
        if order.open == 0 and self.known.get(order.file_id) is order:
            del self.known[order.file_id]

    def _send_aggressor(self) -> None:
        aggressor = self.aggressor
        if aggressor is None:
            return
        self.aggressor = None
        number = len(self.messages)
        side = ASK if aggressor.side == BID else BID
        self.messages.append(
            Message(f"X{self.aggressors}", side, aggressor.shares, aggressor.price, True)
        )
        self.aggressors += 1
        for row, trades in aggressor.rows:
            self.row_message[row] = number
            self.row_trade[row] = trades
        # the last row is complete only with the last event
        for row, first, end, token in aggressor.fills:
            self.fills.append(Fill(row, number, first, end, token))
        self.trades += aggressor.trades

    def _anonymous(self, side: int, price: int, quantity: int) -> None:
        self._send_enter(Order(f"A{self.anonymous}", -1, side, price, quantity))
        self.anonymous += 1

    # Rows ----------------------------------------------------------------------------------------

    def _submit(self, order_id: int, side: int, price: int, size: int) -> None:
        best = self.book.best(1 - side)
        crosses = best is not None and (price >= best if side == BID else price <= best)
        if size <= 0 or price <= 0 or crosses:
            return  # the row will count as unexplained
        level = self.book.levels[side].get(price)
        # Ids rise with time. The first rows of a day list orders of before the opening, older
        # than some that row 0 shows already: those go behind.
        younger = []
        if level is not None:
            younger = [
                order
                for order in level.orders.values()
                if order.file_id > order_id and order.token in self.revealed_tokens
            ]
        again = [(order.file_id, order.open, order.file_open) for order in younger]
        for order in younger:
            self._send_cancel(order, order.open)
            self.reveal_cancels += 1
        self._enter_known(order_id, side, price, size)
        for file_id, quantity, file_open in again:
            self._enter_known(file_id, side, price, quantity).file_open = file_open
            self.revealed_tokens.add(self.known[file_id].token)
            self.reveals += 1

    def _enter_known(self, order_id: int, side: int, price: int, size: int) -> Order:
        uses = self.token_uses.get(order_id, 0)
        self.token_uses[order_id] = uses + 1
        token = f"L{order_id}" if uses == 0 else f"L{order_id}.{uses}"
        order = Order(token, order_id, side, price, size)
        self._send_enter(order)
        self.known[order_id] = order
        return order

    def _cancel(self, order_id: int, side: int, price: int, size: int) -> None:
        order = self.known.get(order_id)
        if order is not None and (order.price != price or order.side != side):
            order = None
        if size <= 0 or self.book.quantity(side, price) < size:
            return
        if order is not None:
            order.file_open = max(0, order.file_open - size)
            part = min(size, order.open)
            self._send_cancel(order, part)
            size -= part
        if size:
            self._cancel_surplus(side, price, size)

    def _cancel_surplus(self, side: int, price: int, size: int) -> None:
        """Cancel ``size`` of what rests at a price for orders that the file does not name."""
        orders = list(self.book.levels[side][price].orders.values())
        for order in orders:
            part = min(size, order.surplus)
            if part:
                self._send_cancel(order, part)
                size -= part
            if not size:
                return
        for order in reversed(orders):
            part = min(size, order.open)
            if part:
                self._send_cancel(order, part)
                size -= part
            if not size:
                return

    def _execute(
        self, row: int, time_ns: int, order_id: int, side: int, price: int, size: int
    ) -> None:
        named = self.known.get(order_id)
        if named is not None and (named.price != price or named.side != side):
            named = None
        if size <= 0 or self.book.quantity(side, price) < size:
            return
        if self.book.best(side) != price:
            # Nothing can trade behind a better price: take the quantity away without a trade.
            self.impossible_fills += 1
            self._cancel(order_id, side, price, size)
            return
        if named is not None:
            named.file_open = max(0, named.file_open - size)
        aggressor = self.aggressor
        if aggressor is None or aggressor.side != side:
            self._send_aggressor()
            aggressor = self.aggressor = Aggressor(time_ns, side)
        aggressor.price = price
        aggressor.shares += size
        first_trade = aggressor.trades
        level = self.book.levels[side][price]
        left = size
        is_cut = False  # the last maker hit still rests: the next row's fill would merge with it
        while left:
            maker = next(iter(level.orders.values()))
            part = min(left, maker.open)
            maker.executed += part
            self.book.reduce(maker, part)
            left -= part
            aggressor.trades += 1
            is_cut = maker.open > 0
            if maker.open == 0 and self.known.get(maker.file_id) is maker:
                del self.known[maker.file_id]
        aggressor.fills.append(
            (row, first_trade, aggressor.trades, named.token if named is not None else "")
        )
        aggressor.rows.append((row, aggressor.trades))
        if is_cut:
            self._send_aggressor()

    def _show(self, row: int) -> None:
        """Make the levels that have just come into view what the file says; note the row's end."""
        sides = occupied(self.day.book[row].tolist())
        levels = self.day.levels
        for side, shown in zip((ASK, BID), sides, strict=True):
            is_full = len(shown) == levels
            view_end = (shown[-1][0] if side == ASK else -shown[-1][0]) if is_full else NO_LIMIT
            if view_end > self.view_end[side] or self.book.top(side, levels) != shown:
                self._reveal(row, side, shown)
            self.view_end[side] = view_end
        if self.aggressor is not None:
            if not self.aggressor.rows or self.aggressor.rows[-1][0] != row:
                self.aggressor.rows.append((row, self.aggressor.trades))
        elif self.fills and self.fills[-1].row == row and self.row_trade[row] > 0:
            pass  # the aggressor has just been sent
        else:
            self.row_message[row] = len(self.messages) - 1
            if row and self.row_message[row] == self.row_message[row - 1]:
                self.row_trade[row] = self.row_trade[row - 1]

    def _reveal(self, row: int, side: int, shown: list[tuple[int, int]]) -> None:
        wanted = dict(shown)
        is_full = len(shown) == self.day.levels
        worst = (shown[-1][0] if side == ASK else -shown[-1][0]) if is_full else NO_LIMIT
        prices = set(wanted)
        for key in self.book.keys[side]:
            if key > worst:
                break
            prices.add(key if side == ASK else -key)
        is_unexplained = False
        changes = []
        for price in sorted(prices, reverse=side == BID):
            # A level may come back with the same quantity and other orders: look at it as well.
            in_view = (price if side == ASK else -price) <= self.view_end[side]
            is_different = wanted.get(price, 0) != self.book.quantity(side, price)
            is_unexplained |= in_view and is_different
            if is_different or not in_view:
                changes.append(price)
        if is_unexplained:
            self.unexplained_rows.append(row)
            self._send_aggressor()
            self.row_trade[row] = ALL_TRADES
        for price in changes:
            best = self.book.best(1 - side)
            if best is not None and (price >= best if side == BID else price <= best):
                continue  # would trade: the book of the other side is not explained either
            self._make(row, side, price, wanted.get(price, 0))
        if is_unexplained:
            self.row_message[row] = len(self.messages) - 1

    def _make(self, row: int, side: int, price: int, quantity: int) -> None:
        """Make a level what the file shows: ``quantity`` in all, of orders known from later rows.

        What rests here already and fits stays; the rest is cancelled, what is missing entered.
        """
        level = self.book.levels[side].get(price)
        resting = list(level.orders.values()) if level is not None else []
        wanted = self._composition(row, side, price, quantity, resting)
        place = 0
        for order in resting:
            size = wanted[place][1] if place < len(wanted) else 0
            if place < len(wanted) and wanted[place][0] == order.file_id and size <= order.open:
                place += 1
                gone = order.open - size
            else:
                gone = order.open
            if gone:
                self._send_cancel(order, gone)
                self.reveal_cancels += 1
            order.file_open = min(order.file_open, order.open)
        for file_id, size in wanted[place:]:
            self.reveals += 1
            if file_id < 0:
                self._anonymous(side, price, size)
            else:
                order = self._enter_known(file_id, side, price, size)
                self.revealed_tokens.add(order.token)

    def _composition(
        self, row: int, side: int, price: int, quantity: int, resting: list[Order]
    ) -> list[tuple[int, int]]:
        """(file id or -1, quantity) of each order that is put at a level, first in queue first."""
        here = {order.file_id: order for order in resting if order.file_id >= 0}
        present = self.lookahead.present(row, side, price)
        sizes: dict[int, int] = {}
        left = quantity
        for one in present:
            sizes[one.file_id] = min(one.quantity, left)
            left -= sizes[one.file_id]
        for one in present:
            order = here.get(one.file_id)
            if order is not None and not one.is_complete:
                more = max(0, min(order.file_open - sizes[one.file_id], left))
                sizes[one.file_id] += more
                left -= more
        # of the others that were here, first those that are named again some time
        others = [order for order in here.values() if order.file_id not in sizes]
        others.sort(key=lambda order: self.last_mention.get(order.file_id, -1) <= row)
        stay: set[int] = set()
        for order in others:
            part = min(order.open, left)
            if part:
                stay.add(order.file_id)
                sizes[order.file_id] = part
                left -= part
        result = [(one.file_id, sizes[one.file_id]) for one in present if sizes[one.file_id]]
        result += [(file_id, sizes[file_id]) for file_id in here if file_id in stay]
        if left:
            result.append((-1, left))
        return result


def tick_of(day: Day) -> int:
    """The largest tick (in 1/10,000) that divides every price of the file, at most a cent."""
    prices = np.concatenate([day.book[:, 0::2].ravel(), day.price[day.price > 1]])
    prices = np.abs(prices[np.abs(prices) != NO_PRICE])
    return int(np.gcd.reduce(np.append(prices, 100)))
