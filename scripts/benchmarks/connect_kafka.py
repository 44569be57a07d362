"""Kafka for ``scripts/bench connect``: a broker from Maven, and the bare producer.

The limit: an idempotent producer (``acks=all``) with the connector's compression writes the same
keys, values and headers into a topic of its own with as many partitions, and waits for all of
them. It needs Java and Maven, like the tests.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange.connect.trades import TradeRecord
from exchange.settings import load_settings
from scripts.benchmarks.result import BenchmarkFailed, check
from tests.harness.kafka_server import KafkaMissing, KafkaServer

TOPIC = "limit"
WAIT_S = 120.0
EXCHANGE = "0123456789abcdef0123456789abcdef"  # as long as the real one


@contextlib.contextmanager
def server(folder: Path) -> Iterator[dict[str, Any]]:
    """A broker; see ``connect.py``."""
    try:
        broker = KafkaServer(folder / "kafka")
    except KafkaMissing as error:
        raise BenchmarkFailed(f"there is no Kafka here: {error}") from None
    with broker:
        yield {"servers": [broker.address]}


def limit(section: dict[str, Any], trades: list[TradeRecord]) -> float:
    """Records a second; see ``connect.py``."""
    from confluent_kafka import Producer
    from confluent_kafka.admin import AdminClient
    from confluent_kafka.cimpl import NewTopic

    defaults = load_settings(None).kafka
    servers = ",".join(section["servers"])
    admin = AdminClient({"bootstrap.servers": servers})
    admin.create_topics([NewTopic(TOPIC, defaults.partitions, 1)])[TOPIC].result()
    failed: list[Any] = []
    producer = Producer(
        {
            "bootstrap.servers": servers,
            "enable.idempotence": True,
            "compression.type": defaults.compression,
            "partitioner": "murmur2_random",
            "queue.buffering.max.messages": 1_000_000,
            "delivery.report.only.error": True,
            "on_delivery": lambda error, message: failed.append(error),
        }
    )
    started = time.perf_counter()
    for sequence, symbol, text in trades:
        headers: Any = {"sequence": str(sequence), "exchange": EXCHANGE}
        while True:
            try:
                producer.produce(TOPIC, text, symbol, headers=headers)
                break
            except BufferError:
                producer.poll(0.05)
    left = producer.flush(WAIT_S)
    seconds = time.perf_counter() - started
    check(left == 0 and not failed, f"{left} records left, {failed[:1]}")
    return len(trades) / seconds
