"""Functions called by address: values of all kinds pass, empty slots are found, keys are stable."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

from ringbuffer.jit import jit
from ringbuffer.jit.cache_key import function_key
from ringbuffer.jit.function_table import FunctionTable

pytestmark = pytest.mark.needs_jit

NAMES = ("add", "both", "is_odd", "store", "unpack")
SLOTS = {f"{__name__}.{name}": slot for slot, name in enumerate(NAMES)}
TABLE = FunctionTable("test", ("first", "second"), SLOTS)


class Pair(NamedTuple):
    left: int
    odd: bool


@TABLE.function
def add(view: Any, left: int, right: int) -> int:
    return left + right


@TABLE.function
def is_odd(view: Any, value: int) -> bool:
    return value & 1 != 0


@TABLE.function
def both(view: Any, value: int) -> tuple[int, int, int]:
    return value, add(view, value, 1), add(view, value, 2)


@TABLE.function
def unpack(view: Any, pair: Pair) -> int:
    return pair.left if pair.odd else -pair.left


@TABLE.function
def store(view: Any, value: int) -> None:
    pass


view_of = TABLE.view_of


@jit
def use(links: np.ndarray, value: int) -> int:
    view = view_of(links)
    store(view, value)
    first, second, third = both(view, value)
    return unpack(view, Pair(first * 10_000 + second * 100 + third, is_odd(view, value)))


@pytest.mark.parametrize("value", [5, 6])
def test_integers_truth_values_tuples_and_named_tuples_pass(value: int) -> None:
    expected = value * 10_000 + (value + 1) * 100 + value + 2
    assert use(TABLE.links(), value) == (expected if value % 2 else -expected)


def test_every_slot_is_filled_before_the_first_call() -> None:
    table = FunctionTable("other", (), {"a.b": 0})
    with pytest.raises(RuntimeError, match=r"other has no function for a\.b"):
        table.links()


def test_a_function_without_a_slot_is_refused() -> None:
    with pytest.raises(KeyError, match="has no slot in the table test"):

        @TABLE.function
        def unknown(view: Any) -> None:
            pass


def test_two_functions_of_one_slot_are_refused() -> None:
    with pytest.raises(AssertionError, match="two functions"):
        FunctionTable("other", (), {"a": 1, "b": 1})


def test_a_parameter_of_another_type_is_refused() -> None:
    table = FunctionTable("other", (), {f"{__name__}.{name}": 0 for name in ("takes_text",)})

    def takes_text(view: Any, text: str) -> None:
        pass

    takes_text.__qualname__ = "takes_text"
    with pytest.raises(TypeError, match="a NamedTuple of these is allowed"):
        table.function(takes_text)


def test_a_callers_key_knows_slot_and_signature_and_not_the_body() -> None:
    def caller_key(body: str, returns: str = "int", slot: int = 3) -> str:
        table = FunctionTable("keys", ("a",), {"somewhere.callee": slot})
        names: dict[str, Any] = {"__name__": "somewhere", "table": table}
        source = f"@table.function\ndef callee(view, x: int) -> {returns}:\n    return {body}\n"
        exec(f"{source}def caller(view):\n    return callee(view, 1)\n", names)
        return function_key(names["caller"], {})

    assert caller_key("x") == caller_key("x + 1")
    assert caller_key("x") != caller_key("x != 0", returns="bool")
    assert caller_key("x") != caller_key("x", slot=4)
