"""A trading day has the right date at every roll time, and trades only on days of its calendar.

Before, a roll at 00:00 gave a start in the morning tomorrow's date, and every group opened on
Saturdays, Sundays and holidays.
"""

from __future__ import annotations

import datetime
import json
import zoneinfo
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.cli import main
from exchange.codes import InstrumentState
from exchange.control.schedule import GroupTimes, Schedule
from exchange.control.trading_day import day_start, trading_date
from exchange.errors import ConfigurationError
from exchange.settings import load_instruments, load_settings
from exchange.settings.calendars import Calendar
from tests.harness.files import written

ZONES = ("America/New_York", "Asia/Taipei", "UTC", "Australia/Lord_Howe", "Africa/Cairo")
DAY = datetime.timedelta(days=1)
AUCTION, OPEN, CLOSED = InstrumentState.AUCTION, InstrumentState.OPEN, InstrumentState.CLOSED


def moment(text: str, zone: str = "America/New_York") -> datetime.datetime:
    return datetime.datetime.fromisoformat(text).replace(tzinfo=zoneinfo.ZoneInfo(zone))


@pytest.mark.parametrize(
    ("roll", "local", "date"),
    [
        ("00:00:00", "2026-11-30T00:00:00", "2026-11-30"),
        ("00:00:00", "2026-11-30T09:31:00", "2026-11-30"),
        ("00:00:00", "2026-11-30T23:59:59", "2026-11-30"),
        ("00:00:01", "2026-11-30T09:31:00", "2026-11-30"),
        ("00:00:01", "2026-11-30T00:00:00", "2026-11-29"),
        ("04:00:00", "2026-11-30T09:31:00", "2026-11-30"),
        ("04:00:00", "2026-11-30T03:59:59", "2026-11-29"),
        ("06:30:00", "2026-12-31T22:00:00", "2026-12-31"),
        ("11:59:59", "2026-11-30T12:00:00", "2026-11-30"),
        ("12:00:00", "2026-11-30T12:00:00", "2026-12-01"),
        ("17:00:00", "2026-11-30T16:59:59", "2026-11-30"),
        ("17:00:00", "2026-11-30T17:00:00", "2026-12-01"),
        ("20:00:00", "2026-12-31T20:00:00", "2027-01-01"),
        ("23:59:59", "2026-11-30T23:59:58", "2026-11-30"),
        # the days on which clocks change
        ("00:00:00", "2026-03-08T23:30:00", "2026-03-08"),
        ("00:00:00", "2026-11-01T01:30:00", "2026-11-01"),
        ("00:00:00", "2026-11-01T23:30:00", "2026-11-01"),
    ],
)
def test_a_day_has_the_date_on_which_most_of_it_lies(roll: str, local: str, date: str) -> None:
    zone = zoneinfo.ZoneInfo("America/New_York")
    found = trading_date(moment(local), zone, datetime.time.fromisoformat(roll))
    assert found.isoformat() == date


@given(
    at=st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2028, 1, 1)),
    minute=st.integers(0, 1439),
    zone=st.sampled_from(ZONES),
)
def test_noon_belongs_to_its_own_date_and_no_day_is_left_out(
    at: datetime.datetime, minute: int, zone: str
) -> None:
    """Also where clocks change at midnight (Cairo) or by half an hour (Lord Howe)."""
    roll, timezone = datetime.time(*divmod(minute, 60)), zoneinfo.ZoneInfo(zone)
    aware = at.replace(tzinfo=datetime.UTC)
    date = trading_date(aware, timezone, roll)
    assert day_start(date, timezone, roll) <= aware < day_start(date + DAY, timezone, roll)
    assert trading_date(day_start(date + DAY, timezone, roll), timezone, roll) == date + DAY
    if roll != datetime.time(12):
        noon = datetime.datetime.combine(date, datetime.time(12), timezone)
        assert trading_date(noon, timezone, roll) == date


STOCKS = {
    key: datetime.time.fromisoformat(text)
    for key, text in {
        "opening_auction": "09:00:00",
        "open": "09:30:00",
        "closing_auction": "15:55:00",
        "close": "16:00:00",
    }.items()
}
NYSE = Calendar(
    weekend=frozenset({5, 6}),
    holidays=frozenset({datetime.date(2026, 11, 26), datetime.date(2026, 12, 25)}),
    half_days={
        datetime.date(2026, 11, 27): {"open": datetime.time(9, 30), "close": datetime.time(13)},
        datetime.date(2026, 12, 5): {"open": datetime.time(10), "close": datetime.time(11)},
    },
)


@pytest.mark.parametrize(
    ("local", "state"),
    [
        ("2026-11-25T12:00:00", OPEN),
        ("2026-11-26T12:00:00", CLOSED),  # a holiday
        ("2026-11-27T09:10:00", CLOSED),  # a half day without an opening auction
        ("2026-11-27T12:59:59", OPEN),
        ("2026-11-27T13:00:00", CLOSED),
        ("2026-11-27T15:56:00", CLOSED),
        ("2026-11-28T12:00:00", CLOSED),  # Saturday
        ("2026-11-29T12:00:00", CLOSED),  # Sunday
        ("2026-11-29T21:00:00", CLOSED),  # the trading day of Monday has begun
        ("2026-11-30T09:10:00", AUCTION),
        ("2026-12-05T10:30:00", OPEN),  # a Saturday with trading
        ("2026-12-25T09:31:00", CLOSED),
    ],
)
@pytest.mark.parametrize("before", [OPEN, CLOSED, AUCTION])
def test_a_group_trades_on_the_days_of_its_calendar(
    local: str, state: InstrumentState, before: InstrumentState
) -> None:
    zone = zoneinfo.ZoneInfo("America/New_York")
    day = Schedule([GroupTimes(1, STOCKS, NYSE)], zone, datetime.time(20))
    day.know(1, 1, before)
    day.begin()
    changes = list(day.due(moment(local)))
    assert [change.state for change in changes] == ([] if before == state else [state])


def test_a_group_without_times_is_closed_on_holidays_and_open_again_after_them() -> None:
    """A market around the clock; the trading date counts, which begins at 20:00."""
    zone = zoneinfo.ZoneInfo("America/New_York")
    day = Schedule([GroupTimes(1, {}, NYSE)], zone, datetime.time(20))
    day.know(1, 1, OPEN)
    seen = []
    at = moment("2026-11-25T12:00:00")
    while at < moment("2026-11-30T12:00:00"):
        for change in day.due(at):
            seen.append((at.isoformat()[:13], change.state))
        at += datetime.timedelta(hours=1)
    assert seen == [
        ("2026-11-25T20", CLOSED),
        ("2026-11-27T10", OPEN),  # the half day begins at 09:30
        ("2026-11-27T13", CLOSED),
        ("2026-11-29T20", OPEN),
    ]


GROUP = '[[group]]\nid = 1\nname = "US"\nopen = "09:30:00"\nclose = "16:00:00"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('weekend = ["sat"]', 'one of "friday", "monday"'),
        ('weekend = "saturday"', "weekend: must be a list"),
        ("holidays = [2026-13-01]", "is not TOML"),
        ('holidays = ["Christmas"]', "a date such as 2026-12-25"),
        ("holidays = [20261225]", "a date such as 2026-12-25"),
        ("[[group.half_day]]\ndate = 2026-11-27", "2026-11-27 has no times"),
        ('[[group.half_day]]\nclose = "13:00:00"', "date: missing"),
        (
            '[[group.half_day]]\ndate = 2026-11-27\nopen = "13:00:00"\nclose = "09:00:00"',
            "2026-11-27: close: must be after open",
        ),
        (
            '[[group.half_day]]\ndate = 2026-11-27\nclosing_auction = "12:00:00"',
            "2026-11-27: close: missing; an auction that begins",
        ),
        (
            'holidays = [2026-11-27]\n[[group.half_day]]\ndate = 2026-11-27\nclose = "13:00:00"',
            "2026-11-27 is also in holidays",
        ),
        (2 * '[[group.half_day]]\ndate = 2026-11-27\nclose = "13:00:00"\n', "is there twice"),
        (
            'weekend = ["monday","tuesday","wednesday","thursday","friday","saturday","sunday"]',
            "leaves no day to trade",
        ),
    ],
)
def test_a_calendar_that_cannot_be_meant_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = written(tmp_path, "i.toml", GROUP + text)
    with pytest.raises(ConfigurationError) as caught:
        load_instruments(file, 10, [], load_settings(None).risk, datetime.time(20))
    assert said in str(caught.value), str(caught.value)


def test_the_command_shows_the_next_days(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from exchange.settings import DEFAULT_FILE

    shipped = DEFAULT_FILE.with_name("instruments.toml").read_text()
    calendar = (
        'name = "US"\nopening_auction = "09:00:00"\nopen = "09:30:00"\nclose = "16:00:00"\n'
        'weekend = ["saturday", "sunday"]\nholidays = [2026-11-26]\n'
        '[[group.half_day]]\ndate = 2026-11-27\nopen = "09:30:00"\nclose = "13:00:00"\n'
    )
    for name in ("accounts.toml", "sessions.toml"):
        written(tmp_path, name, DEFAULT_FILE.with_name(name).read_text())
    written(tmp_path, "instruments.toml", shipped.replace('name = "US"\n', calendar, 1))
    config = str(written(tmp_path, "exchange.toml", ""))
    assert main(["schedule", "--config", config, "--from", "2026-11-25"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("local times of America/New_York; a trading day begins at 20:00:00")
    us = [line.strip() for line in lines[lines.index("US") + 1 :]][:10]
    assert us[:4] == [
        "2026-11-25 Wed  opening auction 09:00:00, open 09:30:00, close 16:00:00",
        "2026-11-26 Thu  closed (holiday)",
        "2026-11-27 Fri  half day: open 09:30:00, close 13:00:00",
        "2026-11-28 Sat  closed (weekend)",
    ]
    assert us[9].startswith("2026-12-04 Fri") and "open all day" in "\n".join(lines)
    main(["schedule", "--config", config, "--from", "2026-11-25", "--days", "3", "--json"])
    shown = json.loads(capsys.readouterr().out)
    assert [day["day"] for day in shown["US"]] == ["full", "holiday", "half"]
    assert shown["US"][0]["phases"][1] == {
        "key": "open",
        "state": "open",
        "start": "2026-11-25T09:30:00-05:00",
    }
