"""The daemon as a producer of commands: instruments, sessions, days, timers and operators.

Who writes: the daemon's one thread, into ingress ring 0. Who reads: the matcher. Invariant:
commands wait in a queue here when the ring is full, in order; nothing is dropped. A command that
the journal already contains (an instrument, a session, the day's start) is not sent again.
"""

from __future__ import annotations

import datetime
import logging
import time
import zoneinfo
from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np

from exchange import pipeline
from exchange.codes import FLAG_LONG, CommandKind
from exchange.records import COMMAND, INSTRUMENT_CONTINUATION
from exchange.settings import Configuration, Instrument, Session, roll_time
from exchange.trading_day import day_number, midnight_ns, trading_date
from ringbuffer.idle import wake
from ringbuffer.ring import publish

log = logging.getLogger(__name__)

Record = np.ndarray[Any, Any]


class EngineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What the matcher knows after recovery; it sends them to the daemon when it is ready.

    instruments: id -> (symbol, tick, lot, price_decimals, minimum price, maximum price, maximum
    quantity), prices in minor units. sessions: id -> (username, account). recovery: where the
    journal ends, for the journaler (journal.recovery.RecoveryReport). The rest is for counters.
    """

    recovery: dict[str, int | str | bool | None]
    replayed_commands: int
    replayed_events: int
    duration_ns: int
    snapshot_sequence: int
    next_command: int
    next_event: int
    day_open: bool
    day_number: int
    instruments: dict[int, tuple[str, int, int, int, int, int, int]]
    sessions: dict[int, tuple[str, int]]


def packed_text(text: str) -> int:
    """Up to 8 characters, padded with spaces, as the little-endian u64 of ``token_0``."""
    return int.from_bytes(text.encode("ascii").ljust(8), "little")


def unpacked_text(value: int) -> str:
    """The inverse of ``packed_text``."""
    return (value & (1 << 64) - 1).to_bytes(8, "little").decode("ascii", "replace").rstrip()


def _command(kind: CommandKind, slots: int = 1, **fields: int) -> Record:
    record = np.zeros(slots, COMMAND)
    record["kind"][0] = kind
    record["flags"][0] = FLAG_LONG if slots == 2 else 0
    for name, value in fields.items():
        record[name][0] = value
    return record


def instrument_facts(instrument: Instrument) -> tuple[str, int, int, int, int, int, int]:
    """An instrument of the configuration in the form of ``EngineFacts.instruments``."""
    return (
        instrument.symbol,
        instrument.minor_units(instrument.tick),
        instrument.lot,
        instrument.price_decimals,
        instrument.minor_units(instrument.minimum_price),
        instrument.minor_units(instrument.maximum_price),
        instrument.maximum_quantity,
    )


def define_instrument(instrument: Instrument) -> Record:
    """The INSTRUMENT command: two slots."""
    symbol, tick, lot, decimals, minimum, maximum, quantity = instrument_facts(instrument)
    record = _command(
        CommandKind.INSTRUMENT,
        slots=2,
        instrument=instrument.id,
        token_0=packed_text(symbol),
        price=tick,
        quantity=lot,
        display=decimals,
    )
    rest = record[1:].view(INSTRUMENT_CONTINUATION)
    rest["minimum_price"] = minimum
    rest["maximum_price"] = maximum
    rest["maximum_quantity"] = quantity
    return record


def define_session(session: Session) -> Record:
    """The SESSION command."""
    return _command(
        CommandKind.SESSION,
        session=session.id,
        token_0=packed_text(session.username),
        quantity=session.account,
    )


def start_of_day(number: int, midnight: int) -> Record:
    """START_OF_DAY of day ``number`` (YYYYMMDD), which counts from ``midnight`` (UTC ns)."""
    return _command(CommandKind.START_OF_DAY, price=number, quantity=midnight)


def end_of_day() -> Record:
    """END_OF_DAY."""
    return _command(CommandKind.END_OF_DAY)


def cancel_by_order_id(order_id: int) -> Record:
    """Cancel an order whatever its session (operators)."""
    return _command(CommandKind.CANCEL_BY_ORDER_ID, price=order_id)


class ControlProducer:
    """Writes commands into ingress ring 0, in order, as far as there is room."""

    def __init__(self, ring: Record, cursors: Record, matcher_eventfd: int) -> None:
        self._ring = ring
        self._cursors = cursors
        self._eventfd = matcher_eventfd
        self._waiting: deque[Record] = deque()
        self._published = int(cursors[pipeline.ingress_published(pipeline.INGRESS_CONTROL)])
        self._timer_sent_at = -1

    def send(self, record: Record) -> None:
        """Queue a command (one or two slots) and write what fits."""
        self._waiting.append(record)
        self.pump()

    def pump(self) -> bool:
        """Write what fits. Returns whether nothing waits any more."""
        capacity = self._ring.shape[0]
        mask = capacity - 1
        consumed = int(self._cursors[pipeline.ingress_consumed(pipeline.INGRESS_CONTROL)])
        first = self._published
        while self._waiting:
            record = self._waiting[0]
            if self._published + record.shape[0] - consumed > capacity:
                break
            record["timestamp_ns"][0] = time.time_ns()
            for slot in record:
                self._ring[self._published & mask] = slot
                self._published += 1
            self._waiting.popleft()
        if self._published != first:
            index = pipeline.ingress_published(pipeline.INGRESS_CONTROL)
            # release: the slots are written before the matcher sees the cursor
            publish(self._cursors, index, self._published)
            wake(self._cursors, pipeline.sleeping(pipeline.AGENT_MATCHER), self._eventfd)
        return not self._waiting

    def settled(self) -> bool:
        """Whether everything that was sent is applied, durable and released."""
        cursors = self._cursors
        consumed = int(cursors[pipeline.ingress_consumed(pipeline.INGRESS_CONTROL)])
        return not self._waiting and consumed == self._published and settled(cursors)

    def expire(self, now_s: int) -> bool:
        """Send TIMER when a good-till-time order is due at ``now_s`` (Unix seconds).

        One TIMER is under way at a time. Returns whether one is due or under way.
        """
        due = int(self._cursors[pipeline.NEXT_EXPIRY_SECOND])
        if due == 0 or due > now_s:
            return False
        consumed = int(self._cursors[pipeline.ingress_consumed(pipeline.INGRESS_CONTROL)])
        applied = int(self._cursors[pipeline.COMMAND_APPLIED])
        published = int(self._cursors[pipeline.COMMAND_PUBLISHED])
        if consumed >= self._timer_sent_at and (applied == published or self._timer_sent_at < 0):
            self.send(_command(CommandKind.TIMER))
            self._timer_sent_at = self._published
        return True


def settled(cursors: Record) -> bool:
    """Whether every published command is applied and durable and all its events released."""
    published = int(cursors[pipeline.COMMAND_PUBLISHED])
    return (
        int(cursors[pipeline.COMMAND_APPLIED]) == published
        and int(cursors[pipeline.COMMAND_DURABLE]) == published
        and int(cursors[pipeline.EVENT_RELEASED]) == int(cursors[pipeline.EVENT_PUBLISHED])
    )


def ingress_empty(cursors: Record, rings: Sequence[int]) -> bool:
    """Whether the matcher has taken everything out of the ingress ``rings``."""
    return all(
        int(cursors[pipeline.ingress_published(ring)])
        == int(cursors[pipeline.ingress_consumed(ring)])
        for ring in rings
    )


class TradingControl:
    """Decides which commands the configuration and the clock ask for."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration = configuration
        self._timezone = zoneinfo.ZoneInfo(configuration.settings.day.timezone)
        self._roll = roll_time(configuration.settings)
        self._daily = configuration.settings.day.roll == "daily"
        self.day_open = False
        self.day_number = 0

    def recovered(self, facts: EngineFacts, producer: ControlProducer) -> None:
        """Send what the configuration has and the journal does not; warn about differences."""
        for instrument in self._configuration.instruments:
            known = facts.instruments.get(instrument.id)
            if known is None:
                producer.send(define_instrument(instrument))
            elif tuple(known) != instrument_facts(instrument):
                log.warning(
                    "instrument differs from the journal, which wins",
                    extra={
                        "fields": {
                            "instrument": instrument.id,
                            "configured": instrument_facts(instrument),
                            "journal": known,
                        }
                    },
                )
        for session in self._configuration.sessions:
            defined = facts.sessions.get(session.id)
            if defined is None:
                producer.send(define_session(session))
            elif tuple(defined) != (session.username, session.account):
                log.warning(
                    "session differs from the journal, which wins",
                    extra={
                        "fields": {
                            "session": session.id,
                            "configured": (session.username, session.account),
                            "journal": defined,
                        }
                    },
                )
        self.day_open = facts.day_open
        self.day_number = facts.day_number
        now = datetime.datetime.now(datetime.UTC)
        if not self.day_open:
            self.start_day(producer, now)
        self.roll(producer, now)

    def roll(self, producer: ControlProducer, now: datetime.datetime) -> None:
        """End the day and start the next when the roll time has passed (roll = "daily")."""
        if not self._daily:
            return
        if day_number(trading_date(now, self._timezone, self._roll)) > self.day_number:
            self.end_day(producer)
            self.start_day(producer, now)

    def end_day(self, producer: ControlProducer) -> bool:
        """End the day, if one is open."""
        if not self.day_open:
            return False
        log.info("end of day", extra={"fields": {"day": self.day_number}})
        producer.send(end_of_day())
        self.day_open = False
        return True

    def start_day(
        self, producer: ControlProducer, now: datetime.datetime, number: int | None = None
    ) -> bool:
        """Start day ``number`` (YYYYMMDD; None: the trading date of ``now``).

        A day that has been traded is never started again: its sessions' messages have been sent
        under its number. Returns whether the day was started.
        """
        if number is None:
            number = day_number(trading_date(now, self._timezone, self._roll))
        if self.day_open or number <= self.day_number:
            log.info("no new day", extra={"fields": {"day": number, "last": self.day_number}})
            return False
        log.info("start of day", extra={"fields": {"day": number}})
        producer.send(start_of_day(number, midnight_ns(now, self._timezone)))
        self.day_open, self.day_number = True, number
        return True
