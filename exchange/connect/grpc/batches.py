"""The stream OrderService.Trade: batches of instructions, each instruction answered for itself.

Who uses it: orders.py. Instructions of a batch are sent to the matcher without waiting for one
another; a batch is answered when the outcome of each is known, batches in the order in which they
came. Each instruction counts as a request of its key and a command of its account, as over REST.

Invariants: at most ``batches_under_way`` batches are without an answer, then the client is not
read, so memory is bounded; an instruction that cannot be sent is answered, and the others go on.

Decision CON-44.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any

from exchange.api.errors import ApiError, ErrorCode, internal_error
from exchange.api.orders.gateway import OrderGateway
from exchange.api.orders.terms import invalid
from exchange.api.orders.waiting import Outcome, SentCommand
from exchange.connect.grpc.access import Caller
from exchange.connect.grpc.convert import amendment_of, new_order_of
from exchange.connect.grpc.errors import field_of
from exchange.connect.grpc.messages import v1
from exchange.connect.grpc.parts import Parts

if TYPE_CHECKING:
    from exchange.read_model.accounts.types import Order

log = logging.getLogger(__name__)

IN_ONE_TURN = 128  # instructions between two looks at the event loop
SLOTS_NEEDED = 2 * IN_ONE_TURN  # a command fills two slots at most
ROOM_LOOK_S = 0.001


def order_id_of(gateway: OrderGateway, account: int, reference: Any) -> int:
    """The id of the account's order that ``reference`` names. Raises ApiError."""
    named = reference.WhichOneof("order")
    if named == "order_id":
        return int(reference.order_id)
    if named is None:
        raise invalid("order", "order_id or client_order_id is needed")
    found = gateway.own_order_by_client_id(account, reference.client_order_id)
    if found is None:
        raise ApiError(
            ErrorCode.ORDER_NOT_FOUND,
            f"there is no order with client_order_id {reference.client_order_id!r}",
        )
    return found.order_id


def answer_of_order(order: Order) -> Any:
    """The answer of an instruction that was carried out."""
    return v1.Answer(
        order_id=order.order_id,
        status=int(order.status),
        filled_quantity=order.filled,
        remaining_quantity=order.open,
    )


def answer_of_error(error: ApiError) -> Any:
    """The answer of an instruction that was refused."""
    data = error.data if isinstance(error.data, dict) else {}
    order_id = data.get("order_id") or 0
    return v1.Answer(
        code=error.code, order_id=order_id, message=error.message, field=field_of(error)
    )


class _Batch:
    """A batch under way. ``complete``: when each of its instructions is answered."""

    def __init__(self, number: int, count: int) -> None:
        self.number = number
        self.answers: list[Any] = [None] * count
        self._left = count + 1  # one for its being sent
        self.complete: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def answer(self, index: int, answer: Any) -> None:
        self.answers[index] = answer
        self.count_down()

    def count_down(self) -> None:
        self._left -= 1
        if self._left == 0 and not self.complete.done():
            self.complete.set_result(None)


class _Slot:
    """Waits for one command's outcome, in place of a future (``waiting.Waiter``)."""

    __slots__ = ("_batch", "_index", "_sent", "_settled")

    def __init__(
        self,
        batch: _Batch,
        index: int,
        sent: SentCommand,
        settled: Callable[[SentCommand, Outcome], Order],
    ) -> None:
        self._batch, self._index, self._sent, self._settled = batch, index, sent, settled

    def done(self) -> bool:
        return self._batch.answers[self._index] is not None

    def set_result(self, outcome: Outcome, /) -> None:
        try:
            answer = answer_of_order(self._settled(self._sent, outcome))
        except ApiError as error:
            answer = answer_of_error(error)
        self._batch.answer(self._index, answer)


class Batches:
    """One stream of ``caller``."""

    def __init__(self, parts: Parts, caller: Caller) -> None:
        self._parts = parts
        self._caller = caller
        self._gateway = parts.gateway

    async def answers(self, batches: AsyncIterator[Any]) -> AsyncIterator[Any]:
        """The answers to ``batches``. Raises ApiError, after those that were under way."""
        queue: asyncio.Queue[_Batch | None] = asyncio.Queue(self._parts.section.batches_under_way)
        reader = asyncio.create_task(self._read(batches, queue))
        try:
            while (batch := await queue.get()) is not None:
                await batch.complete
                yield v1.AnswerBatch(batch=batch.number, answers=batch.answers)
            await reader
        finally:
            reader.cancel()

    async def _read(self, batches: AsyncIterator[Any], queue: asyncio.Queue[Any]) -> None:
        """Send what comes, until the client has no more, the exchange stops, or an error."""
        try:
            stop = asyncio.ensure_future(self._parts.stopping.wait())
            source = aiter(batches)
            try:
                while True:
                    coming = asyncio.ensure_future(anext(source, None))
                    await asyncio.wait({coming, stop}, return_when=asyncio.FIRST_COMPLETED)
                    if not coming.done():
                        coming.cancel()
                        self._parts.check_ready()
                    message = await coming
                    if message is None:
                        return
                    await self._take(message, queue)
            finally:
                stop.cancel()
        finally:
            # the answers to what is under way still go out, also after an error
            with contextlib.suppress(asyncio.CancelledError):
                await queue.put(None)

    async def _take(self, message: Any, queue: asyncio.Queue[Any]) -> None:
        instructions = message.instructions
        most = self._parts.section.batch_instructions
        if len(instructions) > most:
            raise invalid("instructions", f"at most {most} in one batch, not {len(instructions)}")
        self._parts.access.check_live(self._caller)
        batch = _Batch(message.batch, len(instructions))
        await queue.put(batch)
        try:
            for first in range(0, len(instructions), IN_ONE_TURN):
                await self._room()
                for index in range(first, min(first + IN_ONE_TURN, len(instructions))):
                    self._begin(batch, index, instructions[index])
                await asyncio.sleep(0)  # publishes them
        finally:
            batch.count_down()

    async def _room(self) -> None:
        """Wait for room in the ring; when there is none in time, the instructions are refused."""
        until_s = time.monotonic() + self._parts.outcome_timeout_s
        while self._gateway.room() < SLOTS_NEEDED and time.monotonic() < until_s:
            await asyncio.sleep(ROOM_LOOK_S)

    def _begin(self, batch: _Batch, index: int, instruction: Any) -> None:
        try:
            self._parts.access.count(self._caller)
            begun = self._carry_out(instruction)
        except ApiError as error:
            batch.answer(index, answer_of_error(error))
        except Exception:
            log.exception("bug while an instruction of a batch was sent")
            batch.answer(index, answer_of_error(internal_error()))
        else:
            if isinstance(begun, SentCommand):
                begun.waiters.append(_Slot(batch, index, begun, self._gateway.settled))
            else:
                batch.answer(index, answer_of_order(begun))

    def _carry_out(self, instruction: Any) -> SentCommand | Order:
        account = self._caller.account
        kind = instruction.WhichOneof("instruction")
        if kind == "submit":
            return self._gateway.begin_enter(account, new_order_of(instruction.submit))
        if kind == "cancel":
            order_id = self._named(instruction.cancel)
            return self._gateway.begin_cancel(account, order_id)
        if kind == "amend":
            asked = amendment_of(instruction.amend)
            return self._gateway.begin_amend(account, self._named(instruction.amend), asked)
        raise invalid("instruction", "submit, amend or cancel is needed")

    def _named(self, request: Any) -> int:
        return order_id_of(self._gateway, self._caller.account, request.order)
