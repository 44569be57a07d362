"""Configuration: TOML files decoded strictly into immutable structures.

Who uses it: the entry points (daemon, stage, command line, scripts). Everything else gets
explicit parameters. Invariants: the shipped ``config/exchange.toml`` holds every default, no other
file does; an unknown key, a wrong type or a value out of range is a ``ConfigurationError`` that
names the file, the line, the section and the key, and says what is allowed.

    toml_file.py    a file's tree, and errors with their place
    findings.py     what is wrong: the first thing raised, or everything collected
    exact.py        readable numbers as exact integers
    sections.py     exchange.toml
    section_checks.py  what more than one key of it must agree on
    encryption.py   gRPC is not in the open by accident
    connectors.py   which connectors are asked for
    capacities.py   [capacity] as the engine's capacities
    accounts.py     accounts.toml: currencies and accounts
    instruments.py  instruments.toml: groups with their schedule, and instruments
    calendars.py    on which dates a group trades
    sessions.py     sessions.toml
    parameters.py   limits as the engine's parameters

Decision ARC-4.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection
from pathlib import Path
from typing import Any, NamedTuple

from msgspec import Struct

from exchange.errors import ConfigurationError
from exchange.settings.accounts import Account, Currency, check_stock, load_accounts
from exchange.settings.findings import Findings
from exchange.settings.instruments import Group, Instrument, load_instruments
from exchange.settings.parameters import (
    LimitError,
    account_parameters,
    instrument_parameters,
    overlaid,
    session_parameters,
)
from exchange.settings.section_checks import wrong_settings
from exchange.settings.sections import CpuSection, RiskSection, Settings
from exchange.settings.sessions import Session, load_sessions
from exchange.settings.toml_file import convert, problem, read_toml

__all__ = [
    "DEFAULT_FILE",
    "NOTHING",
    "ROOT",
    "SHIPPED",
    "Account",
    "Configuration",
    "CpuSection",
    "Currency",
    "Elsewhere",
    "Findings",
    "Group",
    "Instrument",
    "RiskSection",
    "Session",
    "Settings",
    "account_parameters",
    "instrument_parameters",
    "load",
    "load_accounts",
    "load_instruments",
    "load_sessions",
    "load_settings",
    "overlaid",
    "roll_time",
    "session_parameters",
]

ROOT = Path(__file__).resolve().parent.parent.parent
# in a checkout the folder that people read, in an installed package its data
SHIPPED = next(
    folder
    for folder in (Path(__file__).resolve().parent / "shipped", ROOT / "config")
    if folder.is_dir()
)
DEFAULT_FILE = SHIPPED / "exchange.toml"
FINEST_DECIMALS = 8
Tree = dict[str, Any]
FILE_KEYS = ("accounts_file", "instruments_file", "sessions_file")  # of [exchange]


class Configuration(Struct, frozen=True, kw_only=True):
    """Everything the daemon starts with. ``file`` is where it came from, an absolute path."""

    file: str
    settings: Settings
    currencies: list[Currency]
    accounts: list[Account]
    groups: list[Group]
    instruments: list[Instrument]
    sessions: list[Session]

    def currency(self, code: str) -> Currency:
        """The currency with ``code``, which the loaders have checked."""
        return next(currency for currency in self.currencies if currency.code == code)

    def group_id(self, instrument: Instrument) -> int:
        """The number of the instrument's group, 0 without one."""
        return next((group.id for group in self.groups if group.name == instrument.group), 0)


def load_settings(path: Path | None, found: Findings | None = None) -> Settings:
    """The settings of ``path`` over the shipped defaults (None: the defaults themselves).

    Where ``found`` collects, the shipped values are in the place of what is wrong.
    """
    found = found or Findings()
    default_text, defaults = read_toml(DEFAULT_FILE)
    if path is None or path.resolve() == DEFAULT_FILE:
        path, text, tree = DEFAULT_FILE, default_text, defaults
    else:
        try:
            text, own = read_toml(path)
        except ConfigurationError as error:
            found.add(error)
            text, own = "", {}
        tree = dict(defaults)
        for section, keys in own.items():
            if isinstance(keys, dict) and isinstance(tree.get(section), dict):
                tree[section] = tree[section] | keys
            else:
                tree[section] = keys
    try:
        settings = convert(path, text, tree, Settings)
    except ConfigurationError as error:
        if not found.collects:
            found.add(error)
        wrong = found.fits(path, text, tree, Settings)
        tree = _right(tree, wrong, defaults)
        settings = convert(DEFAULT_FILE, default_text, tree, Settings)
    for section, key, what in wrong_settings(settings):
        found.add(problem(path, text, section, key, what))
    risk = overlaid(settings.risk)
    try:
        instrument_parameters(risk, FINEST_DECIMALS)
    except LimitError as error:
        found.add(problem(path, text, "risk", error.key, str(error)))
    try:
        account_parameters(risk)
    except LimitError as error:
        found.add(problem(path, text, "risk", error.key, str(error)))
    return settings


def _right(tree: Tree, wrong: Collection[tuple[str, ...]], defaults: Tree) -> Tree:
    """``tree`` with the value of ``defaults`` in the place of each that is wrong or unknown."""
    right = {}
    for section, shipped in defaults.items():
        own = tree[section] if isinstance(tree[section], dict) else {}
        right[section] = {
            key: value if (section, key) in wrong else own.get(key, value)
            for key, value in shipped.items()
        }
    return right


class Elsewhere(NamedTuple):
    """What the files may name although they do not define it: what operators have added."""

    accounts: Collection[int] = ()
    symbols: Collection[str] = ()


NOTHING = Elsewhere()


def load(
    path: Path | None, *, elsewhere: Elsewhere | None = NOTHING, found: Findings | None = None
) -> Configuration:
    """The whole configuration; None: the shipped demonstration's.

    The files of accounts, instruments and sessions are those that [exchange] names, beside
    ``path``. Nothing stands in for one that is missing: whose venue would it be?
    ``elsewhere``: what the journal has; None: that is not known, so anything may be there. Raises
    ConfigurationError about the first thing that is wrong, unless ``found`` collects.
    """
    found = found or Findings()
    settings = load_settings(path, found)
    file = (DEFAULT_FILE if path is None else path).resolve()
    capacity, risk = settings.capacity, settings.risk
    named = {key: file.parent / getattr(settings.exchange, key) for key in FILE_KEYS}
    there = {}
    for key, each in named.items():
        if each.exists():
            there[key] = each
            continue
        what = (
            f"{each} does not exist; it must lie beside the configuration or be named with its "
            "path (nothing of the demonstration stands in for it)"
        )
        text = file.read_text(encoding="utf-8", errors="replace") if file.exists() else ""
        found.add(problem(file, text, "exchange", key, what))
    currencies: list[Currency] = []
    accounts: list[Account] = []
    groups: list[Group] = []
    instruments: list[Instrument] = []
    sessions: list[Session] = []
    if accounts_file := there.get("accounts_file"):
        currencies, accounts = load_accounts(accounts_file, capacity.accounts, risk, found)
    if instruments_file := there.get("instruments_file"):
        groups, instruments = load_instruments(
            instruments_file,
            capacity.instruments,
            currencies,
            risk,
            roll_time(settings),
            found,
            journaled=None if elsewhere is None else elsewhere.symbols,
        )
    numbers = symbols = None
    if elsewhere is not None:
        numbers = {account.id for account in accounts}.union(elsewhere.accounts)
        symbols = {instrument.symbol for instrument in instruments}.union(elsewhere.symbols)
    if accounts_file:
        check_stock(accounts_file, symbols, found)
    if sessions_file := there.get("sessions_file"):
        sessions = load_sessions(sessions_file, capacity.sessions, numbers, found)
    return Configuration(
        file=str(file),
        settings=settings,
        currencies=currencies,
        accounts=accounts,
        groups=groups,
        instruments=instruments,
        sessions=sessions,
    )


def roll_time(settings: Settings) -> datetime.time:
    """``day.roll_time`` as a time of day."""
    return datetime.time.fromisoformat(settings.day.roll_time)
