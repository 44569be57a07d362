"""Checks every message of a WebSocket with the AsyncAPI document's schema of its type."""

from __future__ import annotations

import functools
from typing import Any

import jsonschema_rs
import orjson

from exchange.api.websocket import asyncapi


@functools.cache
def _validator(kind: str) -> Any:
    document = orjson.loads(asyncapi.document("test", private=True))
    (key,) = (
        key
        for key, message in document["components"]["messages"].items()
        if message["name"] == kind and not key.endswith("Action")
    )
    schema = document["components"]["messages"][key]["payload"]
    return jsonschema_rs.Draft202012Validator(
        schema | {"components": {"schemas": document["components"]["schemas"]}}
    )


def check(message: dict[str, Any]) -> None:
    """Raises jsonschema_rs.ValidationError unless ``message`` is as the document says."""
    _validator(message["type"]).validate(message)
