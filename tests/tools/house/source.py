"""The repository's files as the house tool reads them: text, syntax tree, comments, functions."""

from __future__ import annotations

import ast
import io
import subprocess
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[3]
PRODUCT = ("ringbuffer", "journal", "exchange", "replay")
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Place(NamedTuple):
    """One finding: where, and what is there."""

    path: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.text}"


@dataclass(frozen=True)
class Source:
    """One Python file. ``path`` is relative to the repository, with ``/``."""

    path: str
    text: str

    @cached_property
    def lines(self) -> list[str]:
        return self.text.splitlines()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, self.path)

    @cached_property
    def comments(self) -> list[tuple[int, str]]:
        """Line number and text of every comment, without its ``#``."""
        tokens = tokenize.generate_tokens(io.StringIO(self.text).readline)
        return [
            (token.start[0], token.string.lstrip("#").strip())
            for token in tokens
            if token.type == tokenize.COMMENT
        ]

    @cached_property
    def functions(self) -> list[tuple[str, Function]]:
        """Every function with its qualified name, nested ones included."""
        found: list[tuple[str, Function]] = []

        def visit(node: ast.AST, prefix: str) -> None:
            for child in ast.iter_child_nodes(node):
                if isinstance(child, Function):
                    found.append((prefix + child.name, child))
                    visit(child, f"{prefix}{child.name}.")
                elif isinstance(child, ast.ClassDef):
                    visit(child, f"{prefix}{child.name}.")
                else:
                    visit(child, prefix)

        visit(self.tree, "")
        return found

    def docstrings(self) -> Iterator[tuple[int, str]]:
        """First line number and text of every docstring, also of attributes."""
        for node in ast.walk(self.tree):
            if not isinstance(node, ast.Module | ast.ClassDef | Function):
                continue
            for statement in node.body:
                if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
                    value = statement.value.value
                    if isinstance(value, str):
                        yield statement.lineno, value

    def place(self, line: int, text: str) -> Place:
        return Place(self.path, line, text)


@cache
def tracked_files() -> tuple[str, ...]:
    """Every file of the repository: known to git or new, not ignored, still there."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    return tuple(sorted(path for path in set(listed) if (ROOT / path).is_file()))


def _is_python(path: str) -> bool:
    if path.endswith(".py"):
        return True
    if not path.startswith("scripts/") or "." in path.rpartition("/")[2]:
        return False
    with (ROOT / path).open("rb") as stream:
        return b"python" in stream.readline()


@cache
def sources(*packages: str) -> tuple[Source, ...]:
    """The Python files below ``packages`` (all of the repository without any)."""
    return tuple(
        Source(path, (ROOT / path).read_text())
        for path in tracked_files()
        if (not packages or path.startswith(tuple(f"{package}/" for package in packages)))
        and _is_python(path)
    )


def product() -> tuple[Source, ...]:
    """The Python files of the four packages that are shipped."""
    return sources(*PRODUCT)
