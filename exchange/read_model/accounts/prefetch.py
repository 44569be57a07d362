"""Asking for memory before it is needed: what a batch of events will touch, a few events ahead.

Who uses it: the loop in ``accounts_apply.py``. Orders lie all over a memory that is much larger
than the processor's caches; following one event after the other would wait for each of them. Three
looks ahead turn that into waiting for many at a time: at the index, at the order that it names, at
what that order names. They change nothing and need not be right: an order that is not found, or is
not the one, costs only what it costs.

Decision RDM-3.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import make_array

from exchange.codes import EventKind
from exchange.read_model.accounts.layout import (
    BYTE,
    E_CONTRA_ORDER_ID,
    E_ORDER_ID,
    E_TOKEN_0,
    E_TOKEN_1,
    E_WHAT,
    EVENT_KIND_SHIFT,
    EVENT_WORDS,
    H_ORDER_INDEX,
    H_ORDER_MASK,
    O_OPEN_LINKS,
    O_POSITION,
    SHORT,
    TOKEN_TAIL,
)
from exchange.read_model.accounts.lists import high, low, token_bucket
from ringbuffer.jit import JIT_DISABLED, jit_borrowed, jit_borrowed_inline

_ACCEPTED = int(EventKind.ACCEPTED)
_REJECTED = int(EventKind.REJECTED)
_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_TRADE = int(EventKind.TRADE)
_LINE_WORDS = 8

if JIT_DISABLED:

    def _touch(m: np.ndarray, at: int) -> None:
        """Hint that the cache line of word ``at`` is needed soon."""

else:

    @intrinsic
    def _touch(typing_context, array, index):  # type: ignore[no-untyped-def]
        signature = types.void(array, types.int64)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = make_array(signature.args[0])(context, builder, args[0])
            byte, int32 = ir.IntType(8).as_pointer(), ir.IntType(32)
            target = builder.bitcast(builder.gep(array.data, [args[1]]), byte)
            function_type = ir.FunctionType(ir.VoidType(), [byte, int32, int32, int32])
            function = cgutils.get_or_insert_function(
                builder.module, function_type, "llvm.prefetch.p0"
            )
            # rw=1 (write), locality=3 (keep in all levels), data cache
            builder.call(function, [target, int32(1), int32(3), int32(1)])
            return context.get_dummy_value()

        return signature, codegen


@jit_borrowed_inline
def _bucket(m: np.ndarray, order_id: int) -> int:
    return m[H_ORDER_INDEX] + (order_id & m[H_ORDER_MASK])


@jit_borrowed_inline
def _touch_order(m: np.ndarray, at: int) -> None:
    if at != 0:
        _touch(m, at)
        _touch(m, at + _LINE_WORDS)


@jit_borrowed_inline
def _touch_named(m: np.ndarray, at: int) -> None:
    """What an order names: its position, and its neighbours if it is about to leave their list."""
    if at != 0:
        position = m[at + O_POSITION]
        _touch(m, position)
        _touch(m, position + _LINE_WORDS)
        links = m[at + O_OPEN_LINKS]
        _touch(m, low(links) + O_OPEN_LINKS)
        _touch(m, high(links) + O_OPEN_LINKS)


@jit_borrowed
def look_ahead(m: np.ndarray, e: np.ndarray, first: int, end: int) -> None:
    """Ask for what the events ``first`` to ``end`` (word positions) will touch."""
    for i in range(first, end, EVENT_WORDS):
        kind = (e[i + E_WHAT] >> EVENT_KIND_SHIFT) & BYTE
        if kind == _TRADE:
            _touch(m, _bucket(m, e[i + E_ORDER_ID]))
            _touch(m, _bucket(m, e[i + E_CONTRA_ORDER_ID]))
        elif kind in (_ACCEPTED, _REJECTED, _REPLACED):
            session = e[i + E_WHAT] & SHORT
            _touch(m, token_bucket(m, session, e[i + E_TOKEN_0], e[i + E_TOKEN_1] & TOKEN_TAIL))
        else:
            _touch(m, _bucket(m, e[i + E_ORDER_ID]))
    for i in range(first, end, EVENT_WORDS):
        kind = (e[i + E_WHAT] >> EVENT_KIND_SHIFT) & BYTE
        if kind == _TRADE:
            _touch_order(m, m[_bucket(m, e[i + E_ORDER_ID])])
            _touch_order(m, m[_bucket(m, e[i + E_CONTRA_ORDER_ID])])
        elif kind == _CANCELED:
            _touch_order(m, m[_bucket(m, e[i + E_ORDER_ID])])
    for i in range(first, end, EVENT_WORDS):
        kind = (e[i + E_WHAT] >> EVENT_KIND_SHIFT) & BYTE
        if kind in (_TRADE, _CANCELED):
            _touch_named(m, m[_bucket(m, e[i + E_ORDER_ID])])
