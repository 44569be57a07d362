"""The compiler's stamp depends on every module whose constants can be in machine code."""

from __future__ import annotations

import ast

import pytest

from ringbuffer.jit.sources import ROOT, SOURCE_PACKAGES, compiled_modules


def _path_of(name: str) -> str:
    path = ROOT.joinpath(*name.split("."))
    return str(path / "__init__.py" if path.is_dir() else path.with_suffix(".py"))


def _imports(source: bytes) -> set[str]:
    """Absolute names that the source imports, by the language's own parser."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module is not None
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return {name for name in found if name.split(".")[0] in SOURCE_PACKAGES}


def test_the_matchers_rules_and_their_numbers_are_in_it() -> None:
    found = compiled_modules()
    assert {
        "exchange.engine.matcher",
        "exchange.codes",
        "exchange.records",
        "ringbuffer.jit",
    } <= set(found)


@pytest.mark.parametrize("name", sorted(compiled_modules()))
def test_what_a_compiled_module_imports_is_in_it_too(name: str) -> None:
    found = compiled_modules()
    missing = {
        imported
        for imported in _imports(found[name])
        if imported not in found and ROOT.joinpath(_path_of(imported)).exists()
    }
    assert not missing


def test_every_module_with_a_decorated_function_is_in_it() -> None:
    found = compiled_modules()
    for package in SOURCE_PACKAGES:
        for path in (ROOT / package).rglob("*.py"):
            tree = ast.parse(path.read_bytes())
            decorators = {
                decorator.id
                for node in ast.walk(tree)
                if isinstance(node, ast.FunctionDef)
                for decorator in node.decorator_list
                if isinstance(decorator, ast.Name)
            }
            if decorators & {"jit", "jit_inline", "jit_borrowed", "intrinsic", "njit"}:
                name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
                assert name in found, f"{name} compiles and does not count"


def test_a_module_that_only_serves_people_is_not() -> None:
    assert (ROOT / "exchange" / "cli.py").exists()
    assert "exchange.cli" not in compiled_modules()
