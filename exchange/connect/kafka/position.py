"""Where the records of each topic end: a record of its own, in the same transaction as they.

Who uses it: the sink, and the check. The topic ``<trades_topic>.position`` has one partition and is
compacted to one key. Its newest record says for each topic which event comes next, whose events
they are, and which instance has written it::

    {"exchange": "0f3a...", "instance": "6c1b...", "host": "venue-1",
     "next_event": {"trade_records": 1048576, "order_events": 4096}}

Should that record be gone, the last record of each partition says the same for the events that have
records: a transaction is there as a whole or not at all, so nothing below the newest is missing.

Decision CON-10.
"""

from __future__ import annotations

import time
from typing import Any

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

POSITION_KEY = b"position"
SEQUENCE_HEADER = "sequence"
EXCHANGE_HEADER = "exchange"
FIRST_LOOK = 16  # offsets; a transaction has one for its end marker
LOOKS_GROW = 16
TAKE = 2_000
TAKE_S = 0.02  # it is waited for, even when there is something
# what a partition says of itself until its leader is known everywhere
SOON = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_PARTITION,
        KafkaError._UNKNOWN_TOPIC,
    }
)
SOON_S = 0.05


class Position(msgspec.Struct, frozen=True):
    """See the module. ``next_event``: by topic; one that is not in it is empty."""

    exchange: str = ""
    instance: str = ""
    host: str = ""
    next_event: dict[str, int] = {}


def position_topic(trades_topic: str) -> str:
    """The name of the topic of the position."""
    return f"{trades_topic}.position"


def offsets(consumer: Consumer, topic: str, partition: int, timeout_s: float) -> tuple[int, int]:
    """(first, end) of a partition. One that was just made, or has just lost its leader, is waited
    for. Raises KafkaException."""
    deadline_s = time.monotonic() + timeout_s
    while True:
        try:
            place = TopicPartition(topic, partition)
            low, high = consumer.get_watermark_offsets(place, timeout=timeout_s)
            return low, high
        except KafkaException as exception:
            if exception.args[0].code() not in SOON or time.monotonic() > deadline_s:
                raise
            time.sleep(SOON_S)


def last_records(
    consumer: Consumer, places: list[tuple[str, int]], timeout_s: float
) -> dict[tuple[str, int], Message]:
    """The newest committed record of each of ``places`` (topic, partition) that has any.

    Raises KafkaException.
    """
    found: dict[tuple[str, int], Message] = {}
    ranges = {place: offsets(consumer, *place, timeout_s) for place in places}
    look = FIRST_LOOK
    while wanted := {
        place: max(low, high - look)
        for place, (low, high) in ranges.items()
        if place not in found and high > low
    }:
        consumer.assign([TopicPartition(*place, first) for place, first in wanted.items()])
        for message in records_to_end(consumer, len(wanted), timeout_s):
            topic, partition = message.topic(), message.partition()
            found[topic, partition] = message
        for place, first in wanted.items():
            if first == ranges[place][0]:
                del ranges[place]  # that was all of it
        look *= LOOKS_GROW
    return found


def records_to_end(consumer: Consumer, partitions: int, timeout_s: float) -> Any:
    """Yields what is in the ``partitions`` that are assigned, until the end of each of them."""
    ended = 0
    deadline_s = time.monotonic() + timeout_s
    while ended < partitions:
        messages = consumer.consume(TAKE, TAKE_S)
        for message in messages:
            error = message.error()
            if error is None:
                yield message
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
            elif not error.retriable():
                raise KafkaException(error)
        if messages:
            deadline_s = time.monotonic() + timeout_s
        elif time.monotonic() > deadline_s:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "reading takes too long"))


def header(message: Message, name: str) -> str:
    """A header of a record as text; "" when it is not there."""
    for key, value in dict(message.headers() or ()).items():
        if key == name and isinstance(value, bytes):
            return value.decode("ascii", "replace")
    return ""


def read_position(
    consumer: Consumer, trades_topic: str, topics: dict[str, int], timeout_s: float
) -> Position:
    """The position of ``topics`` (number of partitions by name). Raises KafkaException."""
    of_position = (position_topic(trades_topic), 0)
    places = [(topic, number) for topic, count in topics.items() for number in range(count)]
    newest = last_records(consumer, [of_position, *places], timeout_s)
    found = Position()
    if of_position in newest:
        found = msgspec.json.decode(newest.pop(of_position).value() or b"{}", type=Position)
    next_event, exchange = dict(found.next_event), found.exchange
    for (topic, _), message in newest.items():
        sequence = header(message, SEQUENCE_HEADER)
        if sequence.isdigit():
            next_event[topic] = max(next_event.get(topic, 0), int(sequence) + 1)
            exchange = exchange or header(message, EXCHANGE_HEADER)
    return Position(exchange, found.instance, found.host, next_event)
