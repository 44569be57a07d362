"""Describes orders and fills as JSON, with the same field names for REST and WebSocket.

Who uses it: REST answers, the execution reports of the private channel, errors that carry an order.
Values are ready for orjson. Prices are minor units of the instrument, money minor units of the
currency, times RFC 3339 in UTC with microseconds; names are lower-case.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from exchange.api.errors import REJECT_BASE
from exchange.api.orders.terms import SIDE_NAMES, TYPE_NAMES, client_order_id_of
from exchange.codes import (
    TIME_IN_FORCE_IMMEDIATE,
    TIME_IN_FORCE_MARKET_HOURS,
    TIME_IN_FORCE_SYSTEM_HOURS,
    CancelReason,
    Reject,
)

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Fill, Order

# the numbers of read_model.accounts.OrderStatus, which the API shows as lower-case names
STATUS_NAMES = [
    "unknown",
    "new",
    "partial_filled",
    "filled",
    "cancelled",
    "rejected",
    "pending_review",
    "waiting",
    "replaced",
    "expired",
]
STATUS_REJECTED = STATUS_NAMES.index("rejected")
STATUS_CANCELLED = STATUS_NAMES.index("cancelled")
# a closed order never changes again
CLOSED_STATUSES = frozenset(
    STATUS_NAMES.index(name) for name in ("filled", "cancelled", "rejected", "replaced", "expired")
)
OPEN_STATUSES = frozenset(range(1, len(STATUS_NAMES))) - CLOSED_STATUSES
CANCEL_REASON_NAMES = {int(reason): reason.name.lower() for reason in CancelReason}
REJECT_NAMES = {int(reject): reject.name.lower() for reject in Reject}


@functools.lru_cache(maxsize=4096)
def _second_text(second: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))


def time_text(timestamp_ns: int) -> str:
    """Nanoseconds since 1970 as ``2026-11-21T09:30:00.123456Z``."""
    second, rest = divmod(timestamp_ns, 1_000_000_000)
    return f"{_second_text(second)}.{rest // 1000:06d}Z"


def time_text_or_none(timestamp_ns: int) -> str | None:
    """``time_text``, None for 0."""
    return time_text(timestamp_ns) if timestamp_ns else None


def time_in_force_name(time_in_force: int, quantity: int, minimum_quantity: int) -> str:
    """The name that POST takes."""
    if time_in_force == TIME_IN_FORCE_MARKET_HOURS:
        return "day"
    if time_in_force == TIME_IN_FORCE_SYSTEM_HOURS:
        return "system_hours"
    if time_in_force == TIME_IN_FORCE_IMMEDIATE:
        return "fok" if 0 < quantity == minimum_quantity else "ioc"
    return "gtt"


def order_json(
    order: Order, symbol: str, client_order_id: Callable[[bytes], str | None] = client_order_id_of
) -> dict[str, Any]:
    """``order`` in ``symbol``. ``client_order_id``: gives the client's own text for a token."""
    status = int(order.status)
    is_rejected = status == STATUS_REJECTED
    reason = int(order.reason)
    name = None  # no event tells it of a rejected order
    if not is_rejected:
        name = time_in_force_name(order.time_in_force, order.quantity, order.minimum_quantity)
    is_closed = status in CLOSED_STATUSES
    return {
        "order_id": order.order_id,
        "client_order_id": client_order_id(order.token),
        "symbol": symbol,
        # a REJECTED order may carry what no accepted one can
        "side": SIDE_NAMES[order.side] if order.side < len(SIDE_NAMES) else None,
        "type": TYPE_NAMES[order.order_type] if order.order_type < len(TYPE_NAMES) else None,
        "time_in_force": name,
        "expire_seconds": order.time_in_force if name == "gtt" else None,
        "quantity": order.quantity,
        "price": order.price or None,
        "stop_price": order.stop_price or None,
        "display_quantity": order.display_quantity or None,
        "minimum_quantity": order.minimum_quantity or None,
        "post_only": order.display == "P",
        "filled_quantity": order.filled,
        "remaining_quantity": order.open,
        "prevented_quantity": order.prevented,
        "cancelled_quantity": order.cancelled,
        "chain_filled_quantity": order.filled_before + order.filled,
        "filled_value": order.filled_value,
        "status": STATUS_NAMES[status],
        "reject_code": REJECT_BASE + reason if is_rejected else None,
        "reject_reason": REJECT_NAMES.get(reason, str(reason)) if is_rejected else None,
        "cancel_reason": CANCEL_REASON_NAMES.get(reason)
        if is_closed and not is_rejected and reason
        else None,
        "replaces": order.replaces or None,
        "replaced_by": order.replaced_by or None,
        "created_at": time_text(order.created_ns),
        "updated_at": time_text(order.updated_ns),
        "filled_at": time_text_or_none(order.filled_ns),
        "cancelled_at": time_text_or_none(order.cancelled_ns),
    }


def fill_json(fill: Fill, symbol: str) -> dict[str, Any]:
    """``fill``: one side of a trade, as the owner of that side sees it."""
    return {
        "trade_id": fill.match_number,
        "order_id": fill.order_id,
        "symbol": symbol,
        "side": SIDE_NAMES[fill.side],
        "price": fill.price,
        "quantity": fill.quantity,
        "liquidity": fill.liquidity,
        "fee": fill.fee,
        "sequence": fill.sequence,
        "executed_at": time_text(fill.timestamp_ns),
    }
