"""The accounts' balances, frozen parts, positions and costs, from the event stream alone.

Who uses it: ``exchange-replay verify`` and ``accounts``; any consumer behind the rings that has to
say what an account has. It reads nothing but events and shares no code with the engine: where it
differs from the engine's state, the events do not tell the truth. The rules are those of
``docs/matching.md`` (*Money and stock*).

Invariant: after the last event of a command everything here equals the engine's state. Between the
events of one command it may not: no event says at which price a market order that lives only in
its own command freezes funds, so here it freezes none.

Plain integers of Python: nothing can overflow, and nothing here is on the hot path.

Decision JRN-4.
"""

from __future__ import annotations

from dataclasses import astuple, dataclass
from typing import Any, NamedTuple

import numpy as np

from exchange.codes import EventKind, Parameter, Side, TradeReason

PPM = 1_000_000
FORMAT = 1  # of ``dump``

# Kinds that move money, stock or what is frozen of them, or say what is needed to follow them.
_ABOUT_ORDERS = frozenset(
    {
        EventKind.ACCEPTED,
        EventKind.REPLACED,
        EventKind.CANCELED,
        EventKind.TRADE,
        EventKind.MODIFIED,
        EventKind.REMOVED,
        EventKind.TERMS,
        EventKind.SELF_TRADE_PREVENTED,
    }
)
_ABOUT_ACCOUNTS = frozenset(
    {
        EventKind.INSTRUMENT_DEFINED,
        EventKind.SESSION_DEFINED,
        EventKind.CURRENCY_DEFINED,
        EventKind.ACCOUNT_DEFINED,
        EventKind.BALANCE_CHANGED,
        EventKind.PARAMETER_SET,
    }
)
_FOLLOWED = np.zeros(256, bool)
_FOLLOWED[sorted(_ABOUT_ORDERS | _ABOUT_ACCOUNTS)] = True


class _Event(NamedTuple):
    """The fields of an event that the ledger reads, as Python integers."""

    sequence: int
    kind: int
    order_id: int
    contra_order_id: int
    instrument: int
    session: int
    side: int
    price: int
    quantity: int
    remaining: int
    reason: int
    display: int
    account: int
    currency: int
    parameter: int


class LedgerBroken(AssertionError):
    """The events contradict each other, or some are missing; the text says where."""


@dataclass(slots=True)
class Balance:
    """Money of one account in one currency, in the currency's minor units."""

    balance: int = 0
    frozen: int = 0

    @property
    def available(self) -> int:
        return self.balance - self.frozen


@dataclass(slots=True)
class Position:
    """Stock of one account in one instrument; ``cost`` is the total cost of ``quantity``."""

    quantity: int = 0
    frozen: int = 0
    cost: int = 0
    open_buys: int = 0
    open_shorts: int = 0

    def change(self, by: int, unit_cost: int) -> None:
        """Add ``by`` units (negative: take away) that cost ``unit_cost`` each."""
        held = self.quantity
        if held == 0 or (held > 0) == (by > 0):
            self.cost += by * unit_cost
            self.quantity += by
            return
        sign = 1 if held > 0 else -1
        closed = min(abs(by), abs(held))
        self.cost -= sign * (abs(self.cost) * closed // abs(held))
        self.quantity -= sign * closed
        opened = abs(by) - closed
        if opened:
            self.quantity = -sign * opened
            self.cost = -sign * opened * unit_cost


@dataclass(slots=True)
class LiveOrder:
    """An order that can still trade; ``price``: limit or protection price, ``open``: all of it."""

    account: int
    instrument: int
    side: int
    price: int
    open: int


@dataclass(slots=True)
class InstrumentTerms:
    """The terms of an instrument that the ledger needs; ``net_stock`` = deposits - withdrawals."""

    currency: int
    multiplier: int
    maker_rate: int
    taker_rate: int
    net_stock: int = 0

    @property
    def freeze_rate(self) -> int:
        return max(0, self.maker_rate, self.taker_rate)


@dataclass(slots=True)
class CurrencyTerms:
    """A currency; ``net`` = deposits - withdrawals."""

    decimals: int
    fee_account: int
    net: int = 0


def fee_of(value: int, rate: int) -> int:
    """``value`` x ``rate`` / 1,000,000, truncated towards zero."""
    return value * rate // PPM if rate >= 0 else -(value * -rate // PPM)


def need(terms: InstrumentTerms, price: int, quantity: int) -> int:
    """What a buy order of ``quantity`` at ``price`` freezes of its account's balance."""
    value = price * quantity * terms.multiplier
    return value + fee_of(value, terms.freeze_rate)


class Ledger:
    """Everything that accounts own after the events so far. Public fields are for reading."""

    def __init__(self) -> None:
        self.next_event = 0
        self.currencies: dict[int, CurrencyTerms] = {}
        self.instruments: dict[int, InstrumentTerms] = {}
        self.default_rates = (0, 0)
        self.accounts: set[int] = set()
        self.sessions: dict[int, int] = {}  # session: its account
        self.balances: dict[tuple[int, int], Balance] = {}  # (account, currency)
        self.positions: dict[tuple[int, int], Position] = {}  # (account, instrument)
        self.orders: dict[int, LiveOrder] = {}  # by order id

    # --- the event stream ---------------------------------------------------------------------

    def apply(self, events: np.ndarray) -> None:
        """Follow ``events``: EVENT array, consecutive; what was seen before is passed over.

        Raises LedgerBroken at a gap and at an event that fits nothing that was before it.
        """
        if len(events) == 0:
            return
        first, last = int(events["sequence"][0]), int(events["sequence"][-1])
        if first > self.next_event:
            raise LedgerBroken(f"event {self.next_event} is missing before event {first}")
        if last < self.next_event:
            return
        events = events[self.next_event - first :]
        events = events[_FOLLOWED[events["kind"]]]
        columns = (events[name].tolist() for name in _Event._fields)
        for event in map(_Event._make, zip(*columns, strict=True)):
            try:
                if event.kind in _ABOUT_ORDERS:
                    self._apply_to_order(event)
                else:
                    self._apply_to_account(event)
            except KeyError as error:
                kind = EventKind(event.kind).name
                raise LedgerBroken(
                    f"event {event.sequence} ({kind}) names the unknown {error}"
                ) from None
        self.next_event = last + 1

    def _apply_to_order(self, event: _Event) -> None:
        """Follow an event of ``_ABOUT_ORDERS``."""
        kind, order_id = event.kind, event.order_id
        if kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            if order_id in self.orders:
                raise LedgerBroken(f"event {event.sequence}: order {order_id} has come before")
            account = self.sessions[event.session]
            order = LiveOrder(account, event.instrument, event.side, event.price, 0)
            self.orders[order_id] = order
            self._set_open(order_id, order, event.quantity)
            return
        if kind == EventKind.TRADE:
            self._trade(event)
            left = self.orders[order_id].open if order_id in self.orders else 0
            if event.remaining != left:
                raise LedgerBroken(
                    f"event {event.sequence}: order {order_id} has another open quantity"
                )
            return
        order = self.orders[order_id]
        if kind == EventKind.MODIFIED:
            self._freeze(order, -order.open)
            order.side, order.open = event.side, 0
            self._set_open(order_id, order, event.remaining)
        elif kind == EventKind.TERMS:
            self._freeze(order, -order.open)
            whole, order.price, order.open = order.open, event.price, 0
            self._set_open(order_id, order, whole)
        else:
            assert kind in (EventKind.CANCELED, EventKind.REMOVED, EventKind.SELF_TRADE_PREVENTED)
            self._set_open(order_id, order, event.remaining)

    def _apply_to_account(self, event: _Event) -> None:
        """Follow a definition, a parameter, a deposit or a withdrawal."""
        kind = event.kind
        if kind == EventKind.BALANCE_CHANGED:
            self._deposit(event)
        elif kind == EventKind.PARAMETER_SET:
            if event.parameter == Parameter.FEES:
                self._set_rates(event.instrument, event.price, event.quantity)
        elif kind == EventKind.SESSION_DEFINED:
            self.sessions[event.session] = event.quantity
        elif kind == EventKind.ACCOUNT_DEFINED:
            self.accounts.add(event.account)
        elif kind == EventKind.CURRENCY_DEFINED:
            self.currencies[event.currency] = CurrencyTerms(event.display, event.account)
        else:
            assert kind == EventKind.INSTRUMENT_DEFINED
            decimals = self.currencies[event.currency].decimals
            multiplier = 10 ** (decimals - event.display)
            self.instruments[event.instrument] = InstrumentTerms(
                event.currency, multiplier, *self.default_rates
            )

    def _set_rates(self, instrument: int, maker_rate: int, taker_rate: int) -> None:
        if instrument == 0:
            self.default_rates = (maker_rate, taker_rate)
        else:
            terms = self.instruments[instrument]
            terms.maker_rate, terms.taker_rate = maker_rate, taker_rate

    def _deposit(self, event: _Event) -> None:
        if event.instrument == 0:
            self.currencies[event.currency].net += event.quantity
            money = self.balance(event.account, event.currency)
            money.balance += event.quantity
            found = money.balance
        else:
            terms = self.instruments[event.instrument]
            terms.net_stock += event.quantity
            position = self.position(event.account, event.instrument)
            position.change(event.quantity, event.price * terms.multiplier)
            found = position.quantity
        if found != event.remaining:
            raise LedgerBroken(
                f"event {event.sequence} says {event.remaining}, the events before it {found}"
            )

    def _trade(self, event: _Event) -> None:
        maker_id, aggressor_id, quantity = event.order_id, event.contra_order_id, event.quantity
        maker, aggressor = self.orders[maker_id], self.orders[aggressor_id]
        terms = self.instruments[maker.instrument]
        unit_cost = event.price * terms.multiplier
        value = unit_cost * quantity
        continuous = event.reason == TradeReason.CONTINUOUS
        maker_fee = fee_of(value, terms.maker_rate if continuous else terms.taker_rate)
        aggressor_fee = fee_of(value, terms.taker_rate)
        for order_id, order, fee in (
            (maker_id, maker, maker_fee),
            (aggressor_id, aggressor, aggressor_fee),
        ):
            paid = value + fee if order.side == Side.BUY else fee - value
            self.balance(order.account, terms.currency).balance -= paid
            self._set_open(order_id, order, order.open - quantity)
        fee_account = self.currencies[terms.currency].fee_account
        self.balance(fee_account, terms.currency).balance += maker_fee + aggressor_fee
        buyer, seller = (maker, aggressor) if maker.side == Side.BUY else (aggressor, maker)
        self.position(buyer.account, buyer.instrument).change(quantity, unit_cost)
        self.position(seller.account, seller.instrument).change(-quantity, unit_cost)

    def _set_open(self, order_id: int, order: LiveOrder, new_open: int) -> None:
        self._freeze(order, new_open - order.open)
        order.open = new_open
        if new_open == 0:
            del self.orders[order_id]

    def _freeze(self, order: LiveOrder, change: int) -> None:
        """What ``order`` freezes as its open quantity changes by ``change``."""
        position = self.position(order.account, order.instrument)
        if order.side == Side.BUY:
            terms = self.instruments[order.instrument]
            before = need(terms, order.price, order.open)
            after = need(terms, order.price, order.open + change)
            self.balance(order.account, terms.currency).frozen += after - before
            position.open_buys += change
        elif order.side == Side.SELL:
            position.frozen += change
        else:
            position.open_shorts += change

    # --- looking ------------------------------------------------------------------------------

    def balance(self, account: int, currency: int) -> Balance:
        """The money of an account; made empty when it is not there yet."""
        found = self.balances.get((account, currency))
        if found is None:
            found = self.balances[account, currency] = Balance()
        return found

    def position(self, account: int, instrument: int) -> Position:
        """The stock of an account; made empty when it is not there yet."""
        found = self.positions.get((account, instrument))
        if found is None:
            found = self.positions[account, instrument] = Position()
        return found

    def problems(self) -> list[str]:
        """The contradictions to conservation or frozen amounts; empty when all is well."""
        wrong = []
        sums: dict[int, int] = dict.fromkeys(self.currencies, 0)
        for (account, currency), money in self.balances.items():
            sums[currency] += money.balance
            if not 0 <= money.frozen <= money.balance:
                wrong.append(
                    f"account {account}: {money.frozen} frozen of a balance of {money.balance} "
                    f"in currency {currency}"
                )
        for currency, total in sums.items():
            net = self.currencies[currency].net
            if total != net:
                wrong.append(
                    f"currency {currency}: balances add up to {total}, deposits less withdrawals "
                    f"to {net}"
                )
        stock: dict[int, int] = dict.fromkeys(self.instruments, 0)
        for (account, instrument), position in self.positions.items():
            stock[instrument] += position.quantity
            # A short sale may fill before the sell orders that froze the stock: frozen may then be
            # more than the quantity, but never less than nothing.
            if min(position.frozen, position.open_buys, position.open_shorts) < 0:
                wrong.append(f"account {account}, instrument {instrument}: {position}")
        for instrument, total in stock.items():
            net = self.instruments[instrument].net_stock
            if total != net:
                wrong.append(
                    f"instrument {instrument}: positions add up to {total}, deposits less "
                    f"withdrawals to {net}"
                )
        return wrong

    def difference(self, other: Ledger) -> str | None:
        """The first thing in which ``other`` differs, or None.

        Empty balances and positions mean nothing: the matcher gives empty rows back.
        """
        for name in ("currencies", "instruments", "default_rates", "accounts", "sessions"):
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                return f"{name}: {ours} and {theirs}"
        nothing = Balance()
        for key in sorted(self.balances.keys() | other.balances.keys()):
            left, right = self.balances.get(key, nothing), other.balances.get(key, nothing)
            if left != right:
                return f"account {key[0]}, currency {key[1]}: {left} and {right}"
        empty = Position()
        for key in sorted(self.positions.keys() | other.positions.keys()):
            held, found = self.positions.get(key, empty), other.positions.get(key, empty)
            if held != found:
                return f"account {key[0]}, instrument {key[1]}: {held} and {found}"
        for order_id in sorted(self.orders.keys() | other.orders.keys()):
            one, two = self.orders.get(order_id), other.orders.get(order_id)
            if one != two:
                return f"order {order_id}: {one} and {two}"
        return None

    # --- a snapshot of itself -----------------------------------------------------------------

    def dump(self) -> dict[str, Any]:
        """Everything, as a dictionary of numbers and lists that JSON can hold; see ``load``."""
        return {
            "format": FORMAT,
            "next_event": self.next_event,
            "default_rates": list(self.default_rates),
            "accounts": sorted(self.accounts),
            "sessions": [list(item) for item in self.sessions.items()],
            "currencies": [[key, *astuple(row)] for key, row in self.currencies.items()],
            "instruments": [[key, *astuple(row)] for key, row in self.instruments.items()],
            "balances": [[*key, *astuple(row)] for key, row in self.balances.items()],
            "positions": [[*key, *astuple(row)] for key, row in self.positions.items()],
            "orders": [[key, *astuple(row)] for key, row in self.orders.items()],
        }

    @classmethod
    def load(cls, fields: dict[str, Any]) -> Ledger:
        """The ledger that ``dump`` described; it goes on with event ``next_event``."""
        if fields.get("format") != FORMAT:
            raise ValueError(f"not a ledger of format {FORMAT}: {fields.get('format')}")
        ledger = cls()
        ledger.next_event = fields["next_event"]
        maker_rate, taker_rate = fields["default_rates"]
        ledger.default_rates = (maker_rate, taker_rate)
        ledger.accounts = set(fields["accounts"])
        ledger.sessions = {session: account for session, account in fields["sessions"]}
        ledger.currencies = {row[0]: CurrencyTerms(*row[1:]) for row in fields["currencies"]}
        ledger.instruments = {row[0]: InstrumentTerms(*row[1:]) for row in fields["instruments"]}
        ledger.balances = {(row[0], row[1]): Balance(*row[2:]) for row in fields["balances"]}
        ledger.positions = {(row[0], row[1]): Position(*row[2:]) for row in fields["positions"]}
        ledger.orders = {row[0]: LiveOrder(*row[1:]) for row in fields["orders"]}
        return ledger
