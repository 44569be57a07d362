"""Messages as requests, and what is no request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from exchange.connect.rabbitmq.order_messages import Malformed, OrderRequest, request_of

ORDER = {"symbol": "AAPL", "side": "buy", "quantity": 10, "price": 1}


def request(body: Any, name: str | None = None, kind: str | None = None) -> OrderRequest:
    return request_of(json.dumps(body).encode(), name, kind)


def test_the_message_id_is_the_client_order_id() -> None:
    assert request(ORDER, "m-1") == OrderRequest(
        "place", "POST", "/orders", None, ORDER | {"client_order_id": "m-1"}
    )
    own = ORDER | {"client_order_id": "own"}
    assert request(own, "m-1").body == own
    assert request(own | {"action": "place"}, None, "place").body == own


def test_an_order_is_named_by_one_of_its_ids() -> None:
    assert request({"order_id": 7}, "m", "cancel") == OrderRequest(
        "cancel", "DELETE", "/orders/7", None, None
    )
    assert request({"action": "amend", "client_order_id": "a b", "price": 3}) == OrderRequest(
        "amend", "PATCH", "/orders/by-client-id", {"client_order_id": "a b"}, {"price": 3}
    )


@pytest.mark.parametrize(
    ("body", "name", "kind", "said"),
    [
        (ORDER, None, None, "client_order_id or a message_id is needed"),
        ([ORDER], "m", None, "not a JSON object"),
        (ORDER, "m", "sell", "must be one of place, amend, cancel"),
        (ORDER | {"action": 5}, "m", None, "action 5"),
        (ORDER | {"action": "place"}, "m", "cancel", "one of them is enough"),
        ({"order_id": 1, "client_order_id": "x"}, "m", "cancel", "only one of them"),
        ({}, "m", "cancel", "only one of them"),
        ({"order_id": "1"}, "m", "cancel", "must be a number"),
        ({"order_id": True}, "m", "cancel", "must be a number"),
        ({"client_order_id": 5}, "m", "cancel", "must be a text"),
        ({"order_id": 1, "price": 1}, "m", "cancel", "alone, not"),
        ({"order_id": 1}, "m", "amend", "needs quantity, price or stop_price"),
    ],
)
def test_what_is_no_request(body: Any, name: str | None, kind: str | None, said: str) -> None:
    with pytest.raises(Malformed, match=said):
        request(body, name, kind)


@pytest.mark.parametrize("body", [b"", b"\xff", b"{", b"{}" + b" " * 65_536])
def test_any_bytes_are_answered(body: bytes) -> None:
    with pytest.raises(Malformed):
        request_of(body, "m", None)
