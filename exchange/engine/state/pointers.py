"""The state, the rings and the cursors of one call of the matcher, as raw pointers.

Who makes it: ``apply_commands``, once a call. Who uses it: every function of the engine, as ``v``.
A name ending in ``_half`` is the same memory seen as 32-bit halves.

Decision ENG-1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from exchange.engine.state.memory import halves, words
from ringbuffer.jit import jit_inline


class View(NamedTuple):
    """Typed pointers (with the JIT disabled: flat arrays) to everything a command may touch."""

    scalars: Any
    orders: Any
    orders_half: Any
    orders_cold: Any
    orders_cold_half: Any
    instruments: Any
    instruments_half: Any
    books: Any
    levels: Any
    levels_half: Any
    leaves: Any
    nodes: Any
    nodes_half: Any
    leaf_cache: Any
    sessions: Any
    sessions_half: Any
    accounts: Any
    accounts_half: Any
    positions: Any
    currencies: Any
    breakers: Any
    keys: Any
    selection: Any
    token_index: Any
    token_log: Any
    order_ids: Any
    expiry_wheel: Any
    expiry_wheel_half: Any
    expiry_bits: Any
    chain: Any
    scratch: Any
    commands: Any
    events: Any
    cursors: Any
    wakeups: Any


@jit_inline
def make_view(state: Any, commands: Any, events: Any, cursors: Any, wakeups: Any) -> Any:
    """Pointers into ``state`` (EngineState), the two rings, the cursors and the eventfds."""
    return View(
        words(state.scalars),
        words(state.orders),
        halves(state.orders),
        words(state.orders_cold),
        halves(state.orders_cold),
        words(state.instruments),
        halves(state.instruments),
        words(state.books),
        words(state.levels),
        halves(state.levels),
        words(state.leaves),
        words(state.nodes),
        halves(state.nodes),
        words(state.leaf_cache),
        words(state.sessions),
        halves(state.sessions),
        words(state.accounts),
        halves(state.accounts),
        words(state.positions),
        words(state.currencies),
        words(state.breakers),
        words(state.keys),
        words(state.selection),
        words(state.token_index),
        words(state.token_log),
        words(state.order_ids),
        words(state.expiry_wheel),
        halves(state.expiry_wheel),
        words(state.expiry_bits),
        words(state.chain),
        words(state.scratch),
        words(commands),
        words(events),
        words(cursors),
        words(wakeups),
    )
