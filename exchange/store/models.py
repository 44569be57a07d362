"""The account model at a place of the event stream: from a checkpoint, or new.

Who uses it: the stage, and ``exchange store``.
"""

from __future__ import annotations

from pathlib import Path

from exchange.data_directory import load_capacity
from exchange.engine.state import EngineCapacity
from exchange.errors import DataDirectoryUnavailable
from exchange.read_model.accounts_types import AccountModelCapacity
from exchange.store.state_rows import AccountState


def capacity_of(engine: EngineCapacity, batch_events: int) -> AccountModelCapacity:
    """The account model's capacity for batches of at most ``batch_events``."""
    return AccountModelCapacity(
        accounts=engine.accounts,
        sessions=engine.sessions,
        instruments=engine.instruments,
        positions=engine.positions,
        orders=engine.orders + 2 * batch_events,
        fills=2,  # the store keeps none: they are in the tables
    )


def model_at(data_directory: Path, batch_events: int, position: int) -> AccountState:
    """A model that has seen no event from ``position`` on; it is to be led there.

    Raises DataDirectoryUnavailable when the exchange has never run there.
    """
    engine = load_capacity(data_directory)
    if engine is None:
        raise DataDirectoryUnavailable(f"{data_directory}: no exchange has run here yet")
    return AccountState(capacity_of(engine, batch_events))
