"""`exchange schedule` on the shipped configuration; tests/faults has calendars."""

from __future__ import annotations

import datetime

from exchange.admin.schedule import schedule_days
from exchange.settings import load


def test_groups_without_times_are_open_every_day() -> None:
    days = schedule_days(load(None), datetime.date(2026, 11, 30), 3)
    assert list(days) == ["US", "TW"]
    assert [day["date"] for day in days["US"]] == ["2026-11-30", "2026-12-01", "2026-12-02"]
    (phase,) = days["TW"][0]["phases"]
    assert phase == {
        "key": "beginning",
        "state": "open",
        "start": "2026-11-29T20:00:00-05:00",
    }
