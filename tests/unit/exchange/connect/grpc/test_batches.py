"""The stream of batches: each instruction answered for itself, in order, within bounds."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from grpc_world import GrpcWorld, with_world
from order_entry_core import SYMBOL

from exchange.api.errors import ApiError, ErrorCode
from exchange.connect.grpc.batches import Batches
from exchange.connect.grpc.messages import v1


def submit(price: int = 50, **more: Any) -> Any:
    request = v1.SubmitRequest(symbol=SYMBOL, side=v1.SIDE_BUY, quantity=100, price=price, **more)
    return v1.Instruction(submit=request)


async def batches(*each: list[Any]) -> AsyncIterator[Any]:
    for number, instructions in enumerate(each):
        yield v1.InstructionBatch(batch=number, instructions=instructions)


async def answers(world: GrpcWorld, *each: list[Any]) -> list[Any]:
    stream = Batches(world, world.caller).answers(batches(*each))  # type: ignore[arg-type]
    return [answer async for answer in stream]


def test_each_instruction_is_answered_for_itself() -> None:
    async def test(world: GrpcWorld) -> None:
        found = await answers(
            world,
            [submit(), submit(price=0), v1.Instruction(), submit(client_order_id="a")],
            [],
            [submit(client_order_id="a"), submit(price=51, client_order_id="a")],
        )
        assert [each.batch for each in found] == [0, 1, 2]
        first, _, last = found
        assert [each.code for each in first.answers] == [0, 1002, 1002, 0]
        assert [each.code for each in last.answers] == [0, ErrorCode.CLIENT_ORDER_ID_USED]
        assert last.answers[0].order_id == first.answers[3].order_id
        assert world.counted == 6
        order = v1.OrderReference(order_id=first.answers[0].order_id)
        amend = v1.Instruction(amend=v1.AmendRequest(order=order, quantity=10))
        cancel = v1.Instruction(cancel=v1.CancelRequest(order=order))
        ((changed, gone),) = [each.answers for each in await answers(world, [amend, cancel])]
        assert (changed.code, gone.code) == (0, 0)
        assert gone.status == v1.ORDER_STATUS_CANCELLED

    with_world(test)


def test_more_batches_than_may_be_under_way() -> None:
    async def test(world: GrpcWorld) -> None:
        found = await answers(world, *([submit()] for _ in range(9)))
        assert [each.batch for each in found] == list(range(9))
        assert len({each.answers[0].order_id for each in found}) == 9

    with_world(test)


@pytest.mark.parametrize("why", ["large", "revoked"])
def test_a_stream_ends_with_its_error_after_what_was_under_way(why: str) -> None:
    async def test(world: GrpcWorld) -> None:
        async def some() -> AsyncIterator[Any]:
            yield v1.InstructionBatch(batch=1, instructions=[submit()])
            world.revoked = why == "revoked"
            many = 17 if why == "large" else 1
            yield v1.InstructionBatch(batch=2, instructions=[submit()] * many)

        found = []
        with pytest.raises(ApiError) as raised:
            stream = Batches(world, world.caller).answers(some())  # type: ignore[arg-type]
            async for answer in stream:
                found.append(answer)
        assert [each.batch for each in found] == [1] and not found[0].answers[0].code
        large = why == "large"
        assert raised.value.code == (ErrorCode.INVALID_FIELD if large else ErrorCode.KEY_UNKNOWN)

    with_world(test)


def test_a_silent_stream_ends_when_the_exchange_stops() -> None:
    async def test(world: GrpcWorld) -> None:
        async def silent() -> AsyncIterator[Any]:
            world.stopping.set()
            await asyncio.Event().wait()
            yield

        with pytest.raises(ApiError) as raised:
            stream = Batches(world, world.caller).answers(silent())  # type: ignore[arg-type]
            await anext(stream)
        assert raised.value.code == ErrorCode.UNAVAILABLE

    with_world(test)
