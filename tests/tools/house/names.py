"""Checks that names in prose exist: in docstrings, comments, docs/*.md and the README files.

Three kinds are looked up. *Files*, quoted or not: ``engine/matcher.py``, ``docs/matching.md``, also
with a function, ``engine/matcher.py:apply_commands``. *Dotted names* of the product in backticks:
``exchange.engine.matcher``. *Identifiers* in backticks: they must occur in code, as a name or as a
word of a string (a field of JSON, a column, a setting).
"""

from __future__ import annotations

import ast
import builtins
import keyword
import posixpath
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import PurePosixPath

from tests.tools.house.source import (
    PRODUCT,
    ROOT,
    Function,
    Place,
    Source,
    sources,
    tracked_files,
)

_FILE = re.compile(
    r"(?<![\w/.<>{}$~*-])((?:[\w.-]+/)*[\w-]+\.(?:py|md|sql|js|css|bash))\b(?!\.\w)(?::([A-Za-z_][\w.]*))?"
)
_QUOTED = re.compile(r"(?<!`)(`{1,2})([^`\n]+)\1(?!`)")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
_IDENTIFIER = re.compile(r"([A-Za-z_]\w*)(?:\(.*\))?")
_WORD = re.compile(r"[A-Za-z_]\w*")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
# Code that says which words exist, beside Python.
_CODE = (".js", ".css", ".html", ".sql", ".toml", ".bash", ".json", ".service", ".yaml", ".yml")
# Names of the outer world, and placeholders, that no line of code contains.
FOREIGN = {
    "MemoryDenyWriteExecute",  # systemd
    "__init__.py",
    "migrations/NNNN_name.sql",
    "pg_dump",
    "scripts/benchmarks/NAME.py",
    "synchronous_commit",  # Postgres
}
_EXAMPLE = re.compile(r"[A-Z]+\d+[A-Z]?|\w+N{4,}|\w+_\d{4}_\d\d")  # a token, a partition of a table
HISTORY = ("CHANGELOG.md", "docs/decisions")  # they may name what is gone


def _expressions(text: str) -> Iterator[tuple[int, str]]:
    for match in _QUOTED.finditer(text):
        yield text.count("\n", 0, match.start()), match.group(2).strip()


def _prose() -> Iterator[tuple[str, int, str]]:
    """Path, first line and text of everything that people write for people."""
    for source in sources():
        for line, text in source.docstrings():
            yield source.path, line, text
        for line, text in source.comments:
            yield source.path, line, text
    for path in tracked_files():
        if path.endswith(".md") and not path.startswith(HISTORY):
            text = (ROOT / path).read_text()
            # a fenced block keeps its lines, so that the numbers of those behind it are right
            yield path, 1, _FENCE.sub(lambda block: "\n" * block.group().count("\n"), text)


@cache
def _files_by_name() -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for path in tracked_files():
        found.setdefault(PurePosixPath(path).name, []).append(path)
    return found


def _matching_files(mention: str) -> list[str]:
    mention = mention.removeprefix("./")
    while mention.startswith("../"):
        mention = mention.removeprefix("../")
    candidates = _files_by_name().get(PurePosixPath(mention).name, [])
    return [path for path in candidates if path == mention or path.endswith(f"/{mention}")]


def _one_file(mention: str, where: str) -> str:
    """The file that ``mention`` means in the prose of the file ``where``; "" if it is not clear.

    A name without its folder means the file beside; from elsewhere, the only one of that name.
    """
    files = _matching_files(mention)
    beside = posixpath.normpath(posixpath.join(posixpath.dirname(where), mention))
    if beside in files:
        return beside
    product = [path for path in files if path.startswith(tuple(f"{each}/" for each in PRODUCT))]
    for group in ([path for path in files if path == mention], product, files):
        if len(group) == 1:
            return group[0]
    return ""


@cache
def _definitions(path: str) -> frozenset[str]:
    """Everything that a Python file binds, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(Source(path, (ROOT / path).read_text()).tree):
        if isinstance(node, Function | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            found.add(node.attr)
        elif isinstance(node, ast.alias):
            found.add((node.asname or node.name).partition(".")[0])
    return frozenset(found)


def _docstring_nodes(source: Source) -> set[int]:
    return {
        id(statement.value)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Module | ast.ClassDef | Function)
        for statement in node.body
        if isinstance(statement, ast.Expr)
    }


@cache
def _words() -> frozenset[str]:
    """Every identifier of the repository's code, and every word of its strings."""
    found = {*dir(builtins), *keyword.kwlist, *sys.stdlib_module_names}
    for source in sources():
        prose = _docstring_nodes(source)
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Name):
                found.add(node.id)
            elif isinstance(node, ast.Attribute):
                found.add(node.attr)
            elif isinstance(node, Function | ast.ClassDef):
                found.add(node.name)
            elif isinstance(node, ast.arg | ast.keyword):
                found.add(node.arg or "")
            elif isinstance(node, ast.alias):
                found.update(_WORD.findall(f"{node.name} {node.asname or ''}"))
            elif isinstance(node, ast.Constant) and id(node) not in prose:
                value = node.value
                text = value.decode("latin-1") if isinstance(value, bytes) else value
                if isinstance(text, str):
                    found.update(_WORD.findall(text))
    for path in tracked_files():
        found.update(_WORD.findall(PurePosixPath(path).name))
        # scripts without a suffix are shell or Python
        if path.endswith(_CODE) or (path.startswith(("scripts/", ".ci/")) and "." not in path[4:]):
            found.update(_WORD.findall((ROOT / path).read_text(errors="replace")))
    return frozenset(found)


def _dotted_resolves(name: str) -> bool:
    """Whether ``name``, which begins with a package of the product, is a module or in one."""
    parts = name.split(".")
    if (ROOT / "/".join(parts)).is_dir():
        return True  # a package without __init__.py
    for length in range(len(parts), 0, -1):
        base = "/".join(parts[:length])
        for path in (f"{base}.py", f"{base}/__init__.py"):
            if (ROOT / path).is_file():
                rest = parts[length : length + 1]
                return not rest or rest[0] in _definitions(path)
    return False


def _missing_files(text: str, where: str) -> Iterator[tuple[int, str]]:
    for match in _FILE.finditer(text):
        mention, function = match.groups()
        line = text.count("\n", 0, match.start())
        if mention in FOREIGN or mention.startswith("/"):
            continue
        if not _matching_files(mention):
            yield line, f"no file {mention}"
            continue
        path = _one_file(mention, where)
        if not path:
            yield line, f"several files {mention}: which folder?"
        elif function and mention.endswith(".py"):
            name = function.rstrip(".").rpartition(".")[2]
            if name not in _definitions(path):
                yield line, f"no {function} in {mention}"


def _is_known(name: str) -> bool:
    if name in _words() or name in FOREIGN or _EXAMPLE.fullmatch(name):
        return True
    # the common end of several names: ``_sequence``
    return name.startswith("_") and any(word.endswith(name) for word in _words())


def _is_placeholder(name: str, text: str) -> bool:
    """An argument in capitals of a command line that the same text shows, indented."""
    return name.isupper() and re.search(rf"^    .*[ \[]{name}\b", text, re.MULTILINE) is not None


def _missing_names(text: str) -> Iterator[tuple[int, str]]:
    for line, expression in _expressions(text):
        if _DOTTED.fullmatch(expression):
            first = expression.partition(".")[0]
            is_file = bool(_matching_files(expression))
            if first in PRODUCT and not is_file and not _dotted_resolves(expression):
                yield line, f"no {expression}"
            continue
        match = _IDENTIFIER.fullmatch(expression)
        if match and not _is_known(match.group(1)) and not _is_placeholder(match.group(1), text):
            yield line, f"no {match.group(1)}"


def missing_in(text: str, where: str) -> Iterator[tuple[int, str]]:
    """Line, counted from 0, and name of everything in ``text`` that does not exist.

    ``where``: path of the file that the text is in.
    """
    yield from _missing_files(text, where)
    yield from _missing_names(text)


def broken_imports() -> list[Place]:
    """Imports, anywhere in a file, of modules or names of this repository that do not exist."""
    ours = (*PRODUCT, "scripts", "tests")
    found = []
    for source in sources():
        for node in ast.walk(source.tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            else:
                continue
            found += [
                source.place(node.lineno, f"no {name}")
                for name in names
                if name.partition(".")[0] in ours and not _dotted_resolves(name)
            ]
    return found


def unresolved_names() -> list[Place]:
    """Files, dotted names and identifiers in prose that do not exist."""
    return [
        Place(path, first + line, what)
        for path, first, text in _prose()
        for line, what in missing_in(text, path)
    ]
