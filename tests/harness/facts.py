"""Facts of an engine that has seen nothing, with what a test changes of them."""

from __future__ import annotations

from typing import Any

from exchange.codes import InstrumentState, Parameter
from exchange.recovery.facts import EngineFacts


def empty_facts(**fields: Any) -> EngineFacts:
    """The facts of a first start, with ``fields`` in place of the defaults."""
    values: dict[str, Any] = {
        "recovery": None,
        "replayed_commands": 0,
        "replayed_events": 0,
        "duration_ns": 0,
        "snapshot_sequence": 0,
        "next_command": 0,
        "next_event": 0,
        "day_open": False,
        "day_number": 0,
        "market_state": int(InstrumentState.OPEN),
        "exchange_killed": False,
        "shares": True,
        "orders_stopped": False,
        "currencies": {},
        "instruments": {},
        "accounts": {},
        "sessions": {},
        "defaults": {int(parameter): (0, 0, 0) for parameter in Parameter},
    }
    return EngineFacts(**(values | fields))
