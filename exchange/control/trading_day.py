"""Which trading day a moment belongs to, and from which midnight its timestamps count.

Who uses it: the control producer. All arithmetic is on the wall clock of ``day.timezone``; the
matcher never sees a clock, it gets the numbers in START_OF_DAY.
"""

from __future__ import annotations

import datetime
import zoneinfo

NANOSECONDS = 1_000_000_000


def day_number(date: datetime.date) -> int:
    """YYYYMMDD."""
    return date.year * 10_000 + date.month * 100 + date.day


def trading_date(
    moment: datetime.datetime, timezone: zoneinfo.ZoneInfo, roll: datetime.time
) -> datetime.date:
    """The trading date of ``moment``: from ``roll`` on it is the next calendar date."""
    local = moment.astimezone(timezone)
    date = local.date()
    return date + datetime.timedelta(days=1) if local.time() >= roll else date


def midnight_ns(moment: datetime.datetime, timezone: zoneinfo.ZoneInfo) -> int:
    """Nanoseconds since 1970 (UTC) of the last local midnight up to ``moment``.

    A day that starts in the evening before counts from that evening's midnight, so that no
    timestamp of it is negative.
    """
    date = moment.astimezone(timezone).date()
    midnight = datetime.datetime.combine(date, datetime.time(), timezone)
    return int(midnight.timestamp()) * NANOSECONDS
