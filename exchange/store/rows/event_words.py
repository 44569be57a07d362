"""What is said of each kind of event in table ``order_events``: words, and which fields it has.

Who uses it: ``event_rows.py``. Every table here is indexed by the number of the kind (256 of them,
so that a kind of a later version has a row too: its number as a word, and its common fields).
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np

from exchange.codes import (
    CancelReason,
    EventKind,
    OrderType,
    Reject,
    Side,
    StateReason,
    SystemEvent,
    TradeReason,
    WarningReason,
)
from exchange.store.rows.texts import word

KINDS = 256
_REASONS: dict[EventKind, type[IntEnum]] = {
    EventKind.REJECTED: Reject,
    EventKind.CANCEL_REJECTED: Reject,
    EventKind.CONTROL_REJECTED: Reject,
    EventKind.CANCELED: CancelReason,
    EventKind.TRADE: TradeReason,
    EventKind.SYSTEM: SystemEvent,
    EventKind.WARNING: WarningReason,
    EventKind.STATE_CHANGED: StateReason,
}


def _flags(*kinds: EventKind) -> np.ndarray:
    table = np.zeros(KINDS, np.bool_)
    table[list(kinds)] = True
    return table


E = EventKind
ABOUT_ORDER = _flags(
    E.ACCEPTED,
    E.REJECTED,
    E.REPLACED,
    E.CANCELED,
    E.TRADE,
    E.MODIFIED,
    E.RESTED,
    E.REMOVED,
    E.TERMS,
    E.HELD,
    E.RELEASED,
    E.TRIGGERED,
    E.REFRESHED,
    E.SELF_TRADE_PREVENTED,
    E.CANCEL_REJECTED,
)
# an order begins with one of these
MAKES_ORDER = _flags(E.ACCEPTED, E.REPLACED, E.REJECTED)
HAS_SIDE = ABOUT_ORDER | _flags(E.LEVEL)
HAS_REMAINING = _flags(
    E.CANCELED,
    E.TRADE,
    E.MODIFIED,
    E.RESTED,
    E.REMOVED,
    E.HELD,
    E.RELEASED,
    E.TRIGGERED,
    E.REFRESHED,
    E.SELF_TRADE_PREVENTED,
    E.AUCTION,
    E.BALANCE_CHANGED,
)
HAS_CONTRA_ORDER = _flags(E.REPLACED, E.TRADE, E.SELF_TRADE_PREVENTED)
# the account of these is in the event, and not found by its session
NAMES_ACCOUNT = _flags(
    E.ACCOUNT_DEFINED,
    E.BALANCE_CHANGED,
    E.CURRENCY_DEFINED,
    E.PARAMETER_SET,
    E.KILL_SWITCHED,
    E.WARNING,
    E.CONTROL_REJECTED,
)
# these have more to say than there are columns for (``event_details.py``)
HAS_DETAILS = _flags(
    E.INSTRUMENT_DEFINED,
    E.SESSION_DEFINED,
    E.CURRENCY_DEFINED,
    E.BALANCE_CHANGED,
    E.PARAMETER_SET,
    E.STATE_CHANGED,
    E.KILL_SWITCHED,
    E.WARNING,
    E.CONTROL_REJECTED,
    E.CONTROL_DONE,
)
# what a definition says goes into the tables instruments, sessions and currencies as well
DEFINES = _flags(E.INSTRUMENT_DEFINED, E.SESSION_DEFINED, E.CURRENCY_DEFINED)

KIND_WORDS = [word(EventKind, number) for number in range(KINDS)]
SIDE_WORDS = [word(Side, number) for number in range(KINDS)]
TYPE_WORDS = [word(OrderType, number) for number in range(KINDS)]
CANCEL_WORDS = [word(CancelReason, number) for number in range(KINDS)]
REJECT_WORDS = [word(Reject, number) for number in range(KINDS)]
TRADE_WORDS = [word(TradeReason, number) for number in range(KINDS)]


def reason_word(kind: int, reason: int) -> str | None:
    """The word of ``reason`` in an event of ``kind``; None when there is none."""
    if kind not in _REASONS:
        return None
    return word(_REASONS[EventKind(kind)], reason) if reason or kind in _ZERO_IS_A_REASON else None


_ZERO_IS_A_REASON = (EventKind.TRADE, EventKind.STATE_CHANGED)
