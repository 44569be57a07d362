"""Raw words of arrays for the matcher's inner loops: typed pointers, bit tricks, hashes.

Who uses it: only ``exchange/engine``. Why pointers and not arrays: a jitted function that
takes twenty arrays copies a hundred and forty words per call and counts references on each of them;
twenty pointers are twenty words and count nothing. All arithmetic is int64, two's complement.

With the JIT disabled a "pointer" is the array itself and every access is checked against both ends
(numpy alone would let a negative index pass), values are plain Python integers, and ``put`` and
``signed`` wrap them to 64 bits: that leg is the engine's bounds check.

Decision ENG-1.
"""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from ringbuffer.jit import JIT_DISABLED, jit, jit_inline
from ringbuffer.jit.function_table import say_whose, table_of

_POINTER_64 = types.CPointer(types.int64)
MASK_64 = (1 << 64) - 1


@intrinsic
def _words(typing_context, array):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        data = make_array(signature.args[0])(context, builder, args[0]).data
        return builder.bitcast(data, ir.IntType(64).as_pointer())

    return _POINTER_64(array), codegen


@intrinsic
def _plain(typing_context, pointer):  # type: ignore[no-untyped-def]
    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return args[0]

    return _POINTER_64(pointer), codegen


@intrinsic
def _get(typing_context, pointer, index):  # type: ignore[no-untyped-def]
    signature = types.int64(pointer, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        value = builder.load(builder.gep(args[0], [args[1]]))
        say_whose(builder, value, table_of(signature.args[0]))
        return value

    return signature, codegen


@intrinsic
def _put(typing_context, pointer, index, value):  # type: ignore[no-untyped-def]
    signature = types.void(pointer, types.int64, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        pointer, index, value = args
        stored = builder.store(value, builder.gep(pointer, [index]))
        say_whose(builder, stored, table_of(signature.args[0]))
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _get_acquire(typing_context, pointer, index):  # type: ignore[no-untyped-def]
    signature = types.int64(pointer, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.load_atomic(builder.gep(args[0], [args[1]]), "acquire", 8)

    return signature, codegen


@intrinsic
def _touch(typing_context, pointer, index):  # type: ignore[no-untyped-def]
    signature = types.void(pointer, types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        byte = ir.IntType(8).as_pointer()
        int32 = ir.IntType(32)
        target = builder.bitcast(builder.gep(args[0], [args[1]]), byte)
        function_type = ir.FunctionType(ir.VoidType(), [byte, int32, int32, int32])
        function = cgutils.get_or_insert_function(builder.module, function_type, "llvm.prefetch.p0")
        # rw=1 (write), locality=3 (keep in all levels), data cache
        builder.call(function, [target, int32(1), int32(3), int32(1)])
        return context.get_dummy_value()

    return signature, codegen


@intrinsic
def _leading_zeros(typing_context, value):  # type: ignore[no-untyped-def]
    signature = types.int64(types.int64)

    def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
        return builder.ctlz(args[0], ir.Constant(ir.IntType(1), 0))

    return signature, codegen


def _binary(operation: str) -> Any:
    @intrinsic
    def function(typing_context, left, right):  # type: ignore[no-untyped-def]
        signature = types.int64(types.int64, types.int64)

        def codegen(context, builder, signature, args):  # type: ignore[no-untyped-def]
            return getattr(builder, operation)(args[0], args[1])

        return signature, codegen

    return function


_shift_right = _binary("lshr")
_divide = _binary("udiv")
_remainder = _binary("urem")
# Without the "no signed wrap" flag that numba puts on its own arithmetic and LLVM believes.
_multiply = _binary("mul")
_add = _binary("add")

if JIT_DISABLED:

    def words(array: Any) -> Any:
        """The memory of ``array`` (contiguous, any dtype) as 64-bit words."""
        return array.view(np.int64).reshape(-1)

    def signed(value: int) -> int:
        """``value`` wrapped to 64 bits, two's complement."""
        value &= MASK_64
        return value - MASK_64 - 1 if value > MASK_64 >> 1 else value

    def get(pointer: Any, index: int) -> int:
        """The word at ``index``."""
        assert 0 <= index < pointer.shape[0], (index, pointer.shape)
        return int(pointer[index])

    def put(pointer: Any, index: int, value: int) -> None:
        """Store the low 64 bits of ``value`` at ``index``."""
        assert 0 <= index < pointer.shape[0], (index, pointer.shape)
        pointer[index] = signed(int(value))

    def get_acquire(pointer: Any, index: int) -> int:
        return get(pointer, index)

    def touch(pointer: Any, index: int) -> None:
        """Hint that the cache line of ``index`` is needed soon; ``index`` must be within."""
        assert 0 <= index < pointer.shape[0], (index, pointer.shape)

    def top_bit(value: int) -> int:
        """Number of the highest set bit; -1 for 0."""
        return (value & MASK_64).bit_length() - 1

    def shift_right(value: int, count: int) -> int:
        """Logical shift of the 64-bit pattern."""
        return (value & MASK_64) >> count

    def divide(value: int, divisor: int) -> int:
        """Quotient of two non-negative numbers, ``divisor`` positive."""
        return value // divisor

    def remainder(value: int, divisor: int) -> int:
        """Remainder of two non-negative numbers, ``divisor`` positive."""
        return value % divisor

    def multiply(left: int, right: int) -> int:
        """Product modulo 2^64, as a signed number."""
        return signed(int(left) * int(right))

    def add(left: int, right: int) -> int:
        """Sum modulo 2^64, as a signed number."""
        return signed(left + right)

    def as_array(pointer: Any, length: int) -> Any:
        """The first ``length`` words as an array again."""
        return pointer[:length]

else:
    words = _words
    get = _get
    put = _put
    get_acquire = _get_acquire
    touch = _touch
    shift_right = _shift_right
    divide = _divide
    remainder = _remainder
    multiply = _multiply
    add = _add

    @jit_inline
    def signed(value: int) -> int:
        return value

    @jit_inline
    def top_bit(value: int) -> int:
        return 63 - _leading_zeros(value)

    @jit_inline
    def as_array(pointer: Any, length: int) -> Any:
        return carray(_plain(pointer), (length,))


if JIT_DISABLED:

    def pause_us(duration_us: int) -> None:
        """Let others run while the event ring is full."""
        time.sleep(duration_us / 1e6)

else:
    from ringbuffer.system_calls import usleep

    @jit
    def pause_us(duration_us: int) -> None:
        usleep(np.uint32(duration_us))
