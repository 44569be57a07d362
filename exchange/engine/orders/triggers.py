"""Stops that are due enter the market: the steps at the end of every command.

Decision ENG-8.
"""

from __future__ import annotations

from typing import Any

from exchange.codes import EventKind
from exchange.engine.book.stops import due_level, leave_queue, stop_leave
from exchange.engine.orders.re_enter import re_enter
from exchange.engine.state.events import emit_order_event
from exchange.engine.state.functions import engine_function
from exchange.engine.state.layout import INSTRUMENT_WORDS, PENDING_HEAD
from exchange.engine.state.memory import get
from exchange.engine.state.rows import level_head, order_open
from exchange.engine.state.trading_states import is_open

STEPS = 64  # of one command


@engine_function
def run_stops(view: Any) -> None:
    """Let stops that are due enter the market, up to STEPS of them.

    Instruments are served in the order in which they became pending, each until none of its stops
    is due: a trade may make more of them due, or halt the instrument.
    """
    steps = 0
    while steps < STEPS:
        instrument = get(view.scalars, PENDING_HEAD)
        if instrument == 0:
            return
        level = due_level(view, instrument) if is_open(view, instrument * INSTRUMENT_WORDS) else 0
        if level == 0:
            leave_queue(view)
            continue
        steps += 1
        slot = level_head(view, level)
        whole = order_open(view, slot)
        stop_leave(view, slot)
        emit_order_event(view, EventKind.TRIGGERED, slot, 0, whole, whole)
        re_enter(view, slot, True)
