"""Checks of numbers in the engine: words, shifts and masks have names, as do copies of enums."""

from __future__ import annotations

import ast

from tests.tools.house.source import Place, Source, product, sources

# Memory accessors of exchange/engine/state/memory.py: (pointer, index, ...).
ACCESSORS = {"get", "put", "get_acquire", "touch"}
UNTOLD = (0, 1)  # the first element; a shift by one bit, the lowest bit


def _literal(node: ast.AST) -> int | None:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    return None


def _adds_literal(node: ast.AST) -> bool:
    """Whether an address is a sum with a number, anywhere in its terms."""
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Add | ast.Sub):
        return False
    parts = (node.left, node.right)
    return any(_literal(part) is not None for part in parts) or any(map(_adds_literal, parts))


def _is_bare(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id not in ACCESSORS or len(node.args) < 2:
            return False
        table, index = node.args[:2]
        # a table of a view: an offset in its row; what is found by counting (``slot + 1``) is not
        return isinstance(table, ast.Attribute) and (
            _adds_literal(index) or (_literal(index) or 0) > 1
        )
    if isinstance(node, ast.Subscript):
        return (_literal(node.slice) or 0) > 1
    if isinstance(node, ast.BinOp):
        number = _literal(node.right)
        if isinstance(node.op, ast.LShift | ast.RShift | ast.BitAnd):
            return number is not None and number not in UNTOLD
    return False


def _constants(source: Source) -> set[int]:
    """Lines of assignments to names in capitals: there a number gets its name."""
    lines: set[int] = set()
    for node in ast.walk(source.tree):
        if isinstance(node, ast.Assign):
            targets = [each for each in node.targets if isinstance(each, ast.Name)]
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            targets = [node.target]
        else:
            continue
        if targets and all(each.id.isupper() for each in targets):
            assert node.end_lineno is not None
            lines.update(range(node.lineno, node.end_lineno + 1))
    return lines


def bare_in(source: Source) -> list[Place]:
    """The bare numbers of one file, in the order of its lines."""
    constants = _constants(source)
    found = [
        source.place(line, ast.unparse(node))
        for node in ast.walk(source.tree)
        if _is_bare(node) and (line := getattr(node, "lineno", 0)) not in constants
    ]
    return sorted(found, key=lambda place: place.line)


def bare_numbers() -> list[Place]:
    """Words of a table, elements, shifts and masks of the engine written as bare numbers."""
    return [place for source in sources("exchange/engine") for place in bare_in(source)]


def enum_copies() -> list[Place]:
    """Lines ``_X = int(Enum.X)``."""
    found = []
    for source in product():
        for node in source.tree.body:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Call):
                continue
            call = node.value
            if (
                isinstance(call.func, ast.Name)
                and call.func.id == "int"
                and len(call.args) == 1
                and isinstance(call.args[0], ast.Attribute)
            ):
                found.append(source.place(node.lineno, ast.unparse(node)))
    return found
