"""Orders out of a queue: each message is acknowledged when the outcome of its order is durable.

Who uses it: the stage connect_rabbitmq, in a thread and with connections of its own, so that orders
in and trades out do not wait for each other. Messages of a queue are carried out one after the
other, in the queue's order. What becomes of one::

    entered, or the exchange says no   answered to reply_to; without it, what no execution report
                                       tells (anything but a reject of the matcher) is a dead letter
    malformed                          a dead letter in QUEUE.dead, with the header x-reason; and
                                       answered, if it says where to
    the exchange is busy or away       it waits; nothing is acknowledged

If this process dies in between, the server delivers the message again; its client order id makes
it the same order.

Decision CON-23.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, NamedTuple

import msgspec
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel, AbstractConnection, DeliveredMessage
from pamqp import commands

from exchange.client.types import ApiKey
from exchange.connect.rabbitmq.broker import (
    CONNECT_S,
    BrokerParameters,
    LoopThread,
    close_connection,
    connect,
    errors_of,
)
from exchange.connect.rabbitmq.order_messages import Answer, Malformed, OrderRequest, request_of
from exchange.connect.rabbitmq.order_sender import BATCH, OrderSender
from exchange.connect.sink import SinkAway, SinkRefused

log = logging.getLogger(__name__)

DEAD_QUEUE = "{}.dead"
REASON_HEADER = "x-reason"
REJECTED = 422  # by the matcher: the account has an execution report
FIRST_RETRY_S = 0.1
REFUSED_RETRY_S = 30.0
CONFIRM_S = 30.0


class OrderQueue(NamedTuple):
    """A queue and the account whose orders are in it. ``find_key`` raises SinkRefused.

    ``prefetch``: messages that are here and not acknowledged, at most.
    """

    name: str
    find_key: Callable[[], ApiKey]
    prefetch: int


class OrdersParameters(NamedTuple):
    """Settings. ``api_url``: where the process api listens; raises SinkAway while it does not."""

    broker: BrokerParameters
    queues: tuple[OrderQueue, ...]
    api_url: Callable[[], str]
    retry_maximum_s: float


class OrdersIn:
    """All queues. Use it as ``with``: it works in a thread until the end of the block."""

    def __init__(self, parameters: OrdersParameters) -> None:
        self._parameters = parameters
        self._thread: LoopThread | None = None
        self._tasks: list[asyncio.Task[None]] = []

    def __enter__(self) -> OrdersIn:
        if self._parameters.queues:
            self._thread = LoopThread("rabbitmq-orders")
            self._thread.call(self._begin())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._thread is not None:
            self._thread.call(self._end())
            self._thread.end()

    async def _begin(self) -> None:
        for queue in self._parameters.queues:
            self._tasks.append(asyncio.create_task(_Consumer(self._parameters, queue).run()))

    async def _end(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


class _Consumer:
    """One queue."""

    def __init__(self, parameters: OrdersParameters, queue: OrderQueue) -> None:
        self._parameters = parameters
        self._queue = queue
        self._told = ""  # what the log says of it; "" = it works

    async def run(self) -> None:
        """For ever: an outage is waited for, and said once."""
        pause_s = FIRST_RETRY_S
        while True:
            try:
                await self._consume()
            except SinkRefused as error:
                self._tell(logging.ERROR, f"takes no orders: {error}")
                await asyncio.sleep(REFUSED_RETRY_S)
            except SinkAway as error:
                if self._told == "":
                    pause_s = FIRST_RETRY_S
                    self._tell(logging.WARNING, f"cannot be read: {error}")
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, self._parameters.retry_maximum_s)

    def _tell(self, level: int, text: str) -> None:
        if self._told != text:
            self._told = text
            log.log(level, "the queue %s %s", self._queue.name, text)

    async def _consume(self) -> None:
        """Until something is wrong. Raises SinkAway, SinkRefused."""
        key = self._queue.find_key()
        sender = OrderSender(self._parameters.api_url, key, self._queue.name)
        connection = await connect(self._parameters.broker)
        try:
            with errors_of(self._parameters.broker):
                channel = await connection.channel(timeout=CONNECT_S)
                ended = asyncio.ensure_future(channel.closing)
                waiting = await self._subscribe(channel, ended)
                if self._told:
                    log.info("the queue %s is read again", self._queue.name)
                    self._told = ""
                while True:
                    messages = [await _next(waiting, ended)]
                    while len(messages) < BATCH and not waiting.empty():
                        messages.append(waiting.get_nowait())
                    await self._carry_out(messages, sender, channel)
        finally:
            await sender.close()
            await close_connection(connection)

    async def _subscribe(
        self, channel: AbstractChannel, ended: asyncio.Future[None]
    ) -> asyncio.Queue[DeliveredMessage]:
        """Make the queues, and have messages delivered; ``ended``: is set when no more come."""

        def cancelled(*_: object) -> None:
            if not ended.done():
                ended.set_result(None)

        name = self._queue.name
        for each in (name, DEAD_QUEUE.format(name)):
            await _declare(channel.connection, each)
        await channel.basic_qos(prefetch_count=self._queue.prefetch, timeout=CONNECT_S)
        waiting: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
        channel.on_consumer_cancel_callbacks.add(cancelled)
        await channel.basic_consume(name, waiting.put, timeout=CONNECT_S)
        return waiting

    async def _carry_out(
        self, messages: list[DeliveredMessage], sender: OrderSender, channel: AbstractChannel
    ) -> None:
        """Carry out, answer, and acknowledge ``messages``, in their order."""
        requests: list[OrderRequest] = []
        answers: list[Answer | None] = []  # of those that were malformed
        for message in messages:
            properties = message.header.properties
            try:
                requests.append(
                    request_of(message.body, properties.message_id, properties.message_type)
                )
                answers.append(None)
            except Malformed as error:
                answers.append(Answer(400, 0, str(error)))
        found = iter(await sender.answers(requests))
        sent = []
        for message, malformed in zip(messages, answers, strict=True):
            sent += outgoing(self._queue.name, message, malformed or next(found))
        await asyncio.gather(*(_publish(channel, each) for each in sent))
        last = messages[-1].delivery_tag
        assert last is not None
        # all before it are acknowledged by now, or with it
        await channel.basic_ack(last, multiple=True)


class Outgoing(NamedTuple):
    """A message that is sent to the queue ``queue``."""

    queue: str
    body: bytes
    properties: commands.Basic.Properties


def outgoing(queue: str, message: DeliveredMessage, answer: Answer) -> list[Outgoing]:
    """What is sent because of ``message``: its answer, itself as a dead letter, or nothing."""
    properties = message.header.properties
    found = []
    if properties.reply_to:
        found.append(
            Outgoing(
                properties.reply_to,
                msgspec.json.encode(answer),
                commands.Basic.Properties(
                    content_type="application/json",
                    correlation_id=properties.correlation_id or properties.message_id,
                    delivery_mode=2,
                ),
            )
        )
    is_lost = answer.status >= 300 and answer.status != REJECTED and not properties.reply_to
    if answer.status in (400, 413) or answer.status >= 500 or is_lost:
        reason = f"{answer.code}: {answer.message}" if answer.code else answer.message
        headers = dict(properties.headers or {}) | {REASON_HEADER: reason}
        found.append(
            Outgoing(
                DEAD_QUEUE.format(queue),
                bytes(message.body),
                commands.Basic.Properties(
                    content_type=properties.content_type,
                    correlation_id=properties.correlation_id,
                    delivery_mode=2,
                    headers=headers,
                    message_id=properties.message_id,
                    message_type=properties.message_type,
                    reply_to=properties.reply_to,
                ),
            )
        )
    return found


async def _publish(channel: AbstractChannel, message: Outgoing) -> None:
    """Send it, and wait until the server has it. One that nobody waits for any more is dropped."""
    await channel.basic_publish(
        bytes(message.body),
        routing_key=message.queue,
        properties=message.properties,
        timeout=CONFIRM_S,
    )


async def _declare(connection: AbstractConnection, name: str) -> None:
    """Make the durable queue ``name``; one that is there stays as it is."""
    for passive in (True, False):
        channel = await connection.channel(timeout=CONNECT_S)
        with contextlib.suppress(amqp.ChannelNotFoundEntity):
            await channel.queue_declare(name, passive=passive, durable=True, timeout=CONNECT_S)
            await channel.close()
            return


async def _next(
    waiting: asyncio.Queue[DeliveredMessage], ended: asyncio.Future[None]
) -> DeliveredMessage:
    """The next message. Raises SinkAway, and what has closed the channel, when ``ended``."""
    get = asyncio.ensure_future(waiting.get())
    try:
        both: tuple[asyncio.Future[Any], ...] = (get, ended)
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        if get.done():
            return get.result()
    finally:
        get.cancel()
    ended.result()
    raise SinkAway("the server delivers nothing more from the queue: it was closed or deleted")
