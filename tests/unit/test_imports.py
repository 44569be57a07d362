"""Who may import whom, that only entry points read configuration, and that no module is dead."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("ringbuffer", "journal", "exchange", "replay")  # each may import those before it

# Programs: started by a user, by the daemon or by a script; nothing needs to import them.
ENTRY_POINTS = {
    "exchange.cli",
    "exchange.compiler.__main__",
    "exchange.connect.grpc.generate",
    "exchange.contrib.ccxt.classes",  # other people's programs import it (docs/ccxt.md)
    "exchange.daemon.daemon",
    "exchange.install.package",
    "exchange.stages.fork_server",
    "replay.cli",
}
CONFIGURATION = "exchange.settings"


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def python_scripts() -> list[Path]:
    """Every Python file of scripts/, also those without a suffix."""
    found = []
    for path in sorted((ROOT / "scripts").rglob("*")):
        if path.suffix == ".py":
            found.append(path)
        elif path.is_file() and not path.suffix:
            with path.open("rb") as stream:
                if b"python" in stream.readline():
                    found.append(path)
    return found


PRODUCT = {
    module_name(path): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}
SCRIPTS = {f"scripts:{path.relative_to(ROOT)}": path for path in python_scripts()}


def imports_of(path: Path) -> set[str]:
    """Names of the product's modules that a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found.add(node.module)
            # `from package import module`
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name in PRODUCT}


def starts_of(path: Path) -> set[str]:
    """Names of the product's modules that a file starts as programs: ``python -m NAME``."""
    strings = {
        node.value
        for node in ast.walk(ast.parse(path.read_text(), str(path)))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return strings & ENTRY_POINTS


IMPORTS = {name: imports_of(path) for name, path in PRODUCT.items()}
SCRIPT_USES = {name: imports_of(path) | starts_of(path) for name, path in SCRIPTS.items()}


def test_there_is_something_to_check():
    assert set(PACKAGES) <= set(PRODUCT)
    assert SCRIPTS


@pytest.mark.parametrize("name", sorted(PRODUCT))
def test_dependency_direction(name):
    rank = PACKAGES.index(name.split(".")[0])
    later = {other for other in IMPORTS[name] if PACKAGES.index(other.split(".")[0]) > rank}
    assert not later, f"{name} imports {sorted(later)}: a package behind its own"


def modules_owned_by_entry_points() -> set[str]:
    """Entry points, and the modules that only these (or scripts) import, directly or not."""
    owned = set(ENTRY_POINTS)
    importers = {name: {other for other in IMPORTS if name in IMPORTS[other]} for name in PRODUCT}
    while True:
        more = {
            name
            for name in PRODUCT
            if name not in owned and importers[name] and importers[name] <= owned
        }
        if not more:
            return owned
        owned |= more


def test_only_entry_points_read_configuration():
    own = {
        name for name in PRODUCT if name == CONFIGURATION or name.startswith(f"{CONFIGURATION}.")
    }
    readers = {name for name, imported in IMPORTS.items() if imported & own}
    wrong = readers - modules_owned_by_entry_points() - own
    assert not wrong, f"{sorted(wrong)} import {CONFIGURATION}: pass them parameters instead"


def test_no_import_cycle_within_the_product():
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        assert name not in path, f"import cycle: {' -> '.join([*path, name])}"
        if name not in done:
            for other in sorted(IMPORTS[name]):
                visit(other, [*path, name])
            done.add(name)

    for name in sorted(PRODUCT):
        visit(name, [])


def test_no_module_is_dead():
    """Every module is reached from a program: by imports, or named to be started."""
    reached: set[str] = set()
    waiting = [name for name in ENTRY_POINTS if name in PRODUCT]
    for imported in SCRIPT_USES.values():
        waiting.extend(imported)
    while waiting:
        name = waiting.pop()
        if name not in reached:
            reached.add(name)
            waiting.extend(IMPORTS[name])
    dead = {
        name for name, path in PRODUCT.items() if name not in reached and path.name != "__init__.py"
    }
    assert not dead, f"nothing uses {sorted(dead)}"


def test_what_is_imported_exists():
    """Also in scripts, tests and functions, where a module that has moved is missed only later."""
    roots = {*PACKAGES, "scripts", "tests"}
    tests = {str(path.relative_to(ROOT)): path for path in (ROOT / "tests").rglob("*.py")}
    missing = []
    for name, path in {**PRODUCT, **SCRIPTS, **tests}.items():
        for node in ast.walk(ast.parse(path.read_text(), str(path))):
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.module:
                modules = [node.module]
            else:
                continue
            for module in modules:
                parts = module.split(".")
                file = ROOT.joinpath(*parts)
                if parts[0] in roots and not (file.is_dir() or file.with_suffix(".py").exists()):
                    missing.append(f"{name}: {module}")
    assert not missing, f"imports of modules that do not exist: {missing}"


def test_entry_points_exist():
    missing = {name for name in ENTRY_POINTS if name not in PRODUCT}
    assert not missing, f"no module {sorted(missing)}: remove it from ENTRY_POINTS"
