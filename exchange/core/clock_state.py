"""How the exchange's calendar stands to the wall clock, for those who only look at it.

Who writes: the daemon (exchange/control/clock.py), as the gauges CLOCK_... of counters.py. Who
reads: health and `exchange clock`.

Decision CTL-9.
"""

from __future__ import annotations

from enum import IntEnum

SECOND_NS = 1_000_000_000
TOLD_NS = SECOND_NS  # people are warned while timestamps are so far from the wall clock


class CalendarState(IntEnum):
    """The gauge CLOCK_CALENDAR."""

    FOLLOWS = 0
    STANDS = 1  # until the wall clock, which has gone back, has caught up
    APART = 2  # the wall clock was stepped too far to be believed
