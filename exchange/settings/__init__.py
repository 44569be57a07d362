"""Configuration: TOML files decoded strictly into immutable structures.

Who uses it: the entry points (daemon, stage, command line, scripts). Everything else gets
explicit parameters. Invariants: the shipped ``config/exchange.toml`` holds every default, no other
file does; an unknown key, a wrong type or a value out of range is a ``ConfigurationError`` that
names the file, the line, the section and the key, and says what is allowed.

    toml_file.py    a file's tree, and errors with their place
    exact.py        readable numbers as exact integers
    sections.py     exchange.toml
    accounts.py     accounts.toml: currencies and accounts
    instruments.py  instruments.toml: groups with their schedule, and instruments
    calendars.py    on which dates a group trades
    sessions.py     sessions.toml
    parameters.py   limits as the engine's parameters

Decision ARC-4.
"""

from __future__ import annotations

import datetime
from pathlib import Path

from msgspec import Struct

from exchange.settings.accounts import Account, Currency, check_stock, load_accounts
from exchange.settings.instruments import Group, Instrument, load_instruments
from exchange.settings.parameters import (
    LimitError,
    account_parameters,
    instrument_parameters,
    overlaid,
    session_parameters,
)
from exchange.settings.sections import CpuSection, RiskSection, Settings, check_settings
from exchange.settings.sessions import Session, load_sessions
from exchange.settings.toml_file import convert, problem, read_toml

__all__ = [
    "DEFAULT_FILE",
    "ROOT",
    "SHIPPED",
    "Account",
    "Configuration",
    "CpuSection",
    "Currency",
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


def load_settings(path: Path | None) -> Settings:
    """The settings of ``path`` over the shipped defaults (None: the defaults themselves)."""
    default_text, defaults = read_toml(DEFAULT_FILE)
    if path is None or path.resolve() == DEFAULT_FILE:
        path, text, tree = DEFAULT_FILE, default_text, defaults
    else:
        text, own = read_toml(path)
        tree = dict(defaults)
        for section, keys in own.items():
            if isinstance(keys, dict) and isinstance(tree.get(section), dict):
                tree[section] = tree[section] | keys
            else:
                tree[section] = keys
    settings = convert(path, text, tree, Settings)
    check_settings(path, text, settings)
    risk = overlaid(settings.risk)
    try:
        instrument_parameters(risk, FINEST_DECIMALS)
        account_parameters(risk)
    except LimitError as error:
        raise problem(path, text, "risk", error.key, str(error)) from None
    return settings


def load(path: Path | None) -> Configuration:
    """The whole configuration; None: the shipped demonstration's.

    The files of accounts, instruments and sessions are those that [exchange] names, beside
    ``path``. Nothing stands in for one that is missing: whose venue would it be? Raises
    ConfigurationError about the first thing that is wrong.
    """
    settings = load_settings(path)
    file = (DEFAULT_FILE if path is None else path).resolve()
    capacity, files, risk = settings.capacity, settings.exchange, settings.risk
    named = {key: file.parent / getattr(files, key) for key in FILE_KEYS}
    for key, each in named.items():
        if not each.exists():
            text, _ = read_toml(file)
            what = (
                f"{each} does not exist; it must lie beside the configuration or be named with its "
                "path (nothing of the demonstration stands in for it)"
            )
            raise problem(file, text, "exchange", key, what)
    accounts_file = named["accounts_file"]
    currencies, accounts = load_accounts(accounts_file, capacity.accounts, risk)
    groups, instruments = load_instruments(
        named["instruments_file"],
        capacity.instruments,
        currencies,
        risk,
        roll_time(settings),
    )
    check_stock(accounts_file, accounts, {instrument.symbol for instrument in instruments})
    return Configuration(
        file=str(file),
        settings=settings,
        currencies=currencies,
        accounts=accounts,
        groups=groups,
        instruments=instruments,
        sessions=load_sessions(
            named["sessions_file"], capacity.sessions, {account.id for account in accounts}
        ),
    )


def roll_time(settings: Settings) -> datetime.time:
    """``day.roll_time`` as a time of day."""
    return datetime.time.fromisoformat(settings.day.roll_time)
