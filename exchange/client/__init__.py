"""A small asyncio client of the exchange, for bots: REST and WebSocket. See docs/client.md.

The names below are imported when they are first asked for, because the modules behind them import
aiohttp, which takes a quarter of a second. ``exchange.client.order_entry`` needs none of it.

    rest.py          REST: one method per request, signed
    stream.py        the WebSocket, which reconnects by itself
    messages.py      its messages as structures
    types.py         REST's answers as structures
    order_book.py    a local copy of a book
    order_entry.py   a blocking client of order entry over TCP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_MODULE_OF_NAME = {
    "ApiKey": "types",
    "NewOrder": "types",
    "NotReached": "types",
    "Order": "types",
    "OrderBook": "order_book",
    "OutOfStep": "order_book",
    "RequestFailed": "types",
    "RestClient": "rest",
    "Stream": "stream",
}
assert set(_MODULE_OF_NAME) == set(__all__)


def __getattr__(name: str) -> Any:
    """Import the module that defines ``name`` (PEP 562). Raises AttributeError."""
    module = _MODULE_OF_NAME.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{module}"), name)
    globals()[name] = found  # the next use does not come here
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
