"""The decorators through which every compiled function goes; each says who may call the function.

Who uses it: every module with jitted code.

    jit                         the interpreter, and compiled functions, which contain it
    jit_inline                  the same; a small function that LLVM inlines
    jit_inline_internal         compiled functions only; a small function that LLVM inlines
    jit_borrowed, jit_borrowed_inline
                                the same for hot loops: arrays are borrowed, not counted
    jit_borrowed_internal, jit_borrowed_inline_internal
                                compiled functions only, which contain it

An internal function has no wrapper for the interpreter, no machine code and no file of its own: it
is compiled as a part of each function that contains it (``libraries.py``). What large functions
have in common, or seldom call, goes through a table of addresses instead (``function_table.py``).

What is fixed for all of them: ``nogil`` (a duty cycle runs without the interpreter lock, so helper
threads go on), machine code kept on disk (``cache.py``), calls with constants share the code for
variables. ``boundscheck`` is off unless ``NUMBA_BOUNDSCHECK`` is set; such code is kept apart.
``NUMBA_DISABLE_JIT=1`` runs everything that touches no atomics or system calls as plain Python.

target.py           for which processor code is compiled
cache.py            where machine code is kept
cache_key.py        what the code of one function depends on
sources.py          what all of it depends on
libraries.py        how much LLVM does for a function
function_table.py   functions that are called by address
inference.py        remembers numba's answers about operators

Decisions ENG-1, PKG-3, PKG-5.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from ringbuffer.jit.target import choose

choose()  # before numba reads its environment

import numba  # noqa: E402
from numba.core import config  # noqa: E402

import ringbuffer.jit.inference  # noqa: E402, F401
from ringbuffer.jit.cache import CodeCache  # noqa: E402
from ringbuffer.jit.libraries import InlinedPipeline  # noqa: E402

Function = TypeVar("Function", bound=Callable[..., Any])

JIT_DISABLED = bool(config.DISABLE_JIT)  # type: ignore[attr-defined]
_INTERNAL: dict[str, Any] = {"no_cpython_wrapper": True, "pipeline_class": InlinedPipeline}


def _compile(function: Function, **options: Any) -> Function:
    """What all decorators below share; nothing but the interpreter runs with the JIT disabled."""
    if JIT_DISABLED:
        return function
    numba_options: dict[str, Any] = {"nogil": True, "no_cfunc_wrapper": True, **options}
    compiled: Any = numba.njit(**numba_options)(function)
    forget_literals(compiled)
    if "no_cpython_wrapper" in options:
        compiled._compile_for_args = _refusal(function)
    else:
        compiled._cache = CodeCache(function, options, linked=True)
    return cast(Function, compiled)


def _refusal(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the interpreter gets that calls a function for compiled callers."""

    def refuse(*args: Any, **kws: Any) -> Any:
        raise TypeError(
            f"{function.__module__}.{function.__qualname__} can only be called by compiled code"
        )

    return refuse


def _general(kind: Any) -> Any:
    """The type of a variable that may hold a value of ``kind``: no constant, no IntEnum member."""
    kind = numba.types.unliteral(kind)
    return kind.dtype if isinstance(kind, numba.types.IntEnumMember) else kind


def forget_literals(compiled: Any) -> None:
    """Let calls with constants share the code that is compiled for variables.

    numba compiles a function anew for every combination of literal arguments in a call: the
    engine's ``write_event`` came out 55 times, and each copy was optimised again in every module
    that links it. LLVM sees the constants after inlining all the same. Members of an IntEnum are
    constants too: they arrive as the integers that they are.
    """
    get_call_template = compiled.get_call_template

    def get_call_template_without_literals(args: Any, kws: Any) -> Any:
        return get_call_template(
            tuple(_general(each) for each in args),
            {name: _general(each) for name, each in kws.items()},
        )

    compiled.get_call_template = get_call_template_without_literals


def compile_for(function: Callable[..., Any], *arguments: Any) -> None:
    """Compile ``function``, or read its code back, for arguments of these types; it does not run.

    Nothing happens with the JIT disabled.
    """
    if not JIT_DISABLED:
        cast(Any, function).compile(tuple(numba.typeof(each) for each in arguments))


def jit(function: Function) -> Function:
    """Compile ``function`` in nopython mode, cached, without the interpreter lock."""
    return _compile(function)


def jit_inline(function: Function) -> Function:
    """As ``jit``; LLVM is told to inline it."""
    return _compile(function, forceinline=True)


def jit_inline_internal(function: Function) -> Function:
    """A small part of the compiled functions that call it; the interpreter cannot call it."""
    return _compile(function, forceinline=True, **_INTERNAL)


def jit_borrowed(function: Function) -> Function:
    """As ``jit`` for hot loops that allocate nothing: arrays are borrowed, not counted.

    Without this numba counts references to every array that an inlined helper touches, which cost
    the gateway's encoder 195 ns a message instead of 13. Such a function, and what it calls, must
    not create an array (views are fine); the caller keeps the arrays alive.
    """
    return _compile(function, _nrt=False)


def jit_borrowed_inline(function: Function) -> Function:
    """As ``jit_inline``, with borrowed arrays (see ``jit_borrowed``)."""
    return _compile(function, forceinline=True, _nrt=False)


def jit_borrowed_internal(function: Function) -> Function:
    """A part of the compiled functions that call it, with borrowed arrays (``jit_borrowed``)."""
    return _compile(function, _nrt=False, **_INTERNAL)


def jit_borrowed_inline_internal(function: Function) -> Function:
    """As ``jit_inline_internal``, with borrowed arrays (see ``jit_borrowed``)."""
    return _compile(function, forceinline=True, _nrt=False, **_INTERNAL)
