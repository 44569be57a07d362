"""The arguments of ``exchange admin``.

Every command has --data-dir and --json; a command that changes something also has --key.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from exchange.admin.parameters import MODES, PARAMETERS, usage


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return value


def _key(text: str) -> str:
    if not 1 <= len(text) <= 14 or not text.isascii() or not text.isprintable() or " " in text:
        raise argparse.ArgumentTypeError("a key has 1 to 14 printable ASCII characters, no space")
    return text


def add_person(parser: argparse.ArgumentParser) -> None:
    """Who does it, and why: both are journaled."""
    parser.add_argument(
        "--as",
        dest="operator",
        metavar="NAME",
        help="who does it, one of [exchange] operators (default: the Unix user)",
    )
    parser.add_argument(
        "--reason", metavar="TEXT", help="why, for the journal: 120 printable ASCII characters"
    )


class _Builder:
    """Adds commands with the options that all of them have."""

    def __init__(self, target: Any, data_directory: Path) -> None:
        self._target = target
        self._data_directory = data_directory

    def group(self, name: str, help_text: str) -> _Builder:
        parser = self._target.add_parser(name, help=help_text, description=help_text)
        target = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
        return _Builder(target, self._data_directory)

    def look(self, name: str, help_text: str) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self._target.add_parser(
            name, help=help_text, description=help_text
        )
        parser.add_argument(
            "--data-dir",
            type=Path,
            default=self._data_directory,
            metavar="DIR",
            help=f"data directory (default: ./{self._data_directory})",
        )
        parser.add_argument("--json", action="store_true", help="one JSON object")
        return parser

    def act(self, name: str, help_text: str) -> argparse.ArgumentParser:
        parser = self.look(name, help_text)
        add_person(parser)
        return parser

    def change(self, name: str, help_text: str) -> argparse.ArgumentParser:
        parser = self.act(name, help_text)
        parser.add_argument(
            "--key",
            type=_key,
            metavar="KEY",
            help="idempotency key, 14 characters at most: repeated with the same key the command "
            "is carried out once (default: made up)",
        )
        return parser


def _parameter(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("parameter", choices=sorted(PARAMETERS), metavar="PARAMETER")
    parser.add_argument("values", nargs="+", metavar="VALUE")


def _one_of(parser: argparse.ArgumentParser, *, required: bool) -> Any:
    return parser.add_mutually_exclusive_group(required=required)


def add_admin(commands: Any, data_directory: Path) -> None:
    """Add ``admin`` and everything below it to the command line's ``commands``."""
    help_text = "Operators' commands; docs/operations.md has an example of each."
    admin = commands.add_parser("admin", help=help_text, description=help_text)
    target = admin.add_subparsers(dest="admin_command", required=True, metavar="COMMAND")
    builder = _Builder(target, data_directory)
    _accounts(builder)
    _instruments(builder)
    _controls(builder)
    _limits(builder)
    _sessions(builder)
    _keys(builder)
    config = builder.group("config", "Compare the configuration with the exchange, or apply it.")
    for name, help_text in (
        ("diff", "Show where the running exchange is not as configured; status 1 if anywhere."),
        ("apply", "Send what `diff` shows and can be changed: all of it, or nothing."),
    ):
        parser = config.change(name, help_text) if name == "apply" else config.look(name, help_text)
        parser.add_argument(
            "--config",
            type=Path,
            metavar="FILE",
            help="configuration (default: that of the running exchange)",
        )
        if name == "apply":
            parser.add_argument("--yes", action="store_true", help="really do it")


def _accounts(builder: _Builder) -> None:
    account = builder.group("account", "Open, show, block accounts.")
    account.change("open", "Open an account.").add_argument("account", type=_positive)
    show = account.look("show", "Show money, positions and limits of an account.")
    show.add_argument("account", type=_positive)
    account.look("list", "List all accounts.")
    account.look("limits", "Show an account's limits.").add_argument("account", type=_positive)
    for name, help_text in (
        ("block", "Refuse new orders of an account; live ones stay."),
        ("unblock", "Allow orders of an account again."),
    ):
        account.change(name, help_text).add_argument("account", type=_positive)
    for name, help_text in (
        ("deposit", "Put money or stock into an account."),
        ("withdraw", "Take money or stock out of an account."),
    ):
        parser = builder.change(name, help_text)
        parser.add_argument("account", type=_positive)
        parser.add_argument("amount", metavar="AMOUNT", help="currency units, or units of stock")
        parser.add_argument("asset", metavar="ASSET", help="currency code or symbol")
        parser.add_argument("--price", default="0", help="stock: its cost per unit (default: 0)")


def _instruments(builder: _Builder) -> None:
    instrument = builder.group("instrument", "List, add and set instruments.")
    instrument.look("list", "List instruments with states and limits.")
    add = instrument.change("add", "Define an instrument.")
    add.add_argument("id", type=_positive)
    add.add_argument("symbol")
    add.add_argument("--currency", required=True, metavar="CODE")
    add.add_argument("--group", type=int, default=0, metavar="ID")
    add.add_argument("--price-decimals", type=int, required=True)
    add.add_argument("--tick", required=True, metavar="PRICE")
    add.add_argument("--lot", type=_positive, default=1)
    add.add_argument("--minimum-price", required=True, metavar="PRICE")
    add.add_argument("--maximum-price", required=True, metavar="PRICE")
    add.add_argument("--maximum-quantity", type=_positive, required=True)
    set_parser = instrument.change("set", "Set a parameter of an instrument, as `limits set`.")
    set_parser.add_argument("instrument", metavar="SYMBOL")
    _parameter(set_parser)
    state = instrument.change("state", "Change an instrument's state.")
    state.add_argument("instrument", metavar="SYMBOL")
    state.add_argument(
        "state", choices=("open", "auction", "halted", "cancel-only", "closed"), metavar="STATE"
    )


def _controls(builder: _Builder) -> None:
    for name, help_text in (
        ("halt", "Halt: clients can do nothing."),
        ("resume", "Open again, after an auction if one was called."),
        ("cancel-only", "Clients can only cancel."),
        ("close", "Close: as cancel-only; market-hours orders are cancelled."),
        ("auction", "Call an auction: orders are collected until `resume` or `close`."),
    ):
        parser = builder.change(name, help_text)
        scope = _one_of(parser, required=True)
        scope.add_argument("--instrument", metavar="SYMBOL")
        scope.add_argument("--group", type=_positive, metavar="ID")
        if name in ("halt", "resume", "cancel-only"):
            scope.add_argument("--market", action="store_true", help="the market as a whole")
        if name == "halt":
            parser.add_argument(
                "--for", type=_positive, dest="seconds", metavar="SECONDS", help="then it opens"
            )
    kill = builder.change("kill", "Kill switch: blocks new orders and cancels the live ones.")
    scope = _one_of(kill, required=True)
    scope.add_argument("--account", type=_positive)
    scope.add_argument("--session", metavar="USER")
    scope.add_argument("--exchange", action="store_true")
    kill.add_argument("switch", choices=("on", "off"))

    review = builder.group("review", "Orders that wait for a review because of their value.")
    review.look("list", "List the held orders, oldest first.")
    for name, help_text in (
        ("approve", "Let a held order into the market."),
        ("refuse", "Cancel a held order."),
    ):
        review.change(name, help_text).add_argument("order_id", type=int)

    mass = builder.change("mass-cancel", "Cancel live orders; selections combine.")
    mass.add_argument("--account", type=_positive)
    mass.add_argument("--session", metavar="USER")
    mass.add_argument("--instrument", metavar="SYMBOL")
    mass.add_argument("--side", choices=("buy", "sell"))
    mass.add_argument("--all", action="store_true", help="every order of the exchange")


def _limits(builder: _Builder) -> None:
    limits = builder.group("limits", "Show or set risk controls and fees.")
    show = limits.look("show", "Show limits: the defaults, or those of one target.")
    units = "; ".join(usage(name) for name in sorted(PARAMETERS))
    set_parser = limits.change("set", f"Set a parameter: {units}. MODE: {', '.join(MODES)}.")
    for parser, required in ((show, False), (set_parser, True)):
        target = _one_of(parser, required=required)
        target.add_argument("--account", type=_positive)
        target.add_argument("--instrument", metavar="SYMBOL")
        target.add_argument("--session", metavar="USER")
        target.add_argument(
            "--default", action="store_true", help="for what will be defined from now on"
        )
    _parameter(set_parser)


def _sessions(builder: _Builder) -> None:
    session = builder.group("session", "Order entry sessions.")
    session.look("list", "List sessions with accounts and limits.")
    add = session.change("add", "Define a session; its password is in sessions.toml.")
    add.add_argument("id", type=_positive)
    add.add_argument("username")
    add.add_argument("account", type=_positive)
    set_parser = session.change("set", "Set a parameter of a session, as `limits set`.")
    set_parser.add_argument("session", metavar="USER")
    _parameter(set_parser)


def _keys(builder: _Builder) -> None:
    key = builder.group("key", "API keys for REST and WebSocket: make, list, revoke.")
    make = key.act("make", "Make a key for an account; its secret is shown only this once.")
    make.add_argument("account", type=_positive)
    make.add_argument("--label", default="", metavar="TEXT", help="what it is for")
    make.add_argument("--read-only", action="store_true", help="it may look, not trade")
    list_parser = key.look("list", "List the keys, oldest first, also revoked ones.")
    list_parser.add_argument("account", type=_positive, nargs="?", help="only this account's")
    revoke = key.act("revoke", "Revoke a key: from now on nothing accepts it.")
    revoke.add_argument("key_id", metavar="ID")
