"""The errors about orders that more than one place raises.

Who uses it: the order gateway and what belongs to it. ``description``: the order as JSON, which the
error carries as its data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exchange.api.errors import ApiError, ErrorCode, rejected
from exchange.api.orders.json import STATUS_NAMES
from exchange.codes import Reject

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Order
    from exchange.read_model.market.types import Instrument

Description = dict[str, Any]


def order_not_found(order_id: int) -> ApiError:
    """ORDER_NOT_FOUND: it was never there, or is another account's, or is no longer kept."""
    return ApiError(ErrorCode.ORDER_NOT_FOUND, f"order_id: there is no order {order_id}")


def named_order_not_found(client_order_id: str) -> ApiError:
    """ORDER_NOT_FOUND: the account has no order with this client order id, or it is not kept."""
    return ApiError(
        ErrorCode.ORDER_NOT_FOUND,
        f"client_order_id: there is no order {client_order_id!r} of today or of the day before",
    )


def order_closed(order: Order, description: Description) -> ApiError:
    """ORDER_CLOSED."""
    status = STATUS_NAMES[order.status]
    message = f"order {order.order_id} is {status}: it cannot change any more"
    return ApiError(ErrorCode.ORDER_CLOSED, message, data=description)


def client_order_id_used(client_order_id: str, description: Description | None) -> ApiError:
    """CLIENT_ORDER_ID_USED."""
    return ApiError(
        ErrorCode.CLIENT_ORDER_ID_USED,
        f"client_order_id: {client_order_id!r} was used today by an order with other terms",
        data=description,
    )


def change_refused(reject: Reject, what: str, description: Description) -> ApiError:
    """The matcher's reject, found before the matcher was asked: the order stays as it is."""
    return rejected(reject, f"rejected: {what}; the order has not changed", description)


def order_rejected(
    order: Order,
    instrument: Instrument | None,
    description: Description,
    amounts_text: str | None = None,
) -> ApiError:
    """The matcher's reject of ``order``, with what would have been allowed.

    ``amounts_text``: what it needed and what there was (amounts.py).
    """
    reject = Reject(order.reason)
    message = f"rejected: {_words(reject)}"
    allowed = None if instrument is None else _allowed(reject, order, instrument)
    for text in (allowed, amounts_text):
        if text is not None:
            message = f"{message}: {text}"
    return rejected(reject, message, description)


def change_rejected(reject: Reject, amounts_text: str | None = None) -> ApiError:
    """The matcher's reject of a change or cancel; ``amounts_text`` as above."""
    message = f"rejected: {_words(reject)}"
    if amounts_text is not None:
        message = f"{message}: {amounts_text}"
    return rejected(reject, f"{message}; the order has not changed")


def _words(reject: Reject) -> str:
    return reject.name.lower().replace("_", " ")


def _allowed(reject: Reject, order: Order, instrument: Instrument) -> str | None:
    limits = f"{instrument.minimum_price} to {instrument.maximum_price}"
    steps = f"a multiple of {instrument.tick}"
    return {
        Reject.INVALID_PRICE: f"price must be {steps}",
        Reject.PRICE_OUT_OF_RANGE: f"price must be from {limits}, not {order.price}",
        Reject.INVALID_QUANTITY: f"quantity must be a multiple of {instrument.lot}",
        Reject.QUANTITY_TOO_LARGE: f"quantity must be at most {instrument.maximum_quantity}, "
        f"not {order.quantity}",
        Reject.INVALID_STOP_PRICE: f"stop_price must be {steps}, from {limits}",
        Reject.INVALID_MINIMUM_QUANTITY: "minimum_quantity must be at most quantity, of an ioc "
        "limit or market order",
        Reject.INVALID_DISPLAY: "post_only is for limit orders that may rest",
        Reject.INVALID_DISPLAY_QUANTITY: f"display_quantity must be a multiple of {instrument.lot}"
        ", at most quantity and at least a hundredth of it, of a limit order that may rest",
    }.get(reject)


def outcome_unknown() -> ApiError:
    """OUTCOME_UNKNOWN."""
    return ApiError(
        ErrorCode.OUTCOME_UNKNOWN,
        "not durable in time; it may still be carried out: ask for the order, or send it again "
        "with the same client_order_id",
    )


def unavailable(what: str) -> ApiError:
    """UNAVAILABLE, with Retry-After."""
    return ApiError(ErrorCode.UNAVAILABLE, f"{what}; try again")
