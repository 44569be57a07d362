"""instruments.toml: groups with their schedule, and instruments with their limits.

Prices are as written, in currency units; ``Instrument.minor_units`` makes integers of them.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal

from msgspec import Meta, field

from exchange.definitions.rules import (
    GROUP_PATTERN,
    MAXIMUM_DECIMALS,
    MAXIMUM_GROUP,
    SYMBOL_PATTERN,
    InstrumentTerms,
    range_problems,
    symbol_problems,
    wire_problems,
)
from exchange.settings.accounts import Currency
from exchange.settings.calendars import WEEKDAYS, Calendar
from exchange.settings.exact import scaled
from exchange.settings.findings import Findings, doubles
from exchange.settings.parameters import LimitError, instrument_parameters, overlaid
from exchange.settings.sections import (
    Count,
    RiskSection,
    Section,
    SmallCount,
    TimeOfDay,
    WindowSeconds,
)
from exchange.settings.toml_file import problem

PHASE_KEYS = ("opening_auction", "open", "closing_auction", "close")  # in the order of a day
DAY_S = 86_400
Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class Times(Section, frozen=True, kw_only=True):
    """When the phases of a day begin; each may be left out."""

    opening_auction: TimeOfDay | None = None
    open: TimeOfDay | None = None
    closing_auction: TimeOfDay | None = None
    close: TimeOfDay | None = None

    def times(self) -> dict[str, datetime.time]:
        """The times that are given, by key, in the order of a day."""
        given = {key: getattr(self, key) for key in PHASE_KEYS}
        return {key: datetime.time.fromisoformat(text) for key, text in given.items() if text}


class HalfDay(Times, frozen=True, kw_only=True):
    """One ``[[group.half_day]]``: all times of a trading date, in place of the group's."""

    date: datetime.date


class Group(Times, frozen=True, kw_only=True):
    """One ``[[group]]``: instruments that open and close together; without times always open.

    ``weekend``, ``holidays``: weekdays and trading dates on which they stay closed.
    """

    id: Annotated[int, Meta(ge=1, le=MAXIMUM_GROUP)]
    name: Annotated[str, Meta(pattern=GROUP_PATTERN)]
    weekend: list[Weekday] = field(default_factory=list)
    holidays: list[datetime.date] = field(default_factory=list)
    half_day: list[HalfDay] = field(default_factory=list)

    def calendar(self) -> Calendar:
        """On which trading dates the group trades."""
        return Calendar(
            frozenset(map(WEEKDAYS.index, self.weekend)),
            frozenset(self.holidays),
            {day.date: day.times() for day in self.half_day},
        )


class Instrument(Section, frozen=True, kw_only=True):
    """One ``[[instrument]]``. Limits that are None are those of ``[risk]``."""

    id: SmallCount
    symbol: Annotated[str, Meta(pattern=SYMBOL_PATTERN)]
    currency: str
    group: str = ""
    price_decimals: Annotated[int, Meta(ge=0, le=MAXIMUM_DECIMALS)]
    tick: Decimal
    lot: Count
    minimum_price: Decimal
    maximum_price: Decimal
    maximum_quantity: Count
    reference_price: Decimal | None = None
    maker_fee_basis_points: Decimal | None = None
    taker_fee_basis_points: Decimal | None = None
    price_band_percent: Decimal | None = None
    collar_percent: Decimal | None = None
    review_value: Decimal | None = None
    breaker_percent: Decimal | None = None
    breaker_window_s: WindowSeconds | None = None
    breaker_halt_s: WindowSeconds | None = None

    def minor_units(self, price: Decimal) -> int:
        """``price`` as an integer of 10^-price_decimals. Raises ValueError if it is not one."""
        return scaled(price, self.price_decimals)


class _InstrumentsFile(Section, frozen=True, kw_only=True):
    group: list[Group] = field(default_factory=list)
    instrument: list[Instrument] = field(default_factory=list)


def _seconds(time: datetime.time) -> int:
    return time.hour * 3600 + time.minute * 60 + time.second


def _wrong_times(given: Times, roll: datetime.time) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) with the times of a group or of a half day."""
    before, after_roll = "", -1
    for key, time in given.times().items():
        # a day begins at the roll: a session may cross midnight
        offset = (_seconds(time) - _seconds(roll)) % DAY_S
        if offset <= after_roll:
            yield key, f"must be after {before}, counted from day.roll_time ({roll})"
        before, after_roll = key, offset
    for auction, end in (("opening_auction", "open"), ("closing_auction", "close")):
        if getattr(given, auction) and not getattr(given, end):
            yield end, f"missing; an auction that begins at {auction} ends at it"


def _wrong_dates(group: Group, roll: datetime.time) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) with the calendar of a group."""
    dates = [day.date for day in group.half_day]
    for date in sorted({date for date in dates if dates.count(date) > 1}):
        yield "half_day", f"{date} is there twice"
    for date in sorted(set(dates) & set(group.holidays)):
        yield "half_day", f"{date} is also in holidays"
    for day in group.half_day:
        if not day.times():
            yield "half_day", f"{day.date} has no times; a day without trading is in holidays"
        for key, what in _wrong_times(day, roll):
            yield "half_day", f"{day.date}: {key}: {what}"
    if len(set(group.weekend)) == len(WEEKDAYS):
        yield "weekend", "leaves no day to trade"


def load_instruments(
    path: Path,
    capacity: int,
    currencies: Sequence[Currency],
    risk: RiskSection,
    roll: datetime.time,
    found: Findings | None = None,
    *,
    journaled: Collection[str] | None = (),
) -> tuple[list[Group], list[Instrument]]:
    """Groups and instruments of ``path``; ids of instruments are below ``capacity`` (records).

    ``journaled``: symbols that the exchange has already; None: that is not known, any may be one.
    Older builds let prices pass that OUCH cannot tell, and a definition is never taken back: such
    an instrument stops no start. The door of the journal refuses a new one.
    """
    found = found or Findings()
    text, tables = found.tables(path, _InstrumentsFile)
    groups: dict[int, Group] = tables["group"]
    instruments: dict[int, Instrument] = tables["instrument"]

    def refuse(section: str, index: int, key: str, what: str) -> None:
        found.add(problem(path, text, section, key, what, index))

    for section, key in (("group", "id"), ("group", "name"), ("instrument", "id"),
                         ("instrument", "symbol")):  # fmt: skip
        for index, what in doubles(tables[section], key):
            refuse(section, index, key, what)
    for index, group in groups.items():
        for key, what in (*_wrong_times(group, roll), *_wrong_dates(group, roll)):
            refuse("group", index, key, what)
    by_code = {currency.code: currency for currency in currencies}
    by_name = {group.name: group.id for group in groups.values()}
    for index, instrument in instruments.items():
        is_new = journaled is not None and instrument.symbol not in journaled
        for key, what in _wrong(instrument, capacity, by_code, by_name, is_new):
            refuse("instrument", index, key, what)
        currency = by_code.get(instrument.currency)
        try:
            decimals = MAXIMUM_DECIMALS if currency is None else currency.decimals
            instrument_parameters(overlaid(risk, instrument), decimals)
        except LimitError as error:
            refuse("instrument", index, error.key, str(error))
    return list(groups.values()), list(instruments.values())


def _wrong(
    instrument: Instrument,
    capacity: int,
    currencies: Mapping[str, Currency],
    groups: Mapping[str, int],
    is_new: bool,
) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) with ``instrument``; ``currencies`` by code, ``groups`` by name."""
    if instrument.id >= capacity:
        yield "id", f"must be below capacity.instruments ({capacity})"
    if instrument.group and instrument.group not in groups:
        yield "group", f"must be the name of a [[group]]: {_list(groups)}"
    for refusal in symbol_problems(instrument.id, instrument.symbol, {}, currencies):
        yield refusal.key, refusal.what
    if instrument.currency not in currencies:
        yield "currency", f"must be one of {_list(currencies)}"
    else:
        currency = currencies[instrument.currency]
        yield from _wrong_numbers(instrument, currency, groups.get(instrument.group, 0), is_new)


def _list(names: object) -> str:
    return ", ".join(sorted(names)) or "(none is defined)"  # type: ignore[call-overload]


def _wrong_numbers(
    instrument: Instrument, currency: Currency, group: int, is_new: bool
) -> Iterator[tuple[str, str]]:
    """(key, what is wrong) with the numbers of ``instrument``."""
    minor: dict[str, int] = {}
    for key in ("tick", "minimum_price", "maximum_price", "reference_price"):
        price = getattr(instrument, key)
        try:
            if price is not None:
                minor[key] = instrument.minor_units(price)
        except ValueError as error:
            yield key, str(error)
    if not {"tick", "minimum_price", "maximum_price"} <= minor.keys():
        return
    terms = InstrumentTerms(
        symbol=instrument.symbol,
        tick=minor["tick"],
        lot=instrument.lot,
        price_decimals=instrument.price_decimals,
        minimum_price=minor["minimum_price"],
        maximum_price=minor["maximum_price"],
        maximum_quantity=instrument.maximum_quantity,
        currency=currency.id,
        group=group,
    )
    reference = minor.get("reference_price")
    for refusal in range_problems(terms, currency.code, currency.decimals, reference):
        yield refusal.key, refusal.what
    if is_new:
        for refusal in wire_problems(terms):
            yield refusal.key, refusal.what
