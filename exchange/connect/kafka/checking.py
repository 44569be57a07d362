"""What the topics hold, compared with the archive: every record, its order and its key.

Who uses it: ``exchange connect check kafka``. The topic is read once and leaves 16 bytes a record
(its sequence, and a hash of key and value); then the archive is read, and says what there should
be. What is beyond the position has not been written yet and is not compared.

Decision CON-13.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import numpy as np
from confluent_kafka import Consumer, KafkaException, TopicPartition

from exchange.connect.checking import LIMIT, CheckedWorld, CheckResult
from exchange.connect.kafka.client import ClientLog, error_of, meaning, reader_settings
from exchange.connect.kafka.position import (
    SEQUENCE_HEADER,
    header,
    offsets,
    read_position,
    records_to_end,
)
from exchange.connect.kafka.streams import Stream, streams_of
from exchange.connect.kafka.topics import existing_partitions
from exchange.connect.sink import SinkPosition, check_position
from exchange.connect.trades import TradeRecord

GROW = 65_536


class Topic:
    """The records of one topic, read to its end as it was at the beginning.

    ``sequences``: int64[n], ascending; ``hashes``: int64[n], of key and value. ``first_kept``: by
    key, the first sequence that is there, where older records have left the topic.
    """

    def __init__(self, stream: Stream, partitions: int) -> None:
        self.name = stream.topic
        self.stream = stream
        self.records = 0
        self.first_kept: dict[str, int] = {}
        self.has_left = False
        self.differences: list[str] = []
        self._partitions = partitions
        self._newest: dict[str, tuple[int, int]] = {}  # by key: sequence, partition
        self._sequences = np.zeros(GROW, np.int64)
        self._hashes = np.zeros(GROW, np.int64)

    def read(self, consumer: Consumer, timeout_s: float) -> None:
        """Read all of it. Raises KafkaException."""
        places = []
        for partition in range(self._partitions):
            low, high = offsets(consumer, self.name, partition, timeout_s)
            self.has_left = self.has_left or low > 0
            if high > low:
                places.append(TopicPartition(self.name, partition, low))
        consumer.assign(places)
        for message in records_to_end(consumer, len(places), timeout_s):
            key, value = message.key() or b"", message.value() or b""
            self._add(
                header(message, SEQUENCE_HEADER),
                key.decode("utf-8", "replace"),
                value,
                message.partition(),
            )
        order = np.argsort(self._sequences[: self.records], kind="stable")
        self.sequences = self._sequences[: self.records][order]
        self.hashes = self._hashes[: self.records][order]

    def _add(self, sequence_text: str, key: str, value: bytes, partition: int) -> None:
        if not sequence_text.isdigit():
            self.differ(f"a record with key {key!r} and without a sequence: {value[:80]!r}")
            return
        sequence = int(sequence_text)
        newest, where = self._newest.get(key, (-1, partition))
        if sequence < newest:
            self.differ(
                f"{key}: event {sequence:,} (partition {partition}) follows event {newest:,} "
                f"(partition {where})"
            )
        if key not in self._newest:
            self.first_kept[key] = sequence
        self._newest[key] = (max(sequence, newest), partition)
        if not self.stream.is_final(value):
            return
        if self.records == len(self._sequences):
            self._sequences = np.concatenate([self._sequences, np.zeros_like(self._sequences)])
            self._hashes = np.concatenate([self._hashes, np.zeros_like(self._hashes)])
        self._sequences[self.records] = sequence
        self._hashes[self.records] = hash((key, value))
        self.records += 1

    def differ(self, what: str) -> None:
        """Note a difference; LIMIT at most."""
        if len(self.differences) < LIMIT:
            self.differences.append(f"{self.name}: {what}")


class _Comparison:
    """A topic beside the archive; ``end``: the first event that is not compared."""

    def __init__(self, topic: Topic, end: int) -> None:
        self.topic = topic
        self.compared = 0
        self._end = end
        self._at = 0  # of the topic's records

    def take(self, events: np.ndarray) -> None:
        """Compare the records of ``events``."""
        topic = self.topic
        before_end = events[: max(0, self._end - int(events["sequence"][0]))]
        for record in topic.stream.records(before_end, 0):
            if not topic.stream.is_final(record.text):
                continue
            if topic.has_left and record.sequence < topic.first_kept.get(record.symbol, self._end):
                continue
            self._skip_to(record.sequence)
            if self._at >= topic.records or topic.sequences[self._at] != record.sequence:
                topic.differ(f"event {record.sequence:,} ({record.symbol}) is missing")
                continue
            self._same(record)
            self._at += 1
            self.compared += 1

    def _same(self, record: TradeRecord) -> None:
        if self.topic.hashes[self._at] != hash((record.symbol, record.text)):
            self.topic.differ(
                f"event {record.sequence:,}: the record there is not {record.text.decode()}"
            )

    def _skip_to(self, sequence: int) -> None:
        topic = self.topic
        while self._at < topic.records and topic.sequences[self._at] < sequence:
            self._surplus(int(topic.sequences[self._at]))
            self._at += 1

    def _surplus(self, sequence: int) -> None:
        before = self._at > 0 and self.topic.sequences[self._at - 1] == sequence
        what = "is there more than once" if before else "has no record in the archive"
        self.topic.differ(f"event {sequence:,} {what}")

    def finish(self) -> None:
        """The archive has ended."""
        self._skip_to(self._end)


@contextlib.contextmanager
def _reader(world: CheckedWorld, client_log: ClientLog) -> Iterator[Consumer]:
    consumer = Consumer(reader_settings(world.settings.kafka, client_log))
    try:
        yield consumer
    except KafkaException as exception:
        consumer.poll(0)  # its errors say why it has timed out
        raise meaning(error_of(exception), client_log) from None
    finally:
        consumer.close()


def check_topics(world: CheckedWorld) -> CheckResult:
    """Compare all topics. Raises SinkAway, SinkRefused."""
    section, client_log = world.settings.kafka, ClientLog()
    timeout_s = section.request_timeout_ms / 1000
    notes = []
    with _reader(world, client_log) as consumer:
        partitions = existing_partitions(consumer, section, timeout_s)
        position = read_position(consumer, section.trades_topic, partitions, timeout_s)
        for next_event in position.next_event.values():
            at = SinkPosition(next_event, position.exchange)
            check_position("Kafka", at, world.archive, world.end)
        topics = []
        for stream in streams_of(section, world.directory):
            topics.append(Topic(stream, partitions[stream.topic]))
            topics[-1].read(consumer, timeout_s)
    comparisons = []
    for topic in topics:
        end = position.next_event.get(topic.name, 0)
        if end < world.end:
            notes.append(f"{topic.name}: {world.end - end:,} events are not written yet")
        if topic.has_left:
            notes.append(f"{topic.name}: old records have left the topic and are not compared")
        comparisons.append(_Comparison(topic, end))
    for events in world.batches(max(position.next_event.values(), default=0)):
        for each in comparisons:
            each.take(events)
    for each in comparisons:
        each.finish()
    found = [difference for topic in topics for difference in topic.differences]
    return CheckResult(sum(each.compared for each in comparisons), found[:LIMIT], notes)
