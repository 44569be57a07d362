"""Unaligned loads and stores on byte buffers for jitted code, as LLVM intrinsics.

Who uses it: exchange/gateway/decoder.py and exchange/gateway/encoder.py. ``array`` is a
one-dimensional uint8 array, ``index`` a byte position; the caller guarantees that all bytes of the
access lie inside the array. ``_big`` swaps to and from network byte order; the others keep the
bytes as they lie in memory (little-endian host). With the JIT disabled plain-Python twins do the
same.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ringbuffer.jit import JIT_DISABLED

assert sys.byteorder == "little", "records are little-endian and are used in place"


def _pointer(context: Any, builder: Any, signature: Any, args: Any, bits: int) -> Any:
    array = make_array(signature.args[0])(context, builder, args[0])
    return builder.bitcast(builder.gep(array.data, [args[1]]), ir.IntType(bits).as_pointer())


def _make_load(bits: int, result: Any, swap: bool) -> Any:
    def load(typing_context, array, index):  # type: ignore[no-untyped-def]
        signature = result(array, types.intp)

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            value = builder.load(_pointer(context, builder, signature, args, bits))
            value.align = 1
            return builder.bswap(value) if swap else value

        return signature, codegen

    return intrinsic(load)


def _make_store(bits: int, stored: Any, swap: bool) -> Any:
    def store(typing_context, array, index, value):  # type: ignore[no-untyped-def]
        signature = types.void(array, types.intp, stored)

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            value = builder.bswap(args[2]) if swap else args[2]
            builder.store(value, _pointer(context, builder, signature, args, bits), align=1)
            return context.get_dummy_value()

        return signature, codegen

    return intrinsic(store)


def _python_load(size: int, order: str) -> Any:
    def load(array: Any, index: int) -> int:
        assert index >= 0 and index + size <= array.shape[0]
        return int.from_bytes(bytes(array[index : index + size]), order)  # type: ignore[arg-type]

    return load


def _python_store(size: int, order: str) -> Any:
    def store(array: Any, index: int, value: int) -> None:
        assert index >= 0 and index + size <= array.shape[0]
        whole = int(value) & ((1 << (8 * size)) - 1)
        array[index : index + size] = list(whole.to_bytes(size, order))  # type: ignore[arg-type]

    return store


if JIT_DISABLED:
    load_u16_big = _python_load(2, "big")
    load_u32_big = _python_load(4, "big")
    load_u16 = _python_load(2, "little")
    load_u32 = _python_load(4, "little")
    load_u64 = _python_load(8, "little")
    store_u16_big = _python_store(2, "big")
    store_u32_big = _python_store(4, "big")
    store_u64_big = _python_store(8, "big")
    store_u16 = _python_store(2, "little")
    store_u32 = _python_store(4, "little")
    store_u64 = _python_store(8, "little")
else:
    load_u16_big = _make_load(16, types.uint16, True)
    load_u32_big = _make_load(32, types.uint32, True)
    load_u16 = _make_load(16, types.uint16, False)
    load_u32 = _make_load(32, types.uint32, False)
    load_u64 = _make_load(64, types.uint64, False)
    store_u16_big = _make_store(16, types.uint16, True)
    store_u32_big = _make_store(32, types.uint32, True)
    store_u64_big = _make_store(64, types.uint64, True)
    store_u16 = _make_store(16, types.uint16, False)
    store_u32 = _make_store(32, types.uint32, False)
    store_u64 = _make_store(64, types.uint64, False)
