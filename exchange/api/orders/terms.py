"""The terms of an order as clients send them, their checks, and the token of a client order id.

Who uses it: the REST handlers, the WebSocket's order actions, the order gateway and the OpenAPI
document, which describes these Structs. Invariant: terms that pass these checks can be expressed in
a COMMAND. The matcher alone judges ticks, lots, limits and money, because its verdict is durable.
Prices are integers in minor units of the instrument, quantities integers in units.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from exchange.api.errors import ApiError, ErrorCode
from exchange.codes import (
    TIME_IN_FORCE_IMMEDIATE,
    TIME_IN_FORCE_MARKET_HOURS,
    TIME_IN_FORCE_MAXIMUM_SECONDS,
    TIME_IN_FORCE_SYSTEM_HOURS,
    OrderType,
    Side,
)
from exchange.records import TOKEN_BYTES

MAXIMUM_QUANTITY = 1 << 40  # the matcher's own bound of an instrument's maximum quantity
MAXIMUM_PRICE = 1 << 47  # ... and of its maximum price
MAXIMUM_MINIMUM_QUANTITY = (1 << 32) - 1  # a field of 32 bits; also of fill-or-kill
MAXIMUM_ORDER_ID = (1 << 63) - 1
CLIENT_ORDER_ID_CHARACTERS = 64
BATCH_MAXIMUM = 20  # orders of one request

_CLIENT_ORDER_ID = re.compile(f"[!-~]{{1,{CLIENT_ORDER_ID_CHARACTERS}}}")

SideName = Literal["buy", "sell", "sell_short", "sell_short_exempt"]
TypeName = Literal["limit", "market", "stop", "stop_limit"]
TimeInForceName = Literal["day", "system_hours", "ioc", "fok", "gtt"]

SIDES: Mapping[str, Side] = {side.name.lower(): side for side in Side}
TYPES: Mapping[str, OrderType] = {kind.name.lower(): kind for kind in OrderType}
SIDE_NAMES = [side.name.lower() for side in Side]
TYPE_NAMES = [kind.name.lower() for kind in OrderType]
TIMES_IN_FORCE: Mapping[str, int] = {
    "day": TIME_IN_FORCE_MARKET_HOURS,
    "system_hours": TIME_IN_FORCE_SYSTEM_HOURS,
    "ioc": TIME_IN_FORCE_IMMEDIATE,
    "fok": TIME_IN_FORCE_IMMEDIATE,
}

Quantity = Annotated[int, Meta(ge=1, le=MAXIMUM_QUANTITY)]
NewQuantity = Annotated[int, Meta(ge=0, le=MAXIMUM_QUANTITY)]
Price = Annotated[int, Meta(ge=1, le=MAXIMUM_PRICE)]
OrderId = Annotated[int, Meta(ge=1, le=MAXIMUM_ORDER_ID)]
ExpireSeconds = Annotated[int, Meta(ge=1, le=TIME_IN_FORCE_MAXIMUM_SECONDS)]
MinimumQuantity = Annotated[int, Meta(ge=1, le=MAXIMUM_MINIMUM_QUANTITY)]
Symbol = Annotated[str, Meta(min_length=1, max_length=8)]
ClientOrderId = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=CLIENT_ORDER_ID_CHARACTERS,
        pattern="^[!-~]+$",
        description="unique within the account and the trading day; the same id again is the same "
        "order, not another one",
    ),
]


class NewOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An order to enter. ``check`` says whether its fields fit together."""

    symbol: Symbol
    side: SideName
    quantity: Quantity
    type: TypeName = "limit"
    price: Price | None = None
    time_in_force: TimeInForceName = "day"
    expire_seconds: ExpireSeconds | None = None
    stop_price: Price | None = None
    display_quantity: Quantity | None = None
    minimum_quantity: MinimumQuantity | None = None
    post_only: bool = False
    reprice: bool = False
    client_order_id: ClientOrderId | None = None

    def check(self) -> None:
        """Raises ApiError (INVALID_FIELD) when two fields do not fit together."""
        has_price = self.type in ("limit", "stop_limit")
        if has_price and self.price is None:
            raise invalid("price", f"a {self.type} order needs one, in minor units")
        if not has_price and self.price is not None:
            raise invalid("price", f"a {self.type} order has none")
        has_stop = self.type in ("stop", "stop_limit")
        if has_stop and self.stop_price is None:
            raise invalid("stop_price", f"a {self.type} order needs one, in minor units")
        if not has_stop and self.stop_price is not None:
            raise invalid("stop_price", f"a {self.type} order has none")
        if (self.expire_seconds is not None) != (self.time_in_force == "gtt"):
            raise invalid(
                "expire_seconds",
                f"time_in_force gtt needs it, from 1 to {TIME_IN_FORCE_MAXIMUM_SECONDS}; "
                "no other has it",
            )
        if self.minimum_quantity is not None and self.time_in_force != "ioc":
            raise invalid("minimum_quantity", "only time_in_force ioc may have it")
        if self.time_in_force == "fok" and self.quantity > MAXIMUM_MINIMUM_QUANTITY:
            raise invalid("quantity", f"of a fok order is at most {MAXIMUM_MINIMUM_QUANTITY}")
        if self.reprice and not self.post_only:
            raise invalid("reprice", "only a post_only order may have it")

    @property
    def time_in_force_number(self) -> int:
        """As in a COMMAND."""
        return self.expire_seconds or TIMES_IN_FORCE[self.time_in_force]

    @property
    def minimum_quantity_number(self) -> int:
        """As in a COMMAND: of fill-or-kill it is the whole quantity."""
        return self.quantity if self.time_in_force == "fok" else self.minimum_quantity or 0


class Amendment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is to change of an order; what is not named stays.

    ``quantity``: in all; what is filled or less cancels the rest.
    """

    quantity: NewQuantity | None = None
    price: Price | None = None
    stop_price: Price | None = None


class OrderBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders to enter with one request, in this order."""

    orders: Annotated[list[NewOrder], Meta(min_length=1, max_length=BATCH_MAXIMUM)]

    def __len__(self) -> int:
        return len(self.orders)


class CancelBatch(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Orders to cancel with one request: by their ids, by client order ids, or both."""

    order_ids: Annotated[list[OrderId], Meta(max_length=BATCH_MAXIMUM)] = []
    client_order_ids: Annotated[list[ClientOrderId], Meta(max_length=BATCH_MAXIMUM)] = []

    def check(self) -> None:
        """Raises ApiError (INVALID_FIELD) when no order is named, or too many are."""
        if not 1 <= len(self) <= BATCH_MAXIMUM:
            raise invalid("body", f"names 1 to {BATCH_MAXIMUM} orders in all, not {len(self)}")

    def __len__(self) -> int:
        return len(self.order_ids) + len(self.client_order_ids)


class CancelAfter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The dead man's switch: seconds from now, 0 switches it off."""

    seconds: Annotated[int, Meta(ge=0, le=TIME_IN_FORCE_MAXIMUM_SECONDS)]


def invalid(field: str, what: str) -> ApiError:
    """The error that names a field and what is allowed."""
    return ApiError(ErrorCode.INVALID_FIELD, f"{field}: {what}", data={"field": field})


def token_of(client_order_id: str) -> bytes:
    """The 14-byte token that stands for a client order id. Raises ApiError.

    Up to 14 characters are the token themselves; longer ones, and those that begin as the tokens
    that are made here do, become ``~`` and 65 bits of their SHA-256.
    """
    if _CLIENT_ORDER_ID.fullmatch(client_order_id) is None:
        raise invalid(
            "client_order_id",
            f"1 to {CLIENT_ORDER_ID_CHARACTERS} printable ASCII characters without spaces",
        )
    raw = client_order_id.encode("ascii")
    if len(raw) <= TOKEN_BYTES and raw[0] not in b"~.":
        return raw.ljust(TOKEN_BYTES)
    return b"~" + base64.b32encode(hashlib.sha256(raw).digest())[:13]


def random_token() -> bytes:
    """A token for an order whose client gave no id."""
    return b"." + base64.b32encode(os.urandom(9))[:13]


def client_order_id_of(token: bytes) -> str | None:
    """The client order id of ``token``; None for a token that ``random_token`` made."""
    return None if token[:1] == b"." else token.rstrip(b" ").decode("ascii", "backslashreplace")
