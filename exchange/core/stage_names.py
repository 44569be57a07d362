"""The names of the stages: one spelling for run.json, logs, metrics, status, settings and code.

Who uses it: everything that starts, places, wakes, watches or shows a stage. It imports nothing of
the exchange, so that the daemon has the names before it has the compiler's packages.

Decision ARC-9.
"""

from __future__ import annotations

from enum import StrEnum


class StageName(StrEnum):
    """A process of the exchange. The values are seen by operators: they never change."""

    DAEMON = "daemon"
    MATCHER = "matcher"
    JOURNALER = "journaler"
    ORDER_ENTRY = "order_entry"
    API = "api"
    FEED_1 = "feed_1"
    FEED_2 = "feed_2"
    FEED_3 = "feed_3"
    FEED_4 = "feed_4"
    STORE = "store"
    SNAPSHOTTER = "snapshotter"
    CONNECT_KAFKA = "connect_kafka"
    CONNECT_RABBITMQ = "connect_rabbitmq"
    CONNECT_REDIS = "connect_redis"
    CONNECT_GRPC = "connect_grpc"
    CONNECT_CALLBACK = "connect_callback"


# one restarts with the other: what both have in memory fits together only as a whole
CORE_STAGES = (StageName.MATCHER, StageName.JOURNALER)
# the feed workers, in the order of their numbers: the first n of them run
FEED_STAGES = (StageName.FEED_1, StageName.FEED_2, StageName.FEED_3, StageName.FEED_4)
# what ties other systems to the exchange (exchange/connect/)
CONNECTORS = (
    StageName.CONNECT_KAFKA,
    StageName.CONNECT_RABBITMQ,
    StageName.CONNECT_REDIS,
    StageName.CONNECT_GRPC,
    StageName.CONNECT_CALLBACK,
)
# every stage that follows released events; the others write them or only start the others
EVENT_CONSUMERS = (
    StageName.ORDER_ENTRY,
    StageName.API,
    *FEED_STAGES,
    StageName.STORE,
    *CONNECTORS,
)
