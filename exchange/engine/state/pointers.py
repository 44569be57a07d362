"""The state, the rings and the cursors of one call of the matcher, as raw pointers.

Who makes it: ``apply_commands``, once a call. Who uses it: every function of the engine, as
``view``, most of them through rows.py and commands.py.

Decision ENG-1.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from exchange.engine.state.functions import ENGINE
from exchange.engine.state.memory import words
from ringbuffer.jit import JIT_DISABLED, jit_inline_internal

view_of = ENGINE.view_of
set_address = ENGINE.set_address


class Rings(NamedTuple):
    """What the matcher reads and writes beside its state.

    ``commands``: COMMAND[n], n a power of two; command s is at ``s & (n - 1)``.
    ``events``: EVENT[m], m a power of two of at least 2; event e goes to
    ``(e - event_base) & (m - 1)``, once ``cursors[EVENT_RELEASED] > e - m + 1``.
    ``cursors``: int64[CURSOR_WORDS]. ``wakeups``: int64[AGENTS], eventfds by agent, -1 = none.
    ``links``: int64, from ``make_links``; where a call puts its addresses.
    """

    commands: np.ndarray
    events: np.ndarray
    event_base: int
    cursors: np.ndarray
    wakeups: np.ndarray
    links: np.ndarray


class View(NamedTuple):
    """Typed pointers (with the JIT disabled: flat arrays) to everything a command may touch."""

    scalars: Any
    orders: Any
    orders_cold: Any
    instruments: Any
    books: Any
    levels: Any
    leaves: Any
    nodes: Any
    leaf_cache: Any
    sessions: Any
    accounts: Any
    positions: Any
    currencies: Any
    breakers: Any
    keys: Any
    selection: Any
    token_index: Any
    token_log: Any
    order_ids: Any
    expiry_wheel: Any
    expiry_bits: Any
    chain: Any
    scratch: Any
    commands: Any
    events: Any
    cursors: Any
    wakeups: Any


if JIT_DISABLED:

    def make_links() -> np.ndarray:
        """Nothing is called by address: an empty block."""
        return np.zeros(0, np.int64)

    def make_view(state: Any, rings: Any) -> Any:
        """Pointers into ``state`` (EngineState) and ``rings`` (Rings)."""
        return View(
            words(state.scalars),
            words(state.orders),
            words(state.orders_cold),
            words(state.instruments),
            words(state.books),
            words(state.levels),
            words(state.leaves),
            words(state.nodes),
            words(state.leaf_cache),
            words(state.sessions),
            words(state.accounts),
            words(state.positions),
            words(state.currencies),
            words(state.breakers),
            words(state.keys),
            words(state.selection),
            words(state.token_index),
            words(state.token_log),
            words(state.order_ids),
            words(state.expiry_wheel),
            words(state.expiry_bits),
            words(state.chain),
            words(state.scratch),
            words(rings.commands),
            words(rings.events),
            words(rings.cursors),
            words(rings.wakeups),
        )

else:

    def make_links() -> np.ndarray:
        """Where a call of the matcher puts its addresses; every engine function is compiled."""
        return ENGINE.links()

    @jit_inline_internal
    def make_view(state: Any, rings: Any) -> Any:
        """The pointer to ``rings.links``, after the addresses of all arrays were put there."""
        view = view_of(rings.links)
        set_address(view, 0, state.scalars)
        set_address(view, 1, state.orders)
        set_address(view, 2, state.orders_cold)
        set_address(view, 3, state.instruments)
        set_address(view, 4, state.books)
        set_address(view, 5, state.levels)
        set_address(view, 6, state.leaves)
        set_address(view, 7, state.nodes)
        set_address(view, 8, state.leaf_cache)
        set_address(view, 9, state.sessions)
        set_address(view, 10, state.accounts)
        set_address(view, 11, state.positions)
        set_address(view, 12, state.currencies)
        set_address(view, 13, state.breakers)
        set_address(view, 14, state.keys)
        set_address(view, 15, state.selection)
        set_address(view, 16, state.token_index)
        set_address(view, 17, state.token_log)
        set_address(view, 18, state.order_ids)
        set_address(view, 19, state.expiry_wheel)
        set_address(view, 20, state.expiry_bits)
        set_address(view, 21, state.chain)
        set_address(view, 22, state.scratch)
        set_address(view, 23, rings.commands)
        set_address(view, 24, rings.events)
        set_address(view, 25, rings.cursors)
        set_address(view, 26, rings.wakeups)
        return view
