"""A phase that was missed is held for a short time before the next, or named in the log.

Before, a start after the open passed the opening auction over without a word, as did a wall clock
that was set forward; and a clock that was set back reopened what was closed. A closing auction that
a crash interrupted was cancelled without a price when the exchange was started after the roll.
"""

from __future__ import annotations

import datetime
import zoneinfo
from pathlib import Path

import pytest

from exchange.codes import EventKind, InstrumentState, Side, TradeReason
from exchange.commands import set_state
from exchange.control.schedule import GroupTimes, Schedule
from tests.harness.operator_exchange import OperatorExchange, small_settings

AUCTION, OPEN, CLOSED = InstrumentState.AUCTION, InstrumentState.OPEN, InstrumentState.CLOSED
HALTED = InstrumentState.HALTED
ZONE = zoneinfo.ZoneInfo("America/New_York")
HELD_S = 60
STOCKS = {
    key: datetime.time.fromisoformat(text)
    for key, text in {
        "opening_auction": "09:00:00",
        "open": "09:30:00",
        "closing_auction": "15:55:00",
        "close": "16:00:00",
    }.items()
}


def at(text: str) -> datetime.datetime:
    return datetime.datetime.fromisoformat(f"2026-11-30T{text}").replace(tzinfo=ZONE)


class World:
    """A schedule of two instruments, and the seconds that pass."""

    def __init__(self, *states: int, new_day: bool, held_s: float = HELD_S) -> None:
        self.now_s = 1_000.0
        self.schedule = Schedule(
            [GroupTimes(1, STOCKS)], ZONE, datetime.time(20), held_s, lambda: self.now_s
        )
        for number, state in enumerate(states, 1):
            self.schedule.know(number, 1, state)
        self.schedule.begin(new_day=new_day)

    def due(self, text: str) -> list[InstrumentState]:
        return [change.state for change in self.schedule.due(at(text))]


@pytest.mark.parametrize(
    ("states", "new_day", "start", "entered", "named"),
    [
        # a start after the open, of a new day: whatever the states were the day before
        ((OPEN, OPEN), True, "09:31:00", [AUCTION, OPEN], "opening_auction"),
        ((CLOSED, CLOSED), True, "09:31:00", [AUCTION, OPEN], "opening_auction"),
        ((CLOSED, CLOSED), True, "12:00:00", [AUCTION, OPEN], "opening_auction"),
        # ... of a day that goes on: what the states say
        ((CLOSED, CLOSED), False, "09:31:00", [AUCTION, OPEN], "opening_auction"),
        ((AUCTION, AUCTION), False, "09:31:00", [OPEN], "opening_auction"),
        ((OPEN, OPEN), False, "12:00:00", [], None),
        ((OPEN, OPEN), False, "16:05:00", [AUCTION, CLOSED], "closing_auction"),
        ((AUCTION, AUCTION), False, "16:05:00", [CLOSED], "closing_auction"),
        ((CLOSED, CLOSED), False, "16:05:00", [], None),
        # nobody opens a market after its close
        ((OPEN, OPEN), True, "16:05:00", [CLOSED], "opening_auction, open, closing_auction"),
        ((CLOSED, CLOSED), True, "15:56:00", [AUCTION], "opening_auction, open"),
        # in time
        ((OPEN, OPEN), True, "08:00:00", [CLOSED], None),
        ((CLOSED, CLOSED), True, "09:10:00", [AUCTION], None),
    ],
)
def test_a_start(
    caplog: pytest.LogCaptureFixture,
    states: tuple[int, ...],
    new_day: bool,
    start: str,
    entered: list[InstrumentState],
    named: str | None,
) -> None:
    world = World(*states, new_day=new_day)
    found = world.due(start)
    if len(entered) == 2:
        assert found == entered[:1]
        world.now_s += HELD_S - 1
        assert world.due(start) == [], "held"
        world.now_s += 1
        found += world.due(start)
    assert found == entered
    world.now_s += HELD_S
    assert world.due(start) == []
    assert ("passed over" in caplog.text) == (named is not None)
    assert named is None or named in caplog.text


@pytest.mark.parametrize(
    ("before", "after", "entered"),
    [
        ("08:00:00", "10:00:00", [AUCTION, OPEN]),
        ("09:10:00", "15:56:00", []),  # it stays in the auction
        ("12:00:00", "16:05:00", [AUCTION, CLOSED]),
        ("15:56:00", "17:00:00", [CLOSED]),
        ("08:00:00", "17:00:00", []),
    ],
)
def test_a_clock_that_is_set_forward(
    caplog: pytest.LogCaptureFixture,
    before: str,
    after: str,
    entered: list[InstrumentState],
) -> None:
    world = World(CLOSED, CLOSED, new_day=False, held_s=HELD_S)
    for text in ("08:00:00", "09:00:00", "09:30:00", "15:55:00"):
        if text <= before:
            world.due(text)
    caplog.clear()
    found = world.due(after)
    world.now_s += HELD_S
    found += world.due(after)
    assert found == entered
    assert ("passed over" in caplog.text) == (after != "17:00:00" or before == "08:00:00")


@pytest.mark.parametrize("back", ["08:00:00", "09:10:00", "12:00:00", "15:56:00"])
def test_a_clock_that_is_set_back_changes_nothing(back: str) -> None:
    world = World(CLOSED, CLOSED, new_day=True)
    seen = [world.due(text) for text in ("08:00:00", "09:00:00", "09:30:00", "15:55:00")]
    assert seen == [[], [AUCTION], [OPEN], [AUCTION]]
    assert world.due("16:00:00") == [CLOSED]
    assert world.due(back) == []
    assert world.due("16:00:01") == []
    yesterday = at("12:00:00") - datetime.timedelta(days=1)
    assert list(world.schedule.due(yesterday)) == []


def test_an_auction_may_be_named_only() -> None:
    world = World(CLOSED, new_day=True, held_s=0)
    assert world.due("09:31:00") == [OPEN]


def test_a_halted_instrument_is_left_alone_while_an_auction_is_held() -> None:
    world = World(HALTED, CLOSED, new_day=True)
    changes = list(world.schedule.due(at("09:31:00")))
    assert [(change.instrument, change.state) for change in changes] == [(2, AUCTION)]
    world.now_s += HELD_S
    changes = list(world.schedule.due(at("09:31:00")))
    assert [(change.instrument, change.state) for change in changes] == [(2, OPEN)]


def test_a_day_that_ends_before_its_close_is_named() -> None:
    world = World(OPEN, AUCTION, new_day=False)
    assert world.schedule.unfinished() == [(1, OPEN), (1, AUCTION)]
    assert World(CLOSED, HALTED, new_day=False).schedule.unfinished() == []


def test_a_closing_auction_that_a_crash_interrupts_finds_its_price_after_the_roll(
    tmp_path: Path,
) -> None:
    def settings(timezone: str) -> str:
        return small_settings(
            {"day": {"roll": "daily", "roll_time": "00:00:00", "timezone": timezone}}
        )

    exchange = OperatorExchange(tmp_path, settings("Etc/GMT+12"))
    try:
        exchange.producer.send(set_state(AUCTION, instrument=1))
        exchange.settle()
        exchange.order(1, "bid", side=Side.BUY, price=1_510_000, quantity=30)
        exchange.order(2, "ask", side=Side.SELL, price=1_500_000, quantity=20)
        # 26 hours further east it is a later date
        exchange.config_file.write_text(settings("Etc/GMT-14"))
        exchange.restart()
        (price,) = exchange.events(EventKind.AUCTION)
        (ended,) = exchange.events(EventKind.DAY_ENDED)
        (trade,) = exchange.events(EventKind.TRADE)
        cancelled = exchange.events(EventKind.CANCELED)
        assert price["command_sequence"] == ended["command_sequence"]
        assert int(price["quantity"]) == int(trade["quantity"]) == 20
        assert int(trade["reason"]) == TradeReason.CLOSING_AUCTION
        assert [int(event["quantity"]) for event in cancelled] == [10]
        assert len(exchange.events(EventKind.DAY_STARTED)) == 2
    finally:
        exchange.stop()
