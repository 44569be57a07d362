"""The catalogue of counters: nothing is left out, no name comes twice."""

from __future__ import annotations

import re

from exchange.core.counters import HEARTBEATS, Counter
from exchange.metrics.catalogue import BY_STAGE, CAPACITIES, COMMANDS, PLAIN

# Shown by the collector in another form: ages, trades, states.
APART = {*HEARTBEATS.values(), Counter.TRADES, Counter.STORE_STATE, Counter.CLOCK_CALENDAR}


def test_every_counter_is_part_of_a_metric() -> None:
    by_stage = {counter for metric in BY_STAGE for counter in metric.counters.values()}
    assert set(Counter) == {*COMMANDS.values(), *PLAIN, *by_stage, *APART, *CAPACITIES.values()}


def test_names_are_prometheus_names_and_come_once() -> None:
    names = [plain.name for plain in PLAIN.values()] + [metric.name for metric in BY_STAGE]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in names)
    assert not any(name.endswith("_total") for name in names), "the library adds it"


def test_commands_have_their_own_kinds() -> None:
    assert COMMANDS["enter"] == Counter.COMMANDS_ENTER
    assert "replace_by_order_id" in COMMANDS and len(COMMANDS) == 25
