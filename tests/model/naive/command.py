"""What goes into the naive exchange: its bounds, and commands as Python values."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# The fields of a command that mean something to the exchange, at their offsets in the record, with
# the token as 14 bytes.
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
    """The first slot of a command as Python values."""

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


# The second slot of every kind of long command: the three layouts of exchange/records.py overlap.
CONTINUATION_VIEW = np.dtype(
    {
        "names": [
            "value_0",
            "value_1",
            "value_2",
            "options",
            "token",
            "order_id",
            "account",
            "currency",
            "parameter",
            "scope",
            "group",
            "operator",
            "operator_uid",
        ],
        "formats": (
            ["<i8", "<i8", "<i8", "<u4", "V14", "<i8", "<u4", "<u2", "u1", "u1", "u1", "V16", "<u4"]
        ),
        "offsets": [0, 8, 16, 16, 24, 40, 44, 48, 50, 51, 52, 24, 40],
        "itemsize": 64,
    }
)


class Continuation(NamedTuple):
    """The second slot of a long command as Python values."""

    value_0: int
    value_1: int
    value_2: int
    options: int  # ENTER, REPLACE
    token: bytes  # REPLACE: the replacement token
    order_id: int  # REPLACE_BY_ORDER_ID
    account: int
    currency: int
    parameter: int
    scope: int
    group: int
    operator: bytes
    operator_uid: int

    @property
    def stop_price(self) -> int:
        return self.value_0

    @property
    def display_quantity(self) -> int:
        return self.value_1

    @property
    def minimum_price(self) -> int:
        return self.value_0

    @property
    def maximum_price(self) -> int:
        return self.value_1

    @property
    def maximum_quantity(self) -> int:
        return self.value_2


# What a command of one slot says where a long one would say more.
NO_CONTINUATION = Continuation(0, 0, 0, 0, bytes(14), 0, 0, 0, 0, 0, 0, bytes(16), 0)


class Capacities(NamedTuple):
    """The bounds that the rules mention."""

    instruments: int  # ids 1 .. instruments - 1
    sessions: int  # ids 1 .. sessions - 1
    orders: int  # live orders
    tokens: int  # tokens consumed in one day by all sessions
    accounts: int = 64  # ids 1 .. accounts - 1
    positions: int = 4096  # pairs of account and instrument
