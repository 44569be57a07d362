"""Lists beside the books: held orders, the pending queue; and what TIMER is to be sent for."""

from __future__ import annotations

import numpy as np

from exchange.codes import InstrumentState
from exchange.engine.invariants.common import HALF, flags_of, high, low, require, rows
from exchange.engine.state import layout
from exchange.engine.state.layout import EngineState

_NANOSECONDS = 1_000_000_000


def check_held(state: EngineState, orders: np.ndarray, live: np.ndarray) -> None:
    """The list of held orders has exactly those, by order id, linked both ways."""
    s = state.scalars
    held = live[flags_of(orders, live) & layout.ORDER_HELD != 0]
    require(len(held) == s[layout.HELD_ORDERS], "HELD_ORDERS is wrong")
    require(not (flags_of(orders, held) & layout.ORDER_WAITING).any(), "a held order waits")
    require(not low(orders[held, 6]).any(), "a held order is on a level")
    found: list[int] = []
    slot, previous = int(s[layout.HELD_HEAD]), 0
    while slot and len(found) <= len(held):
        found.append(slot)
        require(int(orders[slot, 5]) >> 32 & HALF == previous, "the list of held orders is broken")
        previous, slot = slot, int(orders[slot, 5]) & HALF
    require(previous == s[layout.HELD_TAIL], "the last held order is not the tail")
    require(sorted(found) == held.tolist(), "the list of held orders has others")
    require(bool((np.diff(orders[found, 2]) > 0).all()), "held orders are not in order of arrival")


def check_pending(state: EngineState) -> None:
    """The pending queue is a list; an open instrument with a stop that is due is in it."""
    s = state.scalars
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    links = instruments[:, layout.INSTRUMENT_PENDING_NEXT]
    marked = np.flatnonzero(high(links)).tolist()
    found: list[int] = []
    number = int(s[layout.PENDING_HEAD])
    while number and len(found) <= len(marked):
        found.append(number)
        number = int(links[number]) & HALF
    require(sorted(found) == marked, "the pending queue is broken")
    require((found[-1] if found else 0) == s[layout.PENDING_TAIL], "the queue's tail is wrong")
    books = rows(state.books, layout.BOOK_WORDS)[2 * len(instruments) :, 0]
    sells, buys = books[0::2], books[1::2]
    tick = instruments[:, layout.INSTRUMENT_TICK]
    last = instruments[:, layout.INSTRUMENT_LAST_PRICE]
    due = ((buys != 0) & ((layout.ASK_MIRROR - buys) * tick <= last)) | (
        (sells != 0) & (sells * tick >= last)
    )
    opened = (instruments[:, layout.INSTRUMENT_FLAGS] >> 16) & 0xFF == InstrumentState.OPEN
    opened &= s[layout.MARKET_STATE] == InstrumentState.OPEN
    missing = np.setdiff1d(np.flatnonzero(due & opened & (last != 0)), found)
    require(len(missing) == 0, "an instrument with a due stop is not pending")


def check_deadline(state: EngineState) -> None:
    """NEXT_DEADLINE_SECOND is no later than the first end of a halt or cancel-after second."""
    s = state.scalars
    instruments = rows(state.instruments, layout.INSTRUMENT_WORDS)
    until = [*instruments[:, layout.INSTRUMENT_UNTIL_NS].tolist(), int(s[layout.MARKET_UNTIL_NS])]
    seconds = [-(-time_ns // _NANOSECONDS) for time_ns in until if time_ns]
    after = rows(state.sessions, layout.SESSION_WORDS)[:, 7]
    seconds += after[after != 0].tolist()
    if seconds:
        deadline = int(s[layout.NEXT_DEADLINE_SECOND])
        require(0 < deadline <= min(seconds), "NEXT_DEADLINE_SECOND is too late")
