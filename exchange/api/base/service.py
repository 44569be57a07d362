"""Everything that handlers of the interfaces need, as one object: ``request.app[SERVICE]``.

Who makes it: exchange/api/server/wiring.py and exchange/stages/feed.py. Who uses it: handlers of
REST and WebSocket. All of it runs in one thread, on one event loop: between two awaits nothing
here changes.

Decision API-1.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from aiohttp import web

from exchange.api.base.event_pump import EventPump
from exchange.api.errors import ApiError, ErrorCode
from exchange.core.stage_names import StageName
from exchange.runtime.health import Health, HealthWatch
from ringbuffer.counters import COUNTER_STRIDE

if TYPE_CHECKING:
    from exchange.access.keys import KeyStore
    from exchange.api.access.auth import Authenticator
    from exchange.api.access.rate_limit import RateLimits

STARTING_RETRY_S = 1


class Counters:
    """The stage's own counters (exchange/core/counters.py); the stage is their only writer."""

    def __init__(self, counters: np.ndarray, numbers: Mapping[str, int]) -> None:
        self._words = counters
        self._at = {name: number * COUNTER_STRIDE for name, number in numbers.items()}

    def add(self, name: str, amount: int = 1) -> None:
        """Add to the counter ``name``, for example "requests" for API_REQUESTS."""
        self._words[self._at[name]] += amount

    def set(self, name: str, value: int) -> None:
        """Set the gauge ``name``."""
        self._words[self._at[name]] = value


class ApiService:
    """``market``, ``accounts``: the read models; ``gateway``: sends orders and knows their outcome.

    ``role``: api or a feed worker. A feed worker has no accounts, gateway and keys.
    ``allowed_origins``: of other sites whose pages may ask; ``body_bytes``: of a request at most.
    """

    def __init__(
        self,
        *,
        role: StageName,
        pump: EventPump,
        counters: Counters,
        watch: HealthWatch,
        released: Callable[[], int],
        market: Any,
        accounts: Any = None,
        gateway: Any = None,
        keys: KeyStore | None = None,
        limits: RateLimits | None = None,
        authenticator: Authenticator | None = None,
        allowed_origins: Sequence[str] = (),
        body_bytes: int = 65_536,
    ) -> None:
        self.role = role
        self.allowed_origins = tuple(allowed_origins)
        self.body_bytes = body_bytes
        self.pump = pump
        self.counters = counters
        self.market = market
        self.accounts = accounts
        self.gateway = gateway
        self.keys = keys
        self.limits = limits
        self.authenticator = authenticator
        self.instrument_list: Any = None  # rest.instrument_list.InstrumentList
        self.ticker_list: Any = None  # rest.ticker_list.TickerList
        self.hub: Any = None
        self.private: Any = None  # PrivateActions; None in a feed worker
        self.ready = False  # whether the models have seen what was released at the start
        self.stopping = False
        self.started_at = 0  # the first event that was not applied when this process started
        self._released = released
        self._watch = watch

    def change_health(self, *, stale_ms: int, lag_ms: int) -> None:
        """Judge the health by other limits from now on."""
        self._watch.change(stale_ms=stale_ms, lag_ms=lag_ms)

    def clock(self) -> int:
        """Unix nanoseconds: for timestamps of answers and for signatures, never for models."""
        return time.time_ns()

    def released(self) -> int:
        """How many events are released: what a heartbeat names."""
        return self._released()

    def health(self) -> Health:
        """How the exchange is."""
        return self._watch.look(self)

    def check_ready(self) -> None:
        """Raises ApiError UNAVAILABLE while the models are not up to date."""
        if self.stopping:
            raise ApiError(ErrorCode.UNAVAILABLE, "the exchange is stopping")
        if not self.ready:
            raise ApiError(
                ErrorCode.UNAVAILABLE,
                f"starting: {self.pump.lag():,} events are still to be read",
                headers={"Retry-After": str(STARTING_RETRY_S)},
            )


SERVICE = web.AppKey("service", ApiService)
