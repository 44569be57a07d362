"""What is wrong in the configuration files: the first thing raised, or everything collected.

Who uses it: the loaders of this package. A start ends with the first error; ``check-config`` tells
all of them, so a loader goes on after each with what is right. Invariant: an entry of a file that
does not fit its type is left out, and the others keep their numbers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args, get_origin

import msgspec

from exchange.errors import ConfigurationError
from exchange.settings.toml_file import Parts, convert, misfit, place_of, read_toml

Entry = TypeVar("Entry")


class Findings:
    """``collect``: keep what is wrong in ``errors`` instead of raising the first."""

    def __init__(self, *, collect: bool = False) -> None:
        self.collects = collect
        self.errors: list[ConfigurationError] = []

    def add(self, error: ConfigurationError) -> None:
        """Something is wrong. Raises ``error`` unless it is to be collected."""
        if not self.collects:
            raise error from None
        self.errors.append(error)

    def fits(
        self, path: Path, text: str, tree: dict[str, Any], kind: type[msgspec.Struct]
    ) -> set[tuple[str, ...]]:
        """Add every value of ``tree`` that does not fit ``kind``. Returns their places: keys."""
        wrong = set()
        for what, parts in _misfits(tree, kind, []):
            wrong.add(tuple(name for name, _ in parts if name)[:2])
            self.add(misfit(path, text, tree, kind, what, parts))
        return wrong

    def tables(
        self, path: Path, kind: type[msgspec.Struct]
    ) -> tuple[str, dict[str, dict[int, Any]]]:
        """The text of ``path``, a file of [[tables]], and by name the entries that fit, by index.

        ``kind``: the file; each of its fields is a list of entries.
        """
        try:
            text, tree = read_toml(path)
        except ConfigurationError as error:
            self.add(error)
            return "", {field.name: {} for field in msgspec.structs.fields(kind)}
        if not self.collects:
            file = convert(path, text, tree, kind)
            lists = msgspec.structs.asdict(file)
            return text, {name: dict(enumerate(entries)) for name, entries in lists.items()}
        self.fits(path, text, tree, kind)
        return text, {
            field.name: good_entries(tree.get(field.name), get_args(field.type)[0])
            for field in msgspec.structs.fields(kind)
        }


def good_entries(values: Any, kind: type[Entry]) -> dict[int, Entry]:
    """The entries that are a ``kind``, by index."""
    found = {}
    for index, value in enumerate(values if isinstance(values, list) else ()):
        try:
            found[index] = msgspec.convert(value, kind)
        except msgspec.ValidationError:
            continue
    return found


def _misfits(value: Any, kind: Any, parts: Parts) -> Iterator[tuple[str, Parts]]:
    """Everything in ``value`` that is no ``kind``: what, and where."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        fields = {field.name: field for field in msgspec.structs.fields(kind)}
        for key in value.keys() - fields.keys():
            yield f"Object contains unknown field `{key}`", parts
        for name, field in fields.items():
            if name in value:
                yield from _misfits(value[name], field.type, [*parts, (name, "")])
            elif field.required:
                yield f"Object missing required field `{name}`", parts
        return
    if get_origin(kind) is list and isinstance(value, list):
        (inner,) = get_args(kind)
        if isinstance(inner, type) and issubclass(inner, msgspec.Struct):
            for index, each in enumerate(value):
                yield from _misfits(each, inner, [*parts, ("", str(index))])
            return
    try:
        msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        what, inside = place_of(error)
        yield what, [*parts, *inside]


def doubles(entries: Mapping[int, Any], key: str) -> Iterator[tuple[int, str]]:
    """(index, what is wrong) of each of ``entries`` whose ``key`` another one has before it."""
    seen: dict[object, int] = {}
    for index, entry in entries.items():
        value = getattr(entry, key)
        if value in seen:
            yield index, f"{value!r} is already used by number {seen[value] + 1}"
        seen.setdefault(value, index)
