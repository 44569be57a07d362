"""Checks of the tree's shape: where modules lie, how long things are, what has a test."""

from __future__ import annotations

import ast
import re
import tomllib
from collections import Counter
from pathlib import PurePosixPath

from tests.tools.house.source import (
    PRODUCT,
    ROOT,
    Function,
    Place,
    Source,
    product,
    sources,
    tracked_files,
)

VOCABULARY = {"__init__", "cli", "codes", "commands", "errors", "records"}
FOLDER_FILES = 22
FUNCTION_LINES = 70
POSITIONAL_PARAMETERS = 7
FILE_LINES = 500
REASON_FOR_LENGTH = re.compile(r"#\s*long: \S")
# Two letters that are words of their own.
SHORT_WORDS = {"at", "by", "id", "in", "is", "no", "of", "ok", "on", "to", "up", "_"}
JITTED = re.compile(r"^@jit|\bintrinsic\b|\bimport numba\b", re.MULTILINE)


def loose_modules() -> list[Place]:
    """Modules directly in exchange/ that are not the common vocabulary."""
    return [
        source.place(1, "belongs into a room")
        for source in sources("exchange")
        if source.path.count("/") == 1 and PurePosixPath(source.path).stem not in VOCABULARY
    ]


def folder_sizes() -> Counter[str]:
    """Folder of the product to the number of files directly in it."""
    return Counter(
        path.rpartition("/")[0]
        for path in tracked_files()
        if path.startswith(tuple(f"{package}/" for package in PRODUCT))
    )


def large_folders() -> list[Place]:
    """Folders of the product with too many files."""
    return [
        Place(folder, 0, f"{count} files, at most {FOLDER_FILES}")
        for folder, count in folder_sizes().most_common()
        if count > FOLDER_FILES
    ]


def _has_reason(source: Source, function: Function) -> bool:
    first = min([function.lineno, *(each.lineno for each in function.decorator_list)])
    around = source.lines[max(first - 2, 0) : function.body[0].lineno]
    return any(REASON_FOR_LENGTH.search(line) for line in around)


def long_in(source: Source) -> list[Place]:
    """The functions of one file that are too long and give no reason."""
    found = []
    for name, function in source.functions:
        assert function.end_lineno is not None
        lines = function.end_lineno - function.lineno + 1
        if lines > FUNCTION_LINES and not _has_reason(source, function):
            found.append(source.place(function.lineno, f"{name}: {lines} lines"))
    return found


def long_functions() -> list[Place]:
    """Functions over 70 lines without ``# long: reason`` beside or above their ``def``."""
    return [place for source in sources() for place in long_in(source)]


def many_parameters() -> list[Place]:
    """Functions that take more than seven arguments by position (``self`` is not counted)."""
    found = []
    for source in sources():
        for name, function in source.functions:
            names = [each.arg for each in (*function.args.posonlyargs, *function.args.args)]
            count = len(names) - (names[:1] in (["self"], ["cls"]))
            if count > POSITIONAL_PARAMETERS:
                found.append(source.place(function.lineno, f"{name}: {count} positional"))
    return found


def short_parameters() -> list[Place]:
    """Parameters of one or two letters that are not a word (a lambda's are not counted)."""
    found = []
    for source in product():
        for name, function in source.functions:
            arguments = function.args
            every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
            found += [
                source.place(each.lineno, f"{name}({each.arg})")
                for each in every
                if len(each.arg) <= 2 and each.arg not in SHORT_WORDS
            ]
    return found


def long_files() -> list[Place]:
    """Files of code over 500 lines."""
    found = []
    python = {source.path for source in sources()}
    for path in tracked_files():
        if path in python or path.endswith((".js", ".css", ".sql")):
            lines = len((ROOT / path).read_text().splitlines())
            if lines > FILE_LINES:
                found.append(Place(path, lines, f"{lines} lines"))
    return found


CONTRIBUTED = "exchange/contrib/"


def modules_without_test() -> list[Place]:
    """Modules of the product with code but without tests/unit/<package>/test_<module>.py.

    Not those of CONTRIBUTED, which need the other program: tests/connectors has their tests.
    """
    paths = set(tracked_files())
    found = []
    for source in product():
        folder, _, file = source.path.rpartition("/")
        mirrored = f"tests/unit/{folder}/test_{file.strip('_').replace('__.py', '.py')}"
        has_code = any(isinstance(node, Function) for node in ast.walk(source.tree))
        is_ours = file != "__init__.py" and not folder.startswith(CONTRIBUTED)
        if has_code and is_ours and mirrored not in paths:
            found.append(source.place(1, f"no {mirrored}"))
    return found


def types_ignored() -> list[Place]:
    """Modules whose types are not checked (pyproject.toml) although they have no jitted code."""
    configuration = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = []
    for override in configuration["tool"]["mypy"]["overrides"]:
        for module in override["module"] if override.get("ignore_errors") else ():
            path = ROOT / (module.replace(".", "/") + ".py")
            if not path.is_file():
                found.append(Place("pyproject.toml", 0, f"{module} does not exist"))
            elif not JITTED.search(path.read_text()):
                found.append(Place(str(path.relative_to(ROOT)), 1, "no jitted code"))
    return found
