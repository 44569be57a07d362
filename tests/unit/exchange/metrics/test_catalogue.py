"""The catalogue of counters: nothing is left out, no name comes twice."""

from __future__ import annotations

import re

from exchange.core.counters import (
    CONNECTOR_COUNTERS,
    DISK_USED,
    HEARTBEATS,
    IDLE_TIMES,
    Counter,
)
from exchange.metrics.catalogue import BY_STAGE, COMMANDS, PLAIN, REMOVED
from exchange.runtime.capacity_use import COUNTED

# Shown by the collector in another form: ages, times, trades, states.
APART = {
    *HEARTBEATS.values(),
    *IDLE_TIMES.values(),
    *DISK_USED.values(),
    *REMOVED.values(),
    *CONNECTOR_COUNTERS["state"].values(),
    Counter.TRADES,
    Counter.STORE_STATE,
    Counter.SNAPSHOT_TIME_NS,
    Counter.CLOCK_CALENDAR,
}


def test_every_counter_is_part_of_a_metric() -> None:
    by_stage = {counter for metric in BY_STAGE for counter in metric.counters.values()}
    assert set(Counter) == {*COMMANDS.values(), *PLAIN, *by_stage, *APART, *COUNTED.values()}


def test_names_are_prometheus_names_and_come_once() -> None:
    metrics = [*PLAIN.values(), *BY_STAGE]
    assert len({metric.name for metric in metrics}) == len(metrics)
    for metric in metrics:
        assert re.fullmatch(r"exchange_[a-z][a-z0-9_]*", metric.name)
        assert metric.name.endswith("_total") != metric.gauge, metric.name


def test_commands_have_their_own_kinds() -> None:
    assert COMMANDS["enter"] == Counter.COMMANDS_ENTER
    assert "replace_by_order_id" in COMMANDS and len(COMMANDS) == 25
