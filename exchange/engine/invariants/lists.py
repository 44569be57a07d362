"""Lists beside the books: held orders, the pending queue; and what TIMER is to be sent for."""

from __future__ import annotations

import numpy as np

from exchange.codes import InstrumentState
from exchange.engine.invariants.common import flags_of, require, rows
from exchange.engine.state import layout
from exchange.engine.state.layout import (
    BOOK_BEST,
    INSTRUMENT_PENDING_LINK,
    INSTRUMENT_PENDING_MARK,
    INSTRUMENT_STATE,
    ORDER_ID,
    ORDER_LEVEL,
    ORDER_NEXT,
    ORDER_PREVIOUS,
    SESSION_CANCEL_AFTER,
    EngineState,
)

_NANOSECONDS = 1_000_000_000


def check_held(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    """The list of held orders has exactly those, by order id, linked both ways."""
    scalars = state.scalars
    held = live[flags_of(orders, live) & layout.ORDER_HELD != 0]
    require(len(held) == scalars[layout.HELD_ORDERS], "HELD_ORDERS is wrong")
    require(not (flags_of(orders, held) & layout.ORDER_WAITING).any(), "a held order waits")
    require(not ORDER_LEVEL.column(orders[held]).any(), "a held order is on a level")
    found: list[int] = []
    slot, previous = int(scalars[layout.HELD_HEAD]), 0
    while slot and len(found) <= len(held):
        found.append(slot)
        told = ORDER_PREVIOUS.of(orders[slot])
        require(told == previous, "the list of held orders is broken")
        previous, slot = slot, ORDER_NEXT.of(orders[slot])
    require(previous == scalars[layout.HELD_TAIL], "the last held order is not the tail")
    require(sorted(found) == held.tolist(), "the list of held orders has others")
    require(
        bool((np.diff(ORDER_ID.column(orders[found])) > 0).all()),
        "held orders are not in order of arrival",
    )


def check_pending(state: EngineState) -> None:
    """The pending queue is a list; an open instrument with a stop that is due is in it."""
    scalars = state.scalars
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    marked = np.flatnonzero(INSTRUMENT_PENDING_MARK.column(instruments)).tolist()
    found: list[int] = []
    number = int(scalars[layout.PENDING_HEAD])
    while number and len(found) <= len(marked):
        found.append(number)
        number = INSTRUMENT_PENDING_LINK.of(instruments[number])
    require(sorted(found) == marked, "the pending queue is broken")
    require(
        (found[-1] if found else 0) == scalars[layout.PENDING_TAIL], "the queue's tail is wrong"
    )
    books = BOOK_BEST.column(rows(state.books, layout.BOOK_WORDS))[2 * len(instruments) :]
    sells, buys = books[0::2], books[1::2]
    tick = instruments[:, layout.INSTRUMENT_TICK]
    last = instruments[:, layout.INSTRUMENT_LAST_PRICE]
    due = ((buys != 0) & ((layout.ASK_MIRROR - buys) * tick <= last)) | (
        (sells != 0) & (sells * tick >= last)
    )
    opened = INSTRUMENT_STATE.column(instruments) == InstrumentState.OPEN
    opened &= scalars[layout.MARKET_STATE] == InstrumentState.OPEN
    missing = np.setdiff1d(np.flatnonzero(due & opened & (last != 0)), found)
    require(len(missing) == 0, "an instrument with a due stop is not pending")


def check_deadline(state: EngineState) -> None:
    """NEXT_DEADLINE_SECOND is no later than the first end of a halt or cancel-after second."""
    scalars = state.scalars
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    until = [
        *instruments[:, layout.INSTRUMENT_UNTIL_NS].tolist(),
        int(scalars[layout.MARKET_UNTIL_NS]),
    ]
    seconds = [-(-time_ns // _NANOSECONDS) for time_ns in until if time_ns]
    after = SESSION_CANCEL_AFTER.column(rows(state.sessions, layout.SESSION_WORDS))
    seconds += after[after != 0].tolist()
    if seconds:
        deadline = int(scalars[layout.NEXT_DEADLINE_SECOND])
        require(0 < deadline <= min(seconds), "NEXT_DEADLINE_SECOND is too late")
