"""Trading dates and midnights, also on the days on which clocks change."""

from __future__ import annotations

import datetime
import zoneinfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exchange.control.trading_day import day_number, day_start, midnight_ns, trading_date

NEW_YORK = zoneinfo.ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("local", "number"),
    [
        ("2026-11-20T00:00:00", 20261120),
        ("2026-11-20T19:59:59", 20261120),
        ("2026-11-20T20:00:00", 20261121),
        ("2026-12-31T23:59:59", 20270101),
        # the days on which clocks change
        ("2026-03-08T03:30:00", 20260308),
        ("2026-11-01T01:30:00", 20261101),
    ],
)
def test_trading_day(local: str, number: int) -> None:
    moment = datetime.datetime.fromisoformat(local).replace(tzinfo=NEW_YORK)
    date = trading_date(moment.astimezone(datetime.UTC), NEW_YORK, datetime.time(20))
    assert day_number(date) == number


def test_midnight_is_never_after_the_start() -> None:
    evening = datetime.datetime(2026, 11, 20, 20, 30, tzinfo=NEW_YORK)
    midnight = datetime.datetime(2026, 11, 20, tzinfo=NEW_YORK)
    assert midnight_ns(evening, NEW_YORK) == int(midnight.timestamp()) * 1_000_000_000


@pytest.mark.parametrize(
    ("local", "fold", "day"),
    [
        # 01:30 comes twice on 1 November: the day begins at the first and does not end again
        ("2026-11-01T01:29:59", 0, 0),
        ("2026-11-01T01:30:00", 0, 1),
        ("2026-11-01T01:00:00", 1, 1),
        ("2026-11-01T01:30:00", 1, 1),
    ],
)
def test_where_clocks_go_back_a_day_does_not_end_again(local: str, fold: int, day: int) -> None:
    moment = datetime.datetime.fromisoformat(local).replace(tzinfo=NEW_YORK, fold=fold)
    date = trading_date(moment.astimezone(datetime.UTC), NEW_YORK, datetime.time(1, 30))
    assert date == datetime.date(2026, 10, 31) + datetime.timedelta(days=day)


@pytest.mark.parametrize(("local", "day"), [("03:00:00", 7), ("03:29:59", 7), ("03:30:00", 8)])
def test_a_roll_that_clocks_skip_is_as_far_after_the_change(local: str, day: int) -> None:
    # 02:30 does not exist on 8 March 2026: it is 03:30 daylight time
    moment = datetime.datetime.fromisoformat(f"2026-03-08T{local}").replace(tzinfo=NEW_YORK)
    date = trading_date(moment.astimezone(datetime.UTC), NEW_YORK, datetime.time(2, 30))
    assert date == datetime.date(2026, 3, day)


@given(
    moment=st.datetimes(datetime.datetime(2026, 1, 1), datetime.datetime(2027, 12, 31)),
    roll_minute=st.integers(0, 1439),
)
def test_a_moment_lies_within_its_day(moment: datetime.datetime, roll_minute: int) -> None:
    aware = moment.replace(tzinfo=datetime.UTC)
    roll = datetime.time(*divmod(roll_minute, 60))
    date = trading_date(aware, NEW_YORK, roll)
    following = date + datetime.timedelta(days=1)
    assert day_start(date, NEW_YORK, roll) <= aware < day_start(following, NEW_YORK, roll)
