"""The chain hash: XXH64 over the bytes of every event ever emitted, rolled as events are written.

Live, replay and snapshot must agree on it; CHECKPOINT events carry it. It lags behind emission
(events are hashed in runs, while they are still in the cache) and catches up before a CHECKPOINT,
before the matcher waits for room, and at the end of every call.

Decision ARC-6.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.layout import (
    CHAIN_EVENTS,
    EVENT_BASE,
    EVENT_MASK,
    NEXT_EVENT,
    EngineState,
)
from exchange.engine.state.memory import as_array, get, put
from exchange.records import EVENT_WORDS
from journal import xxh64
from ringbuffer.jit import jit_internal


@jit_internal
def chain_roll(v: Any) -> None:
    """Take every event emitted so far into the hash."""
    s = v.scalars
    mask = get(s, EVENT_MASK)
    first = get(s, CHAIN_EVENTS)
    end = get(s, NEXT_EVENT)
    ring = as_array(v.events, (mask + 1) * EVENT_WORDS)
    state = as_array(v.chain, xxh64.STATE_WORDS)
    while first < end:
        slot = (first - get(s, EVENT_BASE)) & mask
        count = min(end - first, mask + 1 - slot)
        xxh64.update_stripes(state, ring, slot * EVENT_WORDS, count * EVENT_WORDS)
        first += count
    put(s, CHAIN_EVENTS, end)


def chain_digest(state: EngineState) -> int:
    """XXH64 of all events so far, 0 .. 2**64 - 1."""
    return xxh64.unsigned(int(xxh64.digest(state.chain)))
