"""The commands that configuration and clock ask for: definitions, days, changes of state.

Who uses it: ``loop.py``, in the daemon's one thread. It sends through ``producer.py``. Invariant: a
command that the journal already contains (an instrument, a session, the day's start) is not sent
again.
"""

from __future__ import annotations

import datetime
import logging
import os
import zoneinfo
from pathlib import Path
from typing import Any

from exchange.codes import EventKind, InstrumentState, Parameter, StateReason
from exchange.commands import end_of_day, set_operator, set_parameter, set_state, start_of_day
from exchange.control.clock import ExchangeClock
from exchange.control.differences import differences
from exchange.control.producer import ControlProducer
from exchange.control.schedule import Schedule, group_times
from exchange.control.trading_day import day_number, midnight_ns, trading_date
from exchange.recovery.facts import EngineFacts
from exchange.settings import Configuration, load, roll_time

log = logging.getLogger(__name__)


class TradingControl:
    """Decides which commands the configuration and the clock ask for."""

    def __init__(self, configuration: Configuration, clock: ExchangeClock | None = None) -> None:
        """``clock``: the daemon's; None: the moments that are given are also the commands'."""
        self._clock = clock
        self._configuration = configuration
        self._timezone = zoneinfo.ZoneInfo(configuration.settings.day.timezone)
        self._roll = roll_time(configuration.settings)
        self._daily = configuration.settings.day.roll == "daily"
        self._schedule = Schedule(
            group_times(configuration),
            self._timezone,
            self._roll,
            configuration.settings.day.late_auction_s,
        )
        self._schedule.begin(new_day=False)
        self.day_open = False
        self.day_number = 0

    def recovered(self, facts: EngineFacts, producer: ControlProducer) -> None:
        """At the first start send the configuration's definitions; later log what differs.

        The first day starts after the definitions, so while no day has been started the first start
        is not complete.
        """
        first_start = facts.day_number == 0
        if first_start:
            # an interrupted one: nobody can have added what the files name and do not define
            load(Path(self._configuration.file))
        for difference in differences(self._configuration, facts, first_start=first_start):
            if first_start:
                for record in difference.commands:
                    set_operator(record, "configuration", os.getuid())
                    producer.send(record)
                continue
            log.warning(
                "%s differs from the configuration; see `exchange admin config`",
                difference.subject,
                extra={
                    "fields": {
                        "what": difference.what,
                        "configured": difference.configured,
                        "running": difference.running,
                    }
                },
            )
        if not facts.shares:
            # a new data directory, or one that was made before there were shares
            record = set_parameter(Parameter.SHARES, 0, (1, 0, 0))
            set_operator(record, "exchange", os.getuid())
            producer.send(record)
        for number, instrument in facts.instruments.items():
            self._schedule.know(number, instrument.terms.group, instrument.state)
        self.day_open = facts.day_open
        self.day_number = facts.day_number
        now = self._clock.calendar() if self._clock else datetime.datetime.now(datetime.UTC)
        if not self.day_open:
            self.start_day(producer, now)
        self.roll(producer, now)

    def learn(self, event: Any) -> None:
        """Take a released event: the schedule follows definitions and states."""
        kind = int(event["kind"])
        if kind == EventKind.INSTRUMENT_DEFINED:
            number, group = int(event["instrument"]), int(event["group"])
            self._schedule.know(number, group, InstrumentState.OPEN)
        elif kind == EventKind.STATE_CHANGED and event["instrument"]:
            by_timer = int(event["reason"]) == StateReason.TIMER
            self._schedule.state_changed(
                int(event["instrument"]), int(event["display"]), by_timer=by_timer
            )

    def follow_schedule(self, producer: ControlProducer, now: datetime.datetime) -> None:
        """Send the changes of state that are due at ``now``; only while the day is open."""
        if not self.day_open:
            return
        for change in self._schedule.due(now):
            log.info("schedule", extra={"fields": change._asdict() | {"state": change.state.name}})
            record = set_state(change.state, instrument=change.instrument, group=change.group)
            set_operator(record, "schedule", os.getuid())
            producer.send(record)

    def roll(self, producer: ControlProducer, now: datetime.datetime) -> None:
        """End the day and start the next when the roll time has passed (roll = "daily")."""
        if not self._daily:
            return
        if day_number(trading_date(now, self._timezone, self._roll)) > self.day_number:
            self.end_day(producer)
            self.start_day(producer, now)

    def enter_phases_anew(self) -> None:
        """The calendar was set: every group enters the phase that it has now."""
        self._schedule.begin(new_day=False)

    def end_day(self, producer: ControlProducer) -> bool:
        """End the day, if one is open."""
        if not self.day_open:
            return False
        log.info("end of day", extra={"fields": {"day": self.day_number}})
        for group, state in self._schedule.unfinished():
            log.warning(
                "group %d: the day ends while it is %s; its close was passed over",
                group,
                state.name,
                extra={"fields": {"day": self.day_number}},
            )
        producer.send(end_of_day())
        self.day_open = False
        return True

    def start_day(
        self,
        producer: ControlProducer,
        now: datetime.datetime,
        number: int | None = None,
        *,
        back: bool = False,
    ) -> bool:
        """Start day ``number`` (YYYYMMDD; None: the trading date of ``now``).

        A day that has been traded is never started again: its sessions' messages have been sent
        under its number. ``back``: it may be before the last one, which a wrong clock has started;
        whoever asks for it has made sure that it was not traded. Returns whether it was started.
        """
        if number is None:
            number = day_number(trading_date(now, self._timezone, self._roll))
        if self.day_open or number == self.day_number or (number < self.day_number and not back):
            log.info("no new day", extra={"fields": {"day": number, "last": self.day_number}})
            return False
        log.info("start of day", extra={"fields": {"day": number}})
        # timestamps count from a midnight of their own clock, so that none is negative
        if self._clock is not None:
            self._clock.adopt()
            now = self._clock.time()
        producer.send(start_of_day(number, midnight_ns(now, self._timezone)))
        self.day_open, self.day_number = True, number
        self._schedule.begin()
        return True
