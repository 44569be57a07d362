"""From events to a batch: everything that one transaction writes, ready to be sent.

Who uses it: the publisher. The encoder owns the model of orders and accounts and the names; it
follows the events in order, once, whatever becomes of the batches that it makes.

Decision ARC-7.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from exchange.store.partitions import month_of, months_of
from exchange.store.rows.copy_format import (
    ACCOUNTS,
    KLINES,
    ORDER_EVENTS,
    ORDERS,
    POSITIONS,
    TRADES,
    Rows,
    Table,
)
from exchange.store.rows.event_kinds import MAKES_ORDER
from exchange.store.rows.event_rows import (
    Definitions,
    StoreNames,
    definitions_of,
    event_rows,
    trade_rows,
    trades_of,
)
from exchange.store.rows.klines import kline_rows, lines_of
from exchange.store.rows.state_rows import (
    AccountState,
    StateTexts,
    account_rows,
    order_rows,
    position_rows,
)


class Batch(NamedTuple):
    """The rows that one transaction writes: those of events ``first`` .. ``end`` - 1."""

    first: int
    end: int
    first_event: bytes  # as in the archive
    last_event: bytes
    months: tuple[int, ...]  # of all times that rows are partitioned by, ascending
    month: int  # of the newest event
    definitions: Definitions
    copied: list[tuple[Table, Rows]]  # straight into their tables: what is new
    merged: list[tuple[Table, Rows]]  # into what is there: the state after the batch
    added: list[tuple[Table, Rows]]  # K-lines of this batch alone, added to what is there

    @property
    def rows(self) -> int:
        """Number of rows that are written."""
        groups = (self.copied, self.merged, self.added)
        return sum(rows.number for group in groups for _, rows in group)


def split_orders(orders: np.ndarray, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(orders that ``events`` have made, those that were there before), by ascending id."""
    made = events["order_id"][MAKES_ORDER[events["kind"]]]  # ascending: ids are command sequences
    orders = orders[np.argsort(orders["order_id"])]
    ids = orders["order_id"]
    at = np.searchsorted(made, ids)
    new = np.zeros(len(ids), np.bool_)
    inside = at < len(made)
    new[inside] = made[at[inside]] == ids[inside]
    return orders[new], orders[~new]


class Encoder:
    """Makes batches of the events that it is given, in order."""

    def __init__(self, model: AccountState, known: Definitions) -> None:
        """``model``: at the event from which on there will be batches; ``known``: what was defined
        before that event."""
        self.model = model
        self.names = StoreNames()
        self.names.learn(known)
        self._state_texts = StateTexts(self.names)

    @property
    def next_event(self) -> int:
        """The first event that is in no batch yet."""
        return self.model.next_event

    def encode(self, events: np.ndarray) -> Batch:
        """The batch of ``events``: EVENT, contiguous, from ``next_event`` on, at least one."""
        names = self.names
        first = int(events["sequence"][0])
        assert first == self.next_event, (first, self.next_event)
        self.model.apply(events)
        changes = self.model.take_changes()
        definitions = definitions_of(events, names.currencies)
        names.learn(definitions)
        trades = trades_of(events)
        copied = [(ORDER_EVENTS, event_rows(events, names))]
        added = []
        if len(trades):
            copied.append((TRADES, trade_rows(trades, names)))
            lines = lines_of(trades)
            added = [(KLINES[name], kline_rows(name, lines[name], names)) for name in lines]
        new, old = split_orders(changes.orders, events)
        assert len(new) + len(old) == len(changes.orders)
        if len(new):
            copied.append((ORDERS, order_rows(new, names, self._state_texts)))
        merged = [
            (ORDERS, order_rows(old, names, self._state_texts)),
            (ACCOUNTS, account_rows(changes.accounts, names)),
            (POSITIONS, position_rows(changes.positions, names)),
        ]
        months = months_of(events["timestamp_ns"]) | months_of(changes.orders["created_ns"])
        return Batch(
            first=first,
            end=first + len(events),
            first_event=events[:1].tobytes(),
            last_event=events[-1:].tobytes(),
            months=tuple(sorted(months)),
            month=month_of(int(events["timestamp_ns"][-1])),
            definitions=definitions,
            copied=copied,
            merged=[(table, rows) for table, rows in merged if rows.number],
            added=added,
        )
