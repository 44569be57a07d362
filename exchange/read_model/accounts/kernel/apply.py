"""One event after another into the account model's memory: the compiled loop.

Who uses it: ``exchange/read_model/accounts/model.py``, with batches of released events. The rules
are in ``orders.py``, ``trades.py`` and ``definitions.py``; each reads one event, and
``docs/matching.md`` says what that event means.

Invariant: after the last event of a command balances, frozen parts, positions and live orders equal
the engine's. Between the events of one command they may not: a market order that lives only in its
own command tells nobody the price at which its funds are frozen, so here they never are.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind
from exchange.read_model.accounts.kernel.definitions import (
    day_started,
    defined,
    deposited,
    kill_switched,
    parameter_set,
)
from exchange.read_model.accounts.kernel.orders import (
    accepted,
    modified,
    reduced,
    rejected,
    terms_told,
    waiting_changed,
)
from exchange.read_model.accounts.kernel.prefetch import look_ahead
from exchange.read_model.accounts.kernel.trades import traded
from exchange.read_model.accounts.kernel.words import field_of
from exchange.read_model.accounts.layout import (
    HEADER_ERROR,
    HEADER_LAST_NS,
    HEADER_NEXT_EVENT,
)
from exchange.records import (
    EVENT_KIND,
    EVENT_TIMESTAMP_NS,
    EVENT_WORDS,
)
from ringbuffer.jit import jit_borrowed

_AHEAD_EVENTS = 32  # their cache lines, about 8 each, are a part of the first-level cache


@jit_borrowed
def apply_events(memory: np.ndarray, events: np.ndarray) -> int:
    """Apply consecutive events, the first of which is HEADER_NEXT_EVENT; how many were applied.

    ``memory``: int64; ``events``: int64[n x EVENT_WORDS], EVENT records as words. Stops before the
    first event that does not fit, with HEADER_ERROR saying why.
    """
    count = events.shape[0] // EVENT_WORDS
    for number in range(count):
        event = number * EVENT_WORDS
        if number % _AHEAD_EVENTS == 0:
            end = min(event + _AHEAD_EVENTS * EVENT_WORDS, count * EVENT_WORDS)
            look_ahead(memory, events, event, end)
        kind = field_of(events, event, EVENT_KIND)
        error = 0
        if kind == EventKind.TRADE:
            error = traded(memory, events, event)
        elif kind in (EventKind.ACCEPTED, EventKind.REPLACED):
            error = accepted(memory, events, event, kind == EventKind.REPLACED)
        elif kind in (EventKind.CANCELED, EventKind.REMOVED, EventKind.SELF_TRADE_PREVENTED):
            error = reduced(memory, events, event, kind)
        elif kind == EventKind.REJECTED:
            error = rejected(memory, events, event)
        elif kind == EventKind.MODIFIED:
            error = modified(memory, events, event)
        elif kind == EventKind.TERMS:
            error = terms_told(memory, events, event)
        elif kind in (EventKind.HELD, EventKind.RELEASED, EventKind.TRIGGERED):
            error = waiting_changed(memory, events, event, kind)
        elif kind == EventKind.BALANCE_CHANGED:
            error = deposited(memory, events, event)
        elif kind == EventKind.PARAMETER_SET:
            error = parameter_set(memory, events, event)
        elif kind == EventKind.KILL_SWITCHED:
            error = kill_switched(memory, events, event)
        elif kind == EventKind.DAY_STARTED:
            day_started(memory, field_of(events, event, EVENT_TIMESTAMP_NS))
        elif kind in (
            EventKind.CURRENCY_DEFINED,
            EventKind.INSTRUMENT_DEFINED,
            EventKind.SESSION_DEFINED,
            EventKind.ACCOUNT_DEFINED,
        ):
            error = defined(memory, events, event, kind)
        if error != 0:
            memory[HEADER_ERROR] = error
            return number
        memory[HEADER_NEXT_EVENT] += 1
    if count != 0:
        last = (count - 1) * EVENT_WORDS
        memory[HEADER_LAST_NS] = field_of(events, last, EVENT_TIMESTAMP_NS)
    return count
