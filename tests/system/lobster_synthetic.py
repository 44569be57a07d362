"""Invented LOBSTER days: a random market seen through a window of some levels.

They have what the real samples at hand do not: empty levels, halts (type 7), cross trades (type 6),
sub-penny ticks, levels that change while they are out of view, any number of levels. The market is
a few lists, not the exchange under test.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

NO_PRICE = 9_999_999_999


class Market:
    """Orders in queues by (side, price); side 1 buys, -1 sells."""

    def __init__(self) -> None:
        self.levels: dict[tuple[int, int], list[list[int]]] = {}  # [id, open], oldest first

    def prices(self, side: int) -> list[int]:
        """Best first."""
        return sorted((p for s, p in self.levels if s == side), reverse=side == 1)

    def view(self, side: int, levels: int) -> list[tuple[int, int]]:
        return [
            (price, sum(quantity for _, quantity in self.levels[side, price]))
            for price in self.prices(side)[:levels]
        ]

    def drop_empty(self, side: int, price: int) -> None:
        queue = self.levels[side, price]
        queue[:] = [one for one in queue if one[1]]
        if not queue:
            del self.levels[side, price]


# long: the ladder of what may happen next, one message for each
def write_day(path: Path, seed: int, rows: int, levels: int, tick: int = 100) -> None:
    """Write a zip as LOBSTER makes them: only messages that change the view are in it."""
    random = np.random.default_rng(seed)
    market = Market()
    middle, next_id, time_ns = 1_000 * tick, 1_000, 34_200_000_000_000
    messages: list[str] = []
    books: list[str] = []

    def row(kind: int, order_id: int, size: int, price: int, side: int) -> None:
        if not books and kind != 1:
            return
        time_text = f"{time_ns // 10**9}.{time_ns % 10**9:09d}"
        messages.append(f"{time_text},{kind},{order_id},{size},{price},{side}")
        asks, bids = market.view(-1, levels), market.view(1, levels)
        asks += [(NO_PRICE, 0)] * (levels - len(asks))
        bids += [(-NO_PRICE, 0)] * (levels - len(bids))
        books.append(
            ",".join(f"{a},{b},{c},{d}" for (a, b), (c, d) in zip(asks, bids, strict=True))
        )

    def is_seen(before: tuple[object, object]) -> bool:
        return before != (market.view(-1, levels), market.view(1, levels))

    while len(books) < rows:
        time_ns += int(random.exponential(1e6))
        before = (market.view(-1, levels), market.view(1, levels))
        what = random.random()
        side = 1 if random.random() < 0.5 else -1
        if what < 0.5:
            price = middle - side * tick * int(random.geometric(0.15))
            best = market.prices(-side)
            if best and (price - best[0]) * side >= 0:
                continue
            size = int(random.choice([100, 100, 50, int(random.integers(1, 400))]))
            market.levels.setdefault((side, price), []).append([next_id, size])
            next_id += int(random.integers(1, 9))
            if is_seen(before):
                row(1, market.levels[side, price][-1][0], size, price, side)
        elif what < 0.87 and market.levels:
            keys = list(market.levels)
            at = keys[random.integers(len(keys))]
            one = market.levels[at][random.integers(len(market.levels[at]))]
            whole = random.random() < 0.9 or one[1] == 1
            size = one[1] if whole else int(random.integers(1, one[1]))
            one[1] -= size
            market.drop_empty(*at)
            if is_seen(before):
                row(3 if whole else 2, one[0], size, at[1], at[0])
        elif what < 0.96 and market.prices(side):
            left = int(random.integers(1, 500))
            while left and market.prices(side):
                price = market.prices(side)[0]
                one = market.levels[side, price][0]
                size = min(left, one[1])
                one[1] -= size
                left -= size
                market.drop_empty(side, price)
                row(4, one[0], size, price, side)
                if random.random() < 0.1:
                    row(5, 0, 10, price, side)
        elif what < 0.97 and books:
            row(5, 0, int(random.integers(1, 100)), middle, side)
        elif what < 0.972 and books:
            for price in (-1, 0, 1):
                row(7, 0, 0, price, -1)
        elif what < 0.974 and books:
            row(6, -1, 1_000, middle, -1)
        else:
            middle += tick * int(random.integers(-3, 4))
            middle = max(middle, 200 * tick)
    name = f"TEST.{seed}_2020-01-02_34200000_57600000"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}_message_{levels}.csv", "\r\n".join(messages) + "\r\n")
        archive.writestr(f"{name}_orderbook_{levels}.csv", "\r\n".join(books) + "\r\n")
        archive.writestr("ReadMe.txt", "invented")
