"""What goes into the naive exchange: its bounds, and commands as Python values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# The fields of a command that mean something to the exchange, at their offsets in the record, with
# the token as 14 bytes. In a continuation slot `token` is the replacement token, and timestamp_ns,
# price and quantity are an instrument's minimum_price, maximum_price and maximum_quantity.
COMMAND_VIEW = np.dtype(
    {
        "names": [
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
            "flags",
            "reject",
            "order_type",
        ],
        "formats": (
            ["<i8", "<i8", "<i8", "V14", "<u2", "<u2", "u1", "u1", "<u4", "<u4", "<u4"] + ["u1"] * 7
        ),
        "offsets": [0, 8, 16, 24, 38, 40, 42, 43, 44, 48, 52, 56, 57, 58, 59, 61, 62, 63],
        "itemsize": 64,
    }
)


class Command(NamedTuple):
    """One slot of the command stream as Python values."""

    timestamp_ns: int
    price: int
    quantity: int
    token: bytes
    instrument: int
    session: int
    kind: int
    side: int
    time_in_force: int
    minimum_quantity: int
    firm: int
    display: int
    capacity: int
    intermarket_sweep: int
    cross_type: int
    flags: int
    reject: int
    order_type: int


class Capacities(NamedTuple):
    """The bounds that the rules mention."""

    instruments: int  # ids 1 .. instruments - 1
    sessions: int  # ids 1 .. sessions - 1
    orders: int  # live orders
    tokens: int  # tokens consumed in one day by all sessions


class Instrument(NamedTuple):
    tick: int
    lot: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    price_decimals: int = 4
