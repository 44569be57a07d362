"""Messages of the protocol to what the order gateway takes, and back.

Who uses it: the services. The bounds of every field are those of REST: requests become the same
Structs (``exchange/api/orders/terms.py``), decoded by the same rules, so an error names the same
field and says the same. Enumerations are REST's names, in order, from 1 on.

Decision CON-43.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from exchange.api.errors import REJECT_BASE
from exchange.api.orders.json import (
    CANCEL_REASON_NAMES,
    CLOSED_STATUSES,
    REJECT_NAMES,
    STATUS_NAMES,
    STATUS_REJECTED,
    time_in_force_name,
)
from exchange.api.orders.terms import SIDE_NAMES, TYPE_NAMES, Amendment, NewOrder, invalid
from exchange.api.rest.decode import decode_fields
from exchange.connect.grpc.messages import v1

if TYPE_CHECKING:
    from collections.abc import Callable

    from exchange.read_model.accounts.types import Order

TIME_NAMES = ["day", "system_hours", "ioc", "fok", "gtt"]
_OPTIONAL = (
    *("price", "expire_seconds", "stop_price", "display_quantity", "minimum_quantity"),
    "client_order_id",
)
_AMENDED = ("quantity", "price", "stop_price")
_NANOSECONDS = 1_000_000_000


def _named(field: str, number: int, names: list[str], default: str | None) -> str:
    """The name of an enumeration's ``number``; 0: ``default``. Raises ApiError."""
    if number == 0 and default is not None:
        return default
    if not 0 < number <= len(names):
        raise invalid(field, f"allowed: {', '.join(names)} (1 to {len(names)}), not {number}")
    return names[number - 1]


def new_order_of(request: Any) -> NewOrder:
    """A SubmitRequest as an order. Raises ApiError (INVALID_FIELD)."""
    fields: dict[str, Any] = {
        "symbol": request.symbol,
        "side": _named("side", request.side, SIDE_NAMES, None),
        "quantity": request.quantity,
        "type": _named("type", request.type, TYPE_NAMES, "limit"),
        "time_in_force": _named("time_in_force", request.time_in_force, TIME_NAMES, "day"),
        "post_only": request.post_only,
        "reprice": request.reprice,
    }
    for name in _OPTIONAL:
        if request.HasField(name):
            fields[name] = getattr(request, name)
    return decode_fields(fields, NewOrder)


def amendment_of(request: Any) -> Amendment:
    """An AmendRequest's changes. Raises ApiError (INVALID_FIELD)."""
    fields = {name: getattr(request, name) for name in _AMENDED if request.HasField(name)}
    if not fields:
        raise invalid("quantity", "at least one of quantity, price and stop_price is needed")
    return decode_fields(fields, Amendment)


def mass_cancel_side_of(request: Any) -> str | None:
    """A MassCancelRequest's side: buy, sell or None. Raises ApiError."""
    if request.side == v1.SIDE_UNSPECIFIED:
        return None
    return _named("side", request.side, ["buy", "sell"], None)


def order_message(order: Order, symbol: str, client_order_id: Callable[[bytes], str | None]) -> Any:
    """``order`` as an exchange.v1.Order."""
    status = int(order.status)
    reason = int(order.reason)
    is_rejected = status == STATUS_REJECTED
    name = None
    if not is_rejected:
        name = time_in_force_name(order.time_in_force, order.quantity, order.minimum_quantity)
    is_closed = status in CLOSED_STATUSES
    return v1.Order(
        order_id=order.order_id,
        client_order_id=client_order_id(order.token) or "",
        symbol=symbol,
        side=order.side + 1 if order.side < len(SIDE_NAMES) else 0,
        type=order.order_type + 1 if order.order_type < len(TYPE_NAMES) else 0,
        time_in_force=0 if name is None else TIME_NAMES.index(name) + 1,
        expire_seconds=order.time_in_force if name == "gtt" else 0,
        quantity=order.quantity,
        price=order.price,
        stop_price=order.stop_price,
        display_quantity=order.display_quantity,
        minimum_quantity=order.minimum_quantity,
        post_only=order.display == "P",
        filled_quantity=order.filled,
        remaining_quantity=order.open,
        prevented_quantity=order.prevented,
        cancelled_quantity=order.cancelled,
        chain_filled_quantity=order.filled_before + order.filled,
        filled_value=str(order.filled_value),
        status=status,
        reject_code=REJECT_BASE + reason if is_rejected else 0,
        reject_reason=REJECT_NAMES.get(reason, str(reason)) if is_rejected else "",
        cancel_reason=CANCEL_REASON_NAMES.get(reason, "")
        if is_closed and not is_rejected and reason
        else "",
        replaces=order.replaces,
        replaced_by=order.replaced_by,
        created_ns=order.created_ns,
        updated_ns=order.updated_ns,
    )


def _nanoseconds(text: str) -> int:
    at = datetime.fromisoformat(text)
    return int(at.timestamp()) * _NANOSECONDS + at.microsecond * 1000


def order_of_json(described: dict[str, Any]) -> Any:
    """An order as REST describes it (``order_json``), as an exchange.v1.Order; times in µs."""
    side, kind, time_in_force = (described[name] for name in ("side", "type", "time_in_force"))
    same = {
        name: described[name] or 0
        for name in (
            *("order_id", "expire_seconds", "quantity", "price", "stop_price"),
            *("display_quantity", "minimum_quantity", "filled_quantity", "remaining_quantity"),
            *("prevented_quantity", "cancelled_quantity", "chain_filled_quantity"),
            *("reject_code", "replaces", "replaced_by"),
        )
    }
    return v1.Order(
        client_order_id=described["client_order_id"] or "",
        symbol=described["symbol"],
        side=0 if side is None else SIDE_NAMES.index(side) + 1,
        type=0 if kind is None else TYPE_NAMES.index(kind) + 1,
        time_in_force=0 if time_in_force is None else TIME_NAMES.index(time_in_force) + 1,
        post_only=described["post_only"],
        filled_value=str(described["filled_value"]),
        status=STATUS_NAMES.index(described["status"]),
        reject_reason=described["reject_reason"] or "",
        cancel_reason=described["cancel_reason"] or "",
        created_ns=_nanoseconds(described["created_at"]),
        updated_ns=_nanoseconds(described["updated_at"]),
        **same,
    )
