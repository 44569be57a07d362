"""What the tables must say after some events, from the events one by one in plain Python.

The witness of the store's tests: it shares nothing with the compiled rows of ``exchange/store``.
Orders, accounts and positions come from the account model, asked object by object.
"""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import psycopg
from store_world import MODEL_CAPACITY

from exchange.codes import (
    FLAG_LEVEL,
    CancelReason,
    EventKind,
    OrderType,
    Reject,
    Side,
    StateReason,
    SystemEvent,
    TradeReason,
    WarningReason,
)
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.order_status import OrderStatus

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
INTERVALS_S = {"1m": 60, "5m": 300, "15m": 900, "1h": 3600, "1d": 86400}
ORDER_KINDS = {
    EventKind.ACCEPTED,
    EventKind.REJECTED,
    EventKind.REPLACED,
    EventKind.CANCELED,
    EventKind.TRADE,
    EventKind.MODIFIED,
    EventKind.RESTED,
    EventKind.REMOVED,
    EventKind.TERMS,
    EventKind.HELD,
    EventKind.RELEASED,
    EventKind.TRIGGERED,
    EventKind.REFRESHED,
    EventKind.SELF_TRADE_PREVENTED,
    EventKind.CANCEL_REJECTED,
}
NO_REMAINING = {
    EventKind.ACCEPTED,
    EventKind.REJECTED,
    EventKind.REPLACED,
    EventKind.TERMS,
    EventKind.CANCEL_REJECTED,
}
REASONS: dict[int, Any] = {
    EventKind.REJECTED: Reject,
    EventKind.CANCEL_REJECTED: Reject,
    EventKind.CONTROL_REJECTED: Reject,
    EventKind.CANCELED: CancelReason,
    EventKind.SYSTEM: SystemEvent,
    EventKind.WARNING: WarningReason,
    EventKind.TRADE: TradeReason,
    EventKind.STATE_CHANGED: StateReason,
}
ACCOUNT_KINDS = {
    EventKind.ACCOUNT_DEFINED,
    EventKind.BALANCE_CHANGED,
    EventKind.CURRENCY_DEFINED,
    EventKind.PARAMETER_SET,
    EventKind.KILL_SWITCHED,
    EventKind.WARNING,
    EventKind.CONTROL_REJECTED,
}


def time_of(ns: int) -> datetime.datetime | None:
    return None if ns == 0 else EPOCH + datetime.timedelta(microseconds=ns // 1000)


def named(names: Any, number: int) -> str:
    try:
        return str(names(number).name.lower())
    except ValueError:
        return str(number)


def text_of(raw: bytes) -> str:
    """A token as the column has it."""
    return "".join(
        chr(octet) if 32 <= octet < 127 and octet != 92 else f"\\x{octet:02x}"
        for octet in raw.rstrip(b" ")
    )


class Expected:
    """Rows by table: dictionaries of column to value, in the order of their keys."""

    def __init__(self, events: np.ndarray) -> None:
        self.symbols: dict[int, str] = {}
        self.accounts_of: dict[int, int] = {}
        self.currencies: dict[int, str] = {}
        self.order_events: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.klines: dict[str, dict[tuple[str, Any], list[int]]] = {n: {} for n in INTERVALS_S}
        self.model = AccountModel(MODEL_CAPACITY, track_dirty=True)
        self.model.apply(events)
        for event in events:
            self._event(event)
        self.orders = self._orders()
        self.accounts = self._accounts()
        self.positions = self._positions()

    def _event(self, event: np.void) -> None:
        fields = {name: event[name].item() for name in event.dtype.names or ()}
        kind = fields["kind"]
        raw = event.tobytes()
        if kind == EventKind.INSTRUMENT_DEFINED:
            self.symbols[fields["instrument"]] = raw[64:72].rstrip(b"\0 ").decode()
        elif kind == EventKind.SESSION_DEFINED:
            self.accounts_of[fields["session"]] = fields["quantity"]
        elif kind == EventKind.CURRENCY_DEFINED:
            self.currencies[fields["currency"]] = raw[64:72].rstrip(b"\0 ").decode()
        about_order = kind in ORDER_KINDS

        def number(name: str) -> int:
            return 0 if kind == EventKind.NOTED else fields[name]  # it has text there

        if kind in ACCOUNT_KINDS:
            user = fields["account"] or None
        else:
            user = self.accounts_of.get(fields["session"])
        names = REASONS.get(kind)
        zero_counts = kind in (EventKind.TRADE, EventKind.STATE_CHANGED)
        has_level = bool(fields["flags"] & FLAG_LEVEL)
        with_remaining = (about_order and kind not in NO_REMAINING) or kind in (
            EventKind.AUCTION, EventKind.BALANCE_CHANGED,
        )  # fmt: skip
        self.order_events.append(
            {
                "sequence": fields["sequence"],
                "command_sequence": fields["command_sequence"],
                "created_at": time_of(fields["timestamp_ns"]),
                "nanoseconds": fields["timestamp_ns"] % 1000,
                "kind": named(EventKind, kind),
                "symbol": self.symbols.get(fields["instrument"]),
                "user_id": user,
                "session": fields["session"] or None,
                "order_id": fields["order_id"] if about_order else None,
                "side": named(Side, fields["side"])
                if about_order or kind == EventKind.LEVEL
                else None,
                "type": named(OrderType, fields["order_type"]) if about_order else None,
                "price": fields["price"] if about_order else number("price") or None,
                "quantity": fields["quantity"] if about_order else number("quantity") or None,
                "remaining": fields["remaining"] if with_remaining else None,
                "reason": (
                    named(names, fields["reason"])
                    if names and (fields["reason"] or zero_counts)
                    else None
                ),
                "contra_order_id": (
                    fields["contra_order_id"]
                    if kind in (EventKind.TRADE, EventKind.REPLACED, EventKind.SELF_TRADE_PREVENTED)
                    else None
                ),
                "contra_user_id": (
                    self.accounts_of[fields["contra_session"]] if kind == EventKind.TRADE else None
                ),
                "level_quantity": fields["level_quantity"] if has_level else None,
                "level_orders": fields["level_orders"] if has_level else None,
                "stop_price": (fields["contra_order_id"] or None)
                if kind == EventKind.TERMS
                else None,
                "display_quantity": (fields["remaining"] or None)
                if kind == EventKind.TERMS
                else None,
                "client_order_id": text_of(raw[64:78]) if about_order else None,
            }
        )
        if kind == EventKind.TRADE:
            self._trade(fields)

    def _trade(self, fields: dict[str, Any]) -> None:
        maker = (fields["order_id"], self.accounts_of[fields["session"]])
        taker = (fields["contra_order_id"], self.accounts_of[fields["contra_session"]])
        buyer, seller = (maker, taker) if fields["side"] == Side.BUY else (taker, maker)
        symbol = self.symbols[fields["instrument"]]
        self.trades.append(
            {
                "id": fields["sequence"] + 1,
                "symbol": symbol,
                "buy_order_id": buyer[0],
                "sell_order_id": seller[0],
                "buyer_id": buyer[1],
                "seller_id": seller[1],
                "price": fields["price"],
                "quantity": fields["quantity"],
                "taker_side": named(Side, fields["contra_side"]),
                "reason": named(TradeReason, fields["reason"]),
                "executed_at": time_of(fields["timestamp_ns"]),
            }
        )
        for name, seconds in INTERVALS_S.items():
            start = fields["timestamp_ns"] // 10**9 // seconds * seconds
            key = (symbol, EPOCH + datetime.timedelta(seconds=start))
            price = fields["price"]
            line = self.klines[name].setdefault(key, [price, price, price, price, 0, 0])
            line[1], line[2], line[3] = max(line[1], price), min(line[2], price), price
            line[4] += fields["quantity"]
            line[5] += 1

    def _orders(self) -> list[dict[str, Any]]:
        found = []
        for order_id in sorted(self.model.take_dirty().orders.tolist()):
            order = self.model.order(order_id)
            assert order is not None
            names = Reject if order.status == OrderStatus.REJECTED else CancelReason
            found.append(
                {
                    "id": order.order_id,
                    "user_id": order.account,
                    "symbol": self.symbols.get(order.instrument, f"#{order.instrument}"),
                    "side": named(Side, order.side),
                    "type": named(OrderType, order.order_type),
                    "price": (
                        order.price
                        if order.order_type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
                        else None
                    ),
                    "quantity": order.quantity,
                    "stop_price": order.stop_price or None,
                    "display_quantity": order.display_quantity or None,
                    "filled_quantity": order.filled,
                    "filled_value": order.filled_value,
                    "remaining_quantity": order.open,
                    "prevented_quantity": order.prevented,
                    "status": order.status.name.lower(),
                    "time_in_force": order.time_in_force,
                    "client_order_id": text_of(order.token),
                    "session": order.session,
                    "reason": named(names, order.reason) if order.reason else None,
                    "replaces": order.replaces or None,
                    "replaced_by": order.replaced_by or None,
                    "created_at": time_of(order.created_ns),
                    "updated_at": time_of(order.updated_ns),
                    "filled_at": time_of(order.filled_ns),
                    "cancelled_at": time_of(order.cancelled_ns),
                }
            )
        return found

    def _accounts(self) -> list[dict[str, Any]]:
        found = []
        for number in range(1, MODEL_CAPACITY.accounts):
            account = self.model.account(number)
            for currency, (balance, frozen) in account.balances.items():
                found.append(
                    {
                        "user_id": number,
                        "currency": self.currencies[currency],
                        "balance": balance,
                        "frozen_balance": frozen,
                        "available_balance": balance - frozen,
                        "daily_order_count": account.daily_order_count,
                        "daily_order_limit": account.daily_order_limit,
                    }
                )
        return sorted(found, key=lambda row: (row["user_id"], row["currency"]))

    def _positions(self) -> list[dict[str, Any]]:
        found = [
            {
                "user_id": number,
                "symbol": self.symbols[position.instrument],
                "quantity": position.quantity,
                "frozen_quantity": position.frozen,
                "available_quantity": position.available,
                "total_cost": position.total_cost,
                "created_at": time_of(position.created_ns),
                "updated_at": time_of(position.updated_ns),
            }
            for number in range(1, MODEL_CAPACITY.accounts)
            for position in self.model.positions(number)
        ]
        return sorted(found, key=lambda row: (row["user_id"], row["symbol"]))

    def kline_rows(self, interval: str) -> list[dict[str, Any]]:
        names = ("open", "high", "low", "close", "volume", "trade_count")
        return [
            {"symbol": symbol, "timestamp": start} | dict(zip(names, line, strict=True))
            for (symbol, start), line in sorted(self.klines[interval].items())
        ]


def rows_in(connection: psycopg.Connection, table: str, columns: Any, order: str) -> list[Any]:
    """The table's rows as dictionaries."""
    names = list(columns)
    found = connection.execute(
        f"SELECT {', '.join(names)} FROM {table} ORDER BY {order}".encode()
    ).fetchall()
    return [dict(zip(names, row, strict=True)) for row in found]


def assert_tables(connection: psycopg.Connection, expected: Expected) -> None:
    """The database says what the events say: all rows, none twice, nothing else."""
    connection.execute("SET timezone TO 'UTC'")
    for table, rows, order in (
        ("order_events", expected.order_events, "sequence"),
        ("trades", expected.trades, "id"),
        ("orders", expected.orders, "id"),
        ("accounts", expected.accounts, "user_id, currency"),
        ("positions", expected.positions, "user_id, symbol"),
        *((f"klines_{n}", expected.kline_rows(n), "symbol, timestamp") for n in INTERVALS_S),
    ):
        assert rows, f"nothing is expected in {table}: the events are too few"
        found = rows_in(connection, table, rows[0], order)
        assert len(found) == len(rows), table
        for left, right in zip(found, rows, strict=True):
            differing = {
                each: (left[each], right[each]) for each in left if left[each] != right[each]
            }
            assert not differing, f"{table}, {next(iter(right.items()))}: {differing}"
