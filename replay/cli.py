"""``exchange-replay``: look into a journal, verify it, rebuild from it.

    exchange-replay show      commands or events of a range, as a table or JSON lines
    exchange-replay verify    replay the journal and compare with archive, chain hash and snapshots
    exchange-replay book      the book as it stood after a command
    exchange-replay accounts  balances and positions as they stood after a command
    exchange-replay stats     what is in the journal, counted
    exchange-replay export    trades, orders, events, commands or operators' actions as CSV or JSON
    exchange-replay snapshot  make a snapshot, so that a restart need not replay everything

Only ``snapshot`` writes, and only in ``snapshots/`` (with ``--prune`` it removes old files). All of
them work while the exchange runs. Exit statuses: 0, 1 when ``verify`` found a difference, 2 usage,
others as in ``exchange/errors.py``.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from typing import Any

from exchange.codes import CommandKind, EventKind
from exchange.errors import ExchangeError, ExitStatus, exit_status
from exchange.runtime.output import open_standard_descriptors
from replay.arguments import DEFAULT_TABLE_ROWS, build_parser


class UsageError(Exception):
    """The request does not fit the journal: status 2, one line."""


@contextlib.contextmanager
def progress_bar(label: str) -> Iterator[Callable[[int, int], None] | None]:
    """A callback (done, total) that moves a bar on stderr; None when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(label, total=None)

        def move(done: int, total: int) -> None:
            progress.update(task, completed=done, total=total or None)

        yield move


def _selection(options: argparse.Namespace, directory: Any, kinds: type[IntEnum] | None) -> Any:
    from replay.selection import Selection, parse_time

    def number(text: str | None, find: Callable[[str], int | None], what: str) -> int | None:
        if text is None:
            return None
        found = find(text)
        if found is None:
            raise UsageError(f"no {what} {text!r} in this journal")
        return found

    def moment(text: str | None) -> int | None:
        try:
            return None if text is None else parse_time(text)
        except ValueError:
            raise UsageError(
                f"{text!r} is not a time: 2026-01-31T09:30:00.5, or nanoseconds"
            ) from None

    selected = set()
    for name in getattr(options, "kind", []):
        if kinds is None or name.upper() not in kinds.__members__:
            allowed = "" if kinds is None else ", ".join(kinds.__members__)
            raise UsageError(f"no kind {name!r}; there are {allowed}")
        selected.add(int(kinds[name.upper()]))
    return Selection(
        first=options.first,
        last=options.last,
        since_ns=moment(options.since),
        until_ns=moment(options.until),
        tail=options.tail,
        instrument=number(options.symbol, directory.instrument_of, "instrument"),
        session=number(options.session, directory.session_of, "session"),
        order_id=options.order,
        kinds=selected,
    )


def _print_json(value: Any) -> None:
    import orjson

    sys.stdout.buffer.write(orjson.dumps(value))
    sys.stdout.buffer.write(b"\n")


def _show(options: argparse.Namespace) -> int:
    from replay.show import PIPED_WIDTH, rows, show_json, show_table
    from replay.source import JournalView

    view = JournalView(options.data_dir)
    directory = view.directory()
    commands = options.what == "commands"
    selection = _selection(options, directory, CommandKind if commands else EventKind)
    records = rows(view, directory, selection, commands=commands)
    if options.json:
        show_json(records, sys.stdout.buffer, options.limit)
        return ExitStatus.OK
    from rich.console import Console

    limit = DEFAULT_TABLE_ROWS if options.limit is None else options.limit
    # A table wider than a pipe's 80 columns is better unfolded.
    console = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
    show_table(records, console, limit)
    return ExitStatus.OK


def _verify(options: argparse.Namespace) -> int:
    from replay.source import JournalView
    from replay.verify import CHECK_EVERY_COMMANDS, verify

    view = JournalView(options.data_dir)
    every = 1 if options.every_command else options.check_every or CHECK_EVERY_COMMANDS
    with progress_bar("verifying") as progress:
        verdict = verify(view, progress, check_every_commands=every)
    fields = {
        "good": verdict.good,
        "first_command": verdict.first_command,
        "next_command": verdict.next_command,
        "next_event": verdict.next_event,
        "events_compared": verdict.events_compared,
        "checkpoints": verdict.checkpoints,
        "chain_hash": f"{verdict.chain_hash:016x}",
        "snapshots": verdict.snapshots,
        "state_checks": verdict.state_checks,
        "ledger_checks": verdict.ledger_checks,
        "accounts": verdict.accounts,
        "positions": verdict.positions,
        "torn_records": verdict.torn_records,
        "running": verdict.running,
        "problems": verdict.problems,
        "first_difference": verdict.first_difference,
    }
    if options.json:
        _print_json(fields)
        return ExitStatus.OK if verdict.good else ExitStatus.BUG
    for problem in verdict.problems:
        print(problem)
    if verdict.first_difference is not None:
        from replay.show import show_difference

        show_difference(verdict.first_difference)
    if verdict.torn_records:
        print(f"a torn last frame of {verdict.torn_records} records: the next start cuts it")
    if verdict.running:
        print("the exchange is running: verified up to the newest archived command")
    if verdict.good:
        print(
            f"good: commands {verdict.first_command} to {verdict.next_command - 1}, "
            f"{verdict.events_compared} events equal, {verdict.checkpoints} checkpoints, "
            f"{verdict.snapshots} snapshots, chain hash {verdict.chain_hash:016x}"
        )
        print(
            f"money: balances and positions of {verdict.accounts} accounts add up to deposits less "
            f"withdrawals, frozen is what live orders need ({verdict.state_checks} times checked), "
            f"and the ledger of the events agrees ({verdict.ledger_checks} times)"
        )
    return ExitStatus.OK if verdict.good else ExitStatus.BUG


def _rebuilt(options: argparse.Namespace) -> tuple[Any, Any]:
    """(result, directory) of replaying up to and with command ``--at``."""
    from exchange.recovery.rebuild import rebuild
    from replay.source import JournalView

    view = JournalView(options.data_dir)
    upto = None
    if options.at is not None:
        if not 0 <= options.at < view.next_command:
            raise UsageError(
                f"no command {options.at}: the journal ends at {view.next_command - 1}"
            )
        upto = options.at + 1
    with progress_bar("replaying") as progress:
        result = rebuild(view.data_dir, view.capacities(), upto_sequence=upto, progress=progress)
    return result, view.directory()


def _book(options: argparse.Namespace) -> int:
    from replay.book import book_fields, books_of

    result, directory = _rebuilt(options)
    instrument = None
    if options.symbol is not None:
        instrument = directory.instrument_of(options.symbol)
        if instrument is None:
            raise UsageError(f"no instrument {options.symbol!r} in this journal")
    books = [
        book_fields(book, directory, options.levels, orders=options.orders, waiting=options.waiting)
        for book in books_of(result.state, instrument)
    ]
    if options.json:
        for fields in books:
            _print_json({"after_command": result.next_command - 1, **fields})
        return ExitStatus.OK
    from replay.show import show_book

    print(f"after command {result.next_command - 1}")
    for fields in books:
        show_book(fields)
    if not books:
        print("no live order")
    return ExitStatus.OK


def _accounts(options: argparse.Namespace) -> int:
    from replay.accounts import account_fields, ledger_of

    result, directory = _rebuilt(options)
    ledger = ledger_of(result.state)
    if options.account is not None and options.account not in ledger.accounts:
        raise UsageError(f"no account {options.account} at that time")
    accounts = account_fields(ledger, result.state, directory, options.account)
    if options.json:
        for fields in accounts:
            _print_json({"after_command": result.next_command - 1, **fields})
        return ExitStatus.OK
    from replay.show import show_accounts

    print(f"after command {result.next_command - 1}")
    show_accounts(accounts)
    return ExitStatus.OK


def _stats(options: argparse.Namespace) -> int:
    from replay.show import show_stats
    from replay.source import JournalView
    from replay.stats import collect

    view = JournalView(options.data_dir)
    with progress_bar("counting") as progress:
        figures = collect(view, view.directory(), progress)
    if options.json:
        _print_json(figures)
    else:
        show_stats(figures)
    return ExitStatus.OK


def _export(options: argparse.Namespace) -> int:
    from replay.export import OF_COMMANDS, csv_rows, export, json_rows
    from replay.source import JournalView

    view = JournalView(options.data_dir)
    directory = view.directory()
    selection = _selection(options, directory, None)
    commands = options.what in OF_COMMANDS
    first, end = selection.command_range(view) if commands else selection.event_range(view)
    key = {"orders": "order_id"}.get(options.what, "sequence")
    with contextlib.ExitStack() as stack:
        output = sys.stdout
        if options.output is not None:
            output = stack.enter_context(open(options.output, "w", encoding="utf-8", newline=""))
        move = stack.enter_context(progress_bar("exporting"))
        write = (json_rows if options.json else csv_rows)(options.what, output)

        def on_row(record: dict[str, Any]) -> None:
            write(record)
            if move is not None:
                move(int(record.get(key, first)) - first, end - first)

        export(options.what, view, directory, selection, on_row)
    return ExitStatus.OK


def _snapshot(options: argparse.Namespace) -> int:
    from exchange.recovery.snapshot_maker import make_snapshot
    from exchange.retention.pruning import NANOSECONDS_A_DAY, by_age, prunable, remove
    from replay.source import JournalView

    view = JournalView(options.data_dir)
    with progress_bar("replaying") as progress:
        made = make_snapshot(view.data_dir, now=options.now, progress=progress)
    removed = None
    if options.prune or options.prune_archive:
        keep_ns = int(options.keep_days * NANOSECONDS_A_DAY)
        removed = prunable(view.data_dir, by_age(keep_ns, archive=options.prune_archive))
        remove(removed)
    if options.json:
        fields: dict[str, Any] = {"snapshot": None, "removed": None}
        if made is not None:
            fields["snapshot"] = {**made._asdict(), "path": str(made.path)}
        if removed is not None:
            fields["removed"] = {
                name: [str(path) for path in getattr(removed, name)]
                for name in ("journal", "archive", "snapshots")
            }
        _print_json(fields)
        return ExitStatus.OK
    if made is None:
        print(
            "nothing to do: no sealed segment yet (--now takes in the open one)"
            if not options.now
            else "nothing to do: no command has been archived yet"
        )
    elif made.made:
        print(
            f"{made.path}: commands below {made.next_command}, events below {made.next_event}, "
            f"{made.commands_replayed} replayed, {made.size_bytes} bytes, {made.seconds:.2f} s"
        )
    else:
        print(f"{made.path}: still the newest; nothing final after it")
    if removed is not None:
        for path in removed.paths:
            print(f"removed {path}")
        if not removed.paths:
            print("nothing to remove: too young, or not covered by two verified snapshots")
    return ExitStatus.OK


_COMMANDS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": _show,
    "verify": _verify,
    "book": _book,
    "accounts": _accounts,
    "stats": _stats,
    "export": _export,
    "snapshot": _snapshot,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit status."""
    open_standard_descriptors()
    options = build_parser().parse_args(arguments)
    from journal.errors import JournalError

    def fail(error: Exception, status: int) -> int:
        with contextlib.suppress(OSError):  # nobody reads it: the status says it too
            print(f"exchange-replay: {error}", file=sys.stderr, flush=True)
        return int(status)

    try:
        with contextlib.ExitStack() as stack:
            if getattr(options, "shipped", None) is not None:
                from replay.shipped import with_shipped

                options.data_dir = stack.enter_context(
                    with_shipped(options.data_dir, options.shipped)
                )
            status = _COMMANDS[options.command](options)
        sys.stdout.flush()
        return int(status)
    except UsageError as error:
        return fail(error, ExitStatus.USAGE)
    except BrokenPipeError:
        # The reader of our output (head, less) has gone. Nothing is known to be well: a comparison
        # was not finished. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return int(ExitStatus.OUTPUT_CLOSED)
    except (ExchangeError, JournalError, OSError) as error:
        return fail(error, exit_status(error))
    except KeyboardInterrupt:
        return int(ExitStatus.INTERRUPTED)


if __name__ == "__main__":
    sys.exit(main())
