"""Every event of an order as a record: JSON with the names and units of Postgres's table.

Who uses it: ``streams.py``. What an event does not have is left out. A trade is one event, that of
the resting order, with the other one as ``contra_order_id``; so is every other event that has two.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np

from exchange.api.orders.json import time_text
from exchange.codes import FLAG_LEVEL, EventKind
from exchange.connect.directory import Directory
from exchange.connect.trades import MICROSECOND_NS, TradeRecord
from exchange.records import EVENT, token_text
from exchange.store.rows import event_kinds as kinds

Event = dict[str, int]
_FIELDS = EVENT.names or ()


def order_event_records(events: np.ndarray, directory: Directory) -> Iterator[TradeRecord]:
    """Those of ``events`` (EVENT[n], in order) that are about an order, as records."""
    found = events[kinds.ABOUT_ORDER[events["kind"]]]
    encode = msgspec.json.encode
    for values in found.tolist():
        event = dict(zip(_FIELDS, values, strict=True))
        said = _record(event, directory)
        yield TradeRecord(event["sequence"], said["symbol"], encode(said))


def _record(event: Event, directory: Directory) -> dict[str, Any]:
    kind = event["kind"]
    said: dict[str, Any] = {
        "sequence": event["sequence"],
        "command_sequence": event["command_sequence"],
        "created_at": time_text(event["timestamp_ns"]),
        "nanoseconds": event["timestamp_ns"] % MICROSECOND_NS,
        "kind": kinds.KIND_NAMES[kind],
        "symbol": directory.symbol(event["instrument"]),
        "order_id": event["order_id"],
        "side": kinds.SIDE_NAMES[event["side"]],
        "type": kinds.TYPE_NAMES[event["order_type"]],
        "price": event["price"],
        "quantity": event["quantity"],
    }
    optional = {
        "session": event["session"],
        "user_id": int(directory.accounts[event["session"]]),
        "client_order_id": token_text(event),
    }
    if kinds.HAS_CONTRA_ORDER[kind]:
        optional["contra_order_id"] = event["contra_order_id"]
    if kind == EventKind.TRADE:
        optional["contra_user_id"] = int(directory.accounts[event["contra_session"]])
    if kind == EventKind.TERMS:
        optional["stop_price"] = event["contra_order_id"]
        optional["display_quantity"] = event["remaining"]
    said |= {name: value for name, value in optional.items() if value}
    if kinds.HAS_REMAINING[kind]:
        said["remaining"] = event["remaining"]
    if (reason := kinds.reason_name(kind, event["reason"])) is not None:
        said["reason"] = reason
    if event["flags"] & FLAG_LEVEL:
        said["level_quantity"] = event["level_quantity"]
        said["level_orders"] = event["level_orders"]
    return said
