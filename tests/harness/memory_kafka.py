"""A broker of Kafka in memory, for tests of the connector: topics, transactions, fences.

    kafka = MemoryKafka()
    kafka.replace(monkeypatch)         # Producer, Consumer and AdminClient of the product
    kafka.fail_with(KafkaError.X)      # the next commit fails

Offsets of a partition count what is committed, and one more for each transaction, as in Kafka.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
from confluent_kafka import KafkaError, KafkaException
from market_events import MarketEvents

from exchange.codes import EventKind, Side


class EndOfPartition(NamedTuple):
    """An error of a message: the end of a partition."""

    number: int

    def code(self) -> int:
        return self.number


class MemoryMessage(NamedTuple):
    """A record, or the end of a partition."""

    name: str
    where: int
    at: int
    key_bytes: bytes
    value_bytes: bytes
    header_list: list[tuple[str, bytes]]
    wrong: EndOfPartition | None = None

    def error(self) -> EndOfPartition | None:
        return self.wrong

    def key(self) -> bytes:
        return self.key_bytes

    def value(self) -> bytes:
        return self.value_bytes

    def headers(self) -> list[tuple[str, bytes]]:
        return self.header_list

    def topic(self) -> str:
        return self.name

    def partition(self) -> int:
        return self.where


def to_bytes(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


class MemoryKafka:
    """``topics``: records by partition by name; None stands for a marker of a transaction."""

    def __init__(self, **topics: int) -> None:
        self.topics: dict[str, list[list[MemoryMessage | None]]] = {}
        for name, partitions in topics.items():
            self.make(name, partitions)
        self.first_kept: dict[tuple[str, int], int] = {}
        self.epoch = 0
        self.failure: KafkaError | None = None
        self.away = False

    def make(self, name: str, partitions: int) -> None:
        self.topics[name] = [[] for _ in range(partitions)]

    def put(self, topic: str, key: str | bytes, value: str | bytes, headers: Any = None) -> None:
        """Append a committed record; its partition follows from its key's length."""
        partitions = self.topics[topic]
        number = len(key) % len(partitions)
        partition = partitions[number]
        said = [(name, to_bytes(text)) for name, text in dict(headers or {}).items()]
        partition.append(
            MemoryMessage(topic, number, len(partition), to_bytes(key), to_bytes(value), said)
        )

    def records(self, topic: str) -> list[MemoryMessage]:
        """Every record of a topic, partition by partition."""
        return [each for part in self.topics[topic] for each in part if each is not None]

    def fail_with(self, code: int) -> None:
        """The next commit fails with this error."""
        self.failure = KafkaError(code)

    def look(self) -> None:
        """Raises while the broker is away."""
        if self.away:
            raise KafkaException(KafkaError(KafkaError._TRANSPORT, "nobody answers"))

    def replace(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put this broker in the place of the real clients."""
        from exchange.connect.kafka import checking, sink, topics

        monkeypatch.setattr(topics, "AdminClient", lambda _: MemoryClient(self))
        monkeypatch.setattr(checking, "Consumer", lambda _: MemoryConsumer(self))
        monkeypatch.setattr(sink, "Consumer", lambda _: MemoryConsumer(self))
        monkeypatch.setattr(sink, "Producer", lambda _: MemoryProducer(self))


class _Topic(NamedTuple):
    partitions: list[int]
    error: None = None


class _Topics(NamedTuple):
    topics: dict[str, _Topic]


class _Made:
    def result(self) -> None:
        """It is made."""


class MemoryClient:
    """What all clients can do, and the AdminClient."""

    def __init__(self, kafka: MemoryKafka) -> None:
        self.kafka = kafka

    def poll(self, timeout_s: float) -> int:
        return 0

    def list_topics(self, timeout: float) -> _Topics:
        self.kafka.look()
        found = {name: _Topic(list(range(len(p)))) for name, p in self.kafka.topics.items()}
        return _Topics(found)

    def create_topics(self, wanted: list[Any], request_timeout: float) -> dict[str, _Made]:
        for each in wanted:
            self.kafka.make(each.topic, each.num_partitions)
        return {each.topic: _Made() for each in wanted}


class MemoryConsumer(MemoryClient):
    """Reads what is assigned to it."""

    def __init__(self, kafka: MemoryKafka) -> None:
        super().__init__(kafka)
        self._waiting: list[MemoryMessage] = []

    def get_watermark_offsets(self, place: Any, timeout: float) -> tuple[int, int]:
        self.kafka.look()
        low = self.kafka.first_kept.get((place.topic, place.partition), 0)
        return low, len(self.kafka.topics[place.topic][place.partition])

    def assign(self, places: list[Any]) -> None:
        self._waiting = []
        for place in places:
            partition = self.kafka.topics[place.topic][place.partition]
            self._waiting += [each for each in partition[place.offset :] if each is not None]
            end = EndOfPartition(KafkaError._PARTITION_EOF)
            self._waiting.append(MemoryMessage(place.topic, place.partition, -1, b"", b"", [], end))

    def consume(self, count: int, timeout_s: float) -> list[MemoryMessage]:
        found, self._waiting = self._waiting[:count], self._waiting[count:]
        return found

    def close(self) -> None:
        """Nothing is held."""


class MemoryProducer(MemoryClient):
    """A transactional producer; the one made last fences off the others."""

    def __init__(self, kafka: MemoryKafka) -> None:
        super().__init__(kafka)
        self._epoch = 0
        self._open: list[tuple[str, str | bytes, str | bytes, Any]] = []

    def init_transactions(self, timeout_s: float) -> None:
        self.kafka.epoch += 1
        self._epoch = self.kafka.epoch

    def begin_transaction(self) -> None:
        self._open = []

    def produce(
        self, topic: str, value: str | bytes, key: str | bytes, headers: Any = None
    ) -> None:
        self._open.append((topic, key, value, headers))

    def commit_transaction(self, timeout_s: float) -> None:
        self.kafka.look()
        failure, self.kafka.failure = self.kafka.failure, None
        if self._epoch != self.kafka.epoch:
            failure = KafkaError(KafkaError._FENCED)
        if failure is not None:
            raise KafkaException(failure)
        for topic, key, value, headers in self._open:
            self.kafka.put(topic, key, value, headers)
        for topic in {topic for topic, *_ in self._open}:
            for partition in self.kafka.topics[topic]:
                partition.append(None)

    def purge(self) -> None:
        self._open = []


def trading_events(trades: int = 20) -> np.ndarray:
    """A market of two instruments, and as many trades, alternating."""
    world = MarketEvents()
    world.open_market()
    for i in range(trades):
        world.add(
            EventKind.TRADE,
            instrument=1 + i % 2,
            side=int(Side.BUY),
            order_id=1 + i,
            contra_order_id=100 + i,
            price=500,
            quantity=10 + i,
        )
    return world.take()
