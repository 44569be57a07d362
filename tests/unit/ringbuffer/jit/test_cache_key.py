"""The key of a function changes with what its machine code depends on, and with nothing else."""

from __future__ import annotations

import types
from enum import IntEnum
from typing import Any

import numpy as np
import pytest

from ringbuffer.jit.cache_key import NotDescribable, function_key

OTHERS = "def helper(x):\n    return x + STEP\n"
BODY = "def work(x):\n    return helper(x) * FACTOR\n"


def made(source: str, **values: Any) -> types.FunctionType:
    """Function ``work`` of ``source``, whose module has the global ``values``."""
    names: dict[str, Any] = {"__name__": "somewhere", **values}
    exec(source, names)
    work = names["work"]
    assert isinstance(work, types.FunctionType)
    return work


def key(source: str, options: dict[str, Any] | None = None, **values: Any) -> str:
    return function_key(made(source, **values), options or {})


def test_comments_docstrings_and_lines_do_not_count() -> None:
    moved = f"# a comment\n\n\n{BODY}".replace(":\n", ":\n    'What it does.'\n")
    other = BODY.replace(":\n", ":\n    'Something else.'\n")
    values = {"helper": len, "FACTOR": 3}
    assert key(moved, **values) == key(other, **values)


@pytest.mark.parametrize(
    "change",
    [
        {"body": BODY.replace("*", "-")},
        {"FACTOR": 4},
        {"STEP": 2},
        {"others": OTHERS.replace("+", "-")},
        {"options": {"_nrt": False}},
    ],
    ids=lambda change: next(iter(change)),
)
def test_code_constants_callees_and_options_count(change: dict[str, Any]) -> None:
    def of(body: str = BODY, others: str = OTHERS, options: Any = None, **values: Any) -> str:
        return key(others + body, options, **({"FACTOR": 3, "STEP": 1} | values))

    assert of(**change) != of()
    assert of() == of()


def test_what_a_function_does_not_use_does_not_count() -> None:
    assert key(OTHERS + BODY, FACTOR=3, STEP=1, UNUSED=1) == key(OTHERS + BODY, FACTOR=3, STEP=1)


class Colour(IntEnum):
    RED = 1


class Shade(IntEnum):
    RED = 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Colour, Shade),
        (Colour.RED, Shade.RED),
        (np.dtype([("a", "<i8")]), np.dtype([("a", "<i4")])),
        (np.arange(3), np.arange(1, 4)),
        ((1, 2), (2, 1)),
        (1, True),
        (1, 1.0),
        ({"a": 1}, {"a": 2}),
    ],
)
def test_values_of_every_kind_count(one: Any, other: Any) -> None:
    body = "def work(x):\n    return FACTOR\n"
    assert key(body, FACTOR=one) == key(body, FACTOR=one)
    assert key(body, FACTOR=one) != key(body, FACTOR=other)


def test_functions_that_call_each_other_have_a_key() -> None:
    both = "def helper(x):\n    return work(x)\n" + BODY
    assert key(both, FACTOR=1) != key(both, FACTOR=2)


def test_a_global_that_cannot_be_described_is_named() -> None:
    with pytest.raises(NotDescribable, match=r"somewhere\.work: .*object"):
        key("def work(x):\n    return FACTOR\n", FACTOR=object())
