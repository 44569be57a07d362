"""One entry of the table of routes.

Who uses it: routes.py, which serves the routes, and openapi.py, which describes them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from exchange.access.keys import TRADE, Permission
from exchange.api.errors import ErrorCode
from exchange.api.orders.terms import Amendment, CancelBatch, OrderBatch
from exchange.api.rest.call import Call
from exchange.api.rest.schemas import NoQuery, TickersQuery

Handler = Callable[[Call], Awaitable[Any]]

_PRIVATE = (
    ErrorCode.CREDENTIALS_MISSING,
    ErrorCode.KEY_UNKNOWN,
    ErrorCode.SIGNATURE_INVALID,
    ErrorCode.TIMESTAMP_OUTSIDE_WINDOW,
    ErrorCode.NONCE_USED,
    ErrorCode.PERMISSION_DENIED,
)
_COMMON = (
    ErrorCode.INVALID_FIELD,
    ErrorCode.RATE_LIMITED,
    ErrorCode.INTERNAL,
    ErrorCode.UNAVAILABLE,
    ErrorCode.HEADERS_TOO_LARGE,
    ErrorCode.TOO_MANY_CONNECTIONS,
)
_COMMAND = (
    ErrorCode.ORIGIN_NOT_ALLOWED,
    ErrorCode.OUTCOME_UNKNOWN,
)
_BODY = (
    ErrorCode.MALFORMED_JSON,
    ErrorCode.BODY_TOO_LARGE,
    ErrorCode.UNSUPPORTED_MEDIA_TYPE,
)


Weight = Callable[[Any, Any], int]
ROWS_OF_WEIGHT = 250  # of a public list, which compiled code writes
PRIVATE_ROWS_OF_WEIGHT = 50  # orders and fills
ORDERS_OF_WEIGHT = 4  # of a batch


def weigh_one(query: Any, body: Any) -> int:
    """As one request."""
    return 1


def weigh_list(query: Any, body: Any) -> int:
    """By the rows that may be asked for: 1 up to ROWS_OF_WEIGHT."""
    rows: int = query.levels if hasattr(query, "levels") else query.limit
    return 1 + (rows - 1) // ROWS_OF_WEIGHT


def weigh_private_list(query: Any, body: Any) -> int:
    """By the rows that may be asked for: 1 up to PRIVATE_ROWS_OF_WEIGHT."""
    return 1 + (int(query.limit) - 1) // PRIVATE_ROWS_OF_WEIGHT


def weigh_whole(query: Any, body: Any) -> int:
    """An answer about everything."""
    return 5


def weigh_tickers(query: TickersQuery, body: Any) -> int:
    """About everything, or about one instrument."""
    return weigh_one(query, body) if query.symbol else weigh_whole(query, body)


def weigh_batch(query: Any, body: OrderBatch | CancelBatch) -> int:
    """By the orders of a batch: 1 up to ORDERS_OF_WEIGHT."""
    return 1 + (len(body) - 1) // ORDERS_OF_WEIGHT


class Route(NamedTuple):
    """One path and method. ``permission`` None: public. ``errors``: beside those of all routes.

    ``rejects``: the matcher may refuse it (HTTP 422, 10000 + Reject). ``weight``: how many requests
    it counts as, from its query and body.
    """

    method: str
    path: str
    handler: Handler
    answer: type
    permission: Permission | None = None
    query: type = NoQuery
    body: type | None = None
    statuses: tuple[int, ...] = (200,)
    errors: tuple[ErrorCode, ...] = ()
    rejects: bool = False
    weight: Weight = weigh_one

    @property
    def amends(self) -> bool:
        """Whether the body is about an order that the request names elsewhere."""
        return self.body is Amendment

    @property
    def is_command(self) -> bool:
        """Whether the request changes anything at the exchange."""
        return self.permission == TRADE

    @property
    def all_errors(self) -> tuple[ErrorCode, ...]:
        """Every ErrorCode that it may answer with."""
        return (
            *_COMMON,
            *(_PRIVATE if self.permission is not None else ()),
            *(_COMMAND if self.is_command else ()),
            *(_BODY if self.body is not None else ()),
            *self.errors,
        )
