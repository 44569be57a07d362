"""What became of every order and which fills there were, from events, in plain Python.

The twin of the account model's history: dictionaries and lists, one event at a time, nothing is
forgotten unless ``kept_orders`` says how many there may be. Money and stock are the ledger's.
"""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from exchange.codes import CancelReason, EventKind, OrderType, Parameter, Scope, TradeReason
from exchange.read_model.accounts.order_status import OrderStatus
from exchange.recovery.ledger import fee_of

STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)
CLOSED = (
    OrderStatus.FILLED,
    OrderStatus.CANCELLED,
    OrderStatus.REJECTED,
    OrderStatus.REPLACED,
    OrderStatus.EXPIRED,
)


@dataclass
class NaiveOrder:
    order_id: int
    account: int
    session: int
    instrument: int
    side: int
    order_type: int
    display: str
    token: bytes
    price: int
    quantity: int
    created_ns: int
    updated_ns: int
    status: OrderStatus = OrderStatus.NEW
    time_in_force: int = 0
    minimum_quantity: int = 0
    stop_price: int = 0
    display_quantity: int = 0
    open: int = 0
    filled: int = 0
    filled_before: int = 0
    prevented: int = 0
    filled_value: int = 0
    reason: int = 0
    filled_ns: int = 0
    cancelled_ns: int = 0
    replaces: int = 0
    replaced_by: int = 0


@dataclass
class NaiveAccount:
    opened_ns: int = 0
    orders_today: int = 0
    limit: int = 0
    blocked: bool = False
    killed: bool = False


class NaiveHistory:
    """Public fields are for reading. ``fills``: oldest first, as dictionaries of Fill's fields."""

    def __init__(self, kept_orders: int | None = None) -> None:
        self.kept_orders = kept_orders
        self.orders: dict[int, NaiveOrder] = {}
        self.closed: deque[int] = deque()
        self.fills: list[dict[str, Any]] = []
        self.accounts: dict[int, NaiveAccount] = {}
        self.account_defaults = NaiveAccount()
        self.sessions: dict[int, int] = {}
        self.tokens: dict[tuple[int, bytes], int] = {}  # of the day
        self.multipliers: dict[int, int] = {}
        self.decimals: dict[int, int] = {}
        self.rates: dict[int, tuple[int, int]] = {0: (0, 0)}

    def apply(self, events: np.ndarray) -> None:
        names = events.dtype.names
        assert names is not None
        rows = zip(*(events[name].tolist() for name in names), strict=True)
        octets = events.tobytes()
        for number, row in enumerate(rows):
            self._apply_one(dict(zip(names, row, strict=True)), octets[128 * number + 64 :][:14])

    def _close(self, order: NaiveOrder, status: OrderStatus, now_ns: int) -> None:
        order.status = status
        if status is OrderStatus.FILLED:
            order.filled_ns = now_ns
        if status in (OrderStatus.CANCELLED, OrderStatus.EXPIRED):
            order.cancelled_ns = now_ns
        self.closed.append(order.order_id)

    def _remember(self, order: NaiveOrder) -> None:
        if len(self.orders) == self.kept_orders:
            del self.orders[self.closed.popleft()]
        self.orders[order.order_id] = order
        self.tokens[order.session, order.token] = order.order_id

    def _apply_one(self, e: dict[str, int], token: bytes) -> None:
        kind, now_ns, session = e["kind"], e["timestamp_ns"], e["session"]
        if kind in (EventKind.ACCEPTED, EventKind.REPLACED, EventKind.REJECTED):
            order = NaiveOrder(
                e["order_id"], self.sessions[session], session, e["instrument"], e["side"],
                e["order_type"], chr(e["display"]), token, e["price"], e["quantity"],
                now_ns, now_ns,
            )  # fmt: skip
            if kind == EventKind.REJECTED:
                order.reason = e["reason"]
                self._remember(order)
                self._close(order, OrderStatus.REJECTED, now_ns)
                return
            order.open = e["quantity"]
            order.time_in_force = e["time_in_force"]
            order.minimum_quantity = e["minimum_quantity"]
            if kind == EventKind.REPLACED:
                old = self.orders[e["contra_order_id"]]
                old.replaced_by, order.replaces = order.order_id, old.order_id
                order.filled_before = old.filled_before + old.filled
            self._remember(order)
            self.accounts[order.account].orders_today += 1
        elif kind == EventKind.TERMS:
            order = self.orders[e["order_id"]]
            order.stop_price, order.display_quantity = e["contra_order_id"], e["remaining"]
            if order.order_type in STOPS:
                order.status = OrderStatus.WAITING
        elif kind == EventKind.TRADE:
            self._trade(e)
        elif kind in (EventKind.CANCELED, EventKind.REMOVED, EventKind.SELF_TRADE_PREVENTED):
            self._lose(e)
        elif kind == EventKind.MODIFIED:
            order = self.orders[e["order_id"]]
            order.side, order.open, order.updated_ns = e["side"], e["remaining"], now_ns
            order.quantity = order.filled + order.prevented + order.open
        elif kind in (EventKind.HELD, EventKind.RELEASED, EventKind.TRIGGERED):
            order = self.orders[e["order_id"]]
            order.updated_ns = now_ns
            if kind == EventKind.HELD:
                order.status = OrderStatus.PENDING_REVIEW
            elif kind == EventKind.RELEASED and order.order_type in STOPS:
                order.status = OrderStatus.WAITING
            elif order.filled:
                order.status = OrderStatus.PARTIAL_FILLED
            else:
                order.status = OrderStatus.NEW
        else:
            self._about_no_order(e)

    def _lose(self, e: dict[str, int]) -> None:
        order, kind, now_ns = self.orders[e["order_id"]], e["kind"], e["timestamp_ns"]
        order.open, order.updated_ns = e["remaining"], now_ns
        if kind == EventKind.SELF_TRADE_PREVENTED:
            order.prevented += e["quantity"]
        if order.open:
            if kind == EventKind.CANCELED:
                order.quantity = order.filled + order.prevented + order.open
        elif kind == EventKind.REMOVED:
            self._close(order, OrderStatus.REPLACED, now_ns)
        elif kind == EventKind.SELF_TRADE_PREVENTED:
            order.reason = CancelReason.SELF_MATCH
            self._close(order, OrderStatus.CANCELLED, now_ns)
        else:
            order.reason = e["reason"]
            expired = order.reason == CancelReason.TIMEOUT
            self._close(order, OrderStatus.EXPIRED if expired else OrderStatus.CANCELLED, now_ns)

    def _trade(self, e: dict[str, int]) -> None:
        pair = (e["order_id"], e["contra_order_id"])
        value = e["price"] * e["quantity"] * self.multipliers[e["instrument"]]
        maker_rate, taker_rate = self.rates[e["instrument"]]
        continuous = e["reason"] == TradeReason.CONTINUOUS
        for role, order_id in enumerate(pair):
            order, resting = self.orders[order_id], role == 0 and continuous
            order.open -= e["quantity"]
            order.filled += e["quantity"]
            order.filled_value += e["price"] * e["quantity"]
            order.updated_ns = e["timestamp_ns"]
            if order.open:
                order.status = OrderStatus.PARTIAL_FILLED
            else:
                self._close(order, OrderStatus.FILLED, e["timestamp_ns"])
            self.fills.append(
                {
                    "sequence": e["sequence"],
                    "timestamp_ns": e["timestamp_ns"],
                    "order_id": order_id,
                    "contra_order_id": pair[1 - role],
                    "account": order.account,
                    "instrument": order.instrument,
                    "side": order.side,
                    "price": e["price"],
                    "quantity": e["quantity"],
                    "liquidity": "maker" if resting else "taker",
                    "fee": fee_of(value, maker_rate if resting else taker_rate),
                    "match_number": e["sequence"] + 1,
                }
            )

    def _about_no_order(self, e: dict[str, int]) -> None:
        kind, account = e["kind"], self.accounts.get(e["account"])
        if kind == EventKind.SESSION_DEFINED:
            self.sessions[e["session"]] = e["quantity"]
        elif kind == EventKind.ACCOUNT_DEFINED:
            defaults = self.account_defaults
            self.accounts[e["account"]] = NaiveAccount(
                e["timestamp_ns"], 0, defaults.limit, defaults.blocked
            )
        elif kind == EventKind.CURRENCY_DEFINED:
            self.decimals[e["currency"]] = e["display"]
        elif kind == EventKind.INSTRUMENT_DEFINED:
            self.multipliers[e["instrument"]] = 10 ** (self.decimals[e["currency"]] - e["display"])
            self.rates[e["instrument"]] = self.rates[0]
        elif kind == EventKind.PARAMETER_SET:
            target = account or self.account_defaults
            if e["parameter"] == Parameter.FEES:
                self.rates[e["instrument"]] = (e["price"], e["quantity"])
            elif e["parameter"] == Parameter.DAILY_ORDERS:
                target.limit = e["price"]
            elif e["parameter"] == Parameter.BLOCKED:
                target.blocked = bool(e["price"])
        elif kind == EventKind.KILL_SWITCHED and e["scope"] == Scope.ACCOUNT:
            assert account is not None
            account.killed = bool(e["quantity"])
        elif kind == EventKind.DAY_STARTED:
            self.tokens.clear()
            for each in self.accounts.values():
                each.orders_today = 0

    # --- looking ------------------------------------------------------------------------------

    def order(self, order_id: int) -> dict[str, Any] | None:
        """The fields of Order, or None."""
        order = self.orders.get(order_id)
        if order is None:
            return None
        fields = asdict(order)
        priceless = order.order_type in (OrderType.MARKET, OrderType.STOP)
        if priceless and order.status is not OrderStatus.REJECTED:
            fields["price"] = 0
        return fields

    def of_account(self, account: int) -> list[NaiveOrder]:
        """The account's orders, newest first."""
        mine = (order for order in self.orders.values() if order.account == account)
        return sorted(mine, key=lambda order: -order.order_id)
