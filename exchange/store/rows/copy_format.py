"""Tables as they are copied: which columns, in which order, and rows of them as bytes.

Who uses it: the encoder (rows of events), the state's rows, K-lines, and the check. Invariant: the
columns here are those of the migrations, in any order; COPY always names them.

Decision STO-4.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from exchange import records
from exchange.store.rows.kernel import (
    ESCAPED_BYTES,
    INT2,
    INT4,
    INT8,
    TEXT,
    TOKEN,
    TOKEN_BYTES,
    write_rows,
)
from exchange.store.rows.texts import Texts

HEADER = b"PGCOPY\n\xff\r\n\0" + bytes(8)
TRAILER = b"\xff\xff"
_EPOCH_US = 946_684_800_000_000  # Postgres counts from 2000-01-01
_NO_TOKENS = np.zeros((0, TOKEN_BYTES), np.uint8)
_COLUMN_KINDS = {"int2": INT2, "int4": INT4, "int8": INT8, "text": TEXT, "token": TOKEN}


class Nullable(NamedTuple):
    """A column with nulls: any value may be one, so they are marked beside the values."""

    values: np.ndarray  # int64[rows]
    null: np.ndarray  # bool[rows]


Column = np.ndarray | Nullable
NO_TEXT = -1  # a text column's null

# the kernel has a number of its own, so that its compiled code outlives changes of the records
assert TOKEN_BYTES == records.TOKEN_BYTES


def present(condition: np.ndarray, values: np.ndarray) -> Nullable:
    """``values`` where ``condition`` holds, null elsewhere."""
    return Nullable(values, ~condition)


def or_null(values: np.ndarray) -> Nullable:
    """``values``, where 0 is null."""
    return Nullable(values, values == 0)


def timestamps(time_ns: np.ndarray) -> Nullable:
    """Times (int64, ns since 1970) as a timestamptz column; 0 is null."""
    return Nullable(time_ns // 1_000 - _EPOCH_US, time_ns == 0)


def timestamp_text(time_ns: int) -> str:
    """A time as Postgres reads it, with its microseconds; as the column has it."""
    moment = datetime.datetime(1970, 1, 1) + datetime.timedelta(microseconds=time_ns // 1_000)
    return f"{moment.isoformat(timespec='microseconds')}+00"


class Rows(NamedTuple):
    """Some rows of one table, ready for COPY (without header and trailer); ``number`` of them."""

    number: int
    data: memoryview


class Table(NamedTuple):
    """A table's name and its columns as (name, kind); kind: see ``_COLUMN_KINDS``."""

    name: str
    columns: tuple[tuple[str, str], ...]

    @property
    def names(self) -> str:
        """The columns, as COPY and INSERT name them."""
        return ", ".join(name for name, _ in self.columns)

    def kinds(self) -> np.ndarray:
        """int64[columns] for the kernel."""
        return np.array([_COLUMN_KINDS[kind] for _, kind in self.columns], np.int64)

    def bound(self, values: np.ndarray, places: np.ndarray) -> int:
        """The most bytes that the rows of ``values`` can have."""
        rows = values.shape[1]
        total = 2 * int(rows)
        sizes = np.append(np.diff(places), 0)  # the last one is that of NO_TEXT
        for column, (_, kind) in enumerate(self.columns):
            number = _COLUMN_KINDS[kind]
            if number == TEXT:
                total += 4 * rows + int(sizes[values[column]].sum())
            else:
                total += rows * (4 + (ESCAPED_BYTES if number == TOKEN else number))
        return total

    def encode(
        self, columns: Sequence[Column], texts: Texts, tokens: np.ndarray = _NO_TOKENS
    ) -> Rows:
        """Rows whose columns are ``columns``: integers of one length each.

        The first one has no nulls. ``tokens``: uint8[rows, 14], for the table's token column, of
        whose own values only the nulls count.
        """
        assert len(columns) == len(self.columns), self.name
        first = columns[0]
        assert isinstance(first, np.ndarray)
        values = np.empty((len(columns), len(first)), np.int64)
        nulls = np.zeros(values.shape, np.uint8)
        for i, column in enumerate(columns):
            if isinstance(column, Nullable):
                values[i], nulls[i] = column
            else:
                values[i] = column
        joined, places = texts.arrays()
        out = np.empty(self.bound(values, places), np.uint8)
        size = int(write_rows(values, nulls, self.kinds(), tokens, joined, places, out))
        assert size <= len(out), self.name
        return Rows(values.shape[1], memoryview(out.data)[:size])


def _table(name: str, **columns: str) -> Table:
    return Table(name, tuple(columns.items()))


def compile_rows() -> None:
    """Compile (or read back) the writer of rows: ``exchange/compiler/units.py``."""
    _table("nothing", number="int8").encode([np.zeros(1, np.int64)], Texts())


ORDER_EVENTS = _table(
    "order_events",
    sequence="int8",
    command_sequence="int8",
    created_at="int8",
    nanoseconds="int2",
    kind="text",
    symbol="text",
    user_id="int4",
    session="int4",
    order_id="int8",
    side="text",
    type="text",
    price="int8",
    quantity="int8",
    remaining="int8",
    reason="text",
    contra_order_id="int8",
    contra_user_id="int4",
    level_quantity="int8",
    level_orders="int8",
    stop_price="int8",
    display_quantity="int8",
    client_order_id="token",
    details="text",
)
TRADES = _table(
    "trades",
    id="int8",
    symbol="text",
    buy_order_id="int8",
    sell_order_id="int8",
    buyer_id="int4",
    seller_id="int4",
    price="int8",
    quantity="int8",
    taker_side="text",
    reason="text",
    executed_at="int8",
)
ORDERS = _table(
    "orders",
    id="int8",
    user_id="int4",
    symbol="text",
    side="text",
    type="text",
    price="int8",
    quantity="int8",
    stop_price="int8",
    display_quantity="int8",
    filled_quantity="int8",
    filled_value="int8",
    remaining_quantity="int8",
    prevented_quantity="int8",
    status="text",
    time_in_force="int4",
    client_order_id="token",
    session="int4",
    reason="text",
    replaces="int8",
    replaced_by="int8",
    created_at="int8",
    updated_at="int8",
    filled_at="int8",
    cancelled_at="int8",
)
ACCOUNTS = _table(
    "accounts",
    user_id="int4",
    currency="text",
    balance="int8",
    frozen_balance="int8",
    daily_order_count="int8",
    daily_order_limit="int8",
    created_at="int8",
    updated_at="int8",
)
POSITIONS = _table(
    "positions",
    user_id="int4",
    symbol="text",
    quantity="int8",
    frozen_quantity="int8",
    total_cost="int8",
    created_at="int8",
    updated_at="int8",
)
INTERVALS_S = {"1m": 60, "5m": 300, "15m": 900, "1h": 3_600, "1d": 86_400}
KLINES = {
    interval: _table(
        f"klines_{interval}",
        symbol="text",
        timestamp="int8",
        open="int8",
        high="int8",
        low="int8",
        close="int8",
        volume="int8",
        trade_count="int8",
    )
    for interval in INTERVALS_S
}
