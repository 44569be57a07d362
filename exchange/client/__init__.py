"""A small asyncio client of the exchange, for bots: REST and WebSocket. See docs/client.md."""

from exchange.client.order_book import OrderBook, OutOfStep
from exchange.client.rest import RestClient
from exchange.client.stream import Stream
from exchange.client.types import ApiKey, NewOrder, NotReached, Order, RequestFailed

__all__ = [
    "ApiKey",
    "NewOrder",
    "NotReached",
    "Order",
    "OrderBook",
    "OutOfStep",
    "RequestFailed",
    "RestClient",
    "Stream",
]
