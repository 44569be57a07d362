"""Every message of the WebSocket as a Struct: the one definition of what is sent and understood.

Who uses it: the hub and the private channel build the server's messages, the endpoint decodes the
clients'; ``asyncapi.py`` makes the document of these classes, so it cannot differ from what is
sent. Field names are the wire's. Prices and quantities are integers in minor units, ``timestamp``
is milliseconds since 1970 UTC, ``sequence`` the number of an event (docs/websocket.md).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from exchange.api.frames import text_frame

SideName = Literal["buy", "sell"]
StateName = Literal["open", "auction", "halted", "cancel_only", "closed"]
PriceLevel = Annotated[
    tuple[int, int], Meta(description="[price, quantity]; in a diff quantity 0: the level is gone")
]
Sequence = Annotated[int, Meta(description="number of the newest event that this message tells of")]
Milliseconds = Annotated[int, Meta(description="milliseconds since 1970 UTC")]
Checksum = Annotated[
    int,
    Meta(
        ge=0,
        lt=1 << 32,
        description="CRC32 of the ten best bids, then asks, as price:quantity joined by |",
    ),
]
RequestId = Annotated[str, Meta(max_length=64, description="returned in the answer as it is")]
ChannelName = Annotated[str, Meta(description="for example trade.2330.TW or kline.2330.TW.1m")]

_encoder = msgspec.json.Encoder()


def frame(message: msgspec.Struct) -> bytes:
    """``message`` as a whole WebSocket frame."""
    return text_frame(_encoder.encode(message))


# --- what the server sends -----------------------------------------------------------------------


class Subscribed(msgspec.Struct, tag="subscribed", omit_defaults=True):
    """A channel was subscribed to. Everything after ``sequence`` follows."""

    channel: ChannelName
    sequence: Sequence
    request_id: RequestId | UnsetType = UNSET


class Unsubscribed(msgspec.Struct, tag="unsubscribed", omit_defaults=True):
    """Nothing more comes from a channel."""

    channel: ChannelName
    sequence: Sequence
    request_id: RequestId | UnsetType = UNSET


class Error(msgspec.Struct, tag="error", omit_defaults=True):
    """Something was not done. ``code`` as in the answers of REST."""

    code: int
    message: str
    channel: ChannelName | UnsetType = UNSET
    request_id: RequestId | UnsetType = UNSET
    data: Any | UnsetType = UNSET


class Heartbeat(msgspec.Struct, tag="heartbeat"):
    """Sent every second: the connection works, and the exchange has got to ``sequence``."""

    timestamp: Milliseconds
    sequence: Sequence


class Pong(msgspec.Struct, tag="pong", omit_defaults=True):
    """The answer to a ``ping`` action."""

    timestamp: Milliseconds
    request_id: RequestId | UnsetType = UNSET


class Gap(msgspec.Struct, tag="gap"):
    """The client did not read for a while: trades in between were left out (see GET /trades)."""

    channel: ChannelName
    first_sequence: Annotated[int, Meta(description="the first event that was left out")]
    last_sequence: Annotated[int, Meta(description="the last one")]


class Trade(msgspec.Struct, tag="trade"):
    """Two orders have met. ``side`` is that of the order that came later, the aggressor's."""

    symbol: str
    price: int
    quantity: int
    side: SideName
    trade_id: int
    sequence: Sequence
    timestamp: Milliseconds


class Depth(msgspec.Struct, tag="depth"):
    """The best 20 levels of each side, best first; sent at most every 50 ms while they change."""

    symbol: str
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    sequence: Sequence
    checksum: Checksum
    timestamp: Milliseconds


class DepthSnapshot(msgspec.Struct, tag="depth_snapshot"):
    """The whole book, best first: where the diffs begin, or begin anew."""

    symbol: str
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    sequence: Sequence
    checksum: Checksum
    timestamp: Milliseconds


class DepthDiff(msgspec.Struct, tag="depth_diff"):
    """Levels that changed, with their new quantities; 0: gone.

    ``first_sequence`` is the ``sequence`` of the snapshot, or the ``last_sequence`` of the diff
    before, plus 1.
    """

    symbol: str
    first_sequence: int
    last_sequence: int
    bids: list[PriceLevel]
    asks: list[PriceLevel]
    checksum: Checksum
    timestamp: Milliseconds


class Kline(msgspec.Struct, tag="kline"):
    """A candle so far, or at its end (``closed``). ``timestamp`` is when it began."""

    symbol: str
    interval: str
    timestamp: Milliseconds
    open: int
    high: int
    low: int
    close: int
    volume: int
    trade_count: int
    closed: bool


class Ticker(msgspec.Struct, tag="ticker"):
    """What is known of an instrument at a glance; of the trading day so far. null: none yet."""

    symbol: str
    last_price: int | None
    last_quantity: int | None
    last_timestamp: Milliseconds | None
    open: int | None
    high: int | None
    low: int | None
    volume: int
    turnover: Annotated[int, Meta(description="sum of price x quantity")]
    trade_count: int
    reference_price: int | None
    previous_close: int | None
    best_bid: int | None
    best_bid_quantity: int | None
    best_ask: int | None
    best_ask_quantity: int | None
    state: StateName
    until: Annotated[Milliseconds | None, Meta(description="end of a halt, if it is known")]
    auction_price: int | None
    auction_volume: int | None
    sequence: Sequence
    timestamp: Milliseconds


# --- what clients send ---------------------------------------------------------------------------


class _Action(msgspec.Struct, tag_field="action", forbid_unknown_fields=True, kw_only=True):
    """What all actions have."""

    request_id: RequestId | UnsetType = UNSET


class Subscribe(_Action, tag="subscribe"):
    """Subscribe to channels; each is acknowledged, or refused, by itself.

    ``since``: with trade channels and ``orders`` what has happened after this sequence is sent
    first.
    """

    channels: list[str]
    since: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Unsubscribe(_Action, tag="unsubscribe"):
    """Leave channels."""

    channels: list[str]


class Ping(_Action, tag="ping"):
    """Answered with a ``pong``."""


class Auth(_Action, tag="auth"):
    """Sign in with an API key; the signature is that of a GET of /ws with an empty body."""

    key: str
    timestamp: int | str
    nonce: str
    signature: str
