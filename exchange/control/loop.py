"""The control loop: all parts of the daemon that send commands and follow events, for one core.

Who uses it: the daemon's one thread. It ties together the producer of commands (producer.py),
configuration, days and schedule (trading.py), operators (operators.py), API keys (key_requests.py)
and the follower of released events (core/follower.py). Nothing here blocks; every call is bounded.

Decision CTL-3.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from exchange.codes import CommandKind
from exchange.commands import Record, notes
from exchange.control.cancels import Cancels
from exchange.control.clock import ExchangeClock
from exchange.control.disk_guard import DiskGuard
from exchange.control.door import Door
from exchange.control.key_requests import COMMANDS as KEY_COMMANDS
from exchange.control.key_requests import ApiKeys
from exchange.control.operators import FOLLOWED, DaemonNames, Operators
from exchange.control.people import Person, person_of
from exchange.control.producer import ControlProducer
from exchange.control.socket import Client, Request
from exchange.control.trading import TradingControl
from exchange.core.clock_state import SECOND_NS
from exchange.core.counters import Counter
from exchange.core.follower import EventFollower
from exchange.core.pipeline import CLOCK_OFFSET, IngressRing
from exchange.core.region import Core
from exchange.errors import Refused
from exchange.records import EVENT, EVENT_LAYOUT, KIND_OFFSET
from exchange.recovery.facts import EngineFacts
from exchange.runtime.capacity_use import CapacityWatch, sizes_of
from exchange.runtime.data_directory import (
    archive_directory,
    journal_directory,
    load_capacity,
)
from exchange.settings import Configuration
from journal.archive_reader import ArchiveReader
from ringbuffer.counters import set_value
from ringbuffer.ring import publish

EXPIRY_POLL_S = 0.01
ANSWER_POLL_S = 0.0005  # while an operator waits for an answer
BUSY_POLL_S = 0.02  # while many events come: so that they are still in the ring when read
BUSY_EVENTS = 4_096
FOLLOW_EVENTS = 65_536  # read in one step
FOLLOW_BUDGET_S = 0.005  # for the steps of one turn


class ControlLoop:
    """``facts``: the matcher's, after recovery. ``clock``: the daemon's, over all cores."""

    def __init__(
        self,
        core: Core,
        configuration: Configuration,
        data_directory: Path,
        facts: EngineFacts,
        matcher_eventfd: int,
        clock: ExchangeClock,
    ) -> None:
        arrays = core.region.arrays
        self._cursors, self._counters = core.cursors, arrays["counters"]
        self._clock = clock
        self._facts = facts
        self._configuration_file = configuration.file
        self._operator_names = configuration.settings.exchange.operators
        self._producer = ControlProducer(
            arrays[IngressRing.CONTROL.section], core.cursors, matcher_eventfd
        )
        self._trading = TradingControl(configuration, clock)
        capacity = load_capacity(data_directory)
        assert capacity is not None, "the matcher has fixed the capacities"
        settings = configuration.settings
        self._counters = arrays["counters"]
        self._capacity_watch = CapacityWatch(self._counters, sizes_of(settings, capacity))
        self._disk_guard = DiskGuard(
            (data_directory, journal_directory(data_directory), archive_directory(data_directory)),
            self._counters,
            self._producer.send,
            stop_bytes=settings.journal.stop_free_bytes,
            segment_bytes=settings.journal.segment_bytes,
            stopped=facts.orders_stopped,
        )
        self._door = Door(facts, capacity, [group.id for group in configuration.groups])
        master_key_file = configuration.settings.api.master_key_file
        self._keys = ApiKeys(
            self._send_own,
            facts,
            configuration.settings.capacity.sessions,
            data_directory,
            Path(master_key_file) if master_key_file else None,
        )
        self._follower = EventFollower(
            arrays["event_ring"],
            core.cursors,
            ArchiveReader(archive_directory(data_directory), EVENT, EVENT_LAYOUT, KIND_OFFSET),
            facts.next_event,
            FOLLOWED,
        )
        cancels = Cancels(self._producer, core.cursors, self._follower)
        self._operators = Operators(self._producer.send, DaemonNames(facts), self._door, cancels)

    def _send_own(self, record: Record) -> None:
        """Send a command that the daemon makes itself: its session is on its way, too."""
        self._door.note(record)
        self._producer.send(record)

    @property
    def day_number(self) -> int:
        """The trading day, YYYYMMDD."""
        return self._trading.day_number

    def reloaded(self, configuration: Configuration) -> None:
        """Take over from a changed configuration what counts at once."""
        self._operator_names = configuration.settings.exchange.operators

    def begin(self) -> None:
        """Send what the configuration and the clock ask for after recovery."""
        self._clock.recovered(self._facts.last_timestamp_ns)
        self._show_clock()
        self._trading.recovered(self._facts, self._producer)
        self._show_clock()  # a day that was started may have moved it

    def settled(self) -> bool:
        """Whether everything that was sent is applied, durable and released."""
        self._producer.pump()
        return self._producer.settled()

    def follow(self) -> bool:
        """Read released events for some milliseconds. Returns whether none is left."""
        end_s = time.monotonic() + FOLLOW_BUDGET_S
        while self._follower.behind() > 0:
            for event in self._follower.read(FOLLOW_EVENTS):
                self._trading.learn(event)
                self._operators.learn(event)
                self._keys.learn(event)
            if time.monotonic() > end_s:
                return self._follower.behind() <= 0
        return True

    def follow_schedule(self) -> None:
        """Send the changes of state that are due now."""
        self._trading.follow_schedule(self._producer, self._clock.calendar())

    def work(self) -> float | None:
        """One turn of all parts. Returns in how many seconds it must be called again at most."""
        self._clock.look()
        self._trading.roll(self._producer, self._clock.calendar())
        self._show_clock()
        due = self._producer.expire(self._clock.time_ns // SECOND_NS)
        seen = self._follower.next_sequence
        caught_up = self.follow()
        if caught_up:
            self.follow_schedule()  # it has seen every change of state
        self._look_at_capacities()
        waiting = not self._producer.pump()
        self._operators.work()
        if self._operators.waiting or self._keys.waiting or not caught_up:
            return ANSWER_POLL_S
        if due or waiting:
            return EXPIRY_POLL_S
        return BUSY_POLL_S if self._follower.next_sequence - seen >= BUSY_EVENTS else None

    def until_next_second_s(self) -> float:
        """Seconds until the next full second of the time of commands, when expiries are due."""
        return (SECOND_NS - self._clock.time_ns % SECOND_NS) / SECOND_NS

    def _show_clock(self) -> None:
        """Give the matcher its time, and everybody the clock's gauges."""
        clock = self._clock
        # release: orders nothing; the matcher looks at it before each batch
        publish(self._cursors, CLOCK_OFFSET, clock.matcher_offset_ns)
        for counter, value in (
            (Counter.CLOCK_STEPS, clock.steps),
            (Counter.CLOCK_STEP_NS, clock.step_ns),
            (Counter.CLOCK_AHEAD_NS, clock.ahead_ns),
            (Counter.CLOCK_CALENDAR, clock.state),
        ):
            set_value(self._counters, int(counter), int(value))

    def _look_at_capacities(self) -> None:
        """Gauges, warnings, and orders stopped before the disk is full."""
        self._disk_guard.work()
        sessions, instruments, accounts = self._door.defined()
        set_value(self._counters, int(Counter.SESSIONS_DEFINED), sessions)
        set_value(self._counters, int(Counter.INSTRUMENTS_DEFINED), instruments)
        set_value(self._counters, int(Counter.ACCOUNTS_DEFINED), accounts)
        self._capacity_watch.look()

    def handle(
        self, request: Request, client: Client, reply: Callable[[dict[str, Any]], None]
    ) -> dict[str, Any] | None:
        """Answer a request of the control socket; None: ``reply`` is called later."""
        try:
            person = person_of(request, client, self._operator_names)
        except Refused as refusal:
            return {"ok": False, "error": str(refusal)}
        if request.command in ("start_day", "end_day"):
            self._note(person, request.command)
        if request.command == "start_day":
            now = self._clock.calendar()
            started = self._trading.start_day(self._producer, now, request.day, back=request.back)
            return {"ok": started, "day": self._trading.day_number} | (
                {} if started else {"error": self._no_new_day(request.day)}
            )
        if request.command == "end_day":
            ended = self._trading.end_day(self._producer)
            answer = {"ok": ended, "day": self._trading.day_number}
            return answer | ({} if ended else {"error": "no day is open"})
        if request.command in ("clock", "accept_clock"):
            if request.command == "accept_clock":
                self._clock.accept()
                self._trading.enter_phases_anew()
            self._clock.look()
            return {"ok": True, "clock": self._clock.description()}
        if request.command == "names":
            return self._operators.names.answer() | {"time_ns": self._clock.time_ns}
        if request.command == "submit" and request.record is not None:
            return self._operators.submit(request.record, *person[:2], reply, person.reason)
        if request.command == "apply" and request.records is not None:
            return self._operators.apply(request.records, *person[:2], reply, person.reason)
        if request.command == "configuration":
            return {"ok": True, "file": self._configuration_file}
        if request.command in KEY_COMMANDS:
            return self._keys.handle(request, person, reply)
        return {"ok": False, "error": f"unknown or incomplete request: {request.command}"}

    def _note(self, person: Person, request: str) -> None:
        """Journal who asks for a day, and why."""
        kind = CommandKind.START_OF_DAY if request == "start_day" else CommandKind.END_OF_DAY
        for note in notes(person.name, person.uid, person.reason, "", kind):
            self._producer.send(note)

    def _no_new_day(self, number: int | None) -> str:
        trading = self._trading
        if trading.day_open:
            return f"trading day {trading.day_number} is open: `exchange day end` ends it"
        asked = "that day" if number is None else f"day {number}"
        return (
            f"{asked} is not after {trading.day_number}, which has been traded: --number says one; "
            "if a wrong clock started that one: --back --number YYYYMMDD"
        )

    def abandon(self) -> None:
        """The core has ended: answer every request that still waits."""
        self._operators.abandon()
        self._keys.abandon()
