"""The schemas of REST's query strings and answers, as Structs: the only place that defines them.

Who uses it: routes (queries are decoded into these), the OpenAPI document (generated from these)
and the tests, which hold every answer of a running exchange against them. Answers are built as
plain dicts, which is quicker; a test demands that they fit. Units are those of
``exchange/api/orders/json.py``.

Decision API-5.
"""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from exchange.api.orders.terms import (
    ClientOrderId,
    OrderId,
    Price,
    Quantity,
    SideName,
    Symbol,
    TimeInForceName,
    TypeName,
)

PAGE_DEFAULT = 100
PAGE_MAXIMUM = 1_000
LEDGER_MAXIMUM = 100  # entries of a page: 0.7 ms
LEVELS_DEFAULT = 20
LEVELS_MAXIMUM = 1_000
KLINES_DEFAULT = 500
KLINES_MAXIMUM = 1_500
MAXIMUM_TIME_MS = 9_223_372_036_854  # 2262: the last one that fits nanoseconds in 64 bits

StatusName = Literal[
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
Interval = Literal["1m", "5m", "15m", "1h", "1d"]
StateName = Literal["open", "auction", "halted", "cancel_only", "closed"]
Integer = Annotated[int, Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Count = Annotated[int, Meta(ge=0, le=(1 << 63) - 1)]
Value = Annotated[int, Meta(description="may be larger than 64 bits")]
PageLimit = Annotated[int, Meta(ge=1, le=PAGE_MAXIMUM)]
TimeMs = Annotated[int, Meta(ge=0, le=MAXIMUM_TIME_MS, description="milliseconds since 1970, UTC")]
Time = Annotated[
    str,
    Meta(
        pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$",
        description="RFC 3339, UTC, microseconds",
    ),
]
_CURSOR = "next_cursor of the page before; opaque, of the same filters"
Cursor = Annotated[str, Meta(max_length=64, description=_CURSOR)]
LedgerCursor = Annotated[str, Meta(max_length=256, description=_CURSOR)]
StatusList = Annotated[
    str,
    Meta(
        max_length=256,
        description="one or several statuses joined by commas; `open`: all that can still trade",
    ),
]
Level = Annotated[
    list[Count], Meta(min_length=2, max_length=2, description="price and quantity shown there")
]


class NoQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A query string without parameters."""


class NumbersQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How prices and money are written: integers, or decimal strings, also in the body."""

    numbers: Literal["integer", "decimal"] = "integer"


class OrdersQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    status: StatusList | None = None
    symbol: Symbol | None = None
    client_order_id: ClientOrderId | None = None
    from_ms: TimeMs | None = msgspec.field(default=None, name="from")
    to_ms: TimeMs | None = msgspec.field(default=None, name="to")
    cursor: Cursor | None = None
    limit: PageLimit = PAGE_DEFAULT


class ClientIdQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    client_order_id: ClientOrderId


class MassCancelQuery(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    symbol: Symbol | None = None
    side: Literal["buy", "sell"] | None = None


class FillsQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    symbol: Symbol | None = None
    order_id: OrderId | None = None
    from_ms: TimeMs | None = msgspec.field(default=None, name="from")
    to_ms: TimeMs | None = msgspec.field(default=None, name="to")
    cursor: Cursor | None = None
    limit: PageLimit = PAGE_DEFAULT


class LedgerQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    currency: Annotated[str, Meta(min_length=1, max_length=8)] | None = None
    from_ms: TimeMs | None = msgspec.field(default=None, name="from")
    to_ms: TimeMs | None = msgspec.field(default=None, name="to")
    cursor: LedgerCursor | None = None
    limit: Annotated[int, Meta(ge=1, le=LEDGER_MAXIMUM)] = PAGE_DEFAULT


class DepthQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    levels: Annotated[int, Meta(ge=1, le=LEVELS_MAXIMUM)] = LEVELS_DEFAULT


class PublicTradesQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    from_ms: TimeMs | None = msgspec.field(default=None, name="from")
    to_ms: TimeMs | None = msgspec.field(default=None, name="to")
    cursor: Cursor | None = None
    limit: PageLimit = PAGE_DEFAULT


class TickersQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    symbol: Symbol | None = None


class KlinesQuery(NumbersQuery, frozen=True, forbid_unknown_fields=True, kw_only=True):
    interval: Interval = "1m"
    from_ms: TimeMs | None = msgspec.field(default=None, name="from")
    to_ms: TimeMs | None = msgspec.field(default=None, name="to")
    limit: Annotated[int, Meta(ge=1, le=KLINES_MAXIMUM)] = KLINES_DEFAULT


class OrderAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """An order, with its own fills. `quantity`, what its owner last asked for in all, is the sum of
    `filled_quantity`, `remaining_quantity`, `prevented_quantity` (taken away by self-trade
    prevention) and `cancelled_quantity` (all else that will not trade). `chain_filled_quantity`:
    with what the orders that it replaces had filled. `filled_value`: the sum of price x quantity of
    its fills. `time_in_force`: null when rejected."""

    order_id: OrderId
    client_order_id: str | None
    symbol: str
    side: SideName
    type: TypeName
    time_in_force: TimeInForceName | None
    expire_seconds: Count | None
    quantity: Count
    price: Price | None
    stop_price: Price | None
    display_quantity: Quantity | None
    minimum_quantity: Quantity | None
    post_only: bool
    filled_quantity: Count
    remaining_quantity: Count
    prevented_quantity: Count
    cancelled_quantity: Count
    chain_filled_quantity: Count
    filled_value: Value
    status: StatusName
    reject_code: Count | None
    reject_reason: str | None
    cancel_reason: str | None
    replaces: OrderId | None
    replaced_by: OrderId | None
    created_at: Time
    updated_at: Time
    filled_at: Time | None
    cancelled_at: Time | None


class FillAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """One of the account's sides of a trade. `fee`: minor units of the currency, negative: given.
    `trade_id` is that of the public trade."""

    trade_id: Count
    order_id: OrderId
    symbol: str
    side: SideName
    price: Price
    quantity: Quantity
    liquidity: Literal["maker", "taker"]
    fee: Integer
    sequence: Count
    executed_at: Time


class OrderWithTrades(OrderAnswer, kw_only=True):
    """An order and its newest fills, newest first; `GET /trades?order_id=` has all.
    `average_fill_price`: filled_value / filled_quantity, rounded down. `fee`: of all its fills, in
    minor units of the currency, negative: given; null when not all of them are in `trades`."""

    average_fill_price: Count | None
    fee: Integer | None
    trades: list[FillAnswer]


class OrdersAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Newest first. `next_cursor` null: there are no more."""

    orders: list[OrderAnswer]
    next_cursor: str | None


class FillsAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Newest first."""

    trades: list[FillAnswer]
    next_cursor: str | None


class BatchEntry(Struct, kw_only=True, forbid_unknown_fields=True):
    """What became of one order of a batch. `status`, `code` and `message` are those that a request
    about it alone would have got; `order` its order, also a rejected one; `field` the one that is
    wrong."""

    status: Annotated[int, Meta(ge=200, le=599, description="of HTTP")]
    code: Count
    message: str
    order: OrderAnswer | None
    field: str | None


class BatchAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """As many entries as the request has orders, in its order."""

    orders: list[BatchEntry]


class MassCancelAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """The orders that were cancelled. Those of halted instruments stay."""

    cancelled: list[OrderId]


class CancelAfterAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """What is in force now. `cancel_at`: null when it is off."""

    seconds: Count
    cancel_at: Time | None


class BalanceAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Money in minor units of the currency, of which a unit has 10^decimals."""

    currency: str
    decimals: Count
    balance: Integer
    frozen_balance: Integer
    available_balance: Integer


class AccountAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """The account of the API key. A `daily_order_limit` of 0 is none."""

    account: Count
    balances: list[BalanceAnswer]
    daily_order_count: Count
    daily_order_limit: Count
    open_orders: Count
    blocked: bool
    killed: bool
    permissions: list[Literal["read", "trade"]]
    created_at: Time | None
    updated_at: Time | None


class LedgerEntryAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """A change of a balance. `amount`: what was added, negative: taken away; `balance`: after it,
    null where that cannot be told. Both count 10^-`decimals` of the currency. `fee_income`: what
    the currency's fee account took in by a trade. Entries of one event have one `sequence`."""

    sequence: Count
    timestamp: Time
    currency: str
    decimals: Count
    amount: Integer
    balance: Integer | None
    cause: Literal["deposit", "withdrawal", "trade", "fee", "fee_income"]
    symbol: str | None
    order_id: OrderId | None
    trade_id: Count | None


class LedgerAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Newest first. Entries with a `sequence` from `complete_from` on are all there; of older ones
    some may be missing, since only the newest trades and deposits are kept."""

    entries: list[LedgerEntryAnswer]
    complete_from: Count
    next_cursor: str | None


class PositionAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Stock of one instrument; negative: short. `average_price` counts 10^-`average_price_decimals`
    of the currency's unit, `total_cost` 10^-`currency_decimals`."""

    symbol: str
    currency: str
    quantity: Integer
    available_quantity: Integer
    frozen_quantity: Integer
    average_price: Integer
    average_price_decimals: Count
    total_cost: Integer
    currency_decimals: Count
    created_at: Time | None
    updated_at: Time | None


class PositionsAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    positions: list[PositionAnswer]


class InstrumentAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Prices are integers: 10^-price_decimals of the currency, multiples of `tick`; quantities
    multiples of `lot`. The rates of fees are those of every account, in 1/1,000,000 of the value of
    a trade, negative: given. `minimum_notional`: the least value of an order; 0: none."""

    symbol: str
    price_decimals: Count
    tick: Price
    lot: Quantity
    minimum_price: Price
    maximum_price: Price
    maximum_quantity: Quantity
    currency: str
    currency_decimals: Count
    group: Count
    minimum_notional: Count
    maker_fee_ppm: Integer
    taker_fee_ppm: Integer
    state: StateName
    state_until: Time | None
    reference_price: Price | None
    last_price: Price | None


class InstrumentsAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    instruments: list[InstrumentAnswer]


class DepthAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Best levels first. `sequence` is the newest event that is in it: the one to begin with when
    diffs of the WebSocket follow."""

    symbol: str
    sequence: Integer
    timestamp: Time | None
    bids: list[Level]
    asks: list[Level]


class TradeAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """A trade; `side`: the aggressor's. `reason` tells trades of call auctions apart."""

    trade_id: Count
    price: Price
    quantity: Quantity
    side: Literal["buy", "sell"]
    reason: Literal["continuous", "opening_auction", "closing_auction"]
    sequence: Count
    executed_at: Time


class TradesAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Newest first, as far as they are kept."""

    symbol: str
    trades: list[TradeAnswer]
    next_cursor: str | None


class TickerAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """The trading day so far. `turnover` in minor units of the currency."""

    symbol: str
    last_price: Price | None
    last_quantity: Quantity | None
    last_at: Time | None
    open: Price | None
    high: Price | None
    low: Price | None
    volume: Count
    turnover: Value
    trade_count: Count
    previous_close: Price | None
    reference_price: Price | None
    best_bid: Price | None
    best_bid_quantity: Count
    best_ask: Price | None
    best_ask_quantity: Count
    state: StateName
    state_until: Time | None
    auction_price: Price | None
    auction_volume: Count
    auction_imbalance: Integer
    auction_at: Time | None
    sequence: Integer
    timestamp: Time | None


class RollingTicker(Struct, kw_only=True, forbid_unknown_fields=True):
    """An instrument at a glance. `last_price` is that of its newest trade, whenever that was; the
    figures of 24 hours are null or 0 when there was no trade in them. `turnover_24h` in minor units
    of the currency."""

    symbol: str
    state: StateName
    state_until: Time | None
    last_price: Price | None
    open_24h: Price | None
    high_24h: Price | None
    low_24h: Price | None
    volume_24h: Value
    turnover_24h: Value
    trade_count_24h: Count
    best_bid: Price | None
    best_bid_quantity: Count
    best_ask: Price | None
    best_ask_quantity: Count
    sequence: Integer
    timestamp: Time | None


class TickersAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """All instruments, or the one that was asked for. `since`: where the 24 hours begin: 1,439
    whole minutes before the present one."""

    since: Time
    tickers: list[RollingTicker]


class KlineAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Trades of one interval, from `timestamp` on. Intervals without trades are left out."""

    timestamp: Time
    open: Price
    high: Price
    low: Price
    close: Price
    volume: Count
    turnover: Value
    trade_count: Count


class KlinesAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """Ascending; with `from` the first ones from then on, otherwise the last ones before `to`."""

    symbol: str
    interval: Interval
    klines: list[KlineAnswer]


class TimeAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    timestamp: Count
    timestamp_ns: Count


class CapacityAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    used: Count
    size: Count
    percent: Count


class HealthAnswer(Struct, kw_only=True, forbid_unknown_fields=True):
    """problems: what is wrong, in words. Ages and lags of the core's stages.

    warnings: what does not stop trading, in words. capacity: how much of what all share is in use.
    store: the state of the writer to Postgres. clock: how it stands to the wall clock.
    connectors: the state of each connector that runs, by name.
    """

    healthy: bool
    phase: str
    problems: list[str]
    heartbeat_age_ms: dict[str, int]
    lag: dict[str, int]
    day: Count
    warnings: list[str]
    capacity: dict[str, CapacityAnswer]
    store: str
    connectors: dict[str, str]
    clock: dict[str, int | str]
