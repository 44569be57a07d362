"""The compiler's decorators: what calls share one compiled form, and who can call."""

from __future__ import annotations

from enum import IntEnum
from typing import Any

import pytest

from ringbuffer.jit import JIT_DISABLED, jit, jit_borrowed_internal, jit_inline_internal


class Colour(IntEnum):
    RED = 3
    GREEN = 4


@jit
def doubled(number: int) -> int:
    return number * 2


@jit_inline_internal
def _tripled(number: int) -> int:
    return number * 3


@jit_borrowed_internal
def _is_red(colour: int) -> bool:
    return colour == Colour.RED


@jit
def use_everything(number: int) -> int:
    colour = Colour.RED if number > 0 else Colour.GREEN
    total = doubled(1) + doubled(number) + doubled(Colour.GREEN) + _tripled(colour)
    return total + 1000 if _is_red(colour) and _is_red(3) else total


def test_constants_and_enum_members_arrive_as_integers() -> None:
    assert use_everything(5) == 2 + 10 + 8 + 9 + 1000
    assert use_everything(-5) == 2 - 10 + 8 + 12


@pytest.mark.skipif(JIT_DISABLED, reason="about compiled functions")
def test_one_function_is_compiled_once() -> None:
    compiled: Any = doubled
    caller: Any = use_everything
    use_everything(1)
    caller.recompile()  # where the cache had it, what it calls was not asked for
    assert len(compiled.signatures) == 1


@pytest.mark.skipif(JIT_DISABLED, reason="about compiled functions")
def test_an_internal_function_has_no_way_in_for_the_interpreter() -> None:
    internal: Any = _is_red
    assert internal.targetoptions["no_cpython_wrapper"]
    assert internal.targetoptions["no_cfunc_wrapper"]
    use_everything(1)
    with pytest.raises(TypeError):
        internal(3)


@pytest.mark.skipif(JIT_DISABLED, reason="about compiled functions")
def test_the_interpreter_is_told_which_function_it_cannot_call() -> None:
    @jit_inline_internal
    def never_compiled(number: int) -> int:
        return number

    with pytest.raises(TypeError, match="never_compiled can only be called by compiled code"):
        never_compiled(3)
