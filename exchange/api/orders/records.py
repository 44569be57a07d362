"""Makes the COMMAND records of clients' orders, as bytes: 64 for each slot.

Who uses it: the order gateway. The layouts are those of ``exchange/records.py``; ``struct`` packs a
record in half a microsecond, numpy in twenty.
"""

from __future__ import annotations

from exchange.api.orders.terms import SIDES, TYPES, NewOrder
from exchange.codes import (
    DISPLAY_POST_ONLY,
    FLAG_LONG,
    OPTION_AMEND,
    OPTION_REPRICE,
    CommandKind,
    OrderType,
)
from exchange.records import COMMAND, ORDER_CONTINUATION, TOKEN_BYTES, record_struct

_COMMAND = record_struct(
    COMMAND,
    "timestamp_ns",
    "price",
    "quantity",
    "token",
    "instrument",
    "session",
    "kind",
    "side",
    "time_in_force",
    "minimum_quantity",
    "firm",
    "display",
    "capacity",
    "intermarket_sweep",
    "cross_type",
    "customer_type",
    "flags",
    "reject",
    "order_type",
)
_CONTINUATION = record_struct(
    ORDER_CONTINUATION, "stop_price", "display_quantity", "options", "token", "order_id"
)
NO_TOKEN = bytes(TOKEN_BYTES)
DISPLAY_SHOWN = ord("Y")
_CAPACITY = ord("A")  # for its customer
_NO = ord("N")  # no intermarket sweep, no cross
_SPACE = ord(" ")


def _command(
    kind: CommandKind,
    now_ns: int,
    session: int,
    *,
    price: int = 0,
    quantity: int = 0,
    token: bytes = NO_TOKEN,
    instrument: int = 0,
    side: int = 0,
    time_in_force: int = 0,
    minimum_quantity: int = 0,
    display: int = DISPLAY_SHOWN,
    flags: int = 0,
    order_type: int = 0,
) -> bytes:
    return _COMMAND.pack(
        now_ns,
        price,
        quantity,
        token,
        instrument,
        session,
        kind,
        side,
        time_in_force,
        minimum_quantity,
        0,  # firm
        display,
        _CAPACITY,
        _NO,
        _NO,
        _SPACE,
        flags,
        0,  # reject
        order_type,
    )


def enter_command(
    now_ns: int, session: int, instrument: int, token: bytes, order: NewOrder
) -> bytes:
    """ENTER, one or two slots."""
    options = OPTION_REPRICE if order.reprice else 0
    order_type = TYPES[order.type]
    is_long = (
        order_type in (OrderType.STOP, OrderType.STOP_LIMIT)
        or order.display_quantity is not None
        or options != 0
    )
    first = _command(
        CommandKind.ENTER,
        now_ns,
        session,
        price=order.price or 0,
        quantity=order.quantity,
        token=token,
        instrument=instrument,
        side=SIDES[order.side],
        time_in_force=order.time_in_force_number,
        minimum_quantity=order.minimum_quantity_number,
        display=DISPLAY_POST_ONLY if order.post_only else DISPLAY_SHOWN,
        flags=FLAG_LONG if is_long else 0,
        order_type=order_type,
    )
    if not is_long:
        return first
    return first + _CONTINUATION.pack(
        order.stop_price or 0, order.display_quantity or 0, options, NO_TOKEN, 0
    )


def cancel_command(now_ns: int, session: int, order_id: int, new_total: int = 0) -> bytes:
    """CANCEL_BY_ORDER_ID down to ``new_total``, which counts what the whole chain has executed."""
    return _command(
        CommandKind.CANCEL_BY_ORDER_ID, now_ns, session, price=order_id, quantity=new_total
    )


def replace_command(
    now_ns: int,
    session: int,
    order_id: int,
    *,
    price: int,
    quantity: int,
    time_in_force: int,
    minimum_quantity: int,
    display: int,
    order_type: int,
    stop_price: int,
    display_quantity: int,
) -> bytes:
    """REPLACE_BY_ORDER_ID that leaves the order as it is if it is refused, and its token anyway.

    ``quantity`` counts what the whole chain has executed.
    """
    return _command(
        CommandKind.REPLACE_BY_ORDER_ID,
        now_ns,
        session,
        price=price,
        quantity=quantity,
        time_in_force=time_in_force,
        minimum_quantity=minimum_quantity,
        display=display,
        flags=FLAG_LONG,
        order_type=order_type,
    ) + _CONTINUATION.pack(stop_price, display_quantity, OPTION_AMEND, NO_TOKEN, order_id)


def mass_cancel_command(now_ns: int, session: int, instrument: int, side: int) -> bytes:
    """MASS_CANCEL of the session's account; instrument 0 and side 255: any."""
    return _command(CommandKind.MASS_CANCEL, now_ns, session, instrument=instrument, side=side)


def cancel_after_command(now_ns: int, session: int, seconds: int) -> bytes:
    """CANCEL_AFTER of the session; 0 switches it off."""
    return _command(CommandKind.CANCEL_AFTER, now_ns, session, quantity=seconds)
