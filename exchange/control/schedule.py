"""The trading day's phases: the state in which each group of instruments should be, and when.

Who uses it: ``trading.py``. ``GroupTimes.phases`` is a pure function of configuration and date;
``Schedule`` turns it into commands. Rules:

- a phase is entered once, when the clock passes its time (or at the start of the daemon or of a
  day); between two times an operator's own commands stand. No group goes back to an earlier phase
  of its day, or to an earlier day, whatever the clock does;
- an auction that was passed over (a start after the open, a clock that was set forward) is held for
  ``late_auction_s`` before the phase behind it. Other phases that were passed over are named in the
  log;
- an instrument that is HALTED or CANCEL_ONLY stays so until an operator resumes it. A halt that
  ends by itself (circuit breaker, `halt --for`) opens the instrument; if the group is in another
  phase by then, the instrument enters it;
- the schedule changes nothing in groups without times and calendar.

Decision CTL-7: when a day begins where clocks change.

Decisions CTL-7 and CTL-11.
"""

from __future__ import annotations

import datetime
import logging
import time
import zoneinfo
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from exchange.codes import InstrumentState
from exchange.control.trading_day import day_start, time_on, trading_date
from exchange.settings import Configuration
from exchange.settings.calendars import ALWAYS, Calendar

log = logging.getLogger(__name__)

_STATE_FROM = {
    "opening_auction": InstrumentState.AUCTION,
    "open": InstrumentState.OPEN,
    "closing_auction": InstrumentState.AUCTION,
    "close": InstrumentState.CLOSED,
}
STANDING = (InstrumentState.HALTED, InstrumentState.CANCEL_ONLY)
BEGINNING = "beginning"  # of a trading day, before its first time


class Phase(NamedTuple):
    """``key``: of ``[[group]]``, BEGINNING, or why nothing opens. ``start``: UTC."""

    key: str
    state: InstrumentState
    start: datetime.datetime


class GroupTimes(NamedTuple):
    """A group's number, its local times by key in the order of a day, and its calendar."""

    group: int
    times: Mapping[str, datetime.time]
    calendar: Calendar = ALWAYS

    @property
    def scheduled(self) -> bool:
        """Whether the schedule has anything to do with the group."""
        return bool(self.times) or self.calendar != ALWAYS

    def phases(
        self, date: datetime.date, timezone: zoneinfo.ZoneInfo, roll: datetime.time
    ) -> list[Phase]:
        """The phases of the trading day ``date``, in order; the first begins with the day.

        Before the first time of a day instruments are closed, or open if the day has no opening but
        a close. On a date on which the calendar has no trading they are closed all day.
        """
        begin = day_start(date, timezone, roll)
        closed = self.calendar.closed_on(date)
        if closed:
            return [Phase(closed, InstrumentState.CLOSED, begin)]
        times = self.calendar.half_days.get(date, self.times)
        opens = "open" in times or "opening_auction" in times
        state = InstrumentState.CLOSED if opens else InstrumentState.OPEN
        phases = [Phase(BEGINNING, state, begin)]
        for key, local in times.items():
            phases.append(Phase(key, _STATE_FROM[key], time_on(date, local, timezone, roll)))
        return phases


def group_times(configuration: Configuration) -> list[GroupTimes]:
    """The groups of the configuration."""
    return [GroupTimes(each.id, each.times(), each.calendar()) for each in configuration.groups]


class Change(NamedTuple):
    """What the schedule asks for: of the whole group, or (instrument not 0) of one instrument."""

    state: InstrumentState
    group: int
    instrument: int


def _latest(phases: Sequence[Phase], moment: datetime.datetime) -> int:
    """The position of the last of ``phases`` that has begun at ``moment``."""
    return max(i for i, phase in enumerate(phases) if i == 0 or phase.start <= moment)


class _Place(NamedTuple):
    """How far a group has come: a trading date, and the position among its phases."""

    date: datetime.date
    position: int


class Schedule:
    """Follows the clock and gives the changes that are due. Knows the instruments' states."""

    def __init__(
        self,
        groups: Sequence[GroupTimes],
        timezone: zoneinfo.ZoneInfo,
        roll: datetime.time,
        late_auction_s: float = 0.0,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._groups = {group.group: group for group in groups if group.scheduled}
        self._timezone = timezone
        self._roll = roll
        self._late_auction_s = late_auction_s
        self._monotonic_s = monotonic_s
        self._places: dict[int, _Place] = {}
        self._entered: dict[int, InstrumentState] = {}
        self._held_until_s: dict[int, float] = {}  # an auction that was passed over
        self._new_day = False
        self._phases: dict[int, tuple[datetime.date, list[Phase]]] = {}
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

    def begin(self, *, new_day: bool = True) -> None:
        """A day, or the daemon, begins: every group enters its phase anew.

        ``new_day``: what the instruments' states say is of another day: no auction has been held.
        """
        self._places.clear()
        self._entered.clear()
        self._held_until_s.clear()
        self._new_day = new_day

    def due(self, now: datetime.datetime) -> Iterator[Change]:
        """The changes to send at ``now``; each is given once."""
        date = trading_date(now, self._timezone, self._roll)
        for group in self._groups.values():
            yield from self._follow(group, date, now)
        while self._late:
            instrument = self._late.pop()
            group_phase = self._entered.get(self._group_of[instrument])
            if group_phase is not None and self._states[instrument] != group_phase:
                self._states[instrument] = group_phase
                yield Change(group_phase, 0, instrument)

    def unfinished(self) -> list[tuple[int, InstrumentState]]:
        """Groups with a close of which an instrument is not closed: the day ends without it."""
        found = []
        for number, group in self._groups.items():
            states = {self._states[i] for i, of in self._group_of.items() if of == number}
            for state in (InstrumentState.OPEN, InstrumentState.AUCTION):
                if "close" in group.times and state in states:
                    found.append((number, state))
        return found

    def _follow(
        self, group: GroupTimes, date: datetime.date, now: datetime.datetime
    ) -> Iterator[Change]:
        number = group.group
        if self._held_until_s.get(number, 0.0) > self._monotonic_s():
            return
        phases = self._phases_of(group, date)
        place = _Place(date, _latest(phases, now))
        before = self._places.get(number)
        if before is not None and place <= before:
            return  # the same phase, or a clock that has gone back
        first = before.position + 1 if before is not None and before.date == date else 1
        passed_over = phases[first : place.position]
        target = phases[place.position]
        auction = self._auction_to_hold(number, passed_over, target, is_new=before is None)
        if auction is not None:
            self._held_until_s[number] = self._monotonic_s() + self._late_auction_s
            place, target = _Place(date, phases.index(auction)), auction
            passed_over = phases[first : place.position]
        self._places[number] = place
        changes = list(self._enter(number, target.state))
        if passed_over and (before is not None or self._new_day or changes):
            log.warning(
                "group %d: passed over today: %s",
                number,
                ", ".join(phase.key for phase in passed_over),
                extra={"fields": {"date": str(date), "entered": target.key}},
            )
        if auction is not None:
            log.warning(
                "group %d: %s was passed over and is held for %g s",
                number,
                auction.key,
                self._late_auction_s,
                extra={"fields": {"date": str(date)}},
            )
        yield from changes

    def _phases_of(self, group: GroupTimes, date: datetime.date) -> list[Phase]:
        known = self._phases.get(group.group)
        if known is None or known[0] != date:
            known = (date, group.phases(date, self._timezone, self._roll))
            self._phases[group.group] = known
        return known[1]

    def _auction_to_hold(
        self, group: int, passed_over: Sequence[Phase], target: Phase, *, is_new: bool
    ) -> Phase | None:
        """The auction among ``passed_over`` that belongs before ``target``, if it was not held.

        ``is_new``: nothing was entered since the day, or the daemon, began. What the instruments'
        states say then counts only when the day is not new.
        """
        keys = {phase.key: phase for phase in passed_over}
        new_day = is_new and self._new_day
        states = {self._states[i] for i, of in self._group_of.items() if of == group}
        states -= {int(state) for state in STANDING}
        auction = None
        if target.key == "open":
            not_held = bool(states) if new_day else InstrumentState.CLOSED in states
            auction = keys.get("opening_auction") if not_held else None
        elif target.key == "close" and not new_day and InstrumentState.OPEN in states:
            auction = keys.get("closing_auction")
        return auction if self._late_auction_s > 0 else None

    def _enter(self, group: int, phase: InstrumentState) -> Iterator[Change]:
        self._entered[group] = phase
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
