"""The trading day's phases: the state in which each group of instruments should be, and when.

Who uses it: ``trading.py``. ``phase_at`` is a pure function of configuration and time; ``Schedule``
turns it into commands. Rules:

- a phase is entered once, when the clock passes its time (or at the start of the daemon or of a
  day); between two times an operator's own commands stand;
- an instrument that is HALTED or CANCEL_ONLY stays so until an operator resumes it. A halt that
  ends by itself (circuit breaker, `halt --for`) opens the instrument; if the group is in another
  phase by then, the instrument enters it;
- the schedule changes nothing in groups without times.

Decision CTL-7: when a day begins where clocks change.

Decision CTL-7.
"""

from __future__ import annotations

import datetime
import zoneinfo
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from exchange.codes import InstrumentState
from exchange.control.trading_day import moment_of, trading_date

_STATE_FROM = {
    "opening_auction": InstrumentState.AUCTION,
    "open": InstrumentState.OPEN,
    "closing_auction": InstrumentState.AUCTION,
    "close": InstrumentState.CLOSED,
}
STANDING = (InstrumentState.HALTED, InstrumentState.CANCEL_ONLY)


class GroupTimes(NamedTuple):
    """A group's number and its local times by key, in the order of a day."""

    group: int
    times: Mapping[str, datetime.time]


class Change(NamedTuple):
    """What the schedule asks for: of the whole group, or (instrument not 0) of one instrument."""

    state: InstrumentState
    group: int
    instrument: int


def phase_at(
    moment: datetime.datetime,
    times: Mapping[str, datetime.time],
    timezone: zoneinfo.ZoneInfo,
    roll: datetime.time,
) -> InstrumentState | None:
    """The state in which instruments with ``times`` should be at ``moment`` (aware).

    ``times``: local times by key of ``[[group]]``, in order counted from ``roll``, when a trading
    day begins; so a session may cross midnight. None without times: whatever it is. Before the
    first time of a day they are closed, or open if the day has no opening but a close. Never
    goes back within a day, also where clocks do.
    """
    if not times:
        return None
    date = trading_date(moment, timezone, roll)
    opens = "open" in times or "opening_auction" in times
    state = InstrumentState.CLOSED if opens else InstrumentState.OPEN
    for key, time in times.items():
        day = date if time < roll else date - datetime.timedelta(days=1)
        if moment_of(day, time, timezone) <= moment:
            state = _STATE_FROM[key]
    return state


class Schedule:
    """Follows the clock and gives the changes that are due. Knows the instruments' states."""

    def __init__(
        self, groups: Sequence[GroupTimes], timezone: zoneinfo.ZoneInfo, roll: datetime.time
    ) -> None:
        self._groups = {group.group: group for group in groups if group.times}
        self._timezone = timezone
        self._roll = roll
        self._entered: dict[int, InstrumentState] = {}
        self._late: list[int] = []
        self._group_of: dict[int, int] = {}
        self._states: dict[int, int] = {}

    def know(self, instrument: int, group: int, state: int) -> None:
        """An instrument as it is now: after recovery, or newly defined."""
        self._group_of[instrument] = group
        self._states[instrument] = state
        if group in self._entered:
            self._late.append(instrument)  # the group has entered its phase without it

    def state_changed(self, instrument: int, state: int, *, by_timer: bool) -> None:
        """STATE_CHANGED was released. ``by_timer``: a halt has ended by itself."""
        self._states[instrument] = state
        if by_timer and self._group_of.get(instrument) in self._groups:
            self._late.append(instrument)

    def begin(self) -> None:
        """A day, or the daemon, begins: every group enters its phase anew."""
        self._entered.clear()

    def due(self, now: datetime.datetime) -> Iterator[Change]:
        """The changes to send at ``now``; each is given once."""
        for group in self._groups.values():
            phase = phase_at(now, group.times, self._timezone, self._roll)
            if phase is None or self._entered.get(group.group) == phase:
                continue
            self._entered[group.group] = phase
            yield from self._enter(group.group, phase)
        while self._late:
            instrument = self._late.pop()
            group_phase = self._entered.get(self._group_of[instrument])
            if group_phase is not None and self._states[instrument] != group_phase:
                self._states[instrument] = group_phase
                yield Change(group_phase, 0, instrument)

    def _enter(self, group: int, phase: InstrumentState) -> Iterator[Change]:
        members = sorted(i for i, number in self._group_of.items() if number == group)
        moving = [
            i for i in members if self._states[i] not in STANDING and self._states[i] != phase
        ]
        standing = any(self._states[i] in STANDING for i in members)
        # the result is known before its event comes back
        self._states.update(dict.fromkeys(moving, int(phase)))
        if moving and len(moving) == len(members) and not standing:
            yield Change(phase, group, 0)
        else:
            for instrument in moving:
                yield Change(phase, 0, instrument)
