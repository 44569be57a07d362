"""From settings to agents: the capacities, which the first start fixes for a data directory."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from exchange.runtime.data_directory import load_capacity
from exchange.settings import load
from exchange.stages.wiring import engine_capacity, recover_engine
from tests.harness.files import copy_shipped, written
from tests.harness.operator_exchange import small_settings


def test_every_capacity_is_a_setting() -> None:
    settings = load(None).settings
    capacity = engine_capacity(settings)
    section = msgspec.structs.asdict(settings.capacity)
    assert sorted(capacity) == sorted(section.values())
    assert capacity.orders == section["live_orders"]
    assert capacity.tokens == section["tokens_per_day"]
    assert (capacity.leaves, capacity.nodes) == (section["level_blocks"], section["level_nodes"])


def test_the_first_starts_capacities_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    copy_shipped(tmp_path)
    first = load(written(tmp_path, "a.toml", small_settings())).settings
    (tmp_path / "data").mkdir()
    state, facts = recover_engine(tmp_path / "data", first, False, None)
    assert load_capacity(tmp_path / "data") == engine_capacity(first)
    assert (facts.next_command, facts.next_event, facts.day_number) == (0, 0, 0)
    assert not caplog.records
    changed = load(
        written(tmp_path, "b.toml", small_settings({"capacity": {"live_orders": 2048}}))
    ).settings
    again, _ = recover_engine(tmp_path / "data", changed, False, None)
    assert again.orders.shape == state.orders.shape
    assert "capacities differ from those of the data directory" in caplog.text
    assert load_capacity(tmp_path / "data") == engine_capacity(first)
