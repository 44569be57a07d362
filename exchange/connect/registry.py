"""Which code belongs to which connector; imports only the one that is asked for.

Who uses it: the stage of a connector, and ``exchange connect``. A package of this folder for each
system has a sink and a check.

Decision CON-1.
"""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from exchange.core.stage_names import StageName

if TYPE_CHECKING:
    from exchange.connect.checking import CheckedWorld, CheckResult
    from exchange.connect.directory import Directory
    from exchange.connect.sink import Sink
    from exchange.runtime.service import ServiceStage

# those that hold what the archive says, so that it can be compared
CHECKED = (StageName.CONNECT_KAFKA, StageName.CONNECT_RABBITMQ, StageName.CONNECT_REDIS)


def make_sink(stage: ServiceStage, directory: Directory) -> Sink:
    """The sink of the stage's connector."""
    if stage.role == StageName.CONNECT_RABBITMQ:
        from exchange.connect.rabbitmq.wiring import make_sink as make_rabbitmq_sink

        return make_rabbitmq_sink(stage, directory)
    if stage.role == StageName.CONNECT_REDIS:
        from exchange.connect.redis.sink import RedisSink

        return RedisSink(stage)
    if stage.role == StageName.CONNECT_KAFKA:
        from exchange.connect.kafka.sink import KafkaSink

        return KafkaSink(stage.settings.kafka, directory, stage.archive(), stage.released)
    if stage.role == StageName.CONNECT_CALLBACK:
        from exchange.connect.callback.sink import CallbackSink

        return CallbackSink(stage.settings.callback, directory, stage.archive())
    raise AssertionError(f"{stage.role} has no sink")


def make_intake(stage: ServiceStage) -> AbstractContextManager[object]:
    """What brings orders in from the other system, beside the sink, while the block lasts."""
    if stage.role == StageName.CONNECT_RABBITMQ:
        from exchange.connect.rabbitmq.wiring import make_intake as make_rabbitmq_intake

        return make_rabbitmq_intake(stage)
    return contextlib.nullcontext()


def check(stage: StageName, world: CheckedWorld) -> CheckResult:
    """Compare what the other system holds with the archive."""
    if stage == StageName.CONNECT_RABBITMQ:
        from exchange.connect.rabbitmq.check import check as check_rabbitmq

        return check_rabbitmq(world)
    if stage == StageName.CONNECT_REDIS:
        from exchange.connect.redis.check import check as check_redis

        return check_redis(world)
    if stage == StageName.CONNECT_KAFKA:
        from exchange.connect.kafka.checking import check_topics

        return check_topics(world)
    raise AssertionError(f"{stage} cannot be checked")
