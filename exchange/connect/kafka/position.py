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


class Position(msgspec.Struct, frozen=True):
    """See the module. ``next_event``: by topic; one that is not in it is empty."""

    exchange: str = ""
    instance: str = ""
    host: str = ""
    next_event: dict[str, int] = {}


def position_topic(trades_topic: str) -> str:
    """The name of the topic of the position."""
    return f"{trades_topic}.position"


def last_record(consumer: Consumer, topic: str, partition: int, timeout_s: float) -> Message | None:
    """The newest committed record of a partition; None: it has none. Raises KafkaException."""
    place = TopicPartition(topic, partition)
    low, high = consumer.get_watermark_offsets(place, timeout=timeout_s)
    look = FIRST_LOOK
    while high > low:
        first = max(low, high - look)
        consumer.assign([TopicPartition(topic, partition, first)])
        found = None
        for message in records_to_end(consumer, 1, timeout_s):
            found = message
        if found is not None or first == low:
            return found
        look *= LOOKS_GROW
    return None


def records_to_end(consumer: Consumer, partitions: int, timeout_s: float) -> Any:
    """Yields what is in the ``partitions`` that are assigned, until the end of each of them."""
    ended = 0
    deadline_s = time.monotonic() + timeout_s
    while ended < partitions:
        messages = consumer.consume(TAKE, 0.2)
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
    found = Position()
    message = last_record(consumer, position_topic(trades_topic), 0, timeout_s)
    if message is not None:
        found = msgspec.json.decode(message.value() or b"{}", type=Position)
    next_event, exchange = dict(found.next_event), found.exchange
    for topic, partitions in topics.items():
        for partition in range(partitions):
            newest = last_record(consumer, topic, partition, timeout_s)
            sequence = "" if newest is None else header(newest, SEQUENCE_HEADER)
            if newest is not None and sequence.isdigit():
                next_event[topic] = max(next_event.get(topic, 0), int(sequence) + 1)
                exchange = exchange or header(newest, EXCHANGE_HEADER)
    return Position(exchange, found.instance, found.host, next_event)
