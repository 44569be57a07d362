"""``exchange store``: rebuild the database from the archive, compare it with the archive, look into
it.

Who uses it: the command line. Each command works while the exchange runs, and when it does not:
then it holds the lock of the data directory and starts the embedded server for as long as it takes.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.errors import ConfigurationError, ExitStatus

if TYPE_CHECKING:
    from exchange.settings import Settings

EMBEDDED = "embedded"
OFF = "off"
PROGRESS_S = 1.0


def add_store(commands: Any, default_data_directory: Path) -> None:
    """Add the command ``store`` to the parser's ``commands``."""
    about = "The database: rebuild it from the archive, compare it, look into it."
    store = commands.add_parser("store", help=about, description=about)
    verbs = store.add_subparsers(dest="verb", required=True, metavar="VERB")
    for name, text in (
        ("rebuild", "Make all tables anew from journal and archive, then put them in place."),
        ("check", "Compare every row with the archive; exit status 1 when something differs."),
        ("psql", "Open psql on the database of a running exchange."),
    ):
        verb = verbs.add_parser(name, help=text, description=text)
        verb.add_argument("--data-dir", type=Path, default=default_data_directory, metavar="DIR")
        verb.add_argument(
            "--config",
            type=Path,
            default=None,
            metavar="FILE",
            help="configuration (default: that of the exchange's last start)",
        )
        if name == "rebuild":
            verb.add_argument(
                "--keep-old",
                action="store_true",
                help="leave the old tables as schema exchange_old",
            )
        if name == "psql":
            verb.add_argument("arguments", nargs="*", metavar="ARGUMENT", help="for psql, after --")


def run(options: argparse.Namespace) -> int:
    """Run one command. Returns its exit status."""
    import psycopg

    from exchange.runtime.configured import configuration_in_use
    from exchange.settings import load_settings

    settings = load_settings(configuration_in_use(options.data_dir, options.config))
    if settings.store.dsn == OFF:
        raise ConfigurationError('[store] dsn is "off": there is no database')
    try:
        return _VERBS[options.verb](options, settings)
    except psycopg.Error as error:
        print(f"exchange: Postgres: {' '.join(str(error).split())}", file=sys.stderr)
        return ExitStatus.NOT_RUNNING


@contextlib.contextmanager
def database(options: argparse.Namespace, settings: Settings) -> Iterator[str]:
    """A connection string that is good for as long as the block lasts; the archive is complete."""
    from exchange.runtime.process import DataDirectoryLock, running_pid
    from exchange.store.postgres import EmbeddedPostgres, running_server

    embedded = settings.store.dsn == EMBEDDED
    data_directory = Path(options.data_dir).resolve()
    if running_pid(data_directory) is not None:
        if not embedded:
            yield settings.store.dsn
            return
        with running_server(data_directory) as conninfo:
            yield conninfo
        return
    lock = DataDirectoryLock(data_directory)
    try:
        _complete_archive(data_directory, settings)
        if not embedded:
            yield settings.store.dsn
            return
        server = EmbeddedPostgres(data_directory, user=settings.store.user)
        server.start()
        try:
            yield server.conninfo()
        finally:
            server.stop()
    finally:
        lock.release()


def _complete_archive(data_directory: Path, settings: Settings) -> None:
    """Write what the journal says and the archive lacks, as a start of the exchange does."""
    from exchange.recovery.rebuild import rebuild

    rebuild(
        data_directory,
        repair=True,
        write_archive=True,
        archive_segment_events=settings.journal.archive_segment_events,
    )


def _progress(what: str) -> Callable[[int, int], None]:
    """A line on standard error now and then."""
    last_s = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last_s
        if time.monotonic() - last_s >= PROGRESS_S:
            last_s = time.monotonic()
            print(f"{what} {done:,} of {total:,} events", file=sys.stderr)

    return show


def _rebuild(options: argparse.Namespace, settings: Settings) -> int:
    from exchange.store.connection import ConnectionParameters
    from exchange.store.publisher import PublisherParameters
    from exchange.store.rebuild import rebuild_store

    parameters = PublisherParameters(
        ConnectionParameters(
            statement_timeout_ms=settings.store.statement_timeout_ms,
            lock_timeout_ms=settings.store.lock_timeout_ms,
            months_ahead=settings.store.months_ahead,
        ),
        batch_events=settings.store.batch_events,
    )
    with database(options, settings) as conninfo:
        events = rebuild_store(
            options.data_dir,
            conninfo,
            parameters,
            keep_old=options.keep_old,
            on_progress=_progress("written"),
        )
    print(f"the tables have been made anew from {events:,} events")
    return ExitStatus.OK


def _check(options: argparse.Namespace, settings: Settings) -> int:
    from exchange.store.check import LIMIT, check_database

    with database(options, settings) as conninfo:
        result = check_database(options.data_dir, conninfo, on_progress=_progress("compared"))
    for line in (*result.notes, *result.differences):
        print(line)
    if result.differences:
        more = ", perhaps more" if len(result.differences) >= LIMIT else ""
        print(f"{len(result.differences)} differences{more}")
        return ExitStatus.DIFFERENT
    print(f"the database says what the archive says: {result.events:,} events")
    return ExitStatus.OK


def _psql(options: argparse.Namespace, settings: Settings) -> int:
    from exchange.store.binaries import programs
    from exchange.store.postgres import running_server

    with contextlib.ExitStack() as stack:
        conninfo = settings.store.dsn
        if conninfo == EMBEDDED:
            conninfo = stack.enter_context(running_server(Path(options.data_dir).resolve()))
        program = str(programs(None) / "psql")
        sys.stdout.flush()
        return os.spawnv(os.P_WAIT, program, [program, "-d", conninfo, *options.arguments])


_VERBS = {"rebuild": _rebuild, "check": _check, "psql": _psql}
