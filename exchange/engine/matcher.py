"""The matcher: applies commands to the state and emits their events, as docs/matching.md says.

``apply_commands`` is the only way in. Commands go in groups: their tokens are hashed and the memory
that they will touch is fetched for the whole group first, then they are applied one by one, each
looking everything up again, because the commands before it may have changed anything.

Decision RNG-4.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import FLAG_MODIFY_ENDS, CommandKind
from exchange.engine.book.order_pool import order_id_find
from exchange.engine.control.dispatch import apply_control
from exchange.engine.money.positions import drop_empty_positions
from exchange.engine.orders.amend import apply_cancel, apply_modify, live_order
from exchange.engine.orders.enter import apply_enter
from exchange.engine.orders.replace import apply_replace
from exchange.engine.orders.terms import command_size, is_long_command
from exchange.engine.orders.triggers import run_stops
from exchange.engine.prefetch import (
    follow_group,
    gather_group,
    reach_group,
    surround_group,
)
from exchange.engine.state.chain_hash import chain_roll
from exchange.engine.state.commands import (
    command_flags,
    command_kind,
    command_price,
    command_quantity,
    command_session,
    command_side,
    command_timestamp_ns,
    command_token_0,
    command_token_word,
    continuation_order_id,
)
from exchange.engine.state.defined import session_defined
from exchange.engine.state.events import CHECKPOINT_INTERVAL, emit_checkpoint
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import (
    ABORTED,
    CHECKPOINT_EVENT,
    COMMAND_MASK,
    COMMAND_SEQUENCE,
    EMPTY_POSITION,
    EVENT_BASE,
    EVENT_LIMIT,
    EVENT_MASK,
    GROUP,
    GROUPS,
    LAST_TIMESTAMP_NS,
    NEXT_COMMAND,
    NEXT_EVENT,
    PENDING_HEAD,
    SCRATCH_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put, words
from exchange.engine.state.pointers import make_view
from exchange.engine.state.rows import (
    order_session,
    scratch_hash,
    scratch_sequence,
    session_account,
)
from exchange.records import COMMAND_WORDS
from ringbuffer.jit import jit, jit_inline, jit_inline_internal


@jit_inline_internal
def named_order(view: Any, kind: int, command_at: int, continuation_at: int, hashed: int) -> int:
    """The slot of the live order that a command names and may change; 0 if there is none.

    By order id a client reaches orders of its own session, to cancel also those of other sessions
    of its account; session 0, the operator's, reaches all of them.
    """
    session = command_session(view, command_at)
    if kind in (CommandKind.CANCEL, CommandKind.REPLACE, CommandKind.MODIFY):
        token_0 = command_token_0(view, command_at)
        return live_order(view, hashed, token_0, command_token_word(view, command_at), session)
    if kind == CommandKind.REPLACE_BY_ORDER_ID:
        order_id = continuation_order_id(view, continuation_at)
    else:
        order_id = command_price(view, command_at)
    slot = order_id_find(view, order_id)
    if slot == 0 or (session == 0 and kind == CommandKind.CANCEL_BY_ORDER_ID):
        return slot
    if not session_defined(view, session):
        return 0
    owner = order_session(view, slot)
    if owner == session:
        return slot
    same_account = session_account(view, owner) == session_account(view, session)
    return slot if kind == CommandKind.CANCEL_BY_ORDER_ID and same_account else 0


@engine_function
def named_order_apart(
    view: Any, kind: int, command_at: int, continuation_at: int, hashed: int
) -> int:
    """``named_order`` for what is not often asked for."""
    return named_order(view, kind, command_at, continuation_at, hashed)


@jit_inline_internal
def apply_one(view: Any, sequence: int, command_at: int, continuation_at: int, hashed: int) -> None:
    """Apply the command at word ``command_at`` and emit a CHECKPOINT when one is due."""
    scalars = view.scalars
    timestamp_ns = command_timestamp_ns(view, command_at)
    put(scalars, COMMAND_SEQUENCE, sequence)
    put(scalars, TIMESTAMP_NS, timestamp_ns)
    put(scalars, LAST_TIMESTAMP_NS, timestamp_ns)
    kind = command_kind(view, command_at)
    is_long = is_long_command(view, command_at)
    quantity = command_quantity(view, command_at)
    if kind == CommandKind.ENTER:
        apply_enter(view, command_at, continuation_at, hashed)
    elif kind in (CommandKind.CANCEL, CommandKind.CANCEL_BY_ORDER_ID):
        slot = named_order(view, kind, command_at, continuation_at, hashed)
        is_user = kind == CommandKind.CANCEL or command_session(view, command_at) != 0
        apply_cancel(view, slot, quantity, is_user)
    elif kind in (CommandKind.REPLACE, CommandKind.REPLACE_BY_ORDER_ID) and is_long:
        slot = named_order_apart(view, kind, command_at, continuation_at, hashed)
        apply_replace(view, command_at, continuation_at, slot)
    elif kind in (CommandKind.MODIFY, CommandKind.MODIFY_BY_ORDER_ID):
        slot = named_order_apart(view, kind, command_at, continuation_at, hashed)
        if slot != 0:
            ends = command_flags(view, command_at) & FLAG_MODIFY_ENDS != 0
            apply_modify(view, slot, command_side(view, command_at), quantity, ends)
    else:
        apply_control(view, kind, command_at, continuation_at, is_long)
    if get(scalars, PENDING_HEAD) != 0:
        run_stops(view)
    if get(scalars, EMPTY_POSITION.word) != 0:
        drop_empty_positions(view)
    if get(scalars, NEXT_EVENT) - get(scalars, CHECKPOINT_EVENT) >= CHECKPOINT_INTERVAL:
        emit_checkpoint(view)


@jit_inline
def group_base(step: int) -> int:
    """First scratch word of the group that was gathered in ``step``."""
    return (step & (GROUPS - 1)) * (GROUP * SCRATCH_WORDS)


@engine_function
def apply_group(view: Any, base: int, count: int) -> None:
    """Apply the commands that ``gather_group`` listed from scratch word ``base`` on."""
    scalars = view.scalars
    mask = get(scalars, COMMAND_MASK)
    for number in range(count):
        scratch_at = base + number * SCRATCH_WORDS
        sequence = scratch_sequence(view, scratch_at)
        command_at = (sequence & mask) * COMMAND_WORDS
        continuation_at = ((sequence + 1) & mask) * COMMAND_WORDS
        apply_one(view, sequence, command_at, continuation_at, scratch_hash(view, scratch_at))
        if get(scalars, ABORTED) != 0:
            return
        size = command_size(view, command_at)
        put(scalars, NEXT_COMMAND, sequence + size)


@engine_function
def apply_view(view: Any, first_sequence: int, end_sequence: int) -> None:
    """Apply the commands [first_sequence, end_sequence) of the view's command ring."""
    if end_sequence - first_sequence <= 2:
        # nothing to overlap with
        count = gather_group(view, 0, first_sequence, end_sequence)
        apply_group(view, 0, count)
        chain_roll(view)
        return
    scalars = view.scalars
    sequence = first_sequence
    # how many commands are in the groups of the steps before
    followed = reached = surrounded = applied = 0
    step = 0
    while get(scalars, ABORTED) == 0:
        gathered = gather_group(view, group_base(step), sequence, end_sequence)
        if gathered > 0:
            last = scratch_sequence(view, group_base(step) + (gathered - 1) * SCRATCH_WORDS)
            command_at = (last & get(scalars, COMMAND_MASK)) * COMMAND_WORDS
            sequence = last + command_size(view, command_at)
        elif followed + reached + surrounded + applied == 0:
            break
        follow_group(view, group_base(step - 1), followed)
        reach_group(view, group_base(step - 2), reached)
        surround_group(view, group_base(step - 3), surrounded)
        apply_group(view, group_base(step - 4), applied)
        # events are hashed while they are still in the nearest cache
        chain_roll(view)
        applied, surrounded, reached, followed = surrounded, reached, followed, gathered
        step += 1


@jit
def apply_commands(state: Any, rings: Any, first_sequence: int, end_sequence: int) -> int:
    """Apply commands ``first_sequence`` up to ``end_sequence`` (not included); events emitted.

    ``state``: EngineState. ``rings``: Rings. When there is no room for an event the call waits.
    Every ``maximum_batch`` events of the ring, and before it waits, the events so far are published
    (EVENT_PUBLISHED) and the journaler is woken; publishing the rest is the caller's.

    A long command whose second slot would be ``end_sequence`` is left for the next call;
    ``state.scalars[NEXT_COMMAND]`` says how far it came. -1: STOP was set while waiting for room;
    the state is then in the middle of a command and the process must go down.
    """
    view = make_view(state, rings)
    # not view.scalars: this function has just written the address, see function_table.py
    scalars = words(state.scalars)
    put(scalars, COMMAND_MASK, rings.commands.shape[0] - 1)
    put(scalars, EVENT_BASE, rings.event_base)
    put(scalars, EVENT_MASK, rings.events.shape[0] - 1)
    put(scalars, EVENT_LIMIT, 0)
    put(scalars, ABORTED, 0)
    before = get(scalars, NEXT_EVENT)
    apply_view(view, first_sequence, end_sequence)
    if get(scalars, ABORTED) != 0:
        return -1
    return get(scalars, NEXT_EVENT) - before
