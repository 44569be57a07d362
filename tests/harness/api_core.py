"""An exchange in one event loop for tests of the API's orders: real engine, real models, no disk.

    run(test)                      # test(core) in a loop; the core works whenever it is woken
    core.gateway                   # the real OrderGateway
    core.release_held = True       # commands are applied and nothing is released, until release()
    core.stopped = True            # nothing is taken out of the ring, until step()

Account n trades through session n (as order entry would) and through API session 20 + n.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import numpy as np
from order_entry_core import Core, text_word

from exchange.access.session_name import api_username
from exchange.api.orders.client_ids import ClientOrderIds
from exchange.api.orders.gateway import OrderGateway
from exchange.codes import CommandKind
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.read_model.accounts.ledger_model import LedgerModel
from exchange.read_model.accounts.types import AccountModelCapacity
from exchange.read_model.market.model import MarketModel
from exchange.records import COMMAND
from ringbuffer.counters import COUNTER_STRIDE, HISTOGRAM_WORDS

API_SESSIONS = 20
ACCOUNTS = 4
RING = 256
_PUBLISHED = pipeline.ingress_published(pipeline.IngressRing.API)
_CONSUMED = pipeline.ingress_consumed(pipeline.IngressRing.API)
DEADLINE_S = 120.0


class ApiCore(Core):
    """The core, the models and the gateway; ``orders`` and ``fills``: what the model keeps."""

    def __init__(self, *, ring: int = RING, orders: int = 1 << 15, timeout_s: float = 60.0) -> None:
        super().__init__(sessions=ACCOUNTS)
        for account in range(1, ACCOUNTS + 1):
            self.command(
                kind=CommandKind.SESSION,
                session=self.api_session(account),
                quantity=account,
                token_0=text_word(api_username(account)),
            )
        self.ring = np.zeros(ring, COMMAND)
        self.market = MarketModel(64)
        self.accounts = LedgerModel(
            AccountModelCapacity(
                accounts=ACCOUNTS + 2,
                sessions=self.session_capacity,
                instruments=64,
                positions=(ACCOUNTS + 2) * 64,
                orders=orders,
                fills=1 << 12,
            )
        )
        self.release_held = False
        self.stopped = False
        self.batch = 0  # events given to the models at a time; 0: all there are
        self._given = 0
        self.client_order_ids: Path | None = None  # the file, for what begins after it is set
        self.outcome_ns = np.zeros(HISTOGRAM_WORDS, np.int64)
        self.gateway = self._make_gateway(timeout_s)
        self.deliver()

    def _make_gateway(self, timeout_s: float) -> OrderGateway:
        return OrderGateway(
            self.ring,
            self.cursors,
            self.counters,
            self.own_eventfd,
            self.market,
            self.accounts,
            outcome_timeout_s=timeout_s,
            outcome_ns=self.outcome_ns,
            client_order_ids=ClientOrderIds(self.client_order_ids),
        )

    def restart_gateway(self, timeout_s: float = 60.0) -> None:
        """As after a restart of the stage: what was under way is not known."""
        self.gateway.close()
        self.gateway = self._make_gateway(timeout_s)

    def api_session(self, account: int) -> int:
        return API_SESSIONS + account

    # --- the pipeline -------------------------------------------------------------------------

    def step(self) -> None:
        """One duty cycle of the matcher, and what follows from it."""
        beat = int(Counter.MATCHER_HEARTBEAT_NS) * COUNTER_STRIDE
        self.counters[beat] = time.monotonic_ns()
        published, consumed = int(self.cursors[_PUBLISHED]), int(self.cursors[_CONSUMED])
        if published > consumed:
            records = self.ring[(consumed + np.arange(published - consumed)) & (len(self.ring) - 1)]
            self.cursors[_CONSUMED] = published
            self.apply(records, time.time_ns())
        self.counters[beat] = time.monotonic_ns()
        self.deliver()

    def deliver(self) -> None:
        """Give released events to models and gateway, unless release is held."""
        if self.release_held:
            self.cursors[pipeline.EVENT_RELEASED] = self._given
            return
        while self._given < self.archive.count:
            end = min(self._given + (self.batch or 1 << 30), self.archive.count)
            events = self.archive.events[self._given : end].copy()
            self._given = end
            self.market.apply(events)
            self.accounts.apply(events)
            self.gateway.learn(events)

    def release(self, events: np.ndarray | None = None) -> None:  # type: ignore[override]
        """Release ``events``, or those that were held."""
        if events is not None:
            super().release(events)
            return
        self.release_held = False
        self.cursors[pipeline.EVENT_RELEASED] = self.archive.count
        self.deliver()

    def woken(self) -> None:
        """The gateway has published: work, then sleep."""
        os.eventfd_read(self.own_eventfd)
        if not self.stopped:
            self.step()
        self.sleep()
        if not self.stopped:
            self.step()  # the second look before it sleeps

    def sleep(self) -> None:
        """Announce that the matcher sleeps: the next publish wakes it."""
        self.cursors[pipeline.sleeping(pipeline.AGENT_MATCHER)] = 1


def run(test: Callable[[ApiCore], Awaitable[None]], **parameters: int | float) -> None:
    """Run ``test`` with a core that works when it is woken."""

    async def main() -> None:
        core = ApiCore(**parameters)  # type: ignore[arg-type]
        loop = asyncio.get_running_loop()
        loop.add_reader(core.own_eventfd, core.woken)
        core.sleep()
        try:
            async with asyncio.timeout(DEADLINE_S):
                await test(core)
        finally:
            core.gateway.close()
            loop.remove_reader(core.own_eventfd)
            core.close()

    asyncio.run(main())
