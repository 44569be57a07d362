"""Orders, accounts and positions as they are after a batch, as rows.

Who uses it: the encoder and the check. What changed, and what it is now, comes from the account
model (``exchange/read_model/accounts/model.py``) as structured arrays (``accounts/rows.py``).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.codes import OrderType
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.read_model.accounts.rows import ORDER_RECORD, ORDER_ROW
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.records import TOKEN_BYTES, field
from exchange.store.rows import event_kinds as kinds
from exchange.store.rows.copy_format import (
    ACCOUNTS,
    NO_TEXT,
    ORDERS,
    POSITIONS,
    Rows,
    or_null,
    present,
    timestamps,
)
from exchange.store.rows.event_rows import StoreNames
from exchange.store.rows.texts import name_of

_TOKEN_OFFSET = field(ORDER_RECORD, "token_0").offset
# An order in one of these never changes again
CLOSED = np.zeros(256, np.bool_)
CLOSED[
    [
        OrderStatus.FILLED,
        OrderStatus.CANCELLED,
        OrderStatus.REJECTED,
        OrderStatus.REPLACED,
        OrderStatus.EXPIRED,
    ]
] = True


class Changes(NamedTuple):
    """Records that a batch of events changed, each once, as they are after it."""

    orders: np.ndarray  # ORDER_ROW
    accounts: np.ndarray  # BALANCE_ROW
    positions: np.ndarray  # POSITION_ROW


class AccountState:
    """The account model as the store needs it: followed in batches, and asked for what changed.

    The model forgets closed orders to make room for others, so ``capacity`` must have room for the
    live ones and for those that can close between two calls of ``take_changes``.
    """

    def __init__(self, capacity: AccountModelCapacity) -> None:
        self.model = AccountModel(capacity, track_dirty=True)

    @property
    def next_event(self) -> int:
        """The first event that it has not seen."""
        return self.model.next_event

    def apply(self, events: np.ndarray) -> None:
        """Follow EVENT records from ``next_event`` on; those seen before are passed over."""
        self.model.apply(events)

    def take_changes(self) -> Changes:
        """Take the changes since the last call."""
        dirty = self.model.take_dirty()
        money = dirty.accounts[dirty.accounts[:, 1] > 0]
        return Changes(
            self.model.order_rows(dirty.orders),
            self.model.balance_rows(money),
            self.model.position_rows(dirty.positions),
        )


class StateTexts:
    """Numbers of the texts of statuses and reasons; one of each ``StoreNames``."""

    def __init__(self, names: StoreNames) -> None:
        number = names.texts.number
        self.statuses = np.array([number(name_of(OrderStatus, i)) for i in range(256)], np.int64)
        self.cancels = np.array([number(each) for each in kinds.CANCEL_NAMES], np.int64)
        self.rejects = np.array([number(each) for each in kinds.REJECT_NAMES], np.int64)


def order_rows(orders: np.ndarray, names: StoreNames, texts: StateTexts) -> Rows:
    """ORDER_ROW records as rows of ``orders``."""
    rejected = orders["status"] == OrderStatus.REJECTED
    reason = np.where(rejected, texts.rejects[orders["reason"]], texts.cancels[orders["reason"]])
    has_price = (orders["order_type"] == OrderType.LIMIT) | (
        orders["order_type"] == OrderType.STOP_LIMIT
    )
    return ORDERS.encode(
        (
            orders["order_id"],
            orders["account"],
            # of a rejected order the instrument may be one that does not exist
            symbols(orders["instrument"], names),
            names.sides[orders["side"]],
            names.types[orders["order_type"]],
            present(has_price, orders["price"]),
            orders["quantity"],
            or_null(orders["stop_price"]),
            or_null(orders["display_quantity"]),
            orders["filled"],
            orders["filled_value"],
            orders["open"],
            orders["prevented"],
            texts.statuses[orders["status"]],
            orders["time_in_force"],
            orders["session"],  # the token's place
            orders["session"],
            np.where(orders["reason"] == 0, NO_TEXT, reason),
            or_null(orders["replaces"]),
            or_null(orders["replaced_by"]),
            timestamps(orders["created_ns"]),
            timestamps(orders["updated_ns"]),
            timestamps(orders["filled_ns"]),
            timestamps(orders["cancelled_ns"]),
        ),
        names.texts,
        _tokens(orders),
    )


def _tokens(orders: np.ndarray) -> np.ndarray:
    """The tokens: uint8[n, 14]."""
    octets = orders.view(np.uint8).reshape(-1, ORDER_ROW.itemsize)
    tokens: np.ndarray = np.ascontiguousarray(
        octets[:, _TOKEN_OFFSET : _TOKEN_OFFSET + TOKEN_BYTES]
    )
    return tokens


def symbols(instruments: np.ndarray, names: StoreNames) -> np.ndarray:
    """The column of symbols of ``instruments``; one that is not defined is called by its number."""
    found: np.ndarray = names.symbols[instruments]
    for at in np.flatnonzero(found == NO_TEXT).tolist():
        found[at] = names.texts.number(names.symbol(int(instruments[at])))
    return found


def account_rows(accounts: np.ndarray, names: StoreNames) -> Rows:
    """BALANCE_ROW records as rows of ``accounts``."""
    return ACCOUNTS.encode(
        (
            accounts["account"],
            names.currency_texts()[accounts["currency"]],
            accounts["balance"],
            accounts["frozen"],
            accounts["daily_order_count"],
            accounts["daily_order_limit"],
            timestamps(accounts["created_ns"]),
            timestamps(accounts["updated_ns"]),
        ),
        names.texts,
    )


def position_rows(positions: np.ndarray, names: StoreNames) -> Rows:
    """POSITION_ROW records as rows of ``positions``."""
    return POSITIONS.encode(
        (
            positions["account"],
            symbols(positions["instrument"], names),
            positions["quantity"],
            positions["frozen"],
            positions["total_cost"],
            timestamps(positions["created_ns"]),
            timestamps(positions["updated_ns"]),
        ),
        names.texts,
    )
