"""The matcher: applies commands to the state and emits their events, as docs/matching.md says.

``apply_commands`` is the only way in. Commands go in groups: their tokens are hashed and the memory
that they will touch is fetched for the whole group first, then they are applied one by one, each
looking everything up again, because the commands before it may have changed anything.

Decision RNG-4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from exchange.codes import (
    CommandKind,
)
from exchange.engine.book.order_pool import order_id_find
from exchange.engine.control.dispatch import apply_control
from exchange.engine.money.clearing import account_of_session
from exchange.engine.orders.amend import apply_cancel, apply_modify, live_order
from exchange.engine.orders.checks import session_defined
from exchange.engine.orders.enter import apply_enter
from exchange.engine.orders.replace import apply_replace
from exchange.engine.orders.triggers import run_stops
from exchange.engine.prefetch import (
    LONG_FLAG,
    follow_group,
    gather_group,
    reach_group,
    surround_group,
)
from exchange.engine.state.chain_hash import chain_roll
from exchange.engine.state.events import CHECKPOINT_INTERVAL, emit_checkpoint
from exchange.engine.state.layout import (
    ABORTED,
    CHECKPOINT_EVENT,
    COMMAND_MASK,
    COMMAND_SEQUENCE,
    EVENT_BASE,
    EVENT_LIMIT,
    EVENT_MASK,
    GROUP,
    GROUPS,
    LAST_TIMESTAMP_NS,
    NEXT_COMMAND,
    NEXT_EVENT,
    ORDER_WORDS,
    PENDING_HEAD,
    SCRATCH_WORDS,
    TIMESTAMP_NS,
)
from exchange.engine.state.memory import get, put
from exchange.engine.state.pointers import make_view
from exchange.records import COMMAND_WORDS
from ringbuffer.jit import jit, jit_inline, jit_inline_internal, jit_internal, jit_merged

_ENTER = int(CommandKind.ENTER)
_CANCEL = int(CommandKind.CANCEL)
_REPLACE = int(CommandKind.REPLACE)
_MODIFY = int(CommandKind.MODIFY)
_CANCEL_BY_ORDER_ID = int(CommandKind.CANCEL_BY_ORDER_ID)
_REPLACE_BY_ORDER_ID = int(CommandKind.REPLACE_BY_ORDER_ID)
_MODIFY_BY_ORDER_ID = int(CommandKind.MODIFY_BY_ORDER_ID)


@jit_inline_internal
def named_order(v: Any, kind: int, c: int, c2: int, hashed: int) -> int:
    """The slot of the live order that a command names and may change; 0 if there is none.

    By order id a client reaches orders of its own session, to cancel also those of other sessions
    of its account; session 0, the operator's, reaches all of them.
    """
    session = get(v.commands, c + 5) & 0xFFFF
    if kind in (_CANCEL, _REPLACE, _MODIFY):
        return live_order(v, hashed, get(v.commands, c + 3), get(v.commands, c + 4), session)
    order_id = get(v.commands, c2 + 5 if kind == _REPLACE_BY_ORDER_ID else c + 1)
    slot = order_id_find(v, order_id)
    if slot == 0 or (session == 0 and kind == _CANCEL_BY_ORDER_ID):
        return slot
    if not session_defined(v, session):
        return 0
    owner = get(v.orders, slot * ORDER_WORDS + 7) & 0xFFFF
    if owner == session:
        return slot
    if kind == _CANCEL_BY_ORDER_ID and account_of_session(v, owner) == account_of_session(
        v, session
    ):
        return slot
    return 0


@jit_internal
def named_order_apart(v: Any, kind: int, c: int, c2: int, hashed: int) -> int:
    """``named_order`` for what is not often asked for."""
    return named_order(v, kind, c, c2, hashed)


@jit_merged
def apply_one(v: Any, sequence: int, c: int, c2: int, hashed: int) -> None:
    """Apply the command at word ``c`` and emit a CHECKPOINT when one is due."""
    s = v.scalars
    timestamp_ns = get(v.commands, c)
    put(s, COMMAND_SEQUENCE, sequence)
    put(s, TIMESTAMP_NS, timestamp_ns)
    put(s, LAST_TIMESTAMP_NS, timestamp_ns)
    word_5 = get(v.commands, c + 5)
    kind = (word_5 >> 16) & 0xFF
    is_long = get(v.commands, c + 7) & LONG_FLAG != 0
    if kind == _ENTER:
        apply_enter(v, c, c2, hashed)
    elif kind in (_CANCEL, _CANCEL_BY_ORDER_ID):
        slot = named_order(v, kind, c, c2, hashed)
        apply_cancel(v, slot, get(v.commands, c + 2), kind == _CANCEL or word_5 & 0xFFFF != 0)
    elif kind in (_REPLACE, _REPLACE_BY_ORDER_ID) and is_long:
        apply_replace(v, c, c2, named_order_apart(v, kind, c, c2, hashed))
    elif kind in (_MODIFY, _MODIFY_BY_ORDER_ID):
        slot = named_order_apart(v, kind, c, c2, hashed)
        if slot != 0:
            apply_modify(v, slot, (word_5 >> 24) & 0xFF, get(v.commands, c + 2))
    else:
        apply_control(v, kind, c, c2, is_long)
    if get(s, PENDING_HEAD) != 0:
        run_stops(v)
    if get(s, NEXT_EVENT) - get(s, CHECKPOINT_EVENT) >= CHECKPOINT_INTERVAL:
        emit_checkpoint(v)


@jit_inline
def group_base(step: int) -> int:
    """First scratch word of the group that was gathered in ``step``."""
    return (step & (GROUPS - 1)) * (GROUP * SCRATCH_WORDS)


@jit_internal
def apply_group(v: Any, base: int, count: int) -> None:
    """Apply the commands that ``gather_group`` listed from scratch word ``base`` on."""
    s = v.scalars
    mask = get(s, COMMAND_MASK)
    for number in range(count):
        at = base + number * SCRATCH_WORDS
        sequence = get(v.scratch, at)
        c = (sequence & mask) * COMMAND_WORDS
        c2 = ((sequence + 1) & mask) * COMMAND_WORDS
        apply_one(v, sequence, c, c2, get(v.scratch, at + 1))
        if get(s, ABORTED) != 0:
            return
        put(s, NEXT_COMMAND, sequence + (2 if get(v.commands, c + 7) & LONG_FLAG != 0 else 1))


@jit_merged
def apply_view(v: Any, first_sequence: int, end_sequence: int) -> None:
    """Apply the commands [first_sequence, end_sequence) of the view's command ring."""
    if end_sequence - first_sequence <= 2:
        # nothing to overlap with
        count = gather_group(v, 0, first_sequence, end_sequence)
        apply_group(v, 0, count)
        chain_roll(v)
        return
    s = v.scalars
    sequence = first_sequence
    # how many commands are in the groups of the steps before: n1 gathered last, n4 applied next
    n1 = n2 = n3 = n4 = 0
    step = 0
    while get(s, ABORTED) == 0:
        n0 = gather_group(v, group_base(step), sequence, end_sequence)
        if n0 > 0:
            last = get(v.scratch, group_base(step) + (n0 - 1) * SCRATCH_WORDS)
            c = (last & get(s, COMMAND_MASK)) * COMMAND_WORDS
            sequence = last + (2 if get(v.commands, c + 7) & LONG_FLAG != 0 else 1)
        elif n1 + n2 + n3 + n4 == 0:
            break
        follow_group(v, group_base(step - 1), n1)
        reach_group(v, group_base(step - 2), n2)
        surround_group(v, group_base(step - 3), n3)
        apply_group(v, group_base(step - 4), n4)
        # events are hashed while they are still in the nearest cache
        chain_roll(v)
        n4, n3, n2, n1 = n3, n2, n1, n0
        step += 1


@jit
def apply_commands(
    state: Any,
    commands: np.ndarray,
    first_sequence: int,
    end_sequence: int,
    events: np.ndarray,
    event_base: int,
    cursors: np.ndarray,
    wakeups: np.ndarray,
) -> int:
    """Apply commands ``first_sequence`` up to ``end_sequence`` (not included); events emitted.

    ``state``: EngineState. ``commands``: COMMAND[n], n a power of two; command s is at
    ``s & (n - 1)``. ``events``: EVENT[m], m a power of two of at least 2; event e goes to
    ``(e - event_base) & (m - 1)``, once ``cursors[EVENT_RELEASED] > e - m + 1``; when there is no
    room the call waits. Every ``maximum_batch(m)`` events, and before it waits, the events so far
    are published (EVENT_PUBLISHED) and the journaler is woken through ``wakeups`` (int64, eventfds
    by agent, -1 = none); publishing the rest is the caller's.

    A long command whose second slot would be ``end_sequence`` is left for the next call;
    ``state.scalars[NEXT_COMMAND]`` says how far it came. -1: STOP was set while waiting for room;
    the state is then in the middle of a command and the process must go down.
    """
    v = make_view(state, commands, events, cursors, wakeups)
    s = v.scalars
    put(s, COMMAND_MASK, commands.shape[0] - 1)
    put(s, EVENT_BASE, event_base)
    put(s, EVENT_MASK, events.shape[0] - 1)
    put(s, EVENT_LIMIT, 0)
    put(s, ABORTED, 0)
    before = get(s, NEXT_EVENT)
    apply_view(v, first_sequence, end_sequence)
    if get(s, ABORTED) != 0:
        return -1
    return get(s, NEXT_EVENT) - before
