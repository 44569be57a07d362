"""The settings of [rabbitmq] as parameters, and the sink of the stage connect_rabbitmq.

Who uses it: the registry of connectors, the check.

Decision CON-20.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from exchange.connect.rabbitmq.broker import BrokerParameters
from exchange.connect.rabbitmq.sink import RabbitmqParameters, RabbitmqSink
from exchange.settings.sections import RabbitmqSection

if TYPE_CHECKING:
    from exchange.connect.directory import Directory
    from exchange.runtime.service import ServiceStage


def broker_of(section: RabbitmqSection, data_directory: Path) -> BrokerParameters:
    """The parameters in the settings; files are relative to the data directory."""

    def path(text: str) -> Path | None:
        return data_directory / text if text else None

    return BrokerParameters(
        section.url,
        path(section.password_file),
        path(section.ca_file),
        path(section.certificate_file),
        path(section.key_file),
    )


def parameters_of(section: RabbitmqSection, data_directory: Path) -> RabbitmqParameters:
    """The parameters in the settings; files are relative to the data directory."""
    return RabbitmqParameters(
        broker=broker_of(section, data_directory),
        exchange=section.exchange,
        trades=section.trades,
        reports=section.reports,
        stream=section.stream,
        stream_bytes=section.stream_bytes,
        window=section.window,
        confirm_timeout_s=section.confirm_timeout_ms / 1000,
    )


def make_sink(stage: ServiceStage, directory: Directory) -> RabbitmqSink:
    """The sink of the stage connect_rabbitmq."""
    parameters = parameters_of(stage.settings.rabbitmq, stage.data_directory)
    return RabbitmqSink(parameters, directory, stage.archive())
