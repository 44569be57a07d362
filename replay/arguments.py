"""The arguments of ``exchange-replay``, by command.

Who uses it: ``cli.py``, and the test that compares them with the documents.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from exchange.runtime.arguments import days
from exchange.runtime.release import version_text

DEFAULT_DATA_DIRECTORY = Path("data")
DEFAULT_TABLE_ROWS = 100


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return number


def _add_selection(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--first", type=int, metavar="SEQUENCE", help="from this one on")
    parser.add_argument("--last", type=int, metavar="SEQUENCE", help="up to and with this one")
    parser.add_argument("--since", metavar="TIME", help="from this time on (ISO 8601 UTC, or ns)")
    parser.add_argument("--until", metavar="TIME", help="up to and with this time")
    parser.add_argument(
        "--tail", type=_positive, metavar="N", help="only the last N that are selected"
    )
    parser.add_argument("--symbol", help="instrument: symbol, or #ID")
    parser.add_argument("--session", help="session: user name, or #ID")
    parser.add_argument("--order", type=int, metavar="ORDER_ID", help="what concerns this order")


def _add_show(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", nargs="?", choices=("events", "commands"), default="events")
    _add_selection(parser)
    parser.add_argument(
        "--kind", action="append", default=[], metavar="KIND", help="ENTER, TRADE, ...; repeatable"
    )
    parser.add_argument(
        "--limit", type=int, metavar="N", help=f"at most N (table: {DEFAULT_TABLE_ROWS})"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object a line")


def _add_verify(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--check-every",
        type=_positive,
        metavar="N",
        help="check conservation and frozen amounts after every N commands (1,000,000)",
    )
    parser.add_argument(
        "--every-command",
        action="store_true",
        help="check them and the ledger after every command (slow: for small journals)",
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _add_book(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=int, metavar="SEQUENCE", help="command (default: the last one)"
    )
    parser.add_argument("--symbol", help="only this instrument")
    parser.add_argument("--levels", type=int, default=10, metavar="N", help="levels a side (10)")
    parser.add_argument("--orders", action="store_true", help="every order, oldest first")
    parser.add_argument("--waiting", action="store_true", help="with stops and held orders")
    parser.add_argument("--json", action="store_true", help="one JSON object per book")


def _add_accounts(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--at", type=int, metavar="SEQUENCE", help="command (default: the last one)"
    )
    parser.add_argument("--account", type=int, metavar="ID", help="only this account")
    parser.add_argument("--json", action="store_true", help="one JSON object per account")


def _add_stats(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON object")


def _add_export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("trades", "orders", "events", "commands", "operators"))
    _add_selection(parser)
    parser.add_argument("--output", type=Path, metavar="FILE", help="default: standard output")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, not CSV")


def _add_snapshot(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--now", action="store_true", help="with the open segment's commands, not sealed ones only"
    )
    parser.add_argument(
        "--prune",
        action="store_true",
        help="afterwards remove journal segments that two verified snapshots cover",
    )
    parser.add_argument(
        "--prune-archive", action="store_true", help="as --prune, old archive segments too"
    )
    parser.add_argument(
        "--keep-days", type=days, default=7.0, metavar="DAYS", help="retention of --prune (7)"
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")


# name of the command -> (what it does, what adds its arguments)
_ARGUMENTS: dict[str, tuple[str, Callable[[argparse.ArgumentParser], None]]] = {
    "show": ("Show commands or events of a range.", _add_show),
    "verify": (
        "Replay the journal and compare it with everything derived from it.",
        _add_verify,
    ),
    "book": ("Show the book as it stood after a command.", _add_book),
    "accounts": ("Show balances and positions as they stood after a command.", _add_accounts),
    "stats": ("Count what is in the journal.", _add_stats),
    "export": (
        "Write trades, orders, events, commands or operators' actions as CSV or JSON.",
        _add_export,
    ),
    "snapshot": ("Make a snapshot from the previous one and the journal.", _add_snapshot),
}


def build_parser() -> argparse.ArgumentParser:
    """The argument parser with every command."""
    parser = argparse.ArgumentParser(
        prog="exchange-replay", description="Look into the journal of an exchange and replay it."
    )
    parser.add_argument("--version", action="version", version=version_text("exchange-replay"))
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (help_text, add_arguments) in _ARGUMENTS.items():
        target = commands.add_parser(name, help=help_text, description=help_text)
        target.add_argument(
            "--data-dir",
            type=Path,
            default=DEFAULT_DATA_DIRECTORY,
            metavar="DIR",
            help="data directory of the exchange (default: ./data)",
        )
        if name != "snapshot":
            target.add_argument(
                "--shipped",
                type=Path,
                metavar="DIR",
                help="with the segments that [archive] has put there, from the first command on",
            )
        add_arguments(target)
    return parser
