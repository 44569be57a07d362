"""The topics: whether they are there, and made where the settings allow it.

Who uses it: the sink, when it opens.
"""

from __future__ import annotations

import logging
import time

from confluent_kafka import Consumer, KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from exchange.connect.kafka.client import ClientLog, client_settings, error_of
from exchange.connect.kafka.position import SOON_S, position_topic
from exchange.connect.sink import SinkRefused
from exchange.settings.sections import KafkaSection

log = logging.getLogger(__name__)

# the position is written with each batch: keep few of them
POSITION_SETTINGS = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 << 20),
    "min.cleanable.dirty.ratio": "0.1",
}


def names_of(section: KafkaSection) -> list[str]:
    """The topics that are asked for, that of trades first."""
    return [
        topic
        for topic in (section.trades_topic, section.order_events_topic, section.klines_topic)
        if topic
    ]


def partitions_of(section: KafkaSection, client_log: ClientLog, timeout_s: float) -> dict[str, int]:
    """Number of partitions by topic; missing topics are made, or SinkRefused says what to do.

    Raises KafkaException.
    """
    admin = AdminClient(client_settings(section, client_log))
    names = [*names_of(section), position_topic(section.trades_topic)]
    try:
        found = _look(admin, timeout_s)
        missing = [name for name in names if name not in found]
        if missing and not section.create_topics:
            raise SinkRefused(
                f"there is no topic {', '.join(missing)}: make it (kafka-topics.sh --create "
                f"--topic {missing[0]} --partitions {_partitions(section, missing[0])} ...; the "
                "topic of the position has one partition and cleanup.policy=compact), or set "
                "create_topics = true"
            )
        if missing:
            _create(admin, section, missing, timeout_s)
            deadline_s = time.monotonic() + timeout_s
            while any(name not in found for name in names):
                # made, and not yet known to the broker that is asked
                if time.monotonic() > deadline_s:
                    raise KafkaException(KafkaError(KafkaError.LEADER_NOT_AVAILABLE))
                time.sleep(SOON_S)
                found = _look(admin, timeout_s)
    finally:
        admin.poll(0)  # its errors say why it has timed out
    return {name: found[name] for name in names_of(section)}


def existing_partitions(
    client: Consumer, section: KafkaSection, timeout_s: float
) -> dict[str, int]:
    """As ``partitions_of``; makes nothing. Raises SinkRefused when a topic is missing."""
    found = _look(client, timeout_s)
    for name in (*names_of(section), position_topic(section.trades_topic)):
        if name not in found:
            raise SinkRefused(f"there is no topic {name}: the connector has written nothing yet")
    return {name: found[name] for name in names_of(section)}


def _look(admin: AdminClient | Consumer, timeout_s: float) -> dict[str, int]:
    topics = admin.list_topics(timeout=timeout_s).topics
    return {name: len(each.partitions) for name, each in topics.items() if each.error is None}


def _partitions(section: KafkaSection, topic: str) -> int:
    return 1 if topic == position_topic(section.trades_topic) else section.partitions


def _create(
    admin: AdminClient, section: KafkaSection, missing: list[str], timeout_s: float
) -> None:
    position = position_topic(section.trades_topic)
    wanted = [
        NewTopic(
            name,
            num_partitions=_partitions(section, name),
            replication_factor=section.replication_factor,
            config=POSITION_SETTINGS if name == position else {},
        )
        for name in missing
    ]
    for name, made in admin.create_topics(wanted, request_timeout=timeout_s).items():
        try:
            made.result()
            log.info("the topic %s is made", name)
        except KafkaException as exception:
            if error_of(exception).code() != KafkaError.TOPIC_ALREADY_EXISTS:
                raise
