"""Money and stock: what orders freeze, what trades move; see *Money and stock*."""

from __future__ import annotations

from collections.abc import Iterable

from tests.model.naive.book import BUY, SELL, Order
from tests.model.naive.data import Account, Instrument, Position, ppm
from tests.model.naive.market import Market


class Clearing(Market):
    def change_balance(self, account: Account, currency: int, amount: int) -> None:
        account.balances[currency].balance += amount
        self.money[currency] = self.money.get(currency, 0) + amount
        self.touched_balances.add((account.account, currency))

    def find_position(self, account: int, instrument: int) -> Position | None:
        return self.positions.get((account, instrument))

    def make_position(self, account: int, instrument: int) -> Position:
        position = self.positions.get((account, instrument))
        if position is None:
            position = self.positions[account, instrument] = Position()
            self.touched_positions.add((account, instrument))
        return position

    def positions_full(self) -> bool:
        return len(self.positions) >= self.capacities.positions

    def change_position(
        self, account: int, instrument: Instrument, change: int, price: int
    ) -> None:
        """A trade, deposit or withdrawal of ``change`` units (negative: out) at ``price`` each."""
        position = self.positions[account, instrument.instrument]
        self.stock[instrument.instrument] = self.stock.get(instrument.instrument, 0) + change
        self.touched_positions.add((account, instrument.instrument))
        held, cost = position.quantity, position.total_cost
        position.quantity = held + change
        if held == 0 or (held > 0) == (change > 0):
            position.total_cost = cost + instrument.value(price, change)
            return
        closed = min(abs(change), abs(held))
        part = abs(cost) * closed // abs(held)
        position.total_cost = cost - part if held > 0 else cost + part
        if abs(change) > closed:  # through zero: the rest is a new position at this price
            position.total_cost = instrument.value(price, held + change)

    def drop_empty_positions(self, names: Iterable[tuple[int, int]]) -> None:
        """Rule empty-position: while the rules of shares hold, there is none."""
        for name in list(names) if self.shares else ():
            position = self.positions.get(name)
            if position is not None and position.is_empty:
                del self.positions[name]

    # What live orders freeze ---------------------------------------------------------------------

    def freeze(self, order: Order) -> None:
        """A new live order: it counts, and freezes what it may need."""
        instrument = self.instruments[order.instrument]
        self.accounts[order.account].live_orders += 1
        instrument.live_orders += 1
        self.adjust(order, 0, order.open)

    def release(self, order: Order, open_before: int, open_after: int) -> None:
        """A live order's open quantity has become less; at 0 it is no longer live."""
        self.adjust(order, open_before, open_after)
        if open_after == 0:
            self.accounts[order.account].live_orders -= 1
            self.instruments[order.instrument].live_orders -= 1

    def adjust(self, order: Order, open_before: int, open_after: int) -> None:
        """Freeze for ``open_after`` what was frozen for ``open_before``."""
        position = self.positions[order.account, order.instrument]
        change = open_after - open_before
        self.touched_positions.add((order.account, order.instrument))
        if order.side == BUY:
            instrument = self.instruments[order.instrument]
            position.open_buys += change
            balance = self.accounts[order.account].balances[instrument.currency]
            balance.frozen += instrument.need(order.price, open_after) - instrument.need(
                order.price, open_before
            )
            self.touched_balances.add((order.account, instrument.currency))
        elif order.side == SELL:
            position.frozen += change
        else:
            position.open_shorts += change

    # Trades --------------------------------------------------------------------------------------

    def settle(
        self,
        instrument: Instrument,
        buyer: Account,
        seller: Account,
        price: int,
        quantity: int,
        buyer_rate: int,
        seller_rate: int,
    ) -> None:
        """Money, fees and stock of one trade; the frozen parts are adjusted by `release`."""
        currency = instrument.currency
        value = instrument.value(price, quantity)
        buyer_fee, seller_fee = ppm(value, buyer_rate), ppm(value, seller_rate)
        self.change_balance(buyer, currency, -(value + buyer_fee))
        self.change_balance(seller, currency, value - seller_fee)
        fees = self.accounts[self.currencies[currency].fee_account]
        self.change_balance(fees, currency, buyer_fee + seller_fee)
        self.change_position(buyer.account, instrument, quantity, price)
        self.change_position(seller.account, instrument, -quantity, price)
