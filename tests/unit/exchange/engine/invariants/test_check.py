"""The check of a state finds what is wrong with it; snapshots keep all that a state can have.

One state holds some of everything: orders that rest, wait and are held, icebergs, a crossed book in
an auction, a halt with an end, short positions, keys, switches, cancel-after, a pending queue.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from exchange.core.capacity import EngineCapacity
from exchange.engine.invariants.check import InvariantBroken, check_state
from exchange.engine.state import layout
from exchange.engine.state.chain_hash import chain_digest
from exchange.engine.state.create import create_state
from exchange.engine.state.layout import EngineState
from exchange.engine.state.snapshot import read_snapshot, write_snapshot
from tests.harness.small_engine import Exchange
from tests.model.cases.script import PRELUDE, Script

CAPACITY = EngineCapacity(8, 8, orders=256, leaves=64, nodes=64, tokens=1024, accounts=16)
LONG_CASCADE = 80  # stops that trigger one after the other: more than one command may

SETTING = """
> instrument 2 tick=5 lot=10 low=5 high=1000 most=5000 group=3
> instrument 3 tick=1 lot=10 low=1 high=1000 most=5000
> deposit 1 100000 stock=3 price=50
> parameter FEES -100 300 instrument=3
> parameter REVIEW_VALUE 200000 instrument=1
> parameter PRICE_BAND 500000 instrument=1
> parameter BREAKER 500000 16 5 instrument=1
> parameter CANCEL_RATIO 900000 60 5 account=1
> parameter SESSION_RATE 100 50 session=2
> parameter CANCEL_ON_DISCONNECT 1 session=2
> parameter SELF_TRADE 4 7 account=2
> 1 enter bid B 100 @ 48 tif=50
> 1 enter big S 500 @ 52 show=50
> 1 enter held B 5000 @ 60
> 2 enter up B 20 @ 60 stop=55
> 2 enter down T 30 @ 40 stop=45 show=10
> 2 enter short T 40 @ 49 tif=0
> 2 enter part B 70 @ 52 tif=0
> state AUCTION group=3
> 1 enter a B 100 @ 60 instrument=2
> 2 enter b T 60 @ 50 instrument=2
> 2 enter c E 60 @ market instrument=2
> state HALTED instrument=3 until=9.5
> 2 cancel-after 30
> kill SESSION off session=1 key=some
> deposit 2 77 key=other
"""
AFTERWARDS = """
> timer t=10
> state OPEN group=3 key=more
> 1 enter d B 10 @ 52
> deposit 2 77 key=other
> review :held no
> 1 enter e S 10 @ 45
> 2 disconnect
> timer t=100
> 1 mass-cancel
> end
> start 20260103
"""


def pending_stops() -> str:
    """A cascade that one command cannot finish: it goes on with the next ones."""
    stops = [f"> 1 enter s{n} B 10 @ 900 stop=200 instrument=3" for n in range(LONG_CASCADE)]
    makers = ["> 1 enter m S 5000 @ 200 instrument=3", "> 2 enter x B 10 @ 200 instrument=3"]
    return "\n".join(["> state OPEN instrument=3", *stops, *makers])


class Player:
    """An exchange that is told lines of the language of the cases."""

    def __init__(self) -> None:
        self.script = Script()
        self.exchange = Exchange(CAPACITY)

    def play(self, text: str) -> bytes:
        """All lines as commands; their events."""
        lines = [line for line in text.strip().splitlines() if line]
        events = []
        for line in lines:
            found = self.exchange.run(self.script.slots(line))
            entered = found[np.isin(found["kind"], (1, 3))]
            for event in entered:
                token = event.tobytes()[64:78].decode().strip()
                self.script.order_ids[token] = int(event["order_id"])
            events.append(found.tobytes())
        return b"".join(events)


def full_player() -> Player:
    player = Player()
    player.play(PRELUDE + SETTING + pending_stops())
    return player


@pytest.fixture(scope="module")
def full_state() -> EngineState:
    return full_player().exchange.state


def test_the_state_has_some_of_everything(full_state: EngineState) -> None:
    check_state(full_state)
    s = full_state.scalars
    for name in (
        "HELD_ORDERS", "WAITING_ORDERS", "PENDING_HEAD", "KEYS_USED", "POSITIONS_USED",
        "NEXT_DEADLINE_SECOND", "EXPIRING_ORDERS", "LIVE_ORDERS",
    ):  # fmt: skip
        assert s[getattr(layout, name)] > 0, name
    books = full_state.books.reshape(-1, layout.BOOK_WORDS)
    assert books[4, 0] + books[5, 0] >= layout.ASK_MIRROR, "instrument 2 is not crossed"
    assert full_state.levels.reshape(-1, layout.LEVEL_WORDS)[:, 3].any(), "nothing is hidden"


def test_a_snapshot_in_the_middle_changes_nothing(tmp_path: Path) -> None:
    player, other = full_player(), full_player()
    path = write_snapshot(tmp_path, player.exchange.state)
    other.exchange = Exchange(CAPACITY, read_snapshot(path))
    check_state(other.exchange.state)
    expected = player.play(AFTERWARDS)
    assert other.play(AFTERWARDS) == expected
    assert chain_digest(player.exchange.state) == chain_digest(other.exchange.state)
    check_state(player.exchange.state)


def _scalar(name: str, change: int = 1) -> Callable[[EngineState], None]:
    def spoil(state: EngineState) -> None:
        state.scalars[getattr(layout, name)] += change

    return spoil


def _word(array: str, row: int, words: int, word: int, change: int) -> Callable[..., None]:
    def spoil(state: EngineState) -> None:
        getattr(state, array)[row * words + word] += change

    return spoil


def _account(account: int, word: int, change: int) -> Callable[..., None]:
    return _word("accounts", account, layout.ACCOUNT_WORDS, word, change)


def _instrument(instrument: int, word: int, change: int) -> Callable[..., None]:
    return _word("instruments", instrument, layout.INSTRUMENT_WORDS, word, change)


def _position(word: int, change: int) -> Callable[[EngineState], None]:
    def spoil(state: EngineState) -> None:
        rows = state.positions.reshape(-1, layout.POSITION_WORDS)
        rows[np.flatnonzero(rows[:, 0])[0], word] += change

    return spoil


def _flagged(flag: int, word: int, change: int, array: str = "orders") -> Callable[..., None]:
    """Changes a word of the first live order that has ``flag``."""

    def spoil(state: EngineState) -> None:
        rows = state.orders.reshape(-1, layout.ORDER_WORDS)
        slot = np.flatnonzero((rows[:, 2] != 0) & ((rows[:, 7] >> 40) & flag != 0))[0]
        getattr(state, array).reshape(-1, layout.ORDER_WORDS)[slot, word] += change

    return spoil


def _open_the_auction(state: EngineState) -> None:
    state.instruments[2 * layout.INSTRUMENT_WORDS] &= ~(0xFF << 16)


def _forget_pending(state: EngineState) -> None:
    state.instruments[3 * layout.INSTRUMENT_WORDS + layout.INSTRUMENT_PENDING_NEXT] = 0
    state.scalars[layout.PENDING_HEAD] = state.scalars[layout.PENDING_TAIL] = 0


def _repeat_a_key(state: EngineState) -> None:
    state.keys[2:4] = state.keys[0:2]


BALANCE = layout.ACCOUNT_BALANCES + 2
SPOILED: dict[str, tuple[Callable[[EngineState], None], str]] = {
    "money appears": (_account(1, BALANCE, 1), "money is not conserved"),
    "money changes hands": (
        lambda state: (_account(1, BALANCE, 1)(state), _account(2, BALANCE + 1, 1)(state))[0],
        "money is not conserved",
    ),
    "too much is frozen": (_account(1, BALANCE + 1, 1), "frozen money"),
    "less than nothing is frozen": (_account(9, BALANCE + 1, -1), "frozen more"),
    "a live order is not counted": (_account(1, layout.ACCOUNT_LIVE, -1), "account's number"),
    "an instrument counts wrongly": (
        _instrument(1, layout.INSTRUMENT_LIVE_ORDERS, 1),
        "instrument's number",
    ),
    "stock appears": (_instrument(1, layout.INSTRUMENT_NET_STOCK, 1), "stock is not conserved"),
    "a fee is not covered": (_instrument(3, layout.INSTRUMENT_FREEZE_RATE, -1), "freeze rate"),
    "a position grows": (_position(1, 1), "stock is not conserved"),
    "stock is frozen": (_position(2, 1), "frozen stock"),
    "open buys": (_position(4, 1), "open buys"),
    "open shorts": (_position(5, 1), "open shorts"),
    "a position has another name": (_position(0, 1 << 18), "cannot be reached|no position|twice"),
    "positions are counted": (_scalar("POSITIONS_USED"), "POSITIONS_USED"),
    "held orders are counted": (_scalar("HELD_ORDERS"), "HELD_ORDERS"),
    "waiting orders are counted": (_scalar("WAITING_ORDERS"), "WAITING_ORDERS"),
    "the list of held orders": (_scalar("HELD_TAIL"), "not the tail"),
    "a stop price": (_flagged(layout.ORDER_WAITING, 5, 1, "orders_cold"), "another price"),
    "a waiting stop that does not wait": (
        _flagged(layout.ORDER_WAITING, 7, -(layout.ORDER_WAITING << 40)),
        "another book",
    ),
    "a hidden part": (_flagged(layout.ORDER_ICEBERG, 3, 10, "orders_cold"), "hidden"),
    "a display quantity": (_flagged(layout.ORDER_ICEBERG, 4, -45, "orders_cold"), "may"),
    "a crossed open book": (_open_the_auction, "crossed"),
    "the pending queue": (_forget_pending, "not pending"),
    "the queue's tail": (_scalar("PENDING_TAIL"), "tail"),
    "a deadline": (_scalar("NEXT_DEADLINE_SECOND", 10_000), "too late"),
    "a key twice": (_repeat_a_key, "twice"),
    "keys are counted": (_scalar("KEYS_USED"), "each key once"),
    "something of an account that is not open": (
        _account(5, layout.ACCOUNT_POSITION_LIMIT, 1),
        "not open",
    ),
    "something of an undefined session": (
        _word("sessions", 6, layout.SESSION_WORDS, 7, 1 << 60),
        "undefined",
    ),
}


@pytest.mark.parametrize("name", SPOILED)
def test_what_is_wrong_is_found(full_state: EngineState, name: str) -> None:
    spoil, message = SPOILED[name]
    state = EngineState(*(array.copy() for array in full_state))
    spoil(state)
    with pytest.raises(InvariantBroken, match=message):
        check_state(state)


def test_an_empty_state_is_right() -> None:
    check_state(create_state(CAPACITY, 1))
