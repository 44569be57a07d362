"""Orders meet: matching, self-trade prevention, resting, and leaving.

From Rule minimum-quantity-fill to Rule order-remainder.
"""

from __future__ import annotations

from exchange.codes import CancelReason, EventKind, SelfTradePrevention
from tests.model.naive.book import (
    ASK,
    BID,
    BUY,
    LIMIT,
    MARKET,
    STOP,
    STOP_LIMIT,
    Book,
    Order,
    book_side,
    is_acceptable,
)
from tests.model.naive.clearing import Clearing

RESTING, INCOMING = ord("A"), ord("R")  # liquidity of SELF_TRADE_PREVENTED
_BEFORE_RESTING_ONES_GO = (
    SelfTradePrevention.CANCEL_INCOMING,
    SelfTradePrevention.CANCEL_BOTH,
)


class Matching(Clearing):
    # Orders come and go --------------------------------------------------------------------------

    def admit(self, order: Order) -> None:
        """An accepted order is live from now on, whatever becomes of it."""
        self.live[order.session, order.token] = order
        self.live_by_id[order.order_id] = order
        if order.expiry_second:
            self.good_till_time[order.order_id] = order
        self.make_position(order.account, order.instrument)
        self.freeze(order)

    def lose(self, order: Order, open_before: int) -> None:
        """An order's open quantity was ``open_before``; when nothing is left it is gone."""
        self.release(order, open_before, order.open)
        if order.open == 0:
            self.forget(order)

    def forget(self, order: Order) -> None:
        del self.live[order.session, order.token]
        del self.live_by_id[order.order_id]
        self.good_till_time.pop(order.order_id, None)

    def take_out(self, order: Order) -> None:
        """Take a live order from where it is: its level, its stop book, or the held ones."""
        if order.waiting:
            self.leave_stop_book(order)
        elif order.held:
            self.leave_held(order)
        else:
            self.books[order.instrument].remove(book_side(order.side), order)

    def cancel_whole(self, order: Order, reason: int) -> None:
        """Cancel a live order of any kind and say so."""
        self.take_out(order)
        quantity = order.open
        order.open = 0
        self.lose(order, quantity)
        self.emit_order(EventKind.CANCELED, order, quantity, reason=reason, with_level=True)

    def drop(self, order: Order, reason: int, price: int | None = None) -> None:
        """Cancel what is left of an order that is in no list any more."""
        quantity = order.open
        order.open = 0
        self.lose(order, quantity)
        self.emit_order(
            EventKind.CANCELED, order, quantity, price=price, reason=reason, with_level=False
        )

    # Matching ------------------------------------------------------------------------------------

    def would_trade(self, order: Order) -> bool:
        """Whether the best opposite price is acceptable."""
        best = self.books[order.instrument].best(ASK if order.side == BUY else BID)
        return best is not None and is_acceptable(order.side, order.price, best)

    def match_and_rest(self, order: Order, came_later: bool) -> None:
        """Rules continuous-matching and order-remainder.

        ``came_later``: the order comes from a stop or a review.
        """
        # A cancel in the command that entered the order names no protection price.
        price = 0 if order.order_type in (MARKET, STOP) and not came_later else order.price
        met, reason = self.match(order)
        if order.open == 0:
            return
        if reason:
            self.drop(order, reason, price)
        elif order.is_immediate:
            self.drop(order, CancelReason.IMMEDIATE_OR_CANCEL, price)
        else:
            self.rest(order, met or came_later)

    def rest(self, order: Order, say_so: bool) -> None:
        self.books[order.instrument].add(book_side(order.side), order)
        if say_so:
            self.emit_order(
                EventKind.RESTED,
                order,
                order.shown,
                remaining=order.open,
                with_level=True,
                reported=False,
            )

    def match(self, order: Order) -> tuple[bool, int]:
        """Rule continuous-matching: whether it met another, why its rest is cancelled (0: not)."""
        book = self.books[order.instrument]
        opposite = ASK if order.side == BUY else BID
        account = self.accounts[order.account]
        mode, met = account.prevention_mode, False
        while order.open:
            best = book.best(opposite)
            if best is None or not is_acceptable(order.side, order.price, best):
                break
            met = True
            maker = next(iter(book.levels[opposite][best].orders.values()))
            if mode and self.are_of_one_group(order.account, maker.account):
                if self.prevent(mode, book, maker, order):
                    break
            elif self.trade(book, maker, order):
                return met, CancelReason.REGULATORY
        return met, 0

    def trade(self, book: Book, maker: Order, order: Order) -> bool:
        """One TRADE of the aggressor with the maker; whether it tripped the circuit breaker."""
        instrument = self.instruments[order.instrument]
        price, maker_side = maker.price, book_side(maker.side)
        maker_open, order_open = maker.open, order.open
        quantity = min(order_open, maker.shown)
        order.open -= quantity
        order.executed += quantity
        maker.executed += quantity
        book.reduce(maker_side, maker, quantity)
        makers, takers = self.accounts[maker.account], self.accounts[order.account]
        rates = instrument.maker_rate, instrument.taker_rate
        if maker_side == BID:
            self.settle(instrument, makers, takers, price, quantity, *rates)
        else:
            self.settle(instrument, takers, makers, price, quantity, *reversed(rates))
        self.lose(maker, maker_open)
        self.lose(order, order_open)
        instrument.last_price = price
        self.traded[order.instrument] = None
        self.emit_trade(maker, order, quantity)
        self.refresh(book, maker)
        return self.breaker_trade(order.instrument, price)

    def refresh(self, book: Book, maker: Order) -> None:
        """An iceberg whose shown part is used up shows its next part."""
        if maker.open and not maker.shown:
            shown = book.refresh(book_side(maker.side), maker)
            self.emit_order(
                EventKind.REFRESHED,
                maker,
                shown,
                remaining=maker.open,
                with_level=True,
                reported=False,
            )

    # Self-trade prevention -----------------------------------------------------------------------

    def are_of_one_group(self, one: int, other: int) -> bool:
        if one == other:
            return True
        group = self.accounts[one].prevention_group
        return group != 0 and group == self.accounts[other].prevention_group

    def prevent(self, mode: int, book: Book, maker: Order, order: Order) -> bool:
        """Do what the mode says instead of a trade; whether matching ends."""
        prevented = min(order.open, maker.shown)
        price = maker.price
        if mode == SelfTradePrevention.DECREMENT:
            maker_open, order_open = maker.open, order.open
            book.reduce(book_side(maker.side), maker, prevented)
            order.open -= prevented
            self.lose(maker, maker_open)
            self.lose(order, order_open)
            self.emit_prevented(maker, order, RESTING, prevented, prevented, price)
            self.emit_prevented(order, maker, INCOMING, prevented, prevented, price)
            self.refresh(book, maker)
            return False
        if mode != SelfTradePrevention.CANCEL_INCOMING:
            quantity = maker.open
            book.remove(book_side(maker.side), maker)
            maker.open = 0
            self.lose(maker, quantity)
            self.emit_prevented(maker, order, RESTING, quantity, prevented, price)
        if mode != SelfTradePrevention.CANCEL_RESTING:
            quantity = order.open
            order.open = 0
            self.lose(order, quantity)
            self.emit_prevented(order, maker, INCOMING, quantity, prevented, price)
        return mode != SelfTradePrevention.CANCEL_RESTING

    def emit_prevented(
        self,
        order: Order,
        other: Order,
        liquidity: int,
        quantity: int,
        prevented: int,
        price: int,
    ) -> None:
        self.emit_order(
            EventKind.SELF_TRADE_PREVENTED,
            order,
            quantity,
            price=price,
            remaining=order.open,
            contra_order_id=other.order_id,
            prevented=prevented,
            liquidity=liquidity,
            with_level=liquidity == RESTING,
        )

    def tradable(self, order: Order) -> int:
        """Rule minimum-quantity-fill: the quantity that could trade now, hidden parts included."""
        book = self.books[order.instrument]
        opposite = ASK if order.side == BUY else BID
        mode = self.accounts[order.account].prevention_mode
        total = 0
        prices = book.prices[opposite]
        for price in prices if opposite == ASK else reversed(prices):
            if not is_acceptable(order.side, order.price, price):
                break
            shown = hidden = 0
            for maker in book.levels[opposite][price].orders.values():
                if mode and self.are_of_one_group(order.account, maker.account):
                    if mode in _BEFORE_RESTING_ONES_GO:
                        return total + shown  # the hidden parts come after this order
                    continue
                shown += maker.shown
                hidden += maker.hidden
            total += shown + hidden
        return total


def may_rest(order: Order) -> bool:
    """In continuous trading, once it has traded what it can."""
    return order.order_type in (LIMIT, STOP_LIMIT) and order.time_in_force != 0
