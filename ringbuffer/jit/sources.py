"""The sources that compiled code can depend on, and their hash.

Who uses it: the compiler (``exchange/compiler/stamps.py``), whose stamps say that everything has
been compiled for these sources. Single functions have keys of their own (``cache_key.py``).

Decision PKG-2.
"""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE_PACKAGES = ("ringbuffer", "journal", "exchange", "replay")

_IMPORTS = re.compile(r"^\s*(?:from ([\w.]+) import (\([^)]*\)|.*)|import ([\w.]+))", re.MULTILINE)
_COMPILED = re.compile(r"^from ringbuffer\.jit import|^from numba", re.MULTILINE)


def _module_name(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def _sources() -> dict[str, bytes]:
    """Every module of the product, by name."""
    return {
        _module_name(path): path.read_bytes()
        for package in SOURCE_PACKAGES
        for path in sorted((ROOT / package).rglob("*.py"))
    }


def _imported(source: str) -> Iterator[str]:
    """Names of the modules that ``source`` may import, wherever in it."""
    for match in _IMPORTS.finditer(source):
        if match[3]:
            yield match[3]
            continue
        yield match[1]
        for name in re.findall(r"\w+", match[2]):
            yield f"{match[1]}.{name}"


@functools.cache
def _imports_of(name: str) -> tuple[str, ...]:
    """The product's modules that module ``name`` imports."""
    return tuple(each for each in _imported(_sources()[name].decode()) if each in _sources())


def _closure(names: set[str]) -> dict[str, bytes]:
    """The modules ``names`` and all that they import, directly or not, with their sources."""
    found = set(names)
    waiting = list(names)
    while waiting:
        for name in _imports_of(waiting.pop()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return {name: _sources()[name] for name in sorted(found)}


def compiled_modules() -> dict[str, bytes]:
    """The product's modules that any compiled code can depend on, by name, with their sources."""
    return _closure(
        {name for name, source in _sources().items() if _COMPILED.search(source.decode())}
    )


def _hash(modules: dict[str, bytes]) -> str:
    digest = hashlib.sha256()
    for name, source in modules.items():
        digest.update(name.encode())
        digest.update(source)
    return digest.hexdigest()[:16]


def source_hash() -> str:
    """Hash of everything that compiled code can depend on: 16 hex digits."""
    return _hash(compiled_modules())
