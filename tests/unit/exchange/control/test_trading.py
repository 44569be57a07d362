"""Definitions, days and changes of state that configuration and clock ask for."""

from __future__ import annotations

import datetime
import zoneinfo
from typing import Any

import msgspec
import numpy as np
import pytest

from exchange.codes import CommandKind, EventKind, InstrumentState, StateReason
from exchange.commands import Record
from exchange.control.trading import TradingControl
from exchange.control.trading_day import day_number, trading_date
from exchange.records import EVENT
from exchange.settings import Configuration, Group, load, roll_time
from tests.harness.facts import empty_facts

UTC = datetime.UTC
NOON = datetime.datetime(2026, 11, 20, 17, tzinfo=UTC)  # noon in New York
EVENING = datetime.datetime(2026, 11, 21, 1, 30, tzinfo=UTC)  # 20:30 of the 20th: the 21st's day


class FakeProducer:
    """Keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[Record] = []

    def send(self, record: Record) -> None:
        self.sent.append(record)

    def kinds(self) -> list[CommandKind]:
        kinds = [CommandKind(int(record["kind"][0])) for record in self.sent]
        self.sent.clear()
        return kinds


def configuration(roll: str = "daily") -> Configuration:
    shipped = load(None)
    day = msgspec.structs.replace(shipped.settings.day, roll=roll, roll_time="20:00:00")
    return msgspec.structs.replace(
        shipped, settings=msgspec.structs.replace(shipped.settings, day=day)
    )


def control(roll: str = "daily") -> tuple[TradingControl, Any]:
    return TradingControl(configuration(roll)), FakeProducer()


def today() -> int:
    """The trading day now, which ``recovered`` asks the system's clock for."""
    settings = configuration().settings
    timezone = zoneinfo.ZoneInfo(settings.day.timezone)
    return day_number(trading_date(datetime.datetime.now(UTC), timezone, roll_time(settings)))


def test_the_first_start_defines_everything_before_its_day() -> None:
    trading, producer = control()
    trading.recovered(empty_facts(), producer)
    kinds = producer.kinds()
    assert kinds.pop() == CommandKind.START_OF_DAY
    assert CommandKind.START_OF_DAY not in kinds
    # what is named by others comes before them
    assert kinds.index(CommandKind.ACCOUNT) < kinds.index(CommandKind.CURRENCY)
    assert kinds.index(CommandKind.CURRENCY) < kinds.index(CommandKind.INSTRUMENT)
    assert kinds.index(CommandKind.INSTRUMENT) < kinds.index(CommandKind.SESSION)
    assert trading.day_open


def test_a_later_start_defines_nothing_and_says_what_differs(
    caplog: pytest.LogCaptureFixture,
) -> None:
    trading, producer = control()
    trading.recovered(empty_facts(day_open=True, day_number=today()), producer)
    assert producer.kinds() == []
    assert "differs from the configuration" in caplog.text


def test_a_start_after_the_roll_begins_the_next_day() -> None:
    trading, producer = control()
    trading.recovered(empty_facts(day_open=True, day_number=20200102), producer)
    assert producer.kinds() == [CommandKind.END_OF_DAY, CommandKind.START_OF_DAY]
    assert trading.day_number == today()


def test_a_day_ends_and_the_next_begins_at_the_roll() -> None:
    trading, producer = control()
    assert trading.start_day(producer, NOON)
    (start,) = producer.sent
    assert int(start["price"][0]) == 20261120
    midnight = datetime.datetime(2026, 11, 20, 5, tzinfo=UTC)  # in New York
    assert int(start["quantity"][0]) == int(midnight.timestamp()) * 10**9
    producer.sent.clear()
    trading.roll(producer, NOON)
    assert producer.kinds() == []
    trading.roll(producer, EVENING)
    assert producer.kinds() == [CommandKind.END_OF_DAY, CommandKind.START_OF_DAY]
    assert (trading.day_open, trading.day_number) == (True, 20261121)


def test_a_manual_day_does_not_roll() -> None:
    trading, producer = control("manual")
    trading.start_day(producer, NOON)
    producer.sent.clear()
    trading.roll(producer, EVENING)
    assert producer.kinds() == [] and trading.day_number == 20261120


def test_a_day_that_was_traded_is_never_started_again() -> None:
    trading, producer = control("manual")
    assert trading.start_day(producer, NOON)
    assert not trading.start_day(producer, NOON, 20261130), "a day is open"
    assert trading.end_day(producer)
    assert not trading.end_day(producer), "no day is open"
    assert not trading.start_day(producer, NOON)
    assert not trading.start_day(producer, NOON, 20261119)
    assert producer.kinds() == [CommandKind.START_OF_DAY, CommandKind.END_OF_DAY]
    assert trading.start_day(producer, NOON, 20261121)


def test_a_day_before_the_last_is_started_only_when_that_is_asked_for() -> None:
    """A wrong clock has started a day a year ahead."""
    trading, producer = control()
    assert trading.start_day(producer, NOON, 20271201)
    assert trading.end_day(producer)
    assert not trading.start_day(producer, NOON)
    assert not trading.start_day(producer, NOON, 20271201, back=True), "it has been traded"
    assert trading.start_day(producer, NOON, 20261120, back=True)
    producer.sent.clear()
    trading.roll(producer, EVENING)
    assert producer.kinds() == [CommandKind.END_OF_DAY, CommandKind.START_OF_DAY]
    assert trading.day_number == 20261121


def event(kind: EventKind, **fields: int) -> Any:
    made = np.zeros(1, EVENT)
    made["kind"] = kind
    for name, value in fields.items():
        made[name] = value
    return made[0]


def test_the_schedule_follows_released_events_and_rests_while_no_day_is_open() -> None:
    group = Group(id=3, name="day", open="09:30:00", close="16:00:00")
    trading = TradingControl(msgspec.structs.replace(configuration("manual"), groups=[group]))
    producer: Any = FakeProducer()
    trading.learn(event(EventKind.INSTRUMENT_DEFINED, instrument=7, group=3))
    night = datetime.datetime(2026, 11, 21, 4, tzinfo=UTC)  # 23:00 in New York: closed
    trading.follow_schedule(producer, night)
    assert producer.kinds() == [], "no day is open"
    trading.start_day(producer, night)
    producer.sent.clear()
    trading.follow_schedule(producer, night)
    assert producer.kinds() == [CommandKind.INSTRUMENT_STATE]
    # a halt that ended by itself opened it: it enters the phase again
    trading.learn(
        event(
            EventKind.STATE_CHANGED,
            instrument=7,
            display=InstrumentState.OPEN,
            reason=StateReason.TIMER,
        )
    )
    trading.follow_schedule(producer, night)
    (change,) = producer.sent
    assert int(change["instrument"][0]) == 7
