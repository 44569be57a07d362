"""The WebSocket's messages as immutable structures, one class for each ``type``.

``Stream`` yields these. Prices and quantities are integers (types.py), ``timestamp`` is
milliseconds since 1970 UTC, ``sequence`` the number of an event of the exchange.
"""

from __future__ import annotations

from typing import Any

import msgspec

from exchange.client.types import Order

Level = tuple[int, int]  # price, quantity


class Message(msgspec.Struct, frozen=True, kw_only=True):
    """The base of all messages."""


class Connected(Message, frozen=True, tag="connected"):
    """The stream (re)connected and has asked for its channels again. Made by the client."""

    attempts: int


class Disconnected(Message, frozen=True, tag="disconnected"):
    """The connection is gone; the stream is about to connect again. Made by the client."""

    reason: str


class Subscribed(Message, frozen=True, tag="subscribed"):
    channel: str
    sequence: int = 0
    request_id: str | None = None


class Unsubscribed(Message, frozen=True, tag="unsubscribed"):
    channel: str
    sequence: int = 0
    request_id: str | None = None


class Authenticated(Message, frozen=True, tag="authenticated"):
    """The stream has signed in."""

    account: int = 0
    permissions: list[str] = msgspec.field(default_factory=list)
    request_id: str | None = None


class Received(Message, frozen=True, tag="received"):
    """An order action arrived; what became of it comes as an ExecutionReport or an Error."""

    action: str | None = None
    request_id: str | None = None
    client_order_id: str | None = None
    order_id: int | None = None


class Error(Message, frozen=True, tag="error"):
    """Something was refused. ``code`` as in REST (docs/rest.md)."""

    code: int
    message: str
    channel: str | None = None
    request_id: str | None = None
    client_order_id: str | None = None
    data: Any = None


class Heartbeat(Message, frozen=True, tag="heartbeat"):
    timestamp: int
    sequence: int


class Pong(Message, frozen=True, tag="pong"):
    timestamp: int = 0
    request_id: str | None = None


class Gap(Message, frozen=True, tag="gap"):
    """Some events of a channel were missed and cannot be had from the stream any more."""

    channel: str
    first_sequence: int = 0
    last_sequence: int = 0


class Trade(Message, frozen=True, tag="trade"):
    """A trade of the market; ``side`` is the aggressor's."""

    symbol: str
    price: int
    quantity: int
    side: str
    trade_id: int
    sequence: int
    timestamp: int


class Depth(Message, frozen=True, tag="depth"):
    """The best 20 levels of each side."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    sequence: int
    checksum: int
    timestamp: int


class DepthSnapshot(Message, frozen=True, tag="depth_snapshot"):
    """The whole book; diffs follow."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    sequence: int
    checksum: int
    timestamp: int


class DepthDiff(Message, frozen=True, tag="depth_diff"):
    """Levels that changed; quantity 0: gone."""

    symbol: str
    first_sequence: int
    last_sequence: int
    bids: list[Level]
    asks: list[Level]
    checksum: int
    timestamp: int


class Kline(Message, frozen=True, tag="kline"):
    symbol: str
    interval: str
    timestamp: int
    open: int
    high: int
    low: int
    close: int
    volume: int
    trade_count: int
    closed: bool


class Ticker(Message, frozen=True, tag="ticker"):
    symbol: str
    last_price: int | None = None
    reference_price: int | None = None
    best_bid: int | None = None
    best_ask: int | None = None
    volume: int = 0
    state: str = "open"
    sequence: int = 0


class ExecutionReport(Message, frozen=True, tag="execution_report"):
    """Something happened to an order of this account; ``order`` is how it stands now."""

    event: str  # accepted, filled, cancelled, ...
    sequence: int
    order: Order
    timestamp: int = 0
    last_price: int | None = None
    last_quantity: int | None = None
    fee: int | None = None
    liquidity: str | None = None
    match_number: int | None = None
    reject_code: int | None = None
    reject_reason: str | None = None


class OrdersSnapshot(Message, frozen=True, tag="orders_snapshot"):
    """Open orders when the channel ``orders`` was subscribed to; several when there are many."""

    account: int
    orders: list[Order]
    last: bool
    sequence: int


class BalanceChanged(Message, frozen=True, tag="balance"):
    """Money of the account in one currency, in its minor unit."""

    currency: str
    balance: int
    frozen_balance: int
    available_balance: int
    sequence: int = 0


class PositionChanged(Message, frozen=True, tag="position"):
    """Stock of the account in one instrument; negative: short."""

    symbol: str
    quantity: int
    frozen_quantity: int
    available_quantity: int
    total_cost: int = 0
    sequence: int = 0


class _Tag(msgspec.Struct):
    type: str | None = None
    status: str | None = None


def decode(text: str | bytes) -> Message | None:
    """The message in a frame; None for a type that this client does not know.

    Raises msgspec.DecodeError.
    """
    tag = msgspec.json.decode(text, type=_Tag)
    decoder = _DECODERS.get(tag.type or tag.status or "")
    return None if decoder is None else decoder.decode(text)


_DECODERS: dict[str, msgspec.json.Decoder[Message]] = {
    str(kind.__struct_config__.tag): msgspec.json.Decoder(kind)
    for kind in Message.__subclasses__()
    if kind not in (Connected, Disconnected)
}
