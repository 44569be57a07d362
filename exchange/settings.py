"""Configuration: TOML files decoded strictly into immutable structures.

Who uses it: the entry points (daemon, stage, command line, scripts). Everything else gets
explicit parameters. Invariants: the shipped ``config/exchange.toml`` holds every default, no other
file does; an unknown key, a wrong type or a value out of range is a ``ConfigurationError`` that
names the file, the line, the section and the key, and says what is allowed.
"""

from __future__ import annotations

import datetime
import decimal
import difflib
import re
import tomllib
import zoneinfo
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from exchange.errors import ConfigurationError

ROOT = Path(__file__).resolve().parent.parent
DEFAULT_FILE = ROOT / "config" / "exchange.toml"

Count = Annotated[int, Meta(ge=1, le=1 << 40)]
Milliseconds = Annotated[int, Meta(ge=1, le=86_400_000)]
SmallCount = Annotated[int, Meta(ge=1, le=65_535)]
PowerOfTwo = Annotated[int, Meta(ge=16, le=1 << 30, description="a power of two")]
Port = Annotated[int, Meta(ge=0, le=65_535)]
CpuNumbers = list[Annotated[int, Meta(ge=0, le=4_095)]]


class _Section(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    pass


class ExchangeSection(_Section, frozen=True, kw_only=True):
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.-]{1,32}\Z")]
    instruments_file: Annotated[str, Meta(min_length=1)]
    sessions_file: Annotated[str, Meta(min_length=1)]


class DaySection(_Section, frozen=True, kw_only=True):
    roll: Literal["daily", "manual"]
    timezone: str
    roll_time: Annotated[str, Meta(pattern=r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9]\Z")]


class CapacitySection(_Section, frozen=True, kw_only=True):
    instruments: Annotated[int, Meta(ge=2, le=65_535)]
    sessions: Annotated[int, Meta(ge=2, le=65_535)]
    live_orders: Annotated[int, Meta(ge=1, le=1 << 26)]
    level_blocks: Annotated[int, Meta(ge=1, le=1 << 24)]
    level_nodes: Annotated[int, Meta(ge=4, le=1 << 24)]
    tokens_per_day: Annotated[int, Meta(ge=1, le=200_000_000)]


class RingsSection(_Section, frozen=True, kw_only=True):
    ingress_control: PowerOfTwo
    ingress_order_entry: PowerOfTwo
    commands: PowerOfTwo
    events: PowerOfTwo


class MatcherSection(_Section, frozen=True, kw_only=True):
    prefault_bytes: Annotated[int, Meta(ge=0, le=1 << 40)]
    batch: Annotated[int, Meta(ge=2, le=65_535)]  # a long command takes two slots


class JournalSection(_Section, frozen=True, kw_only=True):
    segment_bytes: Annotated[int, Meta(ge=65_536, le=1 << 40, multiple_of=4_096)]
    batch: Annotated[int, Meta(ge=2, le=1 << 24)]
    archive_segment_events: PowerOfTwo


class OrderEntrySection(_Section, frozen=True, kw_only=True):
    host: Annotated[str, Meta(min_length=1)]
    port: Port
    listen_backlog: SmallCount
    congestion_control: Annotated[str, Meta(pattern=r"^[a-z0-9_-]{0,15}\Z")]
    connections: SmallCount
    unauthenticated_connections: SmallCount
    receive_bytes: Annotated[int, Meta(ge=4_096, le=1 << 30)]
    output_bytes: Annotated[int, Meta(ge=16_384, le=1 << 30)]
    backlog_messages: Count
    stall_timeout_ms: Milliseconds
    login_timeout_ms: Milliseconds
    heartbeat_interval_ms: Milliseconds
    client_timeout_ms: Milliseconds
    takeover_ms: Milliseconds
    linger_ms: Milliseconds
    timer_interval_ms: Milliseconds
    password_threads: Annotated[int, Meta(ge=1, le=64)]
    batch_events: Annotated[int, Meta(ge=16, le=1 << 20)]


class CpuSection(_Section, frozen=True, kw_only=True):
    plan: Literal["auto", "explicit"]
    matcher: CpuNumbers
    journaler: CpuNumbers
    order_entry: CpuNumbers
    idle: Literal["auto", "block", "yield", "busy_spin"]


class SupervisionSection(_Section, frozen=True, kw_only=True):
    start_timeout_ms: Milliseconds
    stop_timeout_ms: Milliseconds
    kill_timeout_ms: Milliseconds
    restart_limit: Annotated[int, Meta(ge=0, le=1_000_000)]
    restart_window_ms: Milliseconds
    idle_timeout_ms: Milliseconds
    status_interval_ms: Milliseconds


class LogSection(_Section, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"]
    file: str


class Settings(_Section, frozen=True, kw_only=True):
    """One configuration file, complete: one attribute per section."""

    exchange: ExchangeSection
    day: DaySection
    capacity: CapacitySection
    rings: RingsSection
    matcher: MatcherSection
    journal: JournalSection
    order_entry: OrderEntrySection
    cpu: CpuSection
    supervision: SupervisionSection
    log: LogSection


class Instrument(_Section, frozen=True, kw_only=True):
    """One ``[[instrument]]`` of instruments.toml. Prices as written, in currency units."""

    id: SmallCount
    symbol: Annotated[str, Meta(pattern=r"^[!-~]{1,8}\Z")]
    price_decimals: Annotated[int, Meta(ge=0, le=8)]
    tick: Decimal
    lot: Count
    minimum_price: Decimal
    maximum_price: Decimal
    maximum_quantity: Count

    def minor_units(self, price: Decimal) -> int:
        """``price`` as an integer of 10^-price_decimals. Raises ValueError if it is not one."""
        with decimal.localcontext(prec=60):
            scaled = price.scaleb(self.price_decimals)
            if not scaled.is_finite() or scaled != scaled.to_integral_value():
                raise ValueError(f"{price} has more than {self.price_decimals} decimals")
        return int(scaled)


class Session(_Section, frozen=True, kw_only=True):
    """One ``[[session]]`` of sessions.toml. ``password`` is a hash by `exchange hash-password`."""

    id: SmallCount
    username: Annotated[str, Meta(pattern=r"^[A-Za-z0-9]{1,6}\Z")]
    password: Annotated[str, Meta(pattern=r"^scrypt\$")]
    account: Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]


class _InstrumentsFile(_Section, frozen=True, kw_only=True):
    instrument: list[Instrument] = []


class _SessionsFile(_Section, frozen=True, kw_only=True):
    session: list[Session] = []


class Configuration(Struct, frozen=True, kw_only=True):
    """Everything the daemon starts with. ``file`` is where it came from."""

    file: str
    settings: Settings
    instruments: list[Instrument]
    sessions: list[Session]


Decoded = TypeVar("Decoded")
_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `(?P<key>[^`]*)`")


def _read(path: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: is not UTF-8: {error}") from None
    try:
        # Decimal: a price in a file is never rounded to a binary float
        return text, tomllib.loads(text, parse_float=Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"{path}: is not TOML: {error}") from None


def _line_of(text: str, section: str, entry: int | None, key: str) -> int | None:
    """Line (from 1) of ``key`` in ``[section]``, or in its ``entry``-th (from 0) [[section]]."""
    current, seen = "", -1
    for number, line in enumerate(text.splitlines(), start=1):
        header = re.match(r"^\s*\[\[?\s*([A-Za-z0-9_-]+)\s*\]?\]", line)
        if header:
            current = header.group(1)
            seen += current == section
            if not key and current == section and (entry is None or seen == entry):
                return number
        elif (
            key
            and current == section
            and (entry is None or seen == entry)
            and re.match(rf"""^\s*["']?{re.escape(key)}["']?\s*=""", line)
        ):
            return number
    return None


def problem(
    path: Path, text: str, section: str, key: str, what: str, entry: int | None = None
) -> ConfigurationError:
    """The error about one key: file, line, section, key and what is allowed."""
    line = _line_of(text, section, entry, key) or _line_of(text, section, entry, "")
    place = f"{path}:{line}" if line else f"{path}"
    name = f"[[{section}]] number {entry + 1}" if entry is not None else f"[{section}]"
    where = ": ".join(part for part in (name if section else "top level", key, what) if part)
    return ConfigurationError(f"{place}: {where}")


def _kind_at(kind: Any, path: list[str]) -> Any:
    for name in path:
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
        if getattr(kind, "__origin__", None) is list and len(path) > 1 and name == path[0]:
            kind = kind.__args__[0]
    return kind


def _allowed(kind: Any) -> str:
    """What a key of type ``kind`` may be, for the operator."""
    described = msgspec.inspect.type_info(kind)
    if isinstance(described, msgspec.inspect.Metadata):
        described = described.type
    if isinstance(described, msgspec.inspect.IntType):
        return f"an integer from {described.ge} to {described.le}"
    if isinstance(described, msgspec.inspect.LiteralType):
        return "one of " + ", ".join(f'"{value}"' for value in described.values)
    if isinstance(described, msgspec.inspect.StrType):
        if described.pattern:
            return f"a string that matches {described.pattern}"
        return "a string that is not empty" if described.min_length else "a string"
    if isinstance(described, msgspec.inspect.ListType):
        return f"a list; each item {_allowed(kind.__args__[0])}"
    if isinstance(described, msgspec.inspect.DecimalType):
        return "a number"
    return "a table"


def _convert(path: Path, text: str, tree: dict[str, Any], kind: type[Decoded]) -> Decoded:
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        match = _PATH.match(str(error))
        what, where = (match["what"], match["path"]) if match else (str(error), "")
        parts = re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+|\.\.\.)\]", where)
        names = [name for name, _ in parts if name]
        entries = [int(index) for _, index in parts if index.isdigit()]
        unknown, missing = _UNKNOWN_FIELD.search(what), _MISSING_FIELD.search(what)
        value: Any = tree
        for name, index in parts:
            value = value[name] if name else value[int(index)] if index.isdigit() else value
        if unknown:
            allowed = _keys_at(kind, names)
            close = difflib.get_close_matches(unknown["key"], allowed, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            names.append(unknown["key"])
            what = f"unknown key{hint} (allowed: {', '.join(allowed)})"
        elif missing:
            names.append(missing["key"])
            what = f"missing; must be {_allowed(_kind_at(kind, names))}"
        else:
            what = f"must be {_allowed(_kind_at(kind, names))}, not {_shown(value)}"
        is_section = len(names) == 1 and isinstance(tree.get(names[0]), dict | list)
        section, key = (names[0], names[1]) if len(names) > 1 else ("", names[0] if names else "")
        if is_section:
            section, key = names[0], ""
        entry = entries[0] if kind is not Settings and entries else None
        raise problem(path, text, section, key, what, entry) from None


def _keys_at(kind: Any, names: list[str]) -> tuple[str, ...]:
    for name in names:
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
        if getattr(kind, "__origin__", None) is list:
            kind = kind.__args__[0]
    return tuple(field.name for field in msgspec.structs.fields(kind))


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)


def _power_of_two(path: Path, text: str, settings: Settings) -> None:
    for section_name in Settings.__struct_fields__:
        section = getattr(settings, section_name)
        for field in msgspec.structs.fields(section):
            value = getattr(section, field.name)
            if field.type == PowerOfTwo and value & (value - 1):
                below = 1 << (value.bit_length() - 1)
                what = f"must be a power of two, for example {below} or {2 * below}, not {value}"
                raise problem(path, text, section_name, field.name, what)


def _check_settings(path: Path, text: str, settings: Settings) -> None:
    """What one key's type cannot say."""
    _power_of_two(path, text, settings)
    try:
        zoneinfo.ZoneInfo(settings.day.timezone)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        what = f"not a time zone of this machine's database: {settings.day.timezone!r}"
        raise problem(path, text, "day", "timezone", what) from None
    order_entry = settings.order_entry
    if order_entry.client_timeout_ms <= order_entry.heartbeat_interval_ms:
        what = "must be greater than heartbeat_interval_ms"
        raise problem(path, text, "order_entry", "client_timeout_ms", what)
    if settings.journal.batch > settings.rings.commands:
        what = f"must not exceed rings.commands ({settings.rings.commands})"
        raise problem(path, text, "journal", "batch", what)
    if settings.matcher.batch * 2 > settings.rings.commands:
        what = f"must not exceed half of rings.commands ({settings.rings.commands})"
        raise problem(path, text, "matcher", "batch", what)


def load_settings(path: Path | None) -> Settings:
    """The settings of ``path`` over the shipped defaults (None: the defaults themselves)."""
    default_text, defaults = _read(DEFAULT_FILE)
    if path is None or path.resolve() == DEFAULT_FILE:
        path, text, tree = DEFAULT_FILE, default_text, defaults
    else:
        text, own = _read(path)
        tree = dict(defaults)
        for section, keys in own.items():
            if isinstance(keys, dict) and isinstance(tree.get(section), dict):
                tree[section] = tree[section] | keys
            else:
                tree[section] = keys
    settings = _convert(path, text, tree, Settings)
    _check_settings(path, text, settings)
    return settings


def _unique(path: Path, text: str, section: str, entries: list[Any], key: str) -> None:
    seen: dict[object, int] = {}
    for index, entry in enumerate(entries):
        value = getattr(entry, key)
        if value in seen:
            what = f"{value!r} is already used by number {seen[value] + 1}"
            raise problem(path, text, section, key, what, index)
        seen[value] = index


def load_instruments(path: Path, capacity: int) -> list[Instrument]:
    """The instruments of ``path``; ids are below ``capacity`` (records)."""
    text, tree = _read(path)
    instruments = _convert(path, text, tree, _InstrumentsFile).instrument
    _unique(path, text, "instrument", instruments, "id")
    _unique(path, text, "instrument", instruments, "symbol")
    for index, instrument in enumerate(instruments):

        def refuse(key: str, what: str, index: int = index) -> ConfigurationError:
            return problem(path, text, "instrument", key, what, index)

        if instrument.id >= capacity:
            raise refuse("id", f"must be below capacity.instruments ({capacity})")
        minor = {}
        for key in ("tick", "minimum_price", "maximum_price"):
            try:
                minor[key] = instrument.minor_units(getattr(instrument, key))
            except ValueError as error:
                raise refuse(key, str(error)) from None
        tick = minor["tick"]
        if tick < 1:
            raise refuse("tick", "must be positive")
        for key in ("minimum_price", "maximum_price"):
            if minor[key] % tick:
                raise refuse(key, f"must be a multiple of the tick, {instrument.tick}")
        if minor["minimum_price"] < tick:
            raise refuse("minimum_price", f"must be at least the tick, {instrument.tick}")
        if minor["maximum_price"] < minor["minimum_price"]:
            raise refuse("maximum_price", "must not be below minimum_price")
        if minor["maximum_price"] > 1 << 47 or minor["maximum_price"] // tick >= 1 << 30:
            raise refuse("maximum_price", "must be below 2^30 ticks and 2^47 minor units")
        if not instrument.lot <= instrument.maximum_quantity <= 1 << 40:
            raise refuse("maximum_quantity", "must be from one lot to 2^40")
    return instruments


def load_sessions(path: Path, capacity: int) -> list[Session]:
    """The order entry sessions of ``path``; ids are below ``capacity`` (records)."""
    text, tree = _read(path)
    sessions = _convert(path, text, tree, _SessionsFile).session
    _unique(path, text, "session", sessions, "id")
    _unique(path, text, "session", sessions, "username")
    for index, session in enumerate(sessions):
        if session.id >= capacity:
            what = f"must be below capacity.sessions ({capacity})"
            raise problem(path, text, "session", "id", what, index)
    return sessions


def load(path: Path | None) -> Configuration:
    """The whole configuration. Raises ConfigurationError about the first thing that is wrong."""
    settings = load_settings(path)
    file = DEFAULT_FILE if path is None else path
    folder = file.resolve().parent

    def beside(name: str) -> Path:
        # a file that names only what differs may stand anywhere: the shipped lists are the default
        own = folder / name
        return own if own.exists() or Path(name).is_absolute() else DEFAULT_FILE.parent / name

    return Configuration(
        file=str(file),
        settings=settings,
        instruments=load_instruments(
            beside(settings.exchange.instruments_file), settings.capacity.instruments
        ),
        sessions=load_sessions(beside(settings.exchange.sessions_file), settings.capacity.sessions),
    )


def roll_time(settings: Settings) -> datetime.time:
    """``day.roll_time`` as a time of day."""
    return datetime.time.fromisoformat(settings.day.roll_time)
