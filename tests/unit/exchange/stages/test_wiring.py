"""From settings to agents: the capacities, which a start fixes or enlarges."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.core.capacity import CapacityHistory, CapacityPeriod
from exchange.engine.state.create import capacity_of
from exchange.engine.state.layout import NEXT_COMMAND, EngineState
from exchange.errors import ConfigurationError
from exchange.recovery.facts import EngineFacts
from exchange.runtime.data_directory import load_capacities, load_capacity, save_capacities
from exchange.settings import load
from exchange.settings.capacities import CAPACITY_KEYS
from exchange.stages.wiring import recover_engine
from tests.harness.files import copy_shipped, written
from tests.harness.operator_exchange import OperatorExchange, small_settings


def started(directory: Path, capacity: dict[str, int]) -> tuple[EngineState, EngineFacts]:
    """What the matcher stage recovers at a start with these numbers under [capacity]."""
    copy_shipped(directory)
    data_directory = directory / "data"
    data_directory.mkdir(exist_ok=True)
    text = small_settings({"capacity": capacity})
    settings = load(written(directory, "exchange.toml", text)).settings
    return recover_engine(data_directory, settings, False, None)


def test_the_first_start_fixes_the_capacities(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state, facts = started(tmp_path, {"live_orders": 1000})
    assert (facts.next_command, facts.next_event, facts.day_number) == (0, 0, 0)
    capacities = load_capacities(tmp_path / "data")
    assert capacities == CapacityHistory.of(capacity_of(state))
    assert capacity_of(state).orders == 1000
    again, _ = started(tmp_path, {"live_orders": 1000})
    assert capacity_of(again) == capacity_of(state)
    assert load_capacities(tmp_path / "data") == capacities
    assert not caplog.records


@pytest.mark.parametrize("key", CAPACITY_KEYS)
def test_every_capacity_can_be_enlarged_by_a_start(tmp_path: Path, key: str) -> None:
    exchange = OperatorExchange(tmp_path)
    orders = exchange.state.scalars[NEXT_COMMAND]
    exchange.stop()
    number = getattr(exchange.configuration.settings.capacity, key)
    state, facts = started(tmp_path, {key: number + 1000})
    assert facts.next_command == orders > 0
    history = load_capacities(tmp_path / "data")
    assert history is not None and [each.from_command for each in history] == [0, orders]
    assert history.latest == capacity_of(state)
    assert sum(history.latest) == sum(history[0].capacity) + 1000
    # twice, without a command in between: as if the first time had not been
    state, _ = started(tmp_path, {key: number + 1001})
    history = load_capacities(tmp_path / "data")
    assert history is not None and [each.from_command for each in history] == [0, orders]
    assert history.latest == capacity_of(state)


@pytest.mark.parametrize("key", CAPACITY_KEYS)
def test_a_smaller_number_is_refused_with_a_sentence(tmp_path: Path, key: str) -> None:
    state, _ = started(tmp_path, {})
    before = (tmp_path / "data" / "engine.json").read_bytes()
    held = capacity_of(state)[CAPACITY_KEYS.index(key)]
    what = rf"\[capacity\]: {key}: {held - 1} is less than {held}, which the data directory has"
    with pytest.raises(ConfigurationError, match=what):
        started(tmp_path, {key: held - 1})
    assert (tmp_path / "data" / "engine.json").read_bytes() == before


def test_capacities_of_commands_that_the_journal_lost_hold_from_its_end_on(tmp_path: Path) -> None:
    exchange = OperatorExchange(tmp_path)
    orders = int(exchange.state.scalars[NEXT_COMMAND])
    exchange.stop()
    data_directory = tmp_path / "data"
    first = load_capacity(data_directory)
    assert first is not None
    larger = first._replace(orders=5000)
    periods = (CapacityPeriod(0, first), CapacityPeriod(orders + 7, larger))
    save_capacities(data_directory, CapacityHistory(periods))
    state, _ = started(tmp_path, {"live_orders": 5000})
    assert capacity_of(state) == larger
    history = load_capacities(data_directory)
    assert history == CapacityHistory((CapacityPeriod(0, first), CapacityPeriod(orders, larger)))
