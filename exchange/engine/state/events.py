"""Emitting events: room in the ring, sequence numbers, session sequences, the words of each kind.

Invariants: every byte of an event is written (a ring slot holds an old event); an event is written
only when its slot's old event has been released; ``NEXT_EVENT`` is the sequence of the next one.
The word numbers are those of ``exchange/records.py`` divided by 8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import FLAG_LEVEL, EventKind
from exchange.core.pipeline import (
    AGENT_JOURNALER,
    CURSOR_WORDS,
    EVENT_PUBLISHED,
    EVENT_RELEASED,
    STOP,
    sleeping,
)
from exchange.engine.state.chain_hash import chain_roll
from exchange.engine.state.layout import (
    ABORTED,
    CHAIN_EVENTS,
    CHECKPOINT_EVENT,
    COMMAND_SEQUENCE,
    EVENT_BASE,
    EVENT_LIMIT,
    EVENT_MASK,
    EVENT_WAITS,
    LEVEL_WORDS,
    NEXT_EVENT,
    ORDER_WORDS,
    REJECTS,
    SESSION_WORDS,
    TIMESTAMP_NS,
    TRADES,
)
from exchange.engine.state.memory import as_array, get, get_acquire, pause_us, put, touch
from exchange.records import EVENT_WORDS
from journal import xxh64
from ringbuffer.idle import wake
from ringbuffer.jit import jit_inline_internal, jit_internal
from ringbuffer.ring import maximum_batch, publish

CHECKPOINT_INTERVAL = 4096
IDENTITY_MASK = ~(0xFF << 16 | 0xFF << 32 | 0xFF << 40)  # without kind, reason, flags
TAIL_48 = (1 << 48) - 1
HALF = (1 << 32) - 1
ROOM_PAUSE_US = 20
EVENTS_AHEAD = 12  # events are about 50 ns apart, memory is some 300 ns away

_ACCEPTED = int(EventKind.ACCEPTED)
_REJECTED = int(EventKind.REJECTED)
_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_TRADE = int(EventKind.TRADE)
_MODIFIED = int(EventKind.MODIFIED)
_SYSTEM = int(EventKind.SYSTEM)
_CHECKPOINT = int(EventKind.CHECKPOINT)
_CONTROL_REJECTED = int(EventKind.CONTROL_REJECTED)
_CANCEL_REJECTED = int(EventKind.CANCEL_REJECTED)
_TERMS = int(EventKind.TERMS)
_JOURNALER = int(AGENT_JOURNALER)
_JOURNALER_SLEEPING = sleeping(AGENT_JOURNALER)


@jit_internal
def wait_for_room(v: Any) -> None:
    """Publish what there is, wait until the ring has a free slot, and set the next limit.

    The limit is at most ``maximum_batch`` of the ring away: never more events than that are written
    and unpublished, on which readers that do not gate the ring rely (ringbuffer/ring.py).

    One slot always stays free: when STOP is set meanwhile, the rest of the command is written
    there again and again, unpublished, and the process goes down without having overwritten an
    event that the journaler may still read.
    """
    s = v.scalars
    chain_roll(v)
    event = get(s, NEXT_EVENT)
    cursors = as_array(v.cursors, CURSOR_WORDS)
    if get(v.cursors, EVENT_PUBLISHED) < event:
        # release: the events are written before the cursor says so
        publish(cursors, EVENT_PUBLISHED, event)
        wake(cursors, _JOURNALER_SLEEPING, get(v.wakeups, _JOURNALER))
    waited = False
    while True:
        # acquire: the journaler has finished reading the slots before we reuse them
        limit = get_acquire(v.cursors, EVENT_RELEASED) + get(s, EVENT_MASK)
        put(s, EVENT_LIMIT, min(limit, event + maximum_batch(get(s, EVENT_MASK) + 1)))
        if event < limit:
            return
        if get(s, ABORTED) != 0:
            return
        if not waited:
            waited = True
            put(s, EVENT_WAITS, get(s, EVENT_WAITS) + 1)
        # acquire: pairs with the daemon's store; nothing else depends on it
        if get_acquire(v.cursors, STOP) != 0:
            put(s, ABORTED, 1)
            return
        pause_us(ROOM_PAUSE_US)


@jit_inline_internal
def claim_event(v: Any) -> int:
    """Word index of the next event's slot; its first three words are written."""
    s = v.scalars
    event = get(s, NEXT_EVENT)
    if event >= get(s, EVENT_LIMIT):
        wait_for_room(v)
    slot = ((event - get(s, EVENT_BASE)) & get(s, EVENT_MASK)) * EVENT_WORDS
    e = v.events
    # a large ring is always cold: ask for both lines of an event some events ahead
    ahead = ((event + EVENTS_AHEAD - get(s, EVENT_BASE)) & get(s, EVENT_MASK)) * EVENT_WORDS
    touch(e, ahead)
    touch(e, ahead + EVENT_WORDS // 2)
    put(e, slot, event)
    put(e, slot + 1, get(s, COMMAND_SEQUENCE))
    put(e, slot + 2, get(s, TIMESTAMP_NS))
    put(s, NEXT_EVENT, event + 1 - get(s, ABORTED))
    return slot


@jit_inline_internal
def next_session_sequence(v: Any, session: int) -> int:
    """Count one more message to ``session`` today; its number."""
    at = session * SESSION_WORDS + 3
    number = get(v.sessions, at) + 1
    put(v.sessions, at, number)
    return number


@jit_inline_internal
def write_event(
    v: Any,
    order_id: int,
    price: int,
    quantity: int,
    level_quantity: int,
    level_orders: int,
    session_sequence: int,
    token_0: int,
    token_tail: int,
    identity: int,
    kind: int,
    reason: int,
    flags: int,
    word_11: int,
    word_12: int,
    word_13: int,
    word_14: int,
    word_15: int,
) -> None:
    """Emit one event. ``identity``: session, side, display, order_type as in event word 10."""
    slot = claim_event(v)
    e = v.events
    put(e, slot + 3, order_id)
    put(e, slot + 4, price)
    put(e, slot + 5, quantity)
    put(e, slot + 6, level_quantity)
    put(e, slot + 7, level_orders | (session_sequence << 32))
    put(e, slot + 8, token_0)
    put(e, slot + 9, token_tail)
    put(e, slot + 10, (identity & IDENTITY_MASK) | (kind << 16) | (reason << 32) | (flags << 40))
    put(e, slot + 11, word_11)
    put(e, slot + 12, word_12)
    put(e, slot + 13, word_13)
    put(e, slot + 14, word_14)
    put(e, slot + 15, word_15)


@jit_inline_internal
def emit_order_event(
    v: Any,
    slot: int,
    level: int,
    kind: int,
    reason: int,
    quantity: int,
    remaining: int,
    reported: int,
) -> None:
    """CANCELED, MODIFIED, RESTED, REMOVED, HELD, ... of the order in ``slot``.

    ``level`` is the level whose totals it carries, 0 for none; ``reported`` 1 when order entry
    reports it to the session.
    """
    o = slot * ORDER_WORDS
    identity = get(v.orders, o + 7)
    number = 0
    if reported != 0:
        number = next_session_sequence(v, identity & 0xFFFF)
    level_quantity = 0
    level_orders = 0
    flags = 0
    if level != 0:
        level_quantity = get(v.levels, level * LEVEL_WORDS)
        level_orders = get(v.levels, level * LEVEL_WORDS + 2)
        flags = FLAG_LEVEL
    write_event(
        v,
        get(v.orders, o + 2),
        get(v.orders, o + 1),
        quantity,
        level_quantity,
        level_orders,
        number,
        get(v.orders, o + 3),
        get(v.orders, o + 4),
        identity,
        kind,
        reason,
        flags,
        0,
        remaining,
        0,
        0,
        0,
    )


@jit_internal
def emit_rejected(
    v: Any, price: int, quantity: int, token_0: int, token_tail: int, identity: int, reason: int
) -> None:
    """REJECTED of the running command."""
    put(v.scalars, REJECTS, get(v.scalars, REJECTS) + 1)
    number = next_session_sequence(v, identity & 0xFFFF)
    write_event(
        v,
        get(v.scalars, COMMAND_SEQUENCE),
        price,
        quantity,
        0,
        0,
        number,
        token_0,
        token_tail,
        identity,
        _REJECTED,
        reason,
        0,
        0,
        0,
        0,
        0,
        0,
    )


@jit_internal
def emit_cancel_rejected(v: Any, slot: int, reason: int) -> None:
    """CANCEL_REJECTED: the running command is refused, the order in ``slot`` stays as it is."""
    put(v.scalars, REJECTS, get(v.scalars, REJECTS) + 1)
    o = slot * ORDER_WORDS
    identity = get(v.orders, o + 7)
    number = next_session_sequence(v, identity & 0xFFFF)
    write_event(
        v, get(v.orders, o + 2), 0, 0, 0, 0, number, get(v.orders, o + 3), get(v.orders, o + 4),
        identity, _CANCEL_REJECTED, reason, 0, 0, 0, 0, 0, 0,
    )  # fmt: skip


@jit_internal
def emit_terms(
    v: Any,
    price: int,
    quantity: int,
    token_0: int,
    token_tail: int,
    identity: int,
    stop_price: int,
    display_quantity: int,
    level_quantity: int,
    level_orders: int,
    flags: int,
) -> None:
    """TERMS of the order that the running command has made."""
    write_event(
        v, get(v.scalars, COMMAND_SEQUENCE), price, quantity, level_quantity, level_orders, 0,
        token_0, token_tail, identity, _TERMS, 0, flags, stop_price, display_quantity, 0, 0, 0,
    )  # fmt: skip


@jit_inline_internal
def emit_trade(
    v: Any,
    maker: int,
    level: int,
    quantity: int,
    remaining: int,
    order_id: int,
    token_0: int,
    token_tail: int,
    taker: int,
) -> None:
    """TRADE of the order in slot ``maker`` with the aggressor; ``taker``: that one's identity."""
    put(v.scalars, TRADES, get(v.scalars, TRADES) + 1)
    o = maker * ORDER_WORDS
    identity = get(v.orders, o + 7)
    session = taker & 0xFFFF
    maker_number = next_session_sequence(v, identity & 0xFFFF)
    taker_number = next_session_sequence(v, session)
    write_event(
        v,
        get(v.orders, o + 2),
        get(v.orders, o + 1),
        quantity,
        get(v.levels, level * LEVEL_WORDS),
        get(v.levels, level * LEVEL_WORDS + 2),
        maker_number,
        get(v.orders, o + 3),
        get(v.orders, o + 4),
        identity,
        _TRADE,
        0,
        FLAG_LEVEL,
        order_id,
        remaining,
        token_0,
        (token_tail & TAIL_48) | (session << 48),
        taker_number | (((taker >> 24) & 0xFF) << 32),
    )


@jit_internal
def emit_plain(
    v: Any,
    kind: int,
    price: int,
    quantity: int,
    token_0: int,
    token_tail: int,
    identity: int,
    reason: int,
) -> None:
    """An event that is not about an order and carries nothing else."""
    write_event(
        v,
        0,
        price,
        quantity,
        0,
        0,
        0,
        token_0,
        token_tail,
        identity,
        kind,
        reason,
        0,
        0,
        0,
        0,
        0,
        0,
    )


@jit_internal
def emit_control_rejected(v: Any, instrument: int, session: int, reason: int) -> None:
    """CONTROL_REJECTED of the running command."""
    put(v.scalars, REJECTS, get(v.scalars, REJECTS) + 1)
    emit_plain(v, _CONTROL_REJECTED, 0, 0, 0, instrument << 48, session, reason)


@jit_internal
def emit_system(v: Any, session: int, reason: int, midnight_ns: int, day_number: int) -> None:
    """SYSTEM to one session."""
    number = next_session_sequence(v, session)
    write_event(
        v,
        0,
        day_number,
        midnight_ns,
        0,
        0,
        number,
        0,
        0,
        session,
        _SYSTEM,
        reason,
        0,
        0,
        0,
        0,
        0,
        0,
    )


@jit_internal
def emit_checkpoint(v: Any) -> None:
    """CHECKPOINT: the chain hash of everything before it."""
    chain_roll(v)
    s = v.scalars
    digest = xxh64.digest(as_array(v.chain, xxh64.STATE_WORDS))
    emit_plain(v, _CHECKPOINT, digest, get(s, CHAIN_EVENTS), 0, 0, 0, 0)
    put(s, CHECKPOINT_EVENT, get(s, NEXT_EVENT))
