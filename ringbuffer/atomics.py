"""Atomic loads and stores, fences and pause, as LLVM intrinsics for jitted code.

Every load and store works on a one-dimensional int64 array (a cursor array in shared memory) and an
index. With the JIT disabled the plain-Python twins below are used: correct within one process only.
What each one orders stands in its docstring; each caller says which of its own reads and writes
need that.
"""

from __future__ import annotations

import platform
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ringbuffer.jit import JIT_DISABLED, jit_borrowed_inline


def _element_pointer(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    array = make_array(signature.args[0])(context, builder, args[0])
    return builder.gep(array.data, [args[1]])


@intrinsic
def _load_acquire(typing_context, array, index):  # type: ignore[no-untyped-def]
    signature = types.int64(array, types.intp)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _element_pointer(context, builder, signature, args)
        return builder.load_atomic(pointer, "acquire", 8)

    return signature, codegen


@intrinsic
def _store_release(typing_context, array, index, value):  # type: ignore[no-untyped-def]
    """Loads and stores before it are done before it; a *load* after it may be done earlier."""
    signature = types.void(array, types.intp, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _element_pointer(context, builder, signature, args)
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _fence(typing_context):  # type: ignore[no-untyped-def]
    """Full fence: loads and stores before it are done before loads and stores after it.

    The only one that orders a store before a later load (mfence on x86-64, some tens of cycles).
    """
    signature = types.void()

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.fence("seq_cst")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _fence_acquire(typing_context):  # type: ignore[no-untyped-def]
    """Loads before it are done before loads and stores after it. Costs nothing on x86-64."""
    signature = types.void()

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.fence("acquire")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _fence_release(typing_context):  # type: ignore[no-untyped-def]
    """Loads and stores before it are done before stores after it. Costs nothing on x86-64."""
    signature = types.void()

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        builder.fence("release")
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _pause(typing_context):  # type: ignore[no-untyped-def]
    """Hint in a spin loop: leaves the pipeline to others for tens of cycles. Orders nothing."""
    signature = types.void()

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        machine = platform.machine()
        void = ir.VoidType()
        if machine in ("x86_64", "AMD64"):
            hint = ir.FunctionType(void, [])
            name = "llvm.x86.sse2.pause"
            builder.call(cgutils.get_or_insert_function(builder.module, hint, name), [])
        elif machine in ("aarch64", "arm64"):
            hint = ir.FunctionType(void, [ir.IntType(32)])
            name = "llvm.aarch64.hint"
            function = cgutils.get_or_insert_function(builder.module, hint, name)
            builder.call(function, [ir.IntType(32)(1)])  # 1 = YIELD
        return context.get_dummy_value()

    return signature, codegen


if JIT_DISABLED:

    def _load(array: Any, index: int) -> int:
        return int(array[index])

    def store_release(array: Any, index: int, value: int) -> None:
        array[index] = value

    def fence() -> None:
        return None

    def fence_acquire() -> None:
        return None

    def fence_release() -> None:
        return None

    def pause() -> None:
        return None

else:
    _load = _load_acquire
    store_release = _store_release
    fence = _fence
    fence_acquire = _fence_acquire
    fence_release = _fence_release
    pause = _pause


@jit_borrowed_inline
def load_acquire(array: np.ndarray, index: int) -> int:
    """Load ``array[index]``: loads and stores after it are done after it.

    What the writer did before it stored this value with ``store_release`` is visible to them. The
    only one of these functions that the interpreter may call too, for every word of shared memory
    that another process writes: reading ``array[index]`` there has no order that the language
    promises.
    """
    return _load(array, index)
