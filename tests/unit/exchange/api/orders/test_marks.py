"""Two gateways, as of api and connect_grpc, on the same orders through the same session.

Each is told what its own commands came to, whatever the other does to the same order meanwhile.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import numpy as np
import pytest
from api_core import ApiCore, run
from order_entry_core import SYMBOL

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.gateway import OrderGateway
from exchange.api.orders.marks import CommandMarks, Entrance
from exchange.api.orders.terms import Amendment, NewOrder
from exchange.codes import Reject
from exchange.core import pipeline
from exchange.core.counters import Counter
from exchange.core.pipeline import IngressRing
from exchange.records import COMMAND
from ringbuffer.counters import COUNTER_STRIDE

ONE, TWO = 1, 2


class TwoGateways(ApiCore):
    """``gateway``: api's; ``other``: connect_grpc's. The matcher takes ``first``'s ring first.

    ``held``: the commands of both are written and taken together when it ends.
    """

    def __init__(self, **parameters: Any) -> None:
        super().__init__(**parameters)
        self.rings = {IngressRing.API: self.ring, IngressRing.GRPC: np.zeros(256, COMMAND)}
        self.first = IngressRing.API
        self.cycle = 64
        self.gateway.close()
        self.gateway = self.made(IngressRing.API)
        self.other = self.made(IngressRing.GRPC)

    def made(self, ring: IngressRing) -> OrderGateway:
        counter = Counter.API_COMMANDS if ring == IngressRing.API else Counter.GRPC_COMMANDS
        marks = CommandMarks(self.commands, self.cursors, self.cycle)
        return OrderGateway(
            self.rings[ring],
            self.cursors,
            self.counters,
            self.own_eventfd,
            self.market,
            self.accounts,
            outcome_timeout_s=60.0,
            entrance=Entrance(ring, counter, marks),
        )

    def step(self) -> None:
        beat = int(Counter.MATCHER_HEARTBEAT_NS) * COUNTER_STRIDE
        self.counters[beat] = time.monotonic_ns()
        for ring in sorted(self.rings, key=lambda each: each != self.first):
            published = int(self.cursors[pipeline.ingress_published(ring)])
            consumed = int(self.cursors[pipeline.ingress_consumed(ring)])
            if published > consumed:
                mask = len(self.rings[ring]) - 1
                records = self.rings[ring][(consumed + np.arange(published - consumed)) & mask]
                self.cursors[pipeline.ingress_consumed(ring)] = published
                self.apply(records, time.time_ns())
        self.counters[beat] = time.monotonic_ns()
        self.deliver()

    def deliver(self) -> None:
        given = self._given
        super().deliver()
        if self._given > given and hasattr(self, "other"):
            self.other.learn(self.archive.events[given : self._given].copy())


def run_two(test: Callable[[TwoGateways], Awaitable[None]], monkeypatch: Any) -> None:
    monkeypatch.setattr("api_core.ApiCore", TwoGateways)

    async def body(core: ApiCore) -> None:
        assert isinstance(core, TwoGateways)
        try:
            await test(core)
        finally:
            core.other.close()

    run(body)


def order(**fields: Any) -> NewOrder:
    return NewOrder(**({"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50} | fields))


async def together(core: TwoGateways, *asked: Awaitable[Any]) -> list[Any]:
    """What comes of requests whose commands are all in the rings before one is taken."""
    core.stopped = True
    tasks = [asyncio.ensure_future(each) for each in asked]
    for _ in range(5):
        await asyncio.sleep(0)
    core.stopped = False
    core.step()
    return await asyncio.gather(*tasks, return_exceptions=True)


@pytest.mark.parametrize("first", [IngressRing.API, IngressRing.GRPC])
def test_a_refused_amendment_is_not_the_others_cancel(first: IngressRing, monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        core.first = first
        await core.gateway.enter(TWO, order(side="sell", price=60))
        made = await core.gateway.enter(ONE, order(post_only=True))
        # it would trade: the matcher refuses it and leaves the order
        amended, cancelled = await together(
            core,
            core.gateway.amend(ONE, made.order_id, Amendment(price=60)),
            core.other.cancel(ONE, made.order_id),
        )
        assert cancelled.status.name == "CANCELLED", cancelled
        assert isinstance(amended, ApiError)
        if first == IngressRing.API:
            assert amended.code == 10_000 + Reject.POST_ONLY_WOULD_TRADE
        else:
            assert amended.code == ErrorCode.ORDER_CLOSED

    run_two(test, monkeypatch)


@pytest.mark.parametrize("first", [IngressRing.API, IngressRing.GRPC])
def test_two_amendments_have_an_outcome_each(first: IngressRing, monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        core.first = first
        made = await core.gateway.enter(ONE, order())
        of_api, of_grpc = await together(
            core,
            core.gateway.amend(ONE, made.order_id, Amendment(price=51)),
            core.other.amend(ONE, made.order_id, Amendment(price=52)),
        )
        winner, loser = (of_api, of_grpc) if first == IngressRing.API else (of_grpc, of_api)
        assert winner.price == (51 if first == IngressRing.API else 52)
        assert isinstance(loser, ApiError) and loser.code == ErrorCode.ORDER_CLOSED

    run_two(test, monkeypatch)


def test_a_mass_cancel_names_its_own_orders(monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        made = [await core.gateway.enter(ONE, order()) for _ in range(4)]
        cancelled, of_other, of_api = await together(
            core,
            core.gateway.cancel(ONE, made[0].order_id),
            core.other.mass_cancel(ONE),
            core.gateway.mass_cancel(TWO),
        )
        assert cancelled.order_id == made[0].order_id
        assert of_other == [each.order_id for each in made[1:]] and of_api == []

    run_two(test, monkeypatch)


def test_a_cancel_that_came_second_says_that_the_order_is_closed(monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        made = await core.gateway.enter(ONE, order())
        first, second = await together(
            core, core.gateway.cancel(ONE, made.order_id), core.other.cancel(ONE, made.order_id)
        )
        assert first.status.name == "CANCELLED"
        assert isinstance(second, ApiError) and second.code == ErrorCode.ORDER_CLOSED

    run_two(test, monkeypatch)


def test_a_client_order_id_is_one_order_over_both(monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        same = order(client_order_id="same")
        first, second = await together(
            core, core.gateway.enter(ONE, same), core.other.enter(ONE, same)
        )
        assert first.order_id == second.order_id
        other_terms = order(client_order_id="b", quantity=200)
        first, second = await together(
            core,
            core.gateway.enter(ONE, order(client_order_id="b")),
            core.other.enter(ONE, other_terms),
        )
        assert first.quantity == 100
        assert isinstance(second, ApiError) and second.code == ErrorCode.CLIENT_ORDER_ID_USED
        # the first is rejected: the other, with other terms, is not told so as its own outcome
        first, second = await together(
            core,
            core.gateway.enter(ONE, order(client_order_id="c", quantity=1 << 39)),
            core.other.enter(ONE, order(client_order_id="c")),
        )
        assert isinstance(first, ApiError) and first.code > 10_000
        assert isinstance(second, ApiError) and second.code == ErrorCode.CLIENT_ORDER_ID_USED

    run_two(test, monkeypatch)


def test_what_the_ring_no_longer_has_is_answered_by_the_orders_state(monkeypatch: Any) -> None:
    async def test(core: TwoGateways) -> None:
        core.cycle = 1 << 20  # every slot may have been written again
        core.other.close()
        core.other = core.made(IngressRing.GRPC)
        made = await core.gateway.enter(ONE, order())
        assert (await core.other.cancel(ONE, made.order_id)).status.name == "CANCELLED"
        made = await core.gateway.enter(ONE, order())
        lowered = await core.other.amend(ONE, made.order_id, Amendment(quantity=40))
        assert lowered.open == 40
        with pytest.raises(ApiError) as raised:
            await core.other.amend(ONE, made.order_id, Amendment(price=51))
        assert raised.value.code == ErrorCode.OUTCOME_UNKNOWN
        again = await core.other.amend(ONE, made.order_id, Amendment(price=51))
        assert again.price == 51

    run_two(test, monkeypatch)


def test_a_mark_is_read_back_until_its_slot_may_be_another() -> None:
    ring = np.zeros(16, COMMAND)
    cursors = np.zeros(pipeline.CURSOR_WORDS, np.int64)
    marks, others = (CommandMarks(ring, cursors, 4) for _ in range(2))
    record, mark = marks.mark(bytes(64))
    assert others.mark(bytes(64))[1] != mark and len(record) == 64
    ring[3:4] = np.frombuffer(record, COMMAND)
    cursors[pipeline.COMMAND_PUBLISHED] = cursors[pipeline.COMMAND_DURABLE] = 4
    assert marks.of(3) == mark == others.of(3)
    cursors[pipeline.COMMAND_PUBLISHED] = cursors[pipeline.COMMAND_DURABLE] = 15
    assert marks.of(3) == mark
    cursors[pipeline.COMMAND_PUBLISHED] = cursors[pipeline.COMMAND_DURABLE] = 16
    assert marks.of(3) is None
    cursors[pipeline.COMMAND_DURABLE] = 3  # nothing beyond 3 + 16 can be written
    assert marks.of(3) == mark
