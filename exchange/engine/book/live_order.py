"""What is asked of a live order in more than one place: its account, what it hides, what it traded.

``slot``: the order's. Its plain fields are read through exchange/engine/state/rows.py.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import ORDER_HAS_EXECUTED, ORDER_ICEBERG
from exchange.engine.state.rows import (
    order_executed,
    order_flags,
    order_hidden,
    order_open,
    order_session,
    session_account,
    set_order_executed,
    set_order_flags,
)
from ringbuffer.jit import jit_inline_internal


@jit_inline_internal
def account_of_order(view: Any, slot: int) -> int:
    return session_account(view, order_session(view, slot))


@jit_inline_internal
def hidden_of(view: Any, slot: int) -> int:
    """What an iceberg has behind the part that its level shows; 0 for all others."""
    if order_flags(view, slot) & ORDER_ICEBERG:
        return order_hidden(view, slot)
    return 0


@jit_inline_internal
def whole_open(view: Any, slot: int) -> int:
    """The order's open quantity, shown and hidden."""
    return order_open(view, slot) + hidden_of(view, slot)


@jit_inline_internal
def executed_of(view: Any, slot: int) -> int:
    """What the order's whole replace chain has traded."""
    if order_flags(view, slot) & ORDER_HAS_EXECUTED:
        return order_executed(view, slot)
    return 0


@jit_inline_internal
def add_executed(view: Any, slot: int, quantity: int) -> None:
    """The order in ``slot`` has traded ``quantity`` more and lives on."""
    flags = order_flags(view, slot)
    if flags & ORDER_HAS_EXECUTED:
        quantity += order_executed(view, slot)
    else:
        set_order_flags(view, slot, flags | ORDER_HAS_EXECUTED)
    set_order_executed(view, slot, quantity)
