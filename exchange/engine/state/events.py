"""Emitting events: room in the ring, sequence numbers, session sequences, the words of each kind.

Invariants: every byte of an event is written (a ring slot holds an old event); an event is written
only when its slot's old event has been released; ``NEXT_EVENT`` is the sequence of the next one.
Where each field lies is in ``exchange/records.py``. Events that are about no order are in
control_events.py.
"""

from __future__ import annotations

from typing import Any, NamedTuple

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
from exchange.engine.state.fields import writer
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ABORTED,
    CHAIN_EVENTS,
    CHECKPOINT_EVENT,
    COMMAND_SEQUENCE,
    EVENT_BASE,
    EVENT_LIMIT,
    EVENT_MASK,
    EVENT_WAITS,
    NEXT_EVENT,
    REJECTS,
    TIMESTAMP_NS,
    TRADES,
)
from exchange.engine.state.memory import as_array, get, get_acquire, pause_us, put, touch
from exchange.engine.state.rows import (
    level_orders,
    level_quantity,
    order_id_of,
    order_identity,
    order_price,
    order_session,
    order_token_0,
    order_token_word,
    session_messages,
    set_session_messages,
)
from exchange.records import (
    EVENT_COMMAND_SEQUENCE,
    EVENT_CONTRA_ORDER_ID,
    EVENT_CONTRA_SESSION,
    EVENT_CONTRA_SIDE,
    EVENT_CONTRA_TOKEN_0,
    EVENT_CONTRA_WORD,
    EVENT_FLAGS,
    EVENT_IDENTITY,
    EVENT_KIND,
    EVENT_LAST_WORD,
    EVENT_LEVEL_ORDERS,
    EVENT_LEVEL_QUANTITY,
    EVENT_ORDER_ID,
    EVENT_PRICE,
    EVENT_QUANTITY,
    EVENT_REASON,
    EVENT_REMAINING,
    EVENT_SEQUENCE,
    EVENT_SESSION,
    EVENT_SESSION_SEQUENCE,
    EVENT_SIDE,
    EVENT_TIMESTAMP_NS,
    EVENT_TOKEN_0,
    EVENT_TOKEN_TAIL,
    EVENT_TOKEN_WORD,
    EVENT_WORDS,
    whole,
)
from journal import xxh64
from ringbuffer.idle import wake
from ringbuffer.jit import jit_inline_internal
from ringbuffer.ring import maximum_batch, publish, room

CHECKPOINT_INTERVAL = 4096
IDENTITY_MASK = ~(
    EVENT_KIND.mask << EVENT_KIND.shift
    | EVENT_REASON.mask << EVENT_REASON.shift
    | EVENT_FLAGS.mask << EVENT_FLAGS.shift
)  # what is left of an identity's word: session, side, display, order_type
ROOM_PAUSE_US = 20
EVENTS_AHEAD = 12  # events are about 50 ns apart, memory is some 300 ns away

_JOURNALER = int(AGENT_JOURNALER)
_JOURNALER_SLEEPING = sleeping(AGENT_JOURNALER)

_set_sequence = writer("events", 1, EVENT_SEQUENCE)
_set_command_sequence = writer("events", 1, EVENT_COMMAND_SEQUENCE)
_set_timestamp_ns = writer("events", 1, EVENT_TIMESTAMP_NS)
_set_order_id = writer("events", 1, EVENT_ORDER_ID)
_set_price = writer("events", 1, EVENT_PRICE)
_set_quantity = writer("events", 1, EVENT_QUANTITY)
_set_level_quantity = writer("events", 1, EVENT_LEVEL_QUANTITY)
_set_level_orders_word = writer("events", 1, whole(EVENT_LEVEL_ORDERS.word))
_set_token_0 = writer("events", 1, EVENT_TOKEN_0)
_set_token_word = writer("events", 1, EVENT_TOKEN_WORD)
_set_identity = writer("events", 1, EVENT_IDENTITY)
_set_contra_order_id = writer("events", 1, EVENT_CONTRA_ORDER_ID)
_set_remaining = writer("events", 1, EVENT_REMAINING)
_set_contra_token_0 = writer("events", 1, EVENT_CONTRA_TOKEN_0)
_set_contra_word = writer("events", 1, EVENT_CONTRA_WORD)
_set_last_word = writer("events", 1, EVENT_LAST_WORD)


class Subject(NamedTuple):
    """What an event is about, int64 each; tuples of the engine are integers that LLVM keeps apart.

    ``token_word``: token bytes 8 to 13 and the instrument. ``identity``: session, side, display and
    order_type where an event has them; what else is in that word does not matter.
    """

    order_id: int
    price: int
    quantity: int
    token_0: int
    token_word: int
    identity: int


class LevelTotals(NamedTuple):
    """New totals of a price level; ``flags`` is FLAG_LEVEL, or 0 when an event tells of none."""

    quantity: int
    orders: int
    flags: int


class Detail(NamedTuple):
    """The five words of an event whose fields depend on its kind (exchange/records.py)."""

    contra_order_id: int
    remaining: int
    contra_token_0: int
    contra_word: int
    last_word: int


class Aggressor(NamedTuple):
    """The order that trades with a resting one, as the events of both tell of it."""

    order_id: int
    token_0: int
    token_word: int
    identity: int


NO_LEVEL = LevelTotals(0, 0, 0)
NO_DETAIL = Detail(0, 0, 0, 0, 0)


@engine_function
def wait_for_room(view: Any) -> None:
    """Publish what there is, wait until the ring has a free slot, and set the next limit.

    The limit is at most ``maximum_batch`` of the ring away: never more events than that are written
    and unpublished, on which readers that do not gate the ring rely (ringbuffer/ring.py).

    One slot always stays free: when STOP is set meanwhile, the rest of the command is written
    there again and again, unpublished, and the process goes down without having overwritten an
    event that the journaler may still read.
    """
    scalars = view.scalars
    chain_roll(view)
    event = get(scalars, NEXT_EVENT)
    cursors = as_array(view.cursors, CURSOR_WORDS)
    if get(view.cursors, EVENT_PUBLISHED) < event:
        # release: the events are written before the cursor says so
        publish(cursors, EVENT_PUBLISHED, event)
        wake(cursors, _JOURNALER_SLEEPING, get(view.wakeups, _JOURNALER))
    waited = False
    capacity = get(scalars, EVENT_MASK) + 1
    while True:
        # the last slot stays free
        free = room(cursors, EVENT_RELEASED, event, capacity) - 1
        put(scalars, EVENT_LIMIT, event + min(free, maximum_batch(capacity)))
        if free > 0:
            return
        if get(scalars, ABORTED) != 0:
            return
        if not waited:
            waited = True
            put(scalars, EVENT_WAITS, get(scalars, EVENT_WAITS) + 1)
        # acquire: pairs with the daemon's store; nothing else depends on it
        if get_acquire(view.cursors, STOP) != 0:
            put(scalars, ABORTED, 1)
            return
        pause_us(ROOM_PAUSE_US)


@jit_inline_internal
def claim_event(view: Any) -> int:
    """First word of the next event's slot; its first three fields are written."""
    scalars = view.scalars
    event = get(scalars, NEXT_EVENT)
    if event >= get(scalars, EVENT_LIMIT):
        wait_for_room(view)
    base = get(scalars, EVENT_BASE)
    mask = get(scalars, EVENT_MASK)
    event_at = ((event - base) & mask) * EVENT_WORDS
    # a large ring is always cold: ask for both lines of an event some events ahead
    ahead = ((event + EVENTS_AHEAD - base) & mask) * EVENT_WORDS
    touch(view.events, ahead)
    touch(view.events, ahead + EVENT_WORDS // 2)
    _set_sequence(view, event_at, event)
    _set_command_sequence(view, event_at, get(scalars, COMMAND_SEQUENCE))
    _set_timestamp_ns(view, event_at, get(scalars, TIMESTAMP_NS))
    put(scalars, NEXT_EVENT, event + 1 - get(scalars, ABORTED))
    return event_at


@jit_inline_internal
def next_session_sequence(view: Any, session: int) -> int:
    """Count one more message to ``session`` today; its number."""
    number = session_messages(view, session) + 1
    set_session_messages(view, session, number)
    return number


@jit_inline_internal
def session_in(identity: int) -> int:
    return (identity >> EVENT_SESSION.shift) & EVENT_SESSION.mask


@jit_inline_internal
def side_in(identity: int) -> int:
    return (identity >> EVENT_SIDE.shift) & EVENT_SIDE.mask


@jit_inline_internal
def write_event(
    view: Any,
    kind: int,
    reason: int,
    subject: Subject,
    level: LevelTotals,
    session_sequence: int,
    detail: Detail,
) -> None:
    """Emit one event."""
    event_at = claim_event(view)
    _set_order_id(view, event_at, subject.order_id)
    _set_price(view, event_at, subject.price)
    _set_quantity(view, event_at, subject.quantity)
    _set_level_quantity(view, event_at, level.quantity)
    number = session_sequence << EVENT_SESSION_SEQUENCE.shift
    _set_level_orders_word(view, event_at, level.orders | number)
    _set_token_0(view, event_at, subject.token_0)
    _set_token_word(view, event_at, subject.token_word)
    _set_identity(
        view,
        event_at,
        (subject.identity & IDENTITY_MASK)
        | (kind << EVENT_KIND.shift)
        | (reason << EVENT_REASON.shift)
        | (level.flags << EVENT_FLAGS.shift),
    )
    _set_contra_order_id(view, event_at, detail.contra_order_id)
    _set_remaining(view, event_at, detail.remaining)
    _set_contra_token_0(view, event_at, detail.contra_token_0)
    _set_contra_word(view, event_at, detail.contra_word)
    _set_last_word(view, event_at, detail.last_word)


@jit_inline_internal
def remaining_only(remaining: int) -> Detail:
    """The detail of an event that says nothing but an order's open quantity."""
    return Detail(0, remaining, 0, 0, 0)


@jit_inline_internal
def subject_of_order(view: Any, slot: int, price: int, quantity: int) -> Subject:
    """The order in ``slot``, at ``price`` and with ``quantity``, as what an event is about."""
    return Subject(
        order_id_of(view, slot),
        price,
        quantity,
        order_token_0(view, slot),
        order_token_word(view, slot),
        order_identity(view, slot),
    )


@jit_inline_internal
def aggressor_of(view: Any, slot: int) -> Aggressor:
    """The live order in ``slot`` as the one that trades with a resting one."""
    return Aggressor(
        order_id_of(view, slot),
        order_token_0(view, slot),
        order_token_word(view, slot),
        order_identity(view, slot),
    )


@jit_inline_internal
def totals_of(view: Any, level: int) -> LevelTotals:
    """What an event tells of ``level``; of level 0, which no order is ever on, that it is empty."""
    return LevelTotals(level_quantity(view, level), level_orders(view, level), FLAG_LEVEL)


@jit_inline_internal
def totals_if_any(view: Any, level: int) -> LevelTotals:
    """What an event tells of ``level``; nothing when it is 0."""
    if level == 0:
        return NO_LEVEL
    return totals_of(view, level)


@jit_inline_internal
def emit_order_event(
    view: Any, kind: int, slot: int, level: int, quantity: int, remaining: int
) -> None:
    """RESTED, REMOVED, HELD, RELEASED, TRIGGERED, REFRESHED of the order in ``slot``: to nobody.

    ``level`` is the level whose totals it carries, 0 for none.
    """
    subject = subject_of_order(view, slot, order_price(view, slot), quantity)
    write_event(
        view, kind, 0, subject, totals_if_any(view, level), 0, remaining_only(remaining)
    )  # fmt: skip


@jit_inline_internal
def emit_order_report(
    view: Any, kind: int, reason: int, slot: int, level: int, quantity: int, remaining: int
) -> None:
    """CANCELED, MODIFIED of the order in ``slot``: order entry reports it to the session."""
    subject = subject_of_order(view, slot, order_price(view, slot), quantity)
    number = next_session_sequence(view, order_session(view, slot))
    write_event(
        view, kind, reason, subject, totals_if_any(view, level), number, remaining_only(remaining)
    )  # fmt: skip


@engine_function
def emit_rejected(view: Any, subject: Subject, reason: int) -> None:
    """REJECTED of the running command."""
    put(view.scalars, REJECTS, get(view.scalars, REJECTS) + 1)
    number = next_session_sequence(view, session_in(subject.identity))
    write_event(view, EventKind.REJECTED, reason, subject, NO_LEVEL, number, NO_DETAIL)


@engine_function
def emit_cancel_rejected(view: Any, slot: int, reason: int) -> None:
    """CANCEL_REJECTED: the running command is refused, the order in ``slot`` stays as it is."""
    put(view.scalars, REJECTS, get(view.scalars, REJECTS) + 1)
    subject = subject_of_order(view, slot, 0, 0)
    number = next_session_sequence(view, order_session(view, slot))
    write_event(view, EventKind.CANCEL_REJECTED, reason, subject, NO_LEVEL, number, NO_DETAIL)


@engine_function
def emit_terms(
    view: Any, subject: Subject, level: LevelTotals, stop_price: int, display_quantity: int
) -> None:
    """TERMS of the order that the running command has made."""
    detail = Detail(stop_price, display_quantity, 0, 0, 0)
    write_event(view, EventKind.TERMS, 0, subject, level, 0, detail)


@jit_inline_internal
def contra_detail(aggressor: Aggressor, number: int, remaining: int) -> Detail:
    """What TRADE says of the aggressor, whose session gets it as message ``number``.

    ``remaining``: of the resting order.
    """
    tail = aggressor.token_word & EVENT_TOKEN_TAIL.mask
    return Detail(
        aggressor.order_id,
        remaining,
        aggressor.token_0,
        tail | (session_in(aggressor.identity) << EVENT_CONTRA_SESSION.shift),
        number | (side_in(aggressor.identity) << EVENT_CONTRA_SIDE.shift),
    )


@jit_inline_internal
def emit_trade(
    view: Any, resting: int, level: int, quantity: int, remaining: int, aggressor: Aggressor
) -> None:
    """TRADE of the order in slot ``resting``, on ``level``, with the aggressor."""
    put(view.scalars, TRADES, get(view.scalars, TRADES) + 1)
    subject = subject_of_order(view, resting, order_price(view, resting), quantity)
    number = next_session_sequence(view, order_session(view, resting))
    contra_number = next_session_sequence(view, session_in(aggressor.identity))
    detail = contra_detail(aggressor, contra_number, remaining)
    write_event(view, EventKind.TRADE, 0, subject, totals_of(view, level), number, detail)


@engine_function
def emit_plain(view: Any, kind: int, reason: int, subject: Subject) -> None:
    """An event that tells of no level and no other order, and that no session is told of."""
    write_event(view, kind, reason, subject, NO_LEVEL, 0, NO_DETAIL)


@engine_function
def emit_checkpoint(view: Any) -> None:
    """CHECKPOINT: the chain hash of everything before it."""
    chain_roll(view)
    scalars = view.scalars
    digest = xxh64.digest(as_array(view.chain, xxh64.STATE_WORDS))
    events = get(scalars, CHAIN_EVENTS)
    emit_plain(view, EventKind.CHECKPOINT, 0, Subject(0, digest, events, 0, 0, 0))
    put(scalars, CHECKPOINT_EVENT, get(scalars, NEXT_EVENT))
