"""Atomic loads and stores, fences, prefetch and pause for jitted code, as LLVM intrinsics.

Every function works on a one-dimensional int64 array (a cursor array in shared memory) and an
index. With the JIT disabled the plain-Python twins below are used: correct within one process only.
"""

from __future__ import annotations

import platform
from typing import Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ringbuffer.jit import JIT_DISABLED


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
    signature = types.void(array, types.intp, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer = _element_pointer(context, builder, signature, args)
        builder.store_atomic(args[2], pointer, "release", 8)
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _fence(typing_context):  # type: ignore[no-untyped-def]
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
    """Hint in a spin loop: leaves the pipeline to others for some tens of cycles."""
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


@intrinsic
def _prefetch(typing_context, array, index):  # type: ignore[no-untyped-def]
    """Hint: the element at ``index`` of a one-dimensional array will be read and written soon."""
    signature = types.void(array, types.intp)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        array_type = signature.args[0]
        array = make_array(array_type)(context, builder, args[0])
        byte = ir.IntType(8).as_pointer()
        base = builder.bitcast(array.data, byte)
        stride = builder.extract_value(array.strides, 0)
        pointer = builder.gep(base, [builder.mul(args[1], stride)])
        int32 = ir.IntType(32)
        function_type = ir.FunctionType(ir.VoidType(), [byte, int32, int32, int32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        # rw=1 (write), locality=3 (keep in all levels), data cache
        builder.call(function, [pointer, int32(1), int32(3), int32(1)])
        return context.get_dummy_value()

    return signature, codegen


if JIT_DISABLED:

    def load_acquire(array: Any, index: int) -> int:
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

    def prefetch(array: Any, index: int) -> None:
        return None

else:
    load_acquire = _load_acquire
    store_release = _store_release
    fence = _fence
    fence_acquire = _fence_acquire
    fence_release = _fence_release
    pause = _pause
    prefetch = _prefetch
