"""``exchange schedule``: what the configuration lets open and close on the next days.

Who uses it: the command line. It needs no running exchange: without --config it takes the file
with which the exchange of the data directory was started. Decision CTL-11.
"""

from __future__ import annotations

import argparse
import datetime
import json
import zoneinfo
from typing import Any

from exchange.admin.configuration import configuration_file
from exchange.control.schedule import BEGINNING, GroupTimes, Phase, group_times
from exchange.control.trading_day import trading_date
from exchange.errors import ExitStatus
from exchange.settings import Configuration, load, roll_time


def show_schedule(options: argparse.Namespace) -> int:
    """Print the days from ``options.start`` (None: the trading date now) on."""
    configuration = load(configuration_file(options), elsewhere=None)
    timezone = zoneinfo.ZoneInfo(configuration.settings.day.timezone)
    now = datetime.datetime.now(datetime.UTC)
    first = options.start or trading_date(now, timezone, roll_time(configuration.settings))
    days = schedule_days(configuration, first, options.days)
    if options.json:
        print(json.dumps(days))
        return ExitStatus.OK
    day = configuration.settings.day
    print(f"local times of {day.timezone}; a trading day begins at {day.roll_time}")
    for group in configuration.groups:
        print(f"\n{group.name}")
        for shown in days[group.name]:
            weekday = datetime.date.fromisoformat(shown["date"]).strftime("%a")
            print(f"  {shown['date']} {weekday}  {_words(shown)}")
    if not configuration.groups:
        print("no group: every instrument is always open")
    return ExitStatus.OK


def schedule_days(
    configuration: Configuration, first: datetime.date, days: int
) -> dict[str, list[dict[str, Any]]]:
    """Group name -> one entry for each of ``days`` trading dates from ``first`` on.

    An entry: date; day: "full", "half", "holiday" or "weekend"; phases: key, state, start (local
    time with its offset), without the beginning of a day that has others.
    """
    timezone = zoneinfo.ZoneInfo(configuration.settings.day.timezone)
    roll = roll_time(configuration.settings)
    names = {group.id: group.name for group in configuration.groups}
    found: dict[str, list[dict[str, Any]]] = {}
    for group in group_times(configuration):
        dates = [first + datetime.timedelta(days=n) for n in range(days)]
        found[names[group.group]] = [
            _day(group, date, group.phases(date, timezone, roll), timezone) for date in dates
        ]
    return found


def _day(
    group: GroupTimes, date: datetime.date, phases: list[Phase], timezone: zoneinfo.ZoneInfo
) -> dict[str, Any]:
    closed = group.calendar.closed_on(date)
    half = date in group.calendar.half_days
    return {
        "date": date.isoformat(),
        "day": closed or ("half" if half else "full"),
        "phases": [
            {
                "key": phase.key,
                "state": phase.state.name.lower(),
                "start": phase.start.astimezone(timezone).isoformat(),
            }
            for phase in phases
            if len(phases) == 1 or phase.key != BEGINNING
        ],
    }


def _words(shown: dict[str, Any]) -> str:
    if shown["day"] in ("holiday", "weekend"):
        return f"closed ({shown['day']})"
    if [phase["key"] for phase in shown["phases"]] == [BEGINNING]:
        return "open all day"
    parts = []
    for phase in shown["phases"]:
        moment = datetime.datetime.fromisoformat(phase["start"])
        date = "" if moment.date().isoformat() == shown["date"] else f"{moment:%a} "
        parts.append(f"{phase['key'].replace('_', ' ')} {date}{moment:%H:%M:%S}")
    return ("half day: " if shown["day"] == "half" else "") + ", ".join(parts)
