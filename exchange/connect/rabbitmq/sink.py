"""RabbitMQ as a sink: trades and execution reports into a topic exchange.

Who uses it: the stage connect_rabbitmq, tests, the benchmark. What it has on the server::

    EXCHANGE                     durable topic exchange: trade.SYMBOL and report.ACCOUNT
    EXCHANGE.internal.progress   durable queue of length 1: the next event; written after everything
                                 before it is confirmed
    EXCHANGE.internal.lock       exclusive queue: a second instance is refused
    STREAM (if configured)       stream of all trades, for those who come later

A batch that was not confirmed to its end may be written again: readers tell by ``message_id``.

Decisions CON-20 and CON-21.
"""

from __future__ import annotations

import asyncio
import operator
import time
from typing import NamedTuple

import aiormq
import msgspec
import numpy as np
from aiormq import exceptions as amqp
from aiormq.abc import AbstractChannel, FieldTable

from exchange.connect.directory import Directory
from exchange.connect.rabbitmq.broker import (
    CONNECT_S,
    TITLE,
    BrokerParameters,
    LoopThread,
    close_connection,
    connect,
    errors_of,
)
from exchange.connect.rabbitmq.frames import (
    Window,
    message_frames,
    publish_method,
    windows_of,
)
from exchange.connect.rabbitmq.publish_channel import PublishChannel
from exchange.connect.rabbitmq.reports import report_records
from exchange.connect.sink import Batch, SinkPosition, SinkRefused, exchange_identity
from exchange.connect.trades import trade_records
from exchange.core.event_archive import EventArchive
from exchange.store.rows.event_rows import trades_of

PROGRESS_QUEUE = "{}.internal.progress"
LOCK_QUEUE = "{}.internal.lock"
PROGRESS_ARGUMENTS: FieldTable = {"x-max-length": 1, "x-overflow": "drop-head"}
LOCK_WAIT_S = 15.0  # a connection that was lost takes the server a moment to notice
LOCK_PAUSE_S = 0.5


class RabbitmqParameters(NamedTuple):
    """Settings of the sink; see [rabbitmq] in config/exchange.toml. ``stream``: "" = none."""

    broker: BrokerParameters
    exchange: str
    trades: bool = True
    reports: bool = True
    stream: str = ""
    stream_bytes: int = 0
    window: int = 1_000
    confirm_timeout_s: float = 30.0
    lock_wait_s: float = LOCK_WAIT_S


class Progress(msgspec.Struct, frozen=True):
    """The body of the message in the progress queue."""

    next_event: int
    identity: str


class Message(NamedTuple):
    """A record on its way: the sequence of its event, its routing key and id, and its text."""

    sequence: int
    routing_key: str
    message_id: str
    text: bytes


def messages_of(
    events: np.ndarray, directory: Directory, *, trades: bool, reports: bool
) -> list[Message]:
    """The messages of ``events`` (EVENT[n]), which ``directory`` knows, in their order.

    A trade comes before its reports.
    """
    found = []
    if trades:
        for sequence, symbol, text in trade_records(trades_of(events), directory):
            found.append(Message(sequence, f"trade.{symbol}", str(sequence), text))
    if reports:
        for sequence, part, account, text in report_records(events, directory):
            found.append(Message(sequence, f"report.{account}", f"{sequence}-{part}", text))
        # two ascending runs: linear, and stable
        found.sort(key=operator.itemgetter(0))
    return found


async def read_position(channel: AbstractChannel, queue: str) -> Progress | None:
    """The newest progress in ``queue``; it stays there. None: there is none.

    A server that was killed at the wrong moment may have two.
    """
    newest: Progress | None = None
    taken: list[tuple[int, Progress]] = []
    while True:
        message = await channel.basic_get(queue, timeout=CONNECT_S)
        if message.delivery_tag is None or message.message_count is None:
            break
        try:
            found = msgspec.json.decode(message.body, type=Progress)
        except msgspec.DecodeError as error:
            raise SinkRefused(
                f"the queue {queue} has a message that is not ours ({error}): remove it, or give "
                "the connector an exchange of another name"
            ) from None
        taken.append((message.delivery_tag, found))
        if newest is None or found.next_event > newest.next_event:
            newest = found
    for tag, found in taken:
        if found is newest:
            await channel.basic_reject(tag, requeue=True)
        else:
            await channel.basic_ack(tag)
    return newest


class RabbitmqSink:
    """See the module, and ``sink.Sink``."""

    title = TITLE
    begins_with_state = False

    def __init__(
        self,
        parameters: RabbitmqParameters,
        directory: Directory,
        archive: EventArchive,
    ) -> None:
        self._parameters = parameters
        self._directory = directory
        self._archive = archive
        self._identity = ""
        self._methods: dict[str, bytes] = {}  # by routing key
        self._progress_queue = PROGRESS_QUEUE.format(parameters.exchange)
        self._lock_queue = LOCK_QUEUE.format(parameters.exchange)
        self._progress_method = publish_method("", self._progress_queue)
        self._thread: LoopThread | None = None
        self._connection: aiormq.Connection | None = None
        self._publisher: PublishChannel | None = None

    # --- the main thread ------------------------------------------------------------------------

    def begin(self, next_event: int) -> None:
        """Only names are remembered from event to event."""
        self._directory.follow(self._archive, next_event)
        self._identity = exchange_identity(self._archive)

    def encode(self, events: np.ndarray) -> tuple[list[Window], int]:
        self._directory.learn(events)
        parameters, methods = self._parameters, self._methods
        made = []
        for _, key, message_id, text in messages_of(
            events, self._directory, trades=parameters.trades, reports=parameters.reports
        ):
            method = methods.get(key)
            if method is None:
                method = methods[key] = publish_method(parameters.exchange, key)
            made.append(message_frames(method, message_id.encode(), text))
        return windows_of(made, parameters.window), len(made)

    # --- the writer's thread --------------------------------------------------------------------

    def open(self) -> SinkPosition | None:
        if self._thread is None:
            self._thread = LoopThread("rabbitmq-loop")
        return self._thread.call(self._open())

    def write(self, batch: Batch) -> None:
        assert self._thread is not None
        self._thread.call(self._write(batch))

    def close(self) -> None:
        connection, self._connection, self._publisher = self._connection, None, None
        if self._thread is not None:
            self._thread.call(close_connection(connection))

    # --- the event loop's thread ----------------------------------------------------------------

    async def _open(self) -> SinkPosition | None:
        parameters = self._parameters
        self._connection = await connect(parameters.broker)
        limit_s = CONNECT_S
        with errors_of(parameters.broker):
            await self._lock(self._connection)
            channel = await self._connection.channel(timeout=limit_s)
            await self._declare(channel, limit_s)
            found = await read_position(channel, self._progress_queue)
            await channel.close()
            self._publisher = PublishChannel(self._connection)
            await self._publisher.open(timeout=limit_s)
        return None if found is None else SinkPosition(found.next_event, found.identity)

    async def _lock(self, connection: aiormq.Connection) -> None:
        """Keep other instances out as long as the connection lives. Raises SinkRefused."""
        end_s = time.monotonic() + self._parameters.lock_wait_s
        while True:
            channel = await connection.channel(timeout=CONNECT_S)
            try:
                await channel.queue_declare(self._lock_queue, exclusive=True, timeout=CONNECT_S)
                return
            except amqp.ChannelLockedResource:
                if time.monotonic() > end_s:
                    raise SinkRefused(
                        f"another connection has the queue {self._lock_queue}: another instance "
                        f"writes to the exchange {self._parameters.exchange!r}, end one of them"
                    ) from None
            await asyncio.sleep(LOCK_PAUSE_S)

    async def _declare(self, channel: AbstractChannel, limit_s: float) -> None:
        """Make what is needed on the server; what is there already must be the same."""
        parameters = self._parameters
        await channel.exchange_declare(
            parameters.exchange, exchange_type="topic", durable=True, timeout=limit_s
        )
        await channel.queue_declare(
            self._progress_queue, durable=True, arguments=PROGRESS_ARGUMENTS, timeout=limit_s
        )
        if parameters.stream:
            arguments: FieldTable = {"x-queue-type": "stream"}
            if parameters.stream_bytes:
                arguments["x-max-length-bytes"] = parameters.stream_bytes
            await channel.queue_declare(
                parameters.stream, durable=True, arguments=arguments, timeout=limit_s
            )
            await channel.queue_bind(
                parameters.stream, parameters.exchange, "trade.#", timeout=limit_s
            )

    async def _write(self, batch: Batch) -> None:
        parameters, publisher = self._parameters, self._publisher
        assert publisher is not None, "write before open"
        progress = msgspec.json.encode(Progress(batch.end, self._identity))
        frames = message_frames(self._progress_method, str(batch.end).encode(), progress)
        timeout_s = parameters.confirm_timeout_s
        with errors_of(parameters.broker):
            await publisher.publish(batch.content, 2 * parameters.window, timeout_s)
            await publisher.publish([Window(1, frames)], 1, timeout_s)
