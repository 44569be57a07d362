"""Checks that a state is consistent, and that two states mean the same.

Who uses it: ``verify`` and ``snapshot``. ``state_problems`` checks the engine's own invariants
(every list, index and count, both conservation laws, the frozen amounts); ``state_difference``
compares by meaning: where things lie in their pools may differ, because a token's place depends on
a random seed and a snapshot need not keep places.
"""

from __future__ import annotations

import numpy as np

from exchange.engine.invariants.check import InvariantBroken, check_state
from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.layout import EngineState
from replay.book import live_orders

# Scalars that the same commands always give the same value, whatever seed or free list.
_COMPARED_SCALARS = (
    "NEXT_COMMAND",
    "NEXT_EVENT",
    "CHECKPOINT_EVENT",
    "DAY_OPEN",
    "MIDNIGHT_NS",
    "DAY_NUMBER",
    "NEXT_EXPIRY_SECOND",
    "LIVE_ORDERS",
    "TOKENS_USED",
    "LAST_TIMESTAMP_NS",
    "MARKET_STATE",
    "MARKET_UNTIL_NS",
    "EXCHANGE_KILLED",
    "PENDING_HEAD",
    "PENDING_TAIL",
    "POSITIONS_USED",
    "KEYS_USED",
    "HELD_ORDERS",
    "WAITING_ORDERS",
)
_COMPARED_FIELDS = ("SHARES", "ORDERS_STOPPED")  # of the scalars, too
_COMPARED_ARRAYS = ("instruments", "sessions", "accounts", "currencies", "breakers")


def state_problems(state: EngineState) -> list[str]:
    """The inconsistencies of ``state`` by itself; empty when all is well."""
    try:
        check_state(state)
    except InvariantBroken as broken:
        return [str(broken)]
    return []


def _positions(state: EngineState) -> np.ndarray:
    """The rows in use, by account and instrument."""
    rows = state.positions.reshape(-1, layout.POSITION_WORDS)
    names = layout.POSITION_NAME.column(rows)
    rows, names = rows[names != 0], names[names != 0]
    by_key: np.ndarray = rows[np.argsort(names)]
    return by_key


def state_difference(expected: EngineState, found: EngineState) -> str | None:
    """In what two engine states mean something different; None if they mean the same."""
    for name in _COMPARED_SCALARS:
        index = getattr(layout, name)
        left, right = int(expected.scalars[index]), int(found.scalars[index])
        if left != right:
            return f"{name} is {right}, replay says {left}"
    for name in _COMPARED_FIELDS:
        where = getattr(layout, name)
        left, right = where.of(expected.scalars), where.of(found.scalars)
        if left != right:
            return f"{name} is {right}, replay says {left}"
    left, right = chain_digest(expected), chain_digest(found)
    if left != right:
        return f"chain hash is {right:016x}, replay says {left:016x}"
    for name in _COMPARED_ARRAYS:
        if not np.array_equal(getattr(expected, name), getattr(found, name)):
            return f"other {name} than replay"
    remembered = slice(0, 2 * layout.IDEMPOTENCY_KEYS)  # what follows is an index, placed by seed
    if not np.array_equal(expected.keys[remembered], found.keys[remembered]):
        return "other idempotency keys than replay"
    if not np.array_equal(_positions(expected), _positions(found)):
        return "other positions than replay"
    ours, theirs = live_orders(expected), live_orders(found)
    if len(ours) != len(theirs):
        return f"{len(theirs)} live orders, replay has {len(ours)}"
    for name in ours.dtype.names or ():
        unlike = np.nonzero(ours[name] != theirs[name])[0]
        if len(unlike):
            order = ours[unlike[0]]
            return f"order {order['order_id']} has another {name} than in replay"
    return None
