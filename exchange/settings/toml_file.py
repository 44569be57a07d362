"""Strict TOML: a file's text, its tree, and errors with file, line, section, key and remedy.

Who uses it: the other modules of this package. Numbers with a point are ``Decimal``: a price or a
percentage in a file is never rounded to a binary float.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import types
import typing
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from exchange.errors import ConfigurationError

Decoded = TypeVar("Decoded")
_PATH = re.compile(r"^(?P<what>.*) - at `\$(?P<path>[^`]*)`$", re.DOTALL)
_UNKNOWN_FIELD = re.compile(r"unknown field `(?P<key>[^`]*)`")
_MISSING_FIELD = re.compile(r"missing required field `(?P<key>[^`]*)`")


def read_toml(path: Path) -> tuple[str, dict[str, Any]]:
    """Text and tree of ``path``. Raises ConfigurationError."""
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
    for place, name in enumerate(path, 1):
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
        if getattr(kind, "__origin__", None) is list and place < len(path):
            kind = kind.__args__[0]
    return kind


def _allowed(kind: Any) -> str:
    """The values that a key of type ``kind`` may have, in words for the operator."""
    if typing.get_origin(kind) in (types.UnionType, typing.Union):
        # an optional key: a file cannot say None
        kind = next(part for part in typing.get_args(kind) if part is not type(None))
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
    if isinstance(described, msgspec.inspect.DateType):
        return "a date such as 2026-12-25"
    if isinstance(described, msgspec.inspect.BoolType):
        return "true or false"
    if isinstance(described, msgspec.inspect.DictType):
        return f"a table {{ NAME = VALUE }}; each value {_allowed(kind.__args__[1])}"
    return "a table"


def convert(path: Path, text: str, tree: dict[str, Any], kind: type[Decoded]) -> Decoded:
    """``tree`` as a ``kind``. Raises ConfigurationError about the first thing that does not fit."""
    try:
        return msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        raise misfit(path, text, tree, kind, *place_of(error)) from None


Parts = list[tuple[str, str]]  # (key, "") or ("", number of an entry)


def place_of(error: msgspec.ValidationError) -> tuple[str, Parts]:
    """What does not fit, and where below the value that was converted."""
    match = _PATH.match(str(error))
    what, where = (match["what"], match["path"]) if match else (str(error), "")
    return what, re.findall(r"\.([A-Za-z0-9_-]+)|\[(\d+|\.\.\.)\]", where)


def misfit(
    path: Path, text: str, tree: dict[str, Any], kind: Any, what: str, parts: Parts
) -> ConfigurationError:
    """The error about the value at ``parts`` of ``tree``, which does not fit ``kind``."""
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
    if len(names) > 2 and isinstance(tree.get(names[0]), list):
        what = f"{'.'.join(names[2:])}: {what}"  # of a table inside a [[table]]
    is_section = len(names) == 1 and isinstance(tree.get(names[0]), dict | list)
    section, key = (names[0], names[1]) if len(names) > 1 else ("", names[0] if names else "")
    if is_section:
        section, key = names[0], ""
    # only [[tables]] have numbered entries; a list inside a section has none
    entry = entries[0] if entries and isinstance(tree.get(names[0]), list) else None
    return problem(path, text, section, key, what, entry)


def _keys_at(kind: Any, names: list[str]) -> tuple[str, ...]:
    for name in names:
        kind = {field.name: field.type for field in msgspec.structs.fields(kind)}[name]
        if getattr(kind, "__origin__", None) is list:
            kind = kind.__args__[0]
    return tuple(field.name for field in msgspec.structs.fields(kind))


def _shown(value: Any) -> str:
    return str(value) if isinstance(value, Decimal) else repr(value)
