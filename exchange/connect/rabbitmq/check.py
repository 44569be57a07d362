"""``exchange connect check rabbitmq``: what can be compared with the archive.

Who uses it: the command line, tests, the benchmark. A topic exchange keeps nothing. What there is:
the position in the progress queue, which must be of this exchange and not ahead of it; and the
stream, if one is configured, which must have every trade below the position: the same bytes, in
order. What stands in it twice (a batch that was written again) counts once, as it does for readers.

Decision CON-20.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import NamedTuple

import aiormq
from aiormq import exceptions as amqp
from aiormq.abc import DeliveredMessage

from exchange.connect.checking import LIMIT, CheckedWorld, CheckResult
from exchange.connect.rabbitmq.broker import (
    CONNECT_S,
    TITLE,
    close_connection,
    connect,
    errors_of,
)
from exchange.connect.rabbitmq.sink import (
    PROGRESS_QUEUE,
    Message,
    Progress,
    RabbitmqParameters,
    messages_of,
    read_position,
)
from exchange.connect.rabbitmq.wiring import parameters_of
from exchange.connect.sink import SinkPosition, check_position

PREFETCH = 5_000
SILENCE_S = 20.0  # a stream that has more sends it sooner


class Found(NamedTuple):
    """A message of the stream. ``sequence``: -1 when it has none."""

    sequence: int
    routing_key: str
    text: bytes


def check(world: CheckedWorld) -> CheckResult:
    """Compare. Raises SinkAway, SinkRefused."""
    return asyncio.run(_check(world, parameters_of(world.settings.rabbitmq, world.data_directory)))


async def _check(world: CheckedWorld, parameters: RabbitmqParameters) -> CheckResult:
    connection = await connect(parameters.broker)
    try:
        with errors_of(parameters.broker):
            position = await _position(connection, parameters)
            if position is None:
                return CheckResult(0, [], ["nothing has been written yet"])
            check_position(
                TITLE,
                SinkPosition(position.next_event, position.identity),
                world.archive,
                world.end,
            )
            notes = [
                f"the position is event {position.next_event:,}, the archive's end {world.end:,}",
            ]
            if not parameters.stream:
                notes.append("a topic exchange keeps nothing to compare; [rabbitmq] stream does")
                return CheckResult(0, [], notes)
            expected = _expected(world, position.next_event)
            found = _stream(connection, parameters.stream)
            records, differences, begin = await compare_stream(parameters.stream, found, expected)
            if begin is not None:
                notes.append(f"the stream begins with event {begin:,}: older trades have left it")
            return CheckResult(records, differences, notes)
    finally:
        await close_connection(connection)


async def _position(
    connection: aiormq.Connection, parameters: RabbitmqParameters
) -> Progress | None:
    """The position; None when there is none. It stays where it is."""
    channel = await connection.channel(timeout=CONNECT_S)
    try:
        return await read_position(channel, PROGRESS_QUEUE.format(parameters.exchange))
    except amqp.ChannelNotFoundEntity:
        return None


def _expected(world: CheckedWorld, end: int) -> Iterator[Message]:
    """The messages of all trades below ``end``."""
    for events in world.batches(end):
        yield from messages_of(events, world.directory, trades=True, reports=False)


async def _stream(connection: aiormq.Connection, name: str) -> AsyncIterator[Found]:
    """The messages of the stream from its beginning on; ends when nothing comes any more."""
    channel = await connection.channel(timeout=CONNECT_S)
    queue: asyncio.Queue[DeliveredMessage] = asyncio.Queue()
    await channel.basic_qos(prefetch_count=PREFETCH, timeout=CONNECT_S)
    await channel.basic_consume(
        name,
        queue.put,
        arguments={"x-stream-offset": "first"},
        timeout=CONNECT_S,
    )
    taken = 0
    while True:
        try:
            message = await asyncio.wait_for(queue.get(), SILENCE_S)
        except TimeoutError:
            return
        taken += 1
        if taken % (PREFETCH // 2) == 0:
            await channel.basic_ack(message.delivery_tag or 0, multiple=True)
        text = str(message.header.properties.message_id or "")
        sequence = int(text) if text.isdecimal() else -1
        yield Found(sequence, str(message.routing_key), bytes(message.body))


async def compare_stream(
    name: str, found: AsyncIterator[Found], expected: Iterator[Message]
) -> tuple[int, list[str], int | None]:
    """What the stream ``name`` has against what it should have.

    Returns (records compared, differences, the first event of the stream if older ones have left).
    """
    wanted: Message | None = next(expected, None)
    records, differences, begin = 0, list[str](), None
    last = -1
    while wanted is not None and len(differences) < LIMIT:
        message = await anext(found, None)
        if message is None:
            differences.append(f"{name}: trade {wanted.sequence} and all after it are missing")
            break
        if 0 <= message.sequence <= last:
            continue  # written again
        begins, last = last < 0, max(last, message.sequence)
        while wanted is not None and wanted.sequence < message.sequence:
            if begins:
                begin = message.sequence
            else:
                differences.append(f"{name}: trade {wanted.sequence} is missing")
            wanted = next(expected, None)
        if wanted is None:
            break
        if message.sequence != wanted.sequence:
            text = message.text.decode(errors="replace")
            differences.append(f"{name}: not a trade of this exchange: {text}")
            continue
        if (message.routing_key, message.text) != (wanted.routing_key, wanted.text):
            text = message.text.decode(errors="replace")
            differences.append(
                f"{name}: trade {wanted.sequence} is {message.routing_key} {text} there, and "
                f"{wanted.routing_key} {wanted.text.decode()} in the archive"
            )
        records += 1
        wanted = next(expected, None)
    return records, differences[:LIMIT], begin
