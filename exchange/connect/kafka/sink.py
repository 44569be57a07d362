"""The sink of Kafka: each batch is one transaction, with the position in it.

Who uses it: the stage connect_kafka, by ``exchange/connect/registry.py``. What always holds: what a
reader of committed records sees ends exactly where the position says, in every topic at once. After
any error the producer is given up, and a new one begins: with its first call the broker ends the
transaction of the one before, so the position that is read then is final.

The transactional id belongs to the topic of trades. So of two instances only the one that began
last can write; it says so in a record of the position's topic, and the other one, which Kafka has
fenced off, finds that record and stays away until it is started again.

Decisions CON-10, CON-11 and CON-12.
"""

from __future__ import annotations

import socket
import uuid
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from confluent_kafka import Consumer, KafkaError, KafkaException, Message, Producer

from exchange.connect.directory import Directory
from exchange.connect.kafka.client import (
    FENCED,
    ClientLog,
    client_settings,
    error_of,
    meaning,
    reader_settings,
)
from exchange.connect.kafka.position import (
    EXCHANGE_HEADER,
    POSITION_KEY,
    SEQUENCE_HEADER,
    Position,
    position_topic,
    read_position,
)
from exchange.connect.kafka.streams import TopicRecords, streams_of
from exchange.connect.kafka.topics import names_of, partitions_of
from exchange.connect.sink import (
    Batch,
    SinkAway,
    SinkPosition,
    SinkRefused,
    check_position,
    exchange_identity,
)
from exchange.core.event_archive import EventArchive
from exchange.settings.sections import KafkaSection

FULL_WAIT_S = 0.05
QUEUE_MESSAGES = 1_000_000
QUEUE_KIB = 1 << 20
Headers = list[tuple[str, str | bytes | None]]


class KafkaSink:
    """See the module; ``exchange.connect.sink.Sink``.

    ``archive``, ``released``: the exchange's own events, which what is in Kafka is compared with
    before anything is written.
    """

    title = "Kafka"
    begins_with_state = False

    def __init__(
        self,
        section: KafkaSection,
        directory: Directory,
        archive: EventArchive,
        released: Callable[[], int],
    ) -> None:
        self._section = section
        self._directory = directory
        self._archive = archive
        self._released = released
        self._timeout_s = section.request_timeout_ms / 1000
        self._instance = uuid.uuid4().hex
        self._host = socket.gethostname()
        self._client_log = ClientLog()
        self._failed: KafkaError | None = None  # why a record was not delivered
        self._producer: Producer | None = None
        self._identity = ""
        self._fenced = False
        self._next: dict[str, int] = {}  # by topic, also those that are switched off now
        self._begins: dict[str, int] = {}  # as _next was when encoding began
        self._streams = streams_of(section, directory)

    # --- the writer's thread --------------------------------------------------------------------

    def open(self) -> SinkPosition | None:
        """See ``Sink``."""
        self._client_log.latest = None
        try:
            return self._open()
        except KafkaException as exception:
            raise self._explained(exception) from None

    def _open(self) -> SinkPosition | None:
        section = self._section
        topics = partitions_of(section, self._client_log, self._timeout_s)
        consumer = Consumer(reader_settings(section, self._client_log))
        try:
            # before anybody is fenced off: an exchange that has no business here must not do that
            self._check(read_position(consumer, section.trades_topic, topics, self._timeout_s))
            self._producer = Producer(self._producer_settings())
            self._producer.init_transactions(self._timeout_s)
            found = read_position(consumer, section.trades_topic, topics, self._timeout_s)
            self._check(found)
        finally:
            consumer.close()
        self._fenced = False
        self._identity = exchange_identity(self._archive) or found.exchange
        self._next = dict(found.next_event)
        # whoever was fenced off finds here who has done it
        self._write([], self._next)
        wanted = names_of(section)
        if not any(topic in self._next for topic in wanted):
            return None
        oldest = self._archive.oldest()
        at = min(self._next.get(topic, oldest) for topic in wanted)
        return SinkPosition(at, found.exchange)

    def _producer_settings(self) -> dict[str, Any]:
        section = self._section
        return client_settings(section, self._client_log) | {
            "transactional.id": f"exchange-{section.trades_topic}",
            "transaction.timeout.ms": max(60_000, 2 * section.request_timeout_ms),
            "message.timeout.ms": section.request_timeout_ms,
            "compression.type": section.compression,
            "partitioner": "murmur2_random",  # that of the Java clients
            "linger.ms": 1,
            "queue.buffering.max.messages": QUEUE_MESSAGES,
            "queue.buffering.max.kbytes": QUEUE_KIB,
            "delivery.report.only.error": True,
            "on_delivery": self._on_delivery,
        }

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failed is None:
            self._failed = error

    def _check(self, position: Position) -> None:
        """Whether what is there is ours to go on with. Raises SinkRefused."""
        if self._fenced and position.instance != self._instance:
            raise SinkRefused(
                f"another instance has taken over the topic {self._section.trades_topic} (host "
                f"{position.host}): end it, then start this exchange again"
            )
        for next_event in position.next_event.values():
            check_position(
                self.title,
                SinkPosition(next_event, position.exchange),
                self._archive,
                self._released(),
            )

    def write(self, batch: Batch) -> None:
        """See ``Sink``: one transaction."""
        content: list[TopicRecords] = batch.content
        moved = {topic: max(batch.end, self._next.get(topic, 0)) for topic in self._begins}
        next_event = self._next | moved
        self._client_log.latest = None
        try:
            self._write(content, next_event)
        except KafkaException as exception:
            raise self._explained(exception) from None
        self._next = next_event

    def _write(self, content: list[TopicRecords], next_event: dict[str, int]) -> None:
        producer = self._producer
        assert producer is not None, "the sink is open"
        self._failed = None
        producer.begin_transaction()
        for topic, records in content:
            self._produce(producer, topic, records)
        position = Position(self._identity, self._instance, self._host, next_event)
        producer.produce(
            position_topic(self._section.trades_topic),
            msgspec.json.encode(position),
            POSITION_KEY,
        )
        producer.commit_transaction(self._timeout_s)

    def _produce(self, producer: Producer, topic: str, records: list[Any]) -> None:
        produce = producer.produce
        exchange = (EXCHANGE_HEADER, self._identity)
        for sequence, symbol, text in records:
            headers: Headers = [(SEQUENCE_HEADER, str(sequence)), exchange]
            while True:
                try:
                    produce(topic, text, symbol, headers=headers)
                    break
                except BufferError:
                    # also serves what has failed, so it does not wait for ever
                    producer.poll(FULL_WAIT_S)
                    if self._failed is not None:
                        raise KafkaException(self._failed) from None

    def _explained(self, exception: KafkaException) -> Exception:
        """What the error is for the connector."""
        error = self._failed or error_of(exception)
        if self._producer is not None:
            self._producer.poll(0)  # its errors say why it has timed out
        if error_of(exception).code() in FENCED or error.code() in FENCED:
            # by another instance, or by the broker when a transaction took too long: the next look
            # at the position tells
            self._fenced = True
            return SinkAway(f"the broker takes nothing more from this producer: {error.str()}")
        return meaning(error, self._client_log)

    def close(self) -> None:
        """See ``Sink``. What waits is thrown away: it is not committed."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.purge()
            producer.poll(0)

    # --- the main thread ------------------------------------------------------------------------

    def begin(self, next_event: int) -> None:
        """See ``Sink``."""
        self._begins = {stream.topic: self._next.get(stream.topic, 0) for stream in self._streams}
        self._directory.follow(self._archive, next_event)
        for stream in self._streams:
            stream.begin(self._archive, next_event)

    def encode(self, events: np.ndarray) -> tuple[list[TopicRecords], int]:
        """See ``Sink``."""
        self._directory.learn(events)
        content = [
            TopicRecords(stream.topic, stream.records(events, self._begins[stream.topic]))
            for stream in self._streams
        ]
        return content, sum(len(each.records) for each in content)
