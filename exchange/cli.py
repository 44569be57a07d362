"""``exchange``: the command line.

    exchange run           the daemon, in the foreground
    exchange status        stages, cursors, lag, rates
    exchange stop          graceful stop of a running daemon
    exchange reload        read passwords and limits from the configuration again
    exchange day           start or end the trading day (roll = "manual", or early)
    exchange schedule      what opens and closes on the next days
    exchange clock         the exchange's clock and the system's; accept what the system's says
    exchange order         a small client: log in, send one order, print the answers
    exchange cancel        operator: cancel an order by its order id
    exchange demo          an exchange with bots that trade, to look at
    exchange admin         operators: accounts, deposits, halts, kill switches, reviews, limits, ...
    exchange backup        copy the data directory, also while the exchange runs
    exchange restore       put such a copy into an empty data directory
    exchange prune         show what takes the disk; remove what is old
    exchange recovery-plan what a start would do, without doing it
    exchange check         what of this machine fits an exchange
    exchange install       lay this version out for production; make another one current
    exchange uninstall     remove such an installation
    exchange store         the database: rebuild it, compare it with the archive, psql
    exchange connect       compare what other systems hold with the archive
    exchange check-config  decode the configuration and say what is wrong
    exchange hash-password a password's hash for sessions.toml

Exit statuses are those of ``errors.ExitStatus``.
"""

from __future__ import annotations

import argparse
import datetime
import faulthandler
import getpass
import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from exchange.errors import (
    ConfigurationError,
    ExchangeError,
    ExitStatus,
    NotRunning,
    Refused,
    exit_status,
)
from exchange.runtime.output import finished, open_standard_descriptors, say, shield
from exchange.runtime.release import version_text
from exchange.runtime.signals import HARMLESS, ignore
from journal.errors import JournalError

DEFAULT_DATA_DIRECTORY = Path("data")
AddCommand = Callable[[str, str], argparse.ArgumentParser]


def _data_directory(
    target: argparse.ArgumentParser, default: Path = DEFAULT_DATA_DIRECTORY
) -> None:
    target.add_argument(
        "--data-dir",
        type=Path,
        default=default,
        metavar="DIR",
        help=f"data directory (default: ./{default})",
    )


def _config_file(target: Any) -> None:
    target.add_argument(
        "--config",
        type=Path,
        default=None,
        metavar="FILE",
        help="your configuration, over the shipped defaults; its other files lie beside it",
    )


def build_parser() -> argparse.ArgumentParser:
    """The argument parser with every command."""
    from exchange.admin.parser import add_admin
    from exchange.backup.cli import add_backup
    from exchange.connect.cli import add_connect
    from exchange.demo.parser import add_demo
    from exchange.host.parser import add_check
    from exchange.install.parser import add_install
    from exchange.store.cli import add_store

    parser = argparse.ArgumentParser(prog="exchange", description="A stock exchange core.")
    parser.add_argument("--version", action="version", version=version_text("exchange"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, help_text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=help_text, description=help_text)

    _add_run(command)
    add_demo(command)
    _add_check_config(command)
    _add_control(command)
    add_admin(commands, DEFAULT_DATA_DIRECTORY)
    add_store(commands, DEFAULT_DATA_DIRECTORY)
    add_connect(commands, DEFAULT_DATA_DIRECTORY)
    add_backup(commands, DEFAULT_DATA_DIRECTORY)
    add_check(commands, DEFAULT_DATA_DIRECTORY)
    add_install(commands)
    _add_order(command)
    hash_password = command("hash-password", "Print a password's hash for sessions.toml.")
    hash_password.add_argument("password", nargs="?", help="default: asked for")
    return parser


def _add_run(command: AddCommand) -> None:
    run = command("run", "Run the exchange in the foreground.")
    whose = run.add_mutually_exclusive_group()
    _config_file(whose)
    whose.add_argument(
        "--demo",
        action="store_true",
        help="the shipped demonstration's configuration: published passwords, made-up money",
    )
    _data_directory(run)
    run.add_argument(
        "--rebuild-archive",
        action="store_true",
        help="replace archived events that differ from what the journal causes",
    )


def _add_check_config(command: AddCommand) -> None:
    check = command("check-config", "Check a configuration and say everything that is wrong.")
    whose = check.add_mutually_exclusive_group()
    _config_file(whose)
    whose.add_argument("--demo", action="store_true", help="the shipped demonstration's")
    check.add_argument(
        "--data-dir",
        type=Path,
        default=None,
        metavar="DIR",
        help="also what would stop the next start of the exchange there (without --config: of the "
        "configuration that it was started with)",
    )


def _day_number(text: str) -> int:
    return int(datetime.datetime.strptime(text, "%Y%m%d").strftime("%Y%m%d"))


def _add_control(command: AddCommand) -> None:
    """The commands for an exchange that runs."""
    from exchange.admin.parser import add_person

    status = command("status", "Show stages, pids, CPUs, cursors, lag and rates.")
    _data_directory(status)
    status.add_argument("--json", action="store_true", help="one JSON object (default when piped)")
    status.add_argument("--once", action="store_true", help="one table instead of a live one")

    stop = command("stop", "Stop the exchange gracefully and wait for its end.")
    _data_directory(stop)
    stop.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS")

    _data_directory(
        command("reload", "Read passwords and limits from the configuration files again.")
    )

    day = command("day", "Start or end the trading day.")
    _data_directory(day)
    day.add_argument("action", choices=("start", "end"))
    day.add_argument("--number", type=_day_number, metavar="YYYYMMDD", help="day to start")
    day.add_argument(
        "--back",
        action="store_true",
        help="start a day before the last one, which a wrong clock has started",
    )
    add_person(day)

    clock = command("clock", "Show the exchange's clock and how it stands to the system's.")
    _data_directory(clock)
    clock.add_argument(
        "action",
        nargs="?",
        choices=("accept",),
        help="the system's clock is right: days and phases go by it from now on",
    )
    clock.add_argument("--json", action="store_true", help="one JSON object")

    schedule = command("schedule", "Show what opens and closes on the next trading days.")
    _config_file(schedule)
    _data_directory(schedule)
    schedule.add_argument("--days", type=int, default=10, metavar="N", help="default: 10")
    schedule.add_argument(
        "--from",
        type=datetime.date.fromisoformat,
        dest="start",
        metavar="YYYY-MM-DD",
        help="default: the trading date now",
    )
    schedule.add_argument("--json", action="store_true", help="one JSON object")

    cancel = command("cancel", "Cancel an order by its order id (operators).")
    _data_directory(cancel)
    cancel.add_argument("order_id", type=int)
    add_person(cancel)


def _add_order(command: AddCommand) -> None:
    order = command("order", "Send one order over the network and print the answers.")
    order.add_argument("--host", default="127.0.0.1")
    order.add_argument("--port", type=int, default=9100)
    order.add_argument("--user", required=True)
    order.add_argument("--password", help="default: $EXCHANGE_PASSWORD, or asked for")
    order.add_argument("--json", action="store_true", help="one JSON object per answer")
    order.add_argument("--token", help="order token, 14 characters at most (default: made up)")
    order.add_argument("--timeout", type=float, default=5.0, metavar="SECONDS")
    order.add_argument(
        "--time-in-force",
        default="day",
        metavar="TIF",
        help="day (default), ioc, fok, or seconds",
    )
    order.add_argument("--post-only", action="store_true")
    order.add_argument(
        "arguments",
        nargs="+",
        metavar="ORDER",
        help="buy|sell|short QUANTITY SYMBOL @ PRICE, or without @ PRICE for a market order",
    )


def _run(options: argparse.Namespace) -> int:
    from exchange.daemon.daemon import Daemon
    from exchange.runtime.configured import load_own

    def announce(line: str) -> None:
        print(line, flush=True)

    # systemd ends a daemon that hangs with SIGABRT: the log has where it was
    faulthandler.enable(2)
    if options.config is None and not options.demo:
        raise ConfigurationError(
            "whose exchange? `--config FILE` names its configuration; `--demo` takes the shipped "
            "demonstration's, whose passwords are published"
        )
    Daemon(
        load_own(options.config, options.data_dir),
        options.data_dir,
        announce=announce,
        load=lambda: load_own(options.config, options.data_dir),
        rebuild_archive=options.rebuild_archive,
    ).run()
    return ExitStatus.OK


def _demo(options: argparse.Namespace) -> int:
    from exchange.demo import run
    from exchange.settings import SHIPPED

    config = options.config or SHIPPED / "demo" / "exchange.toml"
    beside = Path(sys.executable).with_name("exchange")  # of the virtual environment
    here = os.path.relpath(beside) if beside.exists() else "exchange"
    return run.run(
        options.data_dir,
        config,
        seed=options.seed,
        connectors=options.connectors,
        command=here,
    )


def _check_config(options: argparse.Namespace) -> int:
    from exchange.admin.check_config import run

    return run(options)


def _status(options: argparse.Namespace) -> int:
    from exchange.admin.status import Observer, render

    observer = Observer(options.data_dir)
    status = observer.look()
    if options.json or not sys.stdout.isatty():
        time.sleep(0.2)  # the rates are from two readings
        print(json.dumps(observer.look()))
        return ExitStatus.OK
    from rich.console import Console
    from rich.live import Live

    if options.once:
        Console().print(render(status))
        return ExitStatus.OK
    try:
        with Live(render(status), auto_refresh=False) as live:
            while True:
                time.sleep(1)
                live.update(render(observer.look()), refresh=True)
    except KeyboardInterrupt:
        return ExitStatus.OK


def _ask(data_directory: Path, **request: object) -> dict[str, object]:
    import msgspec

    from exchange.control.socket import Request, ask

    answer = ask(data_directory, msgspec.convert(request, Request))
    if not answer.get("ok"):
        raise Refused(str(answer.get("error")))
    return answer


def _stop(options: argparse.Namespace) -> int:
    from exchange.runtime.process import running_pid

    pid = running_pid(options.data_dir)
    if pid is None:
        raise NotRunning(f"no exchange runs on data directory {options.data_dir}")
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return ExitStatus.OK
    try:
        _ask(options.data_dir, command="stop")
        ended, _, _ = select.select([descriptor], [], [], options.timeout)
    finally:
        os.close(descriptor)
    if not ended:
        print(f"process {pid} still runs after {options.timeout:g} s", file=sys.stderr)
        return ExitStatus.STOP_TIMED_OUT
    return ExitStatus.OK


def _reload(options: argparse.Namespace) -> int:
    print(_ask(options.data_dir, command="reload")["text"])
    return ExitStatus.OK


def _day(options: argparse.Namespace) -> int:
    if options.back and options.action == "start":
        from exchange.admin.days import check_day_is_unused

        check_day_is_unused(options.data_dir, options.number)
    person = {"operator": options.operator, "reason": options.reason}
    answer = _ask(
        options.data_dir,
        command=f"{options.action}_day",
        day=options.number,
        back=options.back,
        **person,
    )
    day = answer["day"]
    said = "has begun" if options.action == "start" else "has ended: what rested is cancelled"
    print(f"trading day {day} {said}")
    return ExitStatus.OK


def _schedule(options: argparse.Namespace) -> int:
    from exchange.admin.schedule import show_schedule

    return show_schedule(options)


def _clock(options: argparse.Namespace) -> int:
    from exchange.admin.clock import show_clock

    return show_clock(options)


def _cancel(options: argparse.Namespace) -> int:
    from exchange.admin.send import submit
    from exchange.commands import cancel_by_order_id

    if not 0 <= options.order_id < 1 << 62:
        raise ConfigurationError(f"{options.order_id} is not an order id")
    answer = submit(options, cancel_by_order_id(options.order_id))
    print(f"order {options.order_id} is cancelled: {answer['cancelled_quantity']} units were open")
    return ExitStatus.OK


def _backup(options: argparse.Namespace) -> int:
    from exchange.backup.cli import run

    return run(options)


def _check(options: argparse.Namespace) -> int:
    from exchange.host.cli import run

    return run(options)


def _install(options: argparse.Namespace) -> int:
    from exchange.install.cli import run

    return run(options)


def _admin(options: argparse.Namespace) -> int:
    from exchange.admin.run import run

    return run(options)


def _store(options: argparse.Namespace) -> int:
    from exchange.store.cli import run

    return run(options)


def _connect(options: argparse.Namespace) -> int:
    from exchange.connect.cli import run

    return run(options)


def _order(options: argparse.Namespace) -> int:
    from exchange.admin.order import send_order

    password = options.password or os.environ.get("EXCHANGE_PASSWORD")
    return send_order(options, password or getpass.getpass())


def _hash_password(options: argparse.Namespace) -> int:
    from exchange.gateway.passwords import hash_password

    password = options.password or getpass.getpass()
    if not 1 <= len(password) <= 10 or not password.isascii() or not password.isprintable():
        raise ConfigurationError("a password has 1 to 10 printable ASCII characters")
    print(hash_password(password))
    return ExitStatus.OK


_COMMANDS = {
    "run": _run,
    "demo": _demo,
    "check-config": _check_config,
    "status": _status,
    "stop": _stop,
    "reload": _reload,
    "day": _day,
    "clock": _clock,
    "schedule": _schedule,
    "cancel": _cancel,
    "backup": _backup,
    "restore": _backup,
    "prune": _backup,
    "recovery-plan": _backup,
    "check": _check,
    "install": _install,
    "uninstall": _install,
    "admin": _admin,
    "store": _store,
    "connect": _connect,
    "order": _order,
    "hash-password": _hash_password,
}


# they live long: nothing outside may hold them up or end them
_LONG_LIVED = ("run", "demo")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status; an operational error is one line on stderr."""
    open_standard_descriptors()
    options = build_parser().parse_args(arguments)
    if options.command in _LONG_LIVED:
        ignore((*HARMLESS, signal.SIGHUP))  # what SIGHUP means is set by the command
        shield()
    try:
        status = int(_COMMANDS[options.command](options))
        sys.stdout.flush()
        return status
    except (ExchangeError, JournalError) as error:
        say(str(error))
        return exit_status(error)
    except KeyboardInterrupt:
        return ExitStatus.INTERRUPTED
    except OSError as error:
        return finished(error, may_pass=options.command in _LONG_LIVED)


if __name__ == "__main__":
    sys.exit(main())
