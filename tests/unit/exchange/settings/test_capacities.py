"""[capacity] as the engine's capacities, and what differs from a data directory's."""

from __future__ import annotations

import msgspec

from exchange.core.capacity import EngineCapacity
from exchange.settings import load
from exchange.settings.capacities import (
    CAPACITY_KEYS,
    Changed,
    changed_capacities,
    engine_capacity,
)


def test_every_capacity_is_a_setting() -> None:
    settings = load(None).settings
    assert len(CAPACITY_KEYS) == len(EngineCapacity._fields)
    capacity = engine_capacity(settings)
    section = msgspec.structs.asdict(settings.capacity)
    assert sorted(capacity) == sorted(section.values())
    assert capacity.orders == section["live_orders"]
    assert capacity.tokens == section["tokens_per_day"]
    assert (capacity.leaves, capacity.nodes) == (section["level_blocks"], section["level_nodes"])


def test_what_differs_is_named_by_its_key_and_only_less_is_refused() -> None:
    settings = load(None).settings
    own = engine_capacity(settings)
    assert list(changed_capacities(settings, own)) == []
    held = own._replace(tokens=own.tokens + 1, nodes=own.nodes - 1)
    nodes, tokens = changed_capacities(settings, held)
    assert nodes == Changed("level_nodes", own.nodes - 1, own.nodes) and nodes.refusal == ""
    assert tokens.key == "tokens_per_day"
    assert tokens.refusal == (
        f"{own.tokens} is less than {own.tokens + 1}, which the data directory has: a capacity "
        "can be enlarged, not reduced"
    )
