"""On which trading dates a group of instruments trades, and the times of its half days.

Who uses it: ``instruments.py``, which reads it, and ``exchange/control/schedule.py``.

Decision CTL-11.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import NamedTuple

# as datetime.date.weekday
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class Calendar(NamedTuple):
    """``weekend``: numbers of WEEKDAYS; ``half_days``: date -> local times by key, in order."""

    weekend: frozenset[int]
    holidays: frozenset[datetime.date]
    half_days: Mapping[datetime.date, Mapping[str, datetime.time]]

    def closed_on(self, date: datetime.date) -> str:
        """Why there is no trading on ``date``: "holiday", "weekend", or "" if there is."""
        if date in self.half_days:
            return ""
        if date in self.holidays:
            return "holiday"
        return "weekend" if date.weekday() in self.weekend else ""


ALWAYS = Calendar(frozenset(), frozenset(), {})
