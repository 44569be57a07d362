"""``exchange-replay show``: commands or events as a table for people, as JSON lines for programs.

Reads only; constant memory: records are formatted chunk by chunk as they are found.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from itertools import islice
from typing import Any, BinaryIO

import orjson
from rich.console import Console
from rich.table import Table

from replay.command_text import command_fields
from replay.directory import Directory
from replay.event_text import event_fields
from replay.selection import Selection, selected_commands, selected_events
from replay.source import JournalView

# Columns of the table; everything else of a record goes into "details".
PIPED_WIDTH = 10_000
_LEADING = ("sequence", "time", "kind", "instrument", "session", "side", "price", "quantity")
_HIDDEN = ("timestamp_ns",)
_NUMBERS = ("sequence", "price", "quantity")


def rows(
    view: JournalView, directory: Directory, selection: Selection, *, commands: bool
) -> Iterator[dict[str, Any]]:
    """The selected commands or events as dictionaries, in order."""
    if commands:
        for chunk in selected_commands(view, selection):
            for i, (sequence, command) in enumerate(
                zip(chunk.sequences.tolist(), chunk.commands, strict=True)
            ):
                yield command_fields(sequence, command, chunk.continuation(i), directory)
    else:
        for events in selected_events(view, selection):
            for event in events:
                yield event_fields(event, directory)


def show_json(records: Iterator[dict[str, Any]], output: BinaryIO, limit: int | None) -> int:
    """Write one JSON object a line; returns how many."""
    count = 0
    for record in islice(records, limit):
        output.write(orjson.dumps(record))
        output.write(b"\n")
        count += 1
    return count


def show_table(records: Iterator[dict[str, Any]], console: Console, limit: int) -> int:
    """Print at most ``limit`` records as a table; says when there are more. Returns how many."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in _LEADING:
        table.add_column(column, justify="right" if column in _NUMBERS else "left", no_wrap=True)
    table.add_column("details", overflow="fold")
    shown = 0
    more = False
    for record in records:
        if shown == limit:
            more = True
            break
        details = " ".join(
            f"{name}={value}"
            for name, value in record.items()
            if name not in _LEADING and name not in _HIDDEN and value != ""
        )
        table.add_row(*[str(record.get(column, "")) for column in _LEADING], details)
        shown += 1
    console.print(table)
    if more:
        console.print(f"… more; --limit {limit} records shown")
    return shown


def _console() -> Console:
    """As wide as the terminal; a pipe or a file has no width that would cut a number."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)


def show_difference(found: dict[str, Any]) -> None:
    """Print both records of a first difference side by side."""
    table = Table(box=None, header_style="bold", title=f"event {found['sequence']}")
    for column in ("field", "journal", "archive"):
        table.add_column(column)
    journal, archive = found["journal"] or {}, found["archive"] or {}
    for name in dict.fromkeys((*journal, *archive)):
        left, right = str(journal.get(name, "-")), str(archive.get(name, "-"))
        table.add_row(name, left, right, style="" if left == right else "bold")
    _console().print(table)


def show_book(fields: dict[str, Any]) -> None:
    """Print one book (``replay/book.py: book_fields``): asks above bids, best prices meeting."""
    levels = f"{fields['bid_levels']} bid levels, {fields['ask_levels']} ask levels"
    table = Table(box=None, header_style="bold", title=f"{fields['instrument']}: {levels}")
    for column in ("side", "price", "quantity", "hidden", "orders"):
        table.add_column(column, justify="left" if column == "side" else "right", no_wrap=True)
    table.add_column("order ids, in the order in which they will trade", overflow="fold")
    for name, levels_of_side in (("ask", fields["asks"][::-1]), ("bid", fields["bids"])):
        for level in levels_of_side:
            orders = level["orders"]
            if isinstance(orders, list):
                details = " ".join(
                    f"{o['order_id']}:{o['quantity']}"
                    + (f"+{o['hidden']}" if o.get("hidden") else "")
                    + f"({o['session']})"
                    for o in orders
                )
                orders = len(orders)
            else:
                details = ""
            table.add_row(
                name,
                level["price"],
                str(level["quantity"]),
                str(level.get("hidden", "")),
                str(orders),
                details,
            )
    console = _console()
    console.print(table)
    for name in ("buy_stops", "sell_stops", "held"):
        orders = fields.get(name)
        if not orders:
            continue
        table = Table(box=None, header_style="bold", title=name.replace("_", " "))
        columns = ("order_id", "session", "side", "order_type", "stop_price", "price", "quantity")
        for column in columns:
            table.add_column(column, no_wrap=True)
        for order in orders:
            table.add_row(*[str(order.get(column, "")) for column in columns])
        console.print(table)


def show_accounts(accounts: list[dict[str, Any]]) -> None:
    """Print accounts (``replay/accounts.py: account_fields``): money, then positions."""
    console = _console()
    money = Table(box=None, header_style="bold", title="balances")
    for column in ("account", "sessions", "currency", "balance", "available", "frozen"):
        left = column in ("sessions", "currency")
        money.add_column(column, justify="left" if left else "right", no_wrap=True)
    stock = Table(box=None, header_style="bold", title="positions")
    columns = (
        "instrument",
        "quantity",
        "available",
        "frozen",
        "average_cost",
        "total_cost",
        "open_buys",
        "open_shorts",
    )
    for column in ("account", *columns):
        stock.add_column(
            column, justify="left" if column == "instrument" else "right", no_wrap=True
        )
    for account in accounts:
        number, names = str(account["account"]), " ".join(account["sessions"])
        for row in account["balances"] or [{}]:
            cells = [row.get(name, "") for name in ("currency", "balance", "available", "frozen")]
            money.add_row(number, names, *cells)
        for row in account["positions"]:
            stock.add_row(number, *[str(row[column]) for column in columns])
    console.print(money)
    console.print(stock)


def show_stats(figures: dict[str, Any]) -> None:
    """Print the figures of ``replay/stats.py`` as tables."""
    console = _console()
    for section in ("commands", "events", "files"):
        table = Table(box=None, show_header=False, title=section, title_justify="left")
        table.add_column()
        table.add_column(justify="right")
        for name, value in figures[section].items():
            if isinstance(value, dict):
                for key, item in value.items():
                    if isinstance(item, dict):
                        text = ", ".join(f"{k} {v}" for k, v in item.items())
                        table.add_row(f"{name}: {key}", text)
                    else:
                        table.add_row(f"{name}: {key}", _number(item))
            else:
                table.add_row(name, _number(value))
        console.print(table)


def _number(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else str(value)
