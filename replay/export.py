"""``exchange-replay export``: trades, orders, events, commands, operators' actions as CSV or JSON.

Constant memory. Columns are fixed by what is exported, so two exports of one journal can be
compared line by line; a JSON line has the columns that are not empty.
Prices are exact decimals, times are nanoseconds since the epoch and ISO 8601.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from typing import Any, TextIO

import orjson

from exchange.codes import EventKind
from replay.directory import Directory
from replay.event_text import event_fields
from replay.operators import operator_actions
from replay.selection import Selection, selected_events
from replay.show import rows
from replay.source import JournalView
from replay.text import PARAMETER_VALUES

TRADE_COLUMNS = (
    "match_number",
    "reason",
    "time",
    "timestamp_ns",
    "instrument",
    "price",
    "quantity",
    "maker_session",
    "maker_order_id",
    "maker_token",
    "maker_side",
    "maker_remaining",
    "aggressor_session",
    "aggressor_order_id",
    "aggressor_token",
    "aggressor_side",
)
# Every order that was accepted, with what it was on entry.
ORDER_COLUMNS = (
    "order_id",
    "time",
    "timestamp_ns",
    "instrument",
    "session",
    "token",
    "side",
    "order_type",
    "price",
    "quantity",
    "time_in_force",
    "minimum_quantity",
    "display",
    "capacity",
    "firm",
    "replaced_order_id",
    "replaced_token",
)
# What PARAMETER sets, under the names of its values.
_PARAMETER_COLUMNS = (
    "parameter",
    *dict.fromkeys(name for names in PARAMETER_VALUES.values() for name in names),
    "value_0",
    "value_1",
    "value_2",
)
EVENT_COLUMNS = (
    "sequence",
    "command_sequence",
    "time",
    "timestamp_ns",
    "kind",
    "instrument",
    "session",
    "session_sequence",
    "order_id",
    "token",
    "side",
    "order_type",
    "price",
    "quantity",
    "remaining",
    "level_quantity",
    "level_orders",
    "reason",
    "match_number",
    "aggressor_session",
    "aggressor_session_sequence",
    "aggressor_order_id",
    "aggressor_token",
    "aggressor_side",
    "replaced_order_id",
    "replaced_token",
    "time_in_force",
    "minimum_quantity",
    "display",
    "capacity",
    "firm",
    "intermarket_sweep",
    "cross_type",
    "chain_hash",
    "events_hashed",
    "day_number",
    "midnight_ns",
    "instrument_id",
    "price_decimals",
    "tick_size",
    "lot_size",
    "minimum_price",
    "maximum_price",
    "maximum_quantity",
    "session_id",
    "account",
    "stop_price",
    "display_quantity",
    "other_order_id",
    "prevented",
    "liquidity",
    "imbalance",
    "currency",
    "currency_id",
    "currency_decimals",
    "fee_account",
    "amount",
    "balance",
    "position",
    "group",
    "state",
    "until",
    "scope",
    "cancels",
    "orders",
    "key",
    "command",
    "canceled_orders",
    *_PARAMETER_COLUMNS,
)
COMMAND_COLUMNS = (
    "sequence",
    "time",
    "timestamp_ns",
    "kind",
    "instrument",
    "session",
    "token",
    "replacement_token",
    "order_id",
    "side",
    "order_type",
    "price",
    "price_minor_units",
    "quantity",
    "time_in_force",
    "minimum_quantity",
    "display",
    "capacity",
    "firm",
    "intermarket_sweep",
    "cross_type",
    "reject",
    "day_number",
    "midnight_ns",
    "instrument_id",
    "price_decimals",
    "tick_size",
    "lot_size",
    "minimum_price",
    "maximum_price",
    "maximum_quantity",
    "session_id",
    "account",
    "operator",
    "operator_uid",
    "key",
    "stop_price",
    "stop_price_minor_units",
    "display_quantity",
    "reprice",
    "currency",
    "currency_id",
    "currency_decimals",
    "fee_account",
    "amount",
    "group",
    "state",
    "until",
    "scope",
    "approve",
    "of_account",
    "of_session",
    "after_s",
    *_PARAMETER_COLUMNS,
)
# What people, and the exchange itself (configuration, schedule, disk guard), have asked for.
OPERATOR_COLUMNS = (
    "sequence",
    "time",
    "timestamp_ns",
    "operator",
    "operator_uid",
    "command",
    "key",
    "reason",
    "outcome",
    "reject",
    "canceled_orders",
    "details",
)
_MAKER = {
    "session": "maker_session",
    "order_id": "maker_order_id",
    "token": "maker_token",
    "side": "maker_side",
    "remaining": "maker_remaining",
}


def _trades(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    selection.kinds = {int(EventKind.TRADE)}
    for events in selected_events(view, selection):
        for event in events:
            fields = event_fields(event, directory)
            yield {_MAKER.get(name, name): value for name, value in fields.items()}


def _orders(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    selection.kinds = {int(EventKind.ACCEPTED), int(EventKind.REPLACED)}
    for events in selected_events(view, selection):
        for event in events:
            yield event_fields(event, directory)


def _events(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    return rows(view, directory, selection, commands=False)


def _commands(
    view: JournalView, directory: Directory, selection: Selection
) -> Iterator[dict[str, Any]]:
    return rows(view, directory, selection, commands=True)


Source = Callable[[JournalView, Directory, Selection], Iterator[dict[str, Any]]]
EXPORTS: dict[str, tuple[tuple[str, ...], Source]] = {
    "trades": (TRADE_COLUMNS, _trades),
    "orders": (ORDER_COLUMNS, _orders),
    "events": (EVENT_COLUMNS, _events),
    "commands": (COMMAND_COLUMNS, _commands),
    "operators": (OPERATOR_COLUMNS, operator_actions),
}
# those that are made of commands, whose ranges are of command sequences
OF_COMMANDS = frozenset({"commands", "operators"})


def export(
    what: str,
    view: JournalView,
    directory: Directory,
    selection: Selection,
    on_row: Callable[[dict[str, Any]], None],
) -> None:
    """Give every row of ``what`` (a key of ``EXPORTS``) to ``on_row``."""
    _, source = EXPORTS[what]
    for record in source(view, directory, selection):
        on_row(record)


def csv_rows(what: str, output: TextIO) -> Callable[[dict[str, Any]], None]:
    """Writes the header line of ``what`` to ``output``; returns what writes a row."""
    columns, _ = EXPORTS[what]
    writer = csv.writer(output, lineterminator="\n")
    writer.writerow(columns)
    return lambda record: writer.writerow([record.get(column, "") for column in columns])


def json_rows(what: str, output: TextIO) -> Callable[[dict[str, Any]], None]:
    """Returns what writes a row of ``what`` to ``output`` as a JSON object on a line."""
    columns, _ = EXPORTS[what]

    def write(record: dict[str, Any]) -> None:
        row = {name: record[name] for name in columns if record.get(name, "") != ""}
        output.write(orjson.dumps(row).decode() + "\n")

    return write
