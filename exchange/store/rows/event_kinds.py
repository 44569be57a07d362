"""The columns of table ``order_events`` by kind of event: names, and which fields it has.

Who uses it: ``event_rows.py``. Every table here is indexed by the number of the kind (256 of them,
so that a kind of a later version has a row too: its number as a name, and its common fields).
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
from exchange.store.rows.texts import name_of

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


ABOUT_ORDER = _flags(
    EventKind.ACCEPTED,
    EventKind.REJECTED,
    EventKind.REPLACED,
    EventKind.CANCELED,
    EventKind.TRADE,
    EventKind.MODIFIED,
    EventKind.RESTED,
    EventKind.REMOVED,
    EventKind.TERMS,
    EventKind.HELD,
    EventKind.RELEASED,
    EventKind.TRIGGERED,
    EventKind.REFRESHED,
    EventKind.SELF_TRADE_PREVENTED,
    EventKind.CANCEL_REJECTED,
)
# an order begins with one of these
MAKES_ORDER = _flags(EventKind.ACCEPTED, EventKind.REPLACED, EventKind.REJECTED)
HAS_SIDE = ABOUT_ORDER | _flags(EventKind.LEVEL)
HAS_REMAINING = _flags(
    EventKind.CANCELED,
    EventKind.TRADE,
    EventKind.MODIFIED,
    EventKind.RESTED,
    EventKind.REMOVED,
    EventKind.HELD,
    EventKind.RELEASED,
    EventKind.TRIGGERED,
    EventKind.REFRESHED,
    EventKind.SELF_TRADE_PREVENTED,
    EventKind.AUCTION,
    EventKind.BALANCE_CHANGED,
)
HAS_CONTRA_ORDER = _flags(EventKind.REPLACED, EventKind.TRADE, EventKind.SELF_TRADE_PREVENTED)
# the account of these is in the event, and not found by its session
NAMES_ACCOUNT = _flags(
    EventKind.ACCOUNT_DEFINED,
    EventKind.BALANCE_CHANGED,
    EventKind.CURRENCY_DEFINED,
    EventKind.PARAMETER_SET,
    EventKind.KILL_SWITCHED,
    EventKind.WARNING,
    EventKind.CONTROL_REJECTED,
)
# these have more to say than there are columns for (``event_details.py``)
HAS_DETAILS = _flags(
    EventKind.INSTRUMENT_DEFINED,
    EventKind.SESSION_DEFINED,
    EventKind.CURRENCY_DEFINED,
    EventKind.BALANCE_CHANGED,
    EventKind.PARAMETER_SET,
    EventKind.STATE_CHANGED,
    EventKind.KILL_SWITCHED,
    EventKind.WARNING,
    EventKind.CONTROL_REJECTED,
    EventKind.CONTROL_DONE,
    EventKind.NOTED,
)
# where others have a price and a quantity, these have text
HAS_TEXT = _flags(EventKind.NOTED)
# what a definition says goes into the tables instruments, sessions and currencies as well
DEFINES = _flags(
    EventKind.INSTRUMENT_DEFINED, EventKind.SESSION_DEFINED, EventKind.CURRENCY_DEFINED
)

KIND_NAMES = [name_of(EventKind, number) for number in range(KINDS)]
SIDE_NAMES = [name_of(Side, number) for number in range(KINDS)]
TYPE_NAMES = [name_of(OrderType, number) for number in range(KINDS)]
CANCEL_NAMES = [name_of(CancelReason, number) for number in range(KINDS)]
REJECT_NAMES = [name_of(Reject, number) for number in range(KINDS)]
TRADE_NAMES = [name_of(TradeReason, number) for number in range(KINDS)]


def reason_name(kind: int, reason: int) -> str | None:
    """The name of ``reason`` in an event of ``kind``; None when there is none."""
    if kind not in _REASONS or not (reason or kind in _ZERO_IS_A_REASON):
        return None
    return name_of(_REASONS[EventKind(kind)], reason)


_ZERO_IS_A_REASON = (EventKind.TRADE, EventKind.STATE_CHANGED)
