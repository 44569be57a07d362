"""Finds public definitions of the product that nothing but tests uses.

Who uses it: tests/unit/test_dead_definitions.py, and ``python -m tests.tools.dead_definitions``.

A *definition* is a function, a class or a constant at the top of a module, or a method of such a
class. *Users* are the four packages themselves and everything in scripts/; tests are not users.

Functions, classes and constants are found by reachability. What runs when a module is imported and
every script are the roots; a definition is alive when something alive names it, through whatever
chain of imports. So two functions that only call each other are both dead, and a name that happens
to occur elsewhere keeps nothing alive.

Methods are found by their name, because nothing says of which class ``x.close()`` is: a method is
dead when no user reads an attribute of that name outside the method itself.

Alive without a user: the console scripts of pyproject.toml, what ``exchange.client`` exports (other
people's programs use it), what a string names with its module (numba imports a class of ours by
such a name), names with two underscores, functions under a decorator that belongs to an object (it
registers them), methods that override one of another package's class. Fields and members of classes
are not looked at, nor constants that are a field of a record: numbers of an enum are never removed,
and a layout is described whole.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache

from tests.tools.house.source import ROOT, Function, Place, Source, product, sources

# What other people's programs import (docs/client.md): whatever these modules define or export.
PUBLIC_LIBRARIES = ("exchange.client", "exchange.client.messages")
# What is in here is called by other people's programs: ccxt calls the methods of its classes.
CONTRIBUTED = "exchange.contrib."
# A constant that one of these makes is a field of a layout, which is named whole or not at all.
_FIELD_MAKERS = {"field", "part", "whole"}
# module:name -> why it may stay although nothing but tests uses it
ALLOWED = {
    "exchange.api.websocket.handshake:FrameCheck.feed_data": "aiohttp calls it",
    "exchange.api.websocket.handshake:FrameCheck.feed_eof": "aiohttp calls it",
    "exchange.api.websocket.handshake:_CheckedRequest.keep_alive": "aiohttp calls it",
    "exchange.api.websocket.handshake:_CheckedRequest.set_parser": "aiohttp calls it",
    "ringbuffer.jit.libraries:_WithoutEnvironments.set_env": "numba calls it",
}
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+")
# A class with one of these bases has only its own methods.
_PLAIN_BASES = {"NamedTuple", "Protocol", "Struct", "Enum", "IntEnum", "StrEnum", "IntFlag",
                "Exception", "Generic", "TypedDict", "ABC"}  # fmt: skip


@dataclass
class Definition:
    """One definition; ``uses``: (module, name) of what it names, resolved to where that is."""

    module: str
    name: str
    source: Source
    line: int
    uses: set[tuple[str, str]] = field(default_factory=set)

    @property
    def key(self) -> tuple[str, str]:
        return self.module, self.name


def module_of(path: str) -> str:
    """The dotted name of a file of the product."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _names(target: ast.AST) -> Iterator[str]:
    for node in ast.walk(target):
        if isinstance(node, ast.Name):
            yield node.id


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of a module; what depends on a condition counts as being there."""
    for statement in body:
        if isinstance(statement, ast.If | ast.Try):
            if isinstance(statement, ast.If):
                yield ast.Expr(statement.test)
            for part in ("body", "orelse", "finalbody"):
                yield from _statements(getattr(statement, part, []))
            for handler in getattr(statement, "handlers", []):
                yield from _statements(handler.body)
        else:
            yield statement


def _registers(decorator: ast.expr) -> bool:
    """Whether a decorator makes its function known to somebody who calls it."""
    return isinstance(decorator, ast.Call) and not isinstance(decorator.func, ast.Name)


def _is_field(value: ast.expr) -> bool:
    call = value.func if isinstance(value, ast.Call) else None
    return isinstance(call, ast.Name) and call.id in _FIELD_MAKERS


class Module:
    """A file: what it defines, what it imports, what runs when it is imported."""

    def __init__(self, source: Source, modules: set[str]) -> None:
        self.source = source
        self.name = module_of(source.path)
        self._modules = modules
        self.definitions: dict[str, Definition] = {}
        # local name: the (module, name or "") for which it stands in one function or another
        self.imports: dict[str, set[tuple[str, str]]] = {}
        self._roots: list[ast.AST] = []
        self._registered: set[tuple[str, str]] = set()
        self._bodies: list[tuple[list[Definition], ast.AST]] = []
        for node in ast.walk(source.tree):
            self._import(node)
        for statement in _statements(source.tree.body):
            self._define(statement)

    def _import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                name = alias.name if alias.asname else alias.name.partition(".")[0]
                self.imports.setdefault(alias.asname or name, set()).add((name, ""))
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found = (whole, "") if whole in self._modules else (node.module, alias.name)
                self.imports.setdefault(alias.asname or alias.name, set()).add(found)

    def _define(self, statement: ast.stmt) -> None:
        if isinstance(statement, Function | ast.ClassDef):
            names = [statement.name]
            if any(_registers(decorator) for decorator in statement.decorator_list):
                self._registered.add((self.name, statement.name))
        elif isinstance(statement, ast.Assign):
            names = [name for target in statement.targets for name in _names(target)]
            if _is_field(statement.value):
                names = []
            if any(isinstance(t, ast.Attribute | ast.Subscript) for t in statement.targets):
                names = []
        elif isinstance(statement, ast.AnnAssign):
            names = list(_names(statement.target))
        else:
            names = []
        if not names or names == ["__all__"]:
            if not names and not isinstance(statement, ast.Import | ast.ImportFrom):
                self._roots.append(statement)
            return
        made = []
        for name in names:
            # a twin for the other branch of a condition is the same definition
            made.append(
                self.definitions.setdefault(
                    name, Definition(self.name, name, self.source, statement.lineno)
                )
            )
        self._bodies.append((made, statement))

    def resolve(self) -> set[tuple[str, str]]:
        """Fill in what each definition uses; what the module itself uses when it is imported."""
        for made, body in self._bodies:
            used = self._used(body)
            for definition in made:
                definition.uses |= used - {definition.key}
        return self._registered | {use for root in self._roots for use in self._used(root)}

    def everything_used(self) -> set[tuple[str, str]]:
        """What the file uses anywhere: for a script."""
        return self._used(self.source.tree) | self.imported()

    def imported(self) -> set[tuple[str, str]]:
        """Every name that the file imports from a module."""
        return {use for uses in self.imports.values() for use in uses if use[1]}

    def _used(self, tree: ast.AST) -> set[tuple[str, str]]:
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Name):
                if node.id in self.definitions:
                    found.add((self.name, node.id))
                found |= {use for use in self.imports.get(node.id, ()) if use[1]}
            elif isinstance(node, ast.Attribute):
                found |= {(module, node.attr) for module in self._modules_named(node.value)}
        return found | self.named_by_strings(tree)

    def named_by_strings(self, tree: ast.AST | None = None) -> set[tuple[str, str]]:
        """What strings name with its module, docstrings aside."""
        tree = self.source.tree if tree is None else tree
        prose = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        found = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                for dotted in () if id(node) in prose else _DOTTED.findall(node.value):
                    module, _, name = dotted.rpartition(".")
                    if module in self._modules:
                        found.add((module, name))
        return found

    def _modules_named(self, node: ast.expr) -> set[str]:
        """The modules for which an expression stands, as in ``pipeline.STOP``."""
        if isinstance(node, ast.Name):
            return {module for module, name in self.imports.get(node.id, ()) if not name}
        if isinstance(node, ast.Attribute):
            longer = {f"{module}.{node.attr}" for module in self._modules_named(node.value)}
            return longer & self._modules
        return set()


def _console_scripts() -> set[tuple[str, str]]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = set()
    for target in project["scripts"].values():
        module, _, name = target.partition(":")
        found.add((module, name))
    return found


class Program:
    """All modules of the product and all scripts, and who uses what."""

    def __init__(self, packages: Iterable[Source], scripts: Iterable[Source]) -> None:
        packages = tuple(packages)
        names = {module_of(source.path) for source in packages}
        self.modules = {module_of(s.path): Module(s, names) for s in packages}
        self.scripts = [Module(source, names) for source in scripts]

    def _homes(self, use: tuple[str, str]) -> list[Definition]:
        """The definitions behind a name, through the modules that pass it on."""
        module = self.modules.get(use[0])
        if module is None:
            return []
        if use[1] in module.definitions:
            return [module.definitions[use[1]]]
        return [home for passed in module.imports.get(use[1], ()) for home in self._homes(passed)]

    def _roots(self) -> set[tuple[str, str]]:
        found = _console_scripts()
        for module in self.modules.values():
            found |= module.resolve()
            if module.name in PUBLIC_LIBRARIES:
                found |= module.imported()
                found |= {(module.name, name) for name in module.definitions}
        for script in self.scripts:
            found |= script.everything_used()
        return found

    def dead(self) -> Iterator[Definition]:
        """Public functions, classes and constants that nothing alive names."""
        waiting = list(self._roots())
        alive: set[tuple[str, str]] = set()
        while waiting:
            for definition in self._homes(waiting.pop()):
                if definition.key not in alive:
                    alive.add(definition.key)
                    waiting.extend(definition.uses)
        for module in self.modules.values():
            for definition in module.definitions.values():
                if definition.key not in alive and not definition.name.startswith("_"):
                    yield definition

    def _public_classes(self) -> set[tuple[str, str]]:
        uses = {
            use
            for library in PUBLIC_LIBRARIES
            if library in self.modules
            for use in self.modules[library].imported()
        }
        for module in self.modules.values():
            uses |= {use for use in module.named_by_strings() if use[1]}
        return {definition.key for use in uses for definition in self._homes(use)}

    def _overrides(self, module: Module, node: ast.ClassDef) -> bool:
        """Whether a base is of another package: it calls the methods that are overridden."""
        for base in node.bases:
            base = base.value if isinstance(base, ast.Subscript) else base
            name = base.attr if isinstance(base, ast.Attribute) else getattr(base, "id", "")
            if name in _PLAIN_BASES:
                continue
            homes = self._homes((module.name, name))
            if not homes:
                return True
            for home in homes:
                found = self._class(home)
                if found is None or self._overrides(self.modules[home.module], found):
                    return True
        return False

    @staticmethod
    def _class(home: Definition) -> ast.ClassDef | None:
        for node in home.source.tree.body:
            if isinstance(node, ast.ClassDef) and node.name == home.name:
                return node
        return None

    def dead_methods(self) -> Iterator[Definition]:
        """Public methods whose name no user reads as an attribute."""
        read: dict[str, int] = {}
        for module in (*self.modules.values(), *self.scripts):
            for name in _attributes(module.source.tree):
                read[name] = read.get(name, 0) + 1
        public = self._public_classes()
        for module in self.modules.values():
            for node in module.source.tree.body:
                if not isinstance(node, ast.ClassDef) or (module.name, node.name) in public:
                    continue
                if self._overrides(module, node):
                    continue
                for method in node.body:
                    if not isinstance(method, Function) or method.name.startswith("_"):
                        continue
                    if any(_registers(decorator) for decorator in method.decorator_list):
                        continue
                    own = sum(name == method.name for name in _attributes(method))
                    if read.get(method.name, 0) <= own:
                        yield Definition(
                            module.name,
                            f"{node.name}.{method.name}",
                            module.source,
                            method.lineno,
                        )


def _attributes(tree: ast.AST) -> Iterator[str]:
    """Every name that is read as an attribute, also by ``getattr`` with a literal."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield node.attr
        elif (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("getattr", "hasattr")
            and len(node.args) > 1
            and isinstance(node.args[1], ast.Constant)
        ):
            yield str(node.args[1].value)


def find(packages: Iterable[Source], scripts: Iterable[Source]) -> list[Definition]:
    """The dead definitions of ``packages``, in order of place."""
    program = Program(packages, scripts)
    found = [*program.dead(), *program.dead_methods()]
    return sorted(found, key=lambda each: (each.module, each.line))


@cache
def all_dead_definitions() -> list[Place]:
    """As ``dead_definitions``, with those that are allowed."""
    return [
        each.source.place(each.line, f"{each.module}:{each.name}")
        for each in find(product(), sources("scripts"))
        if not each.module.startswith(CONTRIBUTED)
    ]


def dead_definitions() -> list[Place]:
    """Public definitions of the product that only tests, or nobody, use, without a reason."""
    return [place for place in all_dead_definitions() if place.text not in ALLOWED]


def main() -> int:
    found = dead_definitions()
    print("\n".join(map(str, found)))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
