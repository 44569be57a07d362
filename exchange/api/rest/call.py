"""The argument and the result of a REST handler.

Who uses it: the handlers and the route table (routes.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from exchange.api.errors import ApiError, ErrorCode

if TYPE_CHECKING:
    from exchange.access.keys import Key
    from exchange.api.base.service import ApiService
    from exchange.api.orders.gateway import OrderGateway
    from exchange.read_model.accounts.ledger_model import LedgerModel
    from exchange.read_model.market.model import MarketModel


class Answer(NamedTuple):
    """An answer's ``data`` with an HTTP status other than 200."""

    data: Any
    status: int


class Call:
    """A request that has passed all checks. ``key``: None when the route is public.

    ``takes_gzip``: the client understands a compressed answer.
    """

    __slots__ = ("body", "key", "path", "query", "service", "takes_gzip")

    def __init__(
        self, service: ApiService, key: Key | None, path: Mapping[str, str], query: Any, body: Any,
        *, takes_gzip: bool = False,
    ) -> None:  # fmt: skip
        self.service = service
        self.key = key
        self.path = path
        self.query = query
        self.body = body
        self.takes_gzip = takes_gzip

    @property
    def account(self) -> int:
        """The account of the key that signed the request."""
        assert self.key is not None
        return self.key.account

    @property
    def market(self) -> MarketModel:
        market: MarketModel = self.service.market
        return market

    @property
    def accounts(self) -> LedgerModel:
        accounts: LedgerModel = self.service.accounts
        return accounts

    @property
    def gateway(self) -> OrderGateway:
        gateway: OrderGateway = self.service.gateway
        return gateway


def find_instrument(call: Call, symbol: str | None) -> int | None:
    """The instrument's number. Raises ApiError (INSTRUMENT_NOT_FOUND)."""
    if symbol is None:
        return None
    number: int | None = call.market.by_symbol.get(symbol)
    if number is None:
        raise ApiError(
            ErrorCode.INSTRUMENT_NOT_FOUND,
            f"symbol: there is no instrument {symbol[:16]!r}; GET /api/v1/instruments lists them",
            data={"field": "symbol"},
        )
    return number
