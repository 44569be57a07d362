"""The map: each package's docstring names all that is in the package, and nothing else.

Decision ARC-10.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = [
    path.parent
    for root in ("ringbuffer", "journal", "exchange", "replay")
    for path in sorted((ROOT / root).rglob("__init__.py"))
]
# an entry: the name of a module or a folder, spaces, a phrase
ENTRY = re.compile(r"^ {0,4}(\w+(?:\.py|/)) +\S", re.MULTILINE)


def entries(package: Path) -> list[str]:
    docstring = ast.get_docstring(ast.parse((package / "__init__.py").read_text()), clean=False)
    assert docstring, f"{package.relative_to(ROOT)}/__init__.py has no docstring"
    return ENTRY.findall(docstring)


def contents(package: Path) -> set[str]:
    """The modules and packages of ``package``."""
    modules = {path.name for path in package.glob("*.py") if path.name != "__init__.py"}
    return modules | {f"{path.parent.name}/" for path in package.glob("*/__init__.py")}


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_lists_what_is_in_it(package: Path) -> None:
    listed = entries(package)
    assert len(listed) == len(set(listed)), "listed twice"
    missing = contents(package) - set(listed)
    assert not missing, f"not in the docstring of {package.name}/__init__.py: {sorted(missing)}"
    gone = [name for name in listed if not (package / name).exists()]
    assert not gone, f"{package.name}/__init__.py lists what does not exist: {gone}"


def test_the_map_of_the_exchange_follows_the_flow() -> None:
    """Whoever reads it meets a client's command before the matcher, and that before the answers."""
    listed = entries(ROOT / "exchange")
    flow = ["daemon/", "stages/", "gateway/", "engine/", "read_model/", "store/"]
    assert [name for name in listed if name in flow] == flow
