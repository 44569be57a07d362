"""Which connectors the configuration asks for, and what they need to be installed.

Who uses it: daemon, stages and ``check-config``. It imports no connector: the daemon decides with
it which processes to start.

Decision CON-1.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from exchange.core.stage_names import CONNECTORS, StageName
from exchange.settings.sections import ConnectorSection, Settings


class Needed(NamedTuple):
    """The optional packages of a connector. ``extra``: their name for pip; ``modules``: theirs."""

    extra: str
    modules: tuple[str, ...]


NEEDED: Mapping[StageName, Needed] = {
    StageName.CONNECT_KAFKA: Needed("kafka", ("confluent_kafka",)),
    StageName.CONNECT_RABBITMQ: Needed("rabbitmq", ("aio_pika",)),
    StageName.CONNECT_REDIS: Needed("redis", ("redis", "hiredis")),
    StageName.CONNECT_GRPC: Needed("grpc", ("grpc", "grpc_reflection", "grpc_health")),
    StageName.CONNECT_CALLBACK: Needed("grpc", ("grpc",)),
}


def section_name(stage: StageName) -> str:
    """The section of exchange.toml of a connector: "kafka"."""
    return stage.removeprefix("connect_")


def connectors_of(settings: Settings) -> dict[StageName, ConnectorSection]:
    """The connectors that are enabled, with their sections."""
    sections = {stage: getattr(settings, section_name(stage)) for stage in CONNECTORS}
    return {stage: section for stage, section in sections.items() if section.enabled}


def lacking(settings: Settings) -> Iterator[tuple[str, str]]:
    """(section, what is wrong) of each enabled connector whose packages are not installed."""
    for stage in connectors_of(settings):
        needed = NEEDED[stage]
        missing = [name for name in needed.modules if importlib.util.find_spec(name) is None]
        if missing:
            yield (
                section_name(stage),
                f"{', '.join(missing)} cannot be imported: install what it needs with "
                f"`pip install open-exchange-core[{needed.extra}]` (from a checkout: "
                f"`scripts/up --with {needed.extra}`)",
            )
