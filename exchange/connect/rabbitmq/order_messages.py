"""Messages of a queue of orders as requests of the REST interface, and the answers to them.

Who uses it: ``order_queue.py``. The body is the JSON body of ``POST /api/v1/orders``, or has an
``action`` (also the property ``type`` of the message)::

    place    (or no action at all)
    amend    order_id or client_order_id, and quantity, price, stop_price
    cancel   order_id or client_order_id

A message that places an order has a client order id, by which a message that comes again enters
nothing twice: in the body or, where it has none, its ``message_id``.

Decision CON-23.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import msgspec

PLACE, AMEND, CANCEL = "place", "amend", "cancel"
ACTIONS = (PLACE, AMEND, CANCEL)
BODY_BYTES = 65_536


class Malformed(Exception):
    """The message is not a request; the text says why."""


class OrderRequest(NamedTuple):
    """What a message asks for. ``path``: below /api/v1; ``body``: None where there is none."""

    action: str
    method: str
    path: str
    query: dict[str, str] | None
    body: dict[str, Any] | None


class Answer(msgspec.Struct, frozen=True):
    """What became of a message, as an element of the answer to ``POST /orders/batch``.

    ``status``: as of HTTP. ``order``: the order, also a rejected one. ``field``: what is wrong.
    """

    status: int
    code: int
    message: str
    order: dict[str, Any] | None = None
    field: str | None = None


def request_of(body: bytes, message_id: str | None, kind: str | None) -> OrderRequest:
    """The request in a message; ``kind``: its property ``type``. Raises Malformed."""
    if len(body) > BODY_BYTES:
        raise Malformed(f"the body has {len(body):,} bytes, {BODY_BYTES:,} are allowed")
    try:
        fields = msgspec.json.decode(body, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"the body is not a JSON object: {error}") from None
    named = fields.pop("action", None)
    if named is not None and kind and named != kind:
        raise Malformed(f"action is {named!r}, the message's type {kind!r}: one of them is enough")
    action = named if named is not None else kind or PLACE
    if action not in ACTIONS:
        raise Malformed(f"action {action!r}: must be one of {', '.join(ACTIONS)}")
    if action == PLACE:
        return _place(fields, message_id)
    path, query = _address(fields)
    if action == AMEND:
        if not fields:
            raise Malformed("an amendment needs quantity, price or stop_price")
        return OrderRequest(action, "PATCH", path, query, fields)
    if fields:
        raise Malformed(f"a cancel has order_id or client_order_id alone, not {sorted(fields)}")
    return OrderRequest(action, "DELETE", path, query, None)


def _place(fields: dict[str, Any], message_id: str | None) -> OrderRequest:
    if fields.get("client_order_id") is None:
        if not message_id:
            raise Malformed(
                "client_order_id or a message_id is needed: without it a message that comes again "
                "would enter a second order"
            )
        fields["client_order_id"] = message_id
    return OrderRequest(PLACE, "POST", "/orders", None, fields)


def _address(fields: dict[str, Any]) -> tuple[str, dict[str, str] | None]:
    """Path and query of the order that is meant; takes it out of ``fields``."""
    order_id = fields.pop("order_id", None)
    client_order_id = fields.pop("client_order_id", None)
    if (order_id is None) == (client_order_id is None):
        raise Malformed("order_id or client_order_id is needed, and only one of them")
    if order_id is not None:
        if not isinstance(order_id, int) or isinstance(order_id, bool) or order_id < 0:
            raise Malformed(f"order_id must be a number, not {order_id!r}")
        return f"/orders/{order_id}", None
    if not isinstance(client_order_id, str) or not client_order_id:
        raise Malformed(f"client_order_id must be a text, not {client_order_id!r}")
    return "/orders/by-client-id", {"client_order_id": client_order_id}
