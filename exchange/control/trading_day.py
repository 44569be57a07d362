"""Which trading day a moment belongs to, and from which midnight its timestamps count.

A day that begins at noon or later has the next calendar date, one that begins earlier the same: so
most of a day lies on the date that it is called by.

Who uses it: ``trading.py``, which starts and ends days, and ``schedule.py``, whose phases count
from the start of a day. All arithmetic is on the wall clock of ``day.timezone``; the matcher reads
no clock, it gets the numbers in START_OF_DAY. Decision CTL-7.

Decisions CTL-4 and CTL-7.
"""

from __future__ import annotations

import datetime
import zoneinfo

NANOSECONDS = 1_000_000_000
NOON = datetime.time(12)


def day_number(date: datetime.date) -> int:
    """YYYYMMDD."""
    return date.year * 10_000 + date.month * 100 + date.day


def moment_of(
    date: datetime.date, time: datetime.time, timezone: zoneinfo.ZoneInfo
) -> datetime.datetime:
    """The moment (UTC) at which the wall clock of ``timezone`` shows ``time`` on ``date``.

    A time that a change of clocks skips is as far after it; of one that comes twice, the first.
    """
    return datetime.datetime.combine(date, time, timezone).astimezone(datetime.UTC)


def day_start(
    date: datetime.date, timezone: zoneinfo.ZoneInfo, roll: datetime.time
) -> datetime.datetime:
    """The moment (UTC) at which the trading day ``date`` begins."""
    return moment_of(_first_date(date, roll), roll, timezone)


def time_on(
    date: datetime.date,
    time: datetime.time,
    timezone: zoneinfo.ZoneInfo,
    roll: datetime.time,
) -> datetime.datetime:
    """The moment (UTC) at which the wall clock shows ``time`` in the trading day ``date``."""
    first = _first_date(date, roll)
    return moment_of(first if time >= roll else first + datetime.timedelta(days=1), time, timezone)


def _first_date(date: datetime.date, roll: datetime.time) -> datetime.date:
    """The calendar date on which the trading day ``date`` begins."""
    return date - datetime.timedelta(days=1) if roll >= NOON else date


def trading_date(
    moment: datetime.datetime, timezone: zoneinfo.ZoneInfo, roll: datetime.time
) -> datetime.date:
    """The trading date of ``moment`` (aware).

    It never goes back, also where clocks do.
    """
    date = moment.astimezone(timezone).date() + datetime.timedelta(days=1)
    while day_start(date, timezone, roll) > moment:
        date -= datetime.timedelta(days=1)
    return date


def midnight_ns(moment: datetime.datetime, timezone: zoneinfo.ZoneInfo) -> int:
    """Nanoseconds since 1970 (UTC) of the last local midnight up to ``moment``.

    A day that starts in the evening before counts from that evening's midnight, so that no
    timestamp of it is negative.
    """
    date = moment.astimezone(timezone).date()
    midnight = datetime.datetime.combine(date, datetime.time(), timezone)
    return int(midnight.timestamp()) * NANOSECONDS
