"""The schedule: the phase of every moment, and which commands bring the groups there."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.codes import InstrumentState
from exchange.control.schedule import Change, GroupTimes, Schedule
from exchange.control.trading_day import trading_date

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")
EVENING = datetime.time(20)
AUCTION, OPEN, CLOSED = InstrumentState.AUCTION, InstrumentState.OPEN, InstrumentState.CLOSED
HALTED, CANCEL_ONLY = InstrumentState.HALTED, InstrumentState.CANCEL_ONLY


def at(text: str, fold: int = 0) -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=NEW_YORK, fold=fold)


def times(**given: str) -> dict[str, datetime.time]:
    return {key: datetime.time.fromisoformat(text) for key, text in given.items()}


def phase_at(
    moment: datetime.datetime,
    given: dict[str, datetime.time],
    timezone: zoneinfo.ZoneInfo,
    roll: datetime.time,
) -> InstrumentState | None:
    """The state in which instruments of a group with the times ``given`` should be."""
    group = GroupTimes(1, given)
    if not group.scheduled:
        return None
    phases = group.phases(trading_date(moment, timezone, roll), timezone, roll)
    return [p.state for i, p in enumerate(phases) if i == 0 or p.start <= moment][-1]


STOCKS = times(
    opening_auction="09:00:00", open="09:30:00", closing_auction="15:55:00", close="16:00:00"
)
FUTURES = times(open="18:00:00", close="17:00:00")  # of a day that begins at 17:30
NIGHT = times(open="01:30:00", close="02:30:00")


@pytest.mark.parametrize(
    ("local", "phase"),
    [
        ("2026-11-19T20:00:00", CLOSED),  # the trading day of the 20th has begun
        ("2026-11-20T08:59:59", CLOSED),
        ("2026-11-20T09:00:00", AUCTION),
        ("2026-11-20T09:29:59", AUCTION),
        ("2026-11-20T09:30:00", OPEN),
        ("2026-11-20T15:54:59", OPEN),
        ("2026-11-20T15:55:00", AUCTION),
        ("2026-11-20T16:00:00", CLOSED),
        ("2026-11-20T19:59:59", CLOSED),
        # the days on which clocks change
        ("2026-03-08T09:29:59", AUCTION),
        ("2026-03-08T09:30:00", OPEN),
        ("2026-11-01T09:30:00", OPEN),
    ],
)
def test_phases_of_a_day(local: str, phase: InstrumentState) -> None:
    assert phase_at(at(local), STOCKS, NEW_YORK, EVENING) == phase
    # another zone's clock does not matter
    assert phase_at(at(local).astimezone(datetime.UTC), STOCKS, NEW_YORK, EVENING) == phase


@pytest.mark.parametrize(
    ("local", "phase"),
    [
        ("2026-11-19T17:29:59", CLOSED),
        ("2026-11-19T17:30:00", CLOSED),
        ("2026-11-19T18:00:00", OPEN),
        ("2026-11-19T23:59:59", OPEN),
        ("2026-11-20T00:00:00", OPEN),
        ("2026-11-20T16:59:59", OPEN),
        ("2026-11-20T17:00:00", CLOSED),
    ],
)
def test_session_that_crosses_midnight(local: str, phase: InstrumentState) -> None:
    assert phase_at(at(local), FUTURES, NEW_YORK, datetime.time(17, 30)) == phase


@pytest.mark.parametrize(
    ("given_times", "local", "phase"),
    [
        ({}, "2026-11-20T12:00:00", None),
        (times(close="16:00:00"), "2026-11-20T15:59:59", OPEN),
        (times(close="16:00:00"), "2026-11-20T16:00:00", CLOSED),
        (times(open="09:30:00"), "2026-11-20T09:29:59", CLOSED),
        (times(open="09:30:00"), "2026-11-20T19:59:59", OPEN),
        (times(opening_auction="09:00:00", open="09:30:00"), "2026-11-20T09:10:00", AUCTION),
    ],
)
def test_times_may_be_left_out(
    given_times: dict[str, datetime.time], local: str, phase: InstrumentState | None
) -> None:
    assert phase_at(at(local), given_times, NEW_YORK, EVENING) == phase


def test_where_clocks_go_back_a_phase_is_not_left_again() -> None:
    # 01:30 comes twice on 1 November 2026; the session opens at the first
    assert phase_at(at("2026-11-01T01:29:59"), NIGHT, NEW_YORK, EVENING) == CLOSED
    assert phase_at(at("2026-11-01T01:30:00"), NIGHT, NEW_YORK, EVENING) == OPEN
    assert phase_at(at("2026-11-01T01:00:00", fold=1), NIGHT, NEW_YORK, EVENING) == OPEN
    assert phase_at(at("2026-11-01T01:30:00", fold=1), NIGHT, NEW_YORK, EVENING) == OPEN
    assert phase_at(at("2026-11-01T02:30:00"), NIGHT, NEW_YORK, EVENING) == CLOSED


def test_where_clocks_go_forward_a_time_that_does_not_exist_is_an_hour_later() -> None:
    # 02:30 does not exist on 8 March 2026: it is 03:30 daylight time
    assert phase_at(at("2026-03-08T03:00:00"), NIGHT, NEW_YORK, EVENING) == OPEN
    assert phase_at(at("2026-03-08T03:29:59"), NIGHT, NEW_YORK, EVENING) == OPEN
    assert phase_at(at("2026-03-08T03:30:00"), NIGHT, NEW_YORK, EVENING) == CLOSED


@given(
    start=st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2027, 12, 31)),
    roll_minute=st.integers(0, 1439),
    offsets=st.lists(st.integers(0, 1439), min_size=4, max_size=4, unique=True).map(sorted),
)
def test_phases_follow_in_order_over_every_day(
    start: datetime.datetime, roll_minute: int, offsets: list[int]
) -> None:
    """From the roll on a day goes through its phases in order, whatever clocks do."""
    roll = datetime.time(*divmod(roll_minute, 60))
    keys = ("opening_auction", "open", "closing_auction", "close")
    given_times = {
        key: datetime.time(*divmod((roll_minute + offset) % 1440, 60))
        for key, offset in zip(keys, offsets, strict=True)
    }
    begin = datetime.datetime.combine(start.date(), roll, NEW_YORK).astimezone(datetime.UTC)
    end = datetime.datetime.combine(start.date() + datetime.timedelta(days=1), roll, NEW_YORK)
    seen: list[InstrumentState] = []
    moment = begin
    while moment < end.astimezone(datetime.UTC):
        phase = phase_at(moment, given_times, NEW_YORK, roll)
        assert phase is not None
        if not seen or seen[-1] != phase:
            seen.append(phase)
        moment += datetime.timedelta(minutes=1)
    order = [CLOSED, AUCTION, OPEN, AUCTION, CLOSED]
    # a phase whose hour the clocks skip may be missing; none comes twice or too early
    position = -1
    for phase in seen:
        position = order.index(phase, position + 1)


def schedule(**states: int) -> Schedule:
    made = Schedule([GroupTimes(1, STOCKS), GroupTimes(2, {})], NEW_YORK, EVENING)
    for number, state in enumerate(states.values(), 1):
        made.know(number, 1, state)
    made.know(9, 2, OPEN)
    return made


def test_a_group_enters_each_phase_once() -> None:
    day = schedule(a=OPEN, b=OPEN)
    assert list(day.due(at("2026-11-20T08:00:00"))) == [Change(CLOSED, 1, 0)]
    assert list(day.due(at("2026-11-20T08:00:01"))) == []
    assert list(day.due(at("2026-11-20T09:00:00"))) == [Change(AUCTION, 1, 0)]
    assert list(day.due(at("2026-11-20T09:30:05"))) == [Change(OPEN, 1, 0)]
    assert list(day.due(at("2026-11-20T15:00:00"))) == []


def test_a_halt_stands_when_phases_change_and_over_restarts() -> None:
    restarted = schedule(a=HALTED, b=OPEN, c=CANCEL_ONLY)
    assert list(restarted.due(at("2026-11-20T17:00:00"))) == [Change(CLOSED, 0, 2)]
    assert list(restarted.due(at("2026-11-21T09:00:00"))) == [Change(AUCTION, 0, 2)]


def test_nothing_is_sent_where_everything_is_right() -> None:
    assert list(schedule(a=OPEN, b=OPEN).due(at("2026-11-20T12:00:00"))) == []


def test_a_halt_that_ends_after_the_close_ends_closed() -> None:
    day = schedule(a=OPEN, b=OPEN)
    assert list(day.due(at("2026-11-20T15:00:00"))) == []
    day.state_changed(1, HALTED, by_timer=False)
    assert list(day.due(at("2026-11-20T16:00:00"))) == [Change(CLOSED, 0, 2)]
    day.state_changed(1, OPEN, by_timer=True)
    assert list(day.due(at("2026-11-20T16:00:01"))) == [Change(CLOSED, 0, 1)]
    assert list(day.due(at("2026-11-20T16:00:02"))) == []


def test_an_operators_word_stands_until_the_next_phase() -> None:
    day = schedule(a=OPEN, b=OPEN)
    list(day.due(at("2026-11-20T12:00:00")))
    day.state_changed(1, CLOSED, by_timer=False)
    assert list(day.due(at("2026-11-20T12:30:00"))) == []
    assert list(day.due(at("2026-11-20T15:55:00"))) == [Change(AUCTION, 1, 0)]


def test_a_new_day_enters_its_phase_anew() -> None:
    day = schedule(a=OPEN)
    assert list(day.due(at("2026-11-20T19:00:00"))) == [Change(CLOSED, 1, 0)]
    day.state_changed(1, OPEN, by_timer=False)  # an operator
    day.begin()
    assert list(day.due(at("2026-11-20T20:00:00"))) == [Change(CLOSED, 1, 0)]


def test_an_instrument_that_is_defined_later_enters_the_phase_of_its_group() -> None:
    day = schedule(a=CLOSED)
    assert list(day.due(at("2026-11-20T09:10:00"))) == [Change(AUCTION, 1, 0)]
    day.know(5, 1, OPEN)
    assert list(day.due(at("2026-11-20T09:10:01"))) == [Change(AUCTION, 0, 5)]
