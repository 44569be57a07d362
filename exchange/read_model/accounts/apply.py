"""One event after another into the account model's memory: the compiled loop.

Who uses it: ``accounts.py``, with batches of released events. The rules are in
``accounts_orders.py``, ``accounts_trades.py`` and ``accounts_definitions.py``; each reads one
event, and ``docs/matching.md`` says what that event means.

Invariant: after the last event of a command balances, frozen parts, positions and live orders equal
the engine's. Between the events of one command they may not: a market order that lives only in its
own command tells nobody the price at which its funds are frozen, so here they never are.
"""

from __future__ import annotations

import numpy as np

from exchange.codes import EventKind
from exchange.read_model.accounts.definitions import (
    day_started,
    defined,
    deposited,
    kill_switched,
    parameter_set,
)
from exchange.read_model.accounts.layout import (
    BYTE,
    E_TIMESTAMP_NS,
    E_WHAT,
    EVENT_KIND_SHIFT,
    EVENT_WORDS,
    H_ERROR,
    H_LAST_NS,
    H_NEXT_EVENT,
)
from exchange.read_model.accounts.orders import accepted, modified, moved, reduced, rejected, terms
from exchange.read_model.accounts.prefetch import look_ahead
from exchange.read_model.accounts.trades import traded
from ringbuffer.jit import jit_borrowed

_ACCEPTED = int(EventKind.ACCEPTED)
_REJECTED = int(EventKind.REJECTED)
_REPLACED = int(EventKind.REPLACED)
_CANCELED = int(EventKind.CANCELED)
_TRADE = int(EventKind.TRADE)
_MODIFIED = int(EventKind.MODIFIED)
_REMOVED = int(EventKind.REMOVED)
_TERMS = int(EventKind.TERMS)
_HELD = int(EventKind.HELD)
_RELEASED = int(EventKind.RELEASED)
_TRIGGERED = int(EventKind.TRIGGERED)
_SELF_TRADE_PREVENTED = int(EventKind.SELF_TRADE_PREVENTED)
_DAY_STARTED = int(EventKind.DAY_STARTED)
_INSTRUMENT_DEFINED = int(EventKind.INSTRUMENT_DEFINED)
_SESSION_DEFINED = int(EventKind.SESSION_DEFINED)
_CURRENCY_DEFINED = int(EventKind.CURRENCY_DEFINED)
_ACCOUNT_DEFINED = int(EventKind.ACCOUNT_DEFINED)
_BALANCE_CHANGED = int(EventKind.BALANCE_CHANGED)
_PARAMETER_SET = int(EventKind.PARAMETER_SET)
_KILL_SWITCHED = int(EventKind.KILL_SWITCHED)
_AHEAD_EVENTS = 32  # their cache lines, about 8 each, are a part of the first-level cache


@jit_borrowed
def apply_events(m: np.ndarray, e: np.ndarray) -> int:
    """Apply consecutive events, the first of which is H_NEXT_EVENT; how many were applied.

    ``e``: EVENT records as int64 words. Stops before the first event that does not fit, with
    H_ERROR saying why.
    """
    count = e.shape[0] // EVENT_WORDS
    for number in range(count):
        i = number * EVENT_WORDS
        if number % _AHEAD_EVENTS == 0:
            look_ahead(m, e, i, min(i + _AHEAD_EVENTS * EVENT_WORDS, count * EVENT_WORDS))
        kind = (e[i + E_WHAT] >> EVENT_KIND_SHIFT) & BYTE
        error = 0
        if kind == _TRADE:
            error = traded(m, e, i)
        elif kind in (_ACCEPTED, _REPLACED):
            error = accepted(m, e, i, kind == _REPLACED)
        elif kind in (_CANCELED, _REMOVED, _SELF_TRADE_PREVENTED):
            error = reduced(m, e, i, kind)
        elif kind == _REJECTED:
            error = rejected(m, e, i)
        elif kind == _MODIFIED:
            error = modified(m, e, i)
        elif kind == _TERMS:
            error = terms(m, e, i)
        elif kind in (_HELD, _RELEASED, _TRIGGERED):
            error = moved(m, e, i, kind)
        elif kind == _BALANCE_CHANGED:
            error = deposited(m, e, i)
        elif kind == _PARAMETER_SET:
            error = parameter_set(m, e, i)
        elif kind == _KILL_SWITCHED:
            error = kill_switched(m, e, i)
        elif kind == _DAY_STARTED:
            day_started(m, e[i + E_TIMESTAMP_NS])
        elif kind in (_CURRENCY_DEFINED, _INSTRUMENT_DEFINED, _SESSION_DEFINED, _ACCOUNT_DEFINED):
            error = defined(m, e, i, kind)
        if error != 0:
            m[H_ERROR] = error
            return number
        m[H_NEXT_EVENT] += 1
    if count != 0:
        m[H_LAST_NS] = e[(count - 1) * EVENT_WORDS + E_TIMESTAMP_NS]
    return count
