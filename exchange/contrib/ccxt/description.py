"""What ccxt asks of an exchange before anything else: where it is, what it can do, its errors.

Who uses it: ``describe`` of the classes in classes.py.
"""

from __future__ import annotations

from typing import Any

from ccxt.base import errors
from ccxt.base.decimal_to_precision import TICK_SIZE

ID = "openexchange"
DEFAULT_URL = "http://127.0.0.1:8081"
PREFIX = "/api/v1"
RATE_LIMIT_MS = 10  # between two requests: `[api] requests_per_second_per_key` as shipped
ORDER_STATUSES = {
    "new": "open",
    "partial_filled": "open",
    "waiting": "open",
    "pending_review": "open",
    "filled": "closed",
    "cancelled": "canceled",
    "replaced": "canceled",
    "expired": "expired",
    "rejected": "rejected",
}
TIMEFRAMES = {name: name for name in ("1m", "5m", "15m", "1h", "1d")}
_ABLE = (
    "cancelAllOrders",
    "cancelAllOrdersAfter",
    "cancelOrder",
    "cancelOrderWithClientOrderId",
    "cancelOrders",
    "cancelOrdersWithClientOrderIds",
    "createLimitOrder",
    "createMarketOrder",
    "createOrder",
    "createOrders",
    "createPostOnlyOrder",
    "createStopLimitOrder",
    "createStopMarketOrder",
    "createStopOrder",
    "createTriggerOrder",
    "editOrder",
    "editOrderWithClientOrderId",
    "fetchBalance",
    "fetchBidsAsks",
    "fetchCanceledOrders",
    "fetchClosedOrders",
    "fetchCurrencies",
    "fetchLedger",
    "fetchMarkets",
    "fetchMyTrades",
    "fetchOHLCV",
    "fetchOpenOrders",
    "fetchOrder",
    "fetchOrderBook",
    "fetchOrderTrades",
    "fetchOrderWithClientOrderId",
    "fetchOrders",
    "fetchStatus",
    "fetchTicker",
    "fetchTickers",
    "fetchTime",
    "fetchTrades",
    "fetchTradingFee",
    "fetchTradingFees",
    "privateAPI",
    "publicAPI",
    "spot",
)
WATCHED = (
    "watchBalance",
    "watchMyTrades",
    "watchOHLCV",
    "watchOrderBook",
    "watchOrders",
    "watchTicker",
    "watchTickers",
    "watchTrades",
    "ws",
)
_UNABLE = ("CORS", "margin", "swap", "future", "option", "withdraw", "sandbox")
_REJECT_BASE = 10_000
_REJECTS: dict[int, type[Exception]] = {
    1: errors.BadSymbol,
    12: errors.MarketClosed,
    13: errors.MarketClosed,
    14: errors.OrderImmediatelyFillable,
    15: errors.ExchangeNotAvailable,
    16: errors.ExchangeNotAvailable,
    17: errors.ExchangeNotAvailable,
    19: errors.AccountNotEnabled,
    20: errors.AccountSuspended,
    21: errors.AccountSuspended,
    22: errors.RateLimitExceeded,
    23: errors.MarketClosed,
    32: errors.InsufficientFunds,
    33: errors.InsufficientFunds,
}
_REJECT_NUMBERS = range(1, 37)
ERRORS: dict[str, type[Exception]] = {
    "1001": errors.BadRequest,
    "1002": errors.BadRequest,
    "1003": errors.BadRequest,
    "1004": errors.BadRequest,
    "1005": errors.BadRequest,
    "1006": errors.BadRequest,
    "1007": errors.BadRequest,
    "1008": errors.BadRequest,
    "2001": errors.AuthenticationError,
    "2002": errors.AuthenticationError,
    "2003": errors.AuthenticationError,
    "2004": errors.InvalidNonce,
    "2005": errors.InvalidNonce,
    "2006": errors.PermissionDenied,
    "2007": errors.PermissionDenied,
    "3001": errors.RateLimitExceeded,
    "3004": errors.ExchangeNotAvailable,
    "4001": errors.OrderNotFound,
    "4002": errors.BadSymbol,
    "4003": errors.OrderNotFound,  # closed: ccxt's programs take it as gone
    "4004": errors.DuplicateOrderId,
    "4007": errors.OperationRejected,
    "5001": errors.ExchangeError,
    "5002": errors.ExchangeNotAvailable,
    "5003": errors.RequestTimeout,  # it may have been carried out
} | {
    str(_REJECT_BASE + number): _REJECTS.get(number, errors.InvalidOrder)
    for number in _REJECT_NUMBERS
}


def description(url: str = DEFAULT_URL) -> dict[str, Any]:
    """What ``describe`` adds to ccxt's own; ``url``: without a path."""
    return {
        "id": ID,
        "name": "Open exchange core",
        "countries": [],
        "version": "v1",
        "rateLimit": RATE_LIMIT_MS,
        "certified": False,
        "pro": True,
        "has": {name: True for name in _ABLE} | {name: False for name in _UNABLE},
        "timeframes": TIMEFRAMES,
        "urls": {
            "api": {"public": url, "private": url},
            "doc": "https://docs.ccxt.com",
            "www": url,
        },
        "requiredCredentials": {"apiKey": True, "secret": True},
        "precisionMode": TICK_SIZE,
        "exceptions": {"exact": ERRORS, "broad": {}},
        "options": {"timeDifference": 0, "adjustForTimeDifference": False},
    }
