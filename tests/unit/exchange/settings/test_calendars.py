"""A calendar says why there is no trading on a date."""

from __future__ import annotations

import datetime

import pytest

from exchange.settings.calendars import ALWAYS, WEEKDAYS, Calendar

FRIDAY = datetime.date(2026, 12, 25)
CALENDAR = Calendar(
    frozenset({WEEKDAYS.index("saturday")}),
    frozenset({FRIDAY}),
    {FRIDAY + datetime.timedelta(days=8): {"close": datetime.time(13)}},
)


@pytest.mark.parametrize(
    ("days", "why"), [(0, "holiday"), (1, "weekend"), (2, ""), (3, ""), (8, ""), (15, "weekend")]
)
def test_closed_on(days: int, why: str) -> None:
    date = FRIDAY + datetime.timedelta(days=days)
    assert CALENDAR.closed_on(date) == why
    assert ALWAYS.closed_on(date) == ""
