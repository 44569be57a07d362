"""``exchange store check``: every row of the database compared with what the archive says.

Who uses it: the command line, the benchmark and tests. Reads the archive from its first event to
the database's position, batch by batch, and asks the database for the same rows; both are compared
as bytes. An order is compared when it is closed, because the model forgets it then; orders that
live, accounts and positions at the end; K-lines when all is read (64 bytes each are kept until
then). At the end rows are counted, so one too many is found too. Everything is read in one
snapshot: the exchange may go on.

Rows that retention has detached are not compared; the result says so.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import psycopg

from exchange.read_model.accounts.order_status import OrderStatus
from exchange.store import partitions
from exchange.store.compare import copied, differences
from exchange.store.connection import SCHEMA, ConnectionParameters, StorePosition, connect
from exchange.store.offline import ArchivedEvents, need_all
from exchange.store.publisher import check_store_position
from exchange.store.rows.copy_format import (
    ACCOUNTS,
    INTERVALS_S,
    KLINES,
    ORDER_EVENTS,
    ORDERS,
    POSITIONS,
    TRADES,
    Rows,
    Table,
    timestamp_text,
)
from exchange.store.rows.event_kinds import MAKES_ORDER
from exchange.store.rows.event_rows import (
    NUMBERS,
    StoreNames,
    definitions_of,
    event_rows,
    trade_rows,
    trades_of,
)
from exchange.store.rows.klines import NS, Lines, kline_rows, lines_of, merge
from exchange.store.rows.state_rows import (
    CLOSED,
    AccountState,
    StateTexts,
    account_rows,
    order_rows,
    position_rows,
)
from exchange.store.schema import use_schema

BATCH_EVENTS = 32_768
LIMIT = 20


# the orders whose rows contradict themselves or the trades, by what is wrong with them
_ARITHMETIC = {
    "something is left of it although it is closed, or cancelled although it is live": (
        "SELECT id FROM orders WHERE {kept} AND "
        "CASE WHEN status IN ('new', 'partial_filled', 'waiting', 'pending_review') "
        "THEN cancelled_quantity ELSE remaining_quantity END <> 0"
    ),
    "more is filled, left and prevented than was asked for": (
        # a rejected order says what was asked for, whatever that was
        "SELECT id FROM orders WHERE {kept} AND status <> 'rejected' "
        "AND (cancelled_quantity < 0 OR prevented_quantity < 0)"
    ),
    "filled_quantity is not what its trades say": (
        "SELECT id FROM orders LEFT JOIN (SELECT order_id, sum(quantity) AS traded FROM ("
        "SELECT buy_order_id AS order_id, quantity FROM trades UNION ALL "
        "SELECT sell_order_id, quantity FROM trades) AS sides GROUP BY order_id) AS fills "
        "ON fills.order_id = id WHERE {kept} AND filled_quantity <> coalesce(traded, 0)"
    ),
}


class Result(NamedTuple):
    """The findings of a check. ``differences``: none when all is well, LIMIT at most."""

    events: int
    differences: list[str]
    notes: list[str]


class _Enough(Exception):
    """As many differences as a person wants to read."""


class Checker:
    """One check on one connection, in one snapshot."""

    def __init__(self, connection: psycopg.Connection, schema: str, end: int) -> None:
        self._connection = connection
        self._end = end
        self._names = StoreNames()
        self._texts = StateTexts(self._names)
        self._said: list[str] = []
        self.notes: list[str] = []
        self._kept_from_ns = self._oldest_kept(schema)
        self._counts = {ORDER_EVENTS.name: 0, TRADES.name: 0, ORDERS.name: 0}
        self._live: set[int] = set()
        self._accounts: set[tuple[int, int]] = set()
        self._positions: set[tuple[int, int]] = set()
        self._open_lines: dict[str, Lines] = {}
        self._lines: dict[str, list[Lines]] = {name: [] for name in KLINES}

    def _oldest_kept(self, schema: str) -> int:
        """From when on rows are attached (ns); 0: all of them."""
        months = [each.month for each in partitions.attached(self._connection, schema)]
        detached = partitions.detached(self._connection, schema)
        if not months or not detached:
            return 0
        first = partitions.first_day(min(months))
        self.notes.append(f"not compared: rows before {first:%Y-%m}, which are detached")
        return int(first.timestamp()) * NS

    # --- comparing ------------------------------------------------------------------------------

    def _compare(self, table: Table, wanted: Rows, condition: str, order: str) -> None:
        query = f"SELECT {table.names} FROM {table.name} WHERE {condition} ORDER BY {order}"
        found = copied(self._connection, query)
        self._said += differences(table, found, wanted, LIMIT - len(self._said))
        if len(self._said) >= LIMIT:
            raise _Enough

    def run(self, state: AccountState, read: Callable[[int], np.ndarray]) -> list[str]:
        """Compare everything; the differences. ``read(n)``: the next events, empty at the end."""
        try:
            while len(events := read(BATCH_EVENTS)):
                self._batch(state, events)
            self._rest(state)
        except _Enough:
            pass
        return self._said

    def _batch(self, state: AccountState, events: np.ndarray) -> None:
        names = self._names
        state.apply(events)
        changes = state.take_changes()
        names.learn(definitions_of(events, names.currencies))
        kept = events[events["timestamp_ns"] >= self._kept_from_ns]
        if len(kept):
            kept = kept.copy()
            times = _between("created_at", kept["timestamp_ns"])
            first, last = int(kept["sequence"][0]), int(kept["sequence"][-1])
            self._compare(
                ORDER_EVENTS,
                event_rows(kept, names),
                f"{times} AND sequence BETWEEN {first} AND {last}",
                "sequence",
            )
            trades = trades_of(kept)
            self._counts[ORDER_EVENTS.name] += len(kept)
            self._counts[TRADES.name] += len(trades)
            if len(trades):
                self._compare(
                    TRADES,
                    trade_rows(trades, names),
                    f"{_between('executed_at', trades['timestamp_ns'])} "
                    f"AND id BETWEEN {first + 1} AND {last + 1}",
                    "id",
                )
            made = kept["order_id"][MAKES_ORDER[kept["kind"]]]
            self._counts[ORDERS.name] += len(made)
            self._live.update(made.tolist())
        orders = changes.orders
        # a replaced order is told its successor by the next event, perhaps of the next batch
        open_end = (orders["status"] == OrderStatus.REPLACED) & (orders["replaced_by"] == 0)
        self._orders(orders[CLOSED[orders["status"]] & ~open_end])
        self._accounts.update(
            zip(changes.accounts["account"].tolist(), changes.accounts["currency"].tolist(),
                strict=True)
        )  # fmt: skip
        self._positions.update(
            zip(changes.positions["account"].tolist(), changes.positions["instrument"].tolist(),
                strict=True)
        )  # fmt: skip
        self._add_lines(trades_of(events), int(events["timestamp_ns"][-1]))

    def _orders(self, orders: np.ndarray) -> None:
        orders = orders[orders["created_ns"] >= self._kept_from_ns]
        if len(orders) == 0:
            return
        orders = orders[np.argsort(orders["order_id"])]
        ids = orders["order_id"].tolist()
        self._live.difference_update(ids)
        listed = ",".join(map(str, ids))
        self._compare(
            ORDERS,
            order_rows(orders, self._names, self._texts),
            f"{_between('created_at', orders['created_ns'])} "
            f"AND id = ANY('{{{listed}}}'::bigint[])",
            "id",
        )

    # --- K-lines --------------------------------------------------------------------------------

    def _add_lines(self, trades: np.ndarray, now_ns: int) -> None:
        """Take in a batch; the lines that can change no more are put aside."""
        found = lines_of(trades) if len(trades) else {}
        for name, seconds in INTERVALS_S.items():
            parts = [each for each in (self._open_lines.get(name), found.get(name)) if each]
            if not parts:
                continue
            joined = merge(Lines(*map(np.concatenate, zip(*parts, strict=True))), seconds)
            over = joined.start_s < now_ns // NS // seconds * seconds
            if over.any():
                self._lines[name].append(Lines(*(column[over] for column in joined)))
            self._open_lines[name] = Lines(*(column[~over] for column in joined))

    def _compare_lines(self) -> None:
        for name, table in KLINES.items():
            parts = [*self._lines[name], *filter(None, [self._open_lines.get(name)])]
            if not parts:
                continue
            joined = Lines(*map(np.concatenate, zip(*parts, strict=True)))
            # in the database's order: symbols by their bytes
            ranks = self._ranks(joined.instrument)
            order = np.lexsort((joined.start_s, ranks))
            wanted = kline_rows(name, Lines(*(column[order] for column in joined)), self._names)
            self._compare(table, wanted, "true", 'symbol COLLATE "C", timestamp')

    def _ranks(self, instruments: np.ndarray) -> np.ndarray:
        """The place of each instrument's symbol among all symbols."""
        known = sorted(set(instruments.tolist()), key=lambda i: self._names.symbol(i).encode())
        ranks: np.ndarray = np.zeros(NUMBERS, np.int64)
        ranks[known] = np.arange(len(known))
        found: np.ndarray = ranks[instruments]
        return found

    # --- the end --------------------------------------------------------------------------------

    def _rest(self, state: AccountState) -> None:
        model, names = state.model, self._names
        live = np.array(sorted(self._live), np.int64)
        for start in range(0, len(live), BATCH_EVENTS):
            self._orders(model.order_rows(live[start : start + BATCH_EVENTS]))
        accounts = sorted(self._accounts, key=lambda pair: (pair[0], names.currencies[pair[1]]))
        wanted = account_rows(model.balance_rows(_pairs(accounts)), names)
        self._compare(ACCOUNTS, wanted, "true", 'user_id, currency COLLATE "C"')
        positions = sorted(self._positions, key=lambda pair: (pair[0], names.symbol(pair[1])))
        wanted = position_rows(model.position_rows(_pairs(positions)), names)
        self._compare(POSITIONS, wanted, "true", 'user_id, symbol COLLATE "C"')
        self._compare_lines()
        for table, count in self._counts.items():
            row = self._connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone()
            assert row is not None
            if row[0] != count:
                self._said.append(f"{table}: {row[0]:,} rows, the archive says {count:,}")
        self._add_up()

    def _add_up(self) -> None:
        """Every order's quantities add up, and its fills are those in ``trades``, each once."""
        kept = "true"
        if self._kept_from_ns:
            kept = f"created_at >= '{timestamp_text(self._kept_from_ns)}'"
        for what, query in _ARITHMETIC.items():
            limited = f"{query.format(kept=kept)} ORDER BY id LIMIT {LIMIT - len(self._said)}"
            found = self._connection.execute(limited.encode()).fetchall()
            self._said += [f"orders: id {order_id}: {what}" for (order_id,) in found]


def _between(column: str, times_ns: np.ndarray) -> str:
    """A condition that a row's time is one of ``times_ns``, or between them."""
    first, last = timestamp_text(int(times_ns.min())), timestamp_text(int(times_ns.max()))
    return f"{column} BETWEEN '{first}' AND '{last}'"


def _pairs(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, np.int64).reshape(-1, 2)


def check_database(
    data_directory: Path,
    conninfo: str,
    *,
    schema: str = SCHEMA,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Result:
    """Compare the database with the archive of ``data_directory``.

    ``on_progress``: gets events compared and events in all. Raises psycopg.Error, StoreRefused (the
    database is not of this exchange, or ahead of it).
    """
    parameters = ConnectionParameters(schema=schema, statement_timeout_ms=0)
    with connect(conninfo, parameters) as connection:
        use_schema(connection, schema)
        with connection.transaction():
            connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute(
                # as jsonb: tables of an older version have no column of that name
                "SELECT exchange_id, next_event, last_event,"
                " to_jsonb(store_position) ->> 'problem' FROM store_position"
            ).fetchone()
            assert row is not None
            *place, problem = row
            position = StorePosition(*place)
            around = ArchivedEvents(data_directory, BATCH_EVENTS)
            check_store_position(position, around.archive(), around.released())
            need_all(around.archive(), "a check")
            end, released = position.next_event, around.released()
            around = ArchivedEvents(data_directory, BATCH_EVENTS, end=end)
            source = around.source(0)

            def read(limit: int) -> np.ndarray:
                on_progress(source.next_event, end)
                return source.read(limit)

            checker = Checker(connection, schema, end)
            found = checker.run(around.model(0), read)
            if released > end:
                missing = f"{released - end:,} events from {end:,} on are not in the database"
                if problem:
                    found.append(f"{missing}: {problem}")
                else:
                    checker.notes.append(f"not compared: {missing} yet")
            return Result(end, found, checker.notes)
