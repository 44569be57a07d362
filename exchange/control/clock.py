"""The exchange's clock: the time of commands, and the calendar time by which days and phases go.

Who uses it: the daemon, in its one thread. ``look`` reads the system's clocks; everything else is
about that latest look. Three offsets to CLOCK_BOOTTIME (which no step of the wall clock moves, and
which counts while a machine is suspended) say all:

    wall       of the wall clock, CLOCK_REALTIME. It changes only when the wall clock is *stepped*
    calendar   of the time by which days roll and phases begin. It follows the wall clock, unless
               that is stepped by more than ``follow_ns``: then it goes on as if nothing had
               happened, until an operator says otherwise (``accept``)
    time       of the time of commands. It follows the calendar by at most 1/SLEW of the time that
               passes, and jumps only forward, and only between two days (``adopt``)

Invariants: ``time_ns`` and ``calendar_ns`` never go back, except the latter when an operator
accepts a wall clock that is behind. While the wall clock is behind what was shown before, the
calendar stands still until it has caught up.

``clock.json`` in the data directory remembers, over a restart, how far the calendar had come and by
how much the time of commands was ahead; it exists only while they differ from the wall clock.

Decision CTL-9.
"""

from __future__ import annotations

import datetime
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from exchange.core.clock_state import SECOND_NS, TOLD_NS, CalendarState

log = logging.getLogger(__name__)

FILE = "clock.json"
STEP_NS = 100_000_000  # a difference between wall clock and boot time from here on is a step
SLEW = 50  # an hour is made up for in two days; intervals are at most 2 % longer or shorter
READ_TRIES = 5
READ_GAP_NS = 50_000


class Reading(NamedTuple):
    """CLOCK_REALTIME, CLOCK_BOOTTIME and CLOCK_MONOTONIC at one moment, in ns."""

    wall_ns: int
    boot_ns: int
    monotonic_ns: int


def read_clocks() -> Reading:
    """The three clocks. Read again when something came between, so that they belong together."""
    best, best_gap_ns = Reading(0, 0, 0), 1 << 62
    for _ in range(READ_TRIES):
        before_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
        wall_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
        gap_ns = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - before_ns
        if gap_ns < best_gap_ns:
            best, best_gap_ns = Reading(wall_ns, before_ns, monotonic_ns), gap_ns
        if gap_ns < READ_GAP_NS:
            break
    return best


class _Memory(msgspec.Struct, frozen=True, kw_only=True):
    """clock.json. ``calendar_ns``: how far the calendar had come; ``ahead_ns``: of the commands."""

    calendar_ns: int
    ahead_ns: int


class ExchangeClock:
    """``follow_ns``: the largest step of the wall clock that the calendar follows by itself.

    ``data_directory``: where ``clock.json`` is; None: nothing is remembered. ``read``: see
    ``read_clocks``.
    """

    def __init__(
        self,
        follow_ns: int,
        data_directory: Path | None = None,
        read: Callable[[], Reading] | None = None,
    ) -> None:
        self._follow_ns = follow_ns
        self._file = None if data_directory is None else data_directory / FILE
        self._read = read or read_clocks
        self._latest = self._read()
        self._wall_offset_ns = self._latest.wall_ns - self._latest.boot_ns
        self._calendar_offset_ns = self._time_offset_ns = self._wall_offset_ns
        self._calendar_ns = 0  # how far it has come
        self._apart = False
        self._recovered = False
        self._remembered = self._file is not None and self._file.exists()
        self.steps = 0
        self.step_ns = 0  # the latest; positive: forward

    # --- the looks ----------------------------------------------------------------------------

    def look(self) -> None:
        """Read the clocks; find and log a step of the wall clock."""
        reading = self._read()
        passed_ns = max(reading.boot_ns - self._latest.boot_ns, 0)
        self._latest = reading
        wall_offset_ns = reading.wall_ns - reading.boot_ns
        step_ns = wall_offset_ns - self._wall_offset_ns
        if abs(step_ns) >= STEP_NS:
            self._wall_offset_ns = wall_offset_ns
            self._stepped(step_ns)
        gap_ns = self._calendar_offset_ns - self._time_offset_ns
        most_ns = passed_ns // SLEW
        self._time_offset_ns += max(-most_ns, min(gap_ns, most_ns))
        self._calendar_ns = max(self._calendar_ns, reading.boot_ns + self._calendar_offset_ns)
        agrees = self.state == CalendarState.FOLLOWS and not self.is_off
        if self._recovered and self._remembered and agrees:
            self._forget()

    def _stepped(self, step_ns: int) -> None:
        self.steps += 1
        self.step_ns = step_ns
        self._apart = abs(self._wall_offset_ns - self._calendar_offset_ns) > self._follow_ns
        if not self._apart:
            self._calendar_offset_ns = self._wall_offset_ns
        consequence = "days and phases follow it"
        if self._apart:
            consequence = "days and phases do not follow it; see `exchange clock`"
        elif step_ns < 0:
            consequence = "days and phases stand still until it has caught up"
        log.warning(
            "the wall clock was stepped by %+.3f s: %s",
            step_ns / SECOND_NS,
            consequence,
            extra={"fields": {"step_ns": step_ns, "followed": not self._apart}},
        )
        self._remember()

    def recovered(self, last_command_ns: int) -> None:
        """A core starts; its last command has this timestamp (0: it has none).

        At the first one the wall clock may be behind the journal: it, or the clock before, is
        wrong.
        """
        self.look()
        latest, first = self._latest, not self._recovered
        least_ns = last_command_ns - latest.boot_ns
        if first:
            memory = self._recall()
            come_ns = max(last_command_ns - memory.ahead_ns, memory.calendar_ns)
            behind_ns = come_ns - latest.wall_ns
            if behind_ns >= STEP_NS:
                self._apart = behind_ns > self._follow_ns
                if self._apart:
                    self._calendar_offset_ns = come_ns - latest.boot_ns
                log.warning(
                    "the wall clock is %.3f s behind the journal: %s",
                    behind_ns / SECOND_NS,
                    "days and phases go on from the journal's time; see `exchange clock`"
                    if self._apart
                    else "days and phases stand still until it has caught up",
                    extra={"fields": {"behind_ns": behind_ns}},
                )
            self._calendar_ns = max(self._calendar_ns, come_ns)
        self._recovered = True
        self._time_offset_ns = max(self._time_offset_ns, least_ns)
        if self.is_off or self.state != CalendarState.FOLLOWS:
            self._remember()

    # --- what people and days decide ----------------------------------------------------------

    def adopt(self) -> None:
        """Between two days: the time of commands jumps forward to the calendar's."""
        self._time_offset_ns = max(self._time_offset_ns, self._calendar_offset_ns)

    def accept(self) -> None:
        """An operator: the wall clock is right. Days and phases go by it from now on."""
        self.look()
        self._apart = False
        self._calendar_offset_ns = self._wall_offset_ns
        self._calendar_ns = self._latest.boot_ns + self._calendar_offset_ns
        log.warning(
            "the wall clock was accepted: days and phases follow it",
            extra={"fields": self.description()},
        )
        self._remember()

    # --- what it shows ------------------------------------------------------------------------

    @property
    def time_ns(self) -> int:
        """The time of commands at the latest look, ns since 1970 (UTC)."""
        return self._latest.boot_ns + self._time_offset_ns

    @property
    def matcher_offset_ns(self) -> int:
        """The time of commands minus CLOCK_MONOTONIC."""
        return self.time_ns - self._latest.monotonic_ns

    @property
    def ahead_ns(self) -> int:
        """By how much the time of commands is ahead of the wall clock."""
        return self.time_ns - self._latest.wall_ns

    @property
    def is_off(self) -> bool:
        """Whether that is so much that people are told."""
        return abs(self.ahead_ns) >= TOLD_NS

    @property
    def state(self) -> CalendarState:
        """How the calendar stands to the wall clock."""
        if self._apart:
            return CalendarState.APART
        shown_ns = self._latest.boot_ns + self._calendar_offset_ns
        stands = self._calendar_ns - shown_ns >= STEP_NS
        return CalendarState.STANDS if stands else CalendarState.FOLLOWS

    def calendar(self) -> datetime.datetime:
        """The moment (UTC) by which days roll and phases begin."""
        return _moment(self._calendar_ns)

    def time(self) -> datetime.datetime:
        """``time_ns`` as a moment (UTC)."""
        return _moment(self.time_ns)

    def description(self) -> dict[str, object]:
        """For people: the three times, how they stand to each other, and the steps so far."""
        return {
            "wall": _moment(self._latest.wall_ns).isoformat(timespec="milliseconds"),
            "calendar": self.calendar().isoformat(timespec="milliseconds"),
            "commands": self.time().isoformat(timespec="milliseconds"),
            "state": self.state.name.lower(),
            "ahead_ms": self.ahead_ns // 1_000_000,
            "steps": self.steps,
            "last_step_ms": self.step_ns // 1_000_000,
        }

    # --- over restarts ------------------------------------------------------------------------

    def _recall(self) -> _Memory:
        try:
            if self._file is not None:
                return msgspec.json.decode(self._file.read_bytes(), type=_Memory)
        except FileNotFoundError:
            pass
        except (OSError, msgspec.DecodeError) as error:
            log.warning("%s is not used: %s", self._file, error)
        return _Memory(calendar_ns=0, ahead_ns=0)

    def _remember(self) -> None:
        if self._file is None:
            return
        ahead_ns = max(self._time_offset_ns - self._calendar_offset_ns, 0)
        memory = _Memory(calendar_ns=self._calendar_ns, ahead_ns=ahead_ns)
        temporary = self._file.with_suffix(".new")
        try:
            temporary.write_bytes(msgspec.json.encode(memory) + b"\n")
            os.replace(temporary, self._file)
            self._remembered = True
        except OSError as error:
            log.warning("%s cannot be written: %s", self._file, error)

    def _forget(self) -> None:
        assert self._file is not None
        self._file.unlink(missing_ok=True)
        self._remembered = False


def _moment(time_ns: int) -> datetime.datetime:
    """``time_ns`` (since 1970) as a moment (UTC), to the microsecond."""
    since = datetime.timedelta(microseconds=time_ns // 1_000)
    return datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC) + since
