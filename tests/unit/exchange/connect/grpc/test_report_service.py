"""ReportService: the reports of an account from any sequence on, and the end of a stream."""

from __future__ import annotations

from typing import Any

import pytest
from grpc_world import GrpcWorld, with_world
from order_entry_core import SYMBOL

from exchange.api.errors import ApiError, ErrorCode
from exchange.api.orders.terms import NewOrder
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.report_service import ReportService, first_event


def order(**fields: Any) -> NewOrder:
    return NewOrder(**({"symbol": SYMBOL, "side": "buy", "quantity": 100, "price": 50} | fields))


async def reports(world: GrpcWorld, **asked: Any) -> list[Any]:
    """All until it has caught up."""
    found: list[Any] = []
    service = ReportService(world)  # type: ignore[arg-type]
    async for batch in service._reports(world.caller, v1.ReportsRequest(**asked)):
        found += batch.reports
        if batch.caught_up:
            assert batch.through_sequence == world.next_event - 1
            return found
    raise AssertionError


def test_reports_from_any_sequence_on() -> None:
    async def test(world: GrpcWorld) -> None:
        for _ in range(40):
            made = await world.gateway.enter(1, order())
            await world.gateway.cancel(1, made.order_id)
        every = await reports(world, after_sequence=-1)
        kinds = [each.kind for each in every]
        assert kinds == [v1.REPORT_KIND_ACCEPTED, v1.REPORT_KIND_CANCELLED] * 40
        for at in (0, 17, 79):
            found = await reports(world, after_sequence=every[at].sequence)
            assert found == every[at + 1 :]
        assert await reports(world) == []

    with_world(test)


def test_funds_come_with_the_newest() -> None:
    async def test(world: GrpcWorld) -> None:
        service = ReportService(world)  # type: ignore[arg-type]
        stream = service._reports(world.caller, v1.ReportsRequest(funds=True))
        first = await anext(stream)
        assert first.caught_up and first.balances[0].frozen == 0
        await world.gateway.enter(1, order())
        second = await anext(stream)
        assert len(second.reports) == 1 and second.balances[0].frozen == 5000
        world.revoked = True
        with pytest.raises(ApiError):
            await anext(stream)

    with_world(test)


@pytest.mark.parametrize("after", [-2, 1 << 40])
def test_a_sequence_that_is_not_there(after: int) -> None:
    async def test(world: GrpcWorld) -> None:
        with pytest.raises(ApiError) as raised:
            first_event(world, v1.ReportsRequest(after_sequence=after))  # type: ignore[arg-type]
        assert raised.value.code == ErrorCode.INVALID_CURSOR

    with_world(test)
