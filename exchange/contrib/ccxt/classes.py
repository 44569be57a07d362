"""The three classes: sync, async and pro, made of one source; and their registration.

Who uses it: programs, by ``register``. The methods of requests.py and trading.py are coroutines. In
the async class they are what ccxt's programs await; in the sync class each is run to its end at
once, which it reaches without waiting, since everything that it awaits there has its result
already.

Decision API-22.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import ccxt
import ccxt.async_support
import ccxt.pro

from exchange.contrib.ccxt.description import ID
from exchange.contrib.ccxt.requests import Requests
from exchange.contrib.ccxt.streams import Streams
from exchange.contrib.ccxt.trading import Trading

_UNIFIED = ("fetch_", "create_", "edit_", "cancel_")


class OpenExchangeAsync(Requests, Trading, ccxt.async_support.Exchange):
    """For ``ccxt.async_support``."""


class OpenExchangePro(Streams, OpenExchangeAsync):
    """For ``ccxt.pro``."""


class OpenExchange(Requests, Trading, ccxt.Exchange):
    """For ``ccxt``."""


def _at_once(method: Callable[..., Any]) -> Callable[..., Any]:
    """``method``, a coroutine function that never waits, as an ordinary one."""

    @functools.wraps(method)
    def run(*arguments: Any, **named: Any) -> Any:
        coroutine = method(*arguments, **named)
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        coroutine.close()
        raise AssertionError(f"{method.__name__} waits")

    return run


for _part in (Requests, Trading):
    for _name, _method in vars(_part).items():
        if _name.startswith(_UNIFIED) and inspect.iscoroutinefunction(_method):
            setattr(OpenExchange, _name, _at_once(_method))


def register() -> None:
    """Make the classes known to ccxt under ID. Idempotent."""
    for module, kind in (
        (ccxt, OpenExchange),
        (ccxt.async_support, OpenExchangeAsync),
        (ccxt.pro, OpenExchangePro),
    ):
        setattr(module, ID, kind)
        if ID not in module.exchanges:
            module.exchanges.append(ID)
