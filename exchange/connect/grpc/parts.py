"""The parts of the gRPC server as one object: models, order gateway, limits, counters.

Who makes it: lifecycle.py, from the configuration and the shared memory. Who uses it: the services.
All of it runs in one thread, on one event loop: between two awaits nothing here changes.

Decision CON-40.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from exchange.access.keys import KeyStore
from exchange.api.access.auth import Authenticator
from exchange.api.access.nonces import NonceFile
from exchange.api.access.rate_limit import RateLimits
from exchange.api.base.event_pump import EventPump
from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.client_ids import ClientOrderIds
from exchange.api.orders.gateway import OrderGateway
from exchange.api.server.wiring import command_buckets, make_entrance
from exchange.connect.grpc.access import Access
from exchange.connect.grpc.convert import order_message
from exchange.core.counters import Counter
from exchange.core.pipeline import IngressRing
from exchange.read_model.accounts.model import AccountModel
from exchange.read_model.accounts.types import Order
from exchange.read_model.market.model import MarketModel
from exchange.runtime.service import ServiceStage
from exchange.settings.sections import GrpcSection
from ringbuffer.counters import add

NONCE_FILE = "nonces_grpc"  # in the data directory, beside api's
CLIENT_ORDER_IDS_FILE = "client_order_ids_grpc"
WAIT_S = 1.0  # the longest time in which a stream does not look whether it should end


class Parts:
    """See the module; ``market`` and ``accounts`` stand at the same event."""

    def __init__(self, stage: ServiceStage, market: MarketModel, accounts: AccountModel) -> None:
        settings, data = stage.settings, stage.data_directory
        api = settings.api
        self.stage = stage
        self.section: GrpcSection = settings.grpc
        self.market = market
        self.accounts = accounts
        self.pump = EventPump(
            stage,
            stage.follower(market.next_event),
            batch_events=settings.read_model.batch_events,
            lapped=lambda: self.count(Counter.CONNECT_GRPC_LAPPED),
        )
        self.gateway = OrderGateway(
            stage.arrays[IngressRing.GRPC.section],
            stage.cursors,
            stage.counters,
            stage.matcher_eventfd,
            market,
            accounts,
            outcome_timeout_s=api.outcome_timeout_ms / 1000,
            commands=command_buckets(settings.risk),
            client_order_ids=ClientOrderIds(data / CLIENT_ORDER_IDS_FILE),
            entrance=make_entrance(stage, IngressRing.GRPC, Counter.GRPC_COMMANDS),
        )
        self.outcome_timeout_s = api.outcome_timeout_ms / 1000
        keys = KeyStore(data, Path(api.master_key_file) if api.master_key_file else None)
        self.limits = RateLimits(
            per_address=api.requests_per_second_per_ip,
            per_key=api.requests_per_second_per_key,
            burst=api.burst,
        )
        authenticator = Authenticator(
            keys,
            self.limits,
            receive_window_ms=api.receive_window_ms,
            nonce_file=NonceFile(data / NONCE_FILE),
        )
        self.access = Access(keys, self.limits, authenticator)
        self.ready = False
        self.stopping = asyncio.Event()
        self._turn = asyncio.Event()
        # this order is part of the contract: no answer names anything that the models do not know
        self.pump.add_listener(market.apply)
        self.pump.add_listener(accounts.apply)
        self.pump.add_listener(self.gateway.learn)
        self.pump.add_after(self._end_turn)

    def count(self, counter: Counter, amount: int = 1) -> None:
        """Add to a counter of this stage."""
        add(self.stage.counters, int(counter), amount)

    def check_ready(self) -> None:
        """Raises ApiError UNAVAILABLE while the models are not up to date, and at the end."""
        if self.stopping.is_set():
            raise ApiError(ErrorCode.UNAVAILABLE, "the exchange is stopping")
        if not self.ready:
            raise ApiError(
                ErrorCode.UNAVAILABLE,
                f"starting: {self.pump.lag():,} events are still to be read",
            )

    def _end_turn(self) -> None:
        turn, self._turn = self._turn, asyncio.Event()
        turn.set()

    def end(self) -> None:
        """Have the streams end."""
        self.stopping.set()
        self._end_turn()

    async def next_turn(self) -> None:
        """Wait until the models may have learned something, at most WAIT_S."""
        turn = self._turn
        try:
            async with asyncio.timeout(WAIT_S):
                await turn.wait()
        except TimeoutError:
            pass

    def symbol(self, instrument: int) -> str:
        """Its symbol; "" of one that is not known."""
        found = self.market.instruments.get(instrument)
        return "" if found is None else found.symbol

    def message_of(self, order: Order) -> Any:
        """``order`` as an exchange.v1.Order."""
        return order_message(order, self.symbol(order.instrument), self.gateway.client_order_id)

    def instrument(self, symbol: str) -> int:
        """The number of ``symbol``. Raises ApiError INSTRUMENT_NOT_FOUND."""
        number = self.market.by_symbol.get(symbol)
        if number is None:
            raise ApiError(
                ErrorCode.INSTRUMENT_NOT_FOUND,
                f"symbol: there is no instrument {symbol[:16]!r}; ListInstruments lists them",
                data={"field": "symbol"},
            )
        return number
