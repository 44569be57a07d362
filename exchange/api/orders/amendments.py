"""Checks an amendment before it is sent, and whether a repeated request is the same one.

Who uses it: the order gateway. What can be known here is refused here, with the matcher's own
number; what only the matcher knows it refuses itself, and the order stays (Rule amendment in
docs/matching.md).

Decision API-4.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from exchange.api.orders.errors import change_refused
from exchange.api.orders.json import STATUS_REJECTED
from exchange.api.orders.records import replace_command
from exchange.api.orders.terms import SIDES, TYPES, Amendment, NewOrder, invalid
from exchange.codes import CancelReason, OrderType, Reject
from exchange.read_model.accounts.order_status import OrderStatus

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Order
    from exchange.read_model.market.types import Instrument

_PRICED = (OrderType.LIMIT, OrderType.STOP_LIMIT)
Describe = Callable[["Order"], dict[str, Any]]


class NewTerms(NamedTuple):
    """Terms after an amendment: open quantity, limit price (0: none), stop price (0: none).

    ``open`` 0: what is left is to be cancelled.
    """

    open: int
    price: int
    stop_price: int


def current_terms(order: Order) -> NewTerms:
    """The present terms of ``order``."""
    price = order.price if order.order_type in _PRICED else 0
    return NewTerms(order.open, price, order.stop_price)


def new_terms(order: Order, asked: Amendment) -> NewTerms:
    """The terms that the amendment asks for. Raises ApiError (INVALID_FIELD)."""
    now = current_terms(order)
    quantity, price, stop_price = asked.quantity, asked.price, asked.stop_price
    if quantity is None and price is None and stop_price is None:
        raise invalid("body", "at least one of quantity, price and stop_price is needed")
    if price is not None and not now.price:
        raise invalid("price", "a market or stop order has none")
    if stop_price is not None and not now.stop_price:
        raise invalid("stop_price", "only a stop or stop_limit order has one")
    new_open = now.open if quantity is None else max(quantity - order.filled - order.prevented, 0)
    return NewTerms(new_open, price or now.price, stop_price or now.stop_price)


def replacement_of(now_ns: int, session: int, order: Order, terms: NewTerms, total: int) -> bytes:
    """The command that gives ``order`` other ``terms``; ``total``: what its chain has in all."""
    all_or_none = order.time_in_force == 0 and order.minimum_quantity == order.quantity
    return replace_command(
        now_ns,
        session,
        order.order_id,
        price=terms.price,
        quantity=total,
        time_in_force=order.time_in_force,
        minimum_quantity=terms.open if all_or_none else order.minimum_quantity,
        display=ord(order.display),
        order_type=order.order_type,
        stop_price=terms.stop_price,
        # an iceberg that would show all of what is left is none
        display_quantity=order.display_quantity if order.display_quantity < terms.open else 0,
    )


def check(terms: NewTerms, order: Order, instrument: Instrument, describe: Describe) -> None:
    """Raises ApiError, 10000 + reject, when the instrument forbids ``terms``."""

    def refuse(reject: Reject, what: str) -> None:
        raise change_refused(reject, what, describe(order))

    if terms.open % instrument.lot:
        refuse(Reject.INVALID_QUANTITY, f"what is left must be a multiple of {instrument.lot}")
    if terms.open > instrument.maximum_quantity:
        refuse(
            Reject.QUANTITY_TOO_LARGE,
            f"at most {instrument.maximum_quantity} may be left, not {terms.open}",
        )
    limits = f"from {instrument.minimum_price} to {instrument.maximum_price}"
    for name, value, no_tick, out_of_range in (
        ("price", terms.price, Reject.INVALID_PRICE, Reject.PRICE_OUT_OF_RANGE),
        ("stop_price", terms.stop_price, Reject.INVALID_STOP_PRICE, Reject.INVALID_STOP_PRICE),
    ):
        if value == 0:
            continue
        if value % instrument.tick:
            refuse(no_tick, f"{name} must be a multiple of {instrument.tick}")
        if not instrument.minimum_price <= value <= instrument.maximum_price:
            refuse(out_of_range, f"{name} must be {limits}, not {value}")


def is_made_by(successor: Order, order: Order, asked: Amendment) -> bool:
    """Whether the replacement ``successor`` of ``order`` is what ``asked`` has made of it."""
    if asked.quantity is not None:
        wanted = asked.quantity - order.filled - order.prevented
        if successor.quantity != wanted and not _was_lowered(successor, wanted):
            return False
    now, then = current_terms(successor), current_terms(order)
    return now.price == (asked.price or then.price) and now.stop_price == (
        asked.stop_price or then.stop_price
    )


def is_ended_by(order: Order, asked: Amendment) -> bool:
    """Whether ``asked`` is to leave nothing of an order of which its owner has left nothing."""
    return (
        order.status == OrderStatus.CANCELLED
        and order.reason == CancelReason.USER
        and asked.quantity is not None
        and asked.quantity <= order.filled + order.prevented
    )


def _was_lowered(found: Order, quantity: int) -> bool:
    return found.quantity < quantity and found.updated_ns > found.created_ns


def is_same(found: Order, symbol: str, asked: NewOrder) -> bool:
    """Whether ``found``, an order in ``symbol``, can have been made from ``asked``.

    Terms that the events no longer show count as equal: a repriced order has another price, a
    lowered order a smaller quantity, and a rejected order lacks some terms.
    """
    same = (
        symbol == asked.symbol
        and found.order_type == TYPES[asked.type]
        and found.side == SIDES[asked.side]
        and (found.display == "P") == asked.post_only
        and (asked.reprice or asked.price is None or found.price == asked.price)
        and (found.quantity == asked.quantity or _was_lowered(found, asked.quantity))
    )
    if not same or found.status == STATUS_REJECTED:
        return same
    return (
        found.time_in_force == asked.time_in_force_number
        and (found.stop_price or None) == asked.stop_price
        and (found.display_quantity or None) == asked.display_quantity
        and found.minimum_quantity == asked.minimum_quantity_number
    )
