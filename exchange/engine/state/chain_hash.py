"""The chain hash: XXH64 over the bytes of every event ever emitted, rolled as events are written.

Live, replay and snapshot must agree on it; CHECKPOINT events carry it. It lags behind emission
(events are hashed in runs, while they are still in the cache) and catches up before a CHECKPOINT,
before the matcher waits for room, and at the end of every call.

Decision ARC-6.
"""

from __future__ import annotations

from typing import Any

from exchange.engine.state.functions import engine_function
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


@engine_function
def chain_roll(view: Any) -> None:
    """Take every event emitted so far into the hash."""
    scalars = view.scalars
    mask = get(scalars, EVENT_MASK)
    first = get(scalars, CHAIN_EVENTS)
    end = get(scalars, NEXT_EVENT)
    ring = as_array(view.events, (mask + 1) * EVENT_WORDS)
    state = as_array(view.chain, xxh64.STATE_WORDS)
    while first < end:
        slot = (first - get(scalars, EVENT_BASE)) & mask
        count = min(end - first, mask + 1 - slot)
        xxh64.update_stripes(state, ring, slot * EVENT_WORDS, count * EVENT_WORDS)
        first += count
    put(scalars, CHAIN_EVENTS, end)


def chain_digest(state: EngineState) -> int:
    """XXH64 of all events so far, 0 .. 2**64 - 1."""
    return xxh64.unsigned(int(xxh64.digest(state.chain)))
