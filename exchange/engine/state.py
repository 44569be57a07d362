"""Everything the matcher remembers: a NamedTuple of arrays, sized once, zero-initialised.

Who writes: only ``apply_commands`` (one process). Who reads: snapshots, replay, invariants, tests.
Every pool numbers its members from 1: 0 is null, so untouched memory is all zero and never
resident. All arrays are int64 words; two 32-bit numbers that share a word are named low | high.

    orders       8 words a slot, one cache line
        0 open quantity | 1 price | 2 order_id (0 = free slot) | 3 token_0 |
        4 token_1, token_2, instrument as in the records | 5 next | previous of its level |
        6 level | firm | 7 as bytes 80..87 of an event: session u2, capacity u1 (instead of kind),
        side, cross_type (instead of reason), order flags (instead of flags), display, order_type
        A free slot keeps the next free slot in `next`.
    orders_cold  4 words a slot
        0 executed quantity (valid with ORDER_HAS_EXECUTED) | 1 expiry second (ORDER_HAS_EXPIRY) |
        2 next | previous of its expiry second | 3 spare
    instruments  8 words: 0 flags (1 = defined, byte 1: price_decimals) | 1 tick | 2 lot |
        3 minimum price | 4 maximum price | 5 maximum quantity | 6 symbol | 7 spare
    books        4 words per (instrument, book side): 0 best key (0 = empty) | 1 its level |
        2 root of its tree | 3 live orders.
        Key of a price: its tick number for bids, 2^30 - tick number for asks, so that the best
        price of either side is the highest key.
    levels       4 words a price level, 64 levels a leaf: 0 quantity | 1 head | tail |
        2 orders | 3 spare
    leaves       4 words: 0 bitmap of non-empty levels | 1 (book << 24 | key >> 6) + 1 |
        2 next free | 3 spare
    nodes        34 words: 0 bitmap of children | 1..32 children (64 halves) | 33 next free
    leaf_cache   1 word: the leaf last used for that hash of (book, key >> 6)
    sessions     4 words: 0 defined | 1 username | 2 account | 3 messages so far today
    token_index  1 word: entry (28 bits) | generation (12) | tag (24)
    token_log    4 words, in order of arrival: 0 token_0 | 1 token_1, token_2, session |
        2 order slot | 3 order_id
    order_ids    1 word: slot | low half of the order_id
    expiry_wheel 1 word a second (modulo its length): head | tail
    expiry_bits  three levels of bitmaps over the wheel
    chain        streaming state of XXH64 over all events (journal/xxh64.py)
    scratch      per command of a group, see matcher.py; not part of the state's meaning
"""

from __future__ import annotations

import secrets
from typing import NamedTuple

import numpy as np

from journal import xxh64

# scalars
NEXT_COMMAND = 0
NEXT_EVENT = 1
CHAIN_EVENTS = 6  # events that the chain hash has taken in; all of them between calls
CHECKPOINT_EVENT = 7  # the event after the last CHECKPOINT
DAY_OPEN = 8
MIDNIGHT_NS = 9
DAY_NUMBER = 10
NEXT_EXPIRY_SECOND = 11  # earliest second of a live good-till-time order, 0 = none
LAST_EXPIRY_SECOND = 12  # no live one is later
LIVE_ORDERS = 13
ORDER_FREE = 14  # first of the free list
ORDER_HIGH = 15  # slots 1..ORDER_HIGH have been used
LEAF_FREE = 16
LEAF_HIGH = 17
LEAVES_USED = 18
NODE_FREE = 19
NODE_HIGH = 20
NODES_USED = 21
TOKENS_USED = 22  # today
TOKEN_GENERATION = 23  # 1..4095; entries of another generation are empty
TOKEN_SEED_0 = 24
TOKEN_SEED_1 = 25
LAST_TIMESTAMP_NS = 26
TRADES = 27
REJECTS = 28
EXPIRING_ORDERS = 29
EVENT_WAITS = 30  # times the event ring was full
# capacities, fixed at creation
MAX_ORDERS = 32
MAX_LEAVES = 33
MAX_NODES = 34
MAX_TOKENS = 35
MAX_INSTRUMENTS = 36  # ids 1..MAX_INSTRUMENTS - 1
MAX_SESSIONS = 37  # ids 1..MAX_SESSIONS - 1
TOKEN_INDEX_MASK = 38
ORDER_ID_BITS = 39
LEAF_CACHE_MASK = 40
# of the running call, meaningless between calls
COMMAND_SEQUENCE = 48
TIMESTAMP_NS = 49
EVENT_BASE = 50
EVENT_MASK = 51
EVENT_LIMIT = 52  # the first event sequence that needs another look at EVENT_RELEASED
ABORTED = 53  # 1 = STOP was set while the event ring was full: the process is going down
COMMAND_MASK = 54
SCALARS = 64

ORDER_WORDS = 8
COLD_WORDS = 4
INSTRUMENT_WORDS = 8
BOOK_WORDS = 4
LEVEL_WORDS = 4
LEAF_WORDS = 4
NODE_WORDS = 34
SESSION_WORDS = 4
TOKEN_WORDS = 4
LEAF_LEVELS = 64
KEY_BITS = 30
ASK_MIRROR = 1 << KEY_BITS
WHEEL_BITS = 20
WHEEL_SECONDS = 1 << WHEEL_BITS
GROUP = 16  # commands whose memory is fetched together
GROUPS = 8  # of them on their way at one time, a power of two; see prefetch.py
SCRATCH_WORDS = 4
LOG_AHEAD = 32  # spare entries at the end of the token log, only ever fetched

# order flags (byte 5 of order word 7)
ORDER_HAS_EXECUTED = 1
ORDER_HAS_EXPIRY = 2


class EngineCapacity(NamedTuple):
    """How much the matcher can hold. ``instruments`` and ``sessions`` count the unused id 0."""

    instruments: int = 1024
    sessions: int = 1024
    orders: int = 1 << 20  # live orders
    leaves: int = 1 << 16  # blocks of 64 adjacent price ticks with an order in one of them
    nodes: int = 1 << 15  # of the trees that find the next block
    tokens: int = 12_000_000  # order tokens a day


class EngineState(NamedTuple):
    """The arrays described above; every one int64 and one-dimensional."""

    scalars: np.ndarray
    orders: np.ndarray
    orders_cold: np.ndarray
    instruments: np.ndarray
    books: np.ndarray
    levels: np.ndarray
    leaves: np.ndarray
    nodes: np.ndarray
    leaf_cache: np.ndarray
    sessions: np.ndarray
    token_index: np.ndarray
    token_log: np.ndarray
    order_ids: np.ndarray
    expiry_wheel: np.ndarray
    expiry_bits: np.ndarray
    chain: np.ndarray
    scratch: np.ndarray


def _power_of_two(at_least: int) -> int:
    return 1 << max(3, (at_least - 1).bit_length())


def create_state(capacity: EngineCapacity, seed: int | None = None) -> EngineState:
    """An empty exchange. ``seed`` (64 bits) places tokens in their table; it never shows in events.

    Raises ValueError when a capacity is out of range.
    """
    if not 2 <= capacity.instruments <= 1 << 16 or not 2 <= capacity.sessions <= 1 << 16:
        raise ValueError("instruments and sessions must be 2 to 65536")
    if not 1 <= capacity.orders <= 1 << 26 or not 1 <= capacity.tokens < (1 << 28) - 1:
        raise ValueError("orders must be 1 to 2^26, tokens 1 to 2^28 - 2")
    if not 1 <= capacity.leaves <= 1 << 24 or not 4 <= capacity.nodes <= 1 << 24:
        raise ValueError("leaves must be 1 to 2^24, nodes 4 to 2^24")
    token_slots = _power_of_two(capacity.tokens * 4 // 3 + 1)
    # at least 64: the table's hash shifts by 67 minus the number of its bits, which must be < 64
    order_id_slots = max(64, _power_of_two(capacity.orders * 2))
    leaf_cache = min(1 << 16, _power_of_two(capacity.leaves * 2))
    seed = secrets.randbits(64) if seed is None else seed & ((1 << 64) - 1)

    def zeros(count: int) -> np.ndarray:
        return np.zeros(count, np.int64)

    state = EngineState(
        scalars=zeros(SCALARS),
        orders=zeros((capacity.orders + 1) * ORDER_WORDS),
        orders_cold=zeros((capacity.orders + 1) * COLD_WORDS),
        instruments=zeros(capacity.instruments * INSTRUMENT_WORDS),
        books=zeros(capacity.instruments * 2 * BOOK_WORDS),
        levels=zeros((capacity.leaves + 1) * LEAF_LEVELS * LEVEL_WORDS),
        leaves=zeros((capacity.leaves + 1) * LEAF_WORDS),
        nodes=zeros((capacity.nodes + 1) * NODE_WORDS),
        leaf_cache=zeros(leaf_cache),
        sessions=zeros(capacity.sessions * SESSION_WORDS),
        token_index=zeros(token_slots),
        token_log=zeros((capacity.tokens + 1 + LOG_AHEAD) * TOKEN_WORDS),
        order_ids=zeros(order_id_slots),
        expiry_wheel=zeros(WHEEL_SECONDS),
        expiry_bits=zeros((WHEEL_SECONDS >> 6) + (WHEEL_SECONDS >> 12) + (WHEEL_SECONDS >> 18)),
        chain=zeros(xxh64.STATE_WORDS),
        scratch=zeros(GROUPS * GROUP * SCRATCH_WORDS),
    )
    scalars = state.scalars
    xxh64.reset(state.chain)
    scalars[TOKEN_GENERATION] = 1
    scalars[TOKEN_SEED_0] = seed - (1 << 64) if seed >> 63 else seed
    # the second key word gets a seed of its own, derived so that one number names the placement
    scalars[TOKEN_SEED_1] = (seed * 0x9E3779B97F4A7C15 + 0x1234567) >> 1 & ((1 << 62) - 1)
    scalars[MAX_ORDERS] = capacity.orders
    scalars[MAX_LEAVES] = capacity.leaves
    scalars[MAX_NODES] = capacity.nodes
    scalars[MAX_TOKENS] = capacity.tokens
    scalars[MAX_INSTRUMENTS] = capacity.instruments
    scalars[MAX_SESSIONS] = capacity.sessions
    scalars[TOKEN_INDEX_MASK] = token_slots - 1
    scalars[ORDER_ID_BITS] = order_id_slots.bit_length() - 1
    scalars[LEAF_CACHE_MASK] = leaf_cache - 1
    return state


def capacity_of(state: EngineState) -> EngineCapacity:
    """The capacity that ``state`` was created with."""
    s = state.scalars
    return EngineCapacity(
        instruments=int(s[MAX_INSTRUMENTS]),
        sessions=int(s[MAX_SESSIONS]),
        orders=int(s[MAX_ORDERS]),
        leaves=int(s[MAX_LEAVES]),
        nodes=int(s[MAX_NODES]),
        tokens=int(s[MAX_TOKENS]),
    )
