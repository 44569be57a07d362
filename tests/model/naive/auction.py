"""The naive exchange's call auction: one price for all that trade (*Uncross* in docs/matching.md).

Where few ticks lie between the best ask and the best bid every one of them is looked at; where they
are many, every price at which something changes and every gap between two of them.
"""

from __future__ import annotations

from collections.abc import Iterable

from exchange.codes import FLAG_LEVEL, EventKind, Side
from tests.model.naive.book import ASK, BID, Book, Order
from tests.model.naive.market import Market

TICKS_LOOKED_AT = 200


class Auction(Market):
    def is_crossed(self, instrument: int) -> bool:
        book = self.books[instrument]
        bid, ask = book.best(BID), book.best(ASK)
        return bid is not None and ask is not None and bid >= ask

    def auction_reference(self, instrument: int) -> int:
        row = self.instruments[instrument]
        if row.last_price:
            return row.last_price
        if row.reference_price:
            return row.reference_price
        book = self.books[instrument]
        bid, ask = book.best(BID), book.best(ASK)
        assert bid is not None and ask is not None
        middle = (bid + ask) // 2
        return middle - middle % row.tick

    def uncross(self, instrument: int, reason: int) -> None:
        """Trade what can be traded at one price. The book is crossed."""
        row, book = self.instruments[instrument], self.books[instrument]
        reference = self.auction_reference(instrument)
        price = auction_price(book, candidate_prices(book, row.tick, reference), reference)
        demand, supply = interest(book, price)
        left = volume = min(demand, supply)
        self.emit(
            EventKind.AUCTION,
            instrument=instrument,
            price=price,
            quantity=volume,
            remaining=demand - supply,
        )
        traded_levels = set()
        while left:
            bid, ask = first_order(book, BID), first_order(book, ASK)
            quantity = min(bid.open, ask.open, left)
            left -= quantity
            traded_levels |= {(BID, bid.price), (ASK, ask.price)}
            bid_price, ask_price = bid.price, ask.price
            self.trade_in_auction(bid, ask, price, quantity, reason)
            for side, level_price in ((BID, bid_price), (ASK, ask_price)):
                if level_price not in book.levels[side]:
                    self.emit_level(instrument, side, level_price)
        for side in (BID, ASK):
            best = book.best(side)
            if best is not None and (side, best) in traded_levels:
                self.emit_level(instrument, side, best)
        row.last_price = price
        self.breaker_auction(instrument, price)

    def trade_in_auction(
        self, bid: Order, ask: Order, price: int, quantity: int, reason: int
    ) -> None:
        row, book = self.instruments[bid.instrument], self.books[bid.instrument]
        before = bid.open, ask.open
        for side, order in ((BID, bid), (ASK, ask)):
            shown = min(order.shown, quantity)
            order.executed += quantity
            book.reduce(side, order, shown, quantity - shown)
            if order.open and order.shown == 0:
                show_next_part(book, side, order)
        self.settle(
            row,
            self.accounts[bid.account],
            self.accounts[ask.account],
            price,
            quantity,
            row.taker_rate,
            row.taker_rate,
        )
        self.lose(bid, before[0])
        self.lose(ask, before[1])
        self.emit_trade(bid, ask, quantity, price=price, reason=reason)

    def emit_level(self, instrument: int, side: int, price: int) -> None:
        quantity, orders = self.books[instrument].level(side, price)
        self.emit(
            EventKind.LEVEL,
            instrument=instrument,
            side=Side.BUY if side == BID else Side.SELL,
            price=price,
            flags=FLAG_LEVEL,
            level_quantity=quantity,
            level_orders=orders,
        )


def first_order(book: Book, side: int) -> Order:
    price = book.best(side)
    assert price is not None
    return next(iter(book.levels[side][price].orders.values()))


def show_next_part(book: Book, side: int, order: Order) -> None:
    """In an auction an iceberg keeps its place."""
    shown = min(order.display_quantity, order.hidden)
    order.hidden -= shown
    level = book.levels[side][order.price]
    level.hidden -= shown
    level.quantity += shown


def interest(book: Book, price: int) -> tuple[int, int]:
    """What would be bought and what would be sold at ``price``, hidden parts included."""
    demand = sum(
        level.quantity + level.hidden for at, level in book.levels[BID].items() if at >= price
    )
    supply = sum(
        level.quantity + level.hidden for at, level in book.levels[ASK].items() if at <= price
    )
    return demand, supply


def auction_price(book: Book, prices: Iterable[int], reference: int) -> int:
    """The best of ``prices``: most volume, least imbalance, nearest to the reference, lowest."""
    best = None
    for price in prices:
        demand, supply = interest(book, price)
        rank = (-min(demand, supply), abs(demand - supply), abs(price - reference), price)
        best = rank if best is None else min(best, rank)
    assert best is not None
    return best[3]


def candidate_prices(book: Book, tick: int, reference: int) -> list[int]:
    """Prices among which the auction's is, in a crossed book."""
    low, high = book.best(ASK), book.best(BID)
    assert low is not None and high is not None
    if (high - low) // tick < TICKS_LOOKED_AT:
        return list(range(low, high + 1, tick))
    # demand and supply change at a level's price or one tick beside it; between such prices all is
    # equal, and the one nearest to the reference decides
    found = {low, high}
    for side in (BID, ASK):
        for price in book.prices[side]:
            found |= {price - tick, price, price + tick}
    found |= {reference - reference % tick, reference - reference % tick + tick}
    return sorted(price for price in found if low <= price <= high)
