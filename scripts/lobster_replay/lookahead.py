"""Reads from the rest of the file about the orders of a level that has just come into view.

While a level is in view every message about it is in the file. So an order that is cancelled or
executed there, without having been submitted in that time, was there when the level came into view,
with at least the quantity that those messages take away; and of two that are executed, the one that
is executed first stood first.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from scripts.lobster_replay.book import ASK, BID
from scripts.lobster_replay.day import DELETION, EXECUTION, NO_PRICE, SUBMISSION, Day

NO_LIMIT = 1 << 62
NEVER = 1 << 62


class Present(NamedTuple):
    """An order that must be there: its id, the least it has, whether that is all of it."""

    file_id: int
    quantity: int
    is_complete: bool
    first_execution: int  # row, or NEVER


class Lookahead:
    """Indexes of a day's messages by level, and how far the view reached in each row."""

    def __init__(self, day: Day) -> None:
        rows = np.nonzero((day.type >= SUBMISSION) & (day.type <= EXECUTION))[0]
        self.level_rows: dict[tuple[int, int], np.ndarray] = {}
        if len(rows):
            side = np.where(day.direction[rows] == 1, BID, ASK)
            order = np.lexsort((rows, side, day.price[rows]))
            rows, side = rows[order], side[order]
            price = day.price[rows]
            cuts = np.nonzero((np.diff(price) != 0) | (np.diff(side) != 0))[0] + 1
            for part in np.split(np.arange(len(rows)), cuts):
                key = (int(side[part[0]]), int(price[part[0]]))
                self.level_rows[key] = rows[part]
        self.type, self.order_id, self.size = day.type, day.order_id, day.size
        # the worst price in view as a key (bids negated); NO_LIMIT where the side is not full
        self.view_end: dict[int, np.ndarray] = {}
        for at, column in ((ASK, -4), (BID, -2)):
            worst, quantity = day.book[:, column], day.book[:, column + 1]
            empty = (quantity == 0) | (np.abs(worst) == NO_PRICE)
            self.view_end[at] = np.where(empty, NO_LIMIT, worst if at == ASK else -worst)

    def end_of_view(self, row: int, side: int, price: int) -> int:
        """The first row after ``row`` in which the price is out of view (or the number of rows)."""
        key = price if side == ASK else -price
        ends = self.view_end[side]
        first, length = row + 1, 64
        while first < len(ends):
            out = ends[first : first + length] < key
            at = int(np.argmax(out))
            if out[at]:
                return first + at
            first += length
            length *= 4
        return len(ends)

    def present(self, row: int, side: int, price: int) -> list[Present]:
        """The orders that must be at this level after ``row``, in the order of the queue."""
        rows = self.level_rows.get((side, price))
        if rows is None:
            return []
        first = int(np.searchsorted(rows, row, side="right"))
        last = int(np.searchsorted(rows, self.end_of_view(row, side, price)))
        span = rows[first:last]
        new: set[int] = set()
        found: dict[int, list[int]] = {}  # id -> quantity, is complete, first execution
        for at, kind, file_id, size in zip(
            span.tolist(),
            self.type[span].tolist(),
            self.order_id[span].tolist(),
            self.size[span].tolist(),
            strict=True,
        ):
            if kind == SUBMISSION:
                new.add(file_id)
            elif file_id not in new:
                one = found.setdefault(file_id, [0, 0, NEVER])
                one[0] += size
                if kind == DELETION:
                    one[1] = 1
                    new.add(file_id)
                elif kind == EXECUTION:
                    one[2] = min(one[2], at)
        result = [
            Present(file_id, quantity, bool(complete), execution)
            for file_id, (quantity, complete, execution) in found.items()
        ]
        result.sort(key=lambda one: one.first_execution)
        return result
