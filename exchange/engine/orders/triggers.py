"""Stops that are due enter the market: the steps at the end of every command.

Decision ENG-8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind
from exchange.engine.book.stops import due_level, leave_queue, stop_leave
from exchange.engine.orders.re_enter import resume_order
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.layout import INSTRUMENT_WORDS, LEVEL_WORDS, ORDER_WORDS, PENDING_HEAD
from exchange.engine.state.memory import get
from exchange.engine.state.trading_states import is_open
from ringbuffer.jit import jit_internal

STEPS = 64  # of one command

_TRIGGERED = int(EventKind.TRIGGERED)


@jit_internal
def run_stops(v: Any) -> None:
    """Let stops that are due enter the market, up to STEPS of them.

    Instruments are served in the order in which they became pending, each until none of its stops
    is due: a trade may make more of them due, or halt the instrument.
    """
    steps = 0
    while steps < STEPS:
        instrument = get(v.scalars, PENDING_HEAD)
        if instrument == 0:
            return
        level = due_level(v, instrument) if is_open(v, instrument * INSTRUMENT_WORDS) else 0
        if level == 0:
            leave_queue(v)
            continue
        steps += 1
        slot = get(v.levels_half, level * (LEVEL_WORDS * 2) + 2)
        whole = get(v.orders, slot * ORDER_WORDS)
        stop_leave(v, slot)
        emit_order_event(v, slot, 0, _TRIGGERED, 0, whole, whole, 0)
        resume_order(v, slot, True)
