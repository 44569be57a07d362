"""Making an empty state: its arrays, sized once, and the capacities that it remembers.

Who uses it: the matcher stage at the first start of a data directory, rebuilding, tests.
"""

from __future__ import annotations

import secrets

import numpy as np

from exchange.core.capacity import EngineCapacity
from exchange.engine.state.layout import (
    ACCOUNT_WORDS,
    BOOK_WORDS,
    BREAKER_WORDS,
    COLD_WORDS,
    CURRENCY_WORDS,
    GROUP,
    GROUPS,
    IDEMPOTENCY_KEYS,
    INSTRUMENT_WORDS,
    LEAF_CACHE_MASK,
    LEAF_LEVELS,
    LEAF_WORDS,
    LEVEL_WORDS,
    LOG_AHEAD,
    MAX_ACCOUNTS,
    MAX_CURRENCIES,
    MAX_INSTRUMENTS,
    MAX_LEAVES,
    MAX_NODES,
    MAX_ORDERS,
    MAX_POSITIONS,
    MAX_SESSIONS,
    MAX_TOKENS,
    NODE_WORDS,
    ORDER_ID_BITS,
    ORDER_WORDS,
    POSITION_MASK,
    POSITION_WORDS,
    SCALARS,
    SCRATCH_WORDS,
    SELECTION_COUNTERS,
    SESSION_WORDS,
    TOKEN_GENERATION,
    TOKEN_INDEX_MASK,
    TOKEN_SEED_0,
    TOKEN_SEED_1,
    TOKEN_WORDS,
    WHEEL_SECONDS,
    EngineState,
)
from journal import xxh64

MASK_64 = (1 << 64) - 1
SEED_MASK = (1 << 62) - 1
MOST_CACHED_LEAVES = 1 << 16
# Numbers of instruments and sessions fit 16 bits, slots and levels 32, and a token's entry 28.
LEAST = EngineCapacity(
    instruments=2, sessions=2, orders=1, leaves=1, nodes=4, tokens=1, accounts=2, positions=1
)  # fmt: skip
MOST = EngineCapacity(
    instruments=1 << 16,
    sessions=1 << 16,
    orders=1 << 26,
    leaves=1 << 24,
    nodes=1 << 24,
    tokens=(1 << 28) - 2,
    accounts=1 << 20,
    positions=1 << 24,
)


def _power_of_two(at_least: int) -> int:
    return 1 << max(3, (at_least - 1).bit_length())


def _signed(word: int) -> int:
    return word - MASK_64 - 1 if word > MASK_64 >> 1 else word


def create_state(capacity: EngineCapacity, seed: int | None = None) -> EngineState:
    """An empty exchange. ``seed`` (64 bits) places tokens in their table; it never shows in events.

    Raises ValueError when a capacity is out of range.
    """
    for name, least, most in zip(capacity._fields, LEAST, MOST, strict=True):
        if not least <= getattr(capacity, name) <= most:
            raise ValueError(f"{name} must be {least} to {most}")
    position_slots = _power_of_two(capacity.positions * 2)
    token_slots = _power_of_two(capacity.tokens * 4 // 3 + 1)
    # at least 64: the table's hash shifts by 67 minus the number of its bits, which must be < 64
    order_id_slots = max(64, _power_of_two(capacity.orders * 2))
    leaf_cache = min(MOST_CACHED_LEAVES, _power_of_two(capacity.leaves * 2))
    seed = secrets.randbits(64) if seed is None else seed & MASK_64

    def zeros(count: int) -> np.ndarray:
        return np.zeros(count, np.int64)

    state = EngineState(
        scalars=zeros(SCALARS),
        orders=zeros((capacity.orders + 1) * ORDER_WORDS),
        orders_cold=zeros((capacity.orders + 1) * COLD_WORDS),
        instruments=zeros(capacity.instruments * INSTRUMENT_WORDS),
        books=zeros(capacity.instruments * 4 * BOOK_WORDS),
        levels=zeros((capacity.leaves + 1) * LEAF_LEVELS * LEVEL_WORDS),
        leaves=zeros((capacity.leaves + 1) * LEAF_WORDS),
        nodes=zeros((capacity.nodes + 1) * NODE_WORDS),
        leaf_cache=zeros(leaf_cache),
        sessions=zeros(capacity.sessions * SESSION_WORDS),
        accounts=zeros(capacity.accounts * ACCOUNT_WORDS),
        positions=zeros(position_slots * POSITION_WORDS),
        currencies=zeros(MAX_CURRENCIES * CURRENCY_WORDS),
        breakers=zeros(capacity.instruments * BREAKER_WORDS),
        keys=zeros(IDEMPOTENCY_KEYS * 8),
        selection=zeros(SELECTION_COUNTERS + (capacity.orders + 1) * 4),
        token_index=zeros(token_slots),
        token_log=zeros((capacity.tokens + 1 + LOG_AHEAD) * TOKEN_WORDS),
        order_ids=zeros(order_id_slots),
        expiry_wheel=zeros(WHEEL_SECONDS),
        expiry_bits=zeros(sum(WHEEL_SECONDS // 64**level for level in (1, 2, 3))),
        chain=zeros(xxh64.STATE_WORDS),
        scratch=zeros(GROUPS * GROUP * SCRATCH_WORDS),
    )
    scalars = state.scalars
    xxh64.reset(state.chain)
    scalars[TOKEN_GENERATION] = 1
    scalars[TOKEN_SEED_0] = _signed(seed)
    # the second key word gets a seed of its own, derived so that one number names the placement
    scalars[TOKEN_SEED_1] = (seed * 0x9E3779B97F4A7C15 + 0x1234567) >> 1 & SEED_MASK
    scalars[MAX_ORDERS] = capacity.orders
    scalars[MAX_LEAVES] = capacity.leaves
    scalars[MAX_NODES] = capacity.nodes
    scalars[MAX_TOKENS] = capacity.tokens
    scalars[MAX_INSTRUMENTS] = capacity.instruments
    scalars[MAX_SESSIONS] = capacity.sessions
    scalars[MAX_ACCOUNTS] = capacity.accounts
    scalars[MAX_POSITIONS] = capacity.positions
    scalars[POSITION_MASK] = position_slots - 1
    scalars[TOKEN_INDEX_MASK] = token_slots - 1
    scalars[ORDER_ID_BITS] = order_id_slots.bit_length() - 1
    scalars[LEAF_CACHE_MASK] = leaf_cache - 1
    return state


def capacity_of(state: EngineState) -> EngineCapacity:
    """The capacity that ``state`` was created with."""
    scalars = state.scalars
    return EngineCapacity(
        instruments=int(scalars[MAX_INSTRUMENTS]),
        sessions=int(scalars[MAX_SESSIONS]),
        orders=int(scalars[MAX_ORDERS]),
        leaves=int(scalars[MAX_LEAVES]),
        nodes=int(scalars[MAX_NODES]),
        tokens=int(scalars[MAX_TOKENS]),
        accounts=int(scalars[MAX_ACCOUNTS]),
        positions=int(scalars[MAX_POSITIONS]),
    )
