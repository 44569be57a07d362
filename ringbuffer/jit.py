"""The one decorator through which every compiled function goes.

Who uses it: every module with jitted code. What it fixes for all of them:

- ``nogil``: a jitted duty cycle runs without the interpreter lock, so helper threads (password
  hashing, logging) go on while it works;
- ``cache``: compiled code is kept on disk, under a key that notices every change that matters
  (``jit_cache.py``);
- ``boundscheck`` is off unless ``NUMBA_BOUNDSCHECK`` is set; such a run gets a cache of its own,
  because numba ignores the variable where a cached build exists.

``NUMBA_DISABLE_JIT=1`` runs everything that does not touch atomics or system calls as plain Python.

Decisions ENG-1, PKG-3 and PKG-5.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, TypeVar, cast

from ringbuffer.jit_cache import cache_directory

Function = TypeVar("Function", bound=Callable[..., Any])

# Must happen before numba is imported for the first time.
os.environ.setdefault("NUMBA_CACHE_DIR", str(cache_directory()))

import numba  # noqa: E402

# numba asks them in this order where a function's machine code is kept
numba.config.CACHE_LOCATOR_CLASSES = "ringbuffer.jit_cache.ContentLocator,UserProvidedCacheLocator"
JIT_DISABLED = bool(numba.config.DISABLE_JIT)


# Leaves out the wrappers for callers in the interpreter and in C: a third of the compile time.
_INTERNAL = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def _compile(function: Function, **options: bool | str) -> Function:
    """What all decorators below share; nothing but the interpreter runs with the JIT disabled."""
    compiled: Any = numba.njit(cache=True, nogil=True, **options)(function)
    if not JIT_DISABLED:
        _forget_literals(compiled)
    return cast(Function, compiled)


def _general(kind: Any) -> Any:
    """The type of a variable that may hold a value of ``kind``: no constant, no IntEnum member."""
    kind = numba.types.unliteral(kind)
    return kind.dtype if isinstance(kind, numba.types.IntEnumMember) else kind


def _forget_literals(compiled: Any) -> None:
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


def jit(function: Function) -> Function:
    """Compile ``function`` in nopython mode, cached, without the interpreter lock."""
    return _compile(function)


def jit_inline(function: Function) -> Function:
    """As ``jit``; the body is inlined by LLVM's own judgement after a hint (``forceinline``)."""
    return _compile(function, forceinline=True)


def jit_internal(function: Function) -> Function:
    """As ``jit``, for callers that are compiled themselves: the interpreter cannot call it.

    For functions whose arguments the interpreter cannot pass (the engine's raw pointers,
    exchange/engine/state/pointers.py) and for what nothing but such functions calls.
    """
    return _compile(function, **_INTERNAL)


def jit_inline_internal(function: Function) -> Function:
    """As ``jit_inline``, for callers that are compiled themselves (see ``jit_internal``)."""
    return _compile(function, forceinline=True, **_INTERNAL)


def jit_merged(function: Function) -> Function:
    """As ``jit_internal``, for the only caller: its body becomes part of it before all else.

    A function that another one calls is optimised again in every module above it. A chain of large
    functions with one caller each is better compiled as one.
    """
    return _compile(function, inline="always", **_INTERNAL)


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
    """As ``jit_borrowed``, for callers that are compiled themselves (see ``jit_internal``)."""
    return _compile(function, _nrt=False, **_INTERNAL)


def jit_borrowed_inline_internal(function: Function) -> Function:
    """As ``jit_borrowed_inline``, for callers that are compiled themselves."""
    return _compile(function, forceinline=True, _nrt=False, **_INTERNAL)
