"""Whether the exchange works: one judgement for probes, metrics and people.

Who uses it: ``GET /health``, the metrics, the trading page (all by the process api), and ``exchange
status`` where there is no api. Healthy means that the core moves: the daemon's phase is "running",
matcher and journaler beat, sequenced commands become durable, and released events reach the API's
own answers. No other process is asked: the watch reads the core's shared memory and the run file.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from exchange.core import pipeline
from exchange.core.clock_state import SECOND_NS, TOLD_NS, CalendarState
from exchange.core.counters import (
    CONNECTOR_COUNTERS,
    CONNECTOR_STATES,
    HEARTBEATS,
    LOG_LINES_LOST,
    STORE_STATES,
    Counter,
)
from exchange.core.stage_names import CORE_STAGES
from exchange.runtime.capacity_use import use_warnings, uses
from exchange.runtime.run_file import read_run_file
from ringbuffer.atomics import load_acquire
from ringbuffer.counters import COUNTER_STRIDE

MILLISECOND_NS = 1_000_000
LOST_LINES_TOLD_NS = 60_000 * MILLISECOND_NS  # after the latest of them
RUN_FILE_NS = 250 * MILLISECOND_NS  # the run file is read this often at most


class Health(msgspec.Struct, frozen=True, kw_only=True):
    """``problems``: text for people, empty = healthy. ``heartbeat_age_ms``: stage -> age in ms.

    ``warnings``: what does not stop trading and needs somebody to look, as text. ``capacity``: name
    -> used, size and percent of everything that all share. ``store``: one of STORE_STATES.
    ``connectors``: name -> one of CONNECTOR_STATES, of those that run.
    ``clock``: steps of the wall clock since the start and the latest one (ms), by how much the time
    of commands is ahead of it (ms), and the calendar: "follows", "stands" or "apart".
    """

    healthy: bool
    phase: str
    problems: list[str]
    heartbeat_age_ms: dict[str, int]
    lag: dict[str, int]
    day: int
    warnings: list[str] = []
    capacity: dict[str, dict[str, int]] = {}
    store: str = STORE_STATES[0]
    connectors: dict[str, str] = {}
    clock: dict[str, int | str] = {}


class Observed(Protocol):
    """The part of an ApiService that is watched."""

    ready: bool
    stopping: bool
    pump: Any


class _Progress:
    """Measures how long a value has not moved towards its goal."""

    def __init__(self) -> None:
        self._value = -1
        self._since_ns = 0

    def stuck_ns(self, value: int, goal: int, now_ns: int) -> int:
        """How long ``value`` has been the same and below ``goal``."""
        if value != self._value or value >= goal:
            self._value, self._since_ns = value, now_ns
        return now_ns - self._since_ns


class HealthWatch:
    """``stale_ms``, ``lag_ms``: see [health] in exchange.toml. ``clock_ns``: CLOCK_MONOTONIC.

    ``sizes``: of the shared capacities (``capacity_use.sizes_of``).
    """

    def __init__(
        self,
        cursors: np.ndarray,
        counters: np.ndarray,
        data_directory: Path,
        *,
        stale_ms: int,
        lag_ms: int,
        sizes: Mapping[str, int] | None = None,
        clock_ns: Any = time.monotonic_ns,
    ) -> None:
        self._cursors = cursors
        self._counters = counters
        self._data_directory = data_directory
        self.change(stale_ms=stale_ms, lag_ms=lag_ms)
        self._sizes = sizes or {}
        self._clock_ns = clock_ns
        self._durable = _Progress()
        self._own = _Progress()
        self._lost_lines = 0
        self._lost_ns = 0
        self._phase = "unknown"
        self._day = 0
        self._phase_ns: int | None = None

    def change(self, *, stale_ms: int, lag_ms: int) -> None:
        """Judge by other limits from now on."""
        self._stale_ns = stale_ms * MILLISECOND_NS
        self._lag_ns = lag_ms * MILLISECOND_NS

    def look(self, service: Observed | None) -> Health:
        """The health as of now. ``service``: None where there is no API."""
        now_ns = self._clock_ns()
        problems = []
        phase = self._read_phase(now_ns)
        if phase != "running":
            problems.append(f"the exchange is {phase}")
        ages: dict[str, int] = {}
        for stage in CORE_STAGES:
            age_ns = max(now_ns - int(self._counters[HEARTBEATS[stage] * COUNTER_STRIDE]), 0)
            ages[stage] = age_ns // MILLISECOND_NS
            if age_ns > self._stale_ns:
                problems.append(f"{stage} is silent for {ages[stage]:,} ms")
        lag = self._lag(service)
        durable = load_acquire(self._cursors, pipeline.COMMAND_DURABLE)
        published = load_acquire(self._cursors, pipeline.COMMAND_PUBLISHED)
        if self._durable.stuck_ns(durable, published, now_ns) > self._lag_ns:
            problems.append(f"{published - durable:,} commands wait for the disk")
        if service is None:
            pass
        elif not service.ready:
            problems.append(f"starting: {lag['api_events']:,} events are still to be read")
        elif service.stopping:
            problems.append("the exchange is stopping")
        else:
            released = load_acquire(self._cursors, pipeline.EVENT_RELEASED)
            if self._own.stuck_ns(service.pump.next_event, released, now_ns) > self._lag_ns:
                problems.append(f"the API is {lag['api_events']:,} events behind")
        state = int(self._counters[Counter.STORE_STATE * COUNTER_STRIDE])
        store = STORE_STATES[min(state, len(STORE_STATES) - 1)]
        connectors = connector_states(self._counters)
        clock = self._clock()
        found = uses(self._counters, self._sizes)
        stopped = bool(self._counters[Counter.ORDERS_STOPPED * COUNTER_STRIDE])
        return Health(
            healthy=not problems,
            phase=phase,
            problems=problems,
            heartbeat_age_ms=ages,
            lag=lag,
            day=self._day,
            warnings=[
                *use_warnings(found, stopped),
                *store_warnings(store),
                *connector_warnings(connectors),
                *clock_warnings(clock),
                *self._log_warnings(now_ns),
            ],
            capacity={
                use.name: {"used": use.used, "size": use.size, "percent": use.percent}
                for use in found
            },
            store=store,
            connectors=connectors,
            clock=clock,
        )

    def _log_warnings(self, now_ns: int) -> list[str]:
        """Whether lines of a log were lost of late: then the log does not have everything."""
        at = [counter * COUNTER_STRIDE for counter in LOG_LINES_LOST.values()]
        lost = int(self._counters[at].sum())
        if lost > self._lost_lines:
            self._lost_lines, self._lost_ns = lost, now_ns
        if not lost or now_ns - self._lost_ns > LOST_LINES_TOLD_NS:
            return []
        return [f"{lost:,} log lines were lost: repeated too often, not read, or no room for them"]

    def _clock(self) -> dict[str, int | str]:
        def gauge(counter: Counter) -> int:
            return int(self._counters[counter * COUNTER_STRIDE])

        return {
            "steps": gauge(Counter.CLOCK_STEPS),
            "last_step_ms": _milliseconds(gauge(Counter.CLOCK_STEP_NS)),
            "ahead_ms": _milliseconds(gauge(Counter.CLOCK_AHEAD_NS)),
            "calendar": CalendarState(gauge(Counter.CLOCK_CALENDAR)).name.lower(),
        }

    def _lag(self, service: Observed | None) -> dict[str, int]:
        word = self._cursors
        return {
            "commands_to_match": int(word[pipeline.COMMAND_PUBLISHED])
            - int(word[pipeline.COMMAND_APPLIED]),
            "commands_to_disk": int(word[pipeline.COMMAND_PUBLISHED])
            - int(word[pipeline.COMMAND_DURABLE]),
            "api_events": 0 if service is None else service.pump.lag(),
        }

    def _read_phase(self, now_ns: int) -> str:
        if self._phase_ns is None or now_ns - self._phase_ns > RUN_FILE_NS:
            state = read_run_file(self._data_directory)
            self._phase = "not running" if state is None else state.phase
            self._day = 0 if state is None else state.day
            self._phase_ns = now_ns
        return self._phase


def store_warnings(store: str) -> list[str]:
    """What there is to say of the store's state; nothing while it is as it should be."""
    if store == "data error":
        return ["Postgres refuses a row and gets no more; `exchange store check` says why"]
    if store == "refused":
        return ["the database is not this exchange's as it stands, and gets nothing; see the log"]
    return ["Postgres is away; it is tried again"] if store == "retrying" else []


def connector_states(counters: np.ndarray) -> dict[str, str]:
    """The state of each connector that has begun, by its name: "kafka"."""
    found = {}
    for stage, counter in CONNECTOR_COUNTERS["state"].items():
        state = min(int(counters[counter * COUNTER_STRIDE]), len(CONNECTOR_STATES) - 1)
        if state:
            found[stage.removeprefix("connect_")] = CONNECTOR_STATES[state]
    return found


def connector_warnings(connectors: Mapping[str, str]) -> list[str]:
    """What there is to say of connectors; nothing while they are as they should be."""
    said = {
        "retrying": "is away; it is tried again",
        "refused": "gets nothing, and somebody must put something right; see the log",
        "record refused": "will not have a record and gets no more; see the log",
    }
    return [f"{name} {said[state]}" for name, state in connectors.items() if state in said]


def _milliseconds(time_ns: int) -> int:
    """To the nearest millisecond."""
    return (time_ns + MILLISECOND_NS // 2) // MILLISECOND_NS


def clock_warnings(clock: dict[str, int | str]) -> list[str]:
    """What there is to say of ``clock`` (see ``Health``); nothing while it is as it should be."""
    ahead_s = int(clock["ahead_ms"]) / 1_000
    warnings = []
    if clock["calendar"] == "apart":
        warnings.append(
            f"the wall clock was stepped by {int(clock['last_step_ms']) / 1_000:+,.3f} s, and days "
            "and phases do not follow it; see `exchange clock`"
        )
    elif clock["calendar"] == "stands":
        warnings.append("the wall clock has gone back: days and phases wait until it has caught up")
    if abs(ahead_s) >= TOLD_NS / SECOND_NS:
        side = "ahead of" if ahead_s > 0 else "behind"
        warnings.append(f"timestamps are {abs(ahead_s):,.3f} s {side} the wall clock")
    return warnings
