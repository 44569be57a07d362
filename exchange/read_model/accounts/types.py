"""The account model's answers: orders, fills, accounts, positions; its limits and errors.

Who uses it: ``model.py`` and everybody who asks the model. Immutable; amounts are integers: prices
and quantities in the instrument's units, money in the currency's minor unit, times in ns of UTC.
"""

from __future__ import annotations

from typing import NamedTuple

import msgspec
import numpy as np

from exchange.errors import ExchangeError
from exchange.read_model.accounts.order_status import OrderStatus


class AccountModelCapacity(msgspec.Struct, frozen=True, kw_only=True):
    """The room in the model for each kind of record. Numbers of accounts etc. are below these.

    ``accounts``, ``sessions``, ``instruments``, ``positions``: at least as many as the engine has.
    ``orders``: live ones and kept closed ones together; when there is no room for another one, a
    closed order is forgotten: the oldest of an account that has more than its share, or, in a model
    that tracks changes, the one that closed first. A live order never is: with fewer than the
    engine's live orders + 1, following stops with ReadModelFull when they are reached. ``fills``:
    the newest that are kept, an even number.
    """

    accounts: int
    sessions: int
    instruments: int
    positions: int
    orders: int
    fills: int
    currencies: int = 8


class Order(msgspec.Struct, frozen=True):
    """An order, with its own fills only. quantity = filled + open + prevented + cancelled.

    ``order_type``, ``side``: codes.OrderType and codes.Side; of a rejected order any byte.
    ``quantity``: in total, as its owner last asked for: a reduction lowers it, a cancel to nothing
    does not; a replacement's is what it had open at first. ``filled_before``: what the orders that
    it replaces had filled, all of the chain. ``prevented``: what self-trade prevention took away.
    ``price``: 0 for MARKET and STOP.
    ``filled_value``: sum of price x quantity. ``reason``: a codes.Reject when rejected, a
    codes.CancelReason when cancelled or expired, else 0. ``replaces``, ``replaced_by``: order id
    or 0. Times that have not come are 0.
    """

    order_id: int
    account: int
    session: int
    instrument: int
    side: int
    order_type: int
    time_in_force: int
    minimum_quantity: int
    display: str
    token: bytes
    price: int
    stop_price: int
    display_quantity: int
    quantity: int
    open: int
    filled: int
    filled_before: int
    prevented: int
    filled_value: int
    status: OrderStatus
    reason: int
    created_ns: int
    updated_ns: int
    filled_ns: int
    cancelled_ns: int
    replaces: int
    replaced_by: int

    @property
    def cancelled(self) -> int:
        """What will not trade any more: it was cancelled, rejected, or goes on elsewhere."""
        return self.quantity - self.filled - self.open - self.prevented


class Fill(msgspec.Struct, frozen=True):
    """One side of a trade. ``side``: its own; ``fee``: what it paid (negative: was given)."""

    sequence: int
    timestamp_ns: int
    order_id: int
    contra_order_id: int
    account: int
    instrument: int
    side: int
    price: int
    quantity: int
    liquidity: str  # "maker" or "taker"; in an auction both are takers
    fee: int
    match_number: int


class OrderPage(NamedTuple):
    """Part of a listing, newest first. ``before_order_id``: to go on from here; None: all seen.

    A page may have fewer orders than asked for, or none, and others may follow all the same.
    """

    orders: list[Order]
    before_order_id: int | None


class FillPage(NamedTuple):
    """As OrderPage, of fills; ``before_sequence``: to go on from here; None: all seen."""

    fills: list[Fill]
    before_sequence: int | None


class Account(msgspec.Struct, frozen=True):
    """An account. ``balances``: currency number: (balance, frozen part of it)."""

    account: int
    balances: dict[int, tuple[int, int]]
    daily_order_count: int
    daily_order_limit: int  # 0: none
    created_ns: int  # 0: it has not been opened
    updated_ns: int
    blocked: bool
    killed: bool
    open_orders: int


class Position(msgspec.Struct, frozen=True):
    """An account's holding of an instrument; negative: short.

    ``total_cost`` of the quantity in the currency's minor unit, ``average_cost`` of one unit,
    rounded down.
    """

    account: int
    instrument: int
    quantity: int
    frozen: int
    available: int
    total_cost: int
    average_cost: int
    open_buys: int
    open_shorts: int
    created_ns: int
    updated_ns: int


class Currency(msgspec.Struct, frozen=True):
    number: int
    code: str
    decimals: int
    fee_account: int


class Dirty(msgspec.Struct, frozen=True):
    """The changes since the last time, each once (int64 arrays).

    ``orders``: order ids. ``accounts``: rows (account, currency); where something changed that is
    not money (count and limit of orders, blocked, killed, opened) currency 0 and all currencies
    that the account has ever had. ``positions``: rows (account, instrument).
    """

    orders: np.ndarray
    accounts: np.ndarray
    positions: np.ndarray


class ReadModelBroken(ExchangeError):
    """Events contradict each other, some are missing, or there is no room; the text says what."""


class ReadModelFull(ReadModelBroken):
    """A capacity of the read model is too small for the exchange that it follows."""
