"""Asking for memory before it is needed: what a batch of events will touch, a few events ahead.

Who uses it: the loop in ``apply.py``. Orders lie all over a memory that is much larger than the
processor's caches; following one event after the other would wait for each of them. Three looks
ahead turn that into waiting for many at a time: at the index, at the order that it names, at what
that order names. They change nothing and need not be right: an order that is not found, or is not
the one, costs only what it costs.

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
from exchange.read_model.accounts.kernel.lists import order_bucket, token_bucket
from exchange.read_model.accounts.kernel.words import field_of, high, low
from exchange.read_model.accounts.layout import (
    ORDER_OPEN_LINKS,
    ORDER_POSITION,
)
from exchange.records import (
    EVENT_CONTRA_ORDER_ID,
    EVENT_KIND,
    EVENT_ORDER_ID,
    EVENT_SESSION,
    EVENT_TOKEN_0,
    EVENT_TOKEN_TAIL,
    EVENT_WORDS,
)
from ringbuffer.jit import JIT_DISABLED, jit_borrowed_inline_internal, jit_borrowed_internal

_LINE_WORDS = 8  # of a cache line

if JIT_DISABLED:

    def _ask_for(memory: np.ndarray, at: int) -> None:
        """Hint that the cache line of word ``at`` is needed soon."""

else:

    @intrinsic
    def _ask_for(typing_context, array, index):  # type: ignore[no-untyped-def]
        signature = types.void(array, types.int64)

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = make_array(signature.args[0])(context, builder, args[0])  # type: ignore[no-untyped-call]
            byte, int32 = ir.IntType(8).as_pointer(), ir.IntType(32)
            target = builder.bitcast(builder.gep(array.data, [args[1]]), byte)
            function_type = ir.FunctionType(ir.VoidType(), [byte, int32, int32, int32])
            function = cgutils.get_or_insert_function(  # type: ignore[no-untyped-call]
                builder.module, function_type, "llvm.prefetch.p0"
            )
            # rw=1 (write), locality=3 (keep in all levels), data cache
            builder.call(function, [target, int32(1), int32(3), int32(1)])
            return context.get_dummy_value()

        return signature, codegen


@jit_borrowed_inline_internal
def _ask_for_order(memory: np.ndarray, order: int) -> None:
    """The two cache lines of an order that fills and cancels touch."""
    if order != 0:
        _ask_for(memory, order)
        _ask_for(memory, order + _LINE_WORDS)


@jit_borrowed_inline_internal
def _ask_for_named(memory: np.ndarray, order: int) -> None:
    """The records that an order names: its position, its neighbours in the list of open orders."""
    if order != 0:
        position = memory[order + ORDER_POSITION]
        _ask_for(memory, position)
        _ask_for(memory, position + _LINE_WORDS)
        links = memory[order + ORDER_OPEN_LINKS]
        _ask_for(memory, low(links) + ORDER_OPEN_LINKS)
        _ask_for(memory, high(links) + ORDER_OPEN_LINKS)


@jit_borrowed_inline_internal
def _bucket_of(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """Address of the order index's word for the order that ``event`` is about."""
    return order_bucket(memory, field_of(events, event, EVENT_ORDER_ID))


@jit_borrowed_inline_internal
def _contra_bucket_of(memory: np.ndarray, events: np.ndarray, event: int) -> int:
    """As ``_bucket_of`` for the other order of a trade."""
    return order_bucket(memory, field_of(events, event, EVENT_CONTRA_ORDER_ID))


@jit_borrowed_internal
def look_ahead(memory: np.ndarray, events: np.ndarray, first: int, end: int) -> None:
    """Ask for what the events from word ``first`` to before word ``end`` will touch."""
    for event in range(first, end, EVENT_WORDS):
        kind = field_of(events, event, EVENT_KIND)
        if kind == EventKind.TRADE:
            _ask_for(memory, _bucket_of(memory, events, event))
            _ask_for(memory, _contra_bucket_of(memory, events, event))
        elif kind in (EventKind.ACCEPTED, EventKind.REJECTED, EventKind.REPLACED):
            session = field_of(events, event, EVENT_SESSION)
            token_0 = field_of(events, event, EVENT_TOKEN_0)
            token_1 = field_of(events, event, EVENT_TOKEN_TAIL)
            _ask_for(memory, token_bucket(memory, session, token_0, token_1))
        else:
            _ask_for(memory, _bucket_of(memory, events, event))
    for event in range(first, end, EVENT_WORDS):
        kind = field_of(events, event, EVENT_KIND)
        if kind == EventKind.TRADE:
            _ask_for_order(memory, memory[_bucket_of(memory, events, event)])
            _ask_for_order(memory, memory[_contra_bucket_of(memory, events, event)])
        elif kind == EventKind.CANCELED:
            _ask_for_order(memory, memory[_bucket_of(memory, events, event)])
    for event in range(first, end, EVENT_WORDS):
        kind = field_of(events, event, EVENT_KIND)
        if kind in (EventKind.TRADE, EventKind.CANCELED):
            _ask_for_named(memory, memory[_bucket_of(memory, events, event)])
