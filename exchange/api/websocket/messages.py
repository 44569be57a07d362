"""Every message of the WebSocket as a Struct: the one definition of what is sent and understood.

Who uses it: the hub and the private channel build the server's messages, the endpoint decodes the
clients'; ``asyncapi.py`` makes the document of these classes, so it cannot differ from what is
sent. Field names are the wire's. Prices and quantities are integers in minor units, ``timestamp``
is milliseconds since 1970 UTC, ``sequence`` the number of an event (docs/websocket.md).

Decision API-6.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from exchange.api.orders import terms
from exchange.api.websocket.frames import text_frame

SideName = Literal["buy", "sell"]
ReportEvent = Literal[
    "accepted",
    "rejected",
    "replaced",
    "cancelled",
    "expired",
    "filled",
    "modified",
    "held",
    "released",
    "triggered",
    "prevented",
    "cancel_rejected",
]
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
OrderId = Annotated[int, Meta(ge=0, le=terms.MAXIMUM_ORDER_ID)]
ChannelName = Annotated[str, Meta(description="for example trade.2330.TW or kline.2330.TW.1m")]

# exchange/api/orders/json.py makes it; OrderAnswer of the REST interface describes it
OrderJson = Annotated[
    dict[str, Any], Meta(extra_json_schema={"$ref": "#/components/schemas/OrderAnswer"})
]

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


# --- what the server sends to those who signed in -------------------------------------------------


class Authenticated(msgspec.Struct, tag="authenticated", omit_defaults=True):
    """The socket has signed in for an account."""

    account: int
    permissions: list[Literal["read", "trade"]]
    request_id: RequestId | UnsetType = UNSET


class Received(msgspec.Struct, tag="received", omit_defaults=True):
    """An order action is on its way to the matcher; reports, or an error, follow."""

    action: Literal["order", "cancel", "amend", "mass_cancel", "cancel_after"]
    status: Literal["received"]
    client_order_id: str | UnsetType | None = UNSET
    order_id: int | UnsetType = UNSET
    request_id: RequestId | UnsetType = UNSET


class ExecutionReport(msgspec.Struct, tag="execution_report"):
    """Something happened to an order of the account; ``order`` is how it stood then."""

    event: ReportEvent
    sequence: Sequence
    timestamp: Milliseconds
    order: OrderJson
    last_price: int | None = None
    last_quantity: int | None = None
    fee: Annotated[
        int | None, Meta(description="minor units of the currency; negative: it was paid to you")
    ] = None
    liquidity: Literal["maker", "taker"] | None = None
    trade_id: Annotated[int | None, Meta(description="the trade_id of the trade")] = msgspec.field(
        default=None, name="match_number"
    )
    reject_code: int | None = None
    reject_reason: str | None = None


class OrdersSnapshot(msgspec.Struct, tag="orders_snapshot"):
    """Open orders, newest first, 250 in a message; balances and positions follow the ``last``."""

    account: int
    orders: list[OrderJson]
    last: bool
    sequence: Sequence
    timestamp: Milliseconds


class Balance(msgspec.Struct, tag="balance"):
    """An account's money of one currency, in its minor units."""

    currency: str
    decimals: int
    balance: int
    frozen_balance: int
    available_balance: int
    sequence: Sequence
    timestamp: Milliseconds


class Position(msgspec.Struct, tag="position"):
    """What an account holds of an instrument; negative: short. Costs in minor currency units."""

    symbol: str
    currency: str
    quantity: int
    available_quantity: int
    frozen_quantity: int
    average_price: int
    average_price_decimals: int
    total_cost: int
    currency_decimals: int
    sequence: Sequence
    timestamp: Milliseconds


# --- what clients send ---------------------------------------------------------------------------


class Action(msgspec.Struct, tag_field="action", forbid_unknown_fields=True, kw_only=True):
    """What all actions have."""

    request_id: RequestId | UnsetType = UNSET


class Subscribe(Action, tag="subscribe"):
    """Subscribe to channels; each is acknowledged, or refused, by itself.

    ``since``: with trade channels and ``orders`` what has happened after this sequence is sent
    first.
    """

    channels: list[str]
    since: Annotated[int, Meta(ge=0)] | UnsetType = UNSET


class Unsubscribe(Action, tag="unsubscribe"):
    """Leave channels."""

    channels: list[str]


class Ping(Action, tag="ping"):
    """Answered with a ``pong``."""


class Auth(Action, tag="auth"):
    """Sign in with an API key; the signature is that of a GET of /ws with an empty body."""

    key: str
    timestamp: int | str
    nonce: str
    signature: str


class Order(Action, tag="order"):
    """Enter an order: the fields of ``POST /orders``."""

    symbol: terms.Symbol
    side: terms.SideName
    quantity: terms.Quantity
    type: terms.TypeName = "limit"
    price: terms.Price | None = None
    time_in_force: terms.TimeInForceName = "day"
    expire_seconds: terms.ExpireSeconds | None = None
    stop_price: terms.Price | None = None
    display_quantity: terms.Quantity | None = None
    minimum_quantity: terms.MinimumQuantity | None = None
    post_only: bool = False
    reprice: bool = False
    client_order_id: terms.ClientOrderId | None = None


class Cancel(Action, tag="cancel"):
    """Cancel an order of the account."""

    order_id: OrderId


class Amend(Action, tag="amend"):
    """Change an order: the fields of ``PATCH /orders/{id}``."""

    order_id: OrderId
    quantity: terms.NewQuantity | None = None
    price: terms.Price | None = None
    stop_price: terms.Price | None = None


class MassCancel(Action, tag="mass_cancel"):
    """Cancel all open orders of the account, of one instrument or side if it says so."""

    symbol: terms.Symbol | None = None
    side: Literal["buy", "sell"] | None = None


class CancelAfter(Action, tag="cancel_after"):
    """Cancel the account's API orders in ``seconds`` unless sent again before; 0: never mind."""

    seconds: Annotated[int, Meta(ge=0, le=terms.TIME_IN_FORCE_MAXIMUM_SECONDS)]
