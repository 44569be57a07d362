"""Where compiled code is kept on disk, and under which key.

Who uses it: ``jit.py`` and the compiler. numba's own key is the function's file: it does not
notice that a constant in *another* file changed. Here the key of a function is a hash of the
sources of its module and of everything that this module imports from the project, directly or not.
So an edit compiles anew what can depend on it and nothing else, and two checkouts with the same
sources share their compiled code, wherever they are.

Layout: ``<cache directory>/<module>-<hash>/<function>-<line>.py311.{nbi,nbc}``.

Decision PKG-2.
"""

from __future__ import annotations

import functools
import hashlib
import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SOURCE_PACKAGES = ("ringbuffer", "journal", "exchange", "replay")

_IMPORTS = re.compile(r"^\s*(?:from ([\w.]+) import (\([^)]*\)|.*)|import ([\w.]+))", re.MULTILINE)
_COMPILED = re.compile(r"^from ringbuffer\.jit import|^from numba", re.MULTILINE)


def cache_directory() -> Path:
    """Where compiled code is kept: ``EXCHANGE_CACHE_DIR`` or the user's cache directory.

    Code with bounds checks has a folder of its own: numba ignores ``NUMBA_BOUNDSCHECK`` where a
    build without them is cached.
    """
    base = os.environ.get("EXCHANGE_CACHE_DIR")
    root = Path(base) if base else Path.home() / ".cache" / "exchange"
    checked = os.environ.get("NUMBA_BOUNDSCHECK", "0") not in ("", "0")
    return root / "numba" / ("boundscheck" if checked else "release")


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


@functools.cache
def file_hash(path: Path) -> str:
    """Hash of ``path`` and all that it imports from the product: 16 hex digits."""
    source = path.read_bytes()
    names = {name for name in _imported(source.decode()) if name in _sources()}
    return _hash({str(path.name): source} | _closure(names))


class ContentLocator:
    """Tells numba where the code of a function is kept; see the module's docstring.

    The interface is that of ``numba.core.caching._CacheLocator``, which cannot be imported here:
    the cache directory must be known before numba is imported.
    """

    def __init__(self, path: Path, line: int) -> None:
        self._hash = file_hash(path)
        self._line = line
        inside = path.is_relative_to(ROOT)
        name = _module_name(path) if inside else path.stem
        self._directory = cache_directory() / f"{name}-{self._hash}"

    def ensure_cache_path(self) -> None:
        """Make the directory. Raises OSError when it cannot be written."""
        self._directory.mkdir(parents=True, exist_ok=True)
        if not os.access(self._directory, os.W_OK):
            raise PermissionError(f"{self._directory} cannot be written")

    def get_cache_path(self) -> str:
        """The directory of the function's code."""
        return str(self._directory)

    def get_source_stamp(self) -> str:
        """What must be equal for cached code to be used."""
        return self._hash

    def get_disambiguator(self) -> str:
        """What tells functions of one name apart."""
        return str(self._line)

    @classmethod
    def from_function(cls, function: Callable[..., Any], source_path: str) -> ContentLocator | None:
        """The locator of ``function``; None where it is not from a file, or nothing can be kept."""
        path = Path(source_path)
        if getattr(sys, "frozen", False) or not path.exists():
            return None
        locator = cls(path.resolve(), function.__code__.co_firstlineno)
        try:
            locator.ensure_cache_path()
        except OSError:
            return None
        return locator
