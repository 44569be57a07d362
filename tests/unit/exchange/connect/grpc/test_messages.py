"""The messages of the protocol, and what is said when it is not compiled."""

from __future__ import annotations

from pathlib import Path

import pytest

from exchange.api.orders.json import STATUS_NAMES
from exchange.api.orders.terms import SIDE_NAMES, TYPE_NAMES
from exchange.connect.grpc import messages
from exchange.connect.grpc.messages import load, path_of, v1
from exchange.errors import ConfigurationError


def test_names_are_those_of_rest() -> None:
    assert [f"SIDE_{name.upper()}" for name in SIDE_NAMES] == [
        each.name for each in v1.DESCRIPTOR.enum_types_by_name["Side"].values[1:]
    ]
    assert [f"ORDER_TYPE_{name.upper()}" for name in TYPE_NAMES] == [
        each.name for each in v1.DESCRIPTOR.enum_types_by_name["OrderType"].values[1:]
    ]
    statuses = v1.DESCRIPTOR.enum_types_by_name["OrderStatus"].values
    assert [f"ORDER_STATUS_{name.upper()}" for name in STATUS_NAMES[1:]] == [
        each.name for each in statuses[1:]
    ]
    assert path_of("OrderService", "Submit") == "/exchange.v1.OrderService/Submit"


def test_a_protocol_that_is_not_compiled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(messages, "PROTO", tmp_path)
    with pytest.raises(ConfigurationError, match="scripts/up --with grpc"):
        load("exchange_v1")
