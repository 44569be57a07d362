"""The exchange's answers as immutable structures. Units are the wire's.

Prices are integers in the instrument's minor unit (``Instrument.price_decimals``), quantities are
units, money is in the currency's minor unit, times are ``datetime`` in UTC. Fields that a newer
exchange adds are passed over, so an older client keeps working.
"""

from __future__ import annotations

import datetime
from typing import Any

import msgspec

Side = str  # "buy", "sell", "sell_short", "sell_short_exempt"
Time = datetime.datetime


class ApiKey(msgspec.Struct, frozen=True):
    """An API key as ``exchange admin key make`` shows it. Its text never shows the secret."""

    id: str
    secret: str

    def __repr__(self) -> str:
        return f"ApiKey({self.id!r})"


class NewOrder(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order to place. ``price``: of limit and stop_limit orders only.

    ``client_order_id``: 1 to 64 printable ASCII characters, new for every order of the trading day;
    the client library makes one up when there is none, so that repeating after a lost connection
    never enters an order twice.
    """

    symbol: str
    side: Side
    quantity: int
    price: int | None = None
    type: str = "limit"  # limit, market, stop, stop_limit
    time_in_force: str = "day"  # day, system_hours, ioc, fok, gtt
    expire_seconds: int | None = None  # gtt
    stop_price: int | None = None
    display_quantity: int | None = None  # iceberg
    minimum_quantity: int | None = None  # ioc
    post_only: bool = False
    reprice: bool = False
    client_order_id: str | None = None


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it stands. ``status``: new, partial_filled, filled, cancelled, rejected,
    pending_review, waiting, replaced or expired. quantity = filled + remaining + prevented +
    cancelled quantity; ``chain_filled_quantity``: with what the orders it replaces had filled."""

    order_id: int
    symbol: str
    side: Side | None
    type: str | None
    quantity: int
    filled_quantity: int
    remaining_quantity: int
    status: str
    created_at: Time
    updated_at: Time
    client_order_id: str | None = None
    time_in_force: str | None = None
    expire_seconds: int | None = None
    price: int | None = None
    stop_price: int | None = None
    display_quantity: int | None = None
    minimum_quantity: int | None = None
    post_only: bool = False
    prevented_quantity: int = 0  # taken away by self-trade prevention
    cancelled_quantity: int = 0
    chain_filled_quantity: int = 0
    filled_value: int = 0  # sum of price x quantity
    reject_code: int | None = None
    reject_reason: str | None = None
    cancel_reason: str | None = None
    replaces: int | None = None
    replaced_by: int | None = None
    filled_at: Time | None = None
    cancelled_at: Time | None = None

    @property
    def is_open(self) -> bool:
        """Whether it may still trade."""
        return self.status in ("new", "partial_filled", "pending_review", "waiting")


class BatchEntry(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one order of a batch. ``code`` 0: it was done; else as of RequestFailed.

    ``order``: also a rejected one; None: there is none.
    """

    status: int
    code: int
    message: str
    order: Order | None = None
    field: str | None = None


class Fill(msgspec.Struct, frozen=True, kw_only=True):
    """One side of a trade, as its owner sees it. ``fee`` negative: a rebate."""

    trade_id: int
    order_id: int
    symbol: str
    side: Side
    price: int
    quantity: int
    liquidity: str  # maker or taker
    fee: int
    executed_at: Time
    sequence: int = 0


class Instrument(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument, and the bounds of an order in it."""

    symbol: str
    price_decimals: int
    tick: int
    lot: int
    minimum_price: int
    maximum_price: int
    maximum_quantity: int
    currency: str
    currency_decimals: int
    maker_fee_ppm: int = 0  # of the value of a trade; negative: given
    taker_fee_ppm: int = 0
    state: str = "open"
    reference_price: int | None = None
    last_price: int | None = None


class PublicTrade(msgspec.Struct, frozen=True, kw_only=True):
    """A trade of the market; ``side`` is the aggressor's."""

    price: int
    quantity: int
    side: Side
    trade_id: int
    sequence: int = 0
    executed_at: Time | None = None


class Kline(msgspec.Struct, frozen=True, kw_only=True):
    """A candle, from ``timestamp`` on."""

    timestamp: Time
    open: int
    high: int
    low: int
    close: int
    volume: int
    trade_count: int
    turnover: int = 0


class Depth(msgspec.Struct, frozen=True, kw_only=True):
    """The book, best first: (price, quantity) of each level."""

    symbol: str
    bids: list[tuple[int, int]]
    asks: list[tuple[int, int]]
    sequence: int = 0


class Ticker(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument at a glance; of the trading day so far. None: there is none yet."""

    symbol: str
    last_price: int | None = None
    last_quantity: int | None = None
    open: int | None = None
    high: int | None = None
    low: int | None = None
    volume: int = 0
    turnover: int = 0
    trade_count: int = 0
    reference_price: int | None = None
    previous_close: int | None = None
    best_bid: int | None = None
    best_bid_quantity: int | None = None
    best_ask: int | None = None
    best_ask_quantity: int | None = None
    state: str = "open"
    sequence: int = 0


class RollingTicker(msgspec.Struct, frozen=True, kw_only=True):
    """An instrument now, and its last 24 hours. None: there was no trade, or no such order."""

    symbol: str
    state: str = "open"
    last_price: int | None = None  # of the newest trade, whenever that was
    open_24h: int | None = None
    high_24h: int | None = None
    low_24h: int | None = None
    volume_24h: int = 0
    turnover_24h: int = 0
    trade_count_24h: int = 0
    best_bid: int | None = None
    best_bid_quantity: int = 0
    best_ask: int | None = None
    best_ask_quantity: int = 0
    sequence: int = 0


class Balance(msgspec.Struct, frozen=True, kw_only=True):
    """Money of an account in one currency; available = balance - frozen."""

    currency: str
    decimals: int
    balance: int
    frozen_balance: int
    available_balance: int


class LedgerEntry(msgspec.Struct, frozen=True, kw_only=True):
    """A change of a balance in minor units; ``balance``: after it, None: cannot be told.

    ``cause``: deposit, withdrawal, trade, fee or fee_income (of the currency's fee account).
    """

    sequence: int
    timestamp: Time
    currency: str
    decimals: int
    amount: int  # negative: taken away
    cause: str
    balance: int | None = None
    symbol: str | None = None
    order_id: int | None = None
    trade_id: int | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """The key's account."""

    account: int
    balances: list[Balance] = msgspec.field(default_factory=list)
    permissions: list[str] = msgspec.field(default_factory=list)
    daily_order_count: int = 0
    daily_order_limit: int = 0  # 0: none
    blocked: bool = False
    killed: bool = False


class Position(msgspec.Struct, frozen=True, kw_only=True):
    """Stock of the account in one instrument; negative: short. Costs in minor units of money."""

    symbol: str
    currency: str
    quantity: int
    available_quantity: int
    frozen_quantity: int
    average_price: int
    total_cost: int
    average_price_decimals: int | None = None  # of a unit of the currency
    currency_decimals: int | None = None


class Orders(msgspec.Struct, frozen=True, kw_only=True):
    """A page of orders; ``next_cursor`` None: there are no more."""

    orders: list[Order]
    next_cursor: str | None = None


class Fills(msgspec.Struct, frozen=True, kw_only=True):
    """A page of fills."""

    trades: list[Fill]
    next_cursor: str | None = None


class LedgerEntries(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the ledger; none is missing from the sequence ``complete_from`` on."""

    entries: list[LedgerEntry]
    complete_from: int
    next_cursor: str | None = None


class OrderWithTrades(Order, frozen=True, kw_only=True):
    """An order and its newest fills, newest first; ``fee``: of all, None when there are more."""

    average_fill_price: int | None = None  # rounded down
    fee: int | None = None
    trades: list[Fill] = msgspec.field(default_factory=list)


class RequestFailed(Exception):
    """The exchange refused a request. ``str(error)`` has code and reason.

    ``code``: docs/rest.md lists them; 10000 + N is a reject of the matcher, whose order is in
    ``data``. ``status``: of HTTP, 0 when the refusal came over the WebSocket. ``retry_after_s``:
    when the exchange says that it may be tried again.
    """

    def __init__(
        self, code: int, message: str, status: int = 0, data: Any = None, retry_after_s: int = 0
    ) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.data = data
        self.retry_after_s = retry_after_s


class NotReached(Exception):
    """The exchange could not be reached, or did not answer, within the client's patience.

    Whether a request that changes something was carried out is not known then; one with a client
    order id can be repeated without harm.
    """
