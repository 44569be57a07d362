"""The AsyncAPI document: whole, and about what the endpoint really takes and sends."""

from __future__ import annotations

import inspect
from typing import Any

import jsonschema_rs
import msgspec
import orjson
import pytest
import websocket_schema

from exchange.api.orders.terms import Amendment, CancelAfter, NewOrder
from exchange.api.websocket import asyncapi, messages
from exchange.api.websocket import endpoint as websocket


def document(private: bool = True) -> dict[str, Any]:
    found: dict[str, Any] = orjson.loads(asyncapi.document("localhost:1", private=private))
    return found


def resolve(reference: str, whole: dict[str, Any]) -> Any:
    at: Any = whole
    for part in reference.removeprefix("#/").split("/"):
        at = at[part]
    return at


def test_every_reference_leads_somewhere():
    whole = document()
    seen = 0

    def walk(value: Any) -> None:
        nonlocal seen
        if isinstance(value, dict):
            reference = value.get("$ref")
            if isinstance(reference, str):
                assert resolve(reference, whole) is not None
                seen += 1
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(whole)
    assert seen > 50


def test_every_message_is_in_it():
    sent = {*asyncapi.PUBLIC, *asyncapi.PRIVATE}
    taken = {*asyncapi.ACTIONS, *asyncapi.PRIVATE_ACTIONS}
    structs = {
        each
        for _, each in inspect.getmembers(messages, inspect.isclass)
        if issubclass(each, msgspec.Struct) and each.__module__ == messages.__name__
    }
    assert structs - {messages.Action} == sent | taken
    assert taken == set(websocket.Action.__args__)
    for kind in sent | taken:
        assert kind.__doc__, f"{kind} is described nowhere"


def test_a_worker_says_that_it_is_public_only():
    public = document(private=False)["components"]["messages"]
    assert "Trade" in public and "ExecutionReport" not in public and "OrderAction" not in public


@pytest.mark.parametrize(
    "wrong",
    [
        {"type": "heartbeat", "timestamp": 1},
        {"type": "heartbeat", "timestamp": "1", "sequence": 1},
        {"type": "error", "code": "x", "message": ""},
        {"type": "subscribed", "channel": 1, "sequence": 1},
    ],
)
def test_the_check_can_fail(wrong: dict[str, Any]):
    with pytest.raises(jsonschema_rs.ValidationError):
        websocket_schema.check(wrong)


def test_what_the_document_refuses_the_endpoint_refuses():
    """The same actions, right and wrong, through the schema and the decoder."""
    whole = document()
    for text, right in [
        ({"action": "subscribe", "channels": ["trade.AAPL"]}, True),
        ({"action": "subscribe", "channels": [1]}, False),
        ({"action": "subscribe", "channels": [], "since": -1}, False),
        ({"action": "cancel", "order_id": 7}, True),
        ({"action": "cancel", "order_id": "7"}, False),
        ({"action": "cancel_after", "seconds": 100_000}, False),
        ({"action": "order", "symbol": "AAPL", "side": "buy", "quantity": 0, "price": 1}, False),
        ({"action": "order", "symbol": "AAPL", "side": "buy", "quantity": 1, "price": 1}, True),
        ({"action": "mass_cancel", "side": "sell_short"}, False),
    ]:
        (key,) = (
            key
            for key, each in whole["components"]["messages"].items()
            if each["name"] == text["action"] and key.endswith("Action")
        )
        schema = whole["components"]["messages"][key]["payload"] | {
            "components": whole["components"]
        }
        valid = jsonschema_rs.Draft202012Validator(schema).is_valid(text)
        try:
            msgspec.json.decode(orjson.dumps(text), type=websocket.Action)
            decoded = True
        except msgspec.ValidationError:
            decoded = False
        assert valid == decoded == right, text


@pytest.mark.parametrize(
    ("action", "terms"),
    [(messages.Order, NewOrder), (messages.Amend, Amendment), (messages.CancelAfter, CancelAfter)],
)
def test_order_actions_have_the_fields_of_rest(action: Any, terms: Any):
    def fields(kind: Any) -> dict[str, Any]:
        return {
            each.name: (each.type, each.default) for each in msgspec.inspect.type_info(kind).fields
        }

    found = fields(action)
    del found["request_id"]
    found.pop("order_id", None)  # in REST it is in the path
    assert found == fields(terms)
