"""The AsyncAPI 3.0 document of the WebSocket, generated from the Structs that it sends and takes.

Who uses it: ``GET /asyncapi.json``, people who generate clients, tests that validate what was
really sent. Invariant: nothing in it is written twice: a message or field that is not in
``messages.py`` is not in here.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Any

import msgspec
import orjson

from exchange.api.rest.schemas import OrderAnswer
from exchange.api.websocket import messages

API_VERSION = "1.0.0"  # of the interface, not of the program
_REFERENCE = "#/components/schemas/{name}"
_DESCRIPTION = """Market data, execution reports and order entry over one WebSocket.

One JSON object in each text frame. Clients send objects with an `action`, the exchange objects with
a `type`. Prices are integers in minor units of the instrument (`price_decimals`), money in minor
units of the currency, `timestamp` is milliseconds since 1970 UTC, `sequence` the number of an event
of the exchange. Integers may have 64 bits. Codes of errors are those of REST."""

PUBLIC: Sequence[type[msgspec.Struct]] = (
    messages.Subscribed,
    messages.Unsubscribed,
    messages.Error,
    messages.Heartbeat,
    messages.Pong,
    messages.Gap,
    messages.Trade,
    messages.Depth,
    messages.DepthSnapshot,
    messages.DepthDiff,
    messages.Kline,
    messages.Ticker,
)
PRIVATE: Sequence[type[msgspec.Struct]] = (
    messages.Authenticated,
    messages.Received,
    messages.ExecutionReport,
    messages.OrdersSnapshot,
    messages.Balance,
    messages.Position,
)
ACTIONS: Sequence[type[msgspec.Struct]] = (
    messages.Subscribe,
    messages.Unsubscribe,
    messages.Ping,
    messages.Auth,
)
PRIVATE_ACTIONS: Sequence[type[msgspec.Struct]] = (
    messages.Order,
    messages.Cancel,
    messages.Amend,
    messages.MassCancel,
    messages.CancelAfter,
)


def _key(kind: type[msgspec.Struct]) -> str:
    """The name of a message in the document: actions and answers may have the same tag."""
    suffix = "Action" if issubclass(kind, messages.Action) else ""
    return kind.__name__ + suffix


def _message(kind: type[msgspec.Struct]) -> dict[str, Any]:
    text = re.sub(r"\s+", " ", (kind.__doc__ or "").replace("``", "`")).strip()
    summary, _, rest = text.partition(". ")
    made: dict[str, Any] = {
        "name": str(kind.__struct_config__.tag),
        "title": kind.__name__,
        "summary": summary.rstrip("."),
        "contentType": "application/json",
        "payload": {"$ref": _REFERENCE.format(name=kind.__name__)},
    }
    if rest:
        made["description"] = rest
    return made


@functools.cache
def schemas() -> dict[str, Any]:
    """The JSON schemas of all messages and of what they refer to, by class name."""
    kinds = [*PUBLIC, *PRIVATE, *ACTIONS, *PRIVATE_ACTIONS, OrderAnswer]
    _, components = msgspec.json.schema_components(kinds, ref_template=_REFERENCE)
    return components


def _references(kinds: Sequence[type[msgspec.Struct]]) -> list[dict[str, str]]:
    return [{"$ref": f"#/channels/socket/messages/{_key(kind)}"} for kind in kinds]


def document(host: str, *, private: bool) -> bytes:
    """The document as JSON. ``host``: where the server was asked; ``private``: all that it does."""
    sent = [*PUBLIC, *(PRIVATE if private else ())]
    taken = [*ACTIONS, *(PRIVATE_ACTIONS if private else ())]
    return orjson.dumps(
        {
            "asyncapi": "3.0.0",
            "info": {
                "title": "Exchange WebSocket",
                "version": API_VERSION,
                "description": _DESCRIPTION,
                "license": {"name": "Apache-2.0"},
            },
            "defaultContentType": "application/json",
            "servers": {"exchange": {"host": host, "protocol": "ws"}},
            "channels": {
                "socket": {
                    "address": "/ws",
                    "title": "The one WebSocket; what clients subscribe to goes over it",
                    "messages": {
                        _key(kind): {"$ref": f"#/components/messages/{_key(kind)}"}
                        for kind in [*sent, *taken]
                    },
                }
            },
            "operations": {
                "send": {
                    "action": "send",
                    "title": "What the exchange sends",
                    "channel": {"$ref": "#/channels/socket"},
                    "messages": _references(sent),
                },
                "receive": {
                    "action": "receive",
                    "title": "What clients may send",
                    "channel": {"$ref": "#/channels/socket"},
                    "messages": _references(taken),
                },
            },
            "components": {
                "messages": {_key(kind): _message(kind) for kind in [*sent, *taken]},
                "schemas": schemas(),
            },
        }
    )
