"""Strict TOML: every error names file, line, section and key, and says what is allowed."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

import pytest
from msgspec import Meta, field

from exchange.errors import ConfigurationError
from exchange.settings.sections import Section
from exchange.settings.toml_file import convert, problem, read_toml
from tests.harness.files import written


class Row(Section, frozen=True, kw_only=True):
    id: Annotated[int, Meta(ge=1, le=9)]
    price: Decimal | None = None
    colour: Literal["red", "blue"] = "red"


class File(Section, frozen=True, kw_only=True):
    row: list[Row] = field(default_factory=list)


def decoded(directory: Path, text: str) -> File:
    path = written(directory, "f.toml", text)
    return convert(path, *read_toml(path), File)


def test_numbers_with_a_point_are_exact(tmp_path: Path) -> None:
    (row,) = decoded(tmp_path, "[[row]]\nid = 1\nprice = 0.1\n").row
    assert row.price == Decimal("0.1")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[[row]]\nid = 10\n", "f.toml:2: [[row]] number 1: id: must be an integer from 1 to 9"),
        ("[[row]]\nid = 1\n[[row]]\n\nid = 0", "f.toml:5: [[row]] number 2: id: must be"),
        ("[[row]]\nid = 1\n[[row]]\n", "f.toml:3: [[row]] number 2: id: missing; must be"),
        ("[[row]]\nid = 1\nprise = 2", "f.toml:3: [[row]] number 1: prise: unknown key; did you"),
        ("[[row]]\nid = 1\ncolour = 3", 'colour: must be one of "blue", "red"'),
        ('[[row]]\nid = 1\nprice = "x"', "price: must be a number, not 'x'"),
        ("row = 3", "f.toml:1: top level: row: must be a list"),
        ("[[row]\nid = 1", "f.toml: is not TOML"),
    ],
)
def test_errors(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        decoded(tmp_path, text)
    assert expected in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_toml(tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = '\xe9'")
    with pytest.raises(ConfigurationError, match="is not UTF-8"):
        read_toml(tmp_path / "latin.toml")


def test_a_problem_that_no_line_has_names_the_section(tmp_path: Path) -> None:
    error = problem(Path("f.toml"), "[a]\nb = 1\n", "a", "c", "missing")
    assert str(error) == "f.toml:1: [a]: c: missing"
    error = problem(Path("f.toml"), "", "z", "c", "missing")
    assert str(error) == "f.toml: [z]: c: missing"
